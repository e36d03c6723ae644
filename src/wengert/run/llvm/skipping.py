"""Iterations that do nothing, skipped.

What flows back through the smallest of three entries flows to one of them: of a table of costs that is filled in this
way, the cotangents of most entries are zero, and an iteration that finds zero multiplies it, adds the products to what
stands elsewhere, and writes zero over it.  Nothing of that changes anything.  So a loop that begins by reading such an
entry looks at some of them at once, and goes on behind them if all are zero.

That an iteration does nothing where an entry is zero has to be certain: it overwrites nothing but that entry, by zero,
and whatever else it adds to is added to products of it (in which zero wins over inf and nan), or to zeros that
conditions choose in their place.  Numbers that it hands on to the next one must be such sums as well.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...core.bounds import Counter
from .loops import Buffer, Choice, Const, Fill, Load, Loop, Op, Pick, Repeat, Skip, Store
from .meeting import Place
from .plan import written
from .rolling import reaches
from .straight import Known, is_number

_LINEAR: Final = frozenset({"neg", "add", "sub", "copy", "convert"})
"""Operations that make zero of zeros."""


class Kind(enum.Enum):
    """What a number is in an iteration that is to do nothing."""

    ANY = enum.auto()
    CONSTANT = enum.auto()
    WEIGHT = enum.auto()
    """One of some constants, zero among them."""
    ZERO = enum.auto()
    CHOSEN = enum.auto()
    """Zero, and either something or zero in an iteration that does something."""


_NOTHING: Final = frozenset({Kind.ZERO, Kind.CHOSEN})


def find_skip(step: Repeat, known: Known, counter: Counter, counters: Mapping[Counter, Buffer]) -> None:
    """Note which entry tells that an iteration of a loop does nothing, if there is one, and if it is likely to be zero.

    Parameters
    ----------
    step
        The loop.
    known
        What is known of integers when an iteration begins.
    counter
        The loop's own.
    counters
        Where counters of loops around lie, and its own.
    """
    if step.test or step.going is not None or step.tape or step.nests:
        return
    if not all(map(_is_point, step.body)):
        return
    for place in _candidates(step, known):
        found = _along(place, counter, counters, step.reverse)
        if found is not None and _Silence(step, place).holds(known):
            step.skip = found
            return


def _is_point(part: Any) -> bool:
    """Say whether a step handles single entries."""
    if isinstance(part, Choice):
        return all(_is_point(step) for branch in part.branches for step in branch)
    if isinstance(part, Fill):
        return part.buffer.size == 1
    return isinstance(part, Loop) and math.prod(part.shape) == 1


def _candidates(step: Repeat, known: Known) -> list[Place]:
    """Return the places, in order, that an iteration reads and sets to zero."""
    read: list[Place] = []
    zeroed: set[Place] = set()

    def visit(steps: Sequence[Any], within: Known) -> None:
        for part in steps:
            if isinstance(part, Choice):
                for branch in part.branches:
                    visit(branch, within.copy())
            elif isinstance(part, Loop):
                for reach in reaches(part, within.of_items(part)):
                    if reach.how == "get":
                        read.append(reach.place)
                    elif reach.how == "set" and _is_zero(part.body[part.stores[reach.store].item]):
                        zeroed.add(reach.place)
                within.follow(part)
                continue
            within.forget(written(part))

    visit(step.body, known.copy())
    found = [place for place in dict.fromkeys(read) if place in zeroed]
    return [place for place in found if place.indexed and place.is_plain and place.buffer.dtype.kind == "f"]


def _along(place: Place, counter: Counter, counters: Mapping[Counter, Buffer], reverse: bool) -> Skip | None:
    """Return a place as an expression of counters, if it goes from entry to entry."""
    terms: dict[Counter, int] = {}
    offset = place.offset
    for form, (_, stride) in zip(place.forms, place.indexed, strict=True):
        assert form is not None
        offset += form.constant * stride
        for one, c in form.terms:
            terms[one] = terms.get(one, 0) + c * stride
    step = terms.get(counter, 0)
    if abs(step) != 1 or not all(one in counters for one in terms):
        return None
    return Skip(place.buffer, offset, [(counters[one], c) for one, c in terms.items() if c], -step if reverse else step)


def _is_zero(item: Any) -> bool:
    return isinstance(item, Const) and item.dtype.kind == "f" and item.value == 0


class _Silence:
    """Whether an iteration does nothing when an entry is zero."""

    def __init__(self, step: Repeat, place: Place) -> None:
        self.step, self.place = step, place
        # What an iteration makes of numbers. A buffer stands for what is in it when the iteration begins.
        self.made: dict[Buffer, Kind | Buffer] = {}
        self.added: set[Kind] = set()  # to the array of the entry

    def holds(self, known: Known) -> bool:
        """Say whether that is so, and conditions choose where what is not zero flows to."""
        return self._are_silent(self.step.body, known.copy(), False) and self.added == {Kind.CHOSEN}

    def _are_silent(self, steps: Sequence[Any], within: Known, chosen: bool) -> bool:
        """Say whether steps do nothing; ``chosen`` says whether conditions choose them."""
        for part in steps:
            if isinstance(part, Fill):
                if part.buffer in self.step.outer:
                    return False
                self.made[part.buffer] = Kind.ZERO if part.value == 0 else Kind.ANY
                within.forget([part.buffer])
            elif isinstance(part, Choice):
                if not self._is_silent_choice(part, within):
                    return False
            else:
                reached = list(reaches(part, within.of_items(part)))
                kinds = self._kinds(part, {reach.item: reach.place for reach in reached if reach.store < 0})
                if kinds is None:
                    return False
                targets = [reach.place for reach in reached if reach.store >= 0]
                for store, target in zip(part.stores, targets, strict=True):
                    if not self._is_silent(part, store, target, kinds, chosen):
                        return False
                within.follow(part)
        return True

    def _is_silent_choice(self, step: Choice, within: Known) -> bool:
        """Say whether a choice does nothing, whatever is chosen; note what its branches make of numbers."""
        index = step.index.buffer
        if index not in self.made and index not in self.step.outer:
            return False
        before = dict(self.made)
        branches = []
        for branch in step.branches:
            self.made = dict(before)
            if not self._are_silent(branch, within.copy(), True):
                return False
            branches.append(self.made)
        first, *others = branches
        self.made = {
            b: _joined([kind, *[o[b] for o in others]]) for b, kind in first.items() if all(b in o for o in others)
        }
        within.forget(written(step))
        return True

    def _kinds(self, loop: Loop, places: Mapping[int, Place]) -> list[Kind | Buffer] | None:
        """Return what items are; None if one of them is a number that only the iteration before can have made."""
        kinds: list[Kind | Buffer] = []
        for j, item in enumerate(loop.body):
            if isinstance(item, Load) and is_number(loop.accesses[item.access]):
                buffer = loop.accesses[item.access].buffer
                if buffer in self.step.outer:
                    kinds.append(buffer)
                elif buffer in self.made or buffer is self.step.counter:
                    kinds.append(self.made.get(buffer, Kind.ANY))
                else:
                    return None
            elif isinstance(item, Load | Pick):
                kinds.append(Kind.ZERO if places[j] == self.place else Kind.ANY)
            elif isinstance(item, Const):
                kinds.append(Kind.ZERO if _is_zero(item) else Kind.CONSTANT)
            elif isinstance(item, Op):
                kinds.append(_result(item, [kinds[i] for i in item.args]))
            else:
                return None
        return kinds

    def _is_silent(self, loop: Loop, store: Store, target: Place, kinds: list[Kind | Buffer], chosen: bool) -> bool:
        """Say whether a store changes nothing but numbers that the iteration makes for itself."""
        buffer, kind = target.buffer, kinds[store.item]
        if not is_number(loop.accesses[store.access]):
            if kind not in _NOTHING:
                return False
            if store.how == "add" and buffer is self.place.buffer:
                self.added.add(Kind.CHOSEN if chosen or kind is Kind.CHOSEN else Kind.ZERO)
            return store.how == "add" or (store.how == "set" and target == self.place)
        if buffer in self.step.outer:
            return kind in _NOTHING if store.how == "add" else store.how == "set" and kind is buffer
        self.made[buffer] = kind
        return store.how == "set"


def _joined(kinds: list[Kind | Buffer]) -> Kind | Buffer:
    """Return what a number is that each branch of a choice has made."""
    if _NOTHING.issuperset(kinds):
        return Kind.CHOSEN
    return kinds[0] if all(kind is kinds[0] for kind in kinds) else Kind.ANY


def _result(item: Op, kinds: list[Kind | Buffer]) -> Kind | Buffer:
    """Return what an operation makes of operands."""
    if item.out.kind != "f":
        return Kind.ANY
    if item.name == "scale" and not _NOTHING.isdisjoint(kinds):  # zero wins over inf and nan
        return Kind.ZERO if {Kind.CHOSEN, Kind.WEIGHT}.isdisjoint(kinds) else Kind.CHOSEN
    if item.name == "select":
        arms = set(kinds[1:])
        if arms <= _NOTHING:
            return Kind.CHOSEN
        if arms <= {Kind.CONSTANT, Kind.WEIGHT, Kind.ZERO}:
            return Kind.CONSTANT if arms == {Kind.CONSTANT} else Kind.WEIGHT
        return Kind.ANY
    if item.name in _LINEAR and _NOTHING.issuperset(kinds):
        return Kind.CHOSEN if set(kinds) == {Kind.CHOSEN} else Kind.ZERO
    if item.name in ("add", "sub"):  # to a number nothing is added
        first, second = kinds
        if second in _NOTHING and isinstance(first, Buffer):
            return first
        if item.name == "add" and first in _NOTHING and isinstance(second, Buffer):
            return second
    return Kind.ANY
