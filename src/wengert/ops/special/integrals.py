"""Hypergeometric functions, and integrals whose derivatives they are: elliptic, exponential, sine and cosine integrals.

The slope of a hypergeometric function is one with each parameter raised by 1 (DLMF 13.3.15, 15.5.1, 16.3.1).  What has
a removable gap in its derivative, such as sin(x) / x at 0, is written with them and has none.
"""

from __future__ import annotations

import math
from typing import Any

from ...core.primitive import Primitive
from ..arithmetic import mul, neg, reciprocal
from ..compare import le, lt, select
from ..elementary import cos, cosh, exp
from ..family import grid
from .common import EDGES, constant, like, ordered, orders_and, several, special

inf, nan = math.inf, math.nan

# -- hypergeometric functions -----------------------------------------------------------------------------------------

_A, _B, _C = [1, 2, 1, 3, 2, 1], [2, 1, 3, 2, 2, 1], [3, 2, 4, 3, 5, 2]

hyp0f1: Primitive = ordered(
    "hyp0f1",
    "the confluent hypergeometric limit function 0F1(; b; z)",
    lambda b, z, out: hyp0f1(b + 1, z) / like(b, z),
    orders_and([_C], -3, 3),
)
hyp1f1: Primitive = ordered(
    "hyp1f1",
    "the confluent hypergeometric function 1F1(a; b; z)",
    lambda a, b, z, out: mul(hyp1f1(a + 1, b + 1, z), like(a, z)) / like(b, z),
    orders_and([_A, _C], -3, 3),
    orders=2,
)
hyp2f1: Primitive = ordered(
    "hyp2f1",
    "the hypergeometric function 2F1(a, b; c; z)",
    lambda a, b, c, z, out: mul(mul(like(a, z), like(b, z)), hyp2f1(a + 1, b + 1, c + 1, z)) / like(c, z),
    orders_and([_A, _B, _C], -0.8, 0.7),
    orders=3,
)
# DLMF 13.3.22
hyperu: Primitive = ordered(
    "hyperu",
    "the confluent hypergeometric function U(a, b, x)",
    lambda a, b, x, out: neg(mul(like(a, x), hyperu(a + 1, b + 1, x))),
    orders_and([_A, _B], 0.5, 4),
    orders=2,
)

# -- complete elliptic integrals (of the parameter m = k ** 2) --------------------------------------------------------


def _gauss(a: float, b: float, c: float, z: Any) -> Any:
    return hyp2f1(constant(z, a), constant(z, b), constant(z, c), z)


def _k_slope(m: Any) -> Any:
    # DLMF 19.5.1: K = (pi / 2) 2F1(1/2, 1/2; 1; m).  Its slope has 2F1(3/2, 3/2; 2; m) = 2F1(1/2, 1/2; 2; m) / (1 - m)
    # (15.8.1), of which the second form converges faster.
    return _gauss(0.5, 0.5, 2.0, m) / (1 - m) * (math.pi / 8)


ellipk: Primitive = special(
    "ellipk", "the complete elliptic integral K(m)", (lambda m, out: _k_slope(m),), grid(-2, 0.8, edges=EDGES)
)
# DLMF 19.5.2: E = (pi / 2) 2F1(-1/2, 1/2; 1; m).
ellipe: Primitive = special(
    "ellipe",
    "the complete elliptic integral E(m)",
    (lambda m, out: _gauss(0.5, 1.5, 2.0, m) * (-math.pi / 8),),
    grid(-2, 0.8, edges=EDGES),
)


def _km1_slope(p: Any, out: Any) -> Any:
    # DLMF 19.4.1: dK/dm = (E - (1 - m) K) / (2 m (1 - m)), which keeps its accuracy for small p = 1 - m.
    near = (mul(p, out) - ellipe(1 - p)) / (mul(p, 1 - p) * 2)
    return select(lt(p, constant(p, 0.5)), near, neg(_k_slope(1 - p)))


ellipkm1: Primitive = special("ellipkm1", "K(1 - p), accurate near p = 0", (_km1_slope,), grid(0.1, 2, edges=EDGES))

# -- exponential integrals --------------------------------------------------------------------------------------------

exp1: Primitive = special(
    "exp1", "the exponential integral E1", (lambda x, out: neg(exp(neg(x)) / x),), grid(0.2, 4, edges=EDGES)
)
expi: Primitive = special(
    "expi", "the exponential integral Ei", (lambda x, out: exp(x) / x,), grid(0.2, 4, edges=EDGES)
)


def _expn_slope(n: Any, x: Any, out: Any) -> Any:
    # DLMF 8.19.13: the slope of E_n is -E_(n-1); below n = 0, where SciPy's ends, E_0 = exp(-x) / x.
    lowest = le(like(n, x), constant(x, 0))
    return neg(select(lowest, mul(out, 1 + reciprocal(x)), expn(n - 1, x)))


expn: Primitive = ordered(
    "expn",
    "the generalised exponential integral E_n",
    _expn_slope,
    orders_and([[2, 3, 4, 2, 3, 4]], 0.3, 4, (0.0, 1.0, inf, nan)),
)
# spence(z) = int_1^z log(t) / (1 - t) dt, and log(t) / (t - 1) = 2F1(1, 1; 2; 1 - t) (DLMF 15.4.1).
spence: Primitive = special(
    "spence",
    "the dilogarithm of 1 - z",
    (lambda z, out: neg(_gauss(1, 1, 2, 1 - z)),),
    grid(0.2, 2.5, edges=EDGES),
)

# -- sine and cosine integrals ----------------------------------------------------------------------------------------


def _over(x: Any, sign: float) -> Any:
    """Return sin(x) / x (sign -1) or sinh(x) / x (sign 1), as 0F1(; 3/2; sign x ** 2 / 4): DLMF 10.39.9, 10.49.3."""
    return hyp0f1(constant(x, 1.5), mul(x, x) * (sign / 4))


sici: Primitive = several(
    "sici",
    "the sine and cosine integrals Si and Ci",
    lambda x, outs: (_over(x, -1), cos(x) / x),
    2,
    grid(0.3, 4, edges=EDGES),
)
shichi: Primitive = several(
    "shichi",
    "the hyperbolic sine and cosine integrals Shi and Chi",
    lambda x, outs: (_over(x, 1), cosh(x) / x),
    2,
    grid(0.3, 4, edges=EDGES),
)
