"""sin, cos, tan and their inverses.

Reduction (W. J. Cody and W. Waite, 1980; with FMA: S. Boldo, M. Daumas and R.-C. Li, "Formally verified argument
reduction with a fused multiply-add", 2009): x = n pi/2 + r with pi/2 as the sum of three floats. x - n * (first part)
is exact, so r is good to the last bit even where it nearly vanishes. Beyond ``LIMIT`` n would no longer fit; there
libm takes over, on a path that costs nothing until it is taken (see rare.py).
"""

from __future__ import annotations

import math

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, chain, copysign, fabs, fma, madd, polynomial, select, sqrt
from wengert.run.llvm.mathlib.ieee import fast_two_sum, round_scaled, two_product, two_sum
from wengert.run.llvm.mathlib.rare import where_large
from wengert.run.llvm.mathlib.registry import function

TWO_OVER_PI = 0.6366197723675814
LIMIT = {"float64": 2.0**40, "float32": 2.0**19}
PI = {"float64": (3.141592653589793, 1.2246467991473532e-16), "float32": (3.1415927410125732, -8.742277657347586e-08)}
HALF_PI = {
    "float64": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
    "float32": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
}
TAN_EIGHTH_PI = 0.41421356237309503
TAN_THREE_EIGHTHS_PI = 2.414213562373095


def reduce(x: Value) -> tuple[Value, Value, Value]:
    """(bits of n, r, error of r) with x = n pi/2 + r + error."""
    first, second, third = HALF_PI[x.format.name]
    n, bits = round_scaled(x, TWO_OVER_PI)
    exact = fma(-n, first, x)
    product, product_low = two_product(n, n.constant(second))
    r, error = two_sum(exact, -product)
    # The leading parts may cancel, so that the error is no longer small beside r: renormalise.
    return bits, *fast_two_sum(r, fma(-n, third, error - product_low))


def sin_reduced(r: Value, error: Value) -> Value:
    """sin(r + error): the error counts with cos(r), here 1 - r^2/2."""
    z = r * r
    tail = madd(z * r, polynomial(z, coefficients.SIN[r.format.name]), madd(error, -0.5 * z, error))
    return r + tail


def cos_reduced(r: Value, error: Value) -> Value:
    """cos(r + error) = (1 - r^2/2) + ...; what the leading difference loses in rounding is added back."""
    z = r * r
    half = 0.5 * z
    leading = 1.0 - half
    lost = (1.0 - leading) - half
    tail = madd(z * z, polynomial(z, coefficients.COS[r.format.name]), lost)
    return leading + (tail - r * error)


def quarter_turns(x: Value, offset: int) -> Value:
    """sin(x + offset pi/2): after reduction sine and cosine differ only by a quarter turn."""
    bits, r, error = reduce(x)
    bits = bits + offset
    magnitude = select((bits & 1) == 0, sin_reduced(r, error), cos_reduced(r, error))
    sign_bit: Value = (bits & 2) << (x.format.integer.width - 2)
    return (magnitude.bits() ^ sign_bit).as_float()


@function("sin", float64=1.0, float32=1.0)
def sin(x: Value) -> Value:
    result = quarter_turns(x, 0)
    return where_large(x, LIMIT[x.format.name], "sin", select(x == 0.0, x, result))


@function("cos", float64=1.0, float32=1.0)
def cos(x: Value) -> Value:
    return where_large(x, LIMIT[x.format.name], "cos", quarter_turns(x, 1))


@function("tan", float64=1.5, float32=1.5)
def tan(x: Value) -> Value:
    # tan(r) as an unevaluated sum; in the odd quadrants tan(x) = -1 / tan(r). One division by FMA does for both:
    # quotient numerator / denominator with the residual taken from the low parts.
    bits, r, error = reduce(x)
    z = r * r
    tail = madd(z * r, polynomial(z, coefficients.TAN[x.format.name]), madd(error, z, error))
    high = r + tail
    low = (r - high) + tail
    inverse = 1.0 / high
    correction = fma(-inverse, low, fma(-inverse, high, 1.0))
    cotangent = madd(inverse, correction, inverse)
    result = select(x == 0.0, x, select((bits & 1) == 0, high, -cotangent))
    return where_large(x, LIMIT[x.format.name], "tan", result)


def asin_parts(x: Value) -> tuple[Value, Value, Value]:
    """(is |x| < 1/2, s, t) with asin(s) = s + t for s = |x|, or s = sqrt((1 - |x|) / 2) from 1/2 on.

    The second form is the half-angle formula asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
    """
    magnitude = fabs(x)
    small = magnitude < 0.5
    z = select(small, x * x, madd(magnitude, -0.5, 0.5))
    s = select(small, magnitude, sqrt(z))
    return small, s, s * (z * polynomial(z, coefficients.ASIN[x.format.name]))


@function("asin", float64=2.0, float32=2.0)
def asin(x: Value) -> Value:
    small, s, t = asin_parts(x)
    high, low, _ = HALF_PI[x.format.name]
    large = high - (2.0 * s + madd(t, 2.0, -low))
    return copysign(select(small, s + t, large), x)


@function("acos", float64=2.0, float32=2.0)
def acos(x: Value) -> Value:
    name = x.format.name
    small, s, t = asin_parts(x)
    high, low, _ = HALF_PI[name]
    middle = high - (copysign(s, x) + (copysign(t, x) - low))
    twice, twice_tail = 2.0 * s, 2.0 * t
    left = PI[name][0] - (twice + (twice_tail - PI[name][1]))
    return select(small, middle, select(x < 0.0, left, twice + twice_tail))


def atan_ratio(numerator: Value, denominator: Value, turn: Value | None) -> Value:
    """atan(numerator / denominator) of non-negative numbers; pi minus that where ``turn``.

    The quotient is brought to |t| <= tan(pi/8) by subtracting 0, pi/4 or pi/2 from the angle, all before the one
    division: atan(a/b) = pi/4 + atan((a - b) / (a + b)) = pi/2 + atan(-b / a).
    """
    name = numerator.format.name
    steep = numerator > TAN_THREE_EIGHTHS_PI * denominator
    middle = numerator > TAN_EIGHTH_PI * denominator
    top = select(steep, -denominator, select(middle, numerator - denominator, numerator))
    bottom = select(steep, numerator, select(middle, numerator + denominator, denominator))
    t = top / bottom
    half_pi, half_pi_low, _ = HALF_PI[name]
    eighths = [(0.0, 0.0), (half_pi / 2, half_pi_low / 2), (half_pi, half_pi_low)]
    base = _pick(steep, middle, eighths, t)
    if turn is not None:
        pi, pi_low = PI[name]
        three_quarters = THREE_QUARTERS_PI[name]
        back = _pick(steep, middle, [(pi, pi_low), three_quarters, (half_pi, half_pi_low)], t)
        base = select(turn, back[0], base[0]), select(turn, back[1], base[1])
        t = select(turn, -t, t)
    z = t * t
    return base[0] + (t + madd(t * z, polynomial(z, coefficients.ATAN[name]), base[1]))


THREE_QUARTERS_PI = {
    "float64": (2.356194490192345, 9.184850993605148e-17),
    "float32": (2.356194496154785, -5.962440319251527e-09),
}


def _pick(steep: Value, middle: Value, table: list[tuple[float, float]], model: Value) -> tuple[Value, Value]:
    (none, none_low), (some, some_low), (most, most_low) = table
    high = select(steep, model.constant(most), select(middle, model.constant(some), none))
    low = select(steep, model.constant(most_low), select(middle, model.constant(some_low), none_low))
    return high, low


@function("atan", float64=1.5, float32=2.0)
def atan(x: Value) -> Value:
    return copysign(atan_ratio(fabs(x), x.constant(1.0), None), x)


@function("atan2", arity=2, float64=2.0, float32=2.2)
def atan2(y: Value, x: Value) -> Value:
    a, b = fabs(y), fabs(x)
    infinity = math.inf
    both_infinite, both_zero = (a == infinity) & (b == infinity), (a == 0.0) & (b == 0.0)
    # Equal operands stand for inf / inf, and 0 / 1 for 0 / 0. A sum near the largest number must not overflow.
    factor = select((a > y.format.huge / 4) | (b > y.format.huge / 4), y.constant(0.25), 1.0)
    a = select(both_infinite, 1.0, a * factor)
    b = select(both_infinite | both_zero, 1.0, b * factor)
    left = copysign(1.0, x) < 0.0
    result = copysign(atan_ratio(a, b, left), y)
    return chain([(x != x, x), (y != y, y)], result)
