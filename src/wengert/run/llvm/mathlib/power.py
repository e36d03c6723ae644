"""pow, cbrt and hypot."""

from __future__ import annotations

import math

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import (
    FLOAT32,
    FLOAT64,
    Value,
    chain,
    copysign,
    fabs,
    floor,
    fma,
    horner,
    madd,
    polynomial,
    select,
    sqrt,
)
from wengert.run.llvm.mathlib.exponential import EXP_RANGE, clamp, exp_of_sum, reduce
from wengert.run.llvm.mathlib.ieee import (
    LN2,
    fast_two_sum,
    power_of_two,
    round_scaled,
    split_exponent,
    two_product,
    two_sum,
)
from wengert.run.llvm.mathlib.registry import function

TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def log_double_double(x: Value) -> tuple[Value, Value]:
    """log(x) of a positive finite float64 as an unevaluated sum, to about 2^-65 relative.

    log(m) = 2 s + s^3 (2/3 + s^2 p(s^2)) with s = (m - 1) / (m + 1): s, s^2 and s^3 as unevaluated sums; the
    polynomial is so small beside the leading terms that plain float64 does for it.
    """
    k, m = split_exponent(x)
    f = m - 1.0
    denominator = m + 1.0
    lost = m - (denominator - 1.0)
    inverse = 1.0 / denominator
    s = f * inverse
    s_low = fma(-s, lost, fma(-s, denominator, f)) * inverse
    z, z_low = two_product(s, s)
    z_low = fma(2.0 * s, s_low, z_low)
    small = madd(z, polynomial(z, coefficients.LOG_TAIL["float64"]), TWO_THIRDS[1])
    p, p_low = fast_two_sum(z.constant(TWO_THIRDS[0]), small)
    cube, cube_low = two_product(s, z)
    cube_low = fma(s, z_low, fma(s_low, z, cube_low))
    term, term_low = two_product(cube, p)
    term_low = fma(cube, p_low, fma(cube_low, p, term_low))
    high, low = fast_two_sum(2.0 * s, term)
    low = low + fma(2.0, s_low, term_low)
    # k log(2): the product's error is kept too.
    unit, unit_low = two_product(k, k.constant(LN2["float64"][0]))
    total, error = two_sum(unit, high)
    return fast_two_sum(total, error + (low + fma(k, LN2["float64"][1], unit_low)))


def power_of_positive(x: Value, y: Value) -> Value:
    """x^y = exp(y log(x)) for positive finite x. y log(x) can reach 745, so log(x) needs ten bits beyond the format."""
    if x.format.name == "float32":
        return _power_of_positive_float32(x.to(FLOAT64), y.to(FLOAT64)).to(FLOAT32)
    # The least non-zero |log(x)| is 2^-53: beyond 2^70 y only decides between 0, 1 and inf.
    y = clamp(y, -(2.0**70), 2.0**70)
    log_high, log_low = log_double_double(x)
    product, error = two_product(y, log_high)
    error = fma(y, log_low, error)
    inside = clamp(product, *EXP_RANGE["float64"])
    return exp_of_sum(inside, select(inside == product, error, 0.0))


def _power_of_positive_float32(x: Value, y: Value) -> Value:
    """The same in float64, whose spare bits take the place of the unevaluated sums; shorter polynomials do."""
    k, m = split_exponent(x)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    log_x = fma(k, LN2["float64"][0], madd(s * z, horner(z, coefficients.LOG_SHORT["float64"]), 2.0 * s))
    product = clamp(clamp(y, -(2.0**40), 2.0**40) * log_x, -150.0, 150.0)
    _, bits, r, _ = reduce(product)
    return madd(r * r, polynomial(r, coefficients.EXP_SHORT["float64"]), 1.0 + r) * power_of_two(bits)


@function("pow", arity=2, float64=1.5, float32=1.0)
def power(x: Value, y: Value) -> Value:
    # The special cases of IEEE 754 and C99 annex F, all by selection.
    magnitude = fabs(x)
    half = 0.5 * y
    integer = floor(y) == y
    flips = (copysign(1.0, x) < 0.0) & integer & (floor(half) != half)  # negative base, odd exponent
    result = power_of_positive(magnitude, y)
    result = select(magnitude == 0.0, select(y < 0.0, x.constant(math.inf), 0.0), result)
    result = select(magnitude == math.inf, select(y < 0.0, x.constant(0.0), math.inf), result)
    result = select(flips, -result, result)
    undefined = (x < 0.0) & ~integer & (magnitude < math.inf)
    return chain([(y == 0.0, 1.0), (x == 1.0, 1.0), (x != x, x), (y != y, y), (undefined, math.nan)], result)


ROOTS = (-1.5, -0.5, 0.5, 1.5, 2.5)
"""Exponents for which a square root takes the place of logarithm and exponential, within 2 ulp."""


def root_power(x: Value, y: float) -> Value:
    """x ** y for one of :data:`ROOTS`, with pow's answers at -0, inf and nan.

    No step overflows, or loses digits to underflow, unless the result does: so 1 / x is divided by the root of x, and
    not 1 by their product.
    """
    base = x + 0.0  # pow(-0, 0.5) is 0, the root of -0 is -0
    root = sqrt(base)
    result = {
        -1.5: lambda: (1.0 / base) / root,
        -0.5: lambda: 1.0 / root,
        0.5: lambda: root,
        1.5: lambda: base * root,
        2.5: lambda: base * base * root,
    }[y]()
    return select(x == -math.inf, math.inf if y > 0 else 0.0, result)


CBRT_OF_2 = 1.2599210498948732


@function("cbrt", float64=1.0, float32=1.0)
def cbrt(x: Value) -> Value:
    # |x| = 2^(3 q) m, m in [0.35, 2.83). A polynomial gives w near m^(-1/3); one step of third order on
    # h = 1 - m w^3 (Halley's series 1 + h/3 + 2 h^2/9) and one Newton step on the root y = m w^2 itself, whose
    # residual comes from fma. Neither divides.
    magnitude = fabs(x)
    k, m = split_exponent(magnitude)
    q, q_bits = round_scaled(k, 1.0 / 3.0)
    remainder = k - 3.0 * q  # -1, 0 or 1
    up, down = remainder > 0.0, remainder < 0.0
    seed = polynomial(m, coefficients.CBRT[x.format.name])
    w = seed * select(up, x.constant(1.0 / CBRT_OF_2), select(down, x.constant(CBRT_OF_2), 1.0))
    m = m * select(up, x.constant(2.0), select(down, x.constant(0.5), 1.0))
    h = fma(-m * w, w * w, 1.0)
    w = madd(w, h * madd(h, 2.0 / 9.0, 1.0 / 3.0), w)
    square = w * w
    y = m * square
    y_square, y_square_low = two_product(y, y)
    residual = fma(-y, y_square_low, fma(-y, y_square, m))
    y = madd(residual, square * (1.0 / 3.0), y)
    ordinary = (magnitude > 0.0) & (magnitude < math.inf)
    return select(ordinary, copysign(y * power_of_two(q_bits), x), x)


@function("hypot", arity=2, float64=1.2, float32=1.0)
def hypot(x: Value, y: Value) -> Value:
    # float32: no square of one overflows in float64. float64: scaled by a power of two where squares would not fit.
    infinite = (fabs(x) == math.inf) | (fabs(y) == math.inf)
    if x.format.name == "float32":
        wide_x, wide_y = x.to(FLOAT64), y.to(FLOAT64)
        return select(infinite, math.inf, sqrt(madd(wide_x, wide_x, wide_y * wide_y)).to(FLOAT32))
    a, b = fabs(x), fabs(y)
    swap = a < b
    large, small = select(swap, b, a), select(swap, a, b)
    too_large, too_small = large > 2.0**500, large < 2.0**-450
    factor = select(too_large, x.constant(2.0**-600), select(too_small, x.constant(2.0**600), 1.0))
    back = select(too_large, x.constant(2.0**600), select(too_small, x.constant(2.0**-600), 1.0))
    large, small = large * factor, small * factor
    return select(infinite, math.inf, sqrt(fma(large, large, small * small)) * back)
