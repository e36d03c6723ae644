"""scipy.linalg for traced values: functions of matrices, structured matrices, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.linalg.functions import KINDS, derivative, matrix_function
from ..libraries import stands_for
from .common import as_dtype, operand_aval, together, traced
from .linalg import matrices, square
from .reductions import common_dtype
from .scipy_linalg import MODULE, unsupported

# -- functions of matrices --------------------------------------------------------------------------------------------


def _function(kind: str) -> None:
    @stands_for(MODULE, kind)
    def function(A: Any, disp: Any = True, blocksize: Any = None) -> Any:
        if disp is not True and disp is not None and kind in ("logm", "sqrtm"):
            raise unsupported(f"{kind} with disp=False", f"call {kind}(A) alone")
        return matrix_function(square(A), kind=kind)

    function.__name__ = kind


for _kind in KINDS:
    _function(_kind)


@stands_for(MODULE, "expm_frechet")
def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    a, e = matrices(A, E)
    moved = derivative(square(a), square(e), kind="expm")
    return (matrix_function(a, kind="expm"), moved) if compute_expm else moved


# -- structured matrices ----------------------------------------------------------------------------------------------


@stands_for(MODULE, "block_diag")
def block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(x) for x in together(*arrs)]
    dtype = common_dtype([operand_aval(x) for x in blocks])
    width = sum(x.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        stop = start + x.shape[1]
        rows.append(np.pad(as_dtype(x, dtype), ((0, 0), (start, width - stop))))
        start = stop
    return np.concatenate(rows, axis=0)


def _diagonals(values: Any, m: int, n: int, first: int, down: int) -> Any:
    """Return the matrix with entry values[first + down * i + j] at (i, j)."""
    return values[first + down * np.arange(m)[:, None] + np.arange(n)[None, :]]


@stands_for(MODULE, "toeplitz")
def toeplitz(c: Any, r: Any = None) -> Any:
    column = np.ravel(traced(c, [c, r]))
    row = np.conj(column) if r is None else np.ravel(traced(r, [c, r]))
    values = np.concatenate([column[::-1], row[1:]])
    m, n = column.shape[0], row.shape[0]
    return _diagonals(values, m, n, m - 1, -1)


@stands_for(MODULE, "hankel")
def hankel(c: Any, r: Any = None) -> Any:
    column = np.ravel(traced(c, [c, r]))
    row = np.zeros_like(column) if r is None else np.ravel(traced(r, [c, r]))
    values = np.concatenate([column, row[1:]])
    return _diagonals(values, column.shape[0], row.shape[0], 0, 1)


@stands_for(MODULE, "circulant")
def circulant(c: Any) -> Any:
    x = traced(c)
    n = x.shape[-1]
    return x[..., (np.arange(n)[:, None] - np.arange(n)[None, :]) % n]


@stands_for(MODULE, "companion")
def companion(a: Any) -> Any:
    (x,) = matrices(a)
    n = x.shape[0]
    if x.ndim != 1 or n < 2:
        raise ValueError(f"The companion matrix takes at least two coefficients, not an array of shape {x.shape}")
    first = -x[1:] / x[0]
    return np.concatenate([first[None, :], np.eye(n - 2, n - 1, dtype=x.dtype)], axis=0)


@stands_for(MODULE, "kron")
def kron(a: Any, b: Any) -> Any:
    return np.kron(a, b)


@stands_for(MODULE, "khatri_rao")
def khatri_rao(a: Any, b: Any) -> Any:
    x, y = matrices(a, b)
    return np.reshape(x[..., :, None, :] * y[..., None, :, :], (*x.shape[:-2], -1, x.shape[-1]))


# -- norms ------------------------------------------------------------------------------------------------------------


@stands_for(MODULE, "norm")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)
