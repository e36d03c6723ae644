"""Helpers for functions written in NumPy: operands that may be traced or plain, and cuts along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import FUNCTIONS
from ..tracer import is_traced, plain


def array(x: Any) -> Any:
    """Return what ``np.asarray`` would: traced values stay traced, everything else becomes a plain array."""
    if is_traced(x):
        return FUNCTIONS[np.asarray](x)
    return np.asarray(plain(x))


def cut(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """Return ``x[start:stop]`` along an axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


def at(x: Any, axis: int, i: int) -> Any:
    """Return entry ``i`` along an axis, which stays with size 1."""
    return cut(x, axis, i, i + 1 or None)


def on_axis(x: Any, ndim: int, axis: int) -> Any:
    """Return a 1-d array as one that broadcasts along an axis of an n-d array."""
    return np.reshape(x, tuple(-1 if a == axis else 1 for a in range(ndim)))
