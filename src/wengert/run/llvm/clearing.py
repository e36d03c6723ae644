"""Zeros that a nest writes in order to be added to by the next one: what is added is written instead.

Backwards through ``z[i] = y[i] + alpha * y[k - i - 1]`` and ``y[i] = z[i]``, cotangents go from y's to z's and back:
each loop takes what is in one, leaves zeros there, and adds it to the other, where zeros are.  Two cases can be shown
for loop nests that reach the same entries, each of them once:

- What one nest sets to zero, and the next one that touches the array adds to, is written by the latter.
- An array that is zero when an iteration begins, because the one before has left it so, and it was filled with zeros at
  first: what the first nest adds is written, and what the last one clears is left as it is.  Nothing else may look at
  it, nor may it be returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.bounds import Affine
from .loops import Buffer, Fill, Loop, Nest, Repeat, needed_for, used
from .meeting import in_order
from .plan import touched, written
from .rim import is_zero

Span = tuple[Buffer | None, int | None, int, Affine, Affine]
"""A count, the most that it is, the array's size, the first entry and how many behind it are reached."""


@dataclass(eq=False, slots=True)
class _Part:
    """A step of an iteration, or number ``number`` of a step's nests."""

    step: Any
    number: int = -1

    @property
    def nest(self) -> Nest | None:
        return self.step.nests[self.number] if self.number >= 0 else None

    @property
    def touched(self) -> list[Buffer]:
        return touched(self.step) if self.nest is None else [view.buffer for view in self.nest.loop.accesses]

    def with_stores(self, stores: Sequence[Any]) -> None:
        """Let a nest have other stores, of the same items and accesses."""
        nest = self.nest
        assert nest is not None
        whole = Loop(nest.loop.shape, nest.loop.accesses, nest.loop.body, list(stores))
        items = [whole.body[j] for j in needed_for(whole, whole.stores)]
        kept = {store.access for store in stores} | {item.access for item in items if hasattr(item, "access")}
        forms = [form for k, form in enumerate(nest.forms) if k in kept]
        self.step.nests[self.number] = replace(nest, loop=used(whole), forms=forms)


def write_over_zeros(steps: Sequence[Any]) -> None:
    """Let nests of loops in some steps, which are the whole program, write what they would add to zeros."""
    for k, step in enumerate(steps):
        if isinstance(step, Repeat) and not (step.nests or step.skew or step.blocks or step.skip):
            for fill in steps[:k]:
                if not isinstance(fill, Fill) or fill.buffer.kind != "arena":
                    continue  # what is returned has to be zero in the end
                if fill.value == 0 and fill.length == fill.buffer.size > 1:
                    users = [other for other in steps if fill.buffer in touched(other)]
                    if users == [fill, step]:
                        _start_with_zeros(step, fill.buffer)
            _within(step)


def _within(step: Repeat) -> None:
    """Do so within an iteration of a loop, and of loops in it."""
    for part in step.body:
        if isinstance(part, Repeat) and not (part.nests or part.skew or part.blocks or part.skip):
            _within(part)
    parts = _parts(step.body)
    for k, part in enumerate(parts):
        nest = part.nest
        for store in [] if nest is None else list(nest.loop.stores):
            assert nest is not None
            access = store.access
            if store.how != "set" or not is_zero(nest.loop.body[store.item]):
                continue
            buffer = nest.loop.accesses[access].buffer
            following = next((j for j in range(k + 1, len(parts)) if buffer in parts[j].touched), None)
            if following is None or part.touched.count(buffer) > 1 or not _lasts(part, parts[k + 1 : following]):
                continue
            found = _only_adds(parts[following], buffer)
            if found is None or _span(part, access) is None or _span(part, access) != _span(parts[following], found):
                continue
            _let_write(parts[following], found)
            part.with_stores([other for other in nest.loop.stores if other.access != access])
            break


def _start_with_zeros(step: Repeat, buffer: Buffer) -> None:
    """Let the first nest of an iteration write to an array that is zero when it begins, if that can be shown."""
    if any(buffer in touched(part) for part in [*step.before, *step.test, *step.after]):
        return
    parts = _parts(step.body)
    users = [k for k, part in enumerate(parts) if buffer in part.touched]
    if len(users) < 2 or any(parts[k].nest is None for k in users):
        return
    first, last = parts[users[0]], parts[users[-1]]
    found = _only_adds(first, buffer)
    if found is None or not _lasts(first, parts[users[0] + 1 : users[-1]]):
        return
    span = _span(first, found)
    for k in users:
        nest = parts[k].nest
        assert nest is not None
        accesses = [a for a, view in enumerate(nest.loop.accesses) if view.buffer is buffer]
        if span is None or any(_span(parts[k], access) != span for access in accesses):
            return
    assert last.nest is not None
    stores = last.nest.loop.stores
    mine = [s for s in stores if last.nest.loop.accesses[s.access].buffer is buffer]
    if last.touched.count(buffer) > 1 or len(mine) != 1 or len(stores) == 1:
        return
    if mine[0].how != "set" or not is_zero(last.nest.loop.body[mine[0].item]):
        return
    _let_write(first, found)
    last.with_stores([store for store in stores if store is not mine[0]])


def _parts(steps: Sequence[Any]) -> list[_Part]:
    """Return steps in their order, nests one by one."""
    found = []
    for step in steps:
        nests = step.nests if isinstance(step, Repeat) else []
        found += [_Part(step, number) for number in range(len(nests))] or [_Part(step)]
    return found


def _lasts(part: _Part, between: Sequence[_Part]) -> bool:
    """Say whether the length of a nest stays what it is while other steps run."""
    nest = part.nest
    assert nest is not None
    counts = [extent.count.buffer for extent in nest.extents if extent.count is not None]
    return not any(buffer in list(written(other.step)) for other in between for buffer in counts)


def _only_adds(part: _Part, buffer: Buffer) -> int | None:
    """Return the access by which a nest adds to an array, if it does nothing else with it."""
    nest = part.nest
    if nest is None or part.touched.count(buffer) > 1:
        return None
    access = part.touched.index(buffer)
    stores = [store.how for store in nest.loop.stores if store.access == access and not store.shift]
    read = any(getattr(item, "access", -1) == access for item in nest.loop.body)
    return access if stores == ["add"] and not read else None


def _let_write(part: _Part, access: int) -> None:
    nest = part.nest
    assert nest is not None
    part.with_stores([replace(s, how="set") if s.access == access else s for s in nest.loop.stores])


def _span(part: _Part, access: int) -> Span | None:
    """Return which entries of an array with one axis a nest with one axis reaches, each of them once."""
    nest = part.nest
    if nest is None or len(nest.counters) != 1:
        return None
    view, forms, last = nest.loop.accesses[access], nest.forms[access], nest.counters[0].last
    if view.offset or len(view.indexed) != 1 or view.indexed[0][1] != 1 or last is None or view.dtype.kind != "f":
        return None
    (form,) = forms
    if form is None or any(counter.depth < 0 for counter, _ in (*form.terms, *last.terms)):
        return None
    step = dict(form.terms).get(nest.counters[0], 0)
    rest = form.plus(Affine(0, ((nest.counters[0], 1),)).times(step), -1)
    count, most = nest.extents[0].count, nest.extents[0].most
    if abs(step) != 1 or (step == -1 and count is not None and not last.terms):
        return None  # if a number that is looked up is not known, only the most that it can be is
    low = rest if step == 1 else rest.plus(last, -1)
    return None if count is None else count.buffer, most, view.indexed[0][0], in_order(low), in_order(last)
