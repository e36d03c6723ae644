"""Sums, products, extremes, means and spreads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import arithmetic, compare, reduce
from ..dispatch import FUNCTIONS, OPERATIONS, PURE, REDUCTIONS, implements
from ..promote import broadcast_shape
from ..ufuncs import truth
from .common import (
    NOT_GIVEN,
    as_dtype,
    finish,
    given,
    is_plain,
    kept,
    normalize_axes,
    normalize_axis,
    operand_aval,
    quickly_reduced,
    stretch,
    together,
    traced,
)


def sum_dtype(x: Any, dtype: Any) -> Any:
    """Return the dtype that NumPy sums in: small integers and booleans widen."""
    if dtype is not None:
        return np.dtype(dtype)
    kind = x.aval.dtype.kind
    if kind == "f":
        return x.aval.dtype
    if kind in "bi" and x.aval.dtype.itemsize < 8:
        return np.dtype(np.int_)
    if kind == "u" and x.aval.dtype.itemsize < 8:
        return np.dtype(np.uint)
    return x.aval.dtype


def _totals(name: str, record: Any, neutral: Any, combine: Any) -> Any:
    def reduction(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN,
        initial: Any = NOT_GIVEN, where: Any = NOT_GIVEN,
    ) -> Any:  # fmt: skip
        if initial is NOT_GIVEN and where is NOT_GIVEN and dtype is None and out is None and is_plain(a):
            return quickly_reduced(record, a, axis, keepdims)
        x = traced(a, [a, where])
        wanted = sum_dtype(x, dtype)
        if x.aval.dtype is not wanted and x.aval.dtype != wanted:
            x = as_dtype(x, wanted)
        if given(where) and where is not True:
            x = np.where(where, x, np.asarray(neutral, x.aval.dtype))
        axes = normalize_axes(axis, x.ndim)
        result = record(x, axes=axes)
        if given(initial):
            result = combine(result, initial)
        return finish(kept(result, x.shape, axes, keepdims), out, f"np.{name}")

    reduction.__name__ = name
    return reduction


FUNCTIONS[np.sum] = REDUCTIONS[np.add] = _totals("sum", reduce.reduce_sum, 0, np.add)
FUNCTIONS[np.prod] = REDUCTIONS[np.multiply] = _totals("prod", reduce.reduce_prod, 1, np.multiply)


def _extremes(name: str, record: Any, worst: float, combine: Any) -> Any:
    def reduction(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, initial: Any = NOT_GIVEN,
        where: Any = NOT_GIVEN, dtype: Any = None,
    ) -> Any:  # fmt: skip
        if initial is NOT_GIVEN and where is NOT_GIVEN and dtype is None and out is None and is_plain(a):
            return quickly_reduced(record, a, axis, keepdims)
        x = traced(a, [a, where])
        if dtype is not None:
            x = as_dtype(x, np.dtype(dtype))
        if given(where) and where is not True:
            if not given(initial):
                raise ValueError(f"reduction operation '{name}' does not have an identity, so to use a where mask one "
                                 "has to specify 'initial'")  # fmt: skip
            x = np.where(where, x, np.asarray(initial, x.aval.dtype))
        axes = normalize_axes(axis, x.ndim)
        if given(initial) and any(x.shape[a] == 0 for a in axes):
            shape = reduce.reduced_shape(x.shape, axes)
            result = x.builder.full(0, shape, x.aval.dtype) + initial
        else:
            result = record(x, axes=axes)
            if given(initial):
                result = combine(result, initial)
        return finish(kept(result, x.shape, axes, keepdims), out, f"np.{name}")

    reduction.__name__ = name
    return reduction


FUNCTIONS[np.max] = REDUCTIONS[np.maximum] = _extremes("max", reduce.reduce_max, -np.inf, np.maximum)
FUNCTIONS[np.min] = REDUCTIONS[np.minimum] = _extremes("min", reduce.reduce_min, np.inf, np.minimum)
FUNCTIONS[np.amax], FUNCTIONS[np.amin] = FUNCTIONS[np.max], FUNCTIONS[np.min]


def _log_totals(ufunc: Any, exp: Any, log: Any) -> None:
    def reduction(
        a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN,
        initial: Any = NOT_GIVEN, where: Any = NOT_GIVEN,
    ) -> Any:  # fmt: skip
        x = traced(a, [a, where])
        x = (
            as_dtype(x, np.dtype(dtype))
            if dtype is not None
            else x
            if x.aval.dtype.kind == "f"
            else as_dtype(x, np.dtype(float))
        )
        lowest = np.asarray(-np.inf, x.aval.dtype)
        if given(where) and where is not True:
            x = np.where(where, x, lowest)
        axes = normalize_axes(axis, x.ndim)
        # Less the largest entry nothing overflows; it cancels out, so it is a constant.  An infinite one would give
        # inf - inf.
        largest = FUNCTIONS[np.max](x, axis=axes, keepdims=True, initial=lowest)
        top: Any = arithmetic.stop_gradient(traced(largest, x))
        top = np.where(np.isfinite(top), top, np.zeros((), x.aval.dtype))
        result = log(np.sum(exp(x - top), axis=axes)) + np.reshape(top, reduce.reduced_shape(x.shape, axes))
        if given(initial):
            result = ufunc(result, initial)
        return finish(kept(result, x.shape, axes, keepdims), out, f"np.{ufunc.__name__}.reduce")

    REDUCTIONS[ufunc] = reduction


_log_totals(np.logaddexp, np.exp, np.log)
_log_totals(np.logaddexp2, np.exp2, np.log2)


def _questions(name: str, record: Any) -> Any:
    def reduction(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, where: Any = NOT_GIVEN, dtype: Any = None
    ) -> Any:
        x = truth(traced(a))
        if given(where) and where is not True:
            x = np.where(where, x, name == "all")
        axes = normalize_axes(axis, x.ndim)
        return finish(kept(record(x, axes=axes), x.shape, axes, keepdims), out, f"np.{name}")

    reduction.__name__ = name
    return reduction


FUNCTIONS[np.any] = REDUCTIONS[np.logical_or] = _questions("any", reduce.reduce_any)
FUNCTIONS[np.all] = REDUCTIONS[np.logical_and] = _questions("all", reduce.reduce_all)


def _positions(function: Any, record: Any) -> None:
    @implements(function)
    def position(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN) -> Any:
        x = traced(a)
        if axis is None:
            flat = record(x.reshape(-1), axis=0)
            result = kept(flat, x.shape, tuple(range(x.ndim)), keepdims)
        else:
            axis = normalize_axis(axis, x.ndim)
            result = kept(record(x, axis=axis), x.shape, (axis,), keepdims)
        return finish(result, out, f"np.{function.__name__}")


_positions(np.argmax, reduce.argmax)
_positions(np.argmin, reduce.argmin)


def _count(x: Any, axes: tuple[int, ...], where: Any, keepdims: Any = NOT_GIVEN) -> Any:
    """Return how many entries are reduced to one; an array, which may be traced, where a mask says so."""
    if given(where) and where is not True:
        return np.sum(np.broadcast_to(where, x.shape), axis=axes, keepdims=given(keepdims) and keepdims)
    return np.asarray(math.prod(x.shape[a] for a in axes))


def _float_for(x: Any, dtype: Any) -> Any:
    if dtype is not None:
        return as_dtype(x, np.dtype(dtype))
    return x if x.aval.dtype.kind in "fc" else as_dtype(x, np.dtype(float))


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN, *, where: Any = NOT_GIVEN
) -> Any:
    if where is NOT_GIVEN and dtype is None and out is None and is_plain(a):
        total = quickly_reduced(reduce.reduce_sum, a, axis, keepdims)
        of = total.aval
        return arithmetic.div(total, total.builder.full(a.aval.size // of.size if of.size else 0, of.shape, of.dtype))
    x = _float_for(traced(a, [a, where]), dtype)
    axes = normalize_axes(axis, x.ndim)
    total = np.sum(x, axis=axes, keepdims=keepdims, where=where)
    return finish(total / _count(x, axes, where, keepdims).astype(x.aval.dtype), out, "np.mean")


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    if given(correction):
        ddof = correction
    x = _float_for(traced(a, [a, where]), dtype)
    axes = normalize_axes(axis, x.ndim)
    center = mean if given(mean) else np.mean(x, axis=axes, keepdims=True, where=where)
    deviation = x - center
    # Not abs(deviation) ** 2: the absolute value has no derivative where an entry equals the mean, its square has.
    parts = (deviation.real, deviation.imag) if x.aval.dtype.kind == "c" else (deviation,)
    squares = sum(part * part for part in parts)
    total = np.sum(squares, axis=axes, keepdims=keepdims, where=where)
    count = np.maximum(_count(x, axes, where, keepdims) - np.asarray(ddof), 0)
    return finish(total / count.astype(squares.dtype), out, "np.var")


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = NOT_GIVEN, *,
    where: Any = NOT_GIVEN, mean: Any = NOT_GIVEN, correction: Any = NOT_GIVEN,
) -> Any:  # fmt: skip
    spread = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return finish(np.sqrt(spread), out, "np.std")


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NOT_GIVEN) -> Any:
    return finish(np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims), out, "np.ptp")


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(truth(traced(a)), axis=axis, keepdims=keepdims)


OPERATIONS.add(np.where)


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return np.nonzero(condition)
    condition, x, y = (np.asarray(v) if isinstance(v, (list, tuple)) else v for v in (condition, x, y))
    avals = [operand_aval(v) for v in (x, y)]
    dtype = common_dtype(avals)
    c, x, y = together(condition, x, y)
    shape = broadcast_shape("np.where", (c.aval, x.aval, y.aval))
    return compare.select(stretch(truth(c), shape), *[stretch(as_dtype(v, dtype), shape) for v in (x, y)])


def common_dtype(avals: Any) -> Any:
    """Return the dtype that NumPy gives to the union of operands; Python scalars adapt."""
    return np.result_type(*[{"f": 0.0, "i": 0, "c": 0j}[of.dtype.kind] if of.weak else of.dtype for of in avals])


PURE.update((np.sum, np.prod, np.max, np.min, np.mean, np.var, np.std, np.ptp, np.any, np.all, np.argmax, np.argmin))
