"""The singular value decomposition A = U S Vᴴ.

J. Townsend, "Differentiating the singular value decomposition", 2016.  With M = Uᴴ dA V, split into its Hermitian
part H and its skew part N: dS is the diagonal of H, and dU = U K, dV = V L with

    K = H / (s_j - s_i) + N / (s_i + s_j)        L = H / (s_j - s_i) - N / (s_i + s_j)

and what dA adds outside of the spans of U and V divided by s.  Singular values that are equal, or zero, divide by zero
here: ``split`` says how they part, see :mod:`wengert.transforms.forward`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..arithmetic import neg
from ..compare import select
from ..family import full_like, scaled
from .matrices import (
    Axes,
    adjoint,
    along_columns,
    along_rows,
    as_dtype_of,
    batch_of,
    diagonal,
    joined,
    matmul,
    matrix,
    numbers,
    on_diagonal,
    part,
    real_dtype,
    real_part,
    times,
)
from .parting import close, column_sums, once, parting, reciprocal_or_zero


def _infer(a: Aval, full: bool) -> tuple[Aval, Aval, Aval]:
    *lead, m, n = matrix(a, "svd")
    k = min(m, n)
    left, right = ((m, m), (n, n)) if full else ((m, k), (k, n))
    return aval((*lead, *left), a.dtype), aval((*lead, k), real_dtype(a.dtype)), aval((*lead, *right), a.dtype)


class _Frame:
    """The quantities that both parts of the pushforward are made of."""

    def __init__(self, a: Any, da: Any, out: Any) -> None:
        u, self.s, vh = out
        m, n = a.shape[-2:]
        k = min(m, n)
        self.full_u, self.full_vh = u, vh
        self.u, self.vh = part(u, m, k), part(vh, k, n)
        inner = matmul(matmul(adjoint(self.u), da), adjoint(self.vh))
        flipped = adjoint(inner)
        self.hermitian, self.skew = times(0.5, inner + flipped), times(0.5, inner - flipped)
        self.k = k
        # What dA adds outside of the spans: only for a side that is longer than k.
        self.u_rest = matmul(da, adjoint(self.vh)) - matmul(self.u, inner) if m > k else None
        self.v_rest = matmul(adjoint(self.u), da) - matmul(inner, self.vh) if n > k else None
        s = self.s
        largest = s.builder.apply_named("reduce_max", s, axes=(s.ndim - 1,))
        largest = s.builder.apply_named("broadcast", largest, shape=(*s.shape, k), axes=tuple(range(s.ndim - 1)))
        self.rows, self.columns = along_rows(s, k), along_columns(s, k)
        self.same = close(self.rows, self.columns, largest, s.dtype)
        nothing = full_like(self.rows, 0)
        self.none = close(self.rows + self.columns, nothing, largest, s.dtype)
        self.vanishing = diagonal_mask(self.none)
        self.basis = along_rows(column_sums(self.u), k) + along_rows(column_sums(adjoint(self.vh)), k)

    def turned(self, over_difference: Any, over_sum: Any, over_one: Any) -> tuple[Any, Any]:
        """Return the tangents of U and Vᴴ for given values of 1 / (s_j - s_i), 1 / (s_i + s_j) and 1 / s."""
        h = scaled(as_dtype_of(over_difference, self.hermitian), self.hermitian)
        skew = scaled(as_dtype_of(over_sum, self.skew), self.skew)
        du = matmul(self.u, h + skew)
        dvh = matmul(skew - h, self.vh)
        if self.u_rest is not None:
            by = as_dtype_of(along_rows(over_one, self.u.shape[-2]), self.u)
            du = du + scaled(by, self.u_rest)
        if self.v_rest is not None:
            by = as_dtype_of(along_columns(over_one, self.vh.shape[-1]), self.vh)
            dvh = dvh + scaled(by, self.v_rest)
        return self.completed(du, dvh)

    def completed(self, du: Any, dvh: Any) -> tuple[Any, Any]:
        """Add the tangents of the further columns of U and rows of Vᴴ, which only keep orthogonal to the others."""
        m, n = self.full_u.shape[-1], self.full_vh.shape[-2]
        k = self.k
        if m > k:
            rest = part(self.full_u, m, m - k, 0, k)
            du = joined(du, neg(matmul(self.u, matmul(adjoint(du), rest))), -1)
        if n > k:
            rest = part(self.full_vh, n - k, n, k, 0)
            dvh = joined(dvh, neg(matmul(matmul(rest, adjoint(dvh)), self.vh)), -2)
        return du, dvh


def diagonal_mask(mask: Any) -> Any:
    """Return the diagonal of a boolean matrix."""
    b = mask.builder
    numbers = b.apply_named("convert", mask, dtype=np.dtype(np.intp))
    return b.apply_named("convert", diagonal(numbers), dtype=np.dtype(bool))


def _jvp(primals: Any, tangents: Any, out: Any, full: bool) -> Any:
    if not out[1].shape[-1]:
        return None, None, None
    f = _Frame(primals[0], tangents[0], out)
    du, dvh = f.turned(
        reciprocal_or_zero(f.rows - f.columns, f.same),
        reciprocal_or_zero(f.rows + f.columns, f.none),
        reciprocal_or_zero(f.s, f.vanishing),
    )
    return du, real_part(diagonal(f.hermitian)), dvh


def _split(primals: Any, tangents: Any, out: Any, full: bool) -> Any:
    if not out[1].shape[-1]:
        return ((None, None),) * 3
    f = _Frame(primals[0], tangents[0], out)
    d = parting(f.s)
    rows, columns = along_rows(d, f.k), along_columns(d, f.k)
    zero = full_like(rows, 0)
    gap = reciprocal_or_zero(rows - columns, on_diagonal(rows))
    seen = f.rows - f.columns + f.basis
    du, dvh = f.turned(
        once(select(f.same, gap, zero), seen),
        once(select(f.none, full_like(rows, 1) / (rows + columns), zero), seen),
        once(select(f.vanishing, full_like(d, 1) / d, full_like(d, 0)), f.s),
    )
    return ((None, du), (d, None), (None, dvh))


def _samples() -> list[Sample]:
    def of(*shape: int, dtype: Any = float) -> Any:
        # Singular values well apart from each other and from zero.
        x = numbers(*shape, dtype=dtype)
        return (x + np.eye(shape[-2], shape[-1]) * np.arange(1, shape[-1] + 1) * 1.5).astype(dtype)

    def sample(x: Any, full: bool, smooth: bool = True) -> Sample:
        return Sample((x,), {"full": full}, smooth)

    shapes: list[Axes] = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (0, 3), (0, 2, 2)]
    made = [sample(of(*shape), False) for shape in shapes]
    made.append(sample(of(3, 2, dtype=np.float32), False))
    made.append(sample(of(3, 3), True))
    # The phases of complex singular vectors, and the basis of what is outside of the span, are LAPACK's choice: the
    # derivative of what does not depend on them is right, but there are no differences to compare with.
    made += [sample(of(3, 2, dtype=complex), full, smooth=False) for full in (False, True)]
    made += [sample(of(4, 2), True, smooth=False), sample(of(2, 4), True, smooth=False)]
    made += [sample(np.eye(3), False, smooth=False), sample(np.zeros((2, 3)), True, smooth=False)]
    return made


svd: Primitive = primitive(
    "svd",
    "singular vectors and singular values: a = u diag(s) vh",
    evaluate=lambda a, full: tuple(np.linalg.svd(a, full_matrices=full)),
    infer=_infer,
    jvp=_jvp,
    split=_split,
    transpose=NoRule("a decomposition is not linear; its pushforward is made of matrix products"),
    batch=batch_of(lambda: svd),
    samples=_samples,
    multiple=True,
    flops=lambda a, full: 20 * a.size * min(a.shape[-2:]),
    label="gradient mixer",
    explanation="turns the gradients of values and vectors back into the matrix's basis, weighted by one over the gaps",
)
