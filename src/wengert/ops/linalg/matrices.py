"""What the rules of decompositions are written with: transposes, products, triangles, diagonals of stacked matrices.

Every function here is linear in its matrix and made of linear primitives, so it may be applied to tangents.  A matrix
has the axes (..., row, column); two that meet have the same leading axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.aval import Aval
from ...core.primitive import Primitive
from ...errors import DtypeError, ShapeError, explain
from ..arithmetic import conj, convert, real
from ..compare import select
from ..family import full_like, scaled, with_batch
from ..product import dot

Axes = tuple[int, ...]


# -- shapes -----------------------------------------------------------------------------------------------------------


def square(x: Aval, what: str) -> Axes:
    """Return the shape of a stack of square matrices of floating-point numbers."""
    matrix(x, what)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(explain(f"{what} takes square matrices.", found=f"{x!r}"))
    return x.shape


def matrix(x: Aval, what: str) -> Axes:
    """Return the shape of a stack of matrices of floating-point numbers."""
    if x.ndim < 2:
        raise ShapeError(explain(f"{what} takes matrices: arrays of at least two axes.", found=f"{x!r}"))
    if not x.is_inexact:
        raise DtypeError(explain(f"{what} takes floating-point or complex matrices.", found=f"{x!r}"))
    return x.shape


def real_dtype(dtype: Any) -> Any:
    """Return the dtype of a real part."""
    return np.finfo(dtype).dtype


def batch_of(record: Callable[[], Primitive]) -> Callable[..., Any]:
    """Return the batching rule of what works on the last two axes: the batch is one more leading axis."""

    def batch(size: int, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> Any:
        return record()(*[with_batch(size, a, b) for a, b in zip(args, batched, strict=True)], **params)

    return batch


def each(function: Callable[..., Any], x: Any, *others: Any) -> Any:
    """Apply a function of one matrix (and others) to every matrix of a stack."""
    lead = x.shape[:-2]
    if not lead:
        return function(x, *others)
    count = int(np.prod(lead))
    flat = [np.reshape(a, (count, *a.shape[len(lead) :])) for a in (x, *others)]
    if not count:
        flat = [np.zeros((1, *a.shape[1:]), a.dtype) for a in flat]
        x0 = function(*[a[0] + _eye(a) for a in flat])
        return np.zeros((*lead, *np.shape(x0)), np.asarray(x0).dtype)
    made = np.stack([function(*rows) for rows in zip(*flat, strict=True)])
    return made.reshape(*lead, *made.shape[1:])


def _eye(a: Any) -> Any:
    """Return something that a function of a matrix is defined at."""
    return np.eye(*a.shape[1:]) if a.ndim == 3 else 0


# -- transposes and products ------------------------------------------------------------------------------------------


def turned(x: Any) -> Any:
    """Return the transposed matrices."""
    n = x.ndim
    return x.builder.apply_named("transpose", x, axes=(*range(n - 2), n - 1, n - 2))


def adjoint(x: Any) -> Any:
    """Return the conjugate transposed matrices."""
    x = turned(x)
    return conj(x) if x.dtype.kind == "c" else x


def matmul(x: Any, y: Any) -> Any:
    """Return the matrix products."""
    k = x.ndim - 2
    lead = tuple(range(k))
    return dot(x, y, contract=((k + 1,), (k,)), batch=(lead, lead))


def times(number: float, x: Any) -> Any:
    """Return a multiple, as a linear equation."""
    return scaled(full_like(x, number), x)


def hermitian_part(x: Any) -> Any:
    """Return (x + xᴴ) / 2."""
    return times(0.5, x + adjoint(x))


# -- triangles and diagonals ------------------------------------------------------------------------------------------


def _positions(x: Any) -> tuple[Any, Any]:
    b = x.builder
    # Made of a constant, not of x: x may be a tangent, and which entries are taken does not depend on it.
    zero = b.full(0, x.shape, np.intp)
    return b.apply_named("iota", zero, axis=x.ndim - 2), b.apply_named("iota", zero, axis=x.ndim - 1)


def on_diagonal(x: Any) -> Any:
    """Return a boolean mask of x's shape: the diagonal."""
    row, column = _positions(x)
    return x.builder.apply_named("eq", row, column)


def below(x: Any, k: int = 0) -> Any:
    """Return a boolean mask of x's shape: the diagonal ``k`` and what lies below it."""
    row, column = _positions(x)
    return x.builder.apply_named("le", column, row + k)


def lower(x: Any, k: int = 0) -> Any:
    """Return the lower triangles (``np.tril``)."""
    return select(below(x, k), x, full_like(x, 0))


def upper(x: Any, k: int = 0) -> Any:
    """Return the upper triangles (``np.triu``)."""
    return select(below(x, k - 1), full_like(x, 0), x)


def without_diagonal(x: Any) -> Any:
    """Return the matrices with zeros on their diagonals."""
    return select(on_diagonal(x), full_like(x, 0), x)


def diagonal(x: Any) -> Any:
    """Return the diagonals, as vectors."""
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    x = part(x, k, k)
    only = select(on_diagonal(x), x, full_like(x, 0))
    return x.builder.apply_named("reduce_sum", only, axes=(x.ndim - 1,))


def along_rows(v: Any, rows: int) -> Any:
    """Return matrices whose rows are all v: entry (i, j) is v[j]."""
    lead = tuple(range(v.ndim - 1))
    return v.builder.apply_named("broadcast", v, shape=(*v.shape[:-1], rows, v.shape[-1]), axes=(*lead, v.ndim))


def along_columns(v: Any, columns: int) -> Any:
    """Return matrices whose columns are all v: entry (i, j) is v[i]."""
    return v.builder.apply_named("broadcast", v, shape=(*v.shape, columns), axes=tuple(range(v.ndim)))


def from_diagonal(v: Any) -> Any:
    """Return diagonal matrices."""
    x = along_rows(v, v.shape[-1])
    return select(on_diagonal(x), x, full_like(x, 0))


def identity(like: Any, n: int) -> Any:
    """Return identity matrices with the leading axes and dtype of others."""
    return from_diagonal(like.builder.full(1, (*like.shape[:-2], n), like.dtype))


def part(x: Any, rows: int, columns: int, first_row: int = 0, first_column: int = 0) -> Any:
    """Return a block of each matrix."""
    lead = x.shape[:-2]
    starts = (*(0,) * len(lead), first_row, first_column)
    stops = (*lead, first_row + rows, first_column + columns)
    if stops == x.shape and not any(starts):
        return x
    return x.builder.apply_named("slice", x, starts=starts, stops=stops, steps=(1,) * x.ndim)


def joined(x: Any, y: Any, axis: int) -> Any:
    """Join matrices along rows (-2) or columns (-1)."""
    return x.builder.apply_named("concatenate", x, y, axis=x.ndim + axis)


def embedded(x: Any, rows: int, columns: int, first_row: int = 0, first_column: int = 0) -> Any:
    """Return larger matrices with x as a block and zeros elsewhere."""
    lead = (0,) * (x.ndim - 2)
    low = (*lead, first_row, first_column)
    high = (*lead, rows - first_row - x.shape[-2], columns - first_column - x.shape[-1])
    return x.builder.apply_named("pad", x, low=low, high=high, interior=(0,) * x.ndim)


def as_dtype_of(x: Any, like: Any) -> Any:
    """Return real matrices in the dtype of others, which may be complex."""
    return x if x.dtype == like.dtype else convert(x, dtype=like.dtype)


def real_part(x: Any) -> Any:
    """Return the real part of something that may be real already."""
    return real(x) if x.dtype.kind == "c" else x


# -- samples ----------------------------------------------------------------------------------------------------------


def numbers(*shape: int, seed: int = 41, dtype: Any = float) -> Any:
    """Return random entries."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.uniform(-1, 1, shape)
    return x.astype(dtype)


def well_conditioned(*shape: int, seed: int = 42, dtype: Any = float) -> Any:
    """Return random matrices far from singular ones."""
    return numbers(*shape, seed=seed, dtype=dtype) + 2 * np.eye(shape[-2], shape[-1], dtype=dtype)


def positive_definite(*shape: int, seed: int = 43, dtype: Any = float) -> Any:
    """Return random Hermitian positive definite matrices."""
    x = numbers(*shape, seed=seed, dtype=dtype)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + 2 * np.eye(shape[-1])).astype(dtype)
