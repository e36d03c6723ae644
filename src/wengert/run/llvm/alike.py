"""Rows of one array at computed places: the same row, or rows that have nothing in common.

In ``d[i, :] = np.minimum(d[i, :], d[i, k] + d[k, :])`` a row is made of rows of the array that it is written into.
Which of them are the same, i or k, is known only when the loop runs.  But whatever they are, what is written at one
point of the loop is read by no other point: the row may be written where it is to be, instead of being kept and copied.
That the rows may be the same has to be seen: they are reached through one access, since different ones are said not to
overlap.

A single entry, such as ``d[i, k]``, may lie in what is written, at some point or other.  It is read before the loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .loops import Buffer, Load, Loop, Pick, Store, View


def alike(a: View, b: View) -> bool:
    """Say whether two rows, each at one computed place, are the same or have no entry in common.

    Then different points of a loop along them never reach the same entry.
    """
    if a.buffer is not b.buffer or len(a.shape) != 1 or a.shape != b.shape or not a.indexed:
        return False
    if (a.offset, a.strides, a.indexed) != (b.offset, b.strides, b.indexed):
        return False
    reach = (a.shape[0] - 1) * abs(a.strides[0])
    between = math.gcd(*[stride for _, stride in a.indexed])  # places differ by a multiple of it
    others = sum((size - 1) * abs(stride) for size, stride in a.indexed)
    return a.strides[0] != 0 and (reach < between or others < abs(a.strides[0]))


def is_entry(view: View) -> bool:
    """Say whether a loop reaches one entry only, at a computed place."""
    return bool(view.indexed) and not any(view.strides)


def read_before(loop: Loop, entries: Sequence[int]) -> tuple[list[Loop], Loop]:
    """Return loops over a single point that read items of a loop, and the loop that takes from them what was read.

    The items are entries at places that are the same for all points.
    """
    first, accesses, body = [], list(loop.accesses), list(loop.body)
    for j in entries:
        item = body[j]
        assert isinstance(item, Pick)
        places = [accesses[body[k].access] for k in item.at]
        views = [replace(view, strides=(), shape=()) for view in [*places, accesses[item.access]]]
        number = Buffer(1, accesses[item.access].dtype)
        views.append(View(number, 0, (), ()))
        at = tuple(range(len(places)))
        read = [*map(Load, at), Pick(len(places), at, item.safe)]
        first.append(Loop((), views, read, [Store(len(places) + 1, len(places))]))
        accesses.append(View(number, 0, (0,) * len(loop.shape), loop.shape))
        body[j] = Load(len(accesses) - 1)
    return first, Loop(loop.shape, accesses, body, list(loop.stores), loop.equations)
