"""Running sums, products and extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import cumulative as ops
from ..dispatch import ACCUMULATIONS, implements
from .common import as_dtype, finish, normalize_axis, traced
from .reductions import sum_dtype


def _running(record: Any, x: Any, axis: Any, dtype: Any, **how: Any) -> Any:
    """Accumulate along an axis, over all entries if it is None, in the dtype that NumPy accumulates in."""
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    elif not x.ndim:
        x = np.reshape(x, 1)
    return record(as_dtype(x, sum_dtype(x, dtype)), axis=normalize_axis(axis, x.ndim), **how)


def _totals(name: str, record: Any, neutral: float, **how: Any) -> Any:
    """Enter np.cumX, np.nancumX and np.cumulative_X."""

    def running(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return finish(_running(record, traced(a), axis, dtype, **how), out, f"np.cum{name}")

    def without_nan(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        x = traced(a)
        x = np.where(np.isnan(x), np.asarray(neutral, x.dtype), x) if x.dtype.kind in "fc" else x
        return finish(_running(record, x, axis, dtype, **how), out, f"np.nancum{name}")

    def standard(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        x = np.atleast_1d(traced(x))
        if axis is None:
            if x.ndim > 1:
                raise ValueError(
                    "For arrays which have more than one dimension ``axis`` argument is required.\n"
                    f"  at:    {user_line()}"
                )
            axis = 0
        result = _running(record, x, axis, dtype, **how)
        if include_initial:
            axis = normalize_axis(axis, x.ndim)
            shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
            result = np.concatenate([np.full(shape, neutral, result.dtype), result], axis)
        return finish(result, out, f"np.cumulative_{name}")

    def accumulate(x: Any, axis: int = 0, dtype: Any = None) -> Any:
        return _running(record, traced(x), axis, dtype, **how)

    implements(getattr(np, f"cum{name}"))(running)
    implements(getattr(np, f"nancum{name}"))(without_nan)
    if hasattr(np, f"cumulative_{name}"):  # since NumPy 2.1
        implements(getattr(np, f"cumulative_{name}"))(standard)
    return accumulate


ACCUMULATIONS[np.add] = _totals("sum", ops.cumsum, 0, reverse=False)
ACCUMULATIONS[np.multiply] = _totals("prod", ops.cumprod, 1)


def _accumulation(ufunc: Any, record: Any) -> None:
    def accumulate(x: Any, axis: int = 0, dtype: Any = None) -> Any:
        x = traced(x)
        if dtype is None and ufunc is np.logaddexp and x.dtype.kind not in "f":
            dtype = float
        return record(x if dtype is None else as_dtype(x, np.dtype(dtype)), axis=normalize_axis(axis, x.ndim))

    ACCUMULATIONS[ufunc] = accumulate


_accumulation(np.maximum, ops.cummax)
_accumulation(np.minimum, ops.cummin)
_accumulation(np.logaddexp, ops.cumlogsumexp)
