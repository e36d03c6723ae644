"""Where buffers lie: one arena per call, planned ahead by lifetimes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .loops import Buffer, Call, Choice, Fill, Loop, Product, Python, Repeat, Rows

ALIGN: Final = 64
"""Bytes; a cache line, and the widest vector."""
_PAGE: Final = 4096
"""Bytes of a way of the first cache: what lies so far apart, or a multiple of it, shares its lines."""
_CLOSE: Final = 256
"""Bytes by which neighbours in memory are out of step at least."""


def touched(step: Any) -> list[Buffer]:
    """Return the buffers that a step reads or writes."""
    if isinstance(step, Loop):
        return [view.buffer for view in step.accesses]
    if isinstance(step, Rows):
        return [view.buffer for loop in step.loops for view in loop.accesses]
    if isinstance(step, Fill):
        return [step.buffer]
    if isinstance(step, Product):
        return [step.x.buffer, step.y.buffer, step.out.buffer]
    if isinstance(step, Repeat | Choice):
        return [*step.outer, step.scratch]
    assert isinstance(step, Python)
    more = step.scratch if isinstance(step, Call) else []
    return [*(view.buffer for view in step.inputs), *step.outputs, *more]


def written(step: Any) -> Iterator[Buffer]:
    """Yield the buffers that a step may write."""
    if isinstance(step, Loop):
        yield from step.written
    elif isinstance(step, Fill):
        yield step.buffer
    elif isinstance(step, Repeat):
        yield step.counter
        for part in [*step.before, *step.test, *step.body, *step.after]:
            yield from written(part)
    elif isinstance(step, Choice):
        for branch in step.branches:
            for part in branch:
                yield from written(part)
    else:
        yield from touched(step)


def with_fills(steps: list[Any], fills: list[Fill]) -> list[Any]:
    """Put each fill in front of the first step that touches its buffer."""
    waiting = {fill.buffer: fill for fill in fills}
    order: list[Any] = []
    for step in steps:
        for buffer in touched(step):
            fill = waiting.pop(buffer, None)
            if fill is not None:
                order.append(fill)
        order.append(step)
    return [*order, *waiting.values()]


def place(steps: list[Any], head: int, among: set[Buffer] | None = None) -> int:
    """Give every arena buffer an offset (first fit by lifetime); return the arena's size in bytes.

    Parameters
    ----------
    steps
        In the order of execution.
    head : int
        Bytes at the start that are taken (scalars handed in and out).
    among : set of Buffer, optional
        Place only these.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, step in enumerate(steps):
        for buffer in touched(step):
            if buffer.kind == "arena" and (among is None or buffer in among):
                first.setdefault(buffer, k)
                last[buffer] = k
    size = _up(head)
    live: list[tuple[int, int, int]] = []  # (offset, end, last step)
    for buffer in sorted(first, key=lambda b: (first[b], -b.size)):
        live = [block for block in live if block[2] >= first[buffer]]
        need = _staggered(_up(max(1, buffer.size * buffer.dtype.itemsize)))
        start = _up(head)
        for low, high, _ in sorted(live):
            if start + need <= low:
                break
            start = max(start, high)
        buffer.offset = start
        live.append((start, start + need, last[buffer]))
        size = max(size, start + need)
    return size


def _staggered(n: int) -> int:
    """Return a large buffer's size with so much added that the next one does not begin a multiple of a page later.

    What a loop writes beside each other would lie in the same few lines of the first cache otherwise, and drive itself
    out: of arrays of 4096 bytes, it holds one line each of eight.
    """
    beyond = (n + _CLOSE) % _PAGE
    return n if n < _PAGE or beyond >= 2 * _CLOSE else n + 2 * _CLOSE - beyond


def _up(n: int) -> int:
    return -(-n // ALIGN) * ALIGN
