"""What an iteration of a loop does, as one list of operations with what it writes at the end.

The steps of an iteration hand numbers to each other through memory of one entry.  Here such a number is the operation
that makes it, a choice between two numbers is a ``select``, and a sum that goes through all iterations is an
accumulating store.  What a loop inside does as a nest is taken over, axes included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ...core.bounds import Affine, Counter
from .loops import Buffer, Choice, Const, Extent, Fill, Load, Loop, Op, Pick, Repeat, Store, View, needed_for
from .meeting import Place, in_order

_INDEX: Final = np.dtype(np.int64)
_BOOL: Final = np.dtype(np.bool_)
_MOST: Final = 160
"""Operations from which on a loop is left as it is."""
_SHORT: Final = 12
"""Operations up to which a branch is computed even where it is not taken."""


class Unfit(Exception):
    """A loop cannot become a nest."""


@dataclass(slots=True)
class Known:
    """What is known of integers of one entry.

    Attributes
    ----------
    forms : dict
        Buffer -> its value as an expression of counters.
    counts : dict
        Buffer -> the expression of which it is the larger one of that and 0.
    opaque : list of Buffer
        Where numbers lie of which nothing is known but that they stay the same; that of depth ``-1 - k`` is the k-th.
    """

    forms: dict[Buffer, Affine] = field(default_factory=dict)
    counts: dict[Buffer, Affine] = field(default_factory=dict)
    opaque: list[Buffer] = field(default_factory=list)

    def copy(self) -> Known:
        """Return what is known as of now; numbers without an expression are shared."""
        return Known(dict(self.forms), dict(self.counts), self.opaque)

    def without(self, buffers: Iterable[Buffer]) -> Known:
        found = self.copy()
        found.forget(buffers)
        return found

    def forget(self, buffers: Iterable[Buffer]) -> None:
        for buffer in buffers:
            self.forms.pop(buffer, None)
            self.counts.pop(buffer, None)

    def form(self, buffer: Buffer) -> Affine:
        """Return the expression of a number that stays the same while it is asked for."""
        found = self.forms.get(buffer)
        if found is None:
            self.opaque.append(buffer)
            found = self.forms[buffer] = Affine(0, ((Counter(-len(self.opaque), None), 1),))
        return found

    def last(self, step: Repeat) -> Affine | None:
        """Return the largest value of a loop's counter."""
        if step.count is not None:
            buffer = step.count.buffer
            found = self.counts.get(buffer) or self.forms.get(buffer)
            if found is not None and is_number(step.count):
                return found.plus(Affine(-1))
        return None if step.length is None else Affine(step.length - 1)

    def of_items(self, loop: Loop) -> dict[int, Affine]:
        """Return the expressions of what a loop over a single point computes."""
        forms: dict[int, Affine] = {}
        for j, item in enumerate(loop.body):
            if isinstance(item, Load):
                view = loop.accesses[item.access]
                if is_number(view) and view.dtype.kind in "iu":
                    forms[j] = self.form(view.buffer)
            else:
                found = combined(item, forms)
                if found is not None:
                    forms[j] = found
        return forms

    def follow(self, loop: Loop) -> None:
        """Note what a loop over a single point makes of integers."""
        forms = self.of_items(loop)
        counts: dict[int, Affine] = {}
        for j, item in enumerate(loop.body):
            if isinstance(item, Op) and item.name == "max":
                a, b = (forms.get(k) for k in item.args)
                count = a if b == Affine(0) else b if a == Affine(0) else None
                if count is not None:
                    counts[j] = count
        self.forget(loop.written)
        for store in loop.stores:
            view = loop.accesses[store.access]
            if is_number(view) and store.how == "set":
                if store.item in forms:
                    self.forms[view.buffer] = forms[store.item]
                if store.item in counts:
                    self.counts[view.buffer] = counts[store.item]


def is_number(view: View) -> bool:
    """Say whether a view is a buffer of one entry."""
    return view.buffer.size == 1 and not view.indexed


def combined(item: Any, forms: dict[int, Affine]) -> Affine | None:
    """Return the expression that an operation makes of others."""
    if isinstance(item, Const):
        return Affine(int(item.value)) if item.dtype.kind in "iu" else None
    if not isinstance(item, Op) or item.out.kind not in "iu" or any(dtype.kind not in "iu" for dtype in item.dtypes):
        return None
    given = [forms.get(j) for j in item.args]
    if None in given:
        return None
    first, second = given[0], given[-1]
    assert first is not None
    assert second is not None
    found = None
    if item.name in ("convert", "copy"):
        found = first
    elif item.name == "neg":
        found = first.times(-1)
    elif item.name in ("add", "sub"):
        found = first.plus(second, 1 if item.name == "add" else -1)
    elif item.name == "mul" and not (first.terms and second.terms):
        found = second.times(first.constant) if not first.terms else first.times(second.constant)
    return None if found is None else in_order(found)


@dataclass(eq=False, slots=True)
class Write:
    """A store, where it goes, and when."""

    store: Store
    place: Place
    time: int

    @property
    def how(self) -> str:
        return self.store.how


@dataclass(eq=False, slots=True)
class Reading:
    """A load of what the loop writes: item, place and time."""

    item: int
    place: Place
    time: int


class Straight:
    """An iteration, or a point of a nest of loops.

    Attributes
    ----------
    counters, extents : list
        For each axis its counter, and its length.
    items : list
        The operations, as in a :class:`~.loops.Loop`.  Counters are 0 in them: how far a place moves with each says
        ``places``.
    accesses, places : list
        What is read and written, each place once.
    writes, reads : list
        In order; reads only of what is written.
    """

    def __init__(self, step: Repeat, known: Known, counter: Counter, written: set[Buffer]) -> None:
        self.known, self.written = known, written
        self.counters = [counter]
        self.extents = [Extent(step.count, step.length)]
        self.items: list[Any] = []
        self.accesses: list[View] = []
        self.places: list[Place] = []
        self.writes: list[Write] = []
        self.reads: list[Reading] = []
        self._counter = step.counter
        self._forms: dict[int, Affine] = {}
        self._known_items: dict[Any, int] = {}
        self._numbers: dict[Any, int] = {}
        self._values: dict[Buffer, int] = {}
        self._first: dict[Buffer, int] = {}
        self._seen: dict[Place, int] = {}
        self._time = 0
        self._closed = False
        if step.count is not None and step.count.buffer in written:
            raise Unfit
        self.items.append(Const(0, _INDEX))
        self._forms[0] = Affine(0, ((counter, 1),))
        for part in step.body:
            self._part(part)
        self._carry(set(step.outer))
        self._check()

    # -- items --------------------------------------------------------------------------------------------------------

    def _add(self, item: Any) -> int:
        found = self._known_items.get(item)
        if found is None:
            if len(self.items) >= _MOST:
                raise Unfit
            self.items.append(item)
            found = self._known_items[item] = len(self.items) - 1
            form = combined(item, self._forms)
            if form is not None:
                self._forms[found] = form
        return found

    def _access(self, place: Place, key: Any) -> int:
        found = self._numbers.get(key)
        if found is None:
            self.accesses.append(View(place.buffer, place.offset, (), (), place.indexed))
            self.places.append(place)
            found = self._numbers[key] = len(self.accesses) - 1
        return found

    def _number(self, view: View) -> int:
        """Return the item that is the value of a buffer of one entry."""
        buffer = view.buffer
        if buffer in self._values:
            return self._values[buffer]
        if buffer is self._counter:
            return 0
        if buffer not in self._first:
            place = Place(buffer, 0, (), ())
            self.items.append(Load(self._access(place, place)))
            item = self._first[buffer] = len(self.items) - 1
            if view.dtype.kind in "iu" and buffer not in self.written:
                self._forms[item] = self.known.form(buffer)
        return self._first[buffer]

    def _place(self, view: View, at: Sequence[int]) -> Place:
        return Place(view.buffer, view.offset, view.indexed, tuple([self._forms.get(j) for j in at]))

    def _read(self, place: Place, at: tuple[int, ...], safe: bool) -> int:
        """Return the item that reads an entry."""
        if at and not safe:
            raise Unfit
        if place.buffer.size == 1 and place.indexed and place.buffer in self.written:
            raise Unfit  # seen both as a number and as an array
        if None in place.forms:
            if place.buffer in self.written:
                raise Unfit
            return self._add(Pick(self._access(place, (place, at)), at, True))
        if place not in self._seen:
            access = self._access(place, place)
            self.items.append(Pick(access, at, True) if at else Load(access))
            item = self._seen[place] = len(self.items) - 1
            if place.buffer in self.written:
                self._time += 1
                self.reads.append(Reading(item, place, self._time))
        return self._seen[place]

    def _write(self, place: Place, at: tuple[int, ...], store: Store, item: int) -> None:
        if store.how not in ("set", "add") or (at and not store.safe) or None in place.forms:
            raise Unfit
        if place.buffer.size == 1 and place.indexed:
            raise Unfit
        self._time += 1
        access = self._access(place, place)
        self.writes.append(Write(Store(access, item, store.how, at, True), place, self._time))
        self._forget(place.buffer)
        if store.how == "set":
            self._seen[place] = item

    def _forget(self, buffer: Buffer) -> None:
        for place in [place for place in self._seen if place.buffer is buffer]:
            del self._seen[place]

    # -- steps --------------------------------------------------------------------------------------------------------

    def _part(self, step: Any) -> None:
        if self._closed:
            raise Unfit
        if isinstance(step, Fill) and step.buffer.size == 1:
            self._values[step.buffer] = self._add(Const(step.value, step.buffer.dtype))
        elif isinstance(step, Loop) and math.prod(step.shape) == 1:
            self._point(step)
        elif isinstance(step, Choice):
            self._choice(step)
        elif isinstance(step, Repeat) and len(step.nests) == 1 and not self.writes:
            self._nest(step)
        else:
            raise Unfit

    def _body(self, loop: Loop, read: Callable[[Load | Pick, tuple[int, ...]], int]) -> list[int]:
        """Take over a loop's items; return what each became. ``read(item, at)`` does so for reads of arrays."""
        items: list[int] = []
        for item in loop.body:
            if isinstance(item, Load) and is_number(loop.accesses[item.access]):
                items.append(self._number(loop.accesses[item.access]))
            elif isinstance(item, Load | Pick):
                items.append(read(item, tuple([items[j] for j in getattr(item, "at", ())])))
            elif isinstance(item, Const):
                items.append(self._add(item))
            elif isinstance(item, Op):
                items.append(self._add(replace(item, args=tuple([items[j] for j in item.args]))))
            else:
                raise Unfit
        return items

    def _point(self, loop: Loop) -> None:
        def read(item: Load | Pick, at: tuple[int, ...]) -> int:
            return self._read(self._place(loop.accesses[item.access], at), at, getattr(item, "safe", True))

        items = self._body(loop, read)
        for store in loop.stores:
            view, item = loop.accesses[store.access], items[store.item]
            if is_number(view):
                if store.how == "add":
                    item = self._op("add", self._number(view), item, view.dtype)
                elif store.how != "set":
                    raise Unfit
                self._values[view.buffer] = item
            else:
                at = tuple([items[j] for j in store.at])
                self._write(self._place(view, at), at, store, item)

    def _op(self, name: str, a: int, b: int, dtype: Any) -> int:
        return self._add(Op(name, (a, b), (), (dtype, dtype), dtype))

    def _choice(self, step: Choice) -> None:
        """Compute both branches, and select."""
        if len(step.branches) != 2 or step.index.dtype.kind != "b" or not is_number(step.index):
            raise Unfit
        which = self._number(step.index)
        before, seen, writes = dict(self._values), dict(self._seen), self.writes
        found = []
        for branch in step.branches:
            self._values, self._seen, self.writes = dict(before), dict(seen), []
            start = len(self.items)
            for part in branch:
                if isinstance(part, Repeat):
                    raise Unfit
                self._part(part)
            if sum(isinstance(item, Op) for item in self.items[start:]) > _SHORT:
                raise Unfit
            found.append((self._values, self.writes))
        (no, no_writes), (yes, yes_writes) = found
        self._values, self._seen, self.writes = before, seen, writes
        for buffer in dict.fromkeys([*no, *yes]):
            if buffer in no and buffer in yes:
                self._values[buffer] = self._select(which, yes[buffer], no[buffer], buffer.dtype)
            elif buffer in step.outer:
                old = self._number(View(buffer, 0, (), ()))
                self._values[buffer] = self._select(which, yes.get(buffer, old), no.get(buffer, old), buffer.dtype)
        if [(w.place, w.how) for w in no_writes] != [(w.place, w.how) for w in yes_writes]:
            raise Unfit
        for w, v in zip(yes_writes, no_writes, strict=True):
            item = self._select(which, w.store.item, v.store.item, w.place.buffer.dtype)
            self._write(w.place, w.store.at, w.store, item)

    def _select(self, which: int, yes: int, no: int, dtype: Any) -> int:
        return yes if yes == no else self._add(Op("select", (which, yes, no), (), (_BOOL, dtype, dtype), dtype))

    def _nest(self, step: Repeat) -> None:
        """Take over what a loop does as a nest."""
        (nest,) = step.nests
        if any(extent.count is not None and extent.count.buffer in self.written for extent in nest.extents):
            raise Unfit
        for counter in nest.counters:  # rectangular: its length is the same in all iterations
            if counter.last is None or any(c in self.counters for c, _ in counter.last.terms):
                raise Unfit
        loop = nest.loop
        if any(store.shift for store in loop.stores):
            raise Unfit

        def read(item: Load | Pick, at: tuple[int, ...]) -> int:
            return self._read(self._within(loop.accesses[item.access], nest.forms[item.access]), at, True)

        items = self._body(loop, read)
        for store in loop.stores:
            view, at = loop.accesses[store.access], tuple([items[j] for j in store.at])
            place = self._within(view, nest.forms[store.access])
            if is_number(view) and (view.buffer in self._values or view.buffer not in step.outer):
                raise Unfit
            self._write(place, at, store, items[store.item])
        self.counters += nest.counters
        self.extents += nest.extents
        self._closed = True

    def _within(self, view: View, forms: tuple[Affine | None, ...]) -> Place:
        for form in forms:
            for counter, _ in () if form is None else form.terms:
                if counter.depth < 0 and self.known.opaque[-1 - counter.depth] in self.written:
                    raise Unfit
        return Place(view.buffer, view.offset, view.indexed, forms)

    # -- what goes from iteration to iteration ------------------------------------------------------------------------

    def _carry(self, outer: set[Buffer]) -> None:
        """Make accumulating stores of sums that go through all iterations."""
        for buffer, item in self._values.items():
            first = self._first.get(buffer)
            if buffer not in outer or item == first:
                continue
            terms = None if first is None else self._terms(item, first)
            if terms is None or self._closed:  # with a nest within, it would be added at each point of that
                raise Unfit
            place = Place(buffer, 0, (), ())
            for term in terms:
                self._time += 1
                store = Store(self._access(place, place), term, "add", (), True)
                self.writes.append(Write(store, place, self._time))
        wanted = needed_for(Loop((), [], self.items, []), [write.store for write in self.writes])
        if any(first in wanted and buffer in self.written for buffer, first in self._first.items()):
            raise Unfit

    def _terms(self, item: int, first: int) -> list[int] | None:
        """Return what is added to a number to make another one."""
        if item == first:
            return []
        op = self.items[item]
        if not isinstance(op, Op) or op.name not in ("add", "sub"):
            return None
        a, b = op.args
        found = self._terms(a, first)
        if found is not None:
            return [*found, b if op.name == "add" else self._add(Op("neg", (b,), (), (op.out,), op.out))]
        found = self._terms(b, first) if op.name == "add" else None
        return None if found is None else [*found, a]

    def _check(self) -> None:
        """See that counters only say where entries are."""
        varying = {0}
        for j, item in enumerate(self.items):
            if isinstance(item, Op) and not varying.isdisjoint(item.args):
                varying.add(j)
            unknown = isinstance(item, Pick) and None in self.places[item.access].forms
            if unknown and not varying.isdisjoint(item.at):
                raise Unfit
        wanted = needed_for(Loop((), [], self.items, []), [write.store for write in self.writes])
        if any(write.store.item in varying for write in self.writes):
            raise Unfit
        for j in wanted:
            item = self.items[j]
            if isinstance(item, Op) and j not in varying and not varying.isdisjoint(item.args):
                raise Unfit
