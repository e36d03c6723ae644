"""Logistic functions, entropies and losses: written so that nothing overflows and 0 log 0 is 0."""

from __future__ import annotations

import math
from typing import Any

from ...core.primitive import Primitive
from ..arithmetic import mul, neg, reciprocal, scale
from ..compare import eq, gt, le, logical_and, lt, minimum, select, sign
from ..elementary import absolute, exp, hypot, log, log1p
from ..family import grid, pairs
from .common import EDGES, constant, special
from .integrals import hyp1f1, hyp2f1

inf, nan = math.inf, math.nan

# -- logistic ---------------------------------------------------------------------------------------------------------

# expit(-x) rather than 1 - out, which is 0 long before the derivative is.
expit: Primitive = special(
    "expit",
    "the logistic function 1 / (1 + exp(-x))",
    (lambda x, out: mul(out, expit(neg(x))),),
    grid(-4, 4, edges=EDGES),
    lower="sigmoid",
)
logit: Primitive = special(
    "logit",
    "the inverse of the logistic function, log(x / (1 - x))",
    (lambda x, out: reciprocal(mul(x, 1 - x)),),
    grid(0.1, 0.9, edges=EDGES),
    lower="logit",
)
log_expit: Primitive = special(
    "log_expit",
    "the logarithm of the logistic function",
    (lambda x, out: expit(neg(x)),),
    grid(-4, 4, edges=EDGES),
    lower="log_expit",
)

# -- products with a logarithm ----------------------------------------------------------------------------------------


def _unless(undefined: Any, x: Any) -> Any:
    return select(undefined, constant(x, 0), x)


def _nowhere(x: Any, y: Any, end: float) -> Any:
    """Say where x log y is 0 by convention beside a y for which it is not defined; the derivative by x is 0 there."""
    return logical_and(eq(x, constant(x, 0)), le(y, constant(y, end)))


xlogy: Primitive = special(
    "xlogy",
    "x log(y), and 0 where x is 0",
    (lambda x, y, out: _unless(_nowhere(x, y, 0), log(y)), lambda x, y, out: scale(x, reciprocal(y))),
    pairs((0.2, 0.2), (3, 3), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (0.0, nan), (nan, 0.0)]),
    lower="xlogy",
)
xlog1py: Primitive = special(
    "xlog1py",
    "x log(1 + y), and 0 where x is 0",
    (lambda x, y, out: _unless(_nowhere(x, y, -1), log1p(y)), lambda x, y, out: scale(x, reciprocal(y + 1))),
    pairs((0.2, -0.5), (3, 3), [(0.0, -1.0), (0.0, 1.0), (1.0, -1.0), (0.0, -2.0), (0.0, nan)]),
    lower="xlog1py",
)

# -- entropies --------------------------------------------------------------------------------------------------------
# At x = 0 the entropies have a vertical tangent, as sqrt has, and the derivative is infinite; outside of their domain
# it is 0.


def _inside(x: Any, value: Any) -> Any:
    """Return a slope where x >= 0, and 0 where the function is constantly infinite."""
    return select(lt(x, constant(x, 0)), constant(x, 0), value)


def _both(x: Any, y: Any, value: Any) -> Any:
    outside = le(minimum(x, y), constant(x, 0))
    # On the axes x = 0 the slopes are limits of those inside; at y <= 0 the function is constantly infinite.
    edge = logical_and(eq(x, constant(x, 0)), gt(y, constant(y, 0)))
    return select(edge, value, select(outside, constant(x, 0), value))


entr: Primitive = special(
    "entr", "-x log(x), 0 at 0", (lambda x, out: _inside(x, -1 - log(x)),), grid(0.2, 3, edges=EDGES)
)
_RATIO = pairs((0.2, 0.2), (3, 3), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, nan), (nan, 1.0)])
rel_entr: Primitive = special(
    "rel_entr",
    "x log(x / y), 0 at x = 0",
    (lambda x, y, out: _both(x, y, log(x) - log(y) + 1), lambda x, y, out: _both(x, y, neg(scale(x, reciprocal(y))))),
    _RATIO,
)
kl_div: Primitive = special(
    "kl_div",
    "x log(x / y) - x + y",
    (lambda x, y, out: _both(x, y, log(x) - log(y)), lambda x, y, out: _both(x, y, 1 - scale(x, reciprocal(y)))),
    _RATIO,
)

# -- losses -----------------------------------------------------------------------------------------------------------

_DELTAS = pairs((0.5, -3), (2, 3), [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, inf), (-1.0, 1.0), (nan, 1.0)])
huber: Primitive = special(
    "huber",
    "Huber's loss: r ** 2 / 2 up to |r| = delta, linear from there",
    (
        lambda delta, r, out: _inside(delta, select(le(absolute(r), delta), constant(r, 0), absolute(r) - delta)),
        lambda delta, r, out: _inside(delta, select(lt(absolute(r), delta), r, mul(delta, sign(r)))),
    ),
    _DELTAS,
)


def _share(x: Any, length: Any) -> Any:
    """Return x / length, and 0 where x is 0."""
    return scale(x, reciprocal(length))


def _pseudo_by_delta(delta: Any, r: Any) -> Any:
    # With h = hypot(delta, r) the loss is delta (h - delta), and its slope (h - delta) ** 2 / h.
    length = hypot(delta, r)
    rest = _share(mul(r, r), length + delta)
    return mul(rest, _share(rest, length))


pseudo_huber: Primitive = special(
    "pseudo_huber",
    "the smooth Huber loss delta ** 2 (sqrt(1 + (r / delta) ** 2) - 1)",
    (
        lambda delta, r, out: _inside(delta, _pseudo_by_delta(delta, r)),
        lambda delta, r, out: _inside(delta, mul(delta, _share(r, hypot(delta, r)))),
    ),
    _DELTAS,
)

# -- Box and Cox ------------------------------------------------------------------------------------------------------
# With u = lambda log x the transform is log(x) * (exp(u) - 1) / u.


def _bend(u: Any) -> Any:
    """Return the slope of (exp(u) - 1) / u.

    Near 0, where its terms cancel, it is hyp1f1(2, 3, u) / 2 (DLMF 13.6.2, 13.3.15).
    """
    near = le(absolute(u), constant(u, 1))
    zero = constant(u, 0)
    inner, outer = select(near, u, zero), select(near, zero + 1, u)
    series = hyp1f1(constant(u, 2), constant(u, 3), inner) * 0.5
    return select(near, series, (mul(outer - 1, exp(outer)) + 1) / mul(outer, outer))


def _boxcox_by_lambda(logarithm: Any, lmbda: Any, out: Any) -> Any:
    u = mul(lmbda, logarithm)
    near = le(absolute(u), constant(u, 1))
    safe = select(near, u, constant(u, 0))
    far = (scale(exp(u), logarithm) - out) / lmbda  # x = 0 as well: 0 wins over log 0
    return select(near, mul(mul(logarithm, logarithm), _bend(safe)), far)


def _inverse_by_lambda(y: Any, lmbda: Any, out: Any) -> Any:
    # out = exp(y g(w)) with w = lambda y and g(w) = log(1 + w) / w = 2F1(1, 1; 2; -w), of slope -2F1(2, 2; 3; -w) / 2.
    two = constant(y, 2)
    return mul(mul(out, mul(y, y)), hyp2f1(two, two, constant(y, 3), neg(mul(lmbda, y))) * -0.5)


exprel: Primitive = special("exprel", "(exp(x) - 1) / x", (lambda x, out: _bend(x),), grid(-3, 3, edges=EDGES))
boxcox: Primitive = special(
    "boxcox",
    "(x ** lambda - 1) / lambda, log(x) at lambda = 0",
    (lambda x, n, out: exp(mul(n - 1, log(x))), lambda x, n, out: _boxcox_by_lambda(log(x), n, out)),
    pairs((0.3, -2), (3, 2), [(1.0, 0.0), (2.0, 0.0), (0.0, 1.0), (nan, 1.0)]),
)
boxcox1p: Primitive = special(
    "boxcox1p",
    "((1 + x) ** lambda - 1) / lambda, log(1 + x) at lambda = 0",
    (lambda x, n, out: exp(mul(n - 1, log1p(x))), lambda x, n, out: _boxcox_by_lambda(log1p(x), n, out)),
    pairs((-0.5, -2), (3, 2), [(1.0, 0.0), (2.0, 0.0), (-1.0, 1.0), (nan, 1.0)]),
)
inv_boxcox: Primitive = special(
    "inv_boxcox",
    "the inverse of boxcox",
    (lambda y, n, out: out / (mul(n, y) + 1), _inverse_by_lambda),
    pairs((-0.5, 0.1), (1, 1.5), [(1.0, 0.0), (0.0, 0.0), (nan, 1.0)]),
)
inv_boxcox1p: Primitive = special(
    "inv_boxcox1p",
    "the inverse of boxcox1p",
    (
        lambda y, n, out: (out + 1) / (mul(n, y) + 1),
        lambda y, n, out: _inverse_by_lambda(y, n, out + 1),
    ),
    pairs((-0.5, 0.1), (1, 1.5), [(1.0, 0.0), (0.0, 0.0), (nan, 1.0)]),
)
