"""Arrays made from traced numbers: full, arange, kaiser.  (What is made from plain numbers is in trace/creation.py.)"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.source import user_line
from ..dispatch import implements
from ..force import observe
from .arrays import array
from .common import as_dtype, operand_aval, together, traced
from .reductions import common_dtype


@implements(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Any:
    value = traced(fill_value)
    wanted = value.dtype if dtype is None else np.dtype(dtype)
    return np.copy(np.broadcast_to(as_dtype(value, wanted), shape))


@implements(np.arange)
def arange(*args: Any, dtype: Any = None, device: Any = None, like: Any = None, **named: Any) -> Any:
    if len(args) > 3:
        *args, dtype = args  # type: ignore[assignment]
    names = ("stop",) if len(args) == 1 and "stop" not in named else ("start", "stop", "step")
    given = dict(zip(names, args, strict=False)) | named
    if given.get("stop") is None:
        raise TypeError(f"arange() requires stop to be specified.\n  at:    {user_line()}")
    start, stop, step = given.get("start", 0), given["stop"], given.get("step", 1)
    wanted = common_dtype([operand_aval(v) for v in (start, stop, step)]) if dtype is None else np.dtype(dtype)
    start, stop, step = (as_dtype(v, wanted) for v in together(start, stop, step))
    # How many entries there are is seen by the program; that number is constant almost everywhere.
    count = observe(traced((stop - start) / step), "arange", lambda n: max(0, math.ceil(float(n))))
    return start + np.arange(count, dtype=wanted) * step


@implements(np.kaiser)
def kaiser(M: Any, beta: Any) -> Any:
    if M <= 1:
        return np.ones(max(int(M), 0)) + 0 * beta
    middle = (M - 1) / 2.0
    places = (np.arange(0, M) - middle) / middle
    return np.i0(beta * np.sqrt(1 - places**2.0)) / np.i0(array(beta))
