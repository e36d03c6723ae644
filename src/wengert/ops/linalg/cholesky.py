"""The Cholesky factor.

I. Murray, "Differentiation of the Cholesky decomposition", 2016: from A = L Lᴴ follows dL = L Φ(L⁻¹ dA L⁻ᴴ), where Φ
takes the lower triangle and halves the diagonal.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..compare import select
from ..family import full_like
from .matrices import (
    adjoint,
    batch_of,
    hermitian_part,
    lower,
    matmul,
    on_diagonal,
    positive_definite,
    square,
    times,
)
from .solve import triangular_solve


def hermitian(a: Any) -> Any:
    """Return (a + aᴴ) / 2 of concrete matrices, exact where a is Hermitian already."""
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


def _half_lower(x: Any) -> Any:
    """Return Φ(x)."""
    below = lower(x)
    return below - times(0.5, select(on_diagonal(x), below, full_like(x, 0)))


def _jvp(primals: Any, tangents: Any, out: Any) -> Any:
    half = triangular_solve(out, hermitian_part(tangents[0]), lower=True, unit=False)
    inner = triangular_solve(out, adjoint(half), lower=True, unit=False)
    return matmul(out, _half_lower(inner))


def hermitian_samples() -> list[Sample]:
    """Return samples for functions of a positive definite matrix."""
    return [
        Sample((positive_definite(3, 3),)),
        Sample((positive_definite(2, 3, 3),)),
        Sample((positive_definite(1, 1),)),
        Sample((positive_definite(3, 3, dtype=np.float32),)),
        Sample((positive_definite(3, 3, dtype=complex),)),
        Sample((np.empty((0, 0)),)),
        Sample((np.empty((0, 2, 2)),)),
    ]


cholesky: Primitive = primitive(
    "cholesky",
    "the lower triangular L with L Lᴴ = (a + aᴴ) / 2",
    evaluate=lambda a: np.linalg.cholesky(hermitian(a)),
    infer=lambda a: aval(square(a, "cholesky"), a.dtype),
    jvp=_jvp,
    transpose=NoRule("a factorisation is not linear; its pushforward is made of triangular systems"),
    batch=batch_of(lambda: cholesky),
    samples=hermitian_samples,
    flops=lambda a: a.size * a.shape[-1] // 3,
    label="gradient solver",
    explanation="solves two triangular systems with the transposed factor",
)
