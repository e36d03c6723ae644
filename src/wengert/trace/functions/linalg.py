"""numpy.linalg: systems of equations, inverses, determinants, decompositions.

Functions that read one triangle only (``cholesky``, ``eigh``, ``eigvalsh``) are differentiated as such: the gradient
with respect to the other triangle is zero.  A symmetric gradient is that of the function of ``(x + x.T) / 2``.

Where eigenvalues of symmetric matrices, or singular values, are repeated, first derivatives are right for everything
that does not depend on the choice of a basis, and second derivatives for everything that reads the values alone; a
second derivative through the vectors is nan there.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...errors import BatchedBranchError, UntraceableError
from ...ops.compare import select
from ...ops.linalg import matrices as mat
from ...ops.linalg.cholesky import cholesky as cholesky_primitive
from ...ops.linalg.determinant import det as det_primitive
from ...ops.linalg.determinant import slogdet as slogdet_primitive
from ...ops.linalg.eig import eig as eig_primitive
from ...ops.linalg.eigh import eigh as eigh_primitive
from ...ops.linalg.pinv import pinv as pinv_primitive
from ...ops.linalg.qr import qr as qr_primitive
from ...ops.linalg.solve import inv as inv_primitive
from ...ops.linalg.solve import solve as solve_primitive
from ...ops.linalg.svd import svd as svd_primitive
from ..dispatch import implements
from .arrays import array
from .common import NOT_GIVEN, as_dtype, operand_aval, stretch, together, traced
from .reductions import common_dtype

_ONE: Final = np.eye(1)
# The named tuples that NumPy returns.
_Eigh: Any = type(np.linalg.eigh(_ONE))
_Eig: Any = type(np.linalg.eig(_ONE))
_Slogdet: Any = type(np.linalg.slogdet(_ONE))
_Qr: Any = type(np.linalg.qr(_ONE))
_Svd: Any = type(np.linalg.svd(_ONE))


# -- operands ---------------------------------------------------------------------------------------------------------


def refuse(message: str) -> np.linalg.LinAlgError:
    """Return NumPy's own error for arguments that do not fit, with the user's line."""
    return np.linalg.LinAlgError(f"{message}\n  at:    {user_line()}")


def inexact(dtype: Any) -> Any:
    """Return the dtype that linear algebra is done in."""
    if dtype.kind in "biu":
        return np.dtype(float)
    if dtype.kind not in "fc" or dtype == np.float16:
        raise TypeError(f"array type {dtype.name} is unsupported in linalg\n  at:    {user_line()}")
    return dtype


def matrices(*xs: Any) -> list[Any]:
    """Return operands as traced floating-point arrays of one dtype."""
    dtype = inexact(np.dtype(common_dtype([operand_aval(x) for x in xs])))
    return [as_dtype(x, dtype) for x in together(*xs)]


def stacked(a: Any) -> Any:
    """Return an operand as a traced stack of matrices."""
    (x,) = matrices(a)
    if x.ndim < 2:
        raise refuse(f"{x.ndim}-dimensional array given. Array must be at least two-dimensional")
    return x


def square(a: Any) -> Any:
    """Return an operand as a traced stack of square matrices."""
    x = stacked(a)
    if x.shape[-1] != x.shape[-2]:
        raise refuse(f"Last 2 dimensions of the array must be square, not {x.shape[-2:]}")
    return x


def mirrored(x: Any, lower: bool) -> Any:
    """Return the Hermitian matrices of which x holds one triangle."""
    half = mat.lower(x) if lower else mat.upper(x)
    strict = mat.lower(x, -1) if lower else mat.upper(x, 1)
    if x.dtype.kind == "c":  # the imaginary part of the diagonal is not read
        on = mat.as_dtype_of(mat.real_part(half), x)
        half = select(mat.on_diagonal(half), on, half)
    return half + mat.adjoint(strict)


# -- systems and inverses ---------------------------------------------------------------------------------------------


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    x, y = matrices(a, b)
    x = square(x)
    vector = y.ndim == 1
    if y.ndim == 0 or y.shape[0 if vector else -2] != x.shape[-1]:
        raise ValueError(
            f"solve takes right-hand sides with as many rows as the matrix: {x.shape}, {y.shape}\n"
            f"  at:    {user_line()}"
        )
    y = y[:, None] if vector else y
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = solve_primitive(stretch(x, (*lead, *x.shape[-2:])), stretch(y, (*lead, *y.shape[-2:])))
    return out[..., 0] if vector else out


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    return inv_primitive(square(a))


def _cutoff(x: Any, rcond: Any, default: float) -> Any:
    """Return the relative size below which a singular value counts as zero, one number for each matrix."""
    given = default if rcond is None or rcond is NOT_GIVEN else rcond
    return stretch(as_dtype(traced(array(given), x), mat.real_dtype(x.dtype)), x.shape[:-2])


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NOT_GIVEN) -> Any:
    x = stacked(a)
    if rcond is not None and rtol is not NOT_GIVEN:
        raise ValueError(f"`rtol` and `rcond` can't be both set.\n  at:    {user_line()}")
    default = 1e-15
    if rtol is None:
        default = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    x = mirrored(x, True) if hermitian else x
    return pinv_primitive(x, _cutoff(x, rcond if rtol is NOT_GIVEN else rtol, default))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Least squares; the residuals are given wherever there are more rows than columns, as for full rank."""
    x, y = matrices(a, b)
    if x.ndim != 2 or y.ndim not in (1, 2):
        raise refuse(f"lstsq takes a matrix and one or several right-hand sides: {x.shape} and {y.shape}")
    m, n = x.shape
    if y.shape[0] != m:
        raise refuse(f"Incompatible dimensions: {x.shape} and {y.shape}")
    default = float(np.finfo(x.dtype).eps) * max(m, n)
    cutoff = float(np.finfo(x.dtype).eps) if rcond == -1 else rcond
    limit = _cutoff(x, cutoff, default)
    s = svdvals(x)
    solution = pinv_primitive(x, limit) @ y
    rank = np.sum(s > limit * np.max(s, initial=0))
    rest = y - x @ solution
    squares = mat.real_part(rest * np.conj(rest))
    residuals = np.atleast_1d(np.sum(squares, axis=0)) if m > n else np.zeros(0, s.dtype)
    return solution, residuals, rank, s


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    x, y = matrices(a, b)
    if axes is not None:
        order = [k for k in range(x.ndim) if k not in axes]
        x = np.transpose(x, (*order, *axes))
    shape = x.shape[y.ndim :]
    if x.size != y.size**2 or math.prod(shape) != y.size:
        raise refuse("Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])")
    return np.reshape(solve(np.reshape(x, (y.size, -1)), np.ravel(y)), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    (x,) = matrices(a)
    if ind <= 0:
        raise ValueError(f"Invalid ind argument.\n  at:    {user_line()}")
    return np.reshape(inv(np.reshape(x, (math.prod(x.shape[ind:]), -1))), (*x.shape[ind:], *x.shape[:ind]))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    x = traced(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        x = square(x)
    n = operator.index(n)
    if n < 0:
        x, n = inv(x), -n
    if n == 0:
        return mat.identity(x, x.shape[-1])
    result, power = None, x
    while True:  # the binary digits of n, the lowest first
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else result @ power
        if not n:
            return np.copy(result) if result is x else result
        power = power @ power


# -- determinants -----------------------------------------------------------------------------------------------------


@implements(np.linalg.det)
def det(a: Any) -> Any:
    return det_primitive(square(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return _Slogdet(*slogdet_primitive(square(a)))


# -- factorisations ---------------------------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    low = cholesky_primitive(mirrored(square(a), not upper))
    return mat.adjoint(low) if upper else low


def qr_of(x: Any, full: bool) -> tuple[Any, Any]:
    """Return q and r of a traced stack of matrices of any shape."""
    m, n = x.shape[-2:]
    if m >= n:
        q, r = qr_primitive(x, full=full)
        return q, r
    # A wide matrix: the first square block makes q, the rest is written in it.
    q, r = qr_primitive(x[..., :m], full=full)
    return q, np.concatenate([r, mat.matmul(mat.adjoint(q), x[..., m:])], axis=-1)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        if mode in ("raw", "full", "f", "economic", "e"):
            raise UntraceableError(
                f"np.linalg.qr with mode={mode!r} returns LAPACK's packed factors, which have no derivative here.\n"
                f"  at:    {user_line()}\n  fix:   use mode='reduced', 'complete' or 'r'"
            )
        raise ValueError(f"Unrecognized mode '{mode}'\n  at:    {user_line()}")
    q, r = qr_of(stacked(a), mode == "complete")
    return r if mode == "r" else _Qr(q, r)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    x = stacked(a)
    if hermitian:
        return _svd_hermitian(square(x), compute_uv)
    u, s, vh = svd_primitive(x, full=bool(full_matrices and compute_uv))
    return _Svd(u, s, vh) if compute_uv else s


def _svd_hermitian(x: Any, compute_uv: bool) -> Any:
    """Singular values are the absolute eigenvalues, the largest first."""
    w, v = eigh_primitive(mirrored(x, True), driver="evd")
    order = np.argsort(np.abs(w), axis=-1)[..., ::-1]
    s = np.take_along_axis(np.abs(w), order, axis=-1)
    if not compute_uv:
        return s
    sign = np.take_along_axis(np.where(w < 0, -1.0, 1.0).astype(w.dtype), order, axis=-1)
    u = np.take_along_axis(v, order[..., None, :], axis=-1)
    return _Svd(u, s, mat.adjoint(u * sign[..., None, :]))


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return svd_primitive(stacked(x), full=False)[1]


# -- eigenvalues ------------------------------------------------------------------------------------------------------


def _reads_lower(uplo: Any) -> bool:
    if str(uplo).upper() not in ("L", "U"):
        raise ValueError(f"UPLO argument must be 'L' or 'U'\n  at:    {user_line()}")
    return str(uplo).upper() == "L"


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    return _Eigh(*eigh_primitive(mirrored(square(a), _reads_lower(UPLO)), driver="evd"))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return eigh(a, UPLO)[0]


def general_eig(a: Any) -> tuple[Any, Any]:
    """Return eigenvalues and eigenvectors; real ones, as NumPy does, where all eigenvalues of real matrices are real.

    Under ``vmap``, where entries differ in that, they stay complex.
    """
    x = square(a)
    w, v = eig_primitive(x)
    if x.dtype.kind != "c":
        try:
            if bool(np.all(w.imag == 0)):
                return mat.real_part(w), mat.real_part(v)
        except BatchedBranchError:
            pass
    return w, v


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    return _Eig(*general_eig(a))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    return general_eig(a)[0]
