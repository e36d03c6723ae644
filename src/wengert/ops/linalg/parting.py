"""Repeated eigenvalues and singular values: which count as equal, and how they part.

See :mod:`wengert.transforms.forward` for what is done with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.primitive import Sample
from ..compare import ne, select
from ..family import elementwise, full_like
from .matrices import real_part


def close(x: Any, y: Any, size: Any, dtype: Any) -> Any:
    """Say which values are equal up to rounding, relative to the largest; both are given as matrices."""
    b = x.builder
    limit = size * float(np.finfo(dtype).eps ** 0.6)
    return b.apply_named("le", b.apply_named("abs", x - y), limit)


def reciprocal_or_zero(x: Any, zero: Any) -> Any:
    """Return 1 / x, and 0 where the mask says that x counts as zero."""
    safe = select(zero, full_like(x, 1), x)
    return select(zero, full_like(x, 0), full_like(x, 1) / safe)


def parting(v: Any) -> Any:
    """Return k, k - 1, ..., 1 along the last axis: how fast equal values move apart, and away from zero."""
    b = v.builder
    zero = b.full(0, v.shape, np.intp)
    ascending = b.apply_named("iota", zero, axis=v.ndim - 1)
    return b.apply_named("convert", b.full(v.shape[-1], v.shape, np.intp) - ascending, dtype=v.dtype)


def column_sums(v: Any) -> Any:
    """Return the sum of each vector's entries: it moves when the basis does."""
    return real_part(v.builder.apply_named("reduce_sum", v, axes=(v.ndim - 2,)))


def _once(c: Any, seen: Any) -> Any:
    return np.broadcast_to(c, np.broadcast_shapes(np.shape(c), np.shape(seen))).copy()[()]


once = elementwise(
    "once",
    "c, the coefficient of what grows without bound where values are repeated; its own derivative is not known",
    _once,
    # The limit has been taken for the first derivative only.  Where the coefficient is used (not zero) and what it was
    # made for moves, a second derivative comes out as nan and not as a wrong number.
    (
        lambda c, seen, out: full_like(c, 1),
        lambda c, seen, out: select(ne(c, full_like(c, 0)), full_like(c, float("nan")), full_like(c, 0)),
    ),
    lambda: [
        Sample((np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])), smooth=False),
        Sample((np.zeros((2, 0), np.float32), np.zeros((2, 0), np.float32)), smooth=False),
    ],
    label="gradient stop",
    explanation="hands the gradient to nobody: where it is not zero, the next derivative is not known (nan)",
)
