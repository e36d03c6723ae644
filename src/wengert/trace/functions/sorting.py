"""Sorting, partitioning and searching."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import sort as ops
from ..dispatch import implements
from ..tracer import Tracer
from .arrays import array
from .common import Axes, as_dtype, normalize_axis, together, traced
from .reductions import common_dtype


def _flat(a: Any, axis: Any) -> tuple[Any, int]:
    """Return the array and the axis to sort along; ``axis=None`` sorts all entries."""
    x = traced(a)
    if axis is None:
        return np.reshape(x, -1), 0
    return x, normalize_axis(axis, x.ndim)


def _no_fields(order: Any) -> None:
    if order is not None:
        raise ValueError(f"Cannot specify order when the array has no fields.\n  at:    {user_line()}")


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    _no_fields(order)
    x, axis = _flat(a, axis)
    return ops.sort(x, axis=axis)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    _no_fields(order)
    x, axis = _flat(a, axis)
    return ops.argsort(x, axis=axis, stable=bool(stable) or kind in ("stable", "mergesort"))


def _places(kth: Any, n: int) -> Axes:
    places = [operator.index(k) for k in (kth if isinstance(kth, (tuple, list, np.ndarray)) else (kth,))]
    for k in places:
        if not -n <= k < n:
            raise ValueError(f"kth(={k}) out of bounds ({n})\n  at:    {user_line()}")
    return tuple(k % n for k in places)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    _no_fields(order)
    x, axis = _flat(a, axis)
    return ops.partition(x, axis=axis, kth=_places(kth, x.shape[axis]))


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    _no_fields(order)
    x, axis = _flat(a, axis)
    return ops.argpartition(x, axis=axis, kth=_places(kth, x.shape[axis]))


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    x = ops.sort(traced(a), axis=np.ndim(a) - 1)
    if x.dtype.kind == "c":
        return x
    small = (x.dtype.kind == "f" and x.dtype.itemsize <= 4) or (x.dtype.kind in "biu" and x.dtype.itemsize <= 2)
    return as_dtype(x, np.dtype(np.complex64 if small else np.complex128))


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    rows = together(*[keys[i] for i in range(len(keys))])
    return ops.lexsort(*rows, axis=normalize_axis(axis, rows[0].ndim))


def _sort_in_place(self: Tracer, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort the array itself."""
    self[...] = np.sort(self, axis)


def _partition_in_place(self: Tracer, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
    """Partition the array itself."""
    self[...] = np.partition(self, kth, axis)


Tracer.sort = _sort_in_place  # type: ignore[attr-defined]
Tracer.partition = _partition_in_place  # type: ignore[attr-defined]

# -- searching --------------------------------------------------------------------------------------------------------


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    a, v = together(a, v)
    if a.ndim != 1:
        raise ValueError(f"object too deep for desired array\n  at:    {user_line()}")
    if side not in ("left", "right", "l", "r"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})\n  at:    {user_line()}")
    dtype = common_dtype([a.aval, v.aval])
    a, v = as_dtype(a, dtype), as_dtype(v, dtype)
    if sorter is not None:
        a = a[array(sorter)]
    return ops.searchsorted(a, v, side="left" if side[0] == "l" else "right")


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    x, bins = together(x, bins)
    if bins.ndim != 1:
        raise ValueError(f"object too deep for desired array\n  at:    {user_line()}")
    n = bins.shape[0]
    # Whether the edges fall is asked of their values: another answer is another program.
    falling = n > 1 and bool(bins[0] > bins[-1])
    side = "left" if right else "right"
    return n - searchsorted(bins[::-1], x, side) if falling else searchsorted(bins, x, side)
