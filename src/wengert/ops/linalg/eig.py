"""Eigenvalues and eigenvectors of matrices in general.

Giles 2008: with M = V⁻¹ dA V, dw is the diagonal of M and dV = V K with K[i, j] = M[i, j] / (w_j - w_i); then each
eigenvector keeps its norm 1, and its largest entry stays real, which is how LAPACK chooses the phases.  Repeated
eigenvalues of such a matrix are not differentiable in general; their own terms of K are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..arithmetic import conj, convert, imag, make_complex, real
from ..compare import select
from ..elementary import absolute
from ..family import full_like, scaled
from .matrices import along_columns, along_rows, batch_of, diagonal, matmul, numbers, square
from .parting import close, reciprocal_or_zero
from .solve import solve


def _complex(dtype: Any) -> Any:
    return np.result_type(dtype, np.complex64)


def _infer(a: Aval) -> tuple[Aval, Aval]:
    shape = square(a, "eig")
    return aval(shape[:-1], _complex(a.dtype)), aval(shape, _complex(a.dtype))


def _eig(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    return w.astype(_complex(a.dtype)), v.astype(_complex(a.dtype))


def _normalized(v: Any, dv: Any) -> Any:
    """Take from each column's tangent what would change its norm or make its largest entry complex."""
    b = v.builder
    n = v.shape[-1]
    rows = v.ndim - 2
    size = absolute(v)
    largest = b.apply_named("argmax", size, axis=rows)
    spread = b.apply_named("broadcast", largest, shape=v.shape, axes=(*range(rows), rows + 1))
    chosen = b.apply_named("eq", b.apply_named("iota", b.full(0, v.shape, np.intp), axis=rows), spread)
    growth = b.apply_named("reduce_sum", real(scaled(conj(v), dv)), axes=(rows,))
    entry = b.apply_named("reduce_sum", select(chosen, real(v), full_like(size, 0)), axes=(rows,))
    turn = b.apply_named("reduce_sum", select(chosen, imag(dv), full_like(size, 0)), axes=(rows,))
    change = make_complex(growth, scaled(full_like(entry, 1) / entry, turn))
    return dv - scaled(v, along_rows(change, n))


def _jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (da,), (w, v) = tangents, out
    if not w.shape[-1]:
        return None, None
    da = da if da.dtype == v.dtype else convert(da, dtype=v.dtype)
    m = solve(v, matmul(da, v))
    n = w.shape[-1]
    rows, columns = along_rows(w, n), along_columns(w, n)
    largest = w.builder.apply_named("reduce_max", absolute(w), axes=(w.ndim - 1,))
    largest = w.builder.apply_named("broadcast", largest, shape=rows.shape, axes=tuple(range(w.ndim - 1)))
    same = close(rows, columns, largest, largest.dtype)
    dv = matmul(v, scaled(reciprocal_or_zero(rows - columns, same), m))
    return diagonal(m), _normalized(v, dv)


def _samples() -> list[Sample]:
    def of(*shape: int, dtype: Any = float) -> Any:
        return (numbers(*shape, dtype=dtype) + np.diag(np.arange(shape[-1]) * 1.5)).astype(dtype)

    turning = np.array([[0.0, -2.0, 0.3], [1.5, 0.2, 0.1], [0.4, 0.1, 3.0]])
    return [
        Sample((of(3, 3),)),
        Sample((turning,)),
        Sample((of(2, 3, 3),)),
        Sample((of(1, 1),)),
        Sample((of(3, 3, dtype=np.float32),)),
        Sample((of(3, 3, dtype=complex),)),
        Sample((np.empty((0, 0)),)),
        Sample((np.empty((0, 2, 2)),)),
        Sample((np.eye(2),), smooth=False),
    ]


eig: Primitive = primitive(
    "eig",
    "eigenvalues and eigenvectors, always complex: a v = v diag(w)",
    evaluate=_eig,
    infer=_infer,
    jvp=_jvp,
    transpose=NoRule("a decomposition is not linear; its pushforward is made of matrix products and systems"),
    batch=batch_of(lambda: eig),
    samples=_samples,
    multiple=True,
    flops=lambda a: 25 * a.size * (a.shape[-1] if a.ndim else 0),
    label="gradient mixer",
    explanation="turns the gradients of values and vectors back into the matrix's basis, weighted by one over the gaps",
)
