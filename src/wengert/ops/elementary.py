"""Elementary functions: powers, exponentials, logarithms, trigonometry.  Each states its derivative once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.primitive import Primitive, Sample
from .arithmetic import complex_samples, conj, div, mul, neg, real, reciprocal, scale
from .compare import sign_of
from .family import elementwise, full_like, grid, pairs, scaled

inf, nan = np.inf, np.nan
_EDGES = [0.0, -0.0, inf, -inf, nan, 1.0, -1.0]
_LN2, _LN10 = math.log(2.0), math.log(10.0)


def _square(x: Any) -> Any:
    return mul(x, x)


def _with_complex(samples: Any) -> Any:
    return lambda: samples() + complex_samples(1)


# -- roots ------------------------------------------------------------------------------------------------------------

sqrt: Primitive = elementwise(
    "sqrt",
    "the square root",
    np.sqrt,
    (lambda x, out: reciprocal(out + out),),
    _with_complex(grid(0.1, 4, edges=_EDGES)),
    lower="sqrt",
)
cbrt: Primitive = elementwise(
    "cbrt",
    "the cube root",
    np.cbrt,
    (lambda x, out: reciprocal(3 * _square(out)),),
    grid(0.1, 4, edges=_EDGES),
    lower="cbrt",
)

# -- exponentials and logarithms --------------------------------------------------------------------------------------

exp: Primitive = elementwise(
    "exp",
    "e ** x",
    np.exp,
    (lambda x, out: out,),
    _with_complex(grid(-2, 2, edges=[*_EDGES, 800.0, -800.0])),
    lower="exp",
)
exp2: Primitive = elementwise(
    "exp2", "2 ** x", np.exp2, (lambda x, out: out * _LN2,), grid(-2, 2, edges=_EDGES), lower="exp2"
)
expm1: Primitive = elementwise(
    "expm1",
    "e ** x - 1, accurate near 0",
    np.expm1,
    (lambda x, out: out + 1,),
    grid(-2, 2, edges=[*_EDGES, 800.0]),
    lower="expm1",
)
log: Primitive = elementwise(
    "log",
    "the natural logarithm",
    np.log,
    (lambda x, out: reciprocal(x),),
    _with_complex(grid(0.2, 4, edges=_EDGES)),
    lower="log",
)
log2: Primitive = elementwise(
    "log2",
    "the logarithm to base 2",
    np.log2,
    (lambda x, out: reciprocal(x * _LN2),),
    grid(0.2, 4, edges=_EDGES),
    lower="log2",
)
log10: Primitive = elementwise(
    "log10",
    "the logarithm to base 10",
    np.log10,
    (lambda x, out: reciprocal(x * _LN10),),
    grid(0.2, 4, edges=_EDGES),
    lower="log10",
)
log1p: Primitive = elementwise(
    "log1p",
    "log(1 + x), accurate near 0",
    np.log1p,
    (lambda x, out: reciprocal(x + 1),),
    grid(-0.8, 3, edges=_EDGES),
    lower="log1p",
)
# d logaddexp/dx = exp(x - out) never overflows; where both operands are -inf it is nan, and 0 is the accepted answer.
logaddexp: Primitive = elementwise(
    "logaddexp",
    "log(exp(x) + exp(y)) without overflow",
    np.logaddexp,
    (lambda x, y, out: share(x, y), lambda x, y, out: share(y, x)),
    pairs((-2, -2), (2, 2), [(800.0, 0.0), (-inf, 1.0), (-inf, -inf), (inf, 0.0), (nan, 0.0)]),
    commutes=True,
    lower="logaddexp",
)
logaddexp2: Primitive = elementwise(
    "logaddexp2",
    "log2(2 ** x + 2 ** y) without overflow",
    np.logaddexp2,
    (lambda x, y, out: share(x * _LN2, y * _LN2), lambda x, y, out: share(y * _LN2, x * _LN2)),
    pairs((-2, -2), (2, 2), [(800.0, 0.0), (-inf, 1.0), (-inf, -inf)]),
    commutes=True,
    lower="logaddexp2",
)


def share(x: Any, y: Any) -> Any:
    """Return exp(x) / (exp(x) + exp(y)) = 1 / (1 + exp(y - x)); one half where x equals y."""
    b = x.builder
    # Only equal infinities need help; selecting 0 wherever x equals y would lose the second derivative there.
    undefined = b.apply_named("logical_and", b.apply_named("eq", x, y), b.apply_named("isinf", x))
    difference = b.apply_named("select", undefined, full_like(x, 0), y - x)
    return reciprocal(1 + exp(difference))


# -- trigonometry -----------------------------------------------------------------------------------------------------

sin: Primitive = elementwise(
    "sin", "the sine", np.sin, (lambda x, out: cos(x),), _with_complex(grid(-3, 3, edges=_EDGES)), lower="sin"
)
cos: Primitive = elementwise(
    "cos", "the cosine", np.cos, (lambda x, out: neg(sin(x)),), _with_complex(grid(-3, 3, edges=_EDGES)), lower="cos"
)
tan: Primitive = elementwise(
    "tan", "the tangent", np.tan, (lambda x, out: 1 + _square(out),), grid(-1.2, 1.2, edges=_EDGES), lower="tan"
)
arcsin: Primitive = elementwise(
    "arcsin",
    "the inverse sine",
    np.arcsin,
    (lambda x, out: reciprocal(sqrt((1 - x) * (1 + x))),),
    grid(-0.8, 0.8, edges=_EDGES),
    lower="asin",
)
arccos: Primitive = elementwise(
    "arccos",
    "the inverse cosine",
    np.arccos,
    (lambda x, out: neg(reciprocal(sqrt((1 - x) * (1 + x)))),),
    grid(-0.8, 0.8, edges=_EDGES),
    lower="acos",
)
arctan: Primitive = elementwise(
    "arctan",
    "the inverse tangent",
    np.arctan,
    (lambda x, out: reciprocal(1 + _square(x)),),
    grid(-3, 3, edges=_EDGES),
    lower="atan",
)
# The two quotients are formed relative to hypot(x, y), so that neither overflows before the other is small.
arctan2: Primitive = elementwise(
    "arctan2",
    "the angle of the point (y, x)",
    np.arctan2,
    (
        lambda y, x, out: div(div(x, hypot(x, y)), hypot(x, y)),
        lambda y, x, out: neg(div(div(y, hypot(x, y)), hypot(x, y))),
    ),
    pairs((-2, 0.5), (2, 2), [(0.0, 0.0), (-0.0, -1.0), (0.0, -1.0), (inf, inf), (nan, 1.0)]),
    lower="atan2",
)
hypot: Primitive = elementwise(
    "hypot",
    "sqrt(x**2 + y**2) without overflow",
    np.hypot,
    (lambda x, y, out: _ratio(x, out), lambda x, y, out: _ratio(y, out)),
    pairs((0.5, 0.5), (2, 2), [(0.0, 0.0), (inf, 1.0), (nan, inf)]),
    commutes=True,
    lower="hypot",
)


def _ratio(x: Any, length: Any) -> Any:
    """Return x / length, and 0 where x is 0 (also at the origin)."""
    return scale(x, reciprocal(length))


# -- hyperbolic functions ---------------------------------------------------------------------------------------------

sinh: Primitive = elementwise(
    "sinh", "the hyperbolic sine", np.sinh, (lambda x, out: cosh(x),), grid(-2, 2, edges=_EDGES), lower="sinh"
)
cosh: Primitive = elementwise(
    "cosh", "the hyperbolic cosine", np.cosh, (lambda x, out: sinh(x),), grid(-2, 2, edges=_EDGES), lower="cosh"
)
tanh: Primitive = elementwise(
    "tanh",
    "the hyperbolic tangent",
    np.tanh,
    (lambda x, out: (1 - out) * (1 + out),),
    _with_complex(grid(-2, 2, edges=[*_EDGES, 400.0, -400.0])),
    lower="tanh",
)


def _arcsinh_slope(x: Any, out: Any) -> Any:
    """1 / sqrt(1 + x ** 2), without overflow; for complex x in factors whose branch cuts are those of arcsinh."""
    if x.dtype.kind != "c":
        return reciprocal(hypot(x, full_like(x, 1)))
    return reciprocal(sqrt(1 + x * 1j) * sqrt(1 - x * 1j))


def _arccosh_slope(x: Any, out: Any) -> Any:
    """1 / sqrt(x ** 2 - 1); one root of the product would have the wrong sign in the left half of the plane."""
    if x.dtype.kind != "c":
        return reciprocal(sqrt((x - 1) * (x + 1)))
    return reciprocal(sqrt(x - 1) * sqrt(x + 1))


arcsinh: Primitive = elementwise(
    "arcsinh",
    "the inverse hyperbolic sine",
    np.arcsinh,
    (_arcsinh_slope,),
    _with_complex(grid(-3, 3, edges=_EDGES)),
    lower="asinh",
)
arccosh: Primitive = elementwise(
    "arccosh",
    "the inverse hyperbolic cosine",
    np.arccosh,
    (_arccosh_slope,),
    _with_complex(grid(1.2, 4, edges=_EDGES)),
    lower="acosh",
)
arctanh: Primitive = elementwise(
    "arctanh",
    "the inverse hyperbolic tangent",
    np.arctanh,
    (lambda x, out: reciprocal((1 - x) * (1 + x)),),
    grid(-0.8, 0.8, edges=_EDGES),
    lower="atanh",
)

# -- absolute value ---------------------------------------------------------------------------------------------------


def _real_dtype(dtype: Any) -> Any:
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _abs_jvp(primals: Any, tangents: Any, out: Any) -> Any:
    (x,), (t,) = primals, tangents
    if t is None:
        return None
    if x.dtype.kind != "c":
        return scaled(sign_of(x), t)
    # d|z| = Re(conj(z) dz) / |z|; at 0 the zero of conj(z) wins.
    inverse = x.builder.apply_named("convert", reciprocal(out), dtype=x.dtype)
    return real(scaled(scale(conj(x), inverse), t))


absolute: Primitive = elementwise(
    "abs",
    "the absolute value",
    np.absolute,
    None,
    lambda: [*grid(0.5, 2, edges=_EDGES)(), Sample((np.array([-1.5, -0.2, 3.0]),)), *complex_samples(1)],
    dtype=_real_dtype,
    jvp=_abs_jvp,
    label="gradient router",
    explanation="hands the gradient back with the sign of its input; 0 at 0",
    lower="abs",
)
