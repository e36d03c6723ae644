"""Entries in other places: flip, roll, rot90, tile, repeat, insert, delete, resize."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ..dispatch import implements
from ..tracer import Tracer
from .arrays import array, cut
from .common import as_dtype, normalize_axes, normalize_axis, stretch, together, traced
from .known import known, known_mask

# -- flip -------------------------------------------------------------------------------------------------------------


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    x = traced(m)
    axes = normalize_axes(axis, x.ndim)
    return x[(*(slice(None, None, -1 if a in axes else None) for a in range(x.ndim)), ...)]


@implements(np.flipud)
def flipud(m: Any) -> Any:
    _at_least(m, 1)
    return m[::-1, ...]


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    _at_least(m, 2)
    return m[:, ::-1]


def _at_least(m: Any, ndim: int) -> None:
    if m.ndim < ndim:
        raise ValueError(f"Input must be >= {ndim}-d.\n  at:    {user_line()}")


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    x = traced(m)
    first, second = normalize_axes(tuple(axes), x.ndim)
    turns = operator.index(k) % 4
    if turns == 0:
        return x[...]
    if turns == 2:
        return np.flip(x, (first, second))
    turned = np.swapaxes(np.flip(x, second) if turns == 1 else x, first, second)
    return turned if turns == 1 else np.flip(turned, second)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    x = traced(a)
    if axis is None:
        return np.reshape(np.roll(np.ravel(x), int(np.sum(known(shift))), 0), x.shape)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts: dict[int, int] = {}
    for by, along in np.broadcast(known(shift), axes):
        along = normalize_axis(along, x.ndim)
        shifts[along] = shifts.get(along, 0) + int(by)
    for along, by in shifts.items():
        n = x.shape[along]
        by = by % n if n else 0
        if by:
            x = np.concatenate([cut(x, along, n - by, None), cut(x, along, None, n - by)], along)
    return x if x is not a else np.copy(x)


# -- repetition -------------------------------------------------------------------------------------------------------


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    counts = [int(n) for n in np.atleast_1d(known(reps))]
    x = array(A)
    ndim = max(len(counts), x.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    sizes = (1,) * (ndim - x.ndim) + x.shape
    # Each axis becomes two, of which the first is stretched: (3,) -> (1, 3) -> (n, 3) -> (3 n,).
    paired = tuple(v for n in sizes for v in (1, n))
    wide = tuple(v for k, n in zip(counts, sizes, strict=True) for v in (k, n))
    repeated = stretch(np.reshape(traced(x), paired), wide)
    return np.copy(np.reshape(repeated, tuple(k * n for k, n in zip(counts, sizes, strict=True))))


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    x = array(a)
    if axis is None:
        x, axis = np.ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    counts = known(repeats)
    if counts.ndim and counts.size > 1:
        return np.take(x, np.repeat(np.arange(x.shape[axis]), counts), axis)
    count = int(counts.reshape(-1)[0])
    if count < 0:
        raise ValueError(f"repeats may not contain negative values.\n  at:    {user_line()}")
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    wide = stretch(np.reshape(traced(x), (*before, n, 1, *after)), (*before, n, count, *after))
    return np.copy(np.reshape(wide, (*before, n * count, *after)))


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    shape = new_shape if isinstance(new_shape, (tuple, list)) else (new_shape,)
    shape = tuple(operator.index(n) for n in shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"all elements of `new_shape` must be non-negative: {shape}\n  at:    {user_line()}")
    x = np.ravel(array(a))
    size = math.prod(shape)
    if not x.size or not size:
        return np.zeros(shape, x.dtype)
    return np.copy(np.reshape(np.tile(x, -(-size // x.size))[:size], shape))


# -- insertion and deletion -------------------------------------------------------------------------------------------


def _flat_without_axis(arr: Any, axis: Any) -> tuple[Any, int]:
    x = array(arr)
    if axis is None:
        return np.ravel(x), 0
    return x, normalize_axis(axis, x.ndim)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x, axis = _flat_without_axis(arr, axis)
    # NumPy says which places are left.
    left = np.delete(np.arange(x.shape[axis]), _places(obj))
    return np.take(x, left, axis)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    x, axis = _flat_without_axis(arr, axis)
    x, new = together(x, array(values))
    new = as_dtype(new, x.dtype)
    new = np.reshape(new, (1,) * (x.ndim - new.ndim) + new.shape)
    where = _places(obj)
    n = x.shape[axis]
    if isinstance(where, slice) or np.asarray(where).dtype == np.bool_:
        where = np.arange(n)[where] if isinstance(where, slice) else np.flatnonzero(where)
    if np.ndim(where) == 0:
        new = np.moveaxis(new, 0, axis)
    count = new.shape[axis] if np.size(where) == 1 else np.size(where)
    new = stretch(new, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    # NumPy says in which order the old and the new entries stand.
    single = np.size(where) == 1
    order = np.insert(np.arange(n), int(np.asarray(where).reshape(-1)[0]) if single else where, n + np.arange(count))
    return np.take(np.concatenate([x, new], axis), order, axis)


def _places(obj: Any) -> Any:
    if isinstance(obj, slice):
        return slice(*(None if b is None else operator.index(b) for b in (obj.start, obj.stop, obj.step)))
    return known(obj) if isinstance(obj, (Tracer, list, tuple)) else obj


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    x = array(filt)
    axes = normalize_axes(axis, x.ndim)
    kept = np.argwhere(known_mask(x))
    trim = trim.lower()
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}\n  at:    {user_line()}")
    part = [slice(None)] * x.ndim
    for a in axes:
        n = x.shape[a]
        first, last = (kept[:, a].min(), kept[:, a].max() + 1) if kept.size else (n, 0) if trim == "b" else (n, n)
        part[a] = slice(int(first) if "f" in trim else 0, int(last) if "b" in trim else n)
    found = x[tuple(part)]
    return found.tolist() if isinstance(filt, list) else found
