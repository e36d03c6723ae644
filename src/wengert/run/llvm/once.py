"""Zeros to which a loop adds once are written instead.

Cotangents of arrays that a loop reads entry by entry begin as zeros, and each iteration adds to an entry of its own.
Reading the zero, adding and writing cost more than writing; for arrays that no cache holds, half as much again.  So
where each entry is added to at most once, and nothing else looks at the array in the loop, what was to be added is
stored.  Of an array with one axis only those entries are filled with zeros that the loop does not reach.  Of one with
two axes, of which each iteration reaches one row, each iteration fills its row first: it is in the cache when the rest
is written, and large arrays go through memory once and not twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ...core.bounds import Affine, Counter
from .loops import Buffer, Const, Fill, Load, Loop, Op, Repeat, Store, View
from .meeting import Place, Relation, injective, relation
from .plan import touched
from .rolling import reaches
from .straight import Known

LARGE: Final = 1 << 18
"""Bytes from which on an array is filled row by row, where it is written."""


@dataclass(frozen=True, slots=True)
class Adding:
    """A store that adds: number ``store`` of a loop's, where, and in which loops, those around first."""

    loop: Loop
    store: int
    place: Place
    path: tuple[Counter, ...]


class _Otherwise(Exception):
    """An array is reached in another way."""


def write_once(steps: Sequence[Any]) -> list[Any]:
    """Return steps in which what is added once to zeros is written."""
    found: list[Any] = []
    for k, step in enumerate(steps):
        parts = [step]
        if isinstance(step, Fill) and step.buffer.size > 1 and step.buffer.dtype.kind == "f" and step.value == 0:
            user = next((other for other in steps[k + 1 :] if step.buffer in touched(other)), None)
            if isinstance(user, Repeat):
                parts = _written(step, user)
        found += parts
    return found


def _written(fill: Fill, user: Repeat) -> list[Fill]:
    """Let a loop write where it adds, if it does so once; return what then has to be filled."""
    try:
        adding = list(_additions([user], fill.buffer, Known(), ()))
    except _Otherwise:
        return [fill]
    if not adding or not all(injective(one.place, one.path) for one in adding):
        return [fill]
    if not all(_apart(a, b) for j, a in enumerate(adding) for b in adding[:j]):
        return [fill]
    for one in adding:
        one.loop.stores[one.store] = replace(one.loop.stores[one.store], how="set")
    width, reached = 1, None
    if len(adding) == 1 and len(adding[0].path) == 1 and len(adding[0].place.forms) == 1:
        reached = span_of(adding[0].place, user)
    elif fill.length == fill.buffer.size and fill.buffer.size * fill.buffer.dtype.itemsize >= LARGE:
        reached = _rows(adding, user)
        if reached is not None:
            width = adding[0].place.indexed[0][1]
            user.body.insert(0, _row(fill, adding[0].place, user))
    if reached is None:
        return [fill]
    low, high = reached[0] * width, (reached[1] + 1) * width - 1
    return [
        Fill(fill.buffer, fill.value, start, stop - start)
        for start, stop in ((0, low), (high + 1, fill.buffer.size))
        if start < stop
    ]


def _additions(steps: Sequence[Any], buffer: Buffer, known: Known, path: tuple[Counter, ...]) -> Iterator[Adding]:
    """Yield the stores that add to an array.

    Raises
    ------
    _Otherwise
        There is another access to it, or a place is not known.
    """
    for step in steps:
        if isinstance(step, Loop) and math.prod(step.shape) == 1:
            for reach in reaches(step, known.of_items(step)):
                if reach.place.buffer is buffer:
                    if reach.how != "add" or not reach.place.is_plain:
                        raise _Otherwise
                    yield Adding(step, reach.store, reach.place, path)
            known.follow(step)
        elif isinstance(step, Repeat):
            yield from _of_loop(step, buffer, known, path)
        elif buffer in touched(step):
            raise _Otherwise
        else:
            known.forget(touched(step))


def _of_loop(step: Repeat, buffer: Buffer, known: Known, path: tuple[Counter, ...]) -> Iterator[Adding]:
    changed = [other for other in touched(step) if other.size == 1] + [step.counter]
    inner = known.without([*changed, *step.inner])
    if step.skip is not None and buffer in touched(step):
        raise _Otherwise  # iterations that are skipped would have to write
    if step.nests:
        for nest in step.nests:
            yield from _of_nest(nest, buffer, path)
    else:
        own = Counter(len(path), known.last(step))
        inner.forms[step.counter] = Affine(0, ((own, 1),))
        for steps in (step.before, step.test, step.body, step.after):
            for adding in _additions(steps, buffer, inner, (*path, own)):
                if steps is not step.body:
                    raise _Otherwise
                yield adding
    known.forget([*changed, *step.inner])


def _of_nest(nest: Any, buffer: Buffer, path: tuple[Counter, ...]) -> Iterator[Adding]:
    loop = nest.loop
    if any(loop.accesses[item.access].buffer is buffer for item in loop.body if hasattr(item, "access")):
        raise _Otherwise
    for s, store in enumerate(loop.stores):
        view, forms = loop.accesses[store.access], nest.forms[store.access]
        if view.buffer is buffer:
            place = Place(buffer, view.offset, view.indexed, forms)
            if store.how != "add" or not place.is_plain:
                raise _Otherwise
            yield Adding(loop, s, place, (*path, *nest.counters))


def _apart(a: Adding, b: Adding) -> bool:
    """Say whether two stores never reach the same entry.

    Where an axis of both, which see the array alike, has the same counter, and no other, entries can only be the same
    if that counter is, too.
    """
    alike = (a.place.offset, a.place.indexed) == (b.place.offset, b.place.indexed)
    same = {
        f.terms[0][0]
        for f, g in zip(a.place.forms, b.place.forms, strict=False)
        if alike and f is not None and f == g and len(f.terms) == 1
    }
    axes = [counter for counter in dict.fromkeys([*a.path, *b.path]) if counter not in same]
    return relation(a.place, b.place, axes) is Relation.APART


def span_of(place: Place, step: Repeat) -> tuple[int, int] | None:
    """Return the first and last index that a loop reaches along the first axis of a place, all in between too."""
    if step.count is not None or step.length is None or step.test or step.going is not None or place.offset:
        return None
    form = place.forms[0]
    if form is None or len(form.terms) != 1 or abs(form.terms[0][1]) != 1 or place.indexed[-1][1] != 1:
        return None
    low, high = form.extreme(False), form.extreme(True)
    return None if low is None or high is None else (low, high)


def _rows(adding: Sequence[Adding], step: Repeat) -> tuple[int, int] | None:
    """Return the first and last row of an array that a loop reaches, if that is one in each iteration."""
    place, own = adding[0].place, adding[0].path[0]
    if len(place.forms) != 2 or place.indexed[0][1] != place.indexed[1][0] or step.nests or step.skew or step.blocks:
        return None
    first, form = place.forms[0], place.indexed
    if first is None or [counter for counter, _ in first.terms] != [own]:
        return None
    for one in adding:
        if (one.place.offset, one.place.indexed, one.place.forms[0], one.path[0]) != (0, form, first, own):
            return None
    return span_of(place, step) if form[0][0] * form[0][1] == place.buffer.size else None


def _row(fill: Fill, place: Place, step: Repeat) -> Loop:
    """Return a loop that fills the row of an iteration."""
    (form, *_), ((_, width), _) = place.forms, place.indexed
    assert form is not None
    index = step.counter.dtype
    row = View(fill.buffer, 0, (1,), (width,), (place.indexed[0],))
    counter = View(step.counter, 0, (0,), (width,))
    number = form.terms[0][1], form.constant
    both = (index, index)
    body = [
        Load(0),
        Const(number[0], index),
        Op("mul", (0, 1), (), both, index),
        Const(number[1], index),
        Op("add", (2, 3), (), both, index),
        Const(fill.value, fill.buffer.dtype),
    ]
    return Loop((width,), [counter, row], body, [Store(1, 5, "set", (4,), True)])
