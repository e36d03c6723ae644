"""Whole numbers and truth values that the shape of a result depends on: Python has to see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ..force import observe, value
from ..tracer import Tracer, is_traced, plain


def known(x: Any) -> Any:
    """Return integers or booleans as a plain array.

    The values of traced ones are asked for; where the recording is kept for other values, they become guards.
    """
    if not is_traced(x):
        return np.asarray(plain(x))
    if not isinstance(x, Tracer):
        return np.asarray([known(v) for v in x])
    if x.aval.dtype.kind not in "biu":
        raise TypeError(
            f"integers or booleans are needed here, not {x!r}\n  at:    {user_line()}\n  fix:   use .astype(int)"
        )
    if x.builder.guarded:
        observe(x, "mask", lambda seen: np.asarray(seen).tobytes())
    return np.asarray(value(x))


def known_mask(condition: Any) -> Any:
    """Return where an array, which may be traced and of any dtype, is not zero."""
    if not is_traced(condition):
        return np.asarray(plain(condition)).astype(bool)
    x = condition if isinstance(condition, Tracer) else np.stack(condition)
    return known(x if x.dtype == np.bool_ else x != 0)
