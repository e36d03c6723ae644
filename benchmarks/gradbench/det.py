"""det: the determinant by expansion by minors.

The recursion takes the first row that is left and, for each column that is left, the minor without the two.  An array
library cannot follow it call by call, so it is done level by level: first all minors of one entry, at the leaves of the
tree of calls, then from the minors of each level those of the level above.  It computes what the recursion computes,
e l! products in all, and shares no minor between the branches that lead to it; that would be another algorithm, of 2^l
minors.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import functools

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def determinant(entries, size):
    a = entries.reshape(size, size)
    minors = a[size - 1, columns_left(size)[-1][:, 0]]
    for row in reversed(range(size - 1)):
        columns = columns_left(size)[row]
        signs = np.where(np.arange(size - row) % 2, -1.0, 1.0)
        minors = np.sum(signs * a[row, columns] * minors.reshape(columns.shape), axis=1)
    return minors[0]


@functools.cache
def columns_left(size):
    """For each row, the columns that are left there, one line for each way to get there."""
    levels = [np.arange(size)[None, :]]
    for left in range(size, 1, -1):
        others = np.array([[j for j in range(left) if j != k] for k in range(left)])
        levels.append(levels[-1][:, others].reshape(-1, left - 1))
    return levels


def _parse(data):
    return array(data["A"]), int(data["ell"])


FUNCTIONS = {
    "primal": Function(determinant, _parse, static=(1,)),
    "gradient": Function(wg.grad(determinant), _parse, as_list, static=(1,)),
}
