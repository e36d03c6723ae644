"""Sums that neighbours add to, in one loop.

The adjoint of ``d[i] = u[i + 1] - u[i]`` adds to ``u[i + 1]`` and to ``u[i]``.  Two iterations add to each entry then,
and a vector of them cannot: where the second sum is read the first one has just been written, at places that are
shifted by one, for which the processor waits.  Two loops, one for each sum, compute everything twice.  But what the
iteration before had to add can be kept in registers: a vector of entries gets the sum of what this iteration has for
them, and of what the one before had, shifted by a lane.

    added to u[i + 1]     a0 a1 a2 a3   a4 a5 a6 a7
    added to u[i]         b0 b1 b2 b3   b4 b5 b6 b7
    together at u[i]      b0 b1+a0 ..   b4+a3 b5+a4 ..

Such stores share the access that is furthest in front, and say how far behind it they go (``shift``).  What is left
over behind the last iteration is added then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ...core.bounds import Counter
from .loops import Loop, Op, Store, needed_for
from .meeting import flat
from .straight import Unfit, Write

FAR: Final = 2
"""Entries between two neighbours at most: as many as the shortest vectors have lanes."""
_SHARED: Final = 6
"""Operations that two loops would have in common, from which on there is one loop."""


def slides(write: Write, other: Write, group: Sequence[Write], items: Sequence[Any], axes: Sequence[Counter]) -> bool:
    """Say whether what a loop over some axes adds is put together with what another one of a group adds near it.

    That can be where all of them go on by one entry with each iteration of the only loop there is.  One loop is better
    than two if these would compute much of the same: what is kept in registers from one iteration to the next leaves
    fewer of them for the rest.
    """
    near = _near(write, group, axes)
    if _distance(write, other, axes) not in near or not 0 < _spread(near) <= FAR:
        return False
    both = [needed_for(Loop((), [], list(items), []), [w.store for w in writes]) for writes in (group, [write])]
    return sum(isinstance(items[j], Op) for j in both[0] & both[1]) >= _SHARED


def _near(write: Write, group: Sequence[Write], axes: Sequence[Counter]) -> dict[int, Write]:
    """Return those of a group that add near a store, by how far behind it, or near one of these; itself is at 0."""
    found = {d: other for other in group if (d := _distance(write, other, axes)) is not None} | {0: write}
    order = sorted(found)
    low = high = order.index(0)
    while low and order[low] - order[low - 1] <= FAR:
        low -= 1
    while high + 1 < len(order) and order[high + 1] - order[high] <= FAR:
        high += 1
    return {d: found[d] for d in order[low : high + 1]}


def _spread(near: dict[int, Write]) -> int:
    return max(near) - min(near)


def _distance(write: Write, other: Write, axes: Sequence[Counter]) -> int | None:
    """Return how many entries behind the first one the second one adds in each iteration; None for other stores."""
    a, b = write.place, other.place
    if a.buffer is not b.buffer or len(axes) != 1 or a.buffer.dtype.kind != "f":
        return None
    if not (write.how == other.how == "add" and a.is_plain and b.is_plain):
        return None
    first, second = flat(a), flat(b)
    if dict(first.terms).get(axes[0]) != 1 or first.terms != second.terms:
        return None
    return second.constant - first.constant


def as_sliding(group: Sequence[Write], axes: Sequence[Counter]) -> list[Store]:
    """Return the stores of a nest, with those that add near each other as shifted ones of the first of them.

    Raises
    ------
    Unfit
        Some that are too far from each other have others between them.
    """
    found = []
    for write in group:
        near = _near(write, group, axes) if write.how == "add" else {0: write}
        if _spread(near) > FAR:
            raise Unfit
        first = min(near)
        found.append(replace(near[first].store, item=write.store.item, shift=-first) if first else write.store)
    return found
