"""Loops whose innermost axis is short, written out along it.

Pooling runs over blocks of 2 x 2 entries, points in space have three coordinates: along such an axis a loop has hardly
begun when it ends, and vectors stay empty.  So the axis becomes part of the body: each item once for each step along
it, sums over it as chains of operations.  Then the loop runs along the next axis, in vectors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from .loops import SMALL, Const, Load, Loop, Op, View, canonical, innermost

_SHORT: Final = 4
"""Longest axis that is written out."""
_NEXT: Final = 4
"""Shortest axis that is worth to run along instead."""
_BODY: Final = 48
"""Items that a body grows to."""
_CHAINS: Final = frozenset({"add", "mul", "max", "min"})
"""What adds up along an axis that is written out."""


def unrolled(steps: list[Any]) -> list[Any]:
    """Return steps with such loops written out."""
    return [written_out(step) if isinstance(step, Loop) else step for step in steps]


def written_out(loop: Loop) -> Loop:
    """Return a loop without the short axes that would be its innermost ones; itself where that is no use."""
    if math.prod(loop.shape) <= SMALL:
        return loop  # LLVM does it, which knows the sizes of such loops
    found = loop
    while (axis := _short(found)) is not None:
        found = along(found, axis)
    sizes = canonical(found.shape, found.accesses)[0]
    return found if sizes[-1] >= _NEXT else loop


def _short(loop: Loop) -> int | None:
    """Return the innermost axis of a loop if it is to be written out."""
    axes = [a for a, n in enumerate(loop.shape) if n != 1]
    if len(axes) < 2 or not all(isinstance(item, Load | Op | Const) for item in loop.body):
        return None
    if any(view.indexed or view.at for view in loop.accesses) or 0 in loop.shape:
        return None
    axis = innermost(axes, loop.accesses)
    n = loop.shape[axis]
    if n > _SHORT or n * (len(loop.body) + len(loop.stores)) > _BODY:
        return None
    if canonical(loop.shape, loop.accesses)[0][-1] != n:  # it goes on in the next axis
        return None
    still = [store for store in loop.stores if not loop.accesses[store.access].strides[axis]]
    return axis if all(store.how in _CHAINS for store in still) else None


def along(loop: Loop, axis: int) -> Loop:
    """Return a loop with an axis written out."""
    n = loop.shape[axis]
    made = Loop((*loop.shape[:axis], *loop.shape[axis + 1 :]), equations=loop.equations)

    numbers: dict[Any, int] = {}

    def access(number: int, step: int) -> int:
        """Return the one access to a place, as pointers of a loop are said not to overlap."""
        view = loop.accesses[number]
        strides = (*view.strides[:axis], *view.strides[axis + 1 :])
        at = View(view.buffer, view.offset + step * view.strides[axis], strides, made.shape, view.indexed)
        found = numbers.setdefault((at.buffer, at.offset, at.strides, at.indexed), len(made.accesses))
        if found == len(made.accesses):
            made.accesses.append(at)
        return found

    def add(item: Any) -> int:
        made.body.append(item)
        return len(made.body) - 1

    def these(numbers: tuple[int, ...], step: int) -> tuple[int, ...]:
        return tuple([items[j][step if moves[j] else 0] for j in numbers])

    # Items that do not depend on the axis are taken once.
    moves = moving(loop, [axis])
    items: list[list[int]] = [[] for _ in loop.body]
    for k, item in enumerate(loop.body):
        for step in range(n if moves[k] else 1):
            if isinstance(item, Op):
                items[k].append(add(replace(item, args=these(item.args, step))))
            elif isinstance(item, Const):
                items[k].append(add(item))
            elif isinstance(item, Load):
                items[k].append(add(Load(access(item.access, step))))
            else:
                items[k].append(add(replace(item, access=access(item.access, step), at=these(item.at, step))))
    for store in loop.stores:
        at = [these(store.at, step) for step in range(n)]
        values = [items[store.item][step if moves[store.item] else 0] for step in range(n)]
        view = loop.accesses[store.access]
        if view.strides[axis] or store.how not in _CHAINS or any(moves[j] for j in store.at):
            for step, value in enumerate(values):
                made.stores.append(replace(store, access=access(store.access, step), item=value, at=at[step]))
            continue
        total = values[0]
        for value in values[1:]:
            total = add(Op(store.how, (total, value), (), (view.dtype,) * 2, view.dtype))
        made.stores.append(replace(store, access=access(store.access, 0), item=total, at=at[0]))
    return made


def moving(loop: Loop, axes: Sequence[int]) -> list[bool]:
    """Say for each item of a loop whether it may differ along some axes."""
    found: list[bool] = []
    for item in loop.body:
        own = hasattr(item, "access") and any(loop.accesses[item.access].strides[a] for a in axes)
        found.append(own or any(found[j] for j in (*getattr(item, "args", ()), *getattr(item, "at", ()))))
    return found
