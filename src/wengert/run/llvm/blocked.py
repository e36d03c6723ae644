"""Iterations that share what their nests have in common.

Row i of a triangular matrix has one entry more than the row before it, and so has the nest that goes along it:

    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]

Iteration j needs of the three before it only the last terms.  So four iterations are taken as a block.  The terms that
they all have, k < j for the first of them, are done together, as a nest with four rows, whose operands are read once
for all of them and whose sums do not wait for each other (:mod:`.jam`).  What is left of each nest, three terms at
most, is done in its turn.  The common part comes before the iterations of the block, as here, or behind them, as in
the loop that reverses this one.  (So are blocked factorisations made of unblocked ones: J. Dongarra, J. Du Croz,
S. Hammarling and I. Duff, "A set of level 3 basic linear algebra subprograms", 1990; strip-mining and distribution of a
loop: M. Wolfe, *High Performance Compilers for Parallel Computing*, 1996.)

That has to be sound: what the common part reaches for one iteration must not meet what is done for others in between.
A block's iterations are few and known, so each is looked at by itself.  Sums may be added up in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ...core.bounds import Affine, Counter
from .jam import ROWS, jams
from .layout import step_kind
from .loops import Blocks, Buffer, Extent, Fill, Load, Loop, Nest, Op, Repeat, View, stride_cost
from .meeting import Place, Relation, relation
from .plan import written
from .rolling import reaches
from .straight import Known, is_number
from .vectors import lanes

_READ: Final = 1
_UPDATED: Final = 3
"""What it saves that an access stays from row to row: a load, or a load and a store that it waits for."""


@dataclass(frozen=True, slots=True)
class _Access:
    """What an iteration reaches: where, how, and whether before, in or behind its nest (-1, 0, 1)."""

    place: Place
    how: str
    when: int


def find_blocks(step: Repeat, known: Known, counter: Counter) -> bool:
    """Note how the iterations of a loop can share parts of their nests; say whether they can.

    Parameters
    ----------
    step
        The loop, after what was found for the one within it.
    known
        What is known of integers when an iteration begins.
    counter
        The loop's own.
    """
    inner = _inner(step)
    if inner is None:
        return False
    (nest,) = inner.nests
    axis = _growing(nest, counter)
    if axis is None:
        return False
    more = nest.counters[axis].last.constant + 1  # type: ignore[union-attr]
    moving = set(written(step))
    others = [extent for a, extent in enumerate(nest.extents) if a != axis]
    if not _is_fit(nest, step, moving, others) or not _is_worth_it(nest, counter):
        return False
    around = _around(step, inner, known, {buffer for buffer in moving if buffer.size > 1})
    if around is None:
        return False
    block = _Block(nest, counter, axis, more, step.reverse, around, moving)
    if not block.is_apart():
        return False
    for early in (True, False):
        if block.can_be(early):
            step.blocks = Blocks(step.body.index(inner), axis, more, early, counter)
            return True
    return False


# -- the loop ---------------------------------------------------------------------------------------------------------


def _inner(step: Repeat) -> Repeat | None:
    """Return the only loop within a loop, if that runs as one nest, and all else are points."""
    loops = [part for part in step.body if isinstance(part, Repeat)]
    if len(loops) != 1 or step.nests or step.test or step.going is not None or step.tape:
        return None
    (inner,) = loops
    points = all(part is inner or is_point(part) for part in step.body)
    return inner if points and len(inner.nests) == 1 else None


def is_point(step: Any) -> bool:
    """Say whether a step computes single numbers."""
    if isinstance(step, Fill):
        return step.buffer.size == 1
    return isinstance(step, Loop) and math.prod(step.shape) == 1


def _growing(nest: Nest, counter: Counter) -> int | None:
    """Return the axis of a nest that is as long as a counter says, or longer by so much; None if it has no such one.

    Nothing else may depend on that counter, and no length may be cut short.
    """
    found = None
    last = None if counter.last is None else counter.last.extreme(True)
    for axis, (own, extent) in enumerate(zip(nest.counters, nest.extents, strict=True)):
        if own.last is None:
            return None
        if own.last.terms == ((counter, 1),) and own.last.constant >= -1 and found is None:
            if last is None or (extent.most is not None and last + own.last.constant + 1 > extent.most):
                return None
            found = axis
        elif any(other == counter for other, _ in own.last.terms):
            return None
    return found


def _is_fit(nest: Nest, step: Repeat, moving: set[Buffer], others: Sequence[Extent]) -> bool:
    """Say whether a nest adds floats to places that are known, and reads no number that the iteration makes.

    Its other axes, of these extents, have the same length in all iterations.  The counter only says where entries are.
    """
    loop = nest.loop
    if any(extent.count is not None and extent.count.buffer in moving for extent in others):
        return False
    if any(s.how != "add" or s.shift or loop.accesses[s.access].dtype.kind != "f" for s in loop.stores):
        return False
    for view, forms in zip(loop.accesses, nest.forms, strict=True):
        if None in forms or (is_number(view) and view.buffer in moving and view.buffer is not step.counter):
            return False
    placing: set[int] = set()
    for j, item in enumerate(loop.body):
        if isinstance(item, Load) and loop.accesses[item.access].buffer is step.counter:
            placing.add(j)
        elif isinstance(item, Op) and not placing.isdisjoint(item.args):
            if item.out.kind not in "iu":
                return False
            placing.add(j)
    return placing.isdisjoint(store.item for store in loop.stores)


def _is_worth_it(nest: Nest, counter: Counter) -> bool:
    """Say whether the common part's rows are taken at once, or side by side in a vector."""
    loop, order = with_rows(nest, counter)
    last, around = order[-1], order[-2]
    inner = [step_kind(view.strides[last]) for view in loop.accesses]
    fixed = [not any(view.strides) for view in loop.accesses]
    if 0 not in (last, around) or (last == 0 and lanes(loop, inner, fixed) != ROWS):
        return False
    return jams(loop, inner, [not view.strides[around] for view in loop.accesses])


def _around(step: Repeat, inner: Repeat, known: Known, arrays: set[Buffer]) -> list[_Access] | None:
    """Return what an iteration reaches beside its nest of arrays that the loop writes; None if it is not known."""
    now, when = known.copy(), -1
    found: list[_Access] = []
    for part in step.body:
        if part is inner:
            now.forget(written(inner))
            when = 1
        elif isinstance(part, Loop):
            for reach in reaches(part, now.of_items(part)):
                if reach.place.buffer in arrays:
                    found.append(_Access(reach.place, reach.how, when))
            now.follow(part)
        else:
            now.forget([part.buffer])
    return found if all(access.place.is_plain for access in found) else None


# -- a block ----------------------------------------------------------------------------------------------------------


class _Block:
    """The iterations of a block, each by itself: what its parts reach, as expressions of where the block begins."""

    def __init__(
        self,
        nest: Nest,
        counter: Counter,
        axis: int,
        more: int,
        reverse: bool,
        around: Sequence[_Access],
        moving: set[Buffer],
    ) -> None:
        assert counter.last is not None
        self.counter, self.more, self.reverse, self.around = counter, more, reverse, around
        self.first = Counter(counter.depth, counter.last.plus(Affine(1 - ROWS)))
        self.own = nest.counters[axis]
        begin = Affine(0, ((self.first, 1),))
        self.common = Counter(self.own.depth, begin.plus(Affine(more - 1)))
        self.axes = [other for other in nest.counters if other is not self.own]
        adds = {store.access for store in nest.loop.stores}
        self.reached = [
            (k, _Access(Place(view.buffer, view.offset, view.indexed, forms), "add" if k in adds else "get", 0))
            for k, (view, forms) in enumerate(zip(nest.loop.accesses, nest.forms, strict=True))
            if view.buffer in moving and view.buffer.size > 1
        ]

    def _at(self, access: _Access, row: int, term: Affine | None = None) -> _Access:
        """Return what is reached in an iteration of the block, at a term of its nest (one of the common ones)."""
        values = {
            self.counter: Affine(row, ((self.first, 1),)),
            self.own: Affine(0, ((self.common, 1),)) if term is None else term,
        }
        place = access.place
        forms = tuple([None if form is None else _put_in(form, values) for form in place.forms])
        return replace(access, place=replace(place, forms=forms))

    def _turn(self, row: int) -> int:
        """Return when in the block an iteration runs."""
        return ROWS - 1 - row if self.reverse else row

    def is_apart(self) -> bool:
        """Say whether the common parts of all iterations need nothing of each other, but that they add to the same."""
        axes = [*self.axes, self.common]
        if not all(access.place.is_plain for _, access in self.reached):
            return False
        for k, a in self.reached:
            for m, b in self.reached:
                if a.how == b.how == "get" or a.place.buffer is not b.place.buffer:
                    continue
                for row in range(1 - ROWS, ROWS):
                    first, second = (self._at(x, r) for x, r in ((a, max(-row, 0)), (b, max(row, 0))))
                    if k == m and first == second:
                        continue
                    if relation(first.place, second.place, axes) is not Relation.APART:
                        return False
        return True

    def can_be(self, early: bool) -> bool:
        """Say whether the common part can be done before, or behind, all else that a block does."""
        for row in range(ROWS):
            for other in self._between(row, early):
                for _, access in self.reached:
                    mine = self._at(access, row)
                    if mine.how == other.how == "get" or mine.how == other.how == "add":
                        continue
                    if relation(mine.place, other.place, self.axes) is not Relation.APART:
                        return False
        return True

    def _between(self, row: int, early: bool) -> Iterator[_Access]:
        """Yield what a block reaches between the nest of an iteration and the block's beginning, or its end."""
        for other in range(ROWS):
            distance = self._turn(other) - self._turn(row)
            if distance == 0:
                yield from (self._at(x, row) for x in self.around if x.when == (-1 if early else 1))
            elif (distance < 0) == early:
                yield from (self._at(x, other) for x in self.around)
                for term in range(other):
                    at = Affine(self.more + term, ((self.first, 1),))
                    yield from (self._at(x, other, at) for _, x in self.reached)


def _put_in(form: Affine, values: Mapping[Counter, Affine]) -> Affine:
    found = Affine(form.constant)
    for counter, c in form.terms:
        found = found.plus(values.get(counter, Affine(0, ((counter, 1),))).times(c))
    return Affine(found.constant, tuple(sorted(found.terms, key=lambda term: term[0].depth)))


# -- the common part --------------------------------------------------------------------------------------------------


def with_rows(nest: Nest, counter: Counter) -> tuple[Loop, list[int]]:
    """Return the loop that does a nest for a block: with one more axis, the first one; and its axes, outermost first.

    Accesses begin where they do in the iteration that the counter says.
    """
    loop, shape = nest.loop, (ROWS, *nest.loop.shape)
    accesses = []
    for view, forms in zip(loop.accesses, nest.forms, strict=True):
        step = sum(
            dict(form.terms).get(counter, 0) * stride
            for form, (_, stride) in zip(forms, view.indexed, strict=True)
            if form is not None
        )
        accesses.append(View(view.buffer, view.offset, (step, *view.strides), shape, view.indexed))
    made = Loop(shape, accesses, list(loop.body), list(loop.stores), loop.equations)
    return made, _order(made)


def _order(loop: Loop) -> list[int]:
    """Return the axes of a loop from the outside in: around the innermost one that along which most stays."""
    order = nest_order(loop)
    stored = {store.access for store in loop.stores}

    def saved(axis: int) -> int:
        return sum(
            _UPDATED if k in stored else _READ
            for k, view in enumerate(loop.accesses)
            if not view.strides[axis] and view.strides[order[-1]]
        )

    around = max(reversed(order[:-1]), key=saved)
    return [*[axis for axis in order[:-1] if axis != around], around, order[-1]]


def nest_order(loop: Loop) -> list[int]:
    """Return the axes of a nest from the outside in, as it suits memory best."""
    axes = range(len(loop.shape))
    inner = min(axes, key=lambda a: (sum(stride_cost(abs(v.strides[a])) for v in loop.accesses), -a))
    rest = [a for a in axes if a != inner]
    return [*sorted(rest, key=lambda a: (-max(abs(v.strides[a]) for v in loop.accesses), a)), inner]
