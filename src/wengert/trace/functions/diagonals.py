"""Diagonals and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import shape
from ..dispatch import implements
from .arrays import array
from .common import Axes, normalize_axes, traced
from .shaping import ReadOnly, view


class Diagonal(ReadOnly):
    """A view of a diagonal of each matrix, read-only as NumPy's is."""

    def __init__(self, order: Axes, start: int, count: int) -> None:
        self.order = order
        self.start = start
        self.count = count

    def read(self, base: Any) -> Any:
        x = shape.transpose(base, axes=self.order)
        rest, (_, n) = x.shape[:-2], x.shape[-2:]
        # On rows laid end to end, a diagonal is every (n + 1)-th entry.
        flat = shape.reshape(x, shape=(*rest, x.shape[-2] * n))
        return flat[..., self.start : self.start + self.count * (n + 1) : n + 1]

    def strides(self, old: Axes, strides: Axes) -> Axes:
        *rest, i, j = (strides[a] for a in self.order)
        return (*rest, i + j)


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    x = traced(a)
    if x.ndim < 2:
        raise ValueError(f"diag requires an array of at least two dimensions\n  at:    {user_line()}")
    i, j = normalize_axes((axis1, axis2), x.ndim)
    m, n = x.shape[i], x.shape[j]
    count = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    start = max(offset, 0) - min(offset, 0) * n if count else 0
    return view(x, Diagonal((*(k for k in range(x.ndim) if k not in (i, j)), i, j), start, count))


@implements(np.linalg.diagonal)
def matrix_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    x = array(v)
    if x.ndim == 2:
        return np.diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"Input must be 1- or 2-d.\n  at:    {user_line()}")
    n = x.shape[0] + abs(k)
    if not x.size:
        return np.zeros((n, n), x.dtype)
    start = max(k, 0) - min(k, 0) * n
    rest = n * n - start - (x.shape[0] - 1) * (n + 1) - 1
    return np.copy(np.reshape(shape.pad(traced(x), low=(start,), high=(rest,), interior=(n,)), (n, n)))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(np.ravel(array(v)), k)


def _lower(shape: Axes, k: int) -> Any:
    """Return where a matrix lies below a diagonal; a vector counts as the rows of a square one, as in NumPy."""
    rows, columns = shape[-2:] if len(shape) > 1 else (shape[0], shape[0])
    return np.tri(rows, columns, k, dtype=bool)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    x = array(m)
    return np.where(_lower(x.shape, k), x, np.zeros(1, x.dtype))


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    x = array(m)
    return np.where(_lower(x.shape, k - 1), np.zeros(1, x.dtype), x)


def _indices_of(function: Any, make: Any) -> None:
    @implements(function)
    def indices_from(arr: Any, k: int = 0) -> Any:
        if arr.ndim != 2:
            raise ValueError(f"input array must be 2-d\n  at:    {user_line()}")
        return make(arr.shape[-2], k=k, m=arr.shape[-1])


_indices_of(np.tril_indices_from, np.tril_indices)
_indices_of(np.triu_indices_from, np.triu_indices)


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    if arr.ndim < 2 or len(set(arr.shape)) != 1:
        raise ValueError(f"All dimensions of input must be of equal length\n  at:    {user_line()}")
    return np.diag_indices(arr.shape[0], arr.ndim)
