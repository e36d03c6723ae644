"""np.pad: every mode joins pieces of the array, one axis after the other."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import shape
from ..dispatch import implements
from ..tracer import is_traced, plain
from .arrays import array, cut
from .common import as_dtype, normalize_axis, traced

_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "edge": (),
    "empty": (),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "minimum": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "wrap": (),
}


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    x = traced(array)
    widths = _widths(pad_width, x.ndim)
    if callable(mode):
        return _by_function(x, widths, mode, options)
    if mode not in _OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported\n  at:    {user_line()}")
    unknown = set(options) - set(_OPTIONS[mode])
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}\n  at:    {user_line()}")
    if mode == "empty" or (mode == "constant" and _is_zero(options.get("constant_values", 0))):
        return _zeros_around(x, widths)
    if mode not in ("constant", "empty"):
        for axis, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
            if not n and any(width):
                raise ValueError(
                    f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'\n"
                    f"  at:    {user_line()}"
                )
    settings = _settings(mode, options, x.ndim)
    original = x.shape
    for axis, width in enumerate(widths):
        if any(width):
            x = _MODES[mode](x, axis, width, settings[axis], original[axis])
    return np.copy(x) if x is array else x


def _pairs(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """Return one pair for each axis: ((before, after), ...), (before, after) for all, or one number."""
    x = np.broadcast_to(array(value), (ndim, 2))
    return [(x[a, 0], x[a, 1]) for a in range(ndim)]


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            pairs[normalize_axis(axis, ndim)] = width if isinstance(width, tuple) else (width, width)
    else:
        pairs = _pairs(pad_width, ndim)
    try:
        found = [(operator.index(low), operator.index(high)) for low, high in pairs]
    except TypeError:
        raise TypeError(f"`pad_width` must be of integral type.\n  at:    {user_line()}") from None
    if any(n < 0 for pair in found for n in pair):
        raise ValueError(f"index can't contain negative values: {found}\n  at:    {user_line()}")
    return found


def _settings(mode: str, options: dict[str, Any], ndim: int) -> list[Any]:
    """Return the mode's option for each axis."""
    if mode in ("reflect", "symmetric"):
        kind = options.get("reflect_type", "even")
        if kind not in ("even", "odd"):
            raise ValueError(f"reflect_type is 'even' or 'odd', not {kind!r}\n  at:    {user_line()}")
        return [kind] * ndim
    if not _OPTIONS[mode]:
        return [None] * ndim
    name = _OPTIONS[mode][0]
    value = options.get(name)
    if name == "stat_length":
        return [(None, None)] * ndim if value is None else _lengths(value, ndim)
    return _pairs(0 if value is None else value, ndim)


def _lengths(value: Any, ndim: int) -> list[tuple[int, int]]:
    found = [(int(low), int(high)) for low, high in _pairs(value, ndim)]
    if any(n < 0 for pair in found for n in pair):
        raise ValueError(f"index can't contain negative values: {found}\n  at:    {user_line()}")
    return found


def _is_zero(value: Any) -> bool:
    return not is_traced(value) and not np.any(plain(value))


def _zeros_around(x: Any, widths: list[tuple[int, int]]) -> Any:
    low, high = zip(*widths, strict=True) if widths else ((), ())
    return shape.pad(x, low=low, high=high, interior=(0,) * x.ndim)


def _around(x: Any, axis: int, width: tuple[int, int], left: Any, right: Any) -> Any:
    """Join what comes before, the array and what comes after; None for nothing."""
    return np.concatenate([part for part in (left, x, right) if part is not None], axis)


def _filled(x: Any, axis: int, count: int, value: Any) -> Any:
    """Return ``count`` rows that are all the same value, or the same row."""
    wanted = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    return np.broadcast_to(as_dtype(traced(value, x), x.dtype), wanted)


def _constant(x: Any, axis: int, width: tuple[int, int], values: Any, _: int) -> Any:
    return _around(x, axis, width, *(_filled(x, axis, n, v) for n, v in zip(width, values, strict=True)))


def _edge(x: Any, axis: int, width: tuple[int, int], _: Any, __: int) -> Any:
    first, last = cut(x, axis, 0, 1), cut(x, axis, -1, None)
    return _around(x, axis, width, _filled(x, axis, width[0], first), _filled(x, axis, width[1], last))


def _linear_ramp(x: Any, axis: int, width: tuple[int, int], ends: Any, _: int) -> Any:
    parts = []
    for side, (count, end) in enumerate(zip(width, ends, strict=True)):
        edge = np.squeeze(cut(x, axis, -1, None) if side else cut(x, axis, 0, 1), axis)
        # From the end value towards the edge, which itself is part of the array.
        ramp = np.linspace(end, edge, count, endpoint=False, dtype=x.dtype, axis=axis)
        parts.append(np.flip(ramp, axis) if side else ramp)
    return _around(x, axis, width, *parts)


def _statistic(function: Any) -> Any:
    def by_statistic(x: Any, axis: int, width: tuple[int, int], lengths: Any, _: int) -> Any:
        n = x.shape[axis]
        parts = []
        for side, (count, length) in enumerate(zip(width, lengths, strict=True)):
            if length is None or length > n:
                length = n
            if not length and function in (np.max, np.min):
                raise ValueError(f"stat_length of 0 yields no value for padding\n  at:    {user_line()}")
            value = function(
                cut(x, axis, n - length, None) if side else cut(x, axis, None, length), axis, keepdims=True
            )
            if x.dtype.kind in "iu":
                value = np.round(value)
            parts.append(_filled(x, axis, count, value))
        return _around(x, axis, width, *parts)

    return by_statistic


def _reflected(include_edge: bool) -> Any:
    def reflect(x: Any, axis: int, width: tuple[int, int], kind: str, period: int) -> Any:
        if period == 1 and not include_edge:
            return _edge(x, axis, width, None, period)
        left, right = width
        skip = 0 if include_edge else 1
        step = period - skip
        while left or right:
            # A wide border is reflected piece by piece, each no longer than the whole periods there are so far.
            n = x.shape[axis]
            longest = (n - skip) // step * step
            before, after = min(left, longest), min(right, longest)
            low = np.flip(cut(x, axis, skip, skip + before), axis)
            high = np.flip(cut(x, axis, n - skip - after, n - skip), axis)
            if kind == "odd":
                low = 2 * cut(x, axis, 0, 1) - low
                high = 2 * cut(x, axis, n - 1, n) - high
            x = _around(x, axis, width, low, high)
            left, right = left - before, right - after
        return x

    return reflect


def _wrap(x: Any, axis: int, width: tuple[int, int], _: Any, n: int) -> Any:
    (rounds_before, before), (rounds_after, after) = (divmod(w, n) for w in width)
    last, first = cut(x, axis, n - before, None), cut(x, axis, None, after)
    return np.concatenate([last, *[x] * (rounds_before + 1 + rounds_after), first], axis)


_MODES: dict[str, Any] = {
    "constant": _constant,
    "edge": _edge,
    "linear_ramp": _linear_ramp,
    "maximum": _statistic(np.max),
    "mean": _statistic(np.mean),
    "median": _statistic(np.median),
    "minimum": _statistic(np.min),
    "reflect": _reflected(False),
    "symmetric": _reflected(True),
    "wrap": _wrap,
}


def _by_function(x: Any, widths: list[tuple[int, int]], function: Any, options: dict[str, Any]) -> Any:
    """The user's function writes the border of one row after the other into the zeros."""
    padded = _zeros_around(x, widths)
    for axis, width in enumerate(widths):
        rows = np.moveaxis(padded, axis, -1)
        for index in np.ndindex(rows.shape[:-1]):
            function(rows[(*index, ...)], width, axis, options)
    return padded
