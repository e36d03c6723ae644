"""log, log2, log10, log1p.

Method: x = 2^k m with m in [sqrt(1/2), sqrt(2)), so log(x) = k log(2) + log(m). With f = m - 1 and s = f / (2 + f),
log(m) = 2 atanh(s), an odd series in the small s (|s| < 0.1716). Writing its leading part as f - f^2/2 + ... and not
as 2 s keeps the rounding error of the division out of the leading term (K. C. Ng's form in fdlibm's e_log.c, 1993).
"""

from __future__ import annotations

import math

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, chain, copysign, fma, madd, polynomial, select
from wengert.run.llvm.mathlib.ieee import LN2, power_of_two, round_scaled, split_exponent, two_sum
from wengert.run.llvm.mathlib.registry import function

# 1/log(2), 1/log(10) and log10(2) as unevaluated sums; log10(2)'s leading part is short, so k times it is exact.
LOG2_E = {
    "float64": (1.4426950408889634, 2.0355273740931033e-17),
    "float32": (1.4426950216293335, 1.925963033500011e-08),
}
LOG10_E = {
    "float64": (0.4342944819032518, 1.098319650216765e-17),
    "float32": (0.4342944920063019, -1.0103049952192578e-08),
}
LOG10_2 = {
    "float64": (0.30102999566383914, 1.42050232272661e-13),
    "float32": (0.301025390625, 4.605039066518657e-06),
}


def tail(f: Value) -> Value:
    """log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)]."""
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * f * f
    series = z * polynomial(z, coefficients.LOG[f.format.name])
    return s * (half_square + series) - half_square


def edges(x: Value, result: Value) -> Value:
    """The values of a logarithm at 0 and inf, for x < 0 and nan."""
    infinity = math.inf
    return chain([(x == 0.0, -infinity), (x < 0.0, math.nan), (x == infinity, infinity), (x != x, x)], result)


def combine(k: Value, f: Value) -> Value:
    """k log(2) + log(1 + f)."""
    high, low = LN2[f.format.name]
    return fma(k, high, f + madd(k, low, tail(f)))


@function("log", float64=1.2, float32=1.2)
def log(x: Value) -> Value:
    k, m = split_exponent(x)
    return edges(x, combine(k, m - 1.0))


def scaled_log(x: Value, factor: tuple[float, float], unit: tuple[float, float]) -> Value:
    """log(x) * factor, where unit = log(2) * factor; both are unevaluated sums.

    The leading products are carried with their rounding errors, so that the change of base costs no accuracy.
    """
    k, m = split_exponent(x)
    f = m - 1.0
    product = f * factor[0]
    rest = fma(f, factor[0], -product) + madd(f, factor[1], tail(f) * factor[0])
    # |k unit| is 0 or larger than |product| up to a factor of two, and two_sum is exact for any order.
    total, error = two_sum(k * unit[0], product)
    return edges(x, total + (error + madd(k, unit[1], rest)))


@function("log2", float64=1.2, float32=1.2)
def log2(x: Value) -> Value:
    return scaled_log(x, LOG2_E[x.format.name], (1.0, 0.0))


@function("log10", float64=1.2, float32=1.2)
def log10(x: Value) -> Value:
    return scaled_log(x, LOG10_E[x.format.name], LOG10_2[x.format.name])


def log1p_of_sum(high: Value, low: Value | None = None, doublings: Value | None = None) -> Value:
    """log(1 + high + low) + doublings * log(2), for 1 + high > 0 and finite; no edges.

    1 + high is rounded; its error, scaled like the mantissa, goes into f, where m - 1 has left room for it.
    """
    u, error = two_sum(high.constant(1.0), high)
    if low is not None:
        error = error + low
    k, m = split_exponent(u)
    _, negated = round_scaled(k, -1.0)
    # From 2^60 on the error is nothing, and 2^-k would leave the normal range.
    shifted = select(k < 60.0, error * power_of_two(negated), 0.0)
    return combine(k if doublings is None else k + doublings, (m - 1.0) + shifted)


@function("log1p", float64=1.5, float32=1.5)
def log1p(x: Value) -> Value:
    infinity = math.inf
    result = copysign(log1p_of_sum(x), x)
    return chain([(x == -1.0, -infinity), (x < -1.0, math.nan), (x == infinity, infinity), (x != x, x)], result)
