"""The pseudo-inverse.

G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate", 1973: as long as the rank of A does not change,

    dP = -P dA P + P Pᴴ dAᴴ (I - A P) + (I - P A) dAᴴ Pᴴ P
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ...errors import ShapeError, explain
from ..arithmetic import neg
from .matrices import adjoint, batch_of, matmul, matrix, numbers, real_dtype, well_conditioned


def _infer(a: Aval, cutoff: Aval) -> Aval:
    *lead, m, n = matrix(a, "pinv")
    if cutoff.shape != tuple(lead) or cutoff.dtype != real_dtype(a.dtype):
        raise ShapeError(explain("pinv takes one real cutoff for each matrix.", found=f"{a!r}, {cutoff!r}"))
    return aval((*lead, n, m), a.dtype)


def _jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (a, _), (da, _) = primals, tangents
    if da is None:
        return None
    back, adjoint_da = adjoint(out), adjoint(da)
    left, right = matmul(matmul(out, back), adjoint_da), matmul(matmul(adjoint_da, back), out)
    moved = neg(matmul(matmul(out, da), out))
    return moved + (left - matmul(matmul(left, a), out)) + (right - matmul(out, matmul(a, right)))


def _samples() -> list[Sample]:
    def sample(a: Any, smooth: bool = True) -> Sample:
        return Sample((a, np.full(a.shape[:-2], 1e-6, real_dtype(a.dtype))), smooth=smooth)

    deficient = numbers(3, 1) @ numbers(1, 3, seed=3)
    return [
        sample(well_conditioned(3, 3)),
        sample(well_conditioned(4, 2)),
        sample(well_conditioned(2, 4)),
        sample(well_conditioned(2, 3, 2)),
        sample(well_conditioned(1, 1)),
        sample(well_conditioned(3, 2, dtype=np.float32)),
        sample(well_conditioned(3, 2, dtype=complex)),
        sample(np.empty((0, 2))),
        # Where the rank changes with the direction there is no derivative to compare with.
        sample(deficient, smooth=False),
    ]


pinv: Primitive = primitive(
    "pinv",
    "the pseudo-inverse; singular values below cutoff times the largest count as zero",
    evaluate=lambda a, cutoff: np.ascontiguousarray(np.linalg.pinv(a, cutoff)),
    infer=_infer,
    jvp=_jvp,
    transpose=NoRule("not linear; its pushforward is made of matrix products"),
    batch=batch_of(lambda: pinv),
    samples=_samples,
    flops=lambda a, cutoff: 22 * a.size * min(a.shape[-2:]),
    label="gradient sandwich",
    explanation="puts the incoming gradient between transposed pseudo-inverses, and adds the part of the null spaces",
)
