"""Products: matmul, dot, tensordot, inner, outer, einsum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...errors import ShapeError, UntraceableError, explain
from ...ops.product import dot as dot_primitive
from ..dispatch import OPERATIONS, UFUNCS, implements
from ..tracer import Tracer
from .common import as_dtype, finish, normalize_axes, operand_aval, stretch, together
from .reductions import common_dtype


def product(x: Any, y: Any, contract: Any, batch: Any = ((), ())) -> Any:
    """Apply the product primitive to operands of any dtype."""
    dtype = common_dtype([operand_aval(x), operand_aval(y)])
    x, y = (as_dtype(v, dtype) for v in together(x, y))
    contract = tuple(tuple(axes) for axes in contract)
    batch = tuple(tuple(axes) for axes in batch)
    for i, j in zip(*contract, strict=True):
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


def _no_axes(name: str, axes: Any) -> None:
    if axes is not None:
        raise UntraceableError(
            explain(
                f"np.{name} of traced values works on the last axes.",
                found=f"axes={axes!r}",
                line=user_line(),
                fix="move the axes first (np.moveaxis), or use np.einsum",
            )
        )


_ONE_AXIS = {(n, m): (("contract", ((n - 1,), (max(m - 2, 0),))), ("batch", ((), ()))) for n in (1, 2) for m in (1, 2)}


def _quick_matmul(builder: Any, look_up: Any, x1: Any, x2: Any, n: int, m: int) -> Any:
    """Record a product of matrices or vectors of one dtype: what most products are."""
    before = builder.node
    numbers = (builder.number(x1), builder.number(x2))
    out = builder.output(builder.emit(dot_primitive, numbers, _ONE_AXIS[n, m]))
    return builder.learn(before, *look_up, [numbers[0 if x is x1 else 1] for x in look_up[1]], out)


def matmul(x1: Any, x2: Any, /, *, axes: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``x1 @ x2``: matrix product over the last two axes, the leading ones broadcast."""
    builder = (x1 if isinstance(x1, Tracer) else x2).builder
    look_up = None if builder is None or builder.finished else builder.operands(np.matmul, (x1, x2))
    if look_up is not None and axes is None and axis is None:
        out = builder.recall(*look_up)
        if out is not None:
            return out
    _no_axes("matmul", axes if axis is None else axis)
    first, second = operand_aval(x1), operand_aval(x2)
    n, m = first.ndim, second.ndim
    if (
        look_up is not None
        and 0 < n <= 2
        and 0 < m <= 2
        and first.dtype is second.dtype
        and first.shape[-1] == second.shape[max(m - 2, 0)]
    ):
        return _quick_matmul(builder, look_up, x1, x2, n, m)
    if n == 0 or m == 0:
        raise ValueError(
            f"matmul: an operand has no dimensions: {np.shape(x1)} @ {np.shape(x2)}\n  at:    {user_line()}"
        )
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
    return (
        np.sum(np.conj(np.ravel(x)) * np.ravel(y))
        if x.dtype.kind == "c"
        else product(np.ravel(x), np.ravel(y), ((0,), (0,)))
    )


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


OPERATIONS.update((np.dot, np.inner, np.outer, np.vdot))


# -- products of vectors ----------------------------------------------------------------------------------------------


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, axes: Any = None, keepdims: bool = False) -> Any:
    """Sum of products along an axis; the first factor is conjugated."""
    _no_axes("vecdot", axes)
    x, y = together(x1, x2)
    if axis != -1:
        x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    out = np.einsum("...i,...i->...", _conjugate(x), y)
    return np.expand_dims(out, axis) if keepdims else out


def matvec(x1: Any, x2: Any, /, *, axes: Any = None) -> Any:
    """Stacks of matrices times stacks of vectors."""
    _no_axes("matvec", axes)
    return np.einsum("...ij,...j->...i", *together(x1, x2))


def vecmat(x1: Any, x2: Any, /, *, axes: Any = None) -> Any:
    """Stacks of vectors, conjugated, times stacks of matrices."""
    _no_axes("vecmat", axes)
    x, y = together(x1, x2)
    return np.einsum("...i,...ij->...j", _conjugate(x), y)


def _conjugate(x: Any) -> Any:
    return np.conj(x) if x.dtype.kind == "c" else x


UFUNCS[np.vecdot] = vecdot
for _name, _meaning in (("matvec", matvec), ("vecmat", vecmat)):  # since NumPy 2.2
    if hasattr(np, _name):
        UFUNCS[getattr(np, _name)] = _meaning


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = together(a, b)
    x, y = np.moveaxis(x, axisa, -1), np.moveaxis(y, axisb, -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ValueError(
            f"incompatible dimensions for cross product (dimension must be 2 or 3): {x.shape[-1]}, {y.shape[-1]}\n"
            f"  at:    {user_line()}"
        )
    flat = x.shape[-1] == y.shape[-1] == 2
    (x0, x1, *x2), (y0, y1, *y2) = ([v[..., i] for i in range(v.shape[-1])] for v in (x, y))
    third = x0 * y1 - x1 * y0
    if flat:
        return third
    first, second = _turned(x1, x2, y1, y2), _turned(y0, y2, x0, x2)
    return np.stack([first, second, third], axis=axisc)


def _turned(p: Any, p2: Any, q: Any, q2: Any) -> Any:
    """Return p q2 - p2 q, where a missing third component is 0."""
    if p2 and q2:
        return p * q2[0] - p2[0] * q
    return p * q2[0] if q2 else -(p2[0] * q)


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    x = together(a)[0]
    i, j = normalize_axes((axis1, axis2), x.ndim)
    x = np.transpose(x, (i, j, *(k for k in range(x.ndim) if k not in (i, j))))
    count = max(0, min(x.shape[0] + min(offset, 0), x.shape[1] - max(offset, 0)))
    steps = np.arange(count)
    return np.sum(x[steps - min(offset, 0), steps + max(offset, 0)], axis=0, dtype=dtype, out=out)
