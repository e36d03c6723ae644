"""Vectors that are kept, of which only the first entries are ever read: the rest is not written.

A recursion that grows a vector, ``for k in range(1, n): y[:k] += alpha * y[:k][::-1]``, keeps for the way back what it
was in each iteration: as a row of an array, the whole vector.  Read are the first k entries, and as a rule that can be
shown: loop nests (:mod:`.nests`) know each of their places as an expression of counters, and how far these count.  So
what the row's number says how much of is read becomes a nest of that length.  The same is done to copies that an
iteration makes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from ...core.bounds import Affine, Counter
from .loops import Buffer, Choice, Const, Extent, Load, Loop, Nest, Op, Repeat, Store, View, only
from .meeting import Place
from .plan import touched
from .straight import Known

_INDEX: Final = np.dtype(np.int64)
_LONG: Final = 32
"""Entries from which on writing less pays."""
_MOST: Final = 0.75
"""The part of a vector that may be left, on the mean, so that it is worth the trouble."""


class _Otherwise(Exception):
    """A buffer is reached in a way that is not known."""


def save_less(steps: Sequence[Any]) -> None:
    """Shorten what loops in some steps, which are the whole program, write and nobody reads."""
    _visit(steps, steps, None, 0)


def _visit(program: Sequence[Any], steps: Any, around: Repeat | None, depth: int) -> None:
    """Shorten loops in steps of an iteration of a loop ``around``, at a depth."""
    for step in list(steps):
        if isinstance(step, Repeat):
            if not (step.nests or step.skew or step.blocks or step.skip or step.test) and len(step.body) > 1:
                _visit(program, step.body, step, depth + 1)
        elif isinstance(step, Choice):
            for branch in step.branches:
                _visit(program, branch, around, depth)
        elif isinstance(step, Loop) and around is not None and _may_be_short(step):
            k = steps.index(step)
            counter = Counter(depth - 1, None if around.length is None else Affine(around.length - 1))
            lengths = [_length(program, steps[k + 1 :], step, store, around, counter) for store in step.stores]
            known = [more for more in lengths if more is not None]
            if len(known) == len(lengths):
                steps[k : k + 1] = _shortened(step, known, around.counter)


def _may_be_short(loop: Loop) -> bool:
    return len(loop.shape) == 1 and loop.shape[0] >= _LONG and loop.together is None


def _length(
    program: Sequence[Any], behind: Sequence[Any], loop: Loop, store: Store, around: Repeat, counter: Counter
) -> int | None:
    """Return how much longer than the number of the iteration is what has to be written; None if it is all.

    Parameters
    ----------
    program
    behind : sequence
        What follows in the same iteration.
    loop, store
        What writes.
    around, counter
        The loop of which it is a step, and its counter.
    """
    view, (n,) = loop.accesses[store.access], loop.shape
    buffer = view.buffer
    reached = [v.buffer for v in loop.accesses].count(buffer)
    if store.how != "set" or view.strides != (1,) or view.offset or buffer.kind != "arena" or reached > 1:
        return None
    if any(getattr(item, "access", -1) == store.access for item in loop.body):
        return None
    forms = Known({around.counter: Affine(0, ((counter, 1),))}).of_items(loop)
    place = Place(buffer, 0, (*view.indexed, (n, 1)), (*(forms.get(j) for j in store.at), Affine(0)))
    try:
        reads = list(_reads(program, buffer, loop))
        if not view.indexed and len(reads) > len(list(_reads(behind, buffer, loop))):
            return None
    except _Otherwise:
        return None
    shift, last = 0, around.length
    if view.indexed:
        ((rows, stride),) = view.indexed if len(view.indexed) == 1 else ((0, 0),)
        row = place.forms[0]
        if row is None or row.terms != ((counter, 1),) or stride != n or rows * n != buffer.size:
            return None
        shift, last = row.constant, rows
    elif buffer.size != n:
        return None
    beyond = -1 - shift  # such that lengths are not negative
    for read in reads:
        if not read.is_plain or (read.offset, read.indexed) != (0, place.indexed):
            return None
        first = read.forms[0] if view.indexed else Affine(0, ((counter, 1),))
        assert first is not None
        assert read.forms[-1] is not None
        most = read.forms[-1].plus(first, -1).extreme(True)
        if most is None:
            return None
        beyond = max(beyond, most)
    more = shift + beyond + 1
    return more if last is not None and last / 2 + more <= _MOST * n else None


def _reads(steps: Sequence[Any], buffer: Buffer, but: Loop) -> Iterator[Place]:
    """Yield where nests read a buffer.

    Raises
    ------
    _Otherwise
        Something else than a step that is left out of account, and nests that read, touches it.
    """
    for step in steps:
        if step is but:
            continue
        if isinstance(step, Repeat) and step.nests:
            for nest in step.nests:
                written = {store.access for store in nest.loop.stores}
                for k, view in enumerate(nest.loop.accesses):
                    if view.buffer is buffer:
                        if k in written:
                            raise _Otherwise
                        yield Place(buffer, view.offset, view.indexed, nest.forms[k])
        elif isinstance(step, Repeat):
            for part in (step.before, step.test, step.body, step.after):
                yield from _reads(part, buffer, but)
        elif isinstance(step, Choice):
            for branch in step.branches:
                yield from _reads(branch, buffer, but)
        elif buffer in touched(step):
            raise _Otherwise


def _shortened(loop: Loop, lengths: Sequence[int], counter: Buffer) -> list[Any]:
    """Return what a loop does as loops whose lengths grow with a counter; ``lengths`` has one for each store.

    None of them reads what another one writes: nothing in the loop does.
    """
    found: list[Any] = []
    for more in dict.fromkeys(lengths):
        stores = [store for store, length in zip(loop.stores, lengths, strict=True) if length == more]
        count = Buffer(1, _INDEX)
        found += [_count(counter, more, count), _as_nest(only(loop, stores), count)]
    return found


def _count(counter: Buffer, more: int, count: Buffer) -> Loop:
    """Return what computes a length."""
    number = Op("convert", (0,), (("dtype", _INDEX),), (counter.dtype,), _INDEX)
    body = [Load(0), number, Const(more, _INDEX), Op("add", (1, 2), (), (_INDEX, _INDEX), _INDEX)]
    return Loop((), [View(counter, 0, (), ()), View(count, 0, (), ())], body, [Store(1, 3)])


def _as_nest(loop: Loop, count: Buffer) -> Repeat:
    """Return a loop as one that is so long."""
    view, most = View(count, 0, (), ()), loop.shape[0]
    forms: list[Any] = [(None,) * len(access.indexed) for access in loop.accesses]
    nest = Nest(loop, [Extent(view, most)], [Counter(0, None)], forms)
    nothing, own = Buffer(0, np.dtype(np.uint8)), Buffer(1, _INDEX)
    outer = list(dict.fromkeys([*touched(loop), count]))
    return Repeat(own, view, most, False, [], None, [loop], nothing, [], outer, 0, -1, nests=[nest])
