"""Rematerialization: values that a later loop computes again, instead of having them wait in memory.

A gradient reads what the function computed, and between the two lie other steps, often matrix products.  Written where
it is made and read where it is needed, every such value crosses memory twice.  Many follow from each other by a few
cheap operations, though: of the seven arrays that the derivative of a GELU reads, the argument and its tanh are enough.
Which values go through memory is a minimum cut between what cannot be had again cheaply and what is read later
(T. Chen et al., *Training Deep Nets with Sublinear Memory Cost*, 2016, has the idea; the cut is that of
:mod:`wengert.ops.residuals`, here for the loops of a whole program).

Consecutive loops that read each other's values are left as they are: they run together, block by block (:mod:`.rows`),
and what they hand to each other stays in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from ...ops.cut import WITHOUT_LIMIT, cheapest
from .again import access_number, with_front
from .loops import Buffer, Const, Load, Loop, Op, Pick, Product, Shape, Store, View, is_whole, only, whole
from .operations import CHEAP
from .plan import touched
from .steps import MAX_BODY

_LEAST: Final = 1 << 16
"""Bytes from which on an array is worth it; smaller ones stay in the first cache or near to it."""
_OPERATIONS: Final = 6
"""Operations that may be done again for each array that needs no memory any more."""
_DIVISION: Final = 4
"""Operations that a division takes as long as."""
_UNIT: Final = 64
"""Price of moving one byte of every point; what moves less often costs less."""
_SLOW: Final = frozenset({"div", "reciprocal", "sqrt"})

Value = tuple[int, int]
"""A step, and an item of its body."""


def rematerialize(steps: list[Any]) -> None:
    """Rewrite loops so that they compute again what is cheaper to compute than to keep."""
    users: dict[Buffer, set[int]] = {}
    for k, step in enumerate(steps):
        for buffer in touched(step):
            users.setdefault(buffer, set()).add(k)
    for run in reversed(runs(steps)):
        for shape in dict.fromkeys([steps[k].shape for k in run]):
            _Run(steps, users, run, shape).rewrite()
    steps[:] = [step for step in steps if not isinstance(step, Loop) or step.stores]


def runs(steps: list[Any]) -> list[range]:
    """Return where consecutive loops are."""
    found = []
    for is_loop, members in groupby(range(len(steps)), lambda k: isinstance(steps[k], Loop)):
        if is_loop:
            places = list(members)
            found.append(range(places[0], places[-1] + 1))
    return found


def writes(step: Any) -> Iterator[Buffer]:
    """Yield the buffers that a step may write."""
    if isinstance(step, Loop):
        yield from step.written
    elif isinstance(step, Product):
        yield step.out.buffer
    else:
        yield from touched(step)


@dataclass(slots=True)
class _Kept:
    """An array that a loop writes and later steps read.

    Attributes
    ----------
    value : (int, int)
        The item that is stored.
    readers : list of int
        The steps behind the run that read it.
    fixed : bool
        Whether some of them cannot compute it themselves.
    """

    value: Value
    readers: list[int]
    fixed: bool


class _Run:
    """Consecutive loops, those of one shape among them, and what later steps read of theirs."""

    def __init__(self, steps: list[Any], users: dict[Buffer, set[int]], run: range, shape: Shape) -> None:
        self.steps, self.users, self.run, self.shape = steps, users, run, shape
        self.loops = [k for k in run if steps[k].shape == shape]
        self.stored: dict[Buffer, Value] = {}
        self.kept: dict[Buffer, _Kept] = {}
        for k in self.loops:
            self._find(k)
        self.wanted = {buffer: kept for buffer, kept in self.kept.items() if not kept.fixed}
        self.last = max([max(kept.readers) for kept in self.wanted.values()], default=0)

    # -- what there is ------------------------------------------------------------------------------------------------

    def _find(self, k: int) -> None:
        """Find the arrays that a loop writes as a whole, and nobody else."""
        loop = self.steps[k]
        for store in loop.stores:
            view = loop.accesses[store.access]
            buffer = view.buffer
            if store.how != "set" or store.at or not self._is_plain(view) or loop.written.count(buffer) > 1:
                continue
            if _dtype(loop, loop.body[store.item]) != buffer.dtype:
                continue
            users = sorted(self.users[buffer])
            if users[0] < k or any(buffer in writes(self.steps[u]) for u in users if u != k):
                continue
            self.stored[buffer] = (k, store.item)
            readers = [u for u in users if u >= self.run.stop]
            if readers:
                fixed = (
                    buffer.kind != "arena"
                    or buffer.size * buffer.dtype.itemsize < _LEAST
                    or not all(self._reads(u, buffer) for u in readers)
                )
                self.kept[buffer] = _Kept((k, store.item), readers, fixed)

    def _is_plain(self, view: View) -> bool:
        """Say whether a view is a whole buffer, an entry for each point."""
        return (
            is_whole(view)
            and not (view.offset or view.indexed or view.at)
            and view.shape == self.shape
            and view.buffer.size == math.prod(self.shape)
        )

    def _reads(self, u: int, buffer: Buffer) -> bool:
        """Say whether a step is a loop of the same points that loads each entry where it needs it."""
        loop = self.steps[u]
        if not isinstance(loop, Loop) or loop.shape != self.shape:
            return False
        accesses = [j for j, view in enumerate(loop.accesses) if view.buffer is buffer]
        return (
            len(accesses) == 1
            and self._is_plain(loop.accesses[accesses[0]])
            and all(item == Load(accesses[0]) for item in loop.body if getattr(item, "access", -1) == accesses[0])
        )

    def origin(self, value: Value) -> Value:
        """Follow a load to the item that another loop of the run stored there."""
        k, j = value
        item = self.steps[k].body[j]
        while isinstance(item, Load):
            view = self.steps[k].accesses[item.access]
            found = self.stored.get(view.buffer)
            if found is None or found[0] >= k or not self._is_plain(view):
                break
            k, j = found
            item = self.steps[k].body[j]
        return k, j

    def _can_read(self, k: int, view: View) -> bool:
        """Say whether what a loop loads can be loaded by all later readers as well, and along its rows."""
        if view.indexed or view.at or view.buffer in self.steps[k].written:
            return False
        along = next((s for n, s in zip(reversed(view.shape), reversed(view.strides), strict=True) if n != 1), 0)
        if along not in (0, 1):
            return False
        return not any(k < u <= self.last and view.buffer in writes(self.steps[u]) for u in self.users[view.buffer])

    # -- the decision -------------------------------------------------------------------------------------------------

    def rewrite(self) -> None:
        """Let later loops compute again what they can have cheaper that way."""
        if not self.wanted:
            return
        cut = self._cut()
        gone = {b: kept for b, kept in self.wanted.items() if self.origin(kept.value) not in cut}
        new = [value for value in cut if self._place(value) is None and not self._is_load(value)]
        readers: dict[int, list[Buffer]] = {}
        for buffer, kept in gone.items():
            for u in kept.readers:
                readers.setdefault(u, []).append(buffer)
        if len(gone) <= len(new):
            return
        for u, buffers in readers.items():
            again = self._cone([self.origin(gone[b].value) for b in buffers], cut)
            work = sum(_price(self.steps[k].body[j]) for k, j in again)
            if work > _OPERATIONS * len(buffers) or len(self.steps[u].body) + len(again) > MAX_BODY:
                return
        before = {k: self.steps[k] for k in (*self.loops, *readers)}
        for value in new:
            self._store(value)
        for u, buffers in readers.items():
            self._replace(u, _Reader(self, cut, self.steps[u]).with_values(gone, buffers))
        for buffer, kept in gone.items():
            if self.users[buffer] == {kept.value[0]}:
                self._drop(buffer, kept.value[0])
        if sum(_traffic(self.steps[k]) - _traffic(step) for k, step in before.items()) >= 0:
            for k, step in before.items():  # several readers would each read more than they do now
                self._replace(k, step)

    def _cut(self) -> set[Value]:
        """Return the values that go through memory."""
        return cheapest([self.origin(kept.value) for kept in self.wanted.values()], self._cost, self._operands)

    def _operands(self, value: Value) -> list[Value] | None:
        """Return what a value can be computed again from; None if that takes too long, or cannot be."""
        k, j = value
        item = self.steps[k].body[j]
        if isinstance(item, Op) and (item.name in CHEAP or item.name in _SLOW):
            return [self.origin((k, i)) for i in item.args]
        return [] if isinstance(item, Const) else None

    def _cost(self, value: Value) -> int:
        """Return the price of having a value go through memory, or of reading it where it is."""
        k, j = value
        item = self.steps[k].body[j]
        if not isinstance(item, Op | Const | Load | Pick):
            return WITHOUT_LIMIT
        size = int(_dtype(self.steps[k], item).itemsize) * _UNIT
        if isinstance(item, Load) and self._is_load(value):
            view = self.steps[k].accesses[item.access]
            return max(size * _entries(view) // max(math.prod(self.shape), 1), 1)
        buffer = self._place(value)
        return size if buffer in self.kept and self.kept[buffer].fixed else 2 * size

    def _is_load(self, value: Value) -> bool:
        """Say whether a value is one that lies somewhere where later loops can read it as well."""
        k, j = value
        item = self.steps[k].body[j]
        return isinstance(item, Load) and self._can_read(k, self.steps[k].accesses[item.access])

    def _place(self, value: Value) -> Buffer | None:
        """Return where a value is stored."""
        return next((b for b, v in self.stored.items() if self.origin(v) == value), None)

    def _cone(self, values: list[Value], cut: set[Value]) -> set[Value]:
        """Return what has to be computed again for values."""
        found: set[Value] = set()
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if value in found:
                continue
            found.add(value)
            k, j = value
            item = self.steps[k].body[j]
            if value not in cut and isinstance(item, Op):
                waiting += [self.origin((k, i)) for i in item.args]
        return found - cut

    # -- the change ---------------------------------------------------------------------------------------------------

    def view(self, value: Value) -> View:
        """Return where a later loop reads a value."""
        k, j = value
        if self._is_load(value):
            found: View = self.steps[k].accesses[self.steps[k].body[j].access]
            return found
        buffer = self._place(value)
        assert buffer is not None
        return whole(buffer, self.shape)

    def _store(self, value: Value) -> None:
        """Let a loop write what it has computed only for itself so far."""
        k, j = value
        loop = self.steps[k]
        buffer = Buffer(math.prod(self.shape), _dtype(loop, loop.body[j]))
        accesses = [*loop.accesses, whole(buffer, self.shape)]
        made = Loop(loop.shape, accesses, loop.body, [*loop.stores, Store(len(accesses) - 1, j)], loop.equations)
        self.stored[buffer] = value
        self._replace(k, made)

    def _drop(self, buffer: Buffer, k: int) -> None:
        """Let a loop no longer write what nobody reads.  Its items get other numbers: this comes last."""
        loop = self.steps[k]
        stores = [store for store in loop.stores if loop.accesses[store.access].buffer is not buffer]
        self._replace(k, only(loop, stores))

    def _replace(self, k: int, made: Loop) -> None:
        for buffer in touched(self.steps[k]):
            self.users[buffer].discard(k)
        for buffer in touched(made):
            self.users.setdefault(buffer, set()).add(k)
        self.steps[k] = made


class _Reader:
    """A later loop that gets values of a run computed in front of its own items."""

    def __init__(self, run: _Run, cut: set[Value], loop: Loop) -> None:
        self.run, self.cut, self.loop = run, cut, loop
        self.accesses = list(loop.accesses)
        self.front: list[Any] = []
        self.numbers: dict[Value, int] = {}
        self.loads: dict[int, int] = {}

    def with_values(self, gone: dict[Buffer, _Kept], buffers: list[Buffer]) -> Loop:
        """Return the loop, which reads these buffers no more."""
        instead: dict[int, int] = {}
        for buffer in buffers:
            access = next(j for j, view in enumerate(self.loop.accesses) if view.buffer is buffer)
            instead[access] = self._number(self.run.origin(gone[buffer].value))
        shift = len(self.front)
        again = {}
        for j, item in enumerate(self.loop.body):
            known = instead.get(item.access, self.loads.get(item.access)) if isinstance(item, Load) else None
            again[j] = shift + j if known is None else known
        return with_front(self.loop, self.accesses, self.front, again)

    def _number(self, value: Value) -> int:
        """Return the item that is a value, in front of the loop's own."""
        found = self.numbers.get(value)
        if found is not None:
            return found
        k, j = value
        item = self.run.steps[k].body[j]
        if value in self.cut:
            access = access_number(self.accesses, self.run.view(value))
            made: Any = Load(access)
            self.loads[access] = len(self.front)
        elif isinstance(item, Op):
            made = replace(item, args=tuple([self._number(self.run.origin((k, i))) for i in item.args]))
        else:
            made = item
        self.front.append(made)
        self.numbers[value] = len(self.front) - 1
        return self.numbers[value]


def _dtype(loop: Loop, item: Any) -> Any:
    """Return the dtype of an item of a loop."""
    if isinstance(item, Op):
        return item.out
    return item.dtype if isinstance(item, Const) else loop.accesses[item.access].dtype


def _entries(view: View) -> int:
    """Return how many entries of a buffer a view reaches."""
    return math.prod(n for n, s in zip(view.shape, view.strides, strict=True) if s)


def _traffic(loop: Loop) -> int:
    """Return how many bytes a loop reads and writes."""
    return sum(view.dtype.itemsize * _entries(view) for view in loop.accesses)


def _price(item: Any) -> int:
    """Return how many simple operations an item takes as long as."""
    if not isinstance(item, Op):
        return 0
    return _DIVISION if item.name in _SLOW else 1
