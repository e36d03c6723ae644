"""exp, exp2, expm1, and sigmoid and softplus, which are exp with care taken of overflow and cancellation.

Method (W. J. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980): x = n log(2) + r with
|r| <= log(2)/2, so exp(x) = 2^n exp(r); exp(r) by a polynomial, 2^n by writing the exponent bits.
"""

from __future__ import annotations

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, copysign, fabs, fma, madd, polynomial, select
from wengert.run.llvm.mathlib.ieee import LN2, power_of_two, round_scaled, scale
from wengert.run.llvm.mathlib.logarithm import log1p
from wengert.run.llvm.mathlib.rare import unless
from wengert.run.llvm.mathlib.registry import function

LOG2_E = 1.4426950408889634
# Below the first exp rounds to 0, above the second to inf. Clamping to them bounds n; the results stay right.
EXP_RANGE = {"float64": (-746.0, 710.0), "float32": (-104.5, 89.5)}
EXP_NORMAL = {"float64": 708.0, "float32": 87.0}  # of no larger |x| is exp(x) subnormal or infinite
EXP2_RANGE = {"float64": (-1076.0, 1025.0), "float32": (-151.0, 129.0)}
EXPM1_RANGE = {"float64": (-40.0, 710.0), "float32": (-20.0, 88.9)}  # expm1 rounds to -1, to inf outside


def clamp(x: Value, low: float, high: float) -> Value:
    """x kept within [low, high]; nan stays nan."""
    x = select(x < low, low, x)
    return select(x > high, high, x)


def reduce(x: Value) -> tuple[Value, Value, Value, Value]:
    """(n, bits of n, r, error of r) with x = n log(2) + r + error.

    n times the leading half of log(2) cancels most of x; with FMA that difference is exact.
    """
    high, low = LN2[x.format.name]
    n, bits = round_scaled(x, LOG2_E)
    exact = fma(n, -high, x)
    r = fma(n, -low, exact)
    return n, bits, r, fma(n, -low, exact - r)


def expm1_reduced(r: Value, error: Value | None = None) -> Value:
    """exp(r + error) - 1 for |r| <= log(2)/2."""
    square = r * r
    tail = square * polynomial(r, coefficients.EXPM1[r.format.name])
    return r + (tail if error is None else tail + error)


def exp_of_sum(high: Value, low: Value, factor: Value | None = None) -> Value:
    """factor * exp(high + low), low being a correction to high; high within EXP_RANGE."""
    n, bits, r, error = reduce(high)
    r_sum = r + (error + low)
    square = r_sum * r_sum
    p = 1.0 + (r_sum + square * polynomial(r_sum, coefficients.EXP[high.format.name]))
    return scale(p if factor is None else p * factor, n, bits)


@function("exp", float64=1.2, float32=1.2)
def exp(x: Value) -> Value:
    return unless(_exp_rare, "exp", x, _exp_usual, _exp_any)


def _exp_rare(x: Value) -> Value:
    """Whether exp(x) is subnormal, infinite or nan. Zeros are usual: they are what masks are made with."""
    return ~(fabs(x) <= EXP_NORMAL[x.format.name]) & ~(x < EXP_RANGE[x.format.name][0])


def _exp_usual(x: Value) -> Value:
    """Where the result is a normal number, 2^n is one addition to its exponent."""
    _, bits, p = _exp_reduced(x)
    normal = (p.bits() + (bits << x.format.mantissa)).as_float()
    return select(x < EXP_RANGE[x.format.name][0], 0.0, normal)


def _exp_any(x: Value) -> Value:
    n, bits, p = _exp_reduced(clamp(x, *EXP_RANGE[x.format.name]))
    return scale(p, n, bits)


def _exp_reduced(x: Value) -> tuple[Value, Value, Value]:
    """(n, bits of n, exp(r)) with x = n log(2) + r."""
    n, bits, r, _ = reduce(x)
    return n, bits, 1.0 + madd(r * r, polynomial(r, coefficients.EXP[x.format.name]), r)


@function("exp2", float64=1.0, float32=1.0)
def exp2(x: Value) -> Value:
    # The reduction r = x - n is exact.
    x = clamp(x, *EXP2_RANGE[x.format.name])
    n, bits = round_scaled(x, 1.0)
    r = x - n
    return scale(madd(r, polynomial(r, coefficients.EXP2[x.format.name]), 1.0), n, bits)


@function("expm1", float64=1.6, float32=1.6)
def expm1(x: Value) -> Value:
    # 2^n (1 + p) - 1 = 2^n p + (2^n - 1), whose bracket is exact where it matters. Computed at half size, so that
    # 2^n itself does not overflow before the result does. The sign is copied for the sake of -0.
    name = x.format.name
    _, bits, r, error = reduce(clamp(x, *EXPM1_RANGE[name]))
    half = power_of_two(bits - 1)
    return copysign(2.0 * fma(expm1_reduced(r, error), half, half - 0.5), x)


@function("sigmoid", float64=2.5, float32=2.5)
def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x)), written with exp(-|x|), which cannot overflow and keeps the small values for x < 0."""
    e = exp(-fabs(x))
    return select(x < 0.0, e, 1.0) / (1.0 + e)


@function("softplus", float64=2.0, float32=2.0)
def softplus(x: Value) -> Value:
    """log(1 + exp(x)) = logaddexp(0, x) = max(x, 0) + log1p(exp(-|x|))."""
    return select(x < 0.0, 0.0, x) + log1p(exp(-fabs(x)))
