"""The LU decomposition with row pivoting.

With M = L⁻¹ P dA U⁻¹, dL is L times the strict lower triangle of M and dU the upper triangle of M times U (S. F.
Walter, L. Lehmann 2010).  The pivots are constant almost everywhere.  Rectangular matrices are filled up with ones on
the diagonal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..family import zero_jvp
from ..index import gather
from .matrices import (
    batch_of,
    each,
    embedded,
    identity,
    joined,
    lower,
    matmul,
    matrix,
    part,
    turned,
    upper,
    well_conditioned,
)
from .solve import triangular_solve


def _infer(a: Aval) -> tuple[Aval, Aval, Aval]:
    *lead, m, n = matrix(a, "lu")
    k = min(m, n)
    return aval((*lead, m), np.intp), aval((*lead, m, k), a.dtype), aval((*lead, k, n), a.dtype)


def _lu(a: Any) -> Any:
    *lead, m, n = a.shape
    k = min(m, n)
    if not a.size:
        order = np.broadcast_to(np.arange(m), (*lead, m)).copy()
        lower_part = np.broadcast_to(np.eye(m, k, dtype=a.dtype), (*lead, m, k)).copy()
        return order, lower_part, np.zeros((*lead, k, n), a.dtype)
    (getrf,) = scipy.linalg.get_lapack_funcs(("getrf",), (a,))
    packed = each(lambda x: getrf(x)[0], a)
    pivots = each(lambda x: getrf(x)[1], a)
    # A wide or square matrix has a pivot for every row; the rows that a tall one has more stay where they are.
    more = np.broadcast_to(np.arange(k, m, dtype=pivots.dtype), (*lead, m - k))
    order = _order_of(np.concatenate([pivots, more], -1))
    ones = np.eye(m, k, dtype=a.dtype)
    return order, np.tril(packed[..., :, :k], -1) + ones, np.triu(packed[..., :k, :])


def permuted(a: Any, order: Any) -> Any:
    """Return the rows of matrices in another order."""
    lead = a.ndim - 2
    b = a.builder
    indices = [*(b.apply_named("iota", order, axis=axis) for axis in range(lead)), order]
    return gather(a, *indices, axes=tuple(range(lead + 1)))


def _jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (a,), (da,) = primals, tangents
    order, low, up = out
    m, n = a.shape[-2:]
    k = min(m, n)
    if m > k:
        low = joined(low, embedded(identity(low, m - k), m, m - k, k, 0), -1)
    if n > k:
        up = joined(up, embedded(identity(up, n - k), n - k, n, 0, k), -2)
    left = triangular_solve(low, permuted(da, order), lower=True, unit=True)
    inner = turned(triangular_solve(turned(up), turned(left), lower=True, unit=False))
    strict = lower(inner, -1)
    dl = matmul(low, embedded(strict, m, m) if m > n else part(strict, m, m))
    du = matmul(part(upper(inner), k, n), up)
    return None, part(dl, m, k), du


def _samples() -> list[Sample]:
    def sample(*shape: int, dtype: Any = float) -> Sample:
        # Swapped rows, so that there is something to pivot.
        return Sample((np.flip(well_conditioned(*shape, dtype=dtype), -2).copy(),))

    return [
        sample(3, 3),
        sample(4, 2),
        sample(2, 4),
        sample(2, 3, 3),
        sample(1, 1),
        sample(3, 3, dtype=np.float32),
        sample(3, 3, dtype=complex),
        Sample((np.empty((0, 0)),)),
        Sample((np.empty((0, 2, 2)),)),
    ]


lu: Primitive = primitive(
    "lu",
    "an order of the rows, and triangular factors: a[order] = l u",
    evaluate=_lu,
    infer=_infer,
    jvp=_jvp,
    transpose=NoRule("a factorisation is not linear; its pushforward is made of triangular systems"),
    batch=batch_of(lambda: lu),
    samples=_samples,
    multiple=True,
    flops=lambda a: 2 * a.size * min(a.shape[-2:]) // 3,
    label="gradient solver",
    explanation="solves triangular systems with both factors, and puts the rows back in order",
)

# -- two ways to write a permutation ----------------------------------------------------------------------------------
# LAPACK's pivots say which row each row was exchanged with in turn; an order says where each row came from.


def _order_of(pivots: Any) -> Any:
    pivots = np.asarray(pivots)
    order = np.empty(pivots.shape, np.intp)
    for index in np.ndindex(pivots.shape[:-1]):
        rows = np.arange(pivots.shape[-1])
        for i, j in enumerate(pivots[index]):
            rows[[i, j]] = rows[[j, i]]
        order[index] = rows
    return order


def _pivots_of(order: Any) -> Any:
    order = np.asarray(order)
    pivots = np.empty(order.shape, np.int32)
    for index in np.ndindex(order.shape[:-1]):
        rows = np.arange(order.shape[-1])
        for i, row in enumerate(order[index]):
            j = int(np.flatnonzero(rows == row)[0])
            pivots[index][i] = j
            rows[[i, j]] = rows[[j, i]]
    return pivots


def _permutation(name: str, doc: str, evaluate: Any, dtype: Any, example: Any) -> Any:
    record = primitive(
        name,
        doc,
        evaluate=evaluate,
        infer=lambda x: aval(x.shape, dtype),
        jvp=zero_jvp,
        transpose=NoRule("constant almost everywhere"),
        batch=batch_of(lambda: record),
        samples=lambda: [Sample((example,), smooth=False), Sample((example[0],), smooth=False)],
        label="gradient stop",
        explanation="hands the gradient to nobody: positions are constant almost everywhere",
    )
    return record


_EXAMPLE = np.array([[2, 1, 2], [0, 2, 2]], np.int32)
order_of = _permutation("order_of", "the order of rows that pivots lead to", _order_of, np.intp, _EXAMPLE)
pivots_of = _permutation(
    "pivots_of", "the pivots that lead to an order of rows", _pivots_of, np.int32, _order_of(_EXAMPLE)
)
