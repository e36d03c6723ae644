"""Loops whose iterations need nothing of each other, run as loop nests.

``for j in range(i): total -= a[i, j] * x[j]`` is a sum of products, ``for i in range(k): z[i] = y[i] + y[k - i - 1]``
an operation on slices, and so are the loops that reverse them.  Where it can be shown, such a loop becomes an axis of
a nest (:class:`~.loops.Loop`), and a loop around it another one: walked along in the order that suits memory, with
vectors, and with sums in registers.

What an iteration does is brought into one list of operations, with what it writes at the end (:mod:`.straight`).
Places are affine expressions of counters, whose bounds tell which of them never meet (:mod:`.meeting`).  An iteration
may read and write a place that no other iteration writes, and several may add to the same place; two sums that reach
the same places by different ways become two nests, unless they are neighbours (:mod:`.sliding`).  The order of
additions changes, and so may the last bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from ...core.bounds import Affine, Counter
from .blocked import find_blocks
from .entries import write_out
from .loops import Buffer, Choice, Loop, Nest, Repeat, View, needed_for, used
from .meeting import Place, Relation, injective, relation
from .plan import written
from .rolling import roll
from .skewed import find_skew
from .skipping import find_skip
from .sliding import as_sliding, slides
from .straight import Known, Reading, Straight, Unfit

_MANY: Final = 1 << 20
"""Length to expect of an axis of which none is known."""
_FEW: Final = 4
"""Iterations up to which a loop stays as it is."""


def find_nests(step: Any) -> None:
    """Note for the loops in a step, and for itself, the nests as which they can run."""
    _visit(step, Known(), {})


def _visit(step: Any, known: Known, counters: dict[Counter, Buffer]) -> None:
    """Follow a step: what becomes known of integers, and which loops in it can run as nests."""
    if isinstance(step, Repeat):
        inner = known.without(written(step))
        depth = len(counters)
        counter = Counter(depth, known.last(step))
        mine = counters | {counter: step.counter}
        inner.forms[step.counter] = Affine(0, ((counter, 1),))
        within = inner.copy()
        for part in step.body:
            _visit(part, within, mine)
        if step.length is None or step.length > _FEW:
            write_out(step)
            step.nests = _nests(step, inner, counter, depth)
            find_skip(step, inner, counter, mine)
            if step.skip is None and not find_blocks(step, inner, counter):
                roll(step, inner, counter, mine)
                find_skew(step, inner, counter)
    elif isinstance(step, Choice):
        for branch in step.branches:
            within = known.copy()
            for part in branch:
                _visit(part, within, counters)
    elif isinstance(step, Loop) and math.prod(step.shape) == 1:
        known.follow(step)
        return
    known.forget(written(step))


def _nests(step: Repeat, known: Known, counter: Counter, depth: int) -> list[Nest]:
    """Return the nests that do what a loop does; none if it must run as it is."""
    if step.test or step.going is not None or step.tape:
        return []
    try:
        straight = Straight(step, known, counter, set(written(step)))
        groups = _grouped(straight)
        return [_nest(straight, stores) for stores in groups]
    except Unfit:
        return []


# -- which writes go together -----------------------------------------------------------------------------------------


def _grouped(straight: Straight) -> list[list[Any]]:
    """Return what is written as nests that can run one after the other.

    Raises
    ------
    Unfit
        Iterations depend on each other.
    """
    axes = straight.counters
    groups: list[list[Any]] = []
    for write in sorted(straight.writes, key=lambda write: write.how == "set"):  # what is read is overwritten last
        if write.how == "set" and not injective(write.place, axes):
            raise Unfit
        crossing = False
        for other in groups[-1] if groups else []:
            found = relation(write.place, other.place, axes)
            if found is Relation.CROSS:
                if not write.how == other.how == "add":
                    raise Unfit
                crossing = crossing or not slides(write, other, groups[-1], straight.items, axes)
        if crossing or not groups:
            groups.append([])
        groups[-1].append(write)
    for group in groups:
        group.sort(key=lambda write: write.time)
    for g, group in enumerate(groups):
        for write in group:
            for h, other in enumerate(groups):
                if g == h:
                    continue
                for second in other:
                    found = relation(write.place, second.place, axes)
                    if found is not Relation.APART and not write.how == second.how == "add":
                        raise Unfit
    for h, group in enumerate(groups):
        needed = needed_for(Loop((), [], straight.items, []), [write.store for write in group])
        for read in straight.reads:
            if read.item in needed:
                _check_read(read, h, groups, axes)
    return groups


def _check_read(read: Reading, h: int, groups: list[list[Any]], axes: Sequence[Counter]) -> None:
    """See that what a nest reads is what it read before the loops were taken apart."""
    for g, group in enumerate(groups):
        for write in group:
            found = relation(write.place, read.place, axes)
            if found is Relation.APART:
                continue
            in_time = h <= g and read.time < write.time
            if found is Relation.CROSS or not in_time or not injective(write.place, axes):
                raise Unfit


# -- the nests --------------------------------------------------------------------------------------------------------


def _nest(straight: Straight, writes: Sequence[Any]) -> Nest:
    """Return the loop nest that makes some writes: what places have to do with counters becomes strides."""
    counters = straight.counters
    shape = tuple([_MANY if extent.most is None else extent.most for extent in straight.extents])
    accesses = []
    for view, place in zip(straight.accesses, straight.places, strict=True):
        strides = []
        for counter in counters:
            step = 0
            for form, (_, stride) in zip(place.forms, view.indexed, strict=True):
                step += 0 if form is None else dict(form.terms).get(counter, 0) * stride
            strides.append(step)
        accesses.append(View(view.buffer, view.offset, tuple(strides), shape, view.indexed))
    stores = as_sliding(writes, counters)
    whole = Loop(shape, accesses, list(straight.items), stores)
    kept = used(whole)
    # ``used`` keeps accesses in their order, so their places can be found again.
    items = [straight.items[j] for j in sorted(needed_for(whole, whole.stores))]
    numbers = {store.access for store in stores} | {item.access for item in items if hasattr(item, "access")}
    places = [straight.places[k] for k in sorted(numbers)]
    apart = _is_apart(places, {store.access for store in kept.stores}, counters)
    return Nest(kept, list(straight.extents), list(counters), [place.forms for place in places], apart)


def _is_apart(places: Sequence[Place], stored: set[int], axes: Sequence[Counter]) -> bool:
    """Say whether no access of a nest reaches what another one writes."""
    return all(
        relation(places[k], other, axes) is Relation.APART
        for k in stored
        for m, other in enumerate(places)
        if m != k and other.buffer is places[k].buffer
    )
