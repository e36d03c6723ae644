"""Averages, quantiles, covariances."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...ops import sort as ops
from ..dispatch import implements
from ..tracer import is_traced
from .arrays import array
from .common import NOT_GIVEN, Axes, as_dtype, finish, kept, normalize_axes, traced
from .products import product

# -- averages ---------------------------------------------------------------------------------------------------------


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = NOT_GIVEN) -> Any:
    x = traced(a, [a, weights])
    axes = normalize_axes(axis, x.ndim)
    if weights is None:
        result = np.mean(x, axis=axes, keepdims=keepdims)
        total: Any = np.asarray(math.prod(x.shape[i] for i in axes), result.dtype)
    else:
        w = array(weights)
        if w.shape != x.shape:
            w = weights_on_axes(w, x.shape, axis, axes)
        dtype = np.result_type(x.dtype, w.dtype, *([float] if x.dtype.kind in "biu" else []))
        total = np.sum(w, axis=axes, dtype=dtype, keepdims=keepdims)
        if not is_traced(total) and np.any(total == 0.0):
            raise ZeroDivisionError(f"Weights sum to zero, can't be normalized\n  at:    {user_line()}")
        result = np.sum(np.multiply(x, w, dtype=dtype), axis=axes, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def weights_on_axes(w: Any, shape: Axes, axis: Any, axes: Axes) -> Any:
    """Return weights given for some axes only, as an array that broadcasts."""
    if axis is None:
        raise TypeError(f"Axis must be specified when shapes of a and weights differ.\n  at:    {user_line()}")
    if w.shape != tuple(shape[i] for i in axes):
        raise ValueError(
            f"Shape of weights must be consistent with shape of a along specified axis.\n  at:    {user_line()}"
        )
    w = np.transpose(w, tuple(int(i) for i in np.argsort(axes)))
    return np.reshape(w, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


# -- quantiles --------------------------------------------------------------------------------------------------------
# R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996): of n sorted
# values, the one at place n q + (a + q (1 - a - b)) - 1; between two places by linear interpolation.

_CONTINUOUS: Final = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}


def _as_places(x: Any) -> Any:
    return x.astype(np.intp)


def places(method: str, n: Any, q: Any) -> tuple[Any, Any, Any]:
    """Return the two places between which a quantile lies, and how far it is from the first to the second (or None)."""
    low: Any
    if method in _CONTINUOUS:
        a, b = _CONTINUOUS[method]
        where = n * q + (a + q * (1 - a - b)) - 1
    elif method in ("inverted_cdf", "closest_observation"):
        where = n * q - (1 if method == "inverted_cdf" else 1.5)
        low = np.floor(where)
        exact = where == low
        stays = exact if method == "inverted_cdf" else exact & (low % 2 == 1)
        place = _as_places(np.maximum(np.where(stays, low, low + 1), 0))
        return place, place, None
    elif method == "averaged_inverted_cdf":
        where = n * q - 1
    else:
        where = (n - 1) * q
        if method in ("lower", "higher", "nearest"):
            nearby: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}[method]
            place = _as_places(nearby(where))
            return place, place, None
        if method == "midpoint":
            where = 0.5 * (np.floor(where) + np.ceil(where))
        elif method != "linear":
            raise ValueError(f"{method!r} is not a valid method.\n  at:    {user_line()}")
    low = np.floor(where)
    part = where - low
    if method == "averaged_inverted_cdf":
        part = np.where(part == 0, 0.5, 1.0)
    elif method == "midpoint":
        part = np.where(part == 0, 0.0, 0.5)
    last = n - 1
    first = _as_places(np.clip(np.where(where >= last, last, low), 0, np.maximum(last, 0)))
    second = _as_places(np.clip(np.where(where < 0, 0, low + 1), 0, np.maximum(last, 0)))
    return first, second, part


def between(first: Any, second: Any, part: Any) -> Any:
    """Return what lies a part of the way from one value to another, rounded as NumPy does."""
    step = second - first
    return np.where(part >= 0.5, second - step * (1 - part), first + step * part)


def rows_first(x: Any, axes: Axes) -> Any:
    """Return the array with the entries over some axes as its axis 0, the other axes after it."""
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    turned = np.transpose(x, (*axes, *rest))
    return np.reshape(turned, (math.prod(x.shape[i] for i in axes), *(x.shape[i] for i in rest)))


def with_axes(result: Any, q_ndim: int, shape: Axes, axes: Axes, keepdims: Any) -> Any:
    """Put reduced axes back with size 1 behind the axes of q, if asked to."""
    if keepdims is NOT_GIVEN or not keepdims:
        return result
    return np.reshape(result, (*result.shape[:q_ndim], *(1 if i in axes else n for i, n in enumerate(shape))))


def probabilities(q: Any, x: Any, scale: float) -> Any:
    """Return the probabilities; Python numbers adapt to the sample's dtype."""
    dtype = x.dtype if isinstance(q, (int, float)) and x.dtype.kind == "f" else None
    q = array(q)
    q = q.astype(dtype or float) if dtype or q.dtype.kind in "biu" else q
    q = q / q.dtype.type(scale) if scale != 1 else q
    if not is_traced(q) and not np.all((q >= 0) & (q <= 1)):
        name, top = ("Percentiles", 100) if scale != 1 else ("Quantiles", 1)
        raise ValueError(f"{name} must be in the range [0, {top}]\n  at:    {user_line()}")
    return q


def quantile_over(a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, weights: Any, scale: float) -> Any:
    """Return quantiles (``scale`` 1) or percentiles (100)."""
    x = traced(a, [a, q, weights])
    if x.dtype.kind == "c":
        raise TypeError(f"a must be an array of real numbers\n  at:    {user_line()}")
    exact_type = x.dtype
    q = probabilities(q, x, scale)
    axes = normalize_axes(axis, x.ndim)
    rows = rows_first(x, axes)
    if weights is not None:
        result = _weighted(rows, q, weights, x.shape, axis, axes, method)
    else:
        order = ops.sort(rows, axis=0)
        first, second, part = places(method, rows.shape[0], q)
        if part is None:
            result = order[first]
        else:
            order = order if order.dtype.kind in "fc" else as_dtype(order, np.dtype(float))
            part = np.reshape(part, np.shape(part) + (1,) * (rows.ndim - 1))
            result = between(order[first], order[second], part.astype(q.dtype))
        if exact_type.kind == "f":
            top = order[-1]  # nan comes last
            result = np.where(np.isnan(top), top, result)
    return finish(with_axes(result, np.ndim(q), x.shape, axes, keepdims), out, "np.quantile")


def _weighted(rows: Any, q: Any, weights: Any, shape: Axes, axis: Any, axes: Axes, method: str) -> Any:
    if method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.\n  at:    {user_line()}")
    w = array(weights)
    w = np.broadcast_to(w if w.shape == shape else weights_on_axes(w, shape, axis, axes), shape)
    if not is_traced(w) and np.any(w < 0):
        raise ValueError(f"Weights must be non-negative.\n  at:    {user_line()}")
    w = traced(rows_first(w, axes), [rows, w])
    order = ops.ranking(rows, 0)
    x, w = ops.along(rows, order, 0), ops.along(w, order, 0)
    share = np.cumsum(w, axis=0, dtype=float)
    share = share / share[-1]
    share = np.where(share == 0, -1.0, share)
    # A place is the number of entries whose cumulated share stays below q.
    q_column = np.reshape(q, np.shape(q) + (1,) * rows.ndim)
    below = np.sum(share < q_column, axis=np.ndim(q))
    place = np.minimum(below, rows.shape[0] - 1)
    flat = np.reshape(place, (-1, *rows.shape[1:]))
    result = np.reshape(ops.along(x, flat, 0), place.shape)
    return np.where(np.isnan(x[-1]), x[-1], result) if x.dtype.kind == "f" else result


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    return quantile_over(a, q, axis, out, method, keepdims, weights, 1)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    return quantile_over(a, q, axis, out, method, keepdims, weights, 100)


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    x = traced(a)
    axes = normalize_axes(axis, x.ndim)
    order = ops.sort(rows_first(x, axes), axis=0)
    n = order.shape[0]
    if n == 0:
        result = np.mean(order, axis=0)
    else:
        result = np.mean(order[(n - 1) // 2 : n // 2 + 1], axis=0)
    if n and x.dtype.kind in "fc":
        result = np.where(np.isnan(order[-1]), order[-1], result)
    return finish(kept(result, x.shape, axes, keepdims), out, "np.median")


# -- covariance -------------------------------------------------------------------------------------------------------


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    if ddof is not None and ddof != int(ddof):
        raise ValueError(f"ddof must be integer\n  at:    {user_line()}")
    x = traced(m, [m, y, fweights, aweights])
    if x.ndim > 2 or (y is not None and np.ndim(y) > 2):
        raise ValueError(f"{'m' if x.ndim > 2 else 'y'} has more than 2 dimensions\n  at:    {user_line()}")
    wanted = (
        np.result_type(x.dtype, float, *([] if y is None else [array(y).dtype])) if dtype is None else np.dtype(dtype)
    )
    turn = not rowvar and x.ndim != 1
    x = as_dtype(np.atleast_2d(x), wanted)
    x = x.T if turn else x
    if x.shape[0] == 0:
        return np.empty((0, 0))
    if y is not None:
        y = as_dtype(np.atleast_2d(traced(y, x)), wanted)
        x = np.concatenate([x, y.T if not rowvar and y.shape[0] != 1 else y])
    w, total = _observation_weights(fweights, aweights, x.shape[1])
    ddof = (0 if bias else 1) if ddof is None else ddof
    if w is None:
        factor: Any = x.shape[1] - ddof
    elif ddof == 0:
        factor = total
    elif aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * np.sum(w * array(aweights)) / total
    center = np.mean(x, axis=1) if w is None else np.sum(x * w, axis=1) / total
    x = x - center[:, None]
    turned = x if w is None else x * w
    c = product(x, np.conj(turned), ((1,), (1,)))
    # NumPy warns and divides by zero where too few observations are left.
    return np.squeeze(as_dtype(c / np.maximum(factor, 0.0), c.dtype))


def _observation_weights(fweights: Any, aweights: Any, n: int) -> tuple[Any, Any]:
    w: Any = None
    for weights, name in ((fweights, "fweights"), (aweights, "aweights")):
        if weights is None:
            continue
        each = array(weights)
        each = each if each.dtype.kind == "f" else each.astype(float)
        if each.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}\n  at:    {user_line()}")
        if each.shape[0] != n:
            raise RuntimeError(f"incompatible numbers of samples and {name}\n  at:    {user_line()}")
        if not is_traced(each) and np.any(each < 0):
            raise ValueError(f"{name} cannot be negative\n  at:    {user_line()}")
        w = each if w is None else w * each
    return w, None if w is None else np.sum(w)


@implements(np.corrcoef)
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, bias: Any = NOT_GIVEN, ddof: Any = NOT_GIVEN, *, dtype: Any = None
) -> Any:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    every = np.arange(c.shape[0])
    spread = np.sqrt(c[every, every].real)
    c = c / spread[:, None] / spread[None, :]
    if c.dtype.kind == "c":
        return np.clip(c.real, -1, 1) + 1j * np.clip(c.imag, -1, 1)
    return np.clip(c, -1, 1)
