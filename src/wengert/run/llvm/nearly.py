"""Constant arrays that hold one number nearly everywhere.

The table of a dynamic program begins as zeros, or as infinity, but for its border.  A program that writes into such an
array needs a new one in each call.  Filling it reads nothing; copying the constant reads as much as it writes, and
takes that room in the cache.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_LARGE: Final = 2048
"""Entries from which on a copy costs more than the calls of loops."""
_BOXES: Final = 4
_PART: Final = 8
"""The boxes may hold one in so many of all entries."""

Box = tuple[tuple[int, ...], tuple[int, ...]]
"""Starts and stops."""


def nearly_one_number(array: Any) -> tuple[Any, list[Box]] | None:
    """Return the number that an array holds outside of a few boxes, and the boxes; None if there are no such.

    Bits are compared, so that -0.0 is not taken for 0.0, and nan is a number like others.

    >>> table = np.zeros((60, 60))
    >>> table[0] = table[:, 0] = np.arange(60)
    >>> nearly_one_number(table)
    (0.0, [((0, 1), (1, 60)), ((1, 0), (60, 1))])
    """
    if array.size < _LARGE or array.dtype.kind not in "biuf" or array.dtype.itemsize not in (1, 2, 4, 8):
        return None
    bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
    common = tuple([n - 1 for n in array.shape])
    others = bits != bits[common]
    room = array.size // _PART
    boxes: list[Box] = []
    while others.any():
        found = _bounding_box(others)
        if _size(found) > room:
            found = _fullest_slab(others)
        room -= _size(found)
        if room < 0 or len(boxes) == _BOXES:
            return None
        boxes.append(found)
        others[_slices(found)] = False
    return array[common].item(), boxes


def _bounding_box(wanted: Any) -> Box:
    """Return the smallest box that holds all that is wanted."""
    places = np.nonzero(wanted)
    return tuple([int(p.min()) for p in places]), tuple([int(p.max()) + 1 for p in places])


def _fullest_slab(wanted: Any) -> Box:
    """Return the box around what is wanted at that index of an axis at which there is most of it."""
    counts = [wanted.sum(axis=tuple([b for b in range(wanted.ndim) if b != a])) for a in range(wanted.ndim)]
    axis = max(range(wanted.ndim), key=lambda a: (counts[a].max() / (wanted.size // wanted.shape[a]), -a))
    there = np.zeros_like(wanted)
    at = (slice(None),) * axis + (int(counts[axis].argmax()),)
    there[at] = wanted[at]
    return _bounding_box(there)


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple([slice(a, b) for a, b in zip(*box, strict=True)])


def _size(box: Box) -> int:
    return int(np.prod([b - a for a, b in zip(*box, strict=True)]))
