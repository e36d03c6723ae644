"""Views of arrays that traced code has just made: they share memory until a traced value is written into one of them.

Then the array becomes traced, and its views read and write it through the graph.  Also: whether NumPy would return a
view of a traced array or a copy.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.source import user_line
from ..ops.index import gather, gather_set
from ..ops.shape import reshape
from .indexing import Axes, parse


class IndexView:
    """A view made by a basic index."""

    def __init__(self, index: Any, shape: Axes, strides: Axes) -> None:
        self.index = index
        self.window: Any = parse(index, shape)
        self.made = strides  # in entries

    def again(self, base: Any) -> Any:
        """Return the view of another array of the same layout."""
        return base[self.index]

    def read(self, base: Any) -> Any:
        """Record the reading of the view."""
        return self.window.read(base)

    def write(self, base: Any, value: Any) -> Any:
        """Record the writing through the view."""
        return self.window.write(base, value)

    def strides(self, shape: Axes, strides: Axes) -> Axes:
        """Return the distances in memory of neighbours along each axis, in entries."""
        return self.made


class MemoryView:
    """A view that a NumPy function returned (``np.zeros((2, 3)).T``), known by where its entries are in memory."""

    def __init__(self, view: Any, base: Any) -> None:
        self.shape = view.shape
        self.bytes = view.strides
        self.itemsize = view.itemsize
        self.offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        numbers = np.empty_like(base, dtype=np.intp)
        numbers[...] = np.arange(base.size).reshape(base.shape)
        scale = numbers.itemsize / base.itemsize
        strides = [int(s * scale) for s in view.strides]
        self.places = _strided(numbers, view.shape, strides, int(self.offset * scale)).copy()
        self.writeable = view.flags.writeable

    def again(self, base: Any) -> Any:
        """Return the view of another array of the same layout."""
        view = _strided(base, self.shape, self.bytes, self.offset)
        view.flags.writeable = self.writeable
        return view

    def read(self, base: Any) -> Any:
        """Record the reading of the view."""
        return gather(reshape(base, shape=(base.aval.size,)), self.places, axes=(0,))

    def write(self, base: Any, value: Any) -> Any:
        """Record the writing through the view."""
        if not self.writeable:
            raise read_only()
        flat = reshape(base, shape=(base.aval.size,))
        return reshape(gather_set(flat, value, self.places, axes=(0,)), shape=base.aval.shape)

    def strides(self, shape: Axes, strides: Axes) -> Axes:
        """Return the distances in memory of neighbours along each axis, in entries."""
        return tuple(s // self.itemsize for s in self.bytes)


def _strided(base: Any, shape: Axes, strides: Any, offset: int) -> Any:
    """Return a view of a contiguous array by byte offset and byte strides."""
    flat = base.ravel("K")[offset // base.itemsize :]
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


def read_only() -> ValueError:
    """Return the error for writing through a view that NumPy makes read-only."""
    return ValueError(f"assignment destination is read-only\n  at:    {user_line()}\n  fix:   write into a .copy()")


def contiguous(array: Any) -> bool:
    """Say whether an array fills its memory without gaps, so that a copy has the same layout."""
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


# -- layout of traced arrays ------------------------------------------------------------------------------------------


def row_major(shape: Axes) -> Axes:
    """Return the strides, in entries, of an array in C order."""
    strides = [1] * len(shape)
    for a in range(len(shape) - 2, -1, -1):
        strides[a] = strides[a + 1] * max(shape[a + 1], 1)
    return tuple(strides)


def layout(x: Any) -> Axes:
    """Return the strides that an array would have in NumPy, were everything that is no view in C order."""
    if x.base is None:
        return row_major(x.aval.shape)
    found: Axes = x.window.strides(x.base.aval.shape, layout(x.base))
    return found


def is_row_major(shape: Axes, strides: Axes) -> bool:
    """Say whether strides are those of C order; axes of size 1 do not count."""
    if 0 in shape:
        return True
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, row_major(shape), strict=True))


@functools.lru_cache(maxsize=4096)
def reshaped(shape: Axes, strides: Axes, new: Axes) -> Axes | None:
    """Return the strides of a reshaped view, or None where NumPy would copy."""
    dummy = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), shape, strides)  # only its layout is looked at
    try:
        return dummy.reshape(new, copy=False).strides
    except ValueError:
        return None
