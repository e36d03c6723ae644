"""The cardinal sine and all of its derivatives.

With S(y) = sin(y) / y and y = pi x, differentiating y S(y) = sin(y) n times gives

    y S⁽ⁿ⁾(y) + n S⁽ⁿ⁻¹⁾(y) = sin(y + n pi / 2).

Solved for S⁽ⁿ⁾ this loses all digits near 0; there the power series of S, differentiated term by term, is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.aval import aval
from ..core.primitive import Primitive, Sample
from .arithmetic import complex_samples
from .family import elementwise, grid


def _series(y: Any, n: int) -> Any:
    """S⁽ⁿ⁾ as the sum over k of (-1)ᵏ y²ᵏ⁻ⁿ / ((2k + 1) (2k - n)!)."""
    total = np.zeros_like(y)
    for k in range(n // 2 + 20 + n, (n + 1) // 2 - 1, -1):
        coefficient = (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - n))
        total = total + coefficient * y ** (2 * k - n)
    return total


def _sinc(x: Any, n: int) -> Any:
    if n == 0:
        return np.sinc(x)
    y = np.pi * np.asarray(x)
    near = np.abs(y) <= n + 1
    close, far = np.where(near, y, 0), np.where(near, 1, y)
    value = np.sin(far) / far
    for k in range(1, n + 1):
        value = (np.sin(far + k * (np.pi / 2)) - k * value) / far
    return (np.pi**n * np.where(near, _series(close, n), value)).astype(y.dtype)[()]


sinc: Primitive = elementwise(
    "sinc",
    "the n-th derivative of sin(pi x) / (pi x), which is 1 at 0",
    _sinc,
    (lambda x, out, n: sinc(x, n=n + 1),),
    lambda: [
        *[Sample(s.args, {"n": n}, s.smooth) for n in (0, 1, 2) for s in grid(-2.2, 2.6, edges=[0.0, np.nan])()],
        Sample((np.array([0.0, 0.01, 0.3]),), {"n": 0}),
        *[Sample((np.array([0.0, 1e-8, -1e-4, 0.01, 0.3]),), {"n": n}) for n in (1, 2, 3)],
        *[Sample(s.args, {"n": 0}) for s in complex_samples(1)],
    ],
    infer=lambda x, n: aval(x.shape, x.dtype),
)
