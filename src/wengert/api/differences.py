"""Numerical derivatives, the reference that exact ones are checked against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

Arrays = list[Any]

_SHRINK: Final = 2.0
_LEVELS: Final = 9
_FIRST_STEP: Final = {4: 0.1, 8: 0.03}
"""First step by the size of a real number in bytes.  Rounding errors of float32 need long steps."""


def directional(
    function: Callable[[Arrays], Arrays], point: Arrays, direction: Sequence[Any], step: float | None = None
) -> tuple[Arrays, Arrays]:
    """Return the derivative of a function along a direction, and an estimate of its error.

    Parameters
    ----------
    function : callable
        From a list of arrays to a list of arrays.
    point : list of array
    direction : sequence of array or None
        One entry for each of ``point``; ``None`` where it does not move.
    step : float, optional
        Take this one step.  Without it, steps are halved eight times and the differences extrapolated to step 0
        (Ridders), for each entry as far as it still gains accuracy.

    Returns
    -------
    derivative, error : lists of array
        ``error`` is nan where no step gave a finite difference, and 0 throughout where ``step`` was given.

    References
    ----------
    C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4(2), 1982.
    """
    if step is not None:
        found = _central(function, point, direction, step)
        return found, [np.zeros(d.shape) for d in found]
    first = _FIRST_STEP[
        min((_real_bytes(x) for x, t in zip(point, direction, strict=True) if t is not None), default=8)
    ]
    rows: list[list[Arrays]] = []
    best: Arrays = []
    errors: Arrays = []
    for level in range(_LEVELS):
        row = [_central(function, point, direction, first / _SHRINK**level)]
        if not level:
            best = [np.full(d.shape, np.nan, d.dtype) for d in row[0]]
            errors = [np.full(d.shape, np.nan) for d in row[0]]
        for order in range(1, level + 1):
            weight = _SHRINK ** (2 * order)
            with np.errstate(all="ignore"):
                row.append([(weight * b - a) / (weight - 1) for a, b in zip(rows[-1][order - 1], row[-1], strict=True)])
                for k, value in enumerate(row[-1]):
                    error = np.maximum(np.abs(value - row[-2][k]), np.abs(value - rows[-1][order - 1][k]))
                    better = (error < errors[k]) | (np.isnan(errors[k]) & np.isfinite(error))
                    best[k] = np.where(better, value, best[k])
                    errors[k] = np.where(better, error, errors[k])
        rows.append(row)
    return best, errors


def _real_bytes(x: Any) -> int:
    dtype = np.asarray(x).dtype
    size = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
    return min(max(size, 4), 8)


def moved(point: Arrays, direction: Sequence[Any], step: Any) -> Arrays:
    """Return ``point + step * direction``, each array in its own dtype."""
    return [
        x if t is None else np.asarray(x) + (step * np.asarray(t)).astype(np.asarray(x).dtype)
        for x, t in zip(point, direction, strict=True)
    ]


def _central(function: Callable[[Arrays], Arrays], point: Arrays, direction: Sequence[Any], step: float) -> Arrays:
    with np.errstate(all="ignore"):
        ahead, behind = function(moved(point, direction, step)), function(moved(point, direction, -step))
        # In double precision even for float32 results, so that only the function's own rounding counts.
        return [(_wide(a) - _wide(b)) / (2 * step) for a, b in zip(ahead, behind, strict=True)]


def _wide(x: Any) -> Any:
    array = np.asarray(x)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def random_like(x: Any, rng: np.random.Generator) -> Any:
    """Return a random direction for an array: of its shape and dtype, longer where its entries are large."""
    array = np.asarray(x)
    made: Any = rng.normal(size=array.shape)
    if array.dtype.kind == "c":
        made = made + 1j * rng.normal(size=array.shape)
    size = np.abs(array)
    return (made * np.where(np.isfinite(size) & (size > 1), size, 1.0)).astype(array.dtype)
