"""Differences, integrals and interpolation along an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import sort as ops
from ..dispatch import implements
from ..tracer import is_traced
from .arrays import array, at, cut, on_axis
from .common import NOT_GIVEN, Axes, as_dtype, given, normalize_axes, normalize_axis, operand_aval, together, traced
from .reductions import common_dtype

# -- differences ------------------------------------------------------------------------------------------------------


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = NOT_GIVEN, append: Any = NOT_GIVEN) -> Any:
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}\n  at:    {user_line()}")
    x = traced(a, [a, prepend, append])
    axis = normalize_axis(axis, x.ndim)
    parts = [x]
    for first, more in ((True, prepend), (False, append)):
        if given(more):
            more = array(more)
            if more.ndim == 0:
                more = np.broadcast_to(more, tuple(1 if k == axis else m for k, m in enumerate(x.shape)))
            parts.insert(0 if first else len(parts), more)
    if len(parts) > 1:
        x = np.concatenate(parts, axis)
    minus = np.not_equal if x.dtype == np.bool_ else np.subtract
    for _ in range(n):
        x = minus(cut(x, axis, 1, None), cut(x, axis, None, -1))
    return x


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    x = np.ravel(traced(ary, [ary, to_end, to_begin]))
    steps = x[1:] - x[:-1]
    ends = [None if end is None else np.ravel(array(end)) for end in (to_begin, to_end)]
    for end, name in zip(ends, ("to_begin", "to_end"), strict=True):
        if end is not None and not np.can_cast(end.dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.\n"
                f"  at:    {user_line()}"
            )
    parts = [as_dtype(part, x.dtype) for part in (ends[0], steps, ends[1]) if part is not None]
    return np.concatenate(parts) if len(parts) > 1 else steps


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = traced(f, [f, *varargs])
    axes = normalize_axes(axis, f.ndim)
    if len(varargs) == 1 and array(varargs[0]).ndim == 0:
        varargs = varargs * len(axes)
    if len(varargs) not in (0, len(axes)):
        raise TypeError(f"invalid number of arguments\n  at:    {user_line()}")
    if edge_order > 2:
        raise ValueError(f"'edge_order' greater than 2 not supported\n  at:    {user_line()}")
    if f.dtype.kind not in "fc":
        f = as_dtype(f, np.dtype(float))
    found = []
    for k, along in enumerate(axes):
        if f.shape[along] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are "
                f"required.\n  at:    {user_line()}"
            )
        steps = _steps(varargs[k] if varargs else 1.0, f, along)
        found.append(as_dtype(_slope(f, steps, along, edge_order), f.dtype))
    if len(found) == 1 and not isinstance(axis, tuple):
        return found[0]
    return tuple(found)


def _steps(spacing: Any, f: Any, axis: int) -> Any:
    """Return the distance of neighbours: a scalar, or an array that has one entry less than the axis."""
    x = array(spacing)
    if x.ndim == 0:
        return spacing
    if x.ndim != 1:
        raise ValueError(f"distances must be either scalars or 1d\n  at:    {user_line()}")
    if len(x) != f.shape[axis]:
        raise ValueError(
            f"when 1d, distances must match the length of the corresponding dimension\n  at:    {user_line()}"
        )
    steps = np.diff(x.astype(float) if x.dtype.kind in "iu" else x)
    # Traced coordinates keep their own steps, though they be equal: the derivative differs.
    return steps[0] if not is_traced(steps) and (steps == steps[0]).all() else steps


def _slope(f: Any, steps: Any, axis: int, edge_order: int) -> Any:
    first, second, third = (at(f, axis, i) for i in (0, 1, 2 if f.shape[axis] > 2 else 1))
    last, last2, last3 = (at(f, axis, -i) for i in (1, 2, 3 if f.shape[axis] > 2 else 2))
    if np.ndim(steps) == 0:
        inner = (cut(f, axis, 2, None) - cut(f, axis, None, -2)) / (2.0 * steps)
        if edge_order == 1:
            start, end = (second - first) / steps, (last - last2) / steps
        else:
            start = (-1.5 / steps) * first + (2.0 / steps) * second + (-0.5 / steps) * third
            end = (0.5 / steps) * last3 + (-2.0 / steps) * last2 + (1.5 / steps) * last
    else:
        h1, h2 = (on_axis(h, f.ndim, axis) for h in (steps[:-1], steps[1:]))
        inner = (
            -h2 / (h1 * (h1 + h2)) * cut(f, axis, None, -2)
            + (h2 - h1) / (h1 * h2) * cut(f, axis, 1, -1)
            + h1 / (h2 * (h1 + h2)) * cut(f, axis, 2, None)
        )
        if edge_order == 1:
            start, end = (second - first) / steps[0], (last - last2) / steps[-1]
        else:
            a, b = steps[0], steps[1]
            start = -(2 * a + b) / (a * (a + b)) * first + (a + b) / (a * b) * second - a / (b * (a + b)) * third
            a, b = steps[-2], steps[-1]
            end = b / (a * (a + b)) * last3 - (a + b) / (a * b) * last2 + (2 * b + a) / (b * (a + b)) * last
    return np.concatenate([start, inner, end], axis)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    x = traced(p)
    axis = normalize_axis(axis, x.ndim)
    steps = np.diff(x, axis=axis)
    dtype = np.result_type(x.dtype, period)
    half = period / 2
    low: Any = -half
    if dtype.kind in "iu":
        half, rest = divmod(period, 2)
        low, at_border = -half, not rest
    else:
        at_border = True
    wrapped = np.mod(steps - low, period) + low
    if at_border:  # a step of exactly half a period keeps its sign
        wrapped = np.where((wrapped == low) & (steps > 0), np.asarray(half, wrapped.dtype), wrapped)
    correction = wrapped - steps
    limit = half if discont is None else discont
    correction = np.where(np.abs(steps) < limit, np.zeros((), correction.dtype), correction)
    rest = cut(x, axis, 1, None) + np.cumsum(correction, axis)
    return np.concatenate([as_dtype(cut(x, axis, 0, 1), dtype), as_dtype(rest, dtype)], axis)


# -- integrals --------------------------------------------------------------------------------------------------------


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    values = traced(y, [y, x, dx])
    axis = normalize_axis(axis, values.ndim)
    if x is not None:
        x = array(x)
        dx = np.diff(x) if x.ndim == 1 else np.diff(x, axis=axis)
        if x.ndim == 1:
            dx = on_axis(dx, values.ndim, axis)
    return np.sum(dx * (cut(values, axis, 1, None) + cut(values, axis, None, -1)) / 2.0, axis)


# -- interpolation ----------------------------------------------------------------------------------------------------


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = together(x, xp, fp)
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError(f"Data points must be 1-D sequences\n  at:    {user_line()}")
    if xp.shape != fp.shape:
        raise ValueError(f"fp and xp are not of the same length.\n  at:    {user_line()}")
    if not xp.shape[0]:
        raise ValueError(f"array of sample points is empty\n  at:    {user_line()}")
    x, xp = (as_dtype(v, np.dtype(float)) for v in (x, xp))
    fp = as_dtype(fp, np.dtype(complex if fp.dtype.kind == "c" else float))
    if period is not None:
        if not is_traced(period) and period == 0:
            raise ValueError(f"period must be a non-zero value\n  at:    {user_line()}")
        period = np.abs(period)
        x, xp, left, right = np.mod(x, period), np.mod(xp, period), None, None
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    return _interpolate(x, xp, fp, fp[0] if left is None else left, fp[-1] if right is None else right)


def _interpolate(x: Any, xp: Any, fp: Any, left: Any, right: Any) -> Any:
    n = xp.shape[0]
    if n == 1:
        inside = np.broadcast_to(fp[0], x.shape)
    else:
        i = np.clip(ops.searchsorted(xp, x, side="right") - 1, 0, n - 2)
        start, value = xp[i], fp[i]
        inside = (fp[i + 1] - value) / (xp[i + 1] - start) * (x - start) + value
    below = np.where(x < xp[0], left, inside)
    found = np.where(x > xp[-1], right, below)
    return np.where(np.isnan(x), x, found) if n == 1 else found


# -- evenly spaced numbers --------------------------------------------------------------------------------------------


def _inexact_dtype(*xs: Any) -> Any:
    """Return the common dtype of operands, at least a floating one."""
    dtype = common_dtype([operand_aval(x if is_traced(x) or np.ndim(x) == 0 else array(x)) for x in xs])
    return dtype if dtype.kind in "fc" else np.result_type(dtype, float)


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.\n  at:    {user_line()}")
    common = _inexact_dtype(start, stop)
    start, stop = (as_dtype(v, common) for v in together(start, stop))
    pieces = num - 1 if endpoint else num
    shape: Axes = np.broadcast_shapes(start.shape, stop.shape)
    steps = on_axis(np.arange(num, dtype=start.real.dtype), 1 + len(shape), 0)
    delta = stop - start
    step = delta / pieces if pieces > 0 else delta * np.nan
    values = start + steps * step if pieces > 0 else start + steps * delta
    if endpoint and num > 1:
        values = np.concatenate([values[:-1], np.broadcast_to(stop, (1, *shape))])
    if dtype is not None and np.dtype(dtype).kind in "iu":
        values = np.floor(values)
    values = as_dtype(values, common if dtype is None else np.dtype(dtype))
    values = np.moveaxis(values, 0, axis) if axis else values
    return (values, step) if retstep else values


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    base = array(base)
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop), base.shape)
    start, stop = (np.broadcast_to(array(v), shape) if np.shape(v) != shape else v for v in (start, stop))
    exponents = np.linspace(start, stop, num, endpoint=endpoint, axis=axis)
    if base.ndim:
        base = np.expand_dims(np.broadcast_to(base, shape), axis)
    result = np.power(base[()], exponents)
    return result if dtype is None else as_dtype(result, np.dtype(dtype))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    common = _inexact_dtype(start, stop)
    start, stop = np.broadcast_arrays(*[as_dtype(v, common) for v in together(start, stop)])
    if start.dtype.kind == "c" or stop.dtype.kind == "c":
        turn = start / np.abs(start)
        first, last = (np.log10(as_dtype(v / turn, common)) for v in (start, stop))
    else:
        turn = np.where((start < 0) & (stop < 0), common.type(-1), common.type(1))
        first, last = (np.log10(v * turn) for v in (start, stop))
    values: Any = np.logspace(first, last, num, endpoint)
    if num > 0:
        values = np.concatenate([np.expand_dims(start / turn, 0).astype(values.dtype), values[1:]])
        if num > 1 and endpoint:
            values = np.concatenate([values[:-1], np.expand_dims(stop / turn, 0).astype(values.dtype)])
    values = values * turn
    values = np.moveaxis(values, 0, axis) if axis else values
    return values if dtype is None else as_dtype(values, np.dtype(dtype))
