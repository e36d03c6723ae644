"""Reductions that leave nan out: nansum, nanmean, nanmedian ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import sort as ops
from ..dispatch import implements
from .arrays import array
from .common import NOT_GIVEN, as_dtype, finish, given, kept, normalize_axes, traced
from .statistics import between, places, probabilities, quantile_over, rows_first, weights_on_axes, with_axes


def _replaced(x: Any, value: Any) -> tuple[Any, Any]:
    """Return x with nan replaced, and where it was (None for dtypes that have no nan)."""
    if x.dtype.kind not in "fc":
        return x, None
    missing = np.isnan(x)
    return np.where(missing, np.asarray(value, x.dtype), x), missing


def _totals(function: Any, plain: Any, neutral: float) -> None:
    @implements(function)
    def total(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN,
        initial: Any = NOT_GIVEN, where: Any = NOT_GIVEN,
    ) -> Any:  # fmt: skip
        x, _ = _replaced(traced(a, [a, where]), neutral)
        return plain(x, axis=axis, dtype=dtype, out=out, keepdims=keepdims, initial=initial, where=where)


_totals(np.nansum, np.sum, 0)
_totals(np.nanprod, np.prod, 1)


def _extremes(function: Any, plain: Any, worst: float) -> None:
    @implements(function)
    def extreme(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, initial: Any = NOT_GIVEN,
        where: Any = NOT_GIVEN,
    ) -> Any:  # fmt: skip
        x = traced(a, [a, where])
        found, missing = _replaced(x, worst)
        result = plain(found, axis=axis, keepdims=keepdims, initial=initial, where=where)
        if missing is not None and not given(initial):
            empty = np.all(missing, axis=axis, keepdims=keepdims)
            result = np.where(empty, np.asarray(np.nan, x.dtype), result)
        return finish(result, out, f"np.{function.__name__}")


_extremes(np.nanmax, np.max, -np.inf)
_extremes(np.nanmin, np.min, np.inf)


def _positions(function: Any, plain: Any, worst: float) -> None:
    @implements(function)
    def position(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NOT_GIVEN) -> Any:
        x, _ = _replaced(traced(a), worst)
        return plain(x, axis=axis, out=out, keepdims=keepdims)


_positions(np.nanargmax, np.argmax, -np.inf)
_positions(np.nanargmin, np.argmin, np.inf)


# -- mean and spread --------------------------------------------------------------------------------------------------


def _counted(x: Any, missing: Any, axis: Any, where: Any, keepdims: Any) -> Any:
    present = np.ones(x.shape, bool) if missing is None else ~missing
    return np.sum(present, axis=axis, dtype=np.intp, keepdims=keepdims, where=where)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, *, where: Any = NOT_GIVEN
) -> Any:
    x = traced(a, [a, where])
    found, missing = _replaced(x, 0)
    if missing is None:
        return np.mean(x, axis, dtype, out, keepdims, where=where)
    total = np.sum(found, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    count = _counted(x, missing, axis, where, keepdims)
    return finish(total / as_dtype(traced(count, x), total.dtype), out, "np.nanmean")


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    if given(correction):
        ddof = correction
    x = traced(a, [a, where])
    if x.dtype.kind not in "fc":
        return np.var(x, axis, dtype, out, ddof, keepdims, where=where, mean=mean)
    x = x if dtype is None else as_dtype(x, np.dtype(dtype))
    found, missing = _replaced(x, 0)
    center = mean
    if not given(mean):
        count = as_dtype(_counted(x, missing, axis, where, True), x.dtype)
        center = np.sum(found, axis=axis, keepdims=True, where=where) / count
    deviation = np.where(missing, np.asarray(0, x.dtype), found - center)
    squares = deviation.real**2 + deviation.imag**2 if x.dtype.kind == "c" else deviation * deviation
    total = np.sum(squares, axis=axis, keepdims=keepdims, where=where)
    freedom = _counted(x, missing, axis, where, keepdims) - ddof
    # Where no degree of freedom is left, NumPy gives nan.
    result = total / as_dtype(freedom, squares.dtype)
    result = np.where(freedom <= 0, np.asarray(np.nan, squares.dtype), result)
    return finish(result, out, "np.nanvar")


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    spread = np.nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return finish(np.sqrt(spread), out, "np.nanstd")


# -- quantiles --------------------------------------------------------------------------------------------------------


def _sorted_and_counted(x: Any, axes: Any) -> tuple[Any, Any]:
    """Return the rows sorted, nan last, and how many entries are not nan."""
    order = ops.sort(rows_first(x, axes), axis=0)
    return order, np.sum(~np.isnan(order), axis=0, dtype=np.intp)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = NOT_GIVEN
) -> Any:
    x = traced(a)
    if x.dtype.kind not in "f":
        return np.median(x, axis, out, overwrite_input, given(keepdims) and keepdims)
    axes = normalize_axes(axis, x.ndim)
    order, n = _sorted_and_counted(x, axes)
    middle = np.stack([np.maximum(n - 1, 0) // 2, np.minimum(n // 2, max(order.shape[0] - 1, 0))])
    result = np.mean(ops.along(order, middle, 0), axis=0)
    return finish(kept(result, x.shape, axes, keepdims), out, "np.nanmedian")


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NOT_GIVEN, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    return _over_present(a, q, axis, out, method, keepdims, weights, 1)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = NOT_GIVEN, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    return _over_present(a, q, axis, out, method, keepdims, weights, 100)


def _over_present(a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, weights: Any, scale: float) -> Any:
    x = traced(a, [a, q, weights])
    if x.dtype.kind != "f":
        return quantile_over(x, q, axis, out, method, keepdims, weights, scale)
    axes = normalize_axes(axis, x.ndim)
    missing = np.isnan(x)
    if weights is not None:
        w = array(weights)
        w = w if w.shape == x.shape else weights_on_axes(w, x.shape, axis, axes)
        # Without weight an entry is never chosen; as inf it comes last, where nan was.
        filled = np.where(missing, np.asarray(np.inf, x.dtype), x)
        found = quantile_over(filled, q, axis, None, method, keepdims, np.where(missing, 0.0, w), scale)
        nothing = np.all(missing, axis=axes, keepdims=keepdims)
    else:
        p = probabilities(q, x, scale)
        order = ops.sort(rows_first(x, axes), axis=0)
        n = np.sum(~np.isnan(order), axis=0, dtype=np.intp)
        first, second, part = places(method, n, np.reshape(p, np.shape(p) + (1,) * n.ndim))
        found = _pick(order, first)
        if part is not None:
            found = between(found, _pick(order, second), part.astype(p.dtype))
        found = with_axes(found, np.ndim(p), x.shape, axes, keepdims)
        nothing = with_axes(n == 0, 0, x.shape, axes, keepdims)
    return finish(np.where(nothing, np.asarray(np.nan, found.dtype), found), out, "np.nanquantile")


def _pick(order: Any, place: Any) -> Any:
    """Return the entries at places along axis 0; the axes of q come before those of the rows."""
    flat = np.reshape(place, (-1, *order.shape[1:]))
    return np.reshape(ops.along(order, flat, 0), place.shape)
