"""Functions of a matrix: the exponential, the logarithm, the square root, and the trigonometric and hyperbolic ones.

R. Mathias, "A chain rule for matrix functions and applications", 1996: the derivative L(A, E) of f at A in the
direction E stands in the upper right block of

    f( [A  E] )   [f(A)  L(A, E)]
     ( [0  A] ) = [ 0      f(A) ]

and the derivative of L by A in a direction F in the upper right block of L at that matrix in the direction diag(F,
F).  Two primitives that refer to each other in this way have derivatives of every order.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ...errors import ShapeError, explain
from ..family import is_linear, total
from .matrices import batch_of, each, embedded, joined, numbers, part, square, turned, well_conditioned

KINDS: Final = ("expm", "logm", "sqrtm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
"""Names of SciPy's functions."""


def _one(a: Any, kind: str) -> Any:
    if not a.size:
        return np.array(a)
    made = np.asarray(getattr(scipy.linalg, kind)(a))  # SciPy loads scipy.linalg when it is first asked for
    if made.dtype.kind == "c" and a.dtype.kind != "c":
        if np.any(made.imag != 0):
            raise np.linalg.LinAlgError(
                f"the {kind} of this real matrix is complex (it has eigenvalues that are negative or zero); "
                "to compute it, give it as a complex matrix: a.astype(complex)"
            )
        made = made.real
    return np.ascontiguousarray(made, a.dtype)


def _evaluate(a: Any, kind: str) -> Any:
    return each(lambda x: _one(x, kind), np.asarray(a))


def _blocks(a: Any, e: Any) -> Any:
    """Return [[a, e], [0, a]]."""
    n = a.shape[-1]
    return joined(joined(a, e, -1), embedded(a, n, 2 * n, 0, n), -2)


def _doubled(f: Any) -> Any:
    """Return [[f, 0], [0, f]]."""
    n = f.shape[-1]
    return joined(embedded(f, n, 2 * n), embedded(f, n, 2 * n, 0, n), -2)


def _derivative_evaluate(a: Any, e: Any, kind: str) -> Any:
    a, e = np.asarray(a), np.asarray(e)
    n = a.shape[-1]
    if not a.size:
        return np.array(e)
    block = np.concatenate([np.concatenate([a, e], -1), np.concatenate([np.zeros_like(a), a], -1)], -2)
    return np.ascontiguousarray(_evaluate(block, kind)[..., :n, n:])


def _derivative_infer(a: Aval, e: Aval, kind: str) -> Aval:
    shape = square(a, kind)
    if e.shape != shape or e.dtype != a.dtype:
        raise ShapeError(explain("A matrix and a direction have one shape and dtype.", found=f"{a!r}, {e!r}"))
    return aval(shape, a.dtype)


def _derivative_jvp(primals: Any, tangents: Any, out: Any, kind: str) -> Any:
    (a, e), (da, de) = primals, tangents
    n = a.shape[-1]
    by_e = None if de is None else derivative(a, de, kind=kind)
    by_a = None
    if da is not None:
        by_a = part(derivative(_blocks(a, e), _doubled(da), kind=kind), n, n, 0, n)
    return total([by_a, by_e])


def _samples() -> list[Sample]:
    def sample(kind: str, *shape: int, dtype: Any = float) -> Sample:
        return Sample((_matrix(*shape, dtype=dtype),), {"kind": kind})

    made = [sample(kind, 3, 3) for kind in KINDS]
    made += [
        sample("expm", 2, 2, 2),
        sample("expm", 1, 1),
        sample("expm", 3, 3, dtype=np.float32),
        sample("expm", 2, 2, dtype=complex),
        sample("logm", 2, 2, dtype=complex),
        Sample((np.empty((0, 0)),), {"kind": "expm"}),
        Sample((np.empty((0, 2, 2)),), {"kind": "sqrtm"}),
    ]
    return made


def _matrix(*shape: int, dtype: Any = float) -> Any:
    return (0.5 * well_conditioned(*shape, dtype=dtype)).astype(dtype)


def _derivative_samples() -> list[Sample]:
    def sample(kind: str, *shape: int, dtype: Any = float) -> Sample:
        return Sample((_matrix(*shape, dtype=dtype), numbers(*shape, dtype=dtype)), {"kind": kind})

    return [
        sample("expm", 2, 2),
        sample("logm", 2, 2),
        sample("sqrtm", 2, 2),
        sample("expm", 2, 2, 2),
        sample("expm", 2, 2, dtype=np.float32),
        sample("expm", 2, 2, dtype=complex),
        Sample((np.empty((0, 0)), np.empty((0, 0))), {"kind": "expm"}),
    ]


matrix_function: Primitive = primitive(
    "matrix_function",
    "a function of a square matrix, in the sense of its power series",
    evaluate=_evaluate,
    infer=lambda a, kind: aval(square(a, kind), a.dtype),
    jvp=lambda primals, tangents, out, kind: derivative(primals[0], tangents[0], kind=kind),
    transpose=NoRule("not linear; its pushforward is"),
    batch=batch_of(lambda: matrix_function),
    samples=_samples,
    flops=lambda a, kind: 30 * a.size * (a.shape[-1] if a.ndim else 0),
    label="gradient mixer",
    explanation="hands back the function's derivative at the transposed matrix, in the direction of the gradient",
)

derivative: Primitive = primitive(
    "matrix_function_derivative",
    "the derivative of a function of a matrix in a direction",
    evaluate=_derivative_evaluate,
    infer=_derivative_infer,
    jvp=_derivative_jvp,
    transpose=lambda ct, a, e, kind: (None, derivative(turned(a), ct, kind=kind) if is_linear(e) else None),
    batch=batch_of(lambda: derivative),
    samples=_derivative_samples,
    flops=lambda a, e, kind: 240 * a.size * (a.shape[-1] if a.ndim else 0),
    label="gradient mixer",
    explanation="hands back the derivative at the transposed matrix, in the direction of the gradient",
)
