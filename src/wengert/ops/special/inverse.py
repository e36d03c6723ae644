"""Solutions of w exp(w) = z and w + log(w) = z, and trigonometry in degrees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

from ...core.primitive import Primitive, Sample
from ..arithmetic import mul, neg
from ..elementary import exp
from ..family import elementwise, grid
from .common import EDGES, special

# -- Lambert's W ------------------------------------------------------------------------------------------------------


def _lambertw(z: Any, k: int, tol: float) -> Any:
    return np.asarray(scipy.special.lambertw(z, k, tol)).astype(np.asarray(z).dtype)[()]


def _lambertw_samples() -> list[Sample]:
    z = np.array([0.5 + 0.2j, 2.0 - 1j, 3.0 + 0j, -1.0 + 2j])
    return [
        *[Sample((z,), {"k": k, "tol": 1e-8}) for k in (0, -1)],
        Sample((z.reshape(2, 2),), {"k": 0, "tol": 1e-8}),
        Sample((z[:0],), {"k": 0, "tol": 1e-8}),
        Sample((np.array([0.0, np.nan], complex),), {"k": 0, "tol": 1e-8}, smooth=False),
    ]


# DLMF 4.13.4: W' = 1 / (exp(W) (1 + W)), which holds at z = 0 as well.
lambertw: Primitive = elementwise(
    "lambertw",
    "branch k of Lambert's W function: W exp(W) = z",
    _lambertw,
    (lambda z, out, k, tol: exp(neg(out)) / (out + 1),),
    _lambertw_samples,
)
# DLMF 4.13: the derivative of the solution of w + log(w) = z.
wrightomega: Primitive = special(
    "wrightomega", "Wright's omega function", (lambda x, out: out / (out + 1),), grid(-3, 4, edges=EDGES)
)

# -- powers -----------------------------------------------------------------------------------------------------------

exp10: Primitive = special(
    "exp10", "10 ** x", (lambda x, out: out * math.log(10),), grid(-2, 2, edges=EDGES), lower="exp10"
)

# -- degrees ----------------------------------------------------------------------------------------------------------

_DEGREE = math.pi / 180
_ANGLES = grid(20, 80, edges=[0.0, 90.0, 180.0, math.inf, math.nan])
sindg: Primitive = special("sindg", "the sine of an angle in degrees", (lambda x, out: cosdg(x) * _DEGREE,), _ANGLES)
cosdg: Primitive = special("cosdg", "the cosine of an angle in degrees", (lambda x, out: sindg(x) * -_DEGREE,), _ANGLES)
tandg: Primitive = special(
    "tandg", "the tangent of an angle in degrees", (lambda x, out: (mul(out, out) + 1) * _DEGREE,), _ANGLES
)
cotdg: Primitive = special(
    "cotdg", "the cotangent of an angle in degrees", (lambda x, out: (mul(out, out) + 1) * -_DEGREE,), _ANGLES
)
