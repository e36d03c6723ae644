"""Loops in which each row of the arrays goes its own way: all iterations for some rows, then for the next ones.

A time step that moves particles reads and writes, for each of them, nothing that belongs to another one.  Iteration by
iteration, all arrays pass through the caches once for each; threads that share an iteration wait for each other in all
of them.  Here a block of rows that fits into the first cache runs through all iterations at once, and threads share the
rows, once for the whole loop.

    for t in range(steps):              for block in rows:
        for r in rows:          ->          for t in range(steps):
            x[r] = f(t, x[r])                   for r in block:
                                                    x[r] = f(t, x[r])

What iterations write at computed places, as the values that are saved for the way back, belongs to the row as well.
Sums over rows, which an iteration adds to a number, are added up in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from .cost import nanoseconds
from .loops import Buffer, Const, Fill, Load, Loop, Op, Pick, Repeat, Store, View
from .rows import injective

_BLOCK: Final = 12 << 10
"""Bytes of arrays, other than those that iterations read or write at different places, for a block of rows."""
_EVEN: Final = 16
"""Rows of which blocks are multiples, where a row is a single entry."""


def own_rows(step: Repeat, least: int, worthwhile: float) -> Loop | None:
    """Return the nest of an iteration, if the loop may run row by row; sums go to where iterations add them up.

    Parameters
    ----------
    step : Repeat
    least : int
        Rows that there are to be at least.
    worthwhile : float
        Nanoseconds that an iteration is to take at least.
    """
    if step.test or step.going is not None or step.before or step.after or step.nests or step.skew or step.blocks:
        return None
    places = [k for k, part in enumerate(step.body) if isinstance(part, Loop) and part.shape]
    if len(places) != 1:
        return None
    loop = _with_totals(step, places[0])
    if loop is None or loop.shape[0] < least or 0 in loop.shape or nanoseconds(loop) < worthwhile:
        return None
    return loop if _is_separate(loop) else None


def rows_of_a_block(loop: Loop) -> int:
    """Return how many rows run through all iterations at once."""
    whole = {v.buffer: v for v in loop.accesses if any(v.strides) and not v.indexed}
    size = sum(abs(v.strides[0]) * int(v.dtype.itemsize) for v in whole.values())
    count = max(1, _BLOCK // max(size, 1))
    return max(_EVEN, count // _EVEN * _EVEN) if len(loop.shape) == 1 else count


def _with_totals(step: Repeat, place: int) -> Loop | None:
    """Return a nest that adds its sums to where they are added up behind it; None if there is more around it.

    Sums of single iterations do not exist then: the last one must not be read behind the loop.
    """
    loop, front, back = step.body[place], step.body[:place], step.body[place + 1 :]
    if not all(isinstance(part, Fill) and part.buffer.size == 1 and part.value == 0 for part in front):
        return None
    zeros = [part.buffer for part in front]
    if not set(zeros).isdisjoint(step.outer):
        return None
    totals: dict[Buffer, View] = {}
    for part in back:
        if not isinstance(part, Loop) or part.shape:
            return None
        for store in part.stores:
            found = _added(part, store)
            if found is None or found[0] in totals:
                return None
            totals[found[0]] = found[1]
    targets = {view.buffer for view in totals.values()}
    if sorted(map(id, zeros)) != sorted(map(id, totals)) or len(targets) < len(totals):
        return None
    accesses = list(loop.accesses)
    adding = {store.access for store in loop.stores if store.how == "add"}
    for k, view in enumerate(accesses):
        if view.buffer in totals:
            total = totals[view.buffer]
            if k not in adding or total.dtype != view.dtype:
                return None
            accesses[k] = replace(view, buffer=total.buffer, offset=total.offset)
    return Loop(loop.shape, accesses, loop.body, loop.stores, loop.equations)


def _added(part: Loop, store: Store) -> tuple[Buffer, View] | None:
    """Return the number that a step outside of all axes adds to another one, and that."""
    target, total = part.accesses[store.access], part.body[store.item]
    if store.how != "set" or store.at or not isinstance(total, Op) or total.name != "add" or target.buffer.size != 1:
        return None
    items = [part.body[j] for j in total.args]
    if not all(isinstance(item, Load) for item in items):
        return None
    views = [part.accesses[item.access] for item in items]
    others = [view for view in views if view.buffer is not target.buffer]
    return (others[0].buffer, target) if len(others) == 1 and target.dtype.kind == "f" else None


def _is_separate(loop: Loop) -> bool:
    """Say whether each row of a nest, in any iteration, reads of what is written only what the same row wrote."""
    for item in loop.body:
        if not isinstance(item, Load | Op | Const | Pick) or not _is_steady(loop, getattr(item, "at", ())):
            return False
    if any(view.at for view in loop.accesses):
        return False
    for store in loop.stores:
        view = loop.accesses[store.access]
        others = [v for k, v in enumerate(loop.accesses) if v.buffer is view.buffer and k != store.access]
        if not any(view.strides):
            read = any(getattr(item, "access", -1) == store.access for item in loop.body)
            alone = not others and sum(s.access == store.access for s in loop.stores) == 1 and not read
            if store.how != "add" or store.at or view.indexed or view.dtype.kind != "f" or not alone:
                return False
            continue
        span = 1 + sum((n - 1) * abs(s) for n, s in zip(view.shape, view.strides, strict=True))
        if not view.strides[0] or not injective(view.shape, view.strides) or not _is_steady(loop, store.at):
            return False
        if any(abs(stride) < span for _, stride in view.indexed) or len(view.indexed) > 1:
            return False
        if any((v.offset, v.strides, v.indexed) != (view.offset, view.strides, view.indexed) for v in others):
            return False
    return True


def _is_steady(loop: Loop, places: Sequence[int]) -> bool:
    """Say whether computed places are numbers in memory, the same for all points of an iteration."""
    found = [loop.body[j] for j in places]
    written = {store.access for store in loop.stores}
    return all(
        isinstance(item, Load) and item.access not in written and not any(loop.accesses[item.access].strides)
        for item in found
    )
