"""Products: matmul, dot, tensordot, inner, outer, einsum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...errors import ShapeError, explain
from ...ops.product import dot as dot_primitive
from ..dispatch import UFUNCS, implements
from .common import as_dtype, finish, normalize_axes, operand_aval, stretch, together
from .reductions import common_dtype


def product(x: Any, y: Any, contract: Any, batch: Any = ((), ())) -> Any:
    """Apply the product primitive to operands of any dtype."""
    dtype = common_dtype([operand_aval(x), operand_aval(y)])
    x, y = (as_dtype(v, dtype) for v in together(x, y))
    contract = tuple(tuple(axes) for axes in contract)
    batch = tuple(tuple(axes) for axes in batch)
    for (i, j) in zip(*contract, strict=True):
        if x.shape[i] != y.shape[j]:
            raise ShapeError(
                explain(
                    "The axes that a product sums over have equal sizes.",
                    found=f"{x.aval!r} axis {i} and {y.aval!r} axis {j}",
                    line=user_line(),
                    fix="transpose one of the operands (x.T), or say which axes belong together with np.einsum",
                )
            )
    return dot_primitive(x, y, contract=contract, batch=batch)


def matmul(x1: Any, x2: Any, /, **_: Any) -> Any:
    """``x1 @ x2``: matrix product over the last two axes, the leading ones broadcast."""
    n, m = np.ndim(x1), np.ndim(x2)
    if n == 0 or m == 0:
        raise ValueError(f"matmul: an operand has no dimensions: {np.shape(x1)} @ {np.shape(x2)}\n  at:    {user_line()}")
    if n == 1 or m <= 2:
        if m <= 2:
            return product(x1, x2, ((n - 1,), (max(m - 2, 0),)))
        # A vector times a stack of matrices: the stack's axes stay in front.
        return product(x1, x2, ((0,), (m - 2,)))
    if m == 1:
        return product(x1, x2, ((n - 1,), (0,)))
    x, y = together(x1, x2)
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    k = len(lead)
    x, y = stretch(x, (*lead, *x.shape[-2:])), stretch(y, (*lead, *y.shape[-2:]))
    axes = tuple(range(k))
    return product(x, y, ((k + 1,), (k,)), (axes, axes))


UFUNCS[np.matmul] = matmul


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0:
        return finish(np.multiply(a, b), out, "np.dot")
    return finish(product(a, b, ((n - 1,), (max(m - 2, 0),))), out, "np.dot")


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return product(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    x, y = together(a, b)
    return finish(np.reshape(x, (-1, 1)) * np.reshape(y, (1, -1)), out, "np.outer")


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    x, y = together(a, b)
    return np.sum(np.conj(np.ravel(x)) * np.ravel(y)) if x.dtype.kind == "c" else product(np.ravel(x), np.ravel(y), ((0,), (0,)))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    n, m = np.ndim(a), np.ndim(b)
    if isinstance(axes, (int, np.integer)):
        first, second = tuple(range(n - int(axes), n)), tuple(range(int(axes)))
    else:
        first, second = normalize_axes(_tuple(axes[0]), n), normalize_axes(_tuple(axes[1]), m)
    if len(first) != len(second):
        raise ValueError(f"tensordot takes as many axes of a as of b: {axes}\n  at:    {user_line()}")
    return product(a, b, (first, second))


def _tuple(axes: Any) -> tuple[int, ...]:
    return (int(axes),) if isinstance(axes, (int, np.integer)) else tuple(axes)


