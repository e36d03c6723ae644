"""Determinants: det, the matrix of cofactors that is its derivative, slogdet.

Giles 2008 writes d det A = det(A) tr(A⁻¹ dA), which fails where A is singular although det is a polynomial.  The
derivative is the matrix of cofactors C, and C is computed without dividing: for A = U S Vᴴ, cofactors multiply as
matrices do, so that C(A) = det(U) det(Vᴴ) conj(U) C(S) Vᵀ, where C(S) holds the products of all other singular
values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..arithmetic import conj, imag, make_complex, mul, real
from ..family import full_like, scaled
from ..reduce import product_of_others
from .matrices import (
    adjoint,
    along_rows,
    as_dtype_of,
    batch_of,
    diagonal,
    from_diagonal,
    matmul,
    on_diagonal,
    real_dtype,
    square,
    turned,
    without_diagonal,
)
from .solve import inv, matrices
from .svd import svd

_SINGULAR = [
    Sample((np.array([[1.0, 2.0], [2.0, 4.0]]),)),
    Sample((np.arange(9.0).reshape(3, 3),)),
    Sample((np.zeros((2, 2)),)),
]


def _sum_last_two(x: Any) -> Any:
    return x.builder.apply_named("reduce_sum", x, axes=(x.ndim - 2, x.ndim - 1))


# -- det --------------------------------------------------------------------------------------------------------------

det: Primitive = primitive(
    "det",
    "the determinant",
    evaluate=lambda a: np.asarray(np.linalg.det(a), a.dtype)[()],
    infer=lambda a: aval(square(a, "det")[:-2], a.dtype),
    jvp=lambda primals, tangents, out: _sum_last_two(scaled(cofactors(primals[0]), tangents[0])),
    transpose=NoRule("a determinant is not linear; its pushforward is a sum of products with the cofactors"),
    batch=batch_of(lambda: det),
    samples=lambda: [*matrices(), *_SINGULAR],
    flops=lambda a: 2 * a.size * a.shape[-1] // 3,
    label="gradient scaler",
    explanation="hands to each entry the incoming gradient times its cofactor",
)

# -- cofactors --------------------------------------------------------------------------------------------------------


def _cofactors(a: Any) -> Any:
    n = a.shape[-1]
    if not a.size:
        return np.zeros(a.shape, a.dtype)
    u, s, vh = np.linalg.svd(a)
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., : n - 1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return np.asarray(sign * (np.conj(u) * (before * after)[..., None, :]) @ np.conj(vh), a.dtype)


def _cofactors_jvp(primals: Any, tangents: Any, out: Any) -> Any:
    """Push through the cofactors in the basis of the singular vectors.

    With M = Uᴴ dA V and P[i, j] the product of the singular values other than i and j, the cofactors of S + M are to
    first order C(S)[i, i] + sum over j of P[i, j] M[j, j] on the diagonal and -P[i, j] M[j, i] off it.
    """
    (a,), (da,) = primals, tangents
    n = a.shape[-1]
    if not n:
        return None
    u, s, vh = svd(a, full=False)
    rows = along_rows(s, n)
    one_missing = rows.builder.apply_named("select", on_diagonal(rows), full_like(rows, 1), rows)
    others = as_dtype_of(without_diagonal(product_of_others(one_missing, (rows.ndim - 1,))), a)
    sign = mul(det(u), det(vh))
    spread = sign.builder.apply_named("broadcast", sign, shape=a.shape, axes=tuple(range(sign.ndim)))
    m = matmul(matmul(adjoint(u), da), adjoint(vh))
    shifted = scaled(others, along_rows(diagonal(m), n))
    on = from_diagonal(shifted.builder.apply_named("reduce_sum", shifted, axes=(shifted.ndim - 1,)))
    moved = on - scaled(others, turned(m))
    u, vh = (conj(u), conj(vh)) if a.dtype.kind == "c" else (u, vh)
    return matmul(matmul(mul(spread, u), moved), vh)


cofactors: Primitive = primitive(
    "cofactors",
    "the matrix of cofactors, which is the derivative of the determinant; also of singular matrices",
    evaluate=_cofactors,
    infer=lambda a: aval(square(a, "cofactors"), a.dtype),
    jvp=_cofactors_jvp,
    transpose=NoRule("cofactors are not linear; their pushforward is made of matrix products"),
    batch=batch_of(lambda: cofactors),
    samples=lambda: [*matrices(), *_SINGULAR],
    flops=lambda a: 20 * a.size * a.shape[-1],
    label="gradient mixer",
    explanation="hands to each entry the gradients of the cofactors that it is part of, times smaller minors",
)

# -- slogdet ----------------------------------------------------------------------------------------------------------


def _slogdet(a: Any) -> Any:
    sign, log = np.linalg.slogdet(a)
    return np.asarray(sign, a.dtype)[()], np.asarray(log, real_dtype(a.dtype))[()]


def _slogdet_jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (a,), (da,) = primals, tangents
    sign, _ = out
    relative = _sum_last_two(scaled(turned(inv(a)), da))  # tr(A⁻¹ dA), the relative change of the determinant
    if a.dtype.kind != "c":
        return None, relative
    phase = imag(relative)
    return scaled(sign, make_complex(full_like(phase, 0), phase)), real(relative)


slogdet: Primitive = primitive(
    "slogdet",
    "sign (or phase) and logarithm of the absolute value of the determinant",
    evaluate=_slogdet,
    infer=lambda a: (aval(square(a, "slogdet")[:-2], a.dtype), aval(a.shape[:-2], real_dtype(a.dtype))),
    jvp=_slogdet_jvp,
    transpose=NoRule("not linear; its pushforward is a sum of products with the inverse"),
    batch=batch_of(lambda: slogdet),
    samples=matrices,
    multiple=True,
    flops=lambda a: 2 * a.size * a.shape[-1] // 3,
    label="gradient scaler",
    explanation="hands back the incoming gradient times the transposed inverse",
)
