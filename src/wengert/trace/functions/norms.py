"""numpy.linalg: norms, condition numbers, ranks, products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops.linalg import matrices as mat
from ..dispatch import implements
from .common import as_dtype, kept, normalize_axes, traced
from .linalg import eigh as eigh_of
from .linalg import inv, matrices, mirrored, refuse, square, stacked, svdvals


def _inexact(x: Any) -> Any:
    x = traced(x)
    return x if x.dtype.kind in "fc" else as_dtype(x, np.dtype(float))


def _euclidean(x: Any, axes: Any, keepdims: bool) -> Any:
    # The square root of a sum of squares, whose derivative at zero is zero (the rule of ``scale``).
    squares = x * x if x.dtype.kind != "c" else np.square(x.real) + np.square(x.imag)
    return np.sqrt(np.sum(squares, axis=axes, keepdims=keepdims))


def _vector(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return _euclidean(x, axis, keepdims)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(mat.real_dtype(x.dtype)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors\n  at:    {user_line()}")
    return np.power(np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims), 1 / ord)


def _matrix(x: Any, ord: Any, axes: Sequence[int], keepdims: bool) -> Any:
    row, column = axes
    if ord in (None, "fro", "f"):
        return _euclidean(x, (row, column), keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        summed, left = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        result = (np.max if ord > 0 else np.min)(sums, axis=left, keepdims=True)
    elif ord in (2, -2, "nuc"):
        s = svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        result = np.sum(s, axis=-1) if ord == "nuc" else (np.max if ord > 0 else np.min)(s, axis=-1)
        return kept(result, x.shape, (row, column), keepdims)
    else:
        raise ValueError(f"Invalid norm order for matrices.\n  at:    {user_line()}")
    return result if keepdims else np.squeeze(result, axis=(row, column))


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _inexact(x)
    axes = normalize_axes(axis, x.ndim)
    if axis is None and ord is None:
        return kept(_euclidean(np.ravel(x), None, False), x.shape, axes, keepdims)
    if len(axes) == 1:
        return _vector(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        if axis is not None and axes[0] == axes[1]:
            raise ValueError(f"Duplicate axes given.\n  at:    {user_line()}")
        return _matrix(x, ord, axes, keepdims)
    raise ValueError(f"Improper number of dimensions to norm.\n  at:    {user_line()}")


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = _inexact(x)
    axes = normalize_axes(axis, x.ndim)
    rest = tuple(a for a in range(x.ndim) if a not in axes)
    turned = np.transpose(x, (*axes, *rest))
    flat = np.reshape(turned, (-1, *(x.shape[a] for a in rest))) if len(axes) != 1 else turned
    return kept(_vector(flat, ord, 0, False), x.shape, axes, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    x = _inexact(x)
    if x.ndim < 2:
        raise ValueError(f"matrix_norm takes arrays of at least two axes, not {x.shape}\n  at:    {user_line()}")
    return _matrix(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    x = stacked(x)
    if not x.size:
        raise refuse("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(square(x), p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """Constant almost everywhere, so that no derivative flows through it."""
    x = _inexact(A)
    if tol is not None and rtol is not None:
        raise ValueError(f"`tol` and `rtol` can't be both set.\n  at:    {user_line()}")
    if x.ndim < 2:
        return np.any(x != 0).astype(int)
    s = np.abs(eigh_of(mirrored(x, True))[0]) if hermitian else svdvals(x)
    if tol is None:
        relative = max(x.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else np.asarray(rtol)[..., None]
        limit = np.max(s, axis=-1, keepdims=True) * relative
    else:
        limit = np.asarray(tol)[..., None]
    return np.sum(s > limit, axis=-1)


# -- products under names of numpy.linalg ------------------------------------------------------------------------------


@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@implements(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes)


@implements(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.vecdot(x1, x2, axis=axis)  # type: ignore[call-overload]


@implements(np.linalg.outer)
def outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"Input arrays must be one-dimensional, but they are {np.ndim(x1)} and {np.ndim(x2)}.\n"
            f"  at:    {user_line()}"
        )
    return np.outer(x1, x2)


@implements(np.linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(
            f"Both input arrays must be (arrays of) 3-dimensional vectors: {np.shape(x1)} and {np.shape(x2)}\n"
            f"  at:    {user_line()}"
        )
    return np.cross(x1, x2, axis=axis)


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    factors = matrices(*arrays)
    if len(factors) < 2:
        raise ValueError(f"Expecting at least two arrays.\n  at:    {user_line()}")
    first_is_vector, last_is_vector = factors[0].ndim == 1, factors[-1].ndim == 1
    if first_is_vector:
        factors[0] = factors[0][None, :]
    if last_is_vector:
        factors[-1] = factors[-1][:, None]
    if any(x.ndim != 2 for x in factors):
        raise refuse(f"multi_dot takes matrices, and vectors at its ends: {', '.join(str(x.shape) for x in factors)}")
    result = _chain(factors, _splits([x.shape[0] for x in factors] + [factors[-1].shape[1]]), 0, len(factors) - 1)
    if first_is_vector:
        result = result[0]
    if last_is_vector:
        result = result[..., 0]
    if out is not None:
        out[...] = result
        return out
    return result


def _splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return where to split each product so that the fewest multiplications are needed (dynamic programming)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    best: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            best[i, j] = min(choices, key=choices.__getitem__)
            cost[i, j] = choices[best[i, j]]
    return best


def _chain(factors: Sequence[Any], best: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return factors[i]
    k = best[i, j]
    return np.matmul(_chain(factors, best, i, k), _chain(factors, best, k + 1, j))
