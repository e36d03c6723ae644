"""Entries that one iteration writes and the next one reads, in registers.

``x[i] = d[i] - c[i] * x[i - 1]`` waits in every iteration for what the last one stored, and so does its derivative,
``g[i - 1] += c * g[i]``: through memory, that takes twice as long as the arithmetic.  The entries of an array that the
iterations of a loop reach, ``x[i - 1]`` and ``x[i]``, are a window that rolls along: in each iteration one entry comes
in, and one goes out.  In between it lies in a slot, which LLVM makes a register (scalar replacement: D. Callahan,
S. Carr and K. Kennedy, "Improving register allocation for subscripted variables", 1990).  An entry that is the same
in all iterations is read before the loop, and written behind it.

All that reaches such an array has to be known: places that are affine expressions of counters, in every iteration, and
of two of them either that they are never the same, or how many iterations later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ...core.bounds import Affine, Counter
from .loops import Buffer, Const, Load, Loop, Op, Outside, Pick, Repeat, Store, View, whole
from .meeting import Place, Relation, relation
from .plan import touched, written
from .straight import Known, is_number

_INDEX: Final = np.dtype(np.int64)
_LONG: Final = 4
"""Iterations after which an entry is no longer waited for."""
_NEVER: Final = math.inf


def roll(step: Repeat, known: Known, counter: Counter, counters: Mapping[Counter, Buffer]) -> None:
    """Keep in registers what a loop's iterations hand to each other in arrays.

    Parameters
    ----------
    step
        The loop, which is changed.
    known
        What is known of integers when an iteration begins.
    counter
        The loop's own.
    counters
        Where counters of loops around lie, and its own.
    """
    if step.test or step.going is not None or step.nests:
        return
    arrays = _written(step)
    if not arrays:
        return
    reached = _reached(step, known, arrays)
    windows = []
    for buffer in arrays:
        if buffer in reached:
            windows += _windows(reached[buffer], counter, step.reverse)
    moving = {buffer for part in step.body for buffer in written(part)} | {step.counter}
    places = _Places(known, counters, moving)
    windows = [w for w in windows if all(places.can_reach(place) for place in w.places)]
    if not windows:
        return
    for window in windows:
        window.take_over()
    step.before += places.reading([pair for w in windows for pair in w.at_first()])
    ahead = places.reading([pair for w in windows for pair in w.coming()])
    behind = places.writing([pair for w in windows for pair in w.going()])
    turn = _turning([pair for w in windows for pair in w.turning()])
    step.body[:] = [*ahead, *step.body, *behind, *turn]
    step.after += places.writing([pair for w in windows for pair in w.at_last()])


def _written(step: Repeat) -> list[Buffer]:
    """Return the arrays that single stores of an iteration write into."""
    found: dict[Buffer, None] = {}
    for part in step.body:
        if isinstance(part, Loop) and math.prod(part.shape) == 1:
            found.update(dict.fromkeys(part.written))
    return [buffer for buffer in found if buffer.size > 1 and buffer.dtype.kind in "fiub"]


# -- what is reached --------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Reach:
    """A load or store of an entry: number ``item`` of the loop's items, or ``store`` of its stores; and where."""

    loop: Loop
    item: int
    store: int
    place: Place
    cell: int = 0
    """In how many iterations the first one of its window reaches the same entry."""

    @property
    def how(self) -> str:
        return self.loop.stores[self.store].how if self.store >= 0 else "get"


def _reached(step: Repeat, known: Known, arrays: Sequence[Buffer]) -> dict[Buffer, list[Reach]]:
    """Return for arrays, in order, all that reaches them; without arrays of which that is not known."""
    within = known.copy()
    found: dict[Buffer, list[Reach]] = {buffer: [] for buffer in arrays}
    for part in step.body:
        if isinstance(part, Loop) and math.prod(part.shape) == 1:
            for reach in reaches(part, within.of_items(part)):
                if reach.place.buffer in found:
                    found[reach.place.buffer].append(reach)
            within.follow(part)
        else:
            for buffer in touched(part):
                found.pop(buffer, None)
            within.forget(written(part))
    return {buffer: reached for buffer, reached in found.items() if all(None not in r.place.forms for r in reached)}


def reaches(loop: Loop, forms: Mapping[int, Affine]) -> Iterator[Reach]:
    """Yield what a loop over a single point reaches, in order; a place that is not known has None among its forms."""

    def place(access: int, at: Sequence[int], safe: bool) -> Place:
        view = loop.accesses[access]
        return Place(view.buffer, view.offset, view.indexed, tuple([forms.get(j) if safe else None for j in at]))

    for j, item in enumerate(loop.body):
        if isinstance(item, Load):
            yield Reach(loop, j, -1, place(item.access, (), True))
        elif isinstance(item, Pick | Outside):
            yield Reach(loop, j, -1, place(item.access, item.at, isinstance(item, Pick) and item.safe))
    for s, store in enumerate(loop.stores):
        yield Reach(loop, -1, s, place(store.access, store.at, store.safe))


# -- windows ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Window:
    """What reaches entries that follow each other, iteration by iteration.

    ``places[k]`` is where, in each iteration, the entry lies that came in k iterations before, and ``slots[k]`` where
    it is kept.  An entry that stays the same has one place.
    """

    reached: list[Reach]
    places: list[Place]
    stays: bool
    slots: list[View] = field(default_factory=list)

    def take_over(self) -> None:
        """Let loads and stores use the slots."""
        self.slots = [whole(Buffer(1, self.places[0].buffer.dtype), ()) for _ in self.places]
        for reach in self.reached:
            _redirect(reach, self.slots[reach.cell])

    def _is_written(self, until: int) -> bool:
        return any(reach.store >= 0 and reach.cell <= until for reach in self.reached)

    def at_first(self) -> list[tuple[Place, View]]:
        """Return what has to be read before the first iteration."""
        first = 0 if self.stays else 1
        return list(zip(self.places[first:], self.slots[first:], strict=True))

    def coming(self) -> list[tuple[Place, View]]:
        """Return what each iteration has to read: the entry that comes in, unless it is overwritten anyway."""
        anew = next(reach.how for reach in self.reached if reach.cell == 0) == "set"
        return [] if self.stays or anew else [(self.places[0], self.slots[0])]

    def going(self) -> list[tuple[Place, View]]:
        """Return what each iteration has to write: the entry that goes out."""
        return [] if self.stays else [(self.places[-1], self.slots[-1])]

    def turning(self) -> list[tuple[View, View]]:
        """Return which slots take over what others hold."""
        return list(zip(self.slots, self.slots[1:], strict=False))

    def at_last(self) -> list[tuple[Place, View]]:
        """Return what has to be written after the last iteration, whose counter is still there."""
        if self.stays:
            return [(self.places[0], self.slots[0])]
        pairs = zip(self.places, self.slots[1:], strict=False)
        return [pair for k, pair in enumerate(pairs) if self._is_written(k)]


def _windows(reached: Sequence[Reach], counter: Counter, reverse: bool) -> list[Window]:
    """Return the windows of an array; none where something is not known."""
    groups: list[list[Reach]] = []
    for reach in reached:
        mine: list[Reach] | None = None
        for group in groups:
            distances = [_distance(reach.place, other.place, counter) for other in group]
            if None in distances:
                return []
            if distances[0] is not _NEVER:
                reach.cell = group[0].cell + int(distances[0] or 0)
                mine = group
        if mine is None:
            groups.append([reach])
        else:
            mine.append(reach)
    windows = []
    for group in groups:
        if all(reach.store < 0 for reach in group):
            continue
        stays = not any(_moves(group[0].place, counter))
        cells = [reach.cell for reach in group]
        if not stays and not 0 < max(cells) - min(cells) <= _LONG:
            continue
        # Counting up, what has the largest index reaches an entry first.
        first, way = (min(cells), 1) if reverse else (max(cells), -1)
        origin = _shifted(group[0].place, counter, first)
        length = max(cells) - min(cells)
        places = [_shifted(origin, counter, way * k) for k in range(length + 1)]
        # The first entries of a window with gaps are held although no iteration reaches them: nothing else may, either.
        gaps = [place for k, place in enumerate(places) if first + way * k not in cells]
        others = [reach.place for other in groups if other is not group for reach in other]
        if any(_distance(place, gap, counter) is not _NEVER for gap in gaps for place in others):
            continue
        for reach in group:
            reach.cell = abs(reach.cell - first)
        windows.append(Window(group, places, stays))
    return windows


def _moves(place: Place, counter: Counter) -> list[int]:
    return [0 if form is None else dict(form.terms).get(counter, 0) for form in place.forms]


def _shifted(place: Place, counter: Counter, cells: int) -> Place:
    """Return the place that is reached so many iterations later."""
    moves = _moves(place, counter)
    forms = [form and form.plus(Affine(move * cells)) for form, move in zip(place.forms, moves, strict=True)]
    return replace(place, forms=tuple(forms))


def _distance(a: Place, b: Place, counter: Counter) -> float | None:
    """Return by how many iterations one place is ahead of another: _NEVER if they never meet, None if nobody knows."""
    if (a.offset, a.indexed) == (b.offset, b.indexed):
        moves = _moves(a, counter)
        gaps = [f.plus(g, -1) for f, g in zip(a.forms, b.forms, strict=True) if f is not None and g is not None]
        if not any(gap.terms for gap in gaps):
            found = {gap.constant / move for gap, move in zip(gaps, moves, strict=True) if move}
            if any(gap.constant and not move for gap, move in zip(gaps, moves, strict=True)) or len(found) > 1:
                return _NEVER
            cells = found.pop() if found else 0.0
            return cells if cells == int(cells) else _NEVER
    return _NEVER if relation(a, b, [counter]) is Relation.APART else None


# -- taking over ------------------------------------------------------------------------------------------------------


def _redirect(reach: Reach, slot: View) -> None:
    """Let a load or store use a slot."""
    loop = reach.loop
    number = next((k for k, view in enumerate(loop.accesses) if view.buffer is slot.buffer), len(loop.accesses))
    if number == len(loop.accesses):
        loop.accesses.append(slot)
    if reach.store < 0:
        loop.body[reach.item] = Load(number)
    else:
        loop.stores[reach.store] = replace(loop.stores[reach.store], access=number, at=(), safe=False)


def _turning(pairs: Sequence[tuple[View, View]]) -> list[Loop]:
    """Return a loop that moves numbers from slot to slot, all at once."""
    if not pairs:
        return []
    loop = Loop(())
    numbers: dict[Buffer, int] = {}
    for view in [view for pair in pairs for view in pair]:
        if view.buffer not in numbers:
            numbers[view.buffer] = len(loop.accesses)
            loop.accesses.append(view)
    for old, new in pairs:
        loop.body.append(Load(numbers[old.buffer]))
        loop.stores.append(Store(numbers[new.buffer], len(loop.body) - 1))
    return [loop]


class _Places:
    """Writes loops over a point that read and write entries at places."""

    def __init__(self, known: Known, counters: Mapping[Counter, Buffer], moving: set[Buffer]) -> None:
        self.known, self.counters, self.moving = known, counters, moving

    def _buffer(self, counter: Counter) -> Buffer | None:
        """Return where a counter, or a number of which nothing is known, lies while the loop runs."""
        if counter.depth >= 0:
            return self.counters.get(counter)
        buffer = self.known.opaque[-1 - counter.depth]
        still = self.known.forms.get(buffer) == Affine(0, ((counter, 1),))
        return buffer if still and is_number(View(buffer, 0, (), ())) and buffer not in self.moving else None

    def can_reach(self, place: Place) -> bool:
        return all(self._buffer(c) is not None for form in place.forms if form is not None for c, _ in form.terms)

    def reading(self, pairs: Sequence[tuple[Place, View]]) -> list[Loop]:
        """Return what reads entries into slots."""
        writer = _Writer(self._buffer)
        for place, slot in pairs:
            at = writer.coordinates(place)
            access = writer.access(place)
            item = writer.item(Pick(access, at, True) if at else Load(access))
            writer.loop.accesses.append(slot)
            writer.loop.stores.append(Store(len(writer.loop.accesses) - 1, item))
        return [writer.loop] if pairs else []

    def writing(self, pairs: Sequence[tuple[Place, View]]) -> list[Loop]:
        """Return what writes slots to entries."""
        writer = _Writer(self._buffer)
        for place, slot in pairs:
            at = writer.coordinates(place)
            writer.loop.accesses.append(slot)
            item = writer.item(Load(len(writer.loop.accesses) - 1))
            writer.loop.stores.append(Store(writer.access(place), item, "set", at, True))
        return [writer.loop] if pairs else []


class _Writer:
    """A loop over a point while it is written; equal operations are one."""

    def __init__(self, buffer: Any) -> None:
        self.loop = Loop(())
        self._buffer = buffer
        self._known: dict[Any, int] = {}

    def item(self, item: Any) -> int:
        if item not in self._known:
            self.loop.body.append(item)
            self._known[item] = len(self.loop.body) - 1
        return self._known[item]

    def access(self, place: Place) -> int:
        self.loop.accesses.append(View(place.buffer, place.offset, (), (), place.indexed))
        return len(self.loop.accesses) - 1

    def _number(self, buffer: Buffer) -> int:
        known = [k for k, view in enumerate(self.loop.accesses) if view.buffer is buffer]
        if not known:
            self.loop.accesses.append(View(buffer, 0, (), ()))
        found = self.item(Load(known[0] if known else len(self.loop.accesses) - 1))
        if buffer.dtype == _INDEX:
            return found
        return self.item(Op("convert", (found,), (("dtype", _INDEX),), (buffer.dtype,), _INDEX))

    def _op(self, name: str, a: int, b: int) -> int:
        return self.item(Op(name, (a, b), (), (_INDEX, _INDEX), _INDEX))

    def coordinates(self, place: Place) -> tuple[int, ...]:
        """Return the items that are a place's coordinates."""
        found = []
        for form in place.forms:
            assert form is not None
            total: int | None = None
            for counter, c in form.terms:
                term = self._number(self._buffer(counter))
                if c != 1:
                    term = self._op("mul", term, self.item(Const(c, _INDEX)))
                total = term if total is None else self._op("add", total, term)
            if total is None or form.constant:
                constant = self.item(Const(form.constant, _INDEX))
                total = constant if total is None else self._op("add", total, constant)
            found.append(total)
        return tuple(found)
