"""In which order a loop nest walks along its axes: so that what is fetched from memory is used before it is dropped.

A transposed copy reads along one axis and writes along another; whichever is innermost, the other side jumps.  But
jumping is cheap as long as the lines jumped over come around again before the cache has lost them: over 26 rows, say,
and not over 10,000.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

_LINE: Final = 64
_CACHE: Final = 512
"""Lines of a core's first cache."""
_SMALL: Final = 1 << 14
"""Points up to which everything is in some cache anyway."""
_WORTHWHILE: Final = 0.7
_MOST: Final = 4
"""Axes whose orders are all tried."""


def outside_in(rest: list[int], inner: int, shape: Sequence[int], accesses: Sequence[Any]) -> list[int]:
    """Return the axes other than the innermost one in the order in which they are nested.

    Parameters
    ----------
    rest : list of int
        The axes by decreasing strides, which is the order unless another one is clearly better.
    inner : int
        The innermost axis.
    """
    if not 2 <= len(rest) <= _MOST or math.prod(shape) <= _SMALL:
        return rest
    views = [(view.strides, view.dtype.itemsize) for view in accesses]
    usual = _fetched([*rest, inner], shape, views)
    best = min(itertools.permutations(rest), key=lambda order: _fetched([*order, inner], shape, views))
    return list(best) if _fetched([*best, inner], shape, views) < _WORTHWHILE * usual else rest


def _fetched(order: Sequence[int], shape: Sequence[int], views: Sequence[tuple[Sequence[int], int]]) -> float:
    """Estimate how many lines are fetched: in the inner loops that fit into the cache each once, outside anew."""
    inner = len(order)
    while inner > 0 and sum(_lines(order[inner - 1 :], shape, view) for view in views) <= _CACHE:
        inner -= 1
    if not inner:
        return sum(_lines(order, shape, view) for view in views)
    times = math.prod(shape[a] for a in order[:inner])
    total = 0.0
    for strides, size in views:
        # Steps that are shorter than a line find most of it in the cache still.
        step = abs(strides[order[inner - 1]]) * size
        total += _lines(order[inner:], shape, (strides, size)) * min(1.0, step / _LINE)
    return times * total


def _lines(axes: Sequence[int], shape: Sequence[int], view: tuple[Sequence[int], int]) -> float:
    """Estimate how many lines an access touches along some axes."""
    strides, size = view
    found = 1.0
    for a in axes:
        found *= max(1.0, shape[a] * min(1.0, abs(strides[a]) * size / _LINE))
    return found
