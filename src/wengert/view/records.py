"""Values as the page draws them: numbers, heat maps and histograms, of bounded size whatever the array's size."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..api.explain.values import number

WHOLE: Final = 1024
"""Arrays with at most so many entries are given whole; the page computes range and histogram itself."""
_EXACT: Final = 64
"""Up to so many entries are given with all their digits."""
_SIDE: Final = 32
"""Larger arrays are given as a heat map of at most so many rows and columns, of means over blocks."""
_BINS: Final = 24
_DIGITS: Final = 5


def record(value: Any) -> dict[str, Any] | None:
    """Return a value for the page; None, which stands for no derivative at all, stays None.

    Examples
    --------
    >>> record(np.array([1.0, float("nan")]))
    {'v': [1.0, 'nan']}
    >>> record(2.5)
    {'v': [2.5]}
    >>> sorted(record(np.zeros((100, 100))))
    ['heat', 'hist', 'stats']
    """
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "fiubc":
        return {"v": [str(array.dtype)]}
    if array.size <= WHOLE:
        return {"v": [number(x) for x in _rounded(array).ravel().tolist()]}
    if array.dtype.kind == "c":
        array = np.abs(array)
    return {"stats": statistics(array), "hist": _histogram(array), "heat": _heat(array)}


def _rounded(array: Any) -> Any:
    if array.size <= _EXACT or array.dtype.kind not in "fc":
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64).round(_places(array))


def _places(array: Any) -> int:
    """Return how many decimal places keep some digits of the largest entry."""
    magnitudes = np.abs(array)
    good = magnitudes[np.isfinite(magnitudes)]
    top = float(good.max(initial=0.0))
    return 0 if top == 0 else min(_DIGITS - int(np.floor(np.log10(top))), 300)


def statistics(array: Any) -> dict[str, Any]:
    """Return range, mean, and how many entries are not finite."""
    array = np.asarray(array)
    good = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    made: dict[str, Any] = {"nan": 0, "inf": 0, "zero": int(np.sum(array == 0))}
    if array.dtype.kind == "f":
        made["nan"], made["inf"] = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    if good.size:
        made["min"], made["max"] = number(good.min()), number(good.max())
        made["mean"] = number(np.mean(good, dtype=np.float64))
        made["norm"] = number(float(np.linalg.norm(good.astype(np.float64).ravel())))
    return made


def _histogram(array: Any) -> dict[str, Any] | None:
    good = array[np.isfinite(array)].astype(np.float64) if array.dtype.kind == "f" else array.astype(np.float64)
    if not good.size:
        return None
    low, high = float(good.min()), float(good.max())
    if not np.isfinite(high - low) or low == high:
        return {"low": number(low), "high": number(high), "counts": [int(good.size)]}
    counts = np.histogram(good, bins=_BINS, range=(low, high))[0]
    return {"low": number(low), "high": number(high), "counts": counts.tolist()}


def _heat(array: Any) -> dict[str, Any]:
    """Return means over blocks of an array seen as a matrix: all axes but the last are rows."""
    matrix = np.asarray(array, np.float64).reshape(-1, array.shape[-1])
    rows, columns = (_blocks(n) for n in matrix.shape)
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.add.reduceat(matrix, rows, 0), columns, 1)
    heights, widths = np.diff([*rows, matrix.shape[0]]), np.diff([*columns, matrix.shape[1]])
    means = sums / np.outer(heights, widths)
    return {
        "rows": len(rows),
        "columns": len(columns),
        "v": [number(float(f"{x:.4g}")) for x in means.ravel().tolist()],
    }


def _blocks(n: int) -> list[int]:
    """Return where each of at most ``_SIDE`` blocks of an axis begins."""
    count = min(n, _SIDE)
    return [k * n // count for k in range(count)]
