"""Gamma and its relatives: logarithm, slopes, beta function, binomials, incomplete integrals.  DLMF 5, 8."""

from __future__ import annotations

import math
from typing import Any

from ...core.primitive import Primitive
from ..arithmetic import mul, neg, scale
from ..compare import eq, floor, le, logical_and, logical_not, lt, select
from ..elementary import cos, exp, sin
from ..family import grid, pairs, zero_jvp
from .common import EDGES, constant, like, ordered, orders_and, special
from .entropy import xlog1py, xlogy

_POSITIVE = grid(0.3, 6, edges=[*EDGES, 0.5, -0.5, -2.0])

# -- gamma and its logarithm ------------------------------------------------------------------------------------------

# DLMF 5.2.2: digamma = gamma' / gamma.
gamma: Primitive = special("gamma", "the gamma function", (lambda x, out: mul(out, digamma(x)),), _POSITIVE)
gammaln: Primitive = special(
    "gammaln", "the logarithm of the absolute value of gamma", (lambda x, out: digamma(x),), _POSITIVE, lower="lgamma"
)
loggamma: Primitive = special("loggamma", "the principal branch of log gamma", (lambda x, out: digamma(x),), _POSITIVE)
# DLMF 5.15.1: the derivatives of digamma are sums of inverse powers, that is Hurwitz zeta functions.
digamma: Primitive = special(
    "digamma",
    "the logarithmic derivative of gamma",
    (lambda x, out: zeta(constant(x, 2), x),),
    _POSITIVE,
    lower="digamma",
)
# DLMF 25.11.17
zeta: Primitive = ordered(
    "zeta",
    "the Hurwitz zeta function: the sum of (q + n) ** -s",
    lambda s, q, out: neg(mul(like(s, q), zeta(s + 1, q))),
    orders_and([[2, 3, 4, 2, 3, 5]], 0.4, 5),
)
gammasgn: Primitive = special(
    "gammasgn", "the sign of gamma", None, _POSITIVE, jvp=zero_jvp, label="gradient stop",
    explanation="hands the gradient to nobody: its output is constant almost everywhere",
)  # fmt: skip


def _rgamma_slope(x: Any, out: Any) -> Any:
    # At 0, -1, -2 ... digamma has a pole and 1/gamma a zero.  The derivative of the reflection formula (DLMF 5.5.3),
    # 1/gamma(x) = sin(pi x) gamma(1 - x) / pi, has neither.
    angle = x * math.pi
    mirrored = mul(gamma(1 - x), cos(angle) - mul(sin(angle), digamma(1 - x)) / math.pi)
    return select(lt(x, constant(x, 0.5)), mirrored, neg(mul(out, digamma(x))))


rgamma: Primitive = special(
    "rgamma", "1 / gamma", (_rgamma_slope,), lambda: [*grid(0.3, 6, edges=EDGES)(), *grid(-2, 1)()[:1]]
)

# -- beta and binomials -----------------------------------------------------------------------------------------------

_TWO = pairs((0.4, 0.4), (4, 4), [(0.0, 1.0), (1.0, 0.0), (math.inf, 1.0), (math.nan, 1.0)])


def _is_pole(x: Any) -> Any:
    """Say where x is one of 0, -1, -2 ..."""
    return logical_and(le(x, constant(x, 0)), eq(x, floor(x)))


def _difference(p: Any, q: Any) -> Any:
    """Return digamma(p) - digamma(q); where both have a pole, the poles cancel (by reflection, DLMF 5.5.4)."""
    both = logical_and(_is_pole(p), _is_pole(q))
    return select(both, digamma(1 - p) - digamma(1 - q), digamma(p) - digamma(q))


beta: Primitive = special(
    "beta",
    "the beta function gamma(a) gamma(b) / gamma(a + b)",
    (lambda a, b, out: mul(out, _difference(a, a + b)), lambda a, b, out: mul(out, _difference(b, a + b))),
    _TWO,
    commutes=True,
)
betaln: Primitive = special(
    "betaln",
    "the logarithm of the absolute value of the beta function",
    (lambda a, b, out: _difference(a, a + b), lambda a, b, out: _difference(b, a + b)),
    _TWO,
    commutes=True,
)


def _r_slope(x: Any) -> Any:
    """Return the slope of 1 / gamma."""
    return _rgamma_slope(x, rgamma(x))


def _poch_by_x(x: Any, m: Any, out: Any) -> Any:
    # gamma(x + m) r(x) with r = 1 / gamma: where r alone has a zero, digamma has a pole, and the slope
    # of r itself is used.
    top = x + m
    alone = logical_and(_is_pole(x), logical_not(_is_pole(top)))
    return select(alone, mul(out, digamma(top)) + mul(gamma(top), _r_slope(x)), scale(out, _difference(top, x)))


poch: Primitive = special(
    "poch",
    "Pochhammer's symbol gamma(x + m) / gamma(x)",
    (_poch_by_x, lambda x, m, out: scale(out, digamma(x + m))),
    _TWO,
)


# In the same way the binomial coefficient is gamma(n + 1) r(k + 1) r(n - k + 1).


def _binom_by_n(n: Any, k: Any, out: Any) -> Any:
    rest = n - k + 1
    at_zero = mul(out, digamma(n + 1)) + mul(mul(gamma(n + 1), rgamma(k + 1)), _r_slope(rest))
    return select(_is_pole(rest), at_zero, scale(out, _difference(n + 1, rest)))


def _binom_by_k(n: Any, k: Any, out: Any) -> Any:
    rest, top = n - k + 1, gamma(n + 1)
    at_rest = neg(mul(out, digamma(k + 1)) + mul(mul(top, rgamma(k + 1)), _r_slope(rest)))
    at_k = mul(out, digamma(rest)) + mul(mul(top, rgamma(rest)), _r_slope(k + 1))
    usual = scale(out, _difference(rest, k + 1))
    return select(_is_pole(rest), at_rest, select(_is_pole(k + 1), at_k, usual))


binom: Primitive = special(
    "binom",
    "the binomial coefficient",
    (_binom_by_n, _binom_by_k),
    pairs((4, 0.2), (7, 3.5), [(5.0, 0.0), (5.0, 5.0), (3.0, 2.0), (math.nan, 1.0)]),
)

# -- incomplete integrals ---------------------------------------------------------------------------------------------


def gamma_density(a: Any, x: Any) -> Any:
    """Return x ** (a - 1) exp(-x) / gamma(a)."""
    a = like(a, x)
    return exp(xlogy(a - 1, x) - x - gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x ** (a - 1) (1 - x) ** (b - 1) / B(a, b)."""
    a, b = like(a, x), like(b, x)
    return exp(xlogy(a - 1, x) + xlog1py(b - 1, neg(x)) - betaln(a, b))


_SHAPES = [[1, 2, 3, 4, 2, 3]]
_SHAPE_PAIRS = [[1, 2, 3, 4, 2, 3], [2, 3, 1, 2, 4, 2]]
_AXIS = (0.0, 1.0, math.inf, math.nan)
_UNIT = (0.0, 0.5, 1.0, math.nan)

# DLMF 8.8.13
gammainc: Primitive = ordered(
    "gammainc",
    "the regularised lower incomplete gamma function",
    lambda a, x, out: gamma_density(a, x),
    orders_and(_SHAPES, 0.2, 5, _AXIS),
)
gammaincc: Primitive = ordered(
    "gammaincc",
    "the regularised upper incomplete gamma function",
    lambda a, x, out: neg(gamma_density(a, x)),
    orders_and(_SHAPES, 0.2, 5, _AXIS),
)
gammaincinv: Primitive = ordered(
    "gammaincinv",
    "the inverse of gammainc",
    lambda a, y, out: 1 / gamma_density(a, out),
    orders_and(_SHAPES, 0.1, 0.9, _UNIT),
)
gammainccinv: Primitive = ordered(
    "gammainccinv",
    "the inverse of gammaincc",
    lambda a, y, out: -1 / gamma_density(a, out),
    orders_and(_SHAPES, 0.1, 0.9, _UNIT),
)
# DLMF 8.17.1 and 8.17.2
betainc: Primitive = ordered(
    "betainc",
    "the regularised incomplete beta function",
    lambda a, b, x, out: beta_density(a, b, x),
    orders_and(_SHAPE_PAIRS, 0.1, 0.9, _UNIT),
    orders=2,
)
betaincc: Primitive = ordered(
    "betaincc",
    "1 - betainc",
    lambda a, b, x, out: neg(beta_density(a, b, x)),
    orders_and(_SHAPE_PAIRS, 0.1, 0.9, _UNIT),
    orders=2,
)
betaincinv: Primitive = ordered(
    "betaincinv",
    "the inverse of betainc",
    lambda a, b, y, out: 1 / beta_density(a, b, out),
    orders_and(_SHAPE_PAIRS, 0.1, 0.9, _UNIT),
    orders=2,
)
betainccinv: Primitive = ordered(
    "betainccinv",
    "the inverse of betaincc",
    lambda a, b, y, out: -1 / beta_density(a, b, out),
    orders_and(_SHAPE_PAIRS, 0.1, 0.9, _UNIT),
    orders=2,
)
