"""Small arrays of a loop, entry by entry.

The state of a pendulum has two numbers, a point in space three: loops over so few entries cost more to begin than to
run, and what one writes entry by entry and the next one reads as a vector waits in the processor until it has reached
the cache.  So, where all that touches a small array in an iteration runs over a few points, these loops are written
out: each entry is a number of its own, which :mod:`.rolling` keeps in a register (scalar replacement of aggregates).
"""

from __future__ import annotations

import math
from typing import Any, Final

from .loops import Buffer, Fill, Loop, Repeat, fill_loop
from .plan import touched, written
from .unrolled import along, moving

FEW: Final = 8
"""Entries of an array, and points of a loop, up to which it is written out."""
_MOST: Final = 64
"""Operations that a loop may grow to."""


def write_out(step: Repeat) -> None:
    """Write out the loops in an iteration that run over the entries of small arrays."""
    single = _small_arrays(step)
    if not single:
        return
    for k, part in enumerate(step.body):
        if single.isdisjoint(touched(part)):
            continue
        loop = fill_loop(part) if isinstance(part, Fill) else part
        while loop.shape:
            loop = along(loop, len(loop.shape) - 1)
        step.body[k] = loop


def _small_arrays(step: Repeat) -> set[Buffer]:
    """Return the small arrays that an iteration writes, and touches only in loops that can be written out."""
    found = {buffer for part in step.body for buffer in written(part) if 1 < buffer.size <= FEW}
    for part in step.body:
        if not _is_short(part):
            found.difference_update(touched(part))
    return found


def _is_short(step: Any) -> bool:
    if isinstance(step, Fill):
        return step.length <= FEW
    if not isinstance(step, Loop):
        return False
    points = math.prod(step.shape)
    return 0 < points <= FEW and points * len(step.body) <= _MOST and not _scatters(step)


def _scatters(loop: Loop) -> bool:
    """Say whether a loop writes to computed places that differ from point to point.

    Written out, such a store becomes several of which nobody knows that they go to different entries.
    """
    moves = moving(loop, range(len(loop.shape)))
    return any(moves[j] for store in loop.stores for j in store.at)
