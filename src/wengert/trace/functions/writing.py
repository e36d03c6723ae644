"""Functions that write into an array: put, place, putmask, copyto, fill_diagonal, put_along_axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops.index import gather_set
from ..dispatch import implements
from ..tracer import Tracer, fitted
from ..ufuncs import not_traced_array
from .arrays import array
from .common import normalize_axis, operand_aval, traced
from .gathering import places_along, within
from .known import known_mask


def _target(x: Any, what: str) -> Tracer:
    """Return the array that is written into, which must be one that can hold traced values."""
    if not isinstance(x, Tracer):
        raise not_traced_array(f"{what} writes", x)
    x.refresh()
    return x


def _put_flat(target: Tracer, where: Any, values: Any) -> None:
    """Write values (repeated as often as needed) at places in C order."""
    values = np.ravel(array(values))
    if not values.size or not np.size(where):
        return
    where = np.ravel(where)
    values = np.resize(values, where.shape)
    x = traced(target, [target, values, where])
    new = fitted(values, where.shape, x)
    flat = gather_set(np.reshape(x, -1), new, traced(where, x), axes=(0,))
    target[...] = np.reshape(flat, target.shape)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    target = _target(a, "np.put")
    _put_flat(target, within(ind, target.aval.size, mode), v)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    target = _target(arr, "np.place")
    where = np.flatnonzero(known_mask(mask))
    if where.size and not array(vals).size:
        raise ValueError(f"Cannot insert from an empty array!\n  at:    {user_line()}")
    _put_flat(target, where, vals)


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    target = _target(a, "np.putmask")
    values = np.resize(array(values), target.shape)
    if np.shape(mask) != target.shape:
        raise ValueError(f"putmask: mask and data must be the same size\n  at:    {user_line()}")
    if values.size:
        target[...] = np.where(mask, values.astype(target.dtype), target)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    target = _target(dst, "np.copyto")
    of = operand_aval(src)
    if not of.weak and not np.can_cast(of.dtype, target.dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {of.dtype!r} to {target.dtype!r} according to the rule {casting!r}\n"
            f"  at:    {user_line()}"
        )
    if where is True:
        target[...] = src
        return
    new = fitted(src, target.shape, traced(target, [target, src, where]))
    target[...] = np.where(where, new, target)


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    target = _target(arr, "np.put_along_axis")
    if axis is None:
        _put_flat(target, array(indices), values)
        return
    target[places_along(target.shape, array(indices), normalize_axis(axis, target.ndim))] = values


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    target = _target(a, "np.fill_diagonal")
    shape = target.shape
    if len(shape) < 2:
        raise ValueError(f"array must be at least 2-d\n  at:    {user_line()}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ValueError(f"All dimensions of input must be of equal length\n  at:    {user_line()}")
    steps = [int(np.prod(shape[k + 1 :])) for k in range(len(shape))]
    end = target.aval.size if wrap or len(shape) > 2 else min(target.aval.size, shape[1] * shape[1])
    _put_flat(target, np.arange(0, end, sum(steps)), val)
