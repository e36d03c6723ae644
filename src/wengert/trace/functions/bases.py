"""``numpy.polynomial``: values, Vandermonde matrices and fits in the six bases, by their three-term recurrences.

Source of the recurrences: M. Abramowitz, I. A. Stegun, "Handbook of mathematical functions", table 22.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ..libraries import stands_for
from .arrays import array
from .common import as_dtype

Step = Callable[[int, Any, Any, Any], Any]

_NEXT: Final[dict[str, tuple[str, Step]]] = {
    "polynomial": ("poly", lambda k, x, b, a: x * b),
    "chebyshev": ("cheb", lambda k, x, b, a: x * b if k == 0 else 2 * x * b - a),
    "legendre": ("leg", lambda k, x, b, a: ((2 * k + 1) * x * b - k * a) / (k + 1)),
    "hermite": ("herm", lambda k, x, b, a: 2 * x * b - 2 * k * a),
    "hermite_e": ("herme", lambda k, x, b, a: x * b - k * a),
    "laguerre": ("lag", lambda k, x, b, a: ((2 * k + 1 - x) * b - k * a) / (k + 1)),
}
"""Module -> prefix of its functions, and polynomial k + 1 from x and polynomials k and k - 1."""


def _basis(x: Any, n: int, step: Step) -> list[Any]:
    """Return the first n polynomials of a basis at x."""
    before, now = 0.0, np.ones(x.shape, x.dtype) + 0 * x
    found = [now]
    for k in range(n - 1):
        before, now = now, step(k, x, now, before)
        found.append(now)
    return found[:n]


def _floating(x: Any) -> Any:
    x = array(x)
    return x if x.dtype.kind in "fc" else as_dtype(x, np.dtype(float))


def _enter(module: str, prefix: str, step: Step) -> None:
    @stands_for(f"numpy.polynomial.{module}", f"{prefix}val")
    def val(x: Any, c: Any, tensor: bool = True) -> Any:
        x, c = _floating(x), _floating(c)
        c = np.reshape(c, (1,)) if c.ndim == 0 else c
        if tensor:
            c = np.reshape(c, c.shape + (1,) * x.ndim)
        return sum(c[k] * b for k, b in enumerate(_basis(x, c.shape[0], step)))

    @stands_for(f"numpy.polynomial.{module}", f"{prefix}vander")
    def vander(x: Any, deg: int) -> Any:
        if deg < 0:
            raise ValueError(f"deg must be non-negative\n  at:    {user_line()}")
        x = np.atleast_1d(_floating(x))
        return np.stack(_basis(x, deg + 1, step), axis=-1)

    @stands_for(f"numpy.polynomial.{module}", f"{prefix}fit")
    def fit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None) -> Any:
        x, y = _floating(x), _floating(y)
        degrees = list(range(deg + 1)) if np.ndim(deg) == 0 else sorted(int(d) for d in deg)
        left, right = vander(x, degrees[-1])[:, degrees], y
        if w is not None:
            weights = _floating(w)
            left, right = left * weights[:, None], (right.T * weights).T
        rcond = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
        size = np.sqrt(np.sum(np.square(np.abs(left)), axis=0))
        size = np.where(size == 0, 1, size)
        c, residuals, rank, s = np.linalg.lstsq(left / size, right, rcond)
        c = (c.T / size).T
        if len(degrees) <= degrees[-1]:
            rows = {d: c[k] for k, d in enumerate(degrees)}
            c = np.stack([rows.get(k, 0 * c[0]) for k in range(degrees[-1] + 1)])
        return (c, [residuals, rank, s, rcond]) if full else c


for _module, (_prefix, _step) in _NEXT.items():
    _enter(_module, _prefix, _step)
