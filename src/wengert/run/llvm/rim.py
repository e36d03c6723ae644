"""Sums of windows without the memory around them: the inside of an array is done apart from its rim.

A stencil comes back as cotangents that are written with a border of zeros around them, and a loop that adds up what
they say about each entry (:mod:`.windows`).  Where a cotangent is a multiple of what is in memory anyway, only entries
near the rim need the border.  Everywhere else the loop computes it anew at the shifted places, and the pass that wrote
it, often longer than the caches, is left with the rows at the rim.

    +-----------------------+
    |      first rows       |   as before, from memory with a border
    +--+-+-------------+-+--+
    |  | |             | |  |
    |  | |   inside    | |  |   computed anew; at the sides without the terms that are zero there
    |  | |             | |  |
    +--+-+-------------+-+--+
    |       last rows       |
    +-----------------------+

All of that runs together (:class:`.Together`): parts that are next to each other row by row, and the first and the last
rows in the threads that do the rows beside them, which have them in their caches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from .again import access_number
from .loops import Buffer, Const, Load, Loop, Op, Shape, Store, Together, View, needed_for, only
from .operations import CHEAP
from .plan import touched, written
from .rows import injective

_LEAST: Final = 1024
"""Points from which on it is worth to have several loops."""
_OPERATIONS: Final = 8
"""Operations that computing an entry anew may take."""
_INSIDE: Final = 0.5
"""Share of the points that are to be inside: what is at the rim takes longer than before."""
_CELLS: Final = 25
"""Parts, the inside among them, before those that do the same are put together: five along an axis, two axes."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What a loop writes into memory with a border.

    Attributes
    ----------
    maker : int
        Number of the step.
    store : Store
    start, shape : tuple of int
        Where it lies within the border.
    """

    maker: int
    store: Store
    start: Shape
    shape: Shape


def rim_apart(steps: Sequence[Any], borders: Collection[Buffer]) -> list[Any]:
    """Return steps in which what is added up is computed anew inside of arrays.

    Parameters
    ----------
    steps : sequence
        In order of execution; all that touch the memory in ``borders``.
    borders : collection of Buffer
        Memory that is zero where these steps write nothing.
    """
    found = list(steps)
    s = 0
    while s < len(found):
        changed = _split(found, s, borders) if isinstance(found[s], Loop) else None
        if changed is None:
            s += 1
        else:
            found, s = changed
    return found


def _split(steps: list[Any], s: int, borders: Collection[Buffer]) -> tuple[list[Any], int] | None:
    """Return steps with a loop split, and the number of the first one behind it; None where nothing is gained."""
    loop = steps[s]
    if len(loop.shape) < 2 or math.prod(loop.shape) < _LEAST or not _is_plain(loop) or not _is_pointwise(loop):
        return None
    made = {}
    for buffer in dict.fromkeys(view.buffer for view in loop.accesses):
        if buffer in borders and (one := _made(steps, s, buffer)) is not None:
            made[buffer] = one
    rests = {}
    for w in sorted({one.maker for one in made.values()}):
        mine = [buffer for buffer, one in made.items() if one.maker == w]
        rest = _without(steps[w], [made[buffer].store for buffer in mine])
        read = {buffer for buffer in mine for buffer in _operands(steps[w], made[buffer].store)}
        late = not read.isdisjoint(rest.written)
        if late and not all(_commute(rest, step) for step in steps[w + 1 : s + 1]):
            for buffer in mine:
                del made[buffer]
        else:
            rests[w] = rest, late
    shifts = {k: _shift(view, made[view.buffer]) for k, view in enumerate(loop.accesses) if view.buffer in made}
    box = _Box.of(loop, [(shift, made[loop.accesses[k].buffer].shape) for k, shift in shifts.items()])
    if box is None:
        return None
    reads_anew = {k: (shift, made[loop.accesses[k].buffer]) for k, shift in shifts.items()}
    parted = [_Cell(low, _cell(loop, low, high, reads_anew, steps)) for low, high in box.cells()]
    if not any(cell.loop.stores for cell in parted):
        return None
    cells = _together(parted)
    ends = box.ends(loop)
    put: dict[int, list[Any]] = {}
    later = []
    for w, (rest, late) in rests.items():
        source = only(steps[w], [one.store for one in made.values() if one.maker == w])
        reads = [shift for k, shift in shifts.items() if made[loop.accesses[k].buffer].maker == w]
        for end, rows in zip(ends, box.needed(source, reads), strict=True):
            end[:0] = rows
        put[w] = [rest] if rest.stores and not late else []
        later += [rest] if late else []
    group = object()
    parts = [(-1, end) for end in ends[0]] + [(0, cell) for cell in cells] + [(1, end) for end in ends[1]]
    for when, step in parts:
        step.together = Together(group, when)
    put[s] = [*(step for _, step in parts), *later]
    found = [step for k, old in enumerate(steps) for step in put.get(k, [old])]
    return found, sum(len(put.get(k, [0])) for k in range(s + 1))


# -- what is made, and by whom ----------------------------------------------------------------------------------------


def _is_plain(loop: Loop) -> bool:
    """Say whether a loop does nothing at computed places, and only adds or writes."""
    return (
        all(isinstance(item, Load | Op | Const) for item in loop.body)
        and all(not store.at and store.how in ("set", "add") for store in loop.stores)
        and not any(view.indexed or view.at for view in loop.accesses)
    )


def _is_pointwise(loop: Loop) -> bool:
    """Say whether each point of a loop writes entries of its own, which no other point touches."""
    stores = {store.access for store in loop.stores}
    targets = [loop.accesses[k] for k in stores]
    if len({view.buffer for view in targets}) < len(loop.stores):
        return False
    if not all(injective(view.shape, view.strides) for view in targets):
        return False
    return not any(
        view.buffer is target.buffer and (view.offset, view.strides) != (target.offset, target.strides)
        for view in loop.accesses
        for target in targets
    )


def _made(steps: Sequence[Any], s: int, buffer: Buffer) -> _Made | None:
    """Return what an earlier loop writes into memory that only it and loop s touch, if that can be computed anew."""
    users = [k for k, step in enumerate(steps) if buffer in touched(step)]
    if len(users) != 2 or users[1] != s or not isinstance(steps[users[0]], Loop):
        return None
    w, loop, reader = users[0], steps[users[0]], steps[s]
    stores = [store for store in loop.stores if loop.accesses[store.access].buffer is buffer]
    if not _is_plain(loop) or len(stores) != 1 or len(loop.shape) != len(reader.shape):
        return None
    view = loop.accesses[stores[0].access]
    start = corner(view)
    if start is None or stores[0].how != "set" or sum(v.buffer is buffer for v in loop.accesses) != 1:
        return None
    if any(reader.accesses[store.access].buffer is buffer for store in reader.stores):
        return None
    for other in reader.accesses:
        if other.buffer is buffer and (other.strides != view.strides or corner(other) is None):
            return None
    if not _is_cheap(loop, stores[0]):
        return None
    read = _operands(loop, stores[0])
    if any(not read.isdisjoint(written(step)) for step in steps[w + 1 : s + 1]):
        return None
    return _Made(w, stores[0], start, loop.shape)


def corner(view: View) -> Shape | None:
    """Return the coordinates of a view's first entry in an array with its strides; None if it leaves that array."""
    if not view.strides or view.strides[-1] != 1 or any(s <= 0 for s in view.strides):
        return None
    found, rest, size = [], view.offset, view.buffer.size
    for n, s in zip(view.shape, view.strides, strict=True):
        at, rest = divmod(rest, s)
        if size % s or at < 0 or at + n > size // s:
            return None
        found.append(at)
        size = s
    return tuple(found)


def _shift(view: View, made: _Made) -> Shape:
    """Return where in what was made the first point of a loop reads; it may be negative, or behind the end."""
    start = corner(view)
    assert start is not None
    return tuple(a - b for a, b in zip(start, made.start, strict=True))


def _is_cheap(loop: Loop, store: Store) -> bool:
    """Say whether what is stored takes few operations, and one array."""
    items = [loop.body[j] for j in needed_for(loop, [store])]
    operations = [item for item in items if isinstance(item, Op)]
    arrays = {item.access for item in items if isinstance(item, Load) and any(loop.accesses[item.access].strides)}
    return len(arrays) == 1 and len(operations) <= _OPERATIONS and all(op.name in CHEAP for op in operations)


def _operands(loop: Loop, store: Store) -> set[Buffer]:
    """Return the memory that is read for what is stored."""
    return {loop.accesses[i.access].buffer for j in needed_for(loop, [store]) if isinstance(i := loop.body[j], Load)}


def _commute(loop: Loop, step: Any) -> bool:
    """Say whether two steps may change places: neither touches what the other one writes."""
    return set(loop.written).isdisjoint(touched(step)) and set(written(step)).isdisjoint(touched(loop))


# -- the parts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Box:
    """The rows of a loop away from the rim, from ``low`` to ``high``, and where the other axes are cut."""

    shape: Shape
    low: int
    high: int
    cuts: tuple[Shape, ...]

    @classmethod
    def of(cls, loop: Loop, reads: Sequence[tuple[Shape, Shape]]) -> _Box | None:
        """Return the rows in which everything read was made, and not the border; None if that is no large part.

        Parameters
        ----------
        loop : Loop
        reads : sequence of (shift, shape)
            Where the loop's first point reads in what was made, and the shape of that.
        """
        if not reads:
            return None
        axes = range(len(loop.shape))
        ranges = [[(max(0, -d[a]), min(loop.shape[a], part[a] - d[a])) for d, part in reads] for a in axes]
        inside = [(max(a for a, _ in r), min(b for _, b in r)) for r in ranges]
        size = math.prod(max(0, b - a) for a, b in inside)
        cuts = tuple(
            tuple(sorted({0, n, *(c for pair in r for c in pair)}))
            for n, r in zip(loop.shape[1:], ranges[1:], strict=True)
        )
        if any(a >= b for r in ranges for a, b in r) or size < _INSIDE * math.prod(loop.shape):
            return None
        shifts = [d[0] for d, _ in reads]
        if inside[0][0] + max(shifts) > inside[0][1] + min(shifts):
            return None  # what the first rows and the last rows need overlaps, and they may run at the same time
        return cls(loop.shape, *inside[0], cuts) if math.prod(len(c) - 1 for c in cuts) <= _CELLS else None

    def cells(self) -> list[tuple[Shape, Shape]]:
        """Return the inside, and what is at its sides."""
        ranges = itertools.product(*[itertools.pairwise(cuts) for cuts in self.cuts])
        return [((self.low, *(a for a, _ in r)), (self.high, *(b for _, b in r))) for r in ranges]

    def ends(self, loop: Loop) -> tuple[list[Loop], list[Loop]]:
        """Return the rows of a loop at either end."""
        return _rows(loop, 0, self.low), _rows(loop, self.high, self.shape[0])

    def needed(self, maker: Loop, shifts: Sequence[Shape]) -> tuple[list[Loop], list[Loop]]:
        """Return the rows of what makes something that the rows at either end read."""
        n = maker.shape[0]
        first = min(n, max(self.low + d[0] for d in shifts)) if self.low else 0
        last = max(0, min(self.high + d[0] for d in shifts)) if self.high < self.shape[0] else n
        return _rows(maker, 0, first), _rows(maker, last, n)


def _rows(loop: Loop, first: int, last: int) -> list[Loop]:
    """Return a loop over some of its rows, if there are any."""
    rest = (0,) * (len(loop.shape) - 1)
    return [part(loop, (first, *rest), (last, *loop.shape[1:]))] if first < last else []


def boxes_around(shape: Shape, low: Shape, high: Shape) -> list[tuple[Shape, Shape]]:
    """Return boxes that are, together and without overlap, all of a shape but what lies between low and high."""
    found = []
    for a, (b, c) in enumerate(zip(low, high, strict=True)):
        for first, last in ((0, b), (c, shape[a])):
            if first < last:
                zeros = (0,) * (len(shape) - a - 1)
                found.append(((*low[:a], first, *zeros), (*high[:a], last, *shape[a + 1 :])))
    return found


def part(loop: Loop, low: Shape, high: Shape) -> Loop:
    """Return a loop over a part of the points."""
    shape = tuple(b - a for a, b in zip(low, high, strict=True))
    accesses = [_moved(view, low, shape) for view in loop.accesses]
    return Loop(shape, accesses, list(loop.body), list(loop.stores), loop.equations)


def _moved(view: View, by: Shape, shape: Shape) -> View:
    offset = view.offset + sum(n * s for n, s in zip(by, view.strides, strict=True))
    return replace(view, offset=offset, shape=shape)


def _without(loop: Loop, stores: Sequence[Store]) -> Loop:
    return only(loop, [store for store in loop.stores if store not in stores])


def _cell(loop: Loop, low: Shape, high: Shape, reads: dict[int, tuple[Shape, _Made]], steps: Sequence[Any]) -> Loop:
    """Return a loop over a part of the points, in which what was made is computed anew, or known to be zero.

    Parameters
    ----------
    loop, low, high
    reads : dict
        Access -> where the first point reads, and what.
    steps : sequence
        In which the makers are.
    """
    cell = part(loop, low, high)
    items: dict[Any, int] = {}
    body: list[Any] = []

    def put(item: Any) -> int:
        if isinstance(item, Op):
            simple = _simple(item, body)
            if isinstance(simple, int):
                return simple
            item = simple
        if item not in items:
            items[item] = len(body)
            body.append(item)
        return items[item]

    def anew(shift: Shape, made: _Made) -> int:
        at = tuple(a + b for a, b in zip(shift, low, strict=True))
        if any(a + n <= 0 or a >= m for a, n, m in zip(at, cell.shape, made.shape, strict=True)):
            return put(Const(0.0, steps[made.maker].accesses[made.store.access].dtype))
        maker = steps[made.maker]
        numbers: dict[int, int] = {}
        for j in sorted(needed_for(maker, [made.store])):
            item = maker.body[j]
            if isinstance(item, Load):
                view = _moved(maker.accesses[item.access], at, cell.shape)
                numbers[j] = put(Load(access_number(cell.accesses, view)))
            elif isinstance(item, Op):
                numbers[j] = put(replace(item, args=tuple([numbers[i] for i in item.args])))
            else:
                numbers[j] = put(item)
        return numbers[made.store.item]

    moved: list[int] = []
    for item in loop.body:
        if isinstance(item, Load) and item.access in reads:
            moved.append(anew(*reads[item.access]))
        elif isinstance(item, Op):
            moved.append(put(replace(item, args=tuple([moved[j] for j in item.args]))))
        else:
            moved.append(put(item))
    stores = [replace(store, item=moved[store.item]) for store in loop.stores]
    cell.body = body
    return only(cell, [s for s in stores if s.how == "set" or not is_zero(body[s.item])])


@dataclass(frozen=True, slots=True)
class _Cell:
    """A loop over a part of the points, and the first of them."""

    low: Shape
    loop: Loop

    def joined(self, other: _Cell, axis: int) -> _Cell | None:
        """Return both as one, if the other one goes on along an axis with the same."""
        mine, more = self.loop, other.loop
        high = tuple(a + n * (axis == b) for b, (a, n) in enumerate(zip(self.low, mine.shape, strict=True)))
        if other.low != high or _except(axis, mine.shape) != _except(axis, more.shape):
            return None
        if (mine.body, mine.stores, len(mine.accesses)) != (more.body, more.stores, len(more.accesses)):
            return None
        n = mine.shape[axis]
        for a, b in zip(mine.accesses, more.accesses, strict=True):
            if b.buffer is not a.buffer or (b.offset, b.strides) != (a.offset + n * a.strides[axis], a.strides):
                return None
        shape = tuple(m + more.shape[axis] * (axis == b) for b, m in enumerate(mine.shape))
        return _Cell(self.low, part(mine, (0,) * len(shape), shape))


def _except(axis: int, shape: Shape) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _together(cells: Sequence[_Cell]) -> list[Loop]:
    """Return the loops of cells that do something; those next to each other that do the same are one."""
    found = [cell for cell in cells if cell.loop.stores]
    for axis in reversed(range(1, len(found[0].low))):
        found.sort(key=lambda cell: (_except(axis, cell.low), cell.low[axis]))
        joined = found[:1]
        for cell in found[1:]:
            both = joined[-1].joined(cell, axis)
            if both is None:
                joined.append(cell)
            else:
                joined[-1] = both
        found = joined
    return [cell.loop for cell in sorted(found, key=lambda cell: cell.low)]


def _simple(op: Op, body: Sequence[Any]) -> Op | int:
    """Return an operation, or the number of the operand that it is equal to; 0.0 and -0.0 count as equal."""
    zeros = [is_zero(body[j]) for j in op.args]
    if op.name == "neg" and zeros[0]:
        return op.args[0]
    if op.name == "add" and any(zeros):
        return op.args[0 if zeros[1] else 1]
    if op.name == "sub" and zeros[1]:
        return op.args[0]
    if op.name == "sub" and zeros[0]:
        return Op("neg", (op.args[1],), (), (op.out,), op.out)
    return op


def is_zero(item: Any) -> bool:
    """Say whether an item is the number zero."""
    return isinstance(item, Const) and bool(item.dtype.kind == "f") and float(item.value) == 0.0
