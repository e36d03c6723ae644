"""lgamma (the logarithm of |gamma|) and digamma (its derivative).

Three ranges, chosen by selection: [1, 3) by a polynomial from which the zeros are factored out, so that values near
them keep their relative accuracy; [3, 8) and (0, 1) moved there by the recurrences gamma(x + 1) = x gamma(x) and
digamma(x + 1) = digamma(x) + 1/x; from 8 on Stirling's series. Negative arguments by the reflection formulas
(Abramowitz and Stegun, 6.1.17 and 6.3.7): there, near the zeros between the poles, the error is absolute, not relative.
"""

from __future__ import annotations

import math

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, chain, copysign, fabs, floor, fma, madd, polynomial, select
from wengert.run.llvm.mathlib.ieee import split_exponent
from wengert.run.llvm.mathlib.logarithm import combine
from wengert.run.llvm.mathlib.registry import function
from wengert.run.llvm.mathlib.trigonometric import cos_reduced, sin_reduced

STIRLING = 8.0  # the series is good from here on
STEPS = 5  # from [7, 8) down to [2, 3)
HALF_LOG_TWO_PI_LESS_HALF = 0.4189385332046727
TWO_LESS_ZERO = {  # 2 - x0, where digamma(x0) = 0
    "float64": (0.5383678550316376, 1.5522348162858677e-17),
    "float32": (0.5383678674697876, -1.243815006546356e-08),
}


def positive_log(x: Value) -> Value:
    """log(x) of a positive finite number."""
    k, m = split_exponent(x)
    return combine(k, m - 1.0)


def sine_and_cosine_of_turns(x: Value) -> tuple[Value, Value]:
    """(|sin(pi x)|, cos(pi x) with the sign of tan(pi x)); the reduction modulo 1 is exact."""
    fraction = x - floor(x)
    mirrored = fraction > 0.5
    s = select(mirrored, 1.0 - fraction, fraction)
    swap = s > 0.25
    angle = math.pi * select(swap, 0.5 - s, s)
    zero = x.constant(0.0)
    sine, cosine = sin_reduced(angle, zero), cos_reduced(angle, zero)
    near, far = select(swap, cosine, sine), select(swap, sine, cosine)
    return near, select(mirrored, -far, far)


@function("lgamma", float64=3.0, float32=3.0)
def lgamma(x: Value) -> Value:
    name = x.format.name
    a = fabs(x)
    large, small = a >= STIRLING, a < 1.0
    y, product = a, x.constant(1.0)
    for _ in range(STEPS):
        step = (y >= 3.0) & ~large
        lower = y - 1.0
        product = select(step, product * lower, product)
        y = select(step, lower, y)
    t = select(small, a - 1.0, y - 2.0)
    middle = t * (t + 1.0) * polynomial(select(large, 0.0, t), coefficients.LGAMMA[name])
    logarithm = positive_log(select(large | small, a, product))
    moved = middle + select(small, -logarithm, select(a < 3.0, 0.0, logarithm))
    inverse = 1.0 / a
    series = inverse * polynomial(inverse * inverse, coefficients.LGAMMA_TAIL[name])
    stirling = fma(a - 0.5, logarithm - 1.0, series + HALF_LOG_TWO_PI_LESS_HALF)
    positive = select(large, stirling, moved)
    sine, _ = sine_and_cosine_of_turns(a)
    # lgamma(-a) = log(pi / (a |sin(pi a)|)) - lgamma(a)
    reflected = math.log(math.pi) - positive_log(a * sine) - positive
    result = select(x < 0.0, reflected, positive)
    pole = (x <= 0.0) & (floor(x) == x)
    return chain([(x != x, x), (pole | (a == math.inf), math.inf)], result)


@function("digamma", float64=3.0, float32=3.0)
def digamma(x: Value) -> Value:
    name = x.format.name
    a = fabs(x)
    large, small = a >= STIRLING, a < 1.0
    y, numerator, denominator = a, x.constant(0.0), x.constant(1.0)
    for _ in range(STEPS):  # the sum of 1/y over the steps, as one fraction
        step = (y >= 3.0) & ~large
        lower = y - 1.0
        numerator = select(step, madd(numerator, lower, denominator), numerator)
        denominator = select(step, denominator * lower, denominator)
        y = select(step, lower, y)
    outside = large | small
    quotient = select(outside, 1.0, numerator) / select(outside, a, denominator)
    t = select(small, a - 1.0, y - 2.0)
    high, low = TWO_LESS_ZERO[name]
    middle = ((t + high) + low) * polynomial(select(large, 0.0, t), coefficients.DIGAMMA[name])
    moved = middle + select(small, -quotient, quotient)
    z = quotient * quotient
    series = madd(z, polynomial(z, coefficients.DIGAMMA_TAIL[name]), 0.5 * quotient)
    stirling = positive_log(select(large, a, 1.0)) - series
    positive = select(large, stirling, moved)
    sine, cosine = sine_and_cosine_of_turns(a)
    # digamma(-a) = digamma(a) + 1/a + pi / tan(pi a)
    # and digamma(a) + 1/a = digamma(a + 1), which is what ``middle`` holds for a < 1.
    reflected = select(small, middle, positive + 1.0 / a) + math.pi * (cosine / sine)
    result = select(x < 0.0, reflected, positive)
    pole = (x < 0.0) & (floor(x) == x)
    return chain([(x != x, x), (x == 0.0, copysign(math.inf, -x)), (x == math.inf, x), (pole, math.nan)], result)
