"""Sylvester's equation A X + X B = Q.

It is linear in X: dX solves the same equation with dQ - dA X - X dB, and the transposed map is the equation with Aᵀ
and Bᵀ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import Primitive, Sample, primitive
from ...errors import ShapeError, explain
from ..arithmetic import neg
from ..family import is_linear, total
from .matrices import batch_of, each, matmul, numbers, square, turned, well_conditioned


def _infer(a: Aval, b: Aval, q: Aval) -> Aval:
    rows, columns = square(a, "sylvester"), square(b, "sylvester")
    if q.shape != (*rows[:-1], columns[-1]) or rows[:-2] != columns[:-2] or not a.dtype == b.dtype == q.dtype:
        raise ShapeError(explain("A X + X B = Q takes matrices that fit, of one dtype.", found=f"{a!r}, {b!r}, {q!r}"))
    return aval(q.shape, q.dtype)


def _evaluate(a: Any, b: Any, q: Any) -> Any:
    if not q.size:
        return np.array(q)
    return np.ascontiguousarray(each(scipy.linalg.solve_sylvester, a, b, q), q.dtype)


def _jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (a, b, _), (da, db, dq) = primals, tangents
    moved = total([None if da is None else matmul(da, out), None if db is None else matmul(out, db)])
    return sylvester(a, b, total([dq, None if moved is None else neg(moved)]))


sylvester: Primitive = primitive(
    "sylvester",
    "the solution x of a x + x b = q",
    evaluate=_evaluate,
    infer=_infer,
    jvp=_jvp,
    transpose=lambda ct, a, b, q: (None, None, sylvester(turned(a), turned(b), ct) if is_linear(q) else None),
    batch=batch_of(lambda: sylvester),
    samples=lambda: [
        Sample((well_conditioned(3, 3), well_conditioned(2, 2), numbers(3, 2))),
        Sample((well_conditioned(2, 2, 2), well_conditioned(2, 2, 2, seed=1), numbers(2, 2, 2))),
        Sample(
            (well_conditioned(2, 2, dtype=complex), well_conditioned(2, 2, dtype=complex), numbers(2, 2, dtype=complex))
        ),
        Sample((well_conditioned(2, 2, dtype=np.float32),) * 2 + (numbers(2, 2, dtype=np.float32),)),
        Sample((np.empty((0, 0)), well_conditioned(2, 2), np.empty((0, 2)))),
    ],
    flops=lambda a, b, q: 25 * (a.size * a.shape[-1] + b.size * b.shape[-1]),
    label="gradient solver",
    explanation="solves the equation with the transposed matrices for the gradient of the right-hand side",
)
