"""Loops that run together, block by block of rows, and loops that threads share.

Consecutive loops often walk through the same rows: a softmax takes the largest entry of each row, then the sum of the
exponentials, then divides.  Run one after another over all rows, each fetches everything from memory again.  Run
together over blocks of a few rows, all but the first find their rows in the cache, and what only they hand to one
another never needs more memory than a block.  The tasks that threads share are ranges of rows as well; a sum over rows
gets a part for each task, and the parts are added up in the end, always in the same order.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .cost import nanoseconds
from .layout import IDENTITY, worst
from .loops import (
    Buffer,
    Const,
    Fill,
    Load,
    Loop,
    Rows,
    Store,
    View,
    c_strides,
    canonical,
    innermost,
    row_stride,
)
from .plan import touched

CACHE: Final = 192 << 10
"""Bytes that the loops over a block may touch: what stays in a core's second cache."""
TASKS: Final = 16
"""Most tasks that a loop is cut into.  Not the number of threads, on which results must not depend."""
WORTHWHILE: Final = 16e3
"""Nanoseconds of work from which on waking another thread pays."""


def share(steps: list[Any], threads: int) -> list[Any]:
    """Return steps in which loops are put together, and cut into tasks, where that pays.

    Parameters
    ----------
    steps : list
        In order of execution, fills included.
    threads : int
        For how many scratch memory is needed.
    """
    cost = {id(step): nanoseconds(step) for step in steps if isinstance(step, Loop)}
    if sum(cost.values()) < WORTHWHILE and not any(_bytes([step]) > CACHE for step in steps if isinstance(step, Loop)):
        return steps
    uses = Counter(buffer for step in steps for buffer in set(touched(step)))
    order: list[Any] = []
    k = 0
    while k < len(steps):
        group = _longest(steps, k)
        if group is None:
            order.append(steps[k])
            k += 1
            continue
        order += group.finish(uses, threads)
        k = group.end
    return order


def _longest(steps: list[Any], k: int) -> _Group | None:
    """Return the largest group of loops that begins with step k, or with the first loop behind the fills there."""
    head = k
    while head < len(steps) and isinstance(steps[head], Fill):
        head += 1
    if head == len(steps) or not isinstance(steps[head], Loop) or 0 in steps[head].shape or not steps[head].stores:
        return None
    best: _Group | None = None
    for count in _row_counts(steps[head]):
        group = _Group(count, k)
        while group.end < len(steps) and group.take(steps[group.end]):
            group.end += 1
        if group.loops and (best is None or (len(group.loops), count) > (len(best.loops), best.count)):
            best = group
    if best is None:
        best = _Group(0, k)
        best.alone(steps, head)
    return best


def _row_counts(loop: Loop) -> Iterator[int]:
    """Yield the numbers of rows that a loop may be seen as having."""
    seen = {1}
    for leading in range(1, len(loop.shape) + 1):
        if not _uniform(loop, leading):
            return
        count = math.prod(loop.shape[:leading])
        if count not in seen:
            seen.add(count)
            yield count


def _uniform(loop: Loop, leading: int) -> bool:
    """Say whether the first axes are one axis to all accesses of a loop."""
    axes = [a for a in range(leading) if loop.shape[a] != 1]
    return all(v.strides[a] == v.strides[b] * loop.shape[b] for a, b in itertools.pairwise(axes) for v in loop.accesses)


def _leading(loop: Loop, count: int) -> int | None:
    """Return how many axes of a loop make up so many rows."""
    size = 1
    for leading in range(1, len(loop.shape) + 1):
        size *= loop.shape[leading - 1]
        if size == count:
            return leading if _uniform(loop, leading) else None
        if size > count:
            break
    return None


@dataclass(slots=True)
class _Place:
    """How the loops of a group use a buffer."""

    row: int  # entries from row to row; 0: a sum over rows
    inside: bool  # each row's accesses stay in that row of the buffer
    written: bool
    loops: int = 1
    how: str = ""  # of a sum over rows


@dataclass(eq=False, slots=True)
class _Group:
    """Loops over the same rows, in the making; ``end`` is the step behind it."""

    count: int
    end: int
    loops: list[Loop] = field(default_factory=list)
    leading: list[int] = field(default_factory=list)
    places: dict[Buffer, _Place] = field(default_factory=dict)
    fills: dict[Buffer, Fill] = field(default_factory=dict)
    before: list[Fill] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)

    def alone(self, steps: list[Any], head: int) -> None:
        """Make this the group of one loop that cannot be cut."""
        self.steps = steps[self.end : head + 1]
        self.end = head + 1

    def take(self, step: Any) -> bool:
        """Take a step in if it can run row by row with the others."""
        if isinstance(step, Fill):
            if step.buffer in self.places:
                return False
            self.fills[step.buffer] = step
            self.steps.append(step)
            return True
        if not isinstance(step, Loop) or 0 in step.shape or not step.stores:
            return False
        leading = _leading(step, self.count)
        if leading is None or not _row_wise(step, leading):
            return False
        found = self._places(step, leading)
        if found is None:
            return False
        for buffer, place in found.items():
            fill = self.fills.pop(buffer, None)
            if fill is None:
                continue
            if place.row and place.inside and buffer.size == self.count * place.row:
                self._add(_as_rows(fill, self.count, place.row), 1)
                place.loops += 1
            else:
                self.before.append(fill)
        self.places |= found
        self._add(step, leading)
        self.steps.append(step)
        return True

    def _add(self, loop: Loop, leading: int) -> None:
        self.loops.append(loop)
        self.leading.append(leading)

    def _places(self, loop: Loop, leading: int) -> dict[Buffer, _Place] | None:
        """Return how the group uses this loop's buffers if the loop joins, or None if it must not."""
        found: dict[Buffer, _Place] = {}
        stores = {store.access: store for store in loop.stores}
        for k, view in enumerate(loop.accesses):
            store = stores.get(k)
            if store is not None and (store.at or not injective(view.shape, view.strides)):
                return None
            row = row_stride(view.strides, view.shape, leading)
            if store is not None and row == 0 and store.how == "set":
                return None
            low = view.offset + sum(min(0, (n - 1) * s) for n, s in _rest(view, leading))
            high = view.offset + sum(max(0, (n - 1) * s) for n, s in _rest(view, leading))
            inside = not view.indexed and 0 <= low <= high < row
            how = store.how if store is not None and row == 0 else ""
            place = _Place(row, inside, store is not None, how=how)
            known = found.get(view.buffer) or self.places.get(view.buffer)
            if known is not None:
                merged = _merged(known, place)
                if merged is None:
                    return None
                merged.loops = known.loops + (view.buffer not in found)
                place = merged
            found[view.buffer] = place
        return found

    # -- the outcome ---------------------------------------------------------------------------------------------------

    def finish(self, uses: Counter[Buffer], threads: int) -> list[Any]:
        """Return the steps of the group: as they were, or put together."""
        if sum(isinstance(step, Loop) for step in self.steps) == 1:
            return _cut(self.steps)
        cost = sum(map(nanoseconds, self.loops))
        size = _bytes(self.loops)
        sums = {buffer: place.how for buffer, place in self.places.items() if place.how}
        tasks, part = _tasks(cost, self.count, size, sums)
        if tasks == 1 and size <= CACHE:
            return self.steps
        block = max(1, min(part, CACHE * self.count // size))
        made = Rows(self.loops, self.leading, self.count, block, part, tasks)
        if block < part:
            self._make_scratch(made, uses, threads)
        fills, after = _make_parts(made, sums) if tasks > 1 else ([], [])
        return [*self.before, *fills, made, *after, *self.fills.values()]

    def _make_scratch(self, made: Rows, uses: Counter[Buffer], threads: int) -> None:
        """Give what only this group uses memory for a block instead of memory for everything."""
        for buffer, place in self.places.items():
            whole_rows = place.inside and buffer.size == self.count * place.row
            if buffer.kind == "arena" and whole_rows and place.written and uses[buffer] == place.loops:
                store = Buffer(threads * made.block * place.row, buffer.dtype)
                _redirect(made.loops, buffer, store)
                made.scratch.append((store, place.row * buffer.dtype.itemsize))


def _tasks(cost: float, count: int, size: int, sums: dict[Buffer, str]) -> tuple[int, int]:
    """Return how many tasks rows are cut into, and the rows of a task."""
    tasks = min(count, TASKS, int(cost / (WORTHWHILE / 4))) if cost >= WORTHWHILE else 1
    for buffer in sums:  # parts of sums must not cost more than the loops
        tasks = min(tasks, max(1, size // (4 * buffer.size * buffer.dtype.itemsize)))
    part = -(-count // tasks)
    if part > 64:
        part = -(-part // 16) * 16
    return -(-count // part), part


def _make_parts(made: Rows, sums: dict[Buffer, str]) -> tuple[list[Fill], list[Loop]]:
    """Give each task its own part of every sum over rows; return the fills before and the loops that add up after."""
    fills, after = [], []
    for buffer, how in sums.items():
        parts = Buffer(made.tasks * buffer.size, buffer.dtype)
        _redirect(made.loops, buffer, parts)
        made.partial.append((parts, buffer.size * buffer.dtype.itemsize))
        fills.append(Fill(parts, IDENTITY[how] if how in IDENTITY else worst(how, buffer.dtype)))
        shape = (made.tasks, buffer.size)
        source = View(parts, 0, c_strides(shape), shape)
        target = View(buffer, 0, (0, 1), shape)
        after.append(Loop(shape, [source, target], [Load(0)], [Store(1, 0, how)]))
    return fills, after


def _cut(steps: list[Any]) -> list[Any]:
    """Return fills and the loop behind them, the loop cut into tasks along its outermost axis where that pays."""
    at = next(k for k, step in enumerate(steps) if isinstance(step, Loop))
    loop = steps[at]
    cost = nanoseconds(loop)
    if cost < WORTHWHILE:
        return steps
    sizes, strides, _ = canonical(loop.shape, loop.accesses)
    sums: dict[Buffer, str] = {}
    stores = {store.access: store for store in loop.stores}
    for k, view in enumerate(loop.accesses):
        store = stores.get(k)
        if store is None:
            continue
        if store.at or not injective(sizes, strides[k]):
            return steps
        if strides[k][0] == 0 and (store.how == "set" or sums.setdefault(view.buffer, store.how) != store.how):
            return steps
    for k, view in enumerate(loop.accesses):
        if view.buffer in sums and (k not in stores or strides[k][0] != 0):
            return steps
    tasks, part = _tasks(cost, sizes[0], _bytes([loop]), sums)
    if tasks == 1:
        return steps
    made = Rows([loop], [-1], sizes[0], part, part, tasks)
    fills, after = _make_parts(made, sums)
    return [*steps[:at], *fills, made, *after, *steps[at + 1 :]]


def injective(sizes: Any, strides: Any) -> bool:
    """Say whether different points go to different entries, but for axes along which nothing moves."""
    reach = 0
    for s, n in sorted((abs(s), n) for s, n in zip(strides, sizes, strict=True) if s and n > 1):
        if s <= reach:
            return False
        reach += s * (n - 1)
    return True


def _rest(view: View, leading: int) -> list[tuple[int, int]]:
    """Return sizes and strides of a view's other axes."""
    return list(zip(view.shape[leading:], view.strides[leading:], strict=True))


def _merged(a: _Place, b: _Place) -> _Place | None:
    """Return one place for two uses of a buffer, or None if rows would meet other rows."""
    if a.how or b.how:
        return replace(a) if a.how == b.how else None
    if not (a.written or b.written):
        return _Place(a.row if a.row == b.row else 0, a.inside and b.inside and a.row == b.row, False)
    if a.row == b.row and a.inside and b.inside:
        return _Place(a.row, True, True)
    return None


def _row_wise(loop: Loop, leading: int) -> bool:
    """Say whether a loop loses nothing if its rows are outermost."""
    axes = [a for a, n in enumerate(loop.shape) if n != 1]
    inner = [a for a in axes if a >= leading]
    return not inner or innermost(axes, loop.accesses) >= leading


def _as_rows(fill: Fill, count: int, row: int) -> Loop:
    view = View(fill.buffer, 0, (row, 1), (count, row))
    return Loop((count, row), [view], [Const(fill.value, fill.buffer.dtype)], [Store(0, 0)])


def _redirect(loops: list[Loop], old: Buffer, new: Buffer) -> None:
    for loop in loops:
        loop.accesses[:] = [replace(v, buffer=new) if v.buffer is old else v for v in loop.accesses]


def _bytes(loops: list[Any]) -> int:
    """Count the bytes of the buffers that loops touch."""
    seen: dict[Buffer, int] = {}
    for loop in loops:
        for view in loop.accesses:
            extent = math.prod(n for n, s in zip(view.shape, view.strides, strict=True) if s) * view.dtype.itemsize
            seen[view.buffer] = max(extent, seen.get(view.buffer, 0))
    return sum(seen.values())
