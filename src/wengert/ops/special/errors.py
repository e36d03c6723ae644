"""The error function, the normal distribution and the Fresnel integrals.  DLMF 7."""

from __future__ import annotations

import math
from typing import Any

from ...core.primitive import Primitive
from ..arithmetic import mul, neg, reciprocal
from ..compare import gt, select
from ..elementary import absolute, cos, exp, sin
from ..family import grid, pairs
from .common import EDGES, constant, several, special

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)
_REAL = grid(-3, 3, edges=[*EDGES, 30.0, -30.0])
_INSIDE = grid(-0.9, 0.9, edges=EDGES)


def _bell(x: Any) -> Any:
    """Return exp(-x ** 2)."""
    return exp(neg(mul(x, x)))


def _tail(x: Any, sign: float) -> Any:
    """Return 1/x**2 + 3 s/(2 x**4) + 15/(4 x**6) + ... : what is left of 1 when the leading terms cancel far from 0."""
    u = reciprocal(mul(x, x))
    series = constant(x, 1)
    for k in range(8, 0, -1):
        series = 1 + mul(u * (sign * (2 * k + 1) / 2), series)
    return mul(u, series)


def _far(x: Any, near: Any, far: Any) -> Any:
    return select(gt(absolute(x), constant(x, 20)), far, near)


# -- error functions --------------------------------------------------------------------------------------------------

# DLMF 7.2.1
erf: Primitive = special(
    "erf", "the error function", (lambda x, out: _bell(x) * _TWO_OVER_ROOT_PI,), _REAL, lower="erf"
)
erfc: Primitive = special("erfc", "1 - erf(x)", (lambda x, out: _bell(x) * -_TWO_OVER_ROOT_PI,), _REAL, lower="erfc")


def _erfcx_slope(x: Any, out: Any) -> Any:
    # DLMF 7.10.1: 2 x erfcx(x) - 2 / sqrt(pi), two terms that cancel for large x; from 7.12.1 on from 20.
    near = mul(out, x + x) - _TWO_OVER_ROOT_PI
    return select(gt(x, constant(x, 20)), _tail(x, -1.0) * (-_TWO_OVER_ROOT_PI / 2), near)


erfcx: Primitive = special("erfcx", "exp(x ** 2) erfc(x)", (_erfcx_slope,), grid(-2, 5, edges=[*EDGES, 30.0, -20.0]))
erfi: Primitive = special(
    "erfi", "-i erf(i x)", (lambda x, out: exp(mul(x, x)) * _TWO_OVER_ROOT_PI,), grid(-2, 2, edges=EDGES)
)
# DLMF 7.5.1 and 7.10.1; far out 1 - 2 x D(x) is the series in 1 / x ** 2.
dawsn: Primitive = special(
    "dawsn",
    "Dawson's integral exp(-x ** 2) int_0^x exp(t ** 2) dt",
    (lambda x, out: _far(x, 1 - mul(out, x + x), _tail(x, 1.0) * -0.5),),
    _REAL,
)
erfinv: Primitive = special(
    "erfinv", "the inverse of erf", (lambda x, out: exp(mul(out, out)) * (1 / _TWO_OVER_ROOT_PI),), _INSIDE
)
erfcinv: Primitive = special(
    "erfcinv",
    "the inverse of erfc",
    (lambda x, out: exp(mul(out, out)) * (-1 / _TWO_OVER_ROOT_PI),),
    grid(0.1, 1.9, edges=EDGES),
)

# -- the normal distribution ------------------------------------------------------------------------------------------

_HALF = math.sqrt(0.5)


def _normal_density(x: Any) -> Any:
    return exp(mul(x, x) * -0.5) * (1 / _ROOT_TWO_PI)


ndtr: Primitive = special("ndtr", "the normal distribution function", (lambda x, out: _normal_density(x),), _REAL)
# density / distribution = sqrt(2 / pi) / erfcx(-x / sqrt(2)), in which nothing underflows in the left tail.
log_ndtr: Primitive = special(
    "log_ndtr",
    "the logarithm of the normal distribution function",
    (lambda x, out: reciprocal(erfcx(x * -_HALF)) * math.sqrt(2 / math.pi),),
    _REAL,
)
ndtri: Primitive = special(
    "ndtri",
    "the inverse of ndtr",
    (lambda y, out: exp(mul(out, out) * 0.5) * _ROOT_TWO_PI,),
    grid(0.1, 0.9, edges=EDGES),
)
ndtri_exp: Primitive = special(
    "ndtri_exp",
    "the inverse of log_ndtr",
    (lambda y, out: exp(mul(out, out) * 0.5 + y) * _ROOT_TWO_PI,),
    grid(-4, -0.2, edges=EDGES),
)
# D. B. Owen, "Tables for computing bivariate normal probabilities", 1956.
owens_t: Primitive = special(
    "owens_t",
    "Owen's T function",
    (
        lambda h, a, out: mul(_normal_density(h), erf(mul(a, h) * _HALF)) * -0.5,
        lambda h, a, out: exp(mul(mul(h, h), mul(a, a) + 1) * -0.5) / ((mul(a, a) + 1) * (2 * math.pi)),
    ),
    pairs((-2, -2), (2, 2), [(0.0, 0.0), (math.inf, 1.0), (math.nan, 1.0)]),
)

# -- Fresnel integrals ------------------------------------------------------------------------------------------------


def _fresnel_slopes(x: Any, outs: Any) -> Any:
    angle = mul(x, x) * (math.pi / 2)  # DLMF 7.2.7 and 7.2.8
    return sin(angle), cos(angle)


fresnel: Primitive = several("fresnel", "the Fresnel integrals S and C", _fresnel_slopes, 2, grid(-2, 2, edges=EDGES))
