"""Joining arrays: concatenate, stack and their relatives, block, meshgrid, r_ and c_."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import shape
from ..context import current
from ..creation import replace
from ..dispatch import FUNCTIONS, implements
from ..tracer import is_traced, plain, wrap_result
from .arrays import array
from .common import as_dtype, finish, normalize_axis, operand_aval, stretch, together
from .reductions import common_dtype


def _sequence(arrays: Any, what: str) -> list[Any]:
    if not hasattr(arrays, "__getitem__"):
        raise TypeError(
            f"arrays to {what} must be passed as a sequence type such as list or tuple\n  at:    {user_line()}"
        )
    found = list(arrays)
    if not found:
        raise ValueError(f"need at least one array to {what}\n  at:    {user_line()}")
    return found


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    arrays = [array(a) for a in _sequence(arrays, "concatenate")]
    common = common_dtype([operand_aval(a) for a in arrays])
    wanted = common if dtype is None else np.dtype(dtype)
    if not np.can_cast(common, wanted, casting):
        raise TypeError(
            f"Cannot cast from {common!r} to {wanted!r} with casting rule {casting!r}\n  at:    {user_line()}"
        )
    xs = [as_dtype(x, wanted) for x in together(*arrays)]
    if axis is None:
        xs, axis = [np.ravel(x) for x in xs], 0
    if any(x.ndim == 0 for x in xs):
        raise ValueError(f"zero-dimensional arrays cannot be concatenated\n  at:    {user_line()}")
    axis = normalize_axis(axis, xs[0].ndim)
    rest = {x.shape[:axis] + x.shape[axis + 1 :] for x in xs}
    if len(rest) > 1 or len({x.ndim for x in xs}) > 1:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ValueError(
            f"all the input array dimensions except for the concatenation axis must match exactly: {shapes}, "
            f"axis {axis}\n  at:    {user_line()}"
        )
    return finish(shape.concatenate(*xs, axis=axis), out, "np.concatenate")


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    xs = [array(a) for a in _sequence(arrays, "stack")]
    if len({x.shape for x in xs}) != 1:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ValueError(f"all input arrays must have the same shape: {shapes}\n  at:    {user_line()}")
    builder = current()
    if axis == 0 and out is None and dtype is None and builder is not None and builder.context.rows:
        return FUNCTIONS[np.array](xs)  # which knows rows of one array
    return np.concatenate([np.expand_dims(x, axis) for x in xs], axis, out, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    arrays = [np.atleast_1d(array(x)) for x in _sequence(tup, "concatenate")]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    arrays = [np.atleast_2d(array(x)) for x in _sequence(tup, "concatenate")]
    return np.concatenate(arrays, 0, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(array(x)) for x in _sequence(tup, "concatenate")], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    arrays = [array(x) for x in _sequence(tup, "concatenate")]
    return np.concatenate([x if x.ndim > 1 else np.reshape(x, (-1, 1)) for x in arrays], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    x, y = array(arr), array(values)
    if axis is None:
        x, y, axis = np.ravel(x), np.ravel(y), 0
    return np.concatenate((x, y), axis=axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    ndim = max(depth, _largest_ndim(arrays))
    found = _block(arrays, depth, ndim)
    return np.copy(found) if depth == 0 else found


def _depth(arrays: Any) -> int:
    """Return how deep the lists are nested; all to the same depth."""
    if type(arrays) is tuple:
        raise TypeError(f"np.block takes nested lists, not tuples\n  at:    {user_line()}")
    if type(arrays) is not list:
        return 0
    if not arrays:
        raise ValueError(f"List at arrays cannot be empty\n  at:    {user_line()}")
    depths = {_depth(a) for a in arrays}
    if len(depths) > 1:
        raise ValueError(f"List depths are mismatched: {sorted(depths)}\n  at:    {user_line()}")
    return 1 + depths.pop()


def _largest_ndim(arrays: Any) -> int:
    return max(map(_largest_ndim, arrays)) if type(arrays) is list else np.ndim(arrays)


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    """Join along the axis that belongs to the depth: the innermost lists along the last one."""
    if depth == 0:
        x = array(arrays)
        return np.reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    return np.concatenate([_block(a, depth - 1, ndim) for a in arrays], axis=-depth)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij', not {indexing!r}\n  at:    {user_line()}")
    ndim = len(xi)
    xs = [array(x) for x in xi]
    places = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        places[:2] = [1, 0]
    grids = [np.reshape(x, (1,) * p + (-1,) + (1,) * (ndim - p - 1)) for x, p in zip(xs, places, strict=True)]
    if not sparse:
        full = np.broadcast_shapes(*[g.shape for g in grids])
        grids = [stretch(g, full) for g in together(*grids)]
    return tuple(np.copy(g) for g in grids) if copy else tuple(grids)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    x, y = array(a), array(b)
    ndim = max(x.ndim, y.ndim)
    x, y = (np.reshape(v, (1,) * (ndim - v.ndim) + v.shape) for v in (x, y))
    outer = np.expand_dims(x, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(y, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(outer, tuple(m * n for m, n in zip(x.shape, y.shape, strict=True)))


# -- r_ and c_ --------------------------------------------------------------------------------------------------------


class _Joiner:
    """``np.r_`` and ``np.c_`` for indices that hold traced values."""

    def __init__(self, original: Any, axis: int, ndmin: int, trans1d: int) -> None:
        self.original = original
        self.defaults = (axis, ndmin, trans1d)

    def __getitem__(self, key: Any) -> Any:
        if not is_traced(key if isinstance(key, tuple) else (key,)):
            return wrap_result(self.original[plain(key)])
        key = list(key) if isinstance(key, tuple) else [key]
        how = list(self.defaults)
        if isinstance(key[0], str):
            numbers = key.pop(0).split(",")
            how[: len(numbers)] = [int(n) for n in numbers]
        axis, ndmin, trans1d = how
        pieces = [_piece(item, ndmin, trans1d) for item in key]
        # Python numbers adapt to the arrays beside them, which np.concatenate would not let them.
        dtype = common_dtype(
            [operand_aval(p if isinstance(item, slice) else item) for item, p in zip(key, pieces, strict=True)]
        )
        return np.concatenate(pieces, axis=axis, dtype=dtype, casting="unsafe")

    def __len__(self) -> int:
        return 0


def _piece(item: Any, ndmin: int, trans1d: int) -> Any:
    """Turn one entry of the index into an array of at least ``ndmin`` axes, its own starting at ``trans1d``."""
    if isinstance(item, slice):
        start, step = 0 if item.start is None else item.start, 1 if item.step is None else item.step
        if isinstance(step, complex):
            x: Any = np.linspace(start, item.stop, int(abs(step)))
        else:
            x = np.arange(start, item.stop, step)
        own = 1
    else:
        x = array(item)
        own = x.ndim
    x = np.reshape(x, (1,) * (ndmin - x.ndim) + x.shape)
    if own and own < ndmin:
        first = trans1d + (ndmin - own + 1 if trans1d < 0 else 0)
        x = np.moveaxis(x, tuple(range(ndmin - own, ndmin)), tuple(range(first, first + own)))
    return x


replace(np.r_, _Joiner(np.r_, 0, 1, -1), "r_")
replace(np.c_, _Joiner(np.c_, -1, 2, 0), "c_")
