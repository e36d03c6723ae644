"""Zeros that are written in order to be added to: what was to be added is written instead.

In reverse mode an array that is overwritten in each time step, ``b[1:-1] = ...``, has a cotangent that is read, set to
zero, and added to by the step before, an iteration later perhaps.  Where loops add once to each entry of a part
(:mod:`.rim` makes such loops), they can write it, and only the rest is set to zero.  If that is in the next iteration,
the first one must find zeros as well, and the last one leave them behind: the array is set to zero after the loop.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from .loops import Buffer, Loop, Shape, Store, View
from .plan import touched
from .rim import boxes_around, corner, is_zero, part
from .rows import injective

Box = tuple[Shape, Shape]


def clear_less(steps: Sequence[Any], zeros: Collection[Buffer]) -> tuple[list[Any], list[Loop]]:
    """Return steps of an iteration with fewer zeros written, and loops to run after the last iteration.

    Parameters
    ----------
    steps : sequence
        In order of execution.
    zeros : collection of Buffer
        Memory that holds nothing but zeros before the first iteration, and that only these steps touch meanwhile.
    """
    found, after = list(steps), []
    for clearing in [step for step in steps if isinstance(step, Loop) and _box_of_zeros(step) is not None]:
        k = found.index(clearing)
        buffer = clearing.written[0]
        users = [j for j, step in enumerate(found) if buffer in touched(step)]
        later = [j for j in users if j > k]
        following = later or (users[: users.index(k)] if buffer in zeros else [])
        box = _let_write(found, following, clearing)
        if box is None:
            continue
        if not later:
            after.append(part(clearing, (0,) * len(clearing.shape), clearing.shape))
        low, high = box
        found[k : k + 1] = [part(clearing, *rest) for rest in boxes_around(clearing.shape, low, high)]
    return found, after


def _box_of_zeros(step: Loop) -> Box | None:
    """Return which part of an array a loop sets to zero, if that is all it does."""
    if len(step.accesses) != 1 or len(step.stores) != 1 or not is_zero(step.body[step.stores[0].item]):
        return None
    store = step.stores[0]
    return _box(step.accesses[0]) if store.how == "set" and not store.at else None


def _box(view: View) -> Box | None:
    """Return the first and the last coordinates, exclusive, of a view in its array."""
    low = None if view.indexed or view.at or 0 in view.shape else corner(view)
    return None if low is None else (low, tuple(a + n for a, n in zip(low, view.shape, strict=True)))


def _let_write(steps: list[Any], following: Sequence[int], clearing: Loop) -> Box | None:
    """Let loops write where they add to zeros; return the part that need not be set to zero any more.

    Parameters
    ----------
    steps : list
    following : sequence of int
        Numbers of the steps that touch the array next, in order.
    clearing : Loop

    Returns
    -------
    low, high : tuples of int
        Coordinates within the part that is set to zero; None if nothing changes.
    """
    zeros, target = _box_of_zeros(clearing), clearing.accesses[0]
    assert zeros is not None
    touching: list[Box] = []
    adding: list[tuple[int, Store, Box]] = []
    for j in following:
        found = _adds(steps[j], target)
        if found is None:
            break
        store, box = found
        if _within(box, zeros) and not any(_meet(box, other) for other in touching):
            adding.append((j, store, box))
        touching.append(box)
    chosen = _as_one(adding)
    if chosen is None:
        return None
    numbers, low, high = chosen
    for j, store, _ in adding:
        if j in numbers:
            loop = steps[j]
            stores = [replace(s, how="set") if s is store else s for s in loop.stores]
            steps[j] = Loop(loop.shape, loop.accesses, loop.body, stores, loop.equations, loop.together)
    start = zeros[0]
    return tuple(a - b for a, b in zip(low, start, strict=True)), tuple(a - b for a, b in zip(high, start, strict=True))


def _adds(step: Any, target: View) -> tuple[Store, Box] | None:
    """Return the store by which a loop adds once to each entry of a part of an array, and the part."""
    if not isinstance(step, Loop):
        return None
    accesses = [k for k, view in enumerate(step.accesses) if view.buffer is target.buffer]
    stores = [store for store in step.stores if store.access in accesses]
    if len(accesses) != 1 or len(stores) != 1 or stores[0].how != "add" or stores[0].at:
        return None
    view = step.accesses[accesses[0]]
    read = any(getattr(item, "access", -1) == accesses[0] for item in step.body)
    box = _box(view) if view.strides == target.strides and injective(view.shape, view.strides) else None
    return None if read or box is None else (stores[0], box)


def _within(box: Box, other: Box) -> bool:
    return all(a >= b for a, b in zip(box[0], other[0], strict=True)) and all(
        a <= b for a, b in zip(box[1], other[1], strict=True)
    )


def _meet(box: Box, other: Box) -> bool:
    return all(max(a, b) < min(c, d) for a, b, c, d in zip(box[0], other[0], box[1], other[1], strict=True))


def _as_one(parts: Sequence[tuple[int, Store, Box]]) -> tuple[set[int], Shape, Shape] | None:
    """Return which of some parts, next to each other, make up the largest box, and that."""
    found = [({j}, low, high) for j, _, (low, high) in parts]
    for axis in reversed(range(len(found[0][1]) if found else 0)):
        found.sort(key=lambda one: (one[1][:axis], one[1][axis + 1 :], one[1][axis]))
        joined = found[:1]
        for numbers, low, high in found[1:]:
            before, first, last = joined[-1]
            if _along(axis, (first, last)) == _along(axis, (low, high)) and last[axis] == low[axis]:
                joined[-1] = (before | numbers, first, high)
            else:
                joined.append((numbers, low, high))
        found = joined
    return max(found, key=lambda one: math.prod(b - a for a, b in zip(one[1], one[2], strict=True)), default=None)


def _along(axis: int, box: Box) -> tuple[Shape, ...]:
    """Return where a box lies along all other axes."""
    return tuple([(*c[:axis], *c[axis + 1 :]) for c in box])
