"""Bessel and Airy functions, derivatives by the argument.  DLMF 9 and 10."""

from __future__ import annotations

from typing import Any

from ...core.primitive import Primitive
from ..arithmetic import mul, neg
from ..compare import sign
from ..family import grid
from .common import EDGES, constant, ordered, orders_and, several, special

_ORDERS = [[0, 1, 2, 3, 1, 0]]
_ENDS = (0.0, 1.0, 800.0, float("nan"))

# -- any order --------------------------------------------------------------------------------------------------------
# The means and differences of both neighbours hold at 0 too, where the forms with v / x do not.


def _neighbours(record: Any, v: Any, x: Any, sign_of_next: int) -> Any:
    """Return half of f(v - 1) + s f(v + 1)."""
    below, above = record()(v - 1, x), record()(v + 1, x)
    return (below + above if sign_of_next > 0 else below - above) * 0.5


# DLMF 10.6.1
jv: Primitive = ordered(
    "jv",
    "the Bessel function J_v",
    lambda v, x, out: _neighbours(lambda: jv, v, x, -1),
    orders_and(_ORDERS, 0.3, 5, _ENDS),
)
yv: Primitive = ordered(
    "yv",
    "the Bessel function Y_v",
    lambda v, x, out: _neighbours(lambda: yv, v, x, -1),
    orders_and(_ORDERS, 0.8, 5, _ENDS),
)
hankel1: Primitive = ordered(
    "hankel1",
    "the Hankel function H1_v",
    lambda v, x, out: _neighbours(lambda: hankel1, v, x, -1),
    lambda: _complex(orders_and(_ORDERS, 0.8, 5)()),
)
hankel2: Primitive = ordered(
    "hankel2",
    "the Hankel function H2_v",
    lambda v, x, out: _neighbours(lambda: hankel2, v, x, -1),
    lambda: _complex(orders_and(_ORDERS, 0.8, 5)()),
)
# DLMF 10.29.1
iv: Primitive = ordered(
    "iv",
    "the modified Bessel function I_v",
    lambda v, x, out: _neighbours(lambda: iv, v, x, 1),
    orders_and(_ORDERS, 0.3, 5, _ENDS),
)
kv: Primitive = ordered(
    "kv",
    "the modified Bessel function K_v",
    lambda v, x, out: neg(_neighbours(lambda: kv, v, x, 1)),
    orders_and(_ORDERS, 0.5, 5, _ENDS),
)
# With the factors exp(-|x|) and exp(x).
ive: Primitive = ordered(
    "ive",
    "exp(-|x|) I_v(x)",
    lambda v, x, out: _neighbours(lambda: ive, v, x, 1) - mul(sign(x), out),
    orders_and(_ORDERS, 0.3, 5, _ENDS),
)
kve: Primitive = ordered(
    "kve",
    "exp(x) K_v(x)",
    lambda v, x, out: out - _neighbours(lambda: kve, v, x, 1),
    orders_and(_ORDERS, 0.5, 5, _ENDS),
)


def _complex(samples: Any) -> Any:
    """Give the samples a complex argument: the Hankel functions have no real form."""
    return [
        type(s)((*s.args[:-1], s.args[-1] + 0.5j * s.args[-1]), s.params, s.smooth) for s in samples if s.args[-1].ndim
    ]


# -- orders 0 and 1 ---------------------------------------------------------------------------------------------------
# f1' = (f0 -+ f2) / 2 rather than f0 - f1 / x, which has a gap at 0.

_LINE = grid(-4, 4, edges=EDGES)
_HALF_LINE = grid(0.5, 5, edges=EDGES)


def _two(x: Any) -> Any:
    return constant(x, 2)


j0: Primitive = special("j0", "the Bessel function J_0", (lambda x, out: neg(j1(x)),), _LINE)
j1: Primitive = special("j1", "the Bessel function J_1", (lambda x, out: (j0(x) - jv(_two(x), x)) * 0.5,), _LINE)
y0: Primitive = special("y0", "the Bessel function Y_0", (lambda x, out: neg(y1(x)),), _HALF_LINE)
y1: Primitive = special("y1", "the Bessel function Y_1", (lambda x, out: (y0(x) - yv(_two(x), x)) * 0.5,), _HALF_LINE)
i0: Primitive = special("i0", "the modified Bessel function I_0", (lambda x, out: i1(x),), _LINE)
i1: Primitive = special(
    "i1", "the modified Bessel function I_1", (lambda x, out: (i0(x) + iv(_two(x), x)) * 0.5,), _LINE
)
k0: Primitive = special("k0", "the modified Bessel function K_0", (lambda x, out: neg(k1(x)),), _HALF_LINE)
k1: Primitive = special(
    "k1", "the modified Bessel function K_1", (lambda x, out: (k0(x) + kv(_two(x), x)) * -0.5,), _HALF_LINE
)

# exp(-|x|) has a kink at 0, where the slope is the mean of both sides (sign(0) = 0).
_ROUND_ZERO = grid(0.3, 4, edges=EDGES)
i0e: Primitive = special("i0e", "exp(-|x|) I_0(x)", (lambda x, out: i1e(x) - mul(sign(x), out),), _ROUND_ZERO)
i1e: Primitive = special(
    "i1e",
    "exp(-|x|) I_1(x)",
    (lambda x, out: (i0e(x) + ive(_two(x), x)) * 0.5 - mul(sign(x), out),),
    _ROUND_ZERO,
)
k0e: Primitive = special("k0e", "exp(x) K_0(x)", (lambda x, out: out - k1e(x),), _HALF_LINE)
k1e: Primitive = special("k1e", "exp(x) K_1(x)", (lambda x, out: out - (k0e(x) + kve(_two(x), x)) * 0.5,), _HALF_LINE)

# -- Airy functions ---------------------------------------------------------------------------------------------------


# DLMF 9.2.1: both solve w'' = x w.
airy: Primitive = several(
    "airy",
    "the Airy functions Ai and Bi and their derivatives: Ai, Ai', Bi, Bi'",
    lambda x, outs: (outs[1], mul(x, outs[0]), outs[3], mul(x, outs[2])),
    4,
    grid(-3, 2, edges=EDGES),
)
