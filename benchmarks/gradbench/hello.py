"""hello: the square of a number and its derivative."""

# The programs are plain NumPy without annotations, as users write it.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import wengert as wg
from benchmarks.gradbench.function import Function


def square(x):
    return x * x


FUNCTIONS = {
    "square": Function(square, lambda x: (float(x),)),
    "double": Function(wg.grad(square), lambda x: (float(x),)),
}
