"""Shapes: reshape, transpose, broadcast, copy; views of arrays."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import arithmetic, shape
from ..context import current
from ..dispatch import PURE, VIEWS, implements
from ..memory import is_row_major, layout, read_only, reshaped
from ..tracer import as_view, fresh
from .arrays import array
from .common import Axes, normalize_axes, normalize_axis, operand_aval, stretch, together, traced


class Reshape:
    """A view by reshape."""

    def __init__(self, shape: Axes) -> None:
        self.shape = shape

    def read(self, base: Any) -> Any:
        return shape.reshape(base, shape=self.shape)

    def write(self, base: Any, value: Any) -> Any:
        return shape.reshape(value, shape=base.aval.shape)

    def strides(self, old: Axes, strides: Axes) -> Axes:
        found = reshaped(old, strides, self.shape)
        assert found is not None, "a view only where NumPy makes one"
        return found


class Transpose:
    """A view by transpose."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes

    def read(self, base: Any) -> Any:
        return shape.transpose(base, axes=self.axes)

    def write(self, base: Any, value: Any) -> Any:
        return shape.transpose(value, axes=tuple(int(i) for i in np.argsort(self.axes)))

    def strides(self, old: Axes, strides: Axes) -> Axes:
        return tuple(strides[a] for a in self.axes)


class ReadOnly:
    """A view that NumPy does not let be written through."""

    def write(self, base: Any, value: Any) -> Any:
        raise read_only()

    def strides(self, old: Axes, strides: Axes) -> Axes:
        raise NotImplementedError


class BroadcastTo(ReadOnly):
    """A view stretched along axes of size 1 and new axes."""

    def __init__(self, shape: Axes) -> None:
        self.shape = shape

    def read(self, base: Any) -> Any:
        return stretch(base, self.shape)

    def strides(self, old: Axes, strides: Axes) -> Axes:
        lead = len(self.shape) - len(old)
        return (0,) * lead + tuple(0 if m == 1 else s for m, s in zip(old, strides, strict=True))


def view(x: Any, how: Any) -> Any:
    """Return a view of a traced array."""
    return as_view(how.read(x), x, how)


def _wanted_shape(old: Axes, new: Any) -> Axes:
    sizes = [operator.index(n) for n in (new if isinstance(new, (tuple, list)) else (new,))]
    if sizes.count(-1) == 1:
        rest = -math.prod(sizes)
        sizes[sizes.index(-1)] = math.prod(old) // rest if rest else 0
    if math.prod(sizes) != math.prod(old) or any(n < 0 for n in sizes):
        raise ValueError(f"cannot reshape array of size {math.prod(old)} and shape {old} into shape {new}\n"
                         f"  at:    {user_line()}")  # fmt: skip
    return tuple(sizes)


@implements(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    x = traced(a)
    new = _wanted_shape(x.shape, newshape if shape is None else shape)
    if order == "A":
        order = "F" if _is_column_major(x) and not _is_row_major(x) else "C"
    if order == "F":
        return np.transpose(np.reshape(np.transpose(x), new[::-1], copy=copy))
    # NumPy copies where no strides describe the result: then writes into it are not seen by the original.
    is_view = x.base is None or reshaped(x.shape, layout(x), new) is not None
    if copy is False and not is_view:
        raise ValueError(f"Unable to avoid creating a copy while reshaping.\n  at:    {user_line()}")
    return view(x, Reshape(new)) if is_view and not copy else np.copy(Reshape(new).read(x))


def _is_row_major(x: Any) -> bool:
    return x.base is None or is_row_major(x.shape, layout(x))


def _is_column_major(x: Any) -> bool:
    return is_row_major(x.shape[::-1], layout(x)[::-1])


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    x = traced(a)
    if order == "K":
        strides = layout(x)
        x = np.transpose(x, sorted(range(x.ndim), key=lambda axis: -abs(strides[axis])))
    elif order == "F" or (order == "A" and _is_column_major(x) and not _is_row_major(x)):
        x = np.transpose(x)
    flat = (x.aval.size,)
    return view(x, Reshape(flat)) if _is_row_major(x) else np.copy(shape.reshape(x, shape=flat))


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    x = traced(a)
    axes = tuple(range(x.ndim))[::-1] if axes is None else normalize_axes(tuple(axes), x.ndim)
    if len(axes) != x.ndim:
        raise ValueError(f"axes don't match array: {axes} for shape {x.shape}\n  at:    {user_line()}")
    return view(x, Transpose(axes))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    return np.swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    x = traced(a)
    order = list(range(x.ndim))
    i, j = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[i], order[j] = order[j], order[i]
    return view(x, Transpose(tuple(order)))


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    x = traced(a)
    source, destination = normalize_axes(source, x.ndim), normalize_axes(destination, x.ndim)
    order = [n for n in range(x.ndim) if n not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return view(x, Transpose(tuple(order)))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    n = np.ndim(a)
    axis = normalize_axis(axis, n)
    start = start + n if start < 0 else start
    return moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    x = traced(a)
    axes = normalize_axes(axis, x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1))
    sizes = iter(x.shape)
    return view(x, Reshape(tuple(1 if n in axes else next(sizes) for n in range(x.ndim + len(axes)))))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    x = traced(a)
    axes = tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else normalize_axes(axis, x.ndim)
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(
            f"cannot select an axis to squeeze out which has size not equal to one: axis {axis} of shape {x.shape}\n"
            f"  at:    {user_line()}"
        )
    return view(x, Reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes)))


def _at_least(function: Any, n: int) -> None:
    @implements(function)
    def at_least(*arrays: Any) -> Any:
        def widen(a: Any) -> Any:
            x = array(a)
            if x.ndim >= n:
                return x
            if n == 3 and x.ndim == 2:
                return x[:, :, None]
            if n == 3 and x.ndim == 1:
                return x[None, :, None]
            return np.reshape(x, (1,) * (n - x.ndim) + x.shape)

        results = tuple(widen(a) for a in arrays)
        return results[0] if len(results) == 1 else results


_at_least(np.atleast_1d, 1)
_at_least(np.atleast_2d, 2)
_at_least(np.atleast_3d, 3)


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    x = traced(array)
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (operator.index(shape),)
    if np.broadcast_shapes(x.shape, shape) != shape:
        raise ValueError(f"cannot broadcast shape {x.shape} to {shape}\n  at:    {user_line()}")
    return view(x, BroadcastTo(shape))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    xs = together(*args)
    shape = np.broadcast_shapes(*[x.shape for x in xs])
    return tuple(x if x.shape == shape else view(x, BroadcastTo(shape)) for x in xs)


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    x = traced(a)
    builder = current()
    # A copy belongs to the function that makes it, whosoever the original is: it may be written into there.
    if builder is None or x.builder is None or builder.level <= x.builder.level:
        out = arithmetic.copy(x)
    else:
        out = builder.apply(arithmetic.copy, (x,))
    out.is_array = True
    return out


def _filled(function: Any, value: Any) -> None:
    @implements(function)
    def like(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        of = operand_aval(a)
        wanted = of.shape if shape is None else shape
        return fresh(np.full(wanted, value, of.dtype if dtype is None else dtype))


_filled(np.zeros_like, 0)
_filled(np.ones_like, 1)
_filled(np.empty_like, 0)


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    of = operand_aval(a)
    out = fresh(np.zeros(of.shape if shape is None else shape, of.dtype if dtype is None else dtype))
    out[...] = fill_value
    return out


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return array(x).astype(dtype, copy=copy)


@implements(np.shape)
def shape_of(a: Any) -> Any:
    return operand_aval(a).shape


@implements(np.ndim)
def ndim_of(a: Any) -> int:
    return operand_aval(a).ndim


@implements(np.size)
def size_of(a: Any, axis: Any = None) -> int:
    of = operand_aval(a)
    return of.size if axis is None else math.prod(of.shape[i] for i in normalize_axes(axis, of.ndim))


VIEWS.update((np.reshape, np.ravel, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.broadcast_to))
PURE.update(VIEWS)
