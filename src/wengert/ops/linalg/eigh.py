"""Eigenvalues and eigenvectors of Hermitian matrices.

Giles 2008: with M = Vᴴ dA V, dw is the diagonal of M and dV = V K with K[i, j] = M[i, j] / (w_j - w_i).  Repeated
eigenvalues divide by zero here: ``split`` says how they part, see :mod:`wengert.transforms.forward`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..compare import select
from ..family import full_like, scaled
from .cholesky import hermitian
from .matrices import (
    adjoint,
    along_columns,
    along_rows,
    as_dtype_of,
    batch_of,
    diagonal,
    each,
    hermitian_part,
    matmul,
    numbers,
    on_diagonal,
    real_dtype,
    real_part,
    square,
)
from .parting import close, column_sums, once, parting, reciprocal_or_zero


def _infer(a: Aval, driver: str) -> tuple[Aval, Aval]:
    shape = square(a, "eigh")
    return aval(shape[:-1], real_dtype(a.dtype)), aval(shape, a.dtype)


def _inner(tangents: Any, out: Any) -> Any:
    """Return Vᴴ dA V."""
    return matmul(matmul(adjoint(out[1]), hermitian_part(tangents[0])), out[1])


def _repeated(w: Any) -> tuple[Any, Any, Any]:
    """Return w along the rows, along the columns, and where the two are equal."""
    n = w.shape[-1]
    b = w.builder
    largest = b.apply_named("reduce_max", b.apply_named("abs", w), axes=(w.ndim - 1,))
    largest = b.apply_named("broadcast", largest, shape=(*w.shape, n), axes=tuple(range(w.ndim - 1)))
    rows, columns = along_rows(w, n), along_columns(w, n)
    return rows, columns, close(rows, columns, largest, w.dtype)


def _jvp(primals: Any, tangents: Any, out: Any, driver: str) -> Any:
    w, v = out
    if not w.shape[-1]:
        return None, None
    m = _inner(tangents, out)
    rows, columns, same = _repeated(w)
    over_gap = as_dtype_of(reciprocal_or_zero(rows - columns, same), m)
    return real_part(diagonal(m)), matmul(v, scaled(over_gap, m))


def _split(primals: Any, tangents: Any, out: Any, driver: str) -> Any:
    w, v = out
    if not w.shape[-1]:
        return ((None, None), (None, None))
    w_rows, w_columns, same = _repeated(w)
    d = -parting(w)
    rows, columns = along_rows(d, d.shape[-1]), along_columns(d, d.shape[-1])
    over_gap = select(same, reciprocal_or_zero(rows - columns, on_diagonal(rows)), full_like(rows, 0))
    over_gap = once(over_gap, w_rows - w_columns + along_rows(column_sums(v), w.shape[-1]))
    m = _inner(tangents, out)
    return ((d, None), (None, matmul(v, scaled(as_dtype_of(over_gap, m), m))))


def _eigh(a: Any, driver: str) -> Any:
    """Run one of LAPACK's drivers: which one decides on the signs of the vectors."""
    a = hermitian(a)
    if driver == "evd" or not a.size:  # NumPy's
        return tuple(np.linalg.eigh(a))
    return each(lambda x: scipy.linalg.eigh(x, driver=driver)[0], a), each(
        lambda x: np.ascontiguousarray(scipy.linalg.eigh(x, driver=driver)[1]), a
    )


def _samples() -> list[Sample]:
    def of(*shape: int, dtype: Any = float) -> Any:
        return (hermitian(numbers(*shape, dtype=dtype)) + np.diag(np.arange(shape[-1]) * 1.5)).astype(dtype)

    matrices = [
        Sample((of(3, 3),)),
        Sample((of(2, 3, 3),)),
        Sample((of(1, 1),)),
        Sample((of(3, 3, dtype=np.float32),)),
        Sample((np.empty((0, 0)),)),
        Sample((np.empty((0, 2, 2)),)),
        # The phases of complex eigenvectors are LAPACK's choice: no differences to compare with.
        Sample((of(3, 3, dtype=complex),), smooth=False),
        Sample((np.eye(3),), smooth=False),
    ]
    return [
        *(Sample(s.args, {"driver": "evd"}, s.smooth) for s in matrices),
        # The signs that this driver chooses change from point to point: no differences to compare with.
        *(Sample(s.args, {"driver": "evr"}, smooth=False) for s in matrices[:2]),
    ]


eigh: Primitive = primitive(
    "eigh",
    "eigenvalues and eigenvectors of the Hermitian matrix (a + aᴴ) / 2",
    evaluate=_eigh,
    infer=_infer,
    jvp=_jvp,
    split=_split,
    transpose=NoRule("a decomposition is not linear; its pushforward is made of matrix products"),
    batch=batch_of(lambda: eigh),
    samples=_samples,
    multiple=True,
    flops=lambda a, driver: 9 * a.size * a.shape[-1],
    label="gradient mixer",
    explanation="turns the gradients of values and vectors back into the matrix's basis, weighted by one over the gaps",
)
