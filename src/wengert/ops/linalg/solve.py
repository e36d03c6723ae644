"""Linear systems: solve, triangular_solve, inv.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", Advances in
Automatic Differentiation, 2008: from A X = B follows dX = A⁻¹ (dB - dA X).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ...errors import DtypeError, ShapeError, explain
from ..arithmetic import neg
from ..family import is_linear
from .matrices import batch_of, each, lower, matmul, numbers, square, turned, upper, well_conditioned

_EXPLANATION = "solves a system with the transposed matrix for the gradient of the right-hand side"


def _infer(what: str) -> Any:
    def infer(a: Aval, b: Aval, **_: Any) -> Aval:
        shape = square(a, what)
        if b.ndim != a.ndim or b.shape[:-1] != shape[:-1]:
            raise ShapeError(
                explain(f"{what} takes matrices and right-hand sides with the same rows.", found=f"{a!r}, {b!r}")
            )
        if a.dtype != b.dtype:
            raise DtypeError(explain(f"{what} takes operands of one dtype.", found=f"{a!r}, {b!r}"))
        return aval(b.shape, b.dtype)

    return infer


def _difference(x: Any, y: Any) -> Any:
    """Return x - y, where None is zero."""
    if y is None:
        return x
    return neg(y) if x is None else x - y


def _batch(record: Any) -> Any:
    several = batch_of(record)

    def batch(size: int, args: Sequence[Any], batched: Sequence[bool], **how: Any) -> Any:
        a, b = args
        if batched[0] or not size:
            return several(size, args, batched, **how)
        # One matrix for the whole batch: factor it once, with all the right-hand sides as columns.
        k = b.shape[-1]
        turn = (*range(1, b.ndim - 1), 0, b.ndim - 1)
        columns = b.builder.apply_named("transpose", b, axes=turn)
        columns = columns.builder.apply_named("reshape", columns, shape=(*b.shape[1:-1], size * k))
        x = record()(a, columns, **how)
        x = x.builder.apply_named("reshape", x, shape=(*b.shape[1:-1], size, k))
        return x.builder.apply_named("transpose", x, axes=tuple(int(i) for i in np.argsort(turn)))

    return batch


def _systems() -> list[Sample]:
    return [
        Sample((well_conditioned(3, 3), numbers(3, 2))),
        Sample((well_conditioned(2, 3, 3), numbers(2, 3, 1))),
        Sample((well_conditioned(1, 1), numbers(1, 1))),
        Sample((well_conditioned(3, 3, dtype=np.float32), numbers(3, 2, dtype=np.float32))),
        Sample((well_conditioned(2, 2, dtype=complex), numbers(2, 3, dtype=complex))),
        Sample((np.empty((0, 0)), np.empty((0, 2)))),
        Sample((well_conditioned(2, 2), np.empty((2, 0)))),
        Sample((np.empty((0, 2, 2)), np.empty((0, 2, 1)))),
    ]


# -- solve ------------------------------------------------------------------------------------------------------------


def _solve_jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (a, _), (da, db) = primals, tangents
    return solve(a, _difference(db, None if da is None else matmul(da, out)))


solve: Primitive = primitive(
    "solve",
    "the solution x of a x = b, for matrices b",
    evaluate=np.linalg.solve,
    infer=_infer("solve"),
    jvp=_solve_jvp,
    transpose=lambda ct, a, b: (None, solve(turned(a), ct)) if is_linear(b) else (None, None),
    batch=_batch(lambda: solve),
    samples=_systems,
    flops=lambda a, b: 2 * a.size * a.shape[-1] // 3 + 2 * b.size * a.shape[-1],
    label="gradient solver",
    explanation=_EXPLANATION,
)

# -- triangular_solve -------------------------------------------------------------------------------------------------


def _triangular(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    if not a.size or not b.size:
        return np.array(b)
    (trtrs,) = scipy.linalg.get_lapack_funcs(("trtrs",), (a, b))

    def one(a: Any, b: Any) -> Any:
        # LAPACK's matrices are stored by columns: it is given the transposed one, which needs no copy.
        x, info = trtrs(a.T, b, lower=not lower, trans=1, unitdiag=unit)
        if info > 0:
            raise np.linalg.LinAlgError(
                f"singular matrix: the triangular factor has a zero on its diagonal at {info - 1}"
            )
        return x

    return np.ascontiguousarray(each(one, np.ascontiguousarray(a), b))


def _triangle(a: Any, is_lower: bool, unit: bool) -> Any:
    return lower(a, -unit) if is_lower else upper(a, unit)


def _triangular_jvp(primals: Any, tangents: Any, out: Any, lower: bool, unit: bool) -> Any:
    (a, _), (da, db) = primals, tangents
    moved = None if da is None else matmul(_triangle(da, lower, unit), out)
    return triangular_solve(a, _difference(db, moved), lower=lower, unit=unit)


triangular_solve: Primitive = primitive(
    "triangular_solve",
    "the solution x of a x = b; of a only one triangle is read",
    evaluate=_triangular,
    infer=_infer("triangular_solve"),
    jvp=_triangular_jvp,
    transpose=lambda ct, a, b, lower, unit: (
        (None, triangular_solve(turned(a), ct, lower=not lower, unit=unit)) if is_linear(b) else (None, None)
    ),
    batch=_batch(lambda: triangular_solve),
    samples=lambda: [
        Sample(s.args, {"lower": low, "unit": unit}, s.smooth)
        for low, unit in ((True, False), (False, False), (True, True), (False, True))
        for s in (_systems() if not unit else _systems()[:2])
    ],
    flops=lambda a, b, **_: b.size * a.shape[-1],
    label="gradient solver",
    explanation=_EXPLANATION,
)

# -- inv --------------------------------------------------------------------------------------------------------------


def _inv_jvp(primals: Any, tangents: Any, out: Any) -> Any:
    return neg(matmul(matmul(out, tangents[0]), out))


def matrices() -> list[Sample]:
    """Return samples for functions of a square matrix."""
    return [Sample(s.args[:1]) for s in _systems()]


inv: Primitive = primitive(
    "inv",
    "the inverse matrix",
    evaluate=np.linalg.inv,
    infer=lambda a: aval(square(a, "inv"), a.dtype),
    jvp=_inv_jvp,
    transpose=NoRule("an inverse is not linear; its pushforward is made of matrix products"),
    batch=batch_of(lambda: inv),
    samples=matrices,
    flops=lambda a: 2 * a.size * (a.shape[-1] if a.ndim else 0),
    label="gradient sandwich",
    explanation="puts the incoming gradient between two transposed inverses, with a minus sign",
)
