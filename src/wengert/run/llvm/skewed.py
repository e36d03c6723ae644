"""Rows of a sweep side by side, each a little behind the one before.

In a sweep such as ``a[i, j] = 0.25 * (a[i - 1, j] + a[i, j - 1] + ...)`` each point waits for the one before it, and
the processor has nothing else to do meanwhile.  But row i + 1 needs nothing of row i that is far ahead: it can run a
few points behind it, at the same time.  So some rows are taken together, the inner loop shifted from row to row
(M. Wolfe, "Loop skewing: the wavefront method revisited", 1986, and unroll-and-jam), and what the points of one row
wait for is hidden behind those of the others.  Every entry is computed from the same numbers as before.

How far behind, follows from the places that rows reach: what an earlier row reads or writes, and a later row does, has
to come first.  Places are affine expressions of counters, so it is the same distance everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...core.bounds import Affine, Counter
from .loops import Buffer, Fill, Loop, Op, Repeat, Skew
from .meeting import Place, Relation, relation
from .plan import written
from .rolling import reaches
from .straight import Known

ROWS: Final = 3
"""Rows side by side: with more of them there are not enough registers."""
_FAR: Final = 4
"""Points that a row may be behind the one before."""
_MUCH: Final = 60
"""Operations of a point that keep the processor busy alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a row reaches: where, whether it writes, and whether before, in or after its inner loop (-1, 0, 1)."""

    place: Place
    writes: bool
    when: int


def find_skew(step: Repeat, known: Known, counter: Counter) -> None:
    """Note how the rows of a loop can run side by side, if they can.

    Parameters
    ----------
    step
        The outer loop, after what was done to the inner one.
    known
        What is known of integers when an iteration begins.
    counter
        The outer loop's own.
    """
    inner = _inner(step)
    if inner is None or any(buffer.size == 1 for buffer in _written(step.body) & set(step.outer)):
        return  # a number goes from row to row
    moving = _written([step])
    if inner.count is not None and inner.count.buffer in moving:
        return
    found = _accesses(step, inner, known, counter.depth + 1)
    if found is None:
        return
    own, accesses = found
    shift = 1
    for first in accesses:
        for second in accesses:
            if not (first.writes or second.writes) or first.place.buffer is not second.place.buffer:
                continue
            needed = _needed(first, second, (counter, -1 if step.reverse else 1), (own, -1 if inner.reverse else 1))
            if needed is None or needed > _FAR:
                return
            shift = max(shift, needed)
    step.skew = Skew(step.body.index(inner), ROWS, shift, [buffer for buffer in moving if buffer.size == 1])


def _inner(step: Repeat) -> Repeat | None:
    """Return the only loop within a loop, if both are fit."""
    loops = [part for part in step.body if isinstance(part, Repeat)]
    if len(loops) != 1 or step.nests or step.before or step.after:
        return None
    (inner,) = loops
    if any(loop.test or loop.going is not None or loop.tape for loop in (step, inner)):
        return None
    if inner.nests or inner.skew or inner.skip:
        return None
    points = [*inner.before, *inner.body, *inner.after, *[part for part in step.body if part is not inner]]
    if not all(map(_is_point, points)):
        return None
    work = sum(isinstance(item, Op) for part in inner.body if isinstance(part, Loop) for item in part.body)
    return inner if work <= _MUCH else None


def _is_point(step: Any) -> bool:
    if isinstance(step, Fill):
        return step.buffer.size == 1
    return isinstance(step, Loop) and math.prod(step.shape) == 1


def _written(steps: Sequence[Any]) -> set[Buffer]:
    return {buffer for step in steps for buffer in written(step)}


def _accesses(step: Repeat, inner: Repeat, known: Known, depth: int) -> tuple[Counter, list[Access]] | None:
    """Return the inner loop's counter, and all that reaches arrays that are written; None if that is not known."""
    within = known.copy()
    arrays = {buffer for buffer in _written(step.body) if buffer.size > 1}
    found: list[Access] = []
    when = -1

    def visit(parts: Sequence[Any], now: Known) -> None:
        for part in parts:
            if isinstance(part, Loop):
                for reach in reaches(part, now.of_items(part)):
                    if reach.place.buffer in arrays:
                        found.append(Access(reach.place, reach.store >= 0, when))
                now.follow(part)
            else:
                now.forget([part.buffer])

    own = None
    for part in step.body:
        if part is not inner:
            visit([part], within)
            continue
        around = within.without(_written([inner]))
        own = Counter(depth, within.last(inner))
        around.forms[inner.counter] = Affine(0, ((own, 1),))
        when = 0
        # What is read before the first point is reached by the points, too, or by what would be the one before.
        for steps in (inner.before, inner.body, inner.after):
            visit(steps, around.copy())
        when = 1
        within.forget(_written([inner]))
    assert own is not None
    if not all(access.place.is_plain for access in found):
        return None
    return own, found


def _needed(first: Access, second: Access, outer: tuple[Counter, int], inner: tuple[Counter, int]) -> int | None:
    """Return how far a later row has to be behind an earlier one so that what the first access does comes first.

    ``outer`` and ``inner`` are the counters with the directions that they run in.  None if no distance is enough.
    """
    a, b = first.place, second.place
    if first.when < 0 or second.when > 0:
        return 0  # the first rows begin first, and end first
    if relation(a, b, [outer[0], inner[0]]) is Relation.APART:
        return 0
    if (a.offset, a.indexed) != (b.offset, b.indexed):
        return None
    needed = 0
    for rows in range(1, ROWS):
        points = _points_later(a, b, rows, outer, inner)
        if points is None or (points != -math.inf and (first.when, second.when) != (0, 0)):
            return None
        if points != -math.inf:
            needed = max(needed, math.ceil(points / rows))
    return needed


def _points_later(
    a: Place, b: Place, rows: int, outer: tuple[Counter, int], inner: tuple[Counter, int]
) -> float | None:
    """Return how many points later in its row an earlier row reaches what a row so many rows later reaches.

    -inf if it never does, None if that differs from point to point or is not known.
    """
    found: set[float] = set()
    for f, g in zip(a.forms, b.forms, strict=True):
        assert f is not None
        assert g is not None
        gap = f.plus(g, -1)
        if gap.terms:
            return None
        by_row, by_point = (dict(f.terms).get(counter, 0) * way for counter, way in (outer, inner))
        difference = by_row * rows - gap.constant
        if by_point:
            found.add(difference / by_point)
        elif difference:
            return -math.inf
    if len(found) > 1 or any(points != int(points) for points in found):
        return -math.inf
    return found.pop() if found else None
