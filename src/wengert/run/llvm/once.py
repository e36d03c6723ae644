"""Zeros to which a loop adds once are written instead.

Cotangents of arrays that a loop reads entry by entry begin as zeros, and each iteration adds to an entry of its own.
Reading the zero, adding and writing cost more than writing; for arrays that no cache holds, half as much again.  So
where each entry is added to at most once, and nothing else looks at the array in the loop, what was to be added is
stored.  Of an array with one axis only those entries are filled with zeros that the loop does not reach.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.bounds import Affine, Counter
from .loops import Buffer, Fill, Loop, Repeat
from .meeting import Place, Relation, injective, relation
from .plan import touched
from .rolling import reaches
from .straight import Known


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
    reached = _range(adding[0].place, user) if len(adding) == 1 and len(adding[0].path) == 1 else None
    if reached is None:
        return [fill]
    low, high = reached
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


def _range(place: Place, step: Repeat) -> tuple[int, int] | None:
    """Return the first and last entry that a loop reaches at a place of an array with one axis, all in between too."""
    if step.count is not None or step.length is None or step.test or len(place.forms) != 1 or place.offset:
        return None
    (form,) = place.forms
    if form is None or len(form.terms) != 1 or abs(form.terms[0][1]) != 1 or place.indexed[0][1] != 1:
        return None
    low, high = form.extreme(False), form.extreme(True)
    return None if low is None or high is None else (low, high)
