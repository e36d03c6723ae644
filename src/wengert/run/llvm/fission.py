"""Loops taken apart where their parts would rather run along different axes.

Fusion puts whatever has one shape into one loop: a product of a transposed matrix with a vector and the outer product
beside it, say.  But the first wants to walk down the columns and the second along the rows, and together one of them
jumps through memory with every step.  Where the parts have nothing but loads in common, each gets a loop of its own.
"""

from __future__ import annotations

import math
from typing import Any, Final

from .loops import Const, Load, Loop, Store, needed_for, only, stride_cost

SMALL: Final = 256
"""Points up to which a loop's order does not matter."""
_WORTHWHILE: Final = 0.5
"""How many accesses must stop jumping, for each point, so that another loop pays."""


def parted(steps: list[Any]) -> list[Any]:
    """Return steps with such loops taken apart."""
    return [part for step in steps for part in (_parts(step) if isinstance(step, Loop) else (step,))]


def _parts(loop: Loop) -> list[Loop]:
    axes = [a for a, n in enumerate(loop.shape) if n > 1]
    if len(loop.stores) < 2 or len(axes) < 2 or math.prod(loop.shape) <= SMALL:
        return [loop]
    groups = _groups(loop)
    if len(groups) < 2:
        return [loop]
    by_axis: dict[int, list[Store]] = {}
    for group in groups:
        by_axis.setdefault(_best(loop, group, axes)[1], []).extend(group)
    if len(by_axis) < 2:
        return [loop]
    apart = sum(_best(loop, group, axes)[0] for group in by_axis.values())
    if _best(loop, loop.stores, axes)[0] - apart < _WORTHWHILE:
        return [loop]
    order = {id(store): k for k, store in enumerate(loop.stores)}
    parts = []
    for group in by_axis.values():
        kept = sorted(group, key=lambda store: order[id(store)])
        parts.append(only(loop, kept))
    return parts


def _best(loop: Loop, stores: list[Store], axes: list[int]) -> tuple[float, int]:
    """Return what the accesses for some stores cost along the axis that suits them best, and that axis."""
    accesses = [loop.accesses[k] for k in _touched(loop, stores)]
    cost, axis = min((sum(stride_cost(view.strides[a]) for view in accesses), -a) for a in axes)
    return cost, -axis


def _touched(loop: Loop, stores: list[Store]) -> set[int]:
    """Return the accesses that some stores need."""
    items = [loop.body[j] for j in needed_for(loop, stores)]
    return {store.access for store in stores} | {item.access for item in items if hasattr(item, "access")}


def _groups(loop: Loop) -> list[list[Store]]:
    """Return stores in groups that share no more than loads of what the loop does not write."""
    groups: list[tuple[set[Any], list[Store]]] = []
    written = set(loop.written)
    for store in loop.stores:
        ties: set[Any] = {j for j in needed_for(loop, [store]) if not isinstance(loop.body[j], Load | Const)}
        ties |= {loop.accesses[k].buffer for k in _touched(loop, [store])} & written
        members = [store]
        rest = []
        for other_ties, other in groups:
            if ties.isdisjoint(other_ties):
                rest.append((other_ties, other))
            else:
                ties, members = ties | other_ties, [*other, *members]
        groups = [*rest, (ties, members)]
    return [members for _, members in groups]
