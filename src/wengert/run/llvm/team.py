"""Loop nests that threads share one after the other without waiting for each other in between.

Threads that share a nest wait until all of it is done.  Often that is not necessary: each thread could go on with the
rows of the next nest for which it has made everything itself.  That is so if whatever one of two nests writes, and
the other one touches, is touched by both in the same row.  Such nests are cut between the same rows of the arrays,
which need not be the same rows of the nests, and handed to the threads together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .loops import Buffer, Loop, View, canonical, stride_cost

JOINING: Final = 3e3
"""Nanoseconds of work, as estimated, from which on a nest is shared with others for which threads are called anyway."""


def teams(loops: Sequence[Loop]) -> list[list[tuple[Loop, int]]]:
    """Return nests in groups, in order, with how many rows later each is cut than the first of its group."""
    found: list[list[tuple[Loop, int]]] = []
    for loop in loops:
        later = _later(found[-1], loop) if found else None
        if later is None:
            found.append([(loop, 0)])
        else:
            found[-1].append((loop, later))
    return found


def _later(team: Sequence[tuple[Loop, int]], loop: Loop) -> int | None:
    """Return how many rows later a nest is to be cut that joins others; None if it has to wait for them."""
    if not all(_by_rows(other) for other in (team[0][0], loop)):
        return None
    written = set(loop.written)
    needed = set()
    for other, later in team:
        both = set(other.written)
        for view in loop.accesses:
            for before in other.accesses:
                if view.buffer not in written and before.buffer not in both:
                    continue
                if view.buffer is not before.buffer:
                    if _share_memory(view.buffer, before.buffer):
                        return None
                    continue
                rows = _row(view), _row(before)
                if rows[0] is None or rows[1] is None or view.strides[0] != before.strides[0]:
                    return None
                needed.add(later + rows[1] - rows[0])
    if len(needed) > 1:
        return None
    return needed.pop() if needed else 0


def _share_memory(a: Buffer, b: Buffer) -> bool:
    """Say whether one buffer lies where the other one did, which is done with: threads that do not wait are not."""
    if a.offset < 0 or b.offset < 0 or a.kind != "arena" or b.kind != "arena":
        return False
    ends = [buffer.offset + buffer.size * int(buffer.dtype.itemsize) for buffer in (a, b)]
    return a.offset < ends[1] and b.offset < ends[0]


def _by_rows(loop: Loop) -> bool:
    """Say whether a nest can run row by row, along its first axis from the outside, and it costs nothing."""
    if len(loop.shape) < 2 or any(store.at or not loop.accesses[store.access].strides[0] for store in loop.stores):
        return False
    costs = [sum(stride_cost(s[-1]) for s in canonical(loop.shape, loop.accesses, n)[1]) for n in (0, 1)]
    return costs[1] <= costs[0]


def _row(view: View) -> int | None:
    """Return the row of an array in which a nest's first row lies; None if that row is not in one of the array's."""
    step, *inner = view.strides
    if view.indexed or step <= 0 or any(s < 0 for s in inner):
        return None
    reach = sum(s * (n - 1) for s, n in zip(inner, view.shape[1:], strict=True))
    return view.offset // step if view.offset % step + reach < step else None
