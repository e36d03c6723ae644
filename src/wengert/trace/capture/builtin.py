"""Python's own functions on traced values: in rewritten code they stay in the graph."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..context import capturing, current
from ..promote import adapts, weakened
from ..tracer import Tracer, is_traced
from .iterables import TracedRange


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call what may be one of Python's functions."""
    if function is builtins.print and _in_part():
        return _print()
    version = _VERSIONS.get(function) if function in _NAMED else None
    if version is None or not any(map(is_traced, args)):
        return function(*args, **kwargs)
    return version(*args, **kwargs)


def _in_part() -> bool:
    builder = current()
    return builder is not None and builder.context.part is not None


def _extreme(better: Any, reduction: Any) -> Callable[..., Any]:
    def extreme(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return (builtins.min if reduction is np.min else builtins.max)(*args, **kwargs)
        if len(args) == 1:
            if isinstance(args[0], Tracer) and args[0].ndim == 1:
                return reduction(args[0])
            args = tuple(args[0])
        if any(np.ndim(x) for x in args):
            return (builtins.min if reduction is np.min else builtins.max)(*args)
        found = args[0]
        for x in args[1:]:
            found = np.where(better(x, found), x, found)[()]
        return weakened(found) if all(map(adapts, args)) else found

    return extreme


def _int(x: Any, *more: Any) -> Any:
    return int(x, *more) if more or not _in_part() else weakened(np.trunc(x).astype(np.int64).reshape(()))


def _float(x: Any) -> Any:
    return weakened(x.reshape(()).astype(np.float64))


def _bool(x: Any) -> Any:
    return x.reshape(()) != 0


def _round(x: Any, digits: Any = None) -> Any:
    if digits is not None or not _in_part():
        return builtins.round(x, digits)
    return weakened(np.rint(x).astype(np.int64))


def _sum(x: Any, start: Any = 0) -> Any:
    if isinstance(x, Tracer) and x.ndim == 1:
        return np.sum(x) + start if not (isinstance(start, int) and start == 0) else np.sum(x)
    return builtins.sum(x, start)


def _isinstance(x: Any, kinds: Any) -> bool:
    if isinstance(x, kinds):
        return True
    if not isinstance(x, Tracer) or x.aval.shape or getattr(x, "is_array", False):
        return False
    names = kinds if isinstance(kinds, tuple) else (kinds,)
    stands = {"f": (float, np.floating), "i": (int, np.integer), "c": (complex, np.complexfloating), "b": (bool,)}
    return any(k in stands.get(x.aval.dtype.kind, ()) for k in names)


def _print() -> None:
    notes = capturing()
    if notes is not None:
        notes.effect("print", "does not print in captured loops and branches")


_VERSIONS: Final[dict[Any, Callable[..., Any]]] = {
    builtins.range: TracedRange,
    builtins.min: _extreme(lambda x, y: x < y, np.min),
    builtins.max: _extreme(lambda x, y: x > y, np.max),
    builtins.int: _int,
    builtins.float: _float,
    builtins.bool: _bool,
    builtins.round: _round,
    builtins.sum: _sum,
    builtins.isinstance: _isinstance,
}


class _Named:
    """The functions that have a version, asked for by identity."""

    def __contains__(self, function: object) -> bool:
        return isinstance(function, (type(len), type))


_NAMED: Final = _Named()


# -- math -------------------------------------------------------------------------------------------------------------

_SAME: Final = (
    "sin cos tan sinh cosh tanh exp expm1 log2 log10 log1p sqrt cbrt exp2 fabs copysign hypot degrees radians isnan "
    "isinf isfinite fmod ldexp".split()
)
_RENAMED: Final = {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "pow": np.power,
}


def _rounded(function: Any) -> Callable[[Any], Any]:
    return lambda x: function(x).astype(np.int64)


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


MATH: Final[dict[Any, Callable[..., Any]]] = {
    **{getattr(math, name): getattr(np, name) for name in _SAME if hasattr(math, name)},
    **{getattr(math, name): function for name, function in _RENAMED.items()},
    math.floor: _rounded(np.floor),
    math.ceil: _rounded(np.ceil),
    math.trunc: _rounded(np.trunc),
    math.log: _log,
}


def math_version(function: Any) -> Any:
    """Return a version of one of the functions of ``math`` that takes traced values; None where there is none."""
    version = MATH.get(function)
    if version is None:
        return None

    def run(*args: Any) -> Any:
        if not any(map(is_traced, args)):
            return function(*args)
        # Python's own floats have 64 bits, whatever they are made of, and adapt to the arrays that they meet.
        return weakened(version(*[_as_python(x) for x in args]))

    return run


def _as_python(x: Any) -> Any:
    narrow = isinstance(x, Tracer) and x.aval.dtype.kind == "f" and x.aval.dtype != np.float64
    return x.astype(np.float64) if narrow else x


class MathModule:
    """The module ``math`` as rewritten code sees it."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(math, name)
        return math_version(value) or value if callable(value) else value
