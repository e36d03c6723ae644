"""Arrays that are stored with their axes in another order, where loops in loops walk along the order they had.

``p[:, j] = f(p[:, j - 1])`` for one j after another jumps through memory from row to row, and no vector register can be
filled at once.  Who writes such a program in C stores ``p`` by columns.  That is what is done here with what lies in
the program's own memory, and with arguments and results if it pays to copy them before or after.

Which axis is to be the last is decided array by array, by what the accesses of all loops then cost.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from .destinations import rename
from .loops import Buffer, Choice, Fill, Load, Loop, Repeat, Shape, Store, View, c_strides, stride_cost
from .plan import touched

_OFTEN: Final = 10
"""Iterations of a loop whose number is computed."""
_WORTHWHILE: Final = 0.25
"""How much less each access to an array must cost for another order to pay."""
_SMALL: Final = 1000.0
"""Cost below which nothing is worth looking at."""
_COPIED: Final = 0.5
"""Cost of copying an entry to where another order puts it."""


@dataclass(eq=False, slots=True)
class _Use:
    """A loop, how often it runs, and whether it does so in a loop."""

    loop: Loop
    times: float
    inner: bool

    def cost(self) -> float:
        """Return what its accesses cost along the axis that suits them best."""
        loop = self.loop
        axes = [a for a, n in enumerate(loop.shape) if n > 1]
        least = min((sum(stride_cost(view.strides[a]) for view in loop.accesses) for a in axes), default=0.0)
        return self.times * math.prod(loop.shape) * least


def turn(steps: list[Any]) -> list[Any]:
    """Return steps in which arrays have the order of axes that suits the loops best."""
    if not any(isinstance(step, Repeat) for step in steps):
        return steps
    uses = list(_uses(steps, 1.0, False))
    of: dict[Buffer, list[_Use]] = {}
    for use in uses:
        for buffer in dict.fromkeys(view.buffer for view in use.loop.accesses):
            of.setdefault(buffer, []).append(use)
    fixed = set(_fixed(steps))
    before: list[Any] = []
    after: list[Any] = []
    for buffer in [b for b in dict.fromkeys(_jumping(uses)) if b not in fixed]:
        shape = _shape(buffer, of[buffer])
        last = None if shape is None else _best(buffer, shape, of[buffer])
        if shape is None or last is None:
            continue
        order = [*(a for a in range(len(shape)) if a != last), last]
        _reorder(buffer, shape, order, of[buffer])
        if buffer.kind == "arena":
            continue
        own = Buffer(buffer.size, buffer.dtype)
        rename(steps, buffer, own)
        outside, inside = View(buffer, 0, c_strides(shape), shape), View(own, 0, _strides(shape, order), shape)
        source, target = (outside, inside) if buffer.kind == "input" else (inside, outside)
        copy = Loop(shape, [source, target], [Load(0)], [Store(1, 0)])
        (before if buffer.kind == "input" else after).append(copy)
    return [*before, *steps, *after]


def _uses(steps: list[Any], times: float, inner: bool) -> Iterator[_Use]:
    for step in steps:
        if isinstance(step, Loop):
            yield _Use(step, times, inner)
        elif isinstance(step, Repeat):
            often = _OFTEN if step.length is None or step.count is not None or step.going is not None else step.length
            yield from _uses([*step.test, *step.body], times * often, True)
        elif isinstance(step, Choice):
            for branch in step.branches:
                yield from _uses(branch, times / len(step.branches), inner)


def _fixed(steps: list[Any]) -> Iterator[Buffer]:
    """Yield what other code than that of loops looks at."""
    for step in steps:
        if isinstance(step, Repeat):
            yield from _fixed([*step.test, *step.body])
        elif isinstance(step, Choice):
            yield from (buffer for branch in step.branches for buffer in _fixed(branch))
        elif isinstance(step, Loop):
            for store in step.stores:
                if step.accesses[store.access].buffer.kind == "input":
                    yield step.accesses[store.access].buffer
        elif not isinstance(step, Fill):
            yield from touched(step)


def _jumping(uses: list[_Use]) -> Iterator[Buffer]:
    """Yield the arrays that a loop in a loop jumps through, those that cost most first."""
    total: dict[Buffer, float] = {}
    for use in uses:
        loop = use.loop
        axes = [a for a, n in enumerate(loop.shape) if n > 1]
        if not axes or not use.inner:
            continue
        axis = min(axes, key=lambda a: (sum(stride_cost(view.strides[a]) for view in loop.accesses), -a))
        for view in loop.accesses:
            if stride_cost(view.strides[axis]) == 1.0 and view.buffer.kind in ("arena", "input", "output"):
                total[view.buffer] = total.get(view.buffer, 0.0) + use.times * math.prod(loop.shape)
    yield from sorted((b for b in total if total[b] > _SMALL), key=lambda b: -total[b])


def _views(buffer: Buffer, uses: list[_Use]) -> Iterator[View]:
    for use in uses:
        for view in use.loop.accesses:
            if view.buffer is buffer:
                yield view


def _shape(buffer: Buffer, uses: list[_Use]) -> Shape | None:
    """Return the shape in which all accesses to a buffer run along axes; None if there is none."""
    steps = {1, buffer.size}
    for view in _views(buffer, uses):
        steps |= {abs(s) for n, s in zip(view.shape, view.strides, strict=True) if n > 1 and s}
        steps |= {abs(s) for n, s in view.indexed if n > 1 and s}
    chain = sorted(steps)
    if len(chain) < 3 or any(b % a for a, b in itertools.pairwise(chain)):
        return None
    shape = tuple(b // a for a, b in itertools.pairwise(chain))[::-1]
    return shape if all(_turned(view, shape, c_strides(shape)) for view in _views(buffer, uses)) else None


def _turned(view: View, shape: Shape, strides: Shape) -> View | None:
    """Return a view, given for an array in C order, of the same array with other strides; None if it is none."""
    usual = c_strides(shape)
    place = {step: a for a, step in enumerate(usual)}
    coordinates = [view.offset // step % n for step, n in zip(usual, shape, strict=True)]
    low, high = list(coordinates), list(coordinates)

    def along(n: int, step: int) -> int | None:
        """Return the stride of an axis of n entries."""
        if n <= 1 or not step:
            return 0
        a = place.get(abs(step))
        if a is None:
            return None
        (high if step > 0 else low)[a] += (n - 1) if step > 0 else (1 - n)
        return strides[a] if step > 0 else -strides[a]

    moved = [along(n, s) for n, s in zip(view.shape, view.strides, strict=True)]
    indexed = [(n, along(n, s)) for n, s in view.indexed]
    if None in moved or any(s is None for _, s in indexed) or not 0 <= view.offset < max(1, math.prod(shape)):
        return None
    if any(lo < 0 or hi >= n for lo, hi, n in zip(low, high, shape, strict=True)):
        return None
    offset = sum(c * s for c, s in zip(coordinates, strides, strict=True))
    return replace(view, offset=offset, strides=tuple(moved), indexed=tuple(indexed))  # type: ignore[arg-type]


def _strides(shape: Shape, order: list[int]) -> Shape:
    """Return the strides of an array whose axes lie in memory in some order."""
    packed = c_strides(tuple(shape[a] for a in order))
    return tuple(packed[order.index(a)] for a in range(len(shape)))


def _best(buffer: Buffer, shape: Shape, uses: list[_Use]) -> int | None:
    """Return the axis that had better be the last one, if that is another one."""
    accesses = sum(use.times * math.prod(view.shape) for use in uses for view in _views(buffer, [use]))
    found, least = None, sum(use.cost() for use in uses) - _WORTHWHILE * accesses
    for last in range(len(shape) - 1):
        order = [*(a for a in range(len(shape)) if a != last), last]
        kept = _reorder(buffer, shape, order, uses)
        cost = sum(use.cost() for use in uses) + (0.0 if buffer.kind == "arena" else _COPIED * buffer.size)
        for use, views in zip(uses, kept, strict=True):
            use.loop.accesses[:] = views
        if cost < least:
            found, least = last, cost
    return found


def _reorder(buffer: Buffer, shape: Shape, order: list[int], uses: list[_Use]) -> list[list[View]]:
    """Let all accesses to a buffer find its axes in another order; return the accesses that the loops had."""
    strides = _strides(shape, order)
    kept = []
    for use in uses:
        kept.append(list(use.loop.accesses))
        for k, view in enumerate(use.loop.accesses):
            if view.buffer is buffer:
                moved = _turned(view, shape, strides)
                assert moved is not None
                use.loop.accesses[k] = moved
    return kept
