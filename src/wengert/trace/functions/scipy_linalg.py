"""scipy.linalg for traced values: systems of equations and decompositions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops.compare import select
from ...ops.linalg import matrices as mat
from ...ops.linalg.cholesky import cholesky as cholesky_primitive
from ...ops.linalg.eigh import eigh as eigh_primitive
from ...ops.linalg.lu import lu as lu_primitive
from ...ops.linalg.lu import order_of, permuted, pivots_of
from ...ops.linalg.pinv import pinv as pinv_primitive
from ...ops.linalg.solve import solve as solve_primitive
from ...ops.linalg.solve import triangular_solve
from ...ops.linalg.svd import svd as svd_primitive
from ...ops.linalg.sylvester import sylvester
from ..libraries import stands_for
from . import linalg
from .common import stretch, traced
from .linalg import general_eig, matrices, mirrored, qr_of, square, stacked

MODULE: Final = "scipy.linalg"


def unsupported(what: str, fix: str) -> UntraceableError:
    """Return the error for an option that has no traced version."""
    return UntraceableError(explain(f"scipy.linalg.{what} has no derivative here.", line=user_line(), fix=fix))


def _meet(a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Return matrices and right-hand sides with equal leading axes, and whether the latter were one vector."""
    vector = b.ndim == 1
    b = b[:, None] if vector else b
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"incompatible dimensions ({a.shape} and {b.shape})\n  at:    {user_line()}")
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return stretch(a, (*lead, *a.shape[-2:])), stretch(b, (*lead, *b.shape[-2:])), vector


def _triangular(a: Any, b: Any, lower: bool, unit: bool = False) -> Any:
    return triangular_solve(a, b, lower=bool(lower), unit=bool(unit))


# -- systems ----------------------------------------------------------------------------------------------------------


def _symmetric(x: Any, lower: bool) -> Any:
    half, strict = (mat.lower(x), mat.lower(x, -1)) if lower else (mat.upper(x), mat.upper(x, 1))
    return half + mat.turned(strict)


@stands_for(MODULE, "solve")
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    x, y = matrices(a, b)
    x = square(x)
    # What assume_a promises says which entries are read.
    if assume_a in ("pos", "her", "positive definite", "hermitian"):
        x = mirrored(x, lower)
    elif assume_a in ("sym", "symmetric"):
        x = _symmetric(x, lower)
    elif assume_a == "diagonal":
        x = mat.from_diagonal(mat.diagonal(x))
    elif assume_a in ("lower triangular", "upper triangular"):
        x = mat.lower(x) if assume_a == "lower triangular" else mat.upper(x)
    elif assume_a not in (None, "gen", "general", "banded", "tridiagonal"):
        raise ValueError(f"{assume_a!r} is no structure that scipy.linalg.solve knows\n  at:    {user_line()}")
    x, y, vector = _meet(mat.turned(x) if transposed else x, y)
    out = solve_primitive(x, y)
    return out[..., 0] if vector else out


_TRANS: Final = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


@stands_for(MODULE, "solve_triangular")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    x, y = matrices(a, b)
    x = square(x)
    if trans not in _TRANS:
        raise ValueError(f"trans is 0, 1, 2, 'N', 'T' or 'C', not {trans!r}\n  at:    {user_line()}")
    how = _TRANS[trans]
    x, y, vector = _meet(x if not how else mat.turned(x) if how == 1 else mat.adjoint(x), y)
    out = _triangular(x, y, bool(lower) != bool(how), unit_diagonal)
    return out[..., 0] if vector else out


@stands_for(MODULE, "inv")
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    if assume_a in ("pos", "her", "positive definite", "hermitian"):
        a = mirrored(square(a), lower)
    elif assume_a in ("sym", "symmetric"):
        a = _symmetric(square(a), lower)
    elif assume_a in ("lower triangular", "upper triangular"):
        a = mat.lower(square(a)) if assume_a == "lower triangular" else mat.upper(square(a))
    return linalg.inv(a)


@stands_for(MODULE, "det")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return linalg.det(a)


@stands_for(MODULE, "lstsq")
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:  # fmt: skip
    x, residuals, rank, s = linalg.lstsq(a, b, float(np.finfo(matrices(a, b)[0].dtype).eps) if cond is None else cond)
    return x, residuals[0] if residuals.shape[0] and x.ndim == 1 else residuals, rank, s


def _pseudo(x: Any, atol: Any, rtol: Any, return_rank: bool) -> Any:
    atol = 0.0 if atol is None else atol
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    s = svd_primitive(x, full=False)[1]
    largest = np.max(s, axis=-1, initial=0)
    cutoff = np.where(largest > 0, np.asarray(atol) / np.where(largest > 0, largest, 1), 0) + rtol
    out = pinv_primitive(x, cutoff.astype(s.dtype))
    return (out, np.sum(s > (cutoff * largest)[..., None], axis=-1)) if return_rank else out


@stands_for(MODULE, "pinv")
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    return _pseudo(stacked(a), atol, rtol, return_rank)


@stands_for(MODULE, "pinvh")
def pinvh(
    a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False, check_finite: bool = True
) -> Any:
    return _pseudo(mirrored(square(a), lower), atol, rtol, return_rank)


@stands_for(MODULE, "solve_sylvester")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    x, y, z = matrices(a, b, q)
    return sylvester(square(x), square(y), stacked(z))


@stands_for(MODULE, "solve_continuous_lyapunov", "solve_lyapunov")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    x, y = matrices(a, q)
    return sylvester(square(x), mat.adjoint(x), square(y))


@stands_for(MODULE, "solve_discrete_lyapunov")
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """A X Aᴴ - X + Q = 0, as one system for the entries of X."""
    x, y = matrices(a, q)
    n = square(x).shape[0]
    left = mat.identity(x, n * n) - np.kron(x, np.conj(x))
    return np.reshape(linalg.solve(left, np.ravel(y)), (n, n))


# -- Cholesky ---------------------------------------------------------------------------------------------------------


@stands_for(MODULE, "cholesky")
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    low = cholesky_primitive(mirrored(square(a), lower))
    return low if lower else mat.adjoint(low)


@stands_for(MODULE, "cho_factor")
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    x = square(a)
    factor = cholesky(x, lower)
    # The other triangle is left as it was, as SciPy does.
    mask = mat.below(x) if lower else mat.below(x, -1)
    return (select(mask, factor, x) if lower else select(mask, x, factor)), lower


@stands_for(MODULE, "cho_solve")
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    c, lower = c_and_lower
    x, y = matrices(c, b)
    x, y, vector = _meet(square(x), y)
    back = mat.adjoint(x)
    first, second = (x, back) if lower else (back, x)
    out = _triangular(second, _triangular(first, y, True), False)
    return out[..., 0] if vector else out


# -- LU ---------------------------------------------------------------------------------------------------------------


@stands_for(MODULE, "lu")
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    x = stacked(a)
    order, low, up = lu_primitive(x)
    back = np.argsort(order, axis=-1)  # a = (low up)[back]
    if permute_l:
        return permuted(low, back), up
    if p_indices:
        return back.astype(np.int32), low, up
    m = x.shape[-2]
    columns = np.broadcast_to(order[..., None, :], (*order.shape, m))
    p = (columns == np.arange(m)[:, None]).astype(mat.real_dtype(x.dtype))
    return p, low, up


@stands_for(MODULE, "lu_factor")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    x = square(a)
    order, low, up = lu_primitive(x)
    return mat.lower(low, -1) + up, pivots_of(order)


@stands_for(MODULE, "lu_solve")
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    packed, piv = lu_and_piv
    x, y = matrices(packed, b)
    x, y, vector = _meet(square(x), y)
    order = order_of(traced(piv, x))
    order = stretch(order, x.shape[:-1])
    if trans == 0:
        out = _triangular(x, _triangular(x, permuted(y, order), True, True), False)
    else:
        turned = mat.turned(x) if trans == 1 else mat.adjoint(x)
        out = permuted(_triangular(turned, _triangular(turned, y, True), False, True), np.argsort(order, axis=-1))
    return out[..., 0] if vector else out


# -- orthogonal decompositions ----------------------------------------------------------------------------------------


@stands_for(MODULE, "qr")
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    if pivoting or mode == "raw":
        raise unsupported("qr with pivoting or mode='raw'", "use mode='full', 'economic' or 'r' without pivoting")
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"Mode argument should be one of ['full', 'r', 'economic', 'raw']\n  at:    {user_line()}")
    q, r = qr_of(stacked(a), mode != "economic")
    return (r,) if mode == "r" else (q, r)


@stands_for(MODULE, "svd")
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False, check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    found = linalg.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@stands_for(MODULE, "svdvals")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return linalg.svdvals(a)


@stands_for(MODULE, "polar")
def polar(a: Any, side: str = "right") -> Any:
    if side not in ("left", "right"):
        raise ValueError(f"`side` must be either 'right' or 'left'\n  at:    {user_line()}")
    u, s, vh = svd_primitive(stacked(a), full=False)
    s = mat.as_dtype_of(s, u)[..., None, :]
    back = mat.adjoint(vh)
    return u @ vh, (u * s) @ mat.adjoint(u) if side == "left" else (back * s) @ vh


# -- eigenvalues ------------------------------------------------------------------------------------------------------


@stands_for(MODULE, "eigh")
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True, subset_by_index: Any = None,
    subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    if subset_by_value is not None:
        raise unsupported("eigh with subset_by_value", "use subset_by_index, or select eigenvalues with np.where")
    if b is None:
        w, v = eigh_primitive(mirrored(square(a), lower), driver=driver or "evr")
    else:
        w, v = _generalized(a, b, lower, type)
    if subset_by_index is not None:
        first, last = (int(i) for i in subset_by_index)
        w, v = w[..., first : last + 1], v[..., first : last + 1]
    return w if eigvals_only else (w, v)


def _generalized(a: Any, b: Any, lower: bool, kind: int) -> tuple[Any, Any]:
    """a v = w b v with b = L Lᴴ is the ordinary problem for L⁻¹ a L⁻ᴴ."""
    if kind != 1:
        raise unsupported(f"eigh with type={kind}", "write the problem as a v = w b v (type=1)")
    a, b = (mirrored(square(x), lower) for x in matrices(a, b))
    low = cholesky_primitive(b)
    half = _triangular(low, a, True)
    inner = mat.adjoint(_triangular(low, mat.adjoint(half), True))
    w, v = eigh_primitive(mirrored(inner, True), driver="evd")
    return w, _triangular(mat.adjoint(low), v, False)


@stands_for(MODULE, "eigvalsh")
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, **how: Any) -> Any:
    return eigh(a, b, lower=lower, eigvals_only=True, **how)


@stands_for(MODULE, "eig")
def eig(
    a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    if left or homogeneous_eigvals:
        raise unsupported("eig with left eigenvectors", "take the eigenvectors of the transposed matrix")
    w, v = general_eig(a if b is None else linalg.solve(b, a))
    w = w if w.dtype.kind == "c" else w.astype(np.result_type(w.dtype, np.complex64))
    return (w, v) if right else w


@stands_for(MODULE, "eigvals")
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)
