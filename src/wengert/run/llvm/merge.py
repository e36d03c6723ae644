"""Loops of an iteration merged where one reads at each point what another has written there.

Fusion ends a loop where an array is written, because what is read of it afterwards may lie at any place.  Often it is
the very place that was written: ``c[:, k] = x`` and then ``d[:, k] = c[:, k] * y``, entry by entry.  Such loops become
one, in which what was stored is used from the register, and what no other loop reads is not stored at all.

Two loops over one iteration space can be merged if an entry that one of them writes is touched by the other at the same
point only, or not at all, and if nothing between them depends on the one that moves.  Rows at computed places are the
same or have nothing in common (:mod:`.alike`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from .alike import alike, is_entry, read_before
from .loops import (
    SMALL,
    Buffer,
    Const,
    Fill,
    Load,
    Loop,
    Op,
    Outside,
    Pick,
    Repeat,
    Shape,
    Store,
    View,
    stride_cost,
    used,
)
from .plan import touched, written
from .rows import injective
from .views import may_overlap

_MOST: Final = 240
"""Items of a merged loop: registers are few, but what they spill stays in the nearest cache."""
_STREAMS: Final = 64
"""Accesses of a merged loop."""
_KNOWN: Final = frozenset({"get", "set", "add"})
"""What loops do with an entry so that another one at the same point knows what stands there afterwards."""


def merge(steps: list[Any], kept: Collection[Buffer]) -> list[Any]:
    """Return the steps of an iteration with loops merged.

    Parameters
    ----------
    steps : list
        In order of execution.
    kept : collection of Buffer
        Memory that is read by others than these steps.
    """
    found = [_Member(_squeezed(step) if isinstance(step, Loop) else step) for step in steps]
    j = 1
    while j < len(found):
        place = _merge_into_earlier(found, j, kept)
        j = j + 1 if place is None else max(place, 1)
    return [member.step for member in found]


class _Member:
    """A step, and the buffers that it reads and writes."""

    __slots__ = ("loop", "step", "touched", "writes")

    def __init__(self, step: Any) -> None:
        self.step = step
        self.touched = frozenset(touched(step))
        self.loop = isinstance(step, Loop) and math.prod(step.shape) > SMALL and not _scatters(step)
        if isinstance(step, Loop):
            self.writes = frozenset(step.written)
        elif isinstance(step, Repeat):
            self.writes = frozenset(written(step)) & self.touched
        else:
            self.writes = frozenset([step.buffer]) if isinstance(step, Fill) else self.touched

    def commutes(self, other: _Member) -> bool:
        """Say whether two steps may change places."""
        both = (self.writes & other.touched) | (other.writes & self.touched)
        if not both:
            return True
        if not (isinstance(self.step, Loop) and isinstance(other.step, Loop)):
            return False
        return not any(
            may_overlap(a, b)
            for a, a_written in _uses(self.step)
            if a.buffer in both
            for b, b_written in _uses(other.step)
            if b.buffer is a.buffer and (a_written or b_written)
        )


def _merge_into_earlier(members: list[_Member], j: int, kept: Collection[Buffer]) -> int | None:
    """Merge a loop with an earlier one, if that can be done; return the place of both."""
    later = members[j]
    if not later.loop:
        return None
    free = True
    for i in range(j - 1, -1, -1):
        earlier = members[i]
        if earlier.loop and earlier.step.shape == later.step.shape:
            common = [b for b in earlier.touched & later.touched if b.size > 1]
            if common and (free or all(earlier.commutes(members[k]) for k in range(i + 1, j))):
                others = [member.touched for member in members if member not in (earlier, later)]
                own = [b for b in common if b.kind == "arena" and b not in kept and not any(b in o for o in others)]
                both = _both(earlier.step, later.step, own)
                if both:
                    at = i if free else j
                    members[at : at + 1] = map(_Member, both)
                    del members[j + len(both) - 1 if free else i]
                    return at + len(both) - 1 if free else j + len(both) - 2
        free = free and later.commutes(earlier)
    return None


# -- what loops touch -------------------------------------------------------------------------------------------------


def _squeezed(loop: Loop) -> Loop:
    """Return a loop without axes of one entry."""
    axes = [a for a, n in enumerate(loop.shape) if n != 1]
    if len(axes) == len(loop.shape):
        return loop
    shape = tuple(loop.shape[a] for a in axes)
    views = [replace(v, strides=tuple(v.strides[a] for a in axes), shape=shape) for v in loop.accesses]
    return Loop(shape, views, list(loop.body), list(loop.stores), loop.equations)


def _scatters(loop: Loop) -> bool:
    """Say whether a loop writes to computed places that differ from point to point."""
    items = [loop.body[j] for store in loop.stores for j in store.at]
    return any(not isinstance(item, Load) or any(loop.accesses[item.access].strides) for item in items)


def _uses(loop: Loop) -> list[tuple[View, bool]]:
    """Return what a loop touches, and whether it writes it."""
    stored = {store.access for store in loop.stores}
    return [(view, k in stored) for k, view in enumerate(loop.accesses)]


# -- two loops as one -------------------------------------------------------------------------------------------------


def _both(earlier: Loop, later: Loop, own: Collection[Buffer]) -> list[Loop]:
    """Return a loop that does at each point what two loops do one after the other, behind those that read single
    entries for it; nothing if there is none, or no good.

    Nobody but these two looks at the buffers in ``own``.
    """
    rows: set[Buffer] = set()
    entries: set[int] = set()
    if not _at_one_point(earlier, later, rows, entries):
        return []
    first, earlier = read_before(earlier, sorted(entries)) if entries else ([], earlier)
    merged = _Merged(earlier.shape, rows)
    if not (merged.add(earlier) and merged.add(later)):
        return []
    loop = merged.loop
    read = {loop.accesses[item.access].buffer for item in loop.body if hasattr(item, "access")}
    loop.stores = [s for s in loop.stores if (b := loop.accesses[s.access].buffer) in read or b not in own]
    loop = used(loop)
    loop.equations = list(dict.fromkeys([*earlier.equations, *later.equations]))
    if len(loop.body) > _MOST or len(loop.accesses) > _STREAMS or _cost(loop) > _cost(earlier) + _cost(later):
        return []
    return [*first, loop]


class _Merged:
    """A loop that grows by what other loops do, with one access for each place.

    Rows of the arrays in ``rows``, which may be the same, share an access.
    """

    def __init__(self, shape: Shape, rows: Collection[Buffer]) -> None:
        self.loop = Loop(shape)
        self._rows = rows
        self._accesses: dict[Any, int] = {}
        self._items: dict[Any, int] = {}
        self._stored: dict[Any, int] = {}  # access, computed places -> the number of the store to it

    def add(self, other: Loop) -> bool:
        """Append what a loop does; False if that is no store that can follow another one to the same place."""
        moved: list[int] = []
        for item in other.body:
            moved.append(self._append(item, other.accesses, moved))
        return all(self._store(store, other.accesses[store.access], moved) for store in other.stores)

    def _append(self, item: Any, accesses: Sequence[View], moved: Sequence[int]) -> int:
        """Return the item that does what an item of another loop does."""
        if isinstance(item, Op):
            return self._item(replace(item, args=tuple([moved[j] for j in item.args])))
        if isinstance(item, Const):
            return self._item(item)
        at = tuple([moved[j] for j in getattr(item, "at", ())])
        access = self._access(accesses[item.access], at)
        item = replace(item, access=access, at=at) if at else replace(item, access=access)
        if (access, at) not in self._stored or isinstance(item, Outside):
            return self._item(item)
        # What stands there now is known: this loop has made it.
        number = self._stored[access, at]
        store = self.loop.stores[number]
        if store.how != "set":
            store = self.loop.stores[number] = replace(store, item=self._sum(self._item(item), store), how="set")
        return store.item

    def _store(self, store: Store, view: View, moved: Sequence[int]) -> bool:
        at = tuple([moved[j] for j in store.at])
        access = self._access(view, at)
        store = replace(store, access=access, item=moved[store.item], at=at)
        number = self._stored.get((access, at))
        if number is None:
            self._stored[access, at] = len(self.loop.stores)
            self.loop.stores.append(store)
            return True
        before = self.loop.stores[number]
        if any(after.access == access for after in self.loop.stores[number + 1 :]):
            return False  # which may have written the same row
        if store.how == "add" and before.how in ("add", "set"):
            store = replace(before, item=self._sum(before.item, store))
        elif store.how != "set":
            return False
        self.loop.stores[number] = store
        return True

    def _access(self, view: View, at: tuple[int, ...]) -> int:
        key: Any = (view.buffer, view.offset, view.strides, view.indexed, at)
        if view.buffer in self._rows:
            key, view = key[:-1], replace(view, safe=False, forms=())  # which are those of one place
        if key not in self._accesses:
            self._accesses[key] = len(self.loop.accesses)
            self.loop.accesses.append(view)
        return self._accesses[key]

    def _item(self, item: Any) -> int:
        if item not in self._items:
            self._items[item] = len(self.loop.body)
            self.loop.body.append(item)
        return self._items[item]

    def _sum(self, first: int, store: Store) -> int:
        """Return the item that holds what was at a place and what is added to it."""
        dtype = self.loop.accesses[store.access].dtype
        name = "logical_or" if dtype.kind == "b" else "add"
        return self._item(Op(name, (first, store.item), (), (dtype, dtype), dtype))


def _at_one_point(earlier: Loop, later: Loop, rows: set[Buffer], entries: set[int]) -> bool:
    """Say whether what one loop writes is touched by the other at the same point, or not at all.

    That is so as well if the later one writes a row of an array (noted in ``rows``) of which the earlier one touches
    rows and, in case they are read before it, single entries (noted in ``entries``, as numbers of items).
    """
    there: dict[Buffer, list[tuple[View, str, Any, int]]] = {}
    for view, how, place, number in _places(earlier):
        there.setdefault(view.buffer, []).append((view, how, place, number))
    for view, how, place, _ in _places(later):
        for other, other_how, other_place, number in there.get(view.buffer, ()):
            if how == other_how == "get":
                continue
            if not _KNOWN.issuperset((how, other_how)):
                return False  # the largest entry along an axis of one, say
            if place == other_place and _lies(view) == _lies(other):
                still = any(n > 1 and not s for n, s in zip(view.shape, view.strides, strict=True))
                if still or view.dtype.kind != "f" or not injective(view.shape, view.strides):
                    return False
            elif may_overlap(view, other):
                if how == "get" or not (_is_steady(place) and _is_steady(other_place)):
                    return False
                if alike(view, other):
                    rows.add(view.buffer)
                elif other_how == "get" and is_entry(other) and isinstance(earlier.body[number], Pick):
                    entries.add(number)
                else:
                    return False
    return True


def _lies(view: View) -> Any:
    return view.offset, view.strides, view.indexed


def _places(loop: Loop) -> Iterator[tuple[View, str, Any, int]]:
    """Yield what a loop touches, how, where in memory the computed places lie that say where, and number of the item.

    That number is -1 for what is written.
    """
    for j, item in enumerate(loop.body):
        if hasattr(item, "access"):
            yield loop.accesses[item.access], "get", _looked_up(loop, getattr(item, "at", ())), j
    for store in loop.stores:
        yield loop.accesses[store.access], store.how, _looked_up(loop, store.at), -1


def _looked_up(loop: Loop, at: tuple[int, ...]) -> Any:
    """Return where computed places lie; what is no single number in memory is like nothing else."""
    found: list[Any] = []
    for j in at:
        item = loop.body[j]
        view = loop.accesses[item.access] if isinstance(item, Load) else None
        found.append(object() if view is None or any(view.strides) else (view.buffer, view.offset))
    return tuple(found)


def _is_steady(place: tuple[Any, ...]) -> bool:
    """Say whether computed places are numbers in memory, the same for all points."""
    return all(isinstance(one, tuple) for one in place)


def _cost(loop: Loop) -> float:
    """Return what the accesses of a loop cost for each point, along the axis that suits them best."""
    return min(sum(stride_cost(abs(view.strides[a])) for view in loop.accesses) for a in range(len(loop.shape)))
