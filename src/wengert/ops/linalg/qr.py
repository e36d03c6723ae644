"""The QR decomposition.

S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
experimental design", 2010: with M = Qᴴ dA R⁻¹ and Ω the skew matrix that has M's strict lower triangle, dR = (M - Ω)
R and dQ = dA R⁻¹ + Q (Ω - M).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ...errors import ShapeError, explain
from ..arithmetic import imag, make_complex, neg
from ..compare import select
from ..family import full_like
from .matrices import (
    adjoint,
    batch_of,
    embedded,
    joined,
    lower,
    matmul,
    matrix,
    on_diagonal,
    part,
    turned,
    well_conditioned,
)
from .solve import triangular_solve


def _infer(a: Aval, full: bool) -> tuple[Aval, Aval]:
    *lead, m, n = matrix(a, "qr")
    if m < n:
        raise ShapeError(
            explain("The primitive qr takes matrices with at least as many rows as columns.", found=f"{a!r}")
        )
    k = m if full else n
    return aval((*lead, m, k), a.dtype), aval((*lead, k, n), a.dtype)


def _skew(m: Any) -> Any:
    strict = lower(m, -1)
    skew = strict - adjoint(strict)
    if m.dtype.kind != "c":
        return skew
    # LAPACK keeps the diagonal of R real, so that the imaginary part of M's diagonal belongs to dQ.
    turn = imag(m)
    phase = make_complex(full_like(turn, 0), turn)
    return skew + select(on_diagonal(phase), phase, full_like(phase, 0))


def _jvp(primals: Any, tangents: Any, out: Any, full: bool) -> Any:
    (a,), (da,) = primals, tangents
    m, n = a.shape[-2:]
    q, r = part(out[0], m, n), part(out[1], n, n)
    whole = turned(triangular_solve(turned(r), turned(da), lower=True, unit=False))  # dA R⁻¹
    inner = matmul(adjoint(q), whole)
    omega = _skew(inner)
    dq, dr = whole + matmul(q, omega - inner), matmul(inner - omega, r)
    if full and m > n:
        # The further columns of Q only keep orthogonal to the others.
        rest = part(out[0], m, m - n, 0, n)
        dq = joined(dq, neg(matmul(q, matmul(adjoint(dq), rest))), -1)
        dr = embedded(dr, m, n)
    return dq, dr


def _samples() -> list[Sample]:
    def sample(*shape: int, full: bool = False, dtype: Any = float, smooth: bool = True) -> Sample:
        return Sample((well_conditioned(*shape, dtype=dtype),), {"full": full}, smooth)

    return [
        sample(3, 3),
        sample(4, 2),
        sample(2, 3, 2),
        sample(1, 1),
        sample(3, 2, dtype=np.float32),
        sample(3, 2, dtype=complex),
        sample(3, 3, full=True),
        # The basis of what is outside of the span is LAPACK's choice: no differences to compare with.
        sample(4, 2, full=True, smooth=False),
        Sample((np.empty((0, 0)),), {"full": False}),
        Sample((np.empty((0, 2, 2)),), {"full": False}),
    ]


qr: Primitive = primitive(
    "qr",
    "orthonormal columns q and upper triangular r: a = q r",
    evaluate=lambda a, full: tuple(np.linalg.qr(a, "complete" if full else "reduced")),
    infer=_infer,
    jvp=_jvp,
    transpose=NoRule("a factorisation is not linear; its pushforward is made of triangular systems"),
    batch=batch_of(lambda: qr),
    samples=_samples,
    multiple=True,
    flops=lambda a, full: 4 * a.size * a.shape[-1],
    label="gradient solver",
    explanation="solves triangular systems with r for the gradients of both factors",
)
