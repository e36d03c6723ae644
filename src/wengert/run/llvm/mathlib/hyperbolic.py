"""sinh, cosh, tanh and their inverses.

Forward: |x| = n log(2) + r as for exp. With S = sinh(r), C = cosh(r), a = 2^n / 2 and b = 2^-n / 2 the addition
theorem gives sinh|x| = S (a + b) + C (a - b) and cosh|x| = C (a + b) + S (a - b). Both polynomials are short, a + b
and a - b are exact where b matters, and for n = 0 sinh is S alone: no cancellation, no division.
Inverse: the logarithms of the textbook, arranged for log1p, with the rounding error of its argument carried along.
"""

from __future__ import annotations

import math

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, chain, copysign, fabs, fma, madd, polynomial, select, sqrt
from wengert.run.llvm.mathlib.exponential import expm1, reduce
from wengert.run.llvm.mathlib.ieee import fast_two_sum, power_of_two
from wengert.run.llvm.mathlib.logarithm import log1p_of_sum
from wengert.run.llvm.mathlib.registry import function

OVERFLOW = {"float64": 710.6, "float32": 89.5}  # sinh and cosh are inf from here on
LARGE = {"float64": 2.0**60, "float32": 2.0**30}  # asinh and acosh are log(2 x) from here on
TANH_ONE = {"float64": 20.0, "float32": 10.0}  # tanh rounds to 1 from here on


def halves(magnitude: Value) -> tuple[Value, Value]:
    """(sinh, cosh) of a non-negative number, both divided by 2 so that 2^n cannot overflow first."""
    name = magnitude.format.name
    n, bits, r, error = reduce(magnitude)
    a = power_of_two(bits - 2)
    b = select(n > 64.0, 0.0, power_of_two(-2 - bits))
    total, difference = a + b, a - b
    z = r * r
    sinh_tail = madd(z * r, polynomial(z, coefficients.SINH[name]), error)  # sinh(r) - r
    cosh_tail = z * polynomial(z, coefficients.COSH[name])  # cosh(r) - 1
    # Leading terms first in one fma, the small ones on top: two roundings in all.
    sinh_half = fma(r, total, difference) + madd(cosh_tail, difference, sinh_tail * total)
    cosh_half = fma(r, difference, total) + madd(cosh_tail, total, sinh_tail * difference)
    return sinh_half, cosh_half


def clamped(x: Value, limit: float) -> Value:
    """min(|x|, limit), nan for nan."""
    magnitude = fabs(x)
    return select(magnitude > limit, limit, magnitude)


@function("sinh", float64=2.2, float32=2.2)
def sinh(x: Value) -> Value:
    half, _ = halves(clamped(x, OVERFLOW[x.format.name]))
    return copysign(2.0 * half, x)


@function("cosh", float64=2.2, float32=2.2)
def cosh(x: Value) -> Value:
    _, half = halves(clamped(x, OVERFLOW[x.format.name]))
    return 2.0 * half


@function("tanh", float64=2.5, float32=2.5)
def tanh(x: Value) -> Value:
    # With E = exp(2|x|) - 1: E / (E + 2), and 1 - 2 / (E + 2) where that is nearer to 1; one division does both.
    magnitude = clamped(x, TANH_ONE[x.format.name])
    e = expm1(2.0 * magnitude)
    near = magnitude < 0.55
    quotient = select(near, e, 2.0) / (2.0 + e)
    return copysign(select(near, quotient, 1.0 - quotient), x)


@function("asinh", float64=2.0, float32=2.0)
def asinh(x: Value) -> Value:
    # log(|x| + sqrt(x^2 + 1)) = log1p(|x| + x^2 / (1 + sqrt(x^2 + 1))); for large |x| it is log|x| + log(2).
    magnitude = fabs(x)
    large = magnitude > LARGE[x.format.name]
    a = select(large, 1.0, magnitude)
    square = a * a
    high, low = fast_two_sum(a, square / (1.0 + sqrt(1.0 + square)))
    argument = select(large, magnitude, high)
    result = log1p_of_sum(argument, select(large, 0.0, low), select(large, x.constant(1.0), 0.0))
    return copysign(chain([(magnitude == math.inf, magnitude), (x != x, x)], result), x)


@function("acosh", float64=2.2, float32=2.2)
def acosh(x: Value) -> Value:
    # With t = x - 1, exact near 1: log(x + sqrt(x^2 - 1)) = log1p(t + sqrt(t^2 + 2 t)).
    large = x > LARGE[x.format.name]
    t = select(large, 1.0, x - 1.0)
    root = sqrt(fma(t, t, 2.0 * t))
    high, low = fast_two_sum(root, t)
    result = log1p_of_sum(select(large, x, high), select(large, 0.0, low), select(large, x.constant(1.0), 0.0))
    return chain([(x < 1.0, math.nan), (x == math.inf, x), (x != x, x)], result)


@function("atanh", float64=1.7, float32=1.7)
def atanh(x: Value) -> Value:
    # log1p(2 x / (1 - x)) / 2, the quotient as an unevaluated sum: its residual comes from one fma.
    magnitude = fabs(x)
    denominator = 1.0 - magnitude
    lost = (1.0 - denominator) - magnitude
    inverse = 1.0 / denominator
    twice = 2.0 * magnitude
    quotient = twice * inverse
    low = fma(-quotient, lost, fma(-quotient, denominator, twice)) * inverse
    result = 0.5 * log1p_of_sum(quotient, low)
    return copysign(chain([(magnitude == 1.0, math.inf), (magnitude > 1.0, math.nan), (x != x, x)], result), x)
