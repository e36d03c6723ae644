"""``and``, ``or``, ``not`` and ``assert`` on traced values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..context import capturing, current
from ..tracer import Tracer, is_traced
from .choices import chosen


def _truth(value: Any) -> Any:
    """Return the truth of a value: traced, without axes."""
    if not is_traced(value):
        return bool(value)
    if value.aval.size != 1:
        return bool(value)  # raises as NumPy does
    return np.reshape(value if value.aval.dtype.kind == "b" else value != 0, ())


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) or (isinstance(value, Tracer) and value.aval.dtype.kind == "b")


def both(a: Any, b: Callable[[], Any], lazy: bool) -> Any:
    """Evaluate ``a and b``; with ``lazy``, b may be impossible where a is false."""
    if not is_traced(a) or a.aval.size != 1:
        return a and b()
    if lazy:
        return chosen(_truth(a), lambda: _truth(b()), lambda: False)
    value = b()
    if not is_traced(value):
        return (a if value else False) if _is_bool(value) else chosen(_truth(a), lambda: value, lambda: a)
    if _is_bool(a) and _is_bool(value) and value.aval.size == 1:
        return np.logical_and(_truth(a), _truth(value))
    return chosen(_truth(a), lambda: value, lambda: a)


def either(a: Any, b: Callable[[], Any], lazy: bool) -> Any:
    """Evaluate ``a or b``; with ``lazy``, b may be impossible where a is true."""
    if not is_traced(a) or a.aval.size != 1:
        return a or b()
    if lazy:
        return chosen(_truth(a), lambda: True, lambda: _truth(b()))
    value = b()
    if not is_traced(value):
        return (True if value else a) if _is_bool(value) else chosen(_truth(a), lambda: a, lambda: value)
    if _is_bool(a) and _is_bool(value) and value.aval.size == 1:
        return np.logical_or(_truth(a), _truth(value))
    return chosen(_truth(a), lambda: a, lambda: value)


def negated(a: Any) -> Any:
    """Evaluate ``not a``."""
    return np.logical_not(_truth(a)) if is_traced(a) and a.aval.size == 1 else not a


def holds(test: Any) -> Any:
    """Return what an assert statement asserts; True for what nobody knows while recording."""
    if not is_traced(test):
        return test
    builder = current()
    if builder is not None and builder.context.part is not None:
        notes = capturing()
        if notes is not None:
            notes.effect("assert", "does not check what is asserted in captured loops and branches")
        return True
    return test
