"""The carry of a loop: which variables and arrays an iteration hands to the next.

The body is recorded with a guess of the carry: variables that the source shows to be needed, and arrays that it shows
to be written into.  Recording shows what was missed (an array that a helper function writes into, a variable that has
no value before the loop, a dtype that changes), and is repeated until nothing new is found.

A slot of the carry belongs to an array *object*, not to a name, so that names of one array share a slot, and what NumPy
would do in place is seen through all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from ...core.aval import Aval, aval, aval_of
from ...core.symbol import Sym
from ...core.tree import flatten, shown, unflatten
from ..bodies import Part, record_part
from ..context import current
from ..outside import OuterWriteError, is_outside, root_of
from ..record import value_aval
from ..tracer import Tracer, is_traced
from .emission import emit
from .extents import counter_range
from .iterables import Steps
from .notes import NotCapturedError, attempt
from .parts import common
from .places import UNSET, cells_of, changed, content, fill, is_mutable, is_value, restored, snapshot, standing_for
from .signals import Signal
from .site import RESULT, Site

COUNTER: Final = aval((), np.int64, True)
"""The number of the iteration adapts to what it meets, as Python's int does."""
_ATTEMPTS: Final = 24


class Unstable(NotCapturedError):
    """The first iteration is unlike the others; the next one may be like those that follow it."""

    def __init__(self, reason: str, starts: list[Any]) -> None:
        super().__init__(reason)
        self.starts = starts

    def made(self, body: Any) -> list[Any]:
        """Return what the variables hold after an iteration and did not hold before it."""
        now = [leaf for cell in body.__closure__ or () for leaf in leaves_of(content(cell))]
        return [leaf for leaf in now if is_mutable(leaf) and not any(leaf is x for x in self.starts)]


class Slot:
    """A value of the carry.

    Attributes
    ----------
    start
        What it is before the loop; None for a variable that has no value there (zeros stand for it).
    name : str
        A variable that it belongs to, for messages.
    target : bool
        The array is written into and stays where it is: in the body the array itself stands for the carried value, so
        that its views and other names follow.  Otherwise variables hold another object in the body.
    object
        What stands for it in what is being recorded, the body or the test.
    body_object
        What stood for it in the body.
    """

    def __init__(self, start: Any, of: Aval, name: str, target: bool = False) -> None:
        self.start, self.aval, self.name, self.target = start, of, name, target
        self.object: Any = None
        self.body_object: Any = None
        self.number = -1
        self.written = False
        self.end: Any = None
        self.end_object: Any = None
        self.unchanged = False
        self.outside = False  # it ends as an array from outside of the loop


class Variable:
    """A variable that the body assigns.

    Attributes
    ----------
    slots : list
        For each value in it a slot; anything else for what stays as it is.
    needed : bool
        An iteration reads it before it assigns it.
    fixed : bool
        It holds something that is neither a number nor an array, and must stay the same.
    """

    def __init__(self, name: str, cell: Any, needed: bool) -> None:
        self.name, self.cell, self.needed = name, cell, needed
        self.start = content(cell)
        self.tree: Any = None
        self.slots: list[Any] = []
        self.fixed = False
        self.end: Any = UNSET
        self.ends: list[Any] = []
        self.end_tree: Any = None


class _Again(Exception):
    """Something was learnt: record anew."""


class _Moves(Exception):
    """A variable that starts as an array that is written into goes on to another array."""

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self.slot = slot


class _Poison:
    """Stands in for the trace of an array that must not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise NotCapturedError("an array that variables take turns in holding is also used under another name")


def record_loop(site: Site, body: Any, test: Any, steps: Steps | None, own: list[Any]) -> Any:
    """Record a loop and give variables and arrays their new values; return its signal."""
    recorder = Recorder(site, body, test, steps, own)
    part, check = recorder.settle()
    return emit(recorder, part, check)


class Recorder:
    """Records a loop's body until what an iteration hands to the next is known."""

    def __init__(self, site: Site, body: Any, test: Any, steps: Steps | None, own: list[Any]) -> None:
        self.site, self.body, self.test, self.steps, self.own = site, body, test, steps, own
        self.cells = cells_of([body, test])
        self.signal: Any = None
        self.slots: list[Slot] = []
        self.poisoned: list[Slot] = []
        live = site.head | site.after | (site.exits if site.jumps else frozenset())
        names = (site.bound & live) | ({RESULT} if site.returns else set())
        held = {n for n in site.stored & self.cells.keys() if isinstance(content(self.cells[n]), (list, dict))}
        carried = sorted((names | held) & self.cells.keys())
        self.variables = [Variable(n, self.cells[n], n in site.head or n in held) for n in carried]
        self.dead = [self.cells[n] for n in (site.bound & self.cells.keys()) - names]
        for variable in self.variables:
            self._open(variable)
        for name in sorted(site.stored & self.cells.keys()):
            for leaf in leaves_of(content(self.cells[name])):
                if isinstance(leaf, Tracer) and is_mutable(leaf):
                    self._add(root_of(leaf), name)

    # -- the guess ----------------------------------------------------------------------------------------------------

    def _open(self, variable: Variable) -> None:
        """Give a variable its slots."""
        if variable.start is UNSET:
            return
        leaves, variable.tree = flatten(variable.start)
        variable.fixed = not all(map(is_value, leaves)) and not isinstance(variable.start, (tuple, list, dict))
        if not variable.fixed:
            name = variable.name
            variable.slots = [self._slot(leaf, name) if self._moves(name, leaf) else leaf for leaf in leaves]

    def _moves(self, name: str, leaf: Any) -> bool:
        """Say whether a variable's value may be another one later; a view that is written into stays where it is."""
        if isinstance(leaf, Tracer) and leaf.base is not None and name in self.site.stored:
            return not is_mutable(leaf)
        return is_value(leaf)

    def _slot(self, leaf: Any, name: str) -> Slot:
        if is_mutable(leaf):
            for slot in self.slots:
                if slot.start is leaf:
                    return slot
        slot = Slot(leaf, seen_aval(snapshot(leaf)), name)
        self.slots.append(slot)
        return slot

    def _add(self, root: Any, name: str = "an array") -> bool:
        """Carry an array that is written into; say whether that is new."""
        part = innermost().context.part
        if part is not None and is_outside(root, part):
            error = OuterWriteError("an array of an outer part is written into")
            error.target = root
            raise error
        for slot in self.slots:
            if slot.start is root:
                new, slot.target = not slot.target, True
                return new
        self.slots.append(Slot(root, seen_aval(snapshot(root)), name, True))
        return True

    # -- recording ----------------------------------------------------------------------------------------------------

    def settle(self) -> tuple[Part, Part | None]:
        """Record the body, and the test, until nothing new is found."""
        for _ in range(_ATTEMPTS):
            try:
                with attempt():
                    part = record_part(self._body, [COUNTER, *[slot.aval for slot in self.slots]])
                    if self._learnt(part) or self._poison():
                        raise _Again
                    check = None
                    if self.test is not None:
                        check = record_part(self._test, [COUNTER, *[slot.aval for slot in self.slots]])
                    return part, check
            except _Again:
                continue
            except OuterWriteError as error:
                if not self._add(error.target):
                    raise NotCapturedError("an array that variables take turns in holding is written into") from error
            except _Moves as moved:
                moved.slot.target = False
        raise NotCapturedError("what an iteration hands to the next does not settle")

    @contextmanager
    def _inside(self, given: Any) -> Iterator[None]:
        """Let variables and arrays hold the values that an iteration starts with."""
        pairs = list(zip(self.slots, given, strict=True))
        moved = [(slot.start, x) for slot, x in pairs if slot.target]
        bad = [(slot.start, Tracer(_Poison(), -1, slot.aval)) for slot in self.poisoned]  # type: ignore[arg-type]
        both = moved + bad
        with restored(self.cells), standing_for([t for t, _ in both], [x for _, x in both]):
            for slot, tracer in pairs:
                slot.object = slot.start if slot.target else tracer
                slot.number = tracer.id
                tracer.is_array = is_mutable(slot.start)
            for cell in self.dead:
                fill(cell, UNSET)
            for v in self.variables:
                if not v.fixed:
                    known = (v.start is not UNSET or v.needed) and v.tree is not None
                    leaves = [slot.object if isinstance(slot, Slot) else slot for slot in v.slots]
                    fill(v.cell, unflatten(v.tree, leaves) if known else UNSET)
            yield

    def _test(self, k: Any, *given: Any) -> Any:
        with self._inside(given):
            value = self.test()
            if not is_traced(value):
                if not value:
                    raise NotCapturedError("its condition does not depend on what it computes")
                return True
            return np.reshape(value if value.dtype.kind == "b" else value != 0, ())

    def _body(self, k: Any, *given: Any) -> list[Any]:
        with self._inside(given):
            others = {n: c for n, c in self.cells.items() if all(c is not v.cell for v in self.variables)}
            ask = changed(others)
            if self.steps is not None:
                counter_range(k, self.steps.count)
            self.signal = self.body(self.steps.item(k)) if self.steps is not None else self.body()
            if ask():
                raise NotCapturedError(f"{ask()}, a list, dict or set, is changed in place")
            if self.steps is not None and self.steps.end is not None:
                self.steps.end(self)
            return self._collect()

    def _collect(self) -> list[Any]:
        """Note what the variables hold at the end, and return the values that the graph computes."""
        inside = innermost()
        for slot in self.slots:
            slot.outside = False
            slot.body_object = slot.object
            seen = snapshot(slot.object)
            slot.written = not (isinstance(seen, Sym) and seen.builder is inside and seen.id == slot.number)
            slot.end, slot.end_object = (seen, slot.object) if slot.target else (None, None)
        extra: list[Any] = []
        for v in self.variables:
            v.end = content(v.cell)
            if v.end is UNSET:
                if v.start is not UNSET:
                    raise NotCapturedError(f"{v.name} has no value at the end of an iteration")
                continue
            v.ends, v.end_tree = flatten(v.end)
            if v.fixed:
                if v.end is not v.start:
                    raise self._unstable(f"{v.name} changes, and is neither a number nor an array")
            elif v.tree is None:
                extra += [snapshot(leaf) for leaf in v.ends if is_value(leaf)]
            elif v.end_tree != v.tree:
                raise self._unstable(f"{v.name} is {shown(v.tree)} at first and {shown(v.end_tree)} later")
            else:
                for place, (slot, leaf) in enumerate(zip(v.slots, v.ends, strict=True)):
                    self._end(v, place, slot, leaf)
        self._check_objects(inside)
        if isinstance(self.signal, Signal):
            extra.append(snapshot(self.signal.value))
        for slot in self.slots:
            if slot.end is None:  # a variable without a value at the end of an iteration
                slot.end = snapshot(slot.object)
        return [*[slot.end for slot in self.slots], *extra]

    def _end(self, v: Variable, place: int, slot: Any, leaf: Any) -> None:
        """Note how one value of a variable ends."""
        if not isinstance(slot, Slot):
            if leaf is slot or (type(leaf) is type(slot) and not isinstance(leaf, (Sym, np.ndarray)) and leaf == slot):
                return
            if is_value(leaf) and is_value(slot):
                v.slots[place] = made = Slot(None if v.start is UNSET else slot, seen_aval(snapshot(leaf)), v.name)
                self.slots.append(made)
                raise _Moves(made)
            raise self._unstable(f"{v.name} holds something that changes, and is neither a number nor an array")
        if not is_value(leaf):
            raise self._unstable(f"{v.name} is a {type(leaf).__name__} at the end of an iteration")
        if slot.target:
            if leaf is not slot.start:
                raise _Moves(slot)
        elif slot.end_object is not None and slot.end_object is not leaf and is_mutable(leaf):
            raise self._unstable(f"{v.name} and {slot.name} are one array at first and two later")
        else:
            slot.end, slot.end_object = snapshot(leaf), leaf

    def _check_objects(self, inside: Any) -> None:
        """Refuse where names are shared differently at the end of an iteration than at its start."""
        ends: dict[int, Slot] = {}
        stored = self.site.stored
        for slot in self.slots:
            leaf = slot.end_object
            if not isinstance(leaf, Tracer) or not is_mutable(leaf):
                continue
            other = ends.setdefault(id(leaf), slot)
            if other is not slot:
                raise self._unstable(f"{slot.name} and {other.name} are two arrays at first and one later")
            root = root_of(leaf)
            if slot.target or any(leaf is s.object for s in self.slots):
                continue
            written = any(s.object is root and s.written for s in self.slots)
            if root is not leaf and (written or slot.name in stored):
                raise NotCapturedError(f"{slot.name} is a view of an array that is written into")
            slot.outside = is_outside(root, inside)
            if slot.outside and slot.name in stored:
                raise self._unstable(f"{slot.name} becomes another name of an array")
        for slot in self.slots:
            if slot.written and not slot.target and is_mutable(slot.start):
                if not isinstance(slot.start, Tracer) or slot.start.base is not None:
                    what = "a view" if isinstance(slot.start, Tracer) else "an array from outside"
                    raise NotCapturedError(f"{slot.name} is {what} that is written into, and then another array")
                kept = any(s.end_object is slot.object for s in self.slots)
                if not kept and not any(slot.start is x for x in self.own):
                    raise self._unstable(f"{slot.name} is written into and then another array")

    def _unstable(self, reason: str) -> Unstable:
        starts = [leaf for v in self.variables for leaf in leaves_of(v.start)]
        held = [leaf for cell in self.cells.values() for leaf in leaves_of(content(cell))]
        return Unstable(reason, [*starts, *held])

    # -- what was learnt ----------------------------------------------------------------------------------------------

    def _learnt(self, part: Part) -> bool:
        """Take up what the recording has shown; say whether it has to be made again."""
        again = False
        for slot, of in zip(self.slots, part.graph.out_avals, strict=False):
            if of.shape != slot.aval.shape:
                raise self._unstable(f"{slot.name} has the shape {slot.aval.shape} at first and {of.shape} later")
            found = common(_adapting(of, slot.end), slot.aval, slot.name)
            again |= found is not slot.aval
            if slot.target and found.dtype != slot.aval.dtype:
                raise NotCapturedError(f"{slot.name} changes its dtype")
            slot.aval = found
        places = iter(part.graph.out_avals[len(self.slots) :])
        for v in self.variables:
            if v.tree is None and not v.fixed and v.end is not UNSET:
                v.tree = v.end_tree
                for leaf in v.ends:
                    if not is_value(leaf):
                        if not isinstance(leaf, (str, bytes)):
                            raise NotCapturedError(f"{v.name} is a {type(leaf).__name__} that is made in the loop")
                        v.slots.append(leaf)
                        continue
                    of = _adapting(next(places), leaf)
                    if not isinstance(leaf, (Sym, np.ndarray)) and not v.needed:
                        v.slots.append(leaf)
                        continue
                    slot = Slot(None, of, v.name)
                    v.slots.append(slot)
                    self.slots.append(slot)
                again = True
        return again

    def _poison(self) -> bool:
        """See to it that arrays which variables take turns in holding are not used under other names."""
        turning = [s for s in self.slots if s.written and not s.target]
        found = [s for s in turning if isinstance(s.start, Tracer) and is_mutable(s.start)]
        if all(any(s is p for p in self.poisoned) for s in found):
            return False
        self.poisoned = found
        return True


def _adapting(of: Aval, value: Any) -> Aval:
    """Return the aval of a graph's result, which adapts if the value that it is does: the graph does not know."""
    return aval((), of.dtype, True) if of.shape == () and seen_aval(value).weak else of


def seen_aval(value: Any) -> Aval:
    """Return the aval of a value as it is now."""
    return value_aval(value) if isinstance(value, Sym) else aval_of(value)


def leaves_of(value: Any) -> list[Any]:
    """Return the values in a variable's content."""
    return [] if value is UNSET else list(flatten(value)[0])


def innermost() -> Any:
    """Return the builder of the innermost trace, which there is."""
    builder = current()
    assert builder is not None
    return builder
