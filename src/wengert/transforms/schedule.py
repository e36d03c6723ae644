"""Where checkpoints lie in a loop: the least work whose memory fits.

Reverse mode over T iterations stores r bytes for each of them.  With a checkpoint, c bytes that say where a segment of
iterations begins, the segment's r bytes an iteration are only there while the backward pass goes through it, at the
price of running it a second time.  Segments may be cut into segments again: with k levels, memory falls to about
``k c T**(1/k)``, and each level costs up to one more run.

``lengths`` = (m1, m2, ...) says how: T iterations are cut into segments of m1, those into segments of m2, and so on.
The last segment of the innermost level is not run again, because the backward pass begins with it.

A. Griewank, A. Walther, "Algorithm 799: revolve", ACM TOMS 26(1), 2000, give the least work of all schedules that hold
the residuals of one iteration at a time: :func:`binomial`.  Theirs moves checkpoints while the backward pass runs;
these levels are fixed, which is what lets them be loops of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LEVELS: Final = 4
"""Most levels that are tried: each may double the code, because the last segment is another one."""
_TRIED: Final = 24
"""Numbers of segments tried for each level but the innermost."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A way to run backwards through a loop.

    Attributes
    ----------
    lengths : tuple of int
        Iterations of a segment, level by level; empty if everything is stored.
    bytes : int
        Memory for checkpoints and residuals.
    again : int
        Iterations that are run again.
    """

    lengths: tuple[int, ...]
    bytes: int
    again: int


def best(iterations: int, state: int, residuals: int, budget: int) -> Schedule | None:
    """Return the schedule with the least work that fits, or None.

    Parameters
    ----------
    iterations : int
    state : int
        Bytes of a checkpoint.
    residuals : int
        Bytes stored for an iteration.
    budget : int
        Bytes.

    Examples
    --------
    >>> best(100, 8, 8, 800)
    Schedule(lengths=(), bytes=800, again=0)
    >>> best(100, 8, 8, 8 * 20)
    Schedule(lengths=(13,), bytes=160, again=91)
    """
    for levels in range(LEVELS + 1):
        found = _best(iterations, state, residuals, budget, levels)
        if found is not None:
            return found
    return None


def least(iterations: int, state: int, residuals: int) -> Schedule:
    """Return the schedule with the least memory.

    Examples
    --------
    >>> least(100, 8, 8).bytes
    80
    """
    low, high = 0, max(iterations, 1) * (residuals + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if best(iterations, state, residuals, middle) is None:
            low = middle
        else:
            high = middle
    found = best(iterations, state, residuals, high)
    assert found is not None
    return found


@lru_cache(maxsize=65536)
def _best(iterations: int, state: int, residuals: int, budget: int, levels: int) -> Schedule | None:
    """As :func:`best`, with this number of levels."""
    if levels == 0:
        need = iterations * residuals
        return Schedule((), need, 0) if need <= budget else None
    if levels == 1:
        return _one_level(iterations, state, residuals, budget)
    found: Schedule | None = None
    for length in _lengths(iterations, state, budget):
        count, rest = divmod(iterations, length)
        inner = _best(length, state, residuals, budget - count * state, levels - 1)
        if inner is None:
            continue
        tail = evaluated(rest, state, residuals, inner.lengths)
        again = count * (length + inner.again) + tail.again
        need = count * state + max(inner.bytes, tail.bytes)
        if need <= budget and (found is None or again < found.again):
            found = Schedule((length, *inner.lengths), need, again)
    return found


def _one_level(iterations: int, state: int, residuals: int, budget: int) -> Schedule | None:
    """Return the schedule with as few segments as fit: the fewer there are, the longer is the one not run again."""
    if iterations < 2:
        return None
    low, high = 1, max(1, min(iterations - 1, math.isqrt(iterations * residuals // max(state, 1)) + 1))
    if evaluated(iterations, state, residuals, (-(-iterations // (high + 1)),)).bytes > budget:
        return None
    while low < high:
        middle = (low + high) // 2
        if evaluated(iterations, state, residuals, (-(-iterations // (middle + 1)),)).bytes <= budget:
            high = middle
        else:
            low = middle + 1
    found = evaluated(iterations, state, residuals, (-(-iterations // (low + 1)),))
    return found if found.bytes <= budget else None


def _lengths(iterations: int, state: int, budget: int) -> Iterator[int]:
    """Return lengths of segments to try, long ones first: numbers of segments grow by a constant factor."""
    most = min(iterations // 2, budget // max(state, 1))
    seen = set()
    for k in range(_TRIED):
        count = max(1, round(most ** (k / (_TRIED - 1)))) if most >= 1 else 0
        length = -(-iterations // count) if count else 0
        if length < iterations and length > 1 and length not in seen:
            seen.add(length)
            yield length
    half = -(-iterations // 2)
    if 1 < half < iterations and half not in seen and state <= budget:
        yield half


def parted(iterations: int, lengths: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of segments with a checkpoint, and how many iterations are left for the end.

    Examples
    --------
    >>> parted(100, (25,)), parted(100, (25, 5)), parted(103, (25,))
    ((3, 25), (4, 0), (4, 3))
    """
    count, rest = divmod(iterations, lengths[0])
    return (count - 1, lengths[0]) if len(lengths) == 1 and not rest and count else (count, rest)


def evaluated(iterations: int, state: int, residuals: int, lengths: tuple[int, ...]) -> Schedule:
    """Return the memory and the work of a schedule with these lengths."""
    if not lengths:
        return Schedule((), iterations * residuals, 0)
    count, rest = parted(iterations, lengths)
    tail = evaluated(rest, state, residuals, lengths[1:])
    if not count:
        return Schedule(lengths, tail.bytes, tail.again)
    inner = evaluated(lengths[0], state, residuals, lengths[1:])
    need = count * state + max(inner.bytes, tail.bytes)
    return Schedule(lengths, need, count * (lengths[0] + inner.again) + tail.again)


def binomial(iterations: int, checkpoints: int) -> int:
    """Return how many iterations any schedule runs again that holds this many states at once.

    One of the states is the one that the loop begins with; the residuals of one iteration are not counted.

    Examples
    --------
    >>> binomial(10, 10), binomial(10, 3), binomial(10, 1)
    (9, 15, 45)
    """
    if iterations < 2:
        return 0
    # beta(s, t) = C(s + t, s) iterations can be reversed if none is run more than t times.
    t = 0
    while math.comb(checkpoints + t, checkpoints) < iterations:
        t += 1
    return t * iterations - math.comb(checkpoints + t, checkpoints + 1)
