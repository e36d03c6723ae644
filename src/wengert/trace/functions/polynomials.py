"""Convolution of sequences, and polynomials by their coefficients, highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops import convolution
from ..dispatch import implements
from ..force import observe
from .arrays import array
from .common import as_dtype, operand_aval, together, traced
from .reductions import common_dtype

# -- convolution ------------------------------------------------------------------------------------------------------


def _mode(mode: Any) -> str:
    names = {0: "valid", 1: "same", 2: "full"}
    found = names.get(mode, mode)
    if found not in names.values():
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})\n  at:    {user_line()}")
    return str(found)


def _sequences(a: Any, v: Any) -> list[Any]:
    dtype = common_dtype([operand_aval(a) if np.ndim(a) else array(a), operand_aval(v) if np.ndim(v) else array(v)])
    xs = [as_dtype(np.atleast_1d(x), dtype) for x in together(a, v)]
    for x, name in zip(xs, "av", strict=True):
        if x.shape[0] == 0:
            raise ValueError(f"{name} cannot be empty\n  at:    {user_line()}")
        if x.ndim != 1:
            raise ValueError(f"object too deep for desired array\n  at:    {user_line()}")
    return xs


def _slide(x: Any, w: Any, mode: str) -> Any:
    """Return the sums of products of w and the part of x under it; w is not longer than x."""
    m = w.shape[0]
    low, high = {"full": (m - 1, m - 1), "same": (m // 2, m - m // 2 - 1), "valid": (0, 0)}[mode]
    out = convolution.conv(
        np.reshape(x, (1, 1, 1, -1)),
        np.reshape(w, (1, 1, 1, -1)),
        stride=(1,),
        low=(low,),
        high=(high,),
        dilation=(1,),
        input_dilation=(1,),
    )
    return np.reshape(out, -1)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    x, w = _sequences(a, v)
    if w.shape[0] > x.shape[0]:
        x, w = w, x
    return _slide(x, w[::-1], _mode(mode))


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    x, w = _sequences(a, v)
    w = np.conj(w) if w.dtype.kind == "c" else w
    if w.shape[0] > x.shape[0]:
        return _slide(w, x, _mode(mode))[::-1]
    return _slide(x, w, _mode(mode))


# -- polynomials ------------------------------------------------------------------------------------------------------


def _coefficients(p: Any) -> Any:
    return np.atleast_1d(array(p))


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    p, x = array(p), array(x)
    y: Any = np.zeros(x.shape, x.dtype)
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Return coefficients of equal length: the higher ones of the shorter polynomial are 0."""
    a, b = _coefficients(a1), _coefficients(a2)
    n = max(a.shape[0], b.shape[0])

    def widen(p: Any) -> Any:
        return np.concatenate([np.zeros(n - p.shape[0], p.dtype), p]) if p.shape[0] < n else p

    return widen(a), widen(b)


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    a, b = _aligned(a1, a2)
    return a + b


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    a, b = _aligned(a1, a2)
    return a - b


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(*together(a1, a2))


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    u, v = (_coefficients(p) * 1.0 for p in (u, v))
    m, n = u.shape[0] - 1, v.shape[0] - 1
    scale = 1.0 / v[0]
    quotient: list[Any] = []
    rest: Any = u
    for k in range(max(m - n + 1, 0)):
        factor = scale * rest[k]
        quotient.append(factor)
        rest = np.concatenate([rest[:k], rest[k : k + n + 1] - factor * v, rest[k + n + 1 :]])
    found = np.stack(quotient) if quotient else np.zeros(1, rest.dtype)
    # Leading coefficients that came out as zero are no part of the remainder: the program sees how many there are.
    zeros = observe(traced(rest), "polydiv", _leading_zeros)
    return found, rest[zeros:]


def _leading_zeros(rest: Any) -> int:
    count = 0
    while count < len(rest) - 1 and np.allclose(rest[count], 0, rtol=1e-14):
        count += 1
    return count


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ValueError(f"Order of derivative must be positive (see polyint)\n  at:    {user_line()}")
    p = array(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    if m < 0:
        raise ValueError(f"Order of integral must be positive (see polyder)\n  at:    {user_line()}")
    constants = np.zeros(m) if k is None else np.atleast_1d(array(k))
    if constants.shape[0] == 1 and m > 1:
        constants = constants[0] * np.ones(m)
    if constants.shape[0] < m:
        raise ValueError(f"k must be a scalar or a rank-1 array of length 1 or >m.\n  at:    {user_line()}")
    p = array(p)
    for i in range(int(m)):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), constants[i : i + 1]])
    return p


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = traced(x)
    if x.ndim != 1:
        raise ValueError(f"x must be a one-dimensional array or sequence.\n  at:    {user_line()}")
    n = x.shape[0] if N is None else int(N)
    x = as_dtype(x, np.promote_types(x.dtype, int))
    columns = [np.ones(x.shape, x.dtype)][:n]
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    if not columns:
        return np.empty((x.shape[0], 0), x.dtype)
    return np.stack([traced(c, x) for c in (columns if increasing else columns[::-1])], axis=1)


@implements(np.roots)
def roots(p: Any) -> Any:
    c: Any = np.atleast_1d(traced(p))
    if c.ndim != 1:
        raise ValueError(f"Input must be a rank-1 array.\n  at:    {user_line()}")
    # Zero coefficients at the ends change the number of roots to compute: the program sees where they are.
    filled = observe(c, "roots", lambda value: tuple(int(i) for i in np.flatnonzero(value)))
    if not filled:
        return np.empty(0)
    at_zero = c.shape[0] - filled[-1] - 1
    c = c[filled[0] : filled[-1] + 1]
    c = c if c.dtype.kind in "fc" else as_dtype(c, np.dtype(float))
    n = c.shape[0] - 1
    if n == 0:
        return np.zeros(at_zero, c.dtype)
    first = np.reshape(-c[1:] / c[0], (1, n))
    companion = np.concatenate([first, np.eye(n - 1, n, dtype=c.dtype)])
    found = np.linalg.eigvals(companion)
    return np.concatenate([found, np.zeros(at_zero, found.dtype)]) if at_zero else found


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    zeros: Any = np.atleast_1d(traced(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError(f"input must be 1d or non-empty square 2d array.\n  at:    {user_line()}")
    elif zeros.dtype.kind not in "fc":
        zeros = as_dtype(zeros, np.dtype(float))
    a: Any = np.ones(1, zeros.dtype)
    for k in range(zeros.shape[0]):
        step = np.stack([traced(np.ones((), zeros.dtype), zeros), -zeros[k]])
        a = np.convolve(a, step)
    if zeros.dtype.kind != "c":
        return a
    # NumPy drops the imaginary parts where all zeros come in conjugate pairs: the program sees whether they do.
    in_pairs = observe(zeros, "poly", lambda z: bool(np.all(np.sort(z) == np.sort(np.conj(z)))))
    return np.real(a) if in_pairs else a


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    order = int(deg) + 1
    if deg < 0:
        raise ValueError(f"expected deg >= 0\n  at:    {user_line()}")
    x, y = (v if v.dtype.kind in "fc" else as_dtype(v, np.dtype(float)) for v in together(x, y))
    if x.ndim != 1 or x.size == 0:
        raise TypeError(f"expected {'non-empty' if x.ndim == 1 else '1D'} vector for x\n  at:    {user_line()}")
    if y.ndim not in (1, 2):
        raise TypeError(f"expected 1D or 2D array for y\n  at:    {user_line()}")
    if x.shape[0] != y.shape[0]:
        raise TypeError(f"expected x and y to have same length\n  at:    {user_line()}")
    rcond = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = np.vander(x, order), y
    if w is not None:
        weights = array(w) * 1.0
        left, right = left * weights[:, None], right * (weights[:, None] if right.ndim == 2 else weights)
    # Columns of equal length: the scales are divided out again below.
    scale = np.sqrt(np.sum(left * left, axis=0))
    scale = np.where(scale == 0, 1, scale)
    left = left / scale
    c, residuals, rank, s = np.linalg.lstsq(left, right, rcond)
    c = (c.T / scale).T
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    base = np.linalg.inv(left.T @ left) / np.outer(scale, scale)
    if cov == "unscaled":
        return c, base
    if x.shape[0] <= order:
        raise ValueError(
            f"the number of data points must exceed order to scale the covariance matrix\n  at:    {user_line()}"
        )
    factor = residuals / (x.shape[0] - order)
    return c, base * factor if y.ndim == 1 else base[:, :, None] * factor
