"""Splitting arrays: the parts are views."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ..dispatch import implements
from .arrays import cut
from .common import normalize_axis, traced


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = traced(ary)
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    if hasattr(indices_or_sections, "__len__"):
        marks = [None, *(operator.index(i) for i in indices_or_sections), None]
    else:
        count = operator.index(indices_or_sections)
        if count <= 0:
            raise ValueError(f"number sections must be larger than 0.\n  at:    {user_line()}")
        # The first parts are one longer where the division leaves a remainder.
        each, extra = divmod(n, count)
        marks = [k * each + min(k, extra) for k in range(count + 1)]
    return [cut(x, axis, start, stop) for start, stop in itertools.pairwise(marks)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = traced(ary)
    if not hasattr(indices_or_sections, "__len__") and x.shape[axis] % indices_or_sections:
        raise ValueError(
            f"array split does not result in an equal division: {x.shape[axis]} into {indices_or_sections}\n"
            f"  at:    {user_line()}"
        )
    return np.array_split(x, indices_or_sections, axis)


def _along(function: Any, axis: int, least: int) -> None:
    @implements(function)
    def split_along(ary: Any, indices_or_sections: Any) -> Any:
        x = traced(ary)
        if x.ndim < least:
            raise ValueError(
                f"{function.__name__} only works on arrays of {least} or more dimensions\n  at:    {user_line()}"
            )
        return np.split(x, indices_or_sections, min(axis, x.ndim - 1))


_along(np.vsplit, 0, 2)
_along(np.hsplit, 1, 1)
_along(np.dsplit, 2, 3)


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    x = traced(x)
    if not x.ndim:
        raise ValueError(f"Input array must be at least 1-d.\n  at:    {user_line()}")
    return tuple(np.moveaxis(x, axis, 0))
