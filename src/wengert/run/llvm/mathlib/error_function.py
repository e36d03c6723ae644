"""erf and erfc.

Near zero erf is an odd series. Further out erf(x) = 1 - exp(-p(x)), p fitted to -log(erfc(x)): what is subtracted is
small, so that the absolute error of p is enough. erfc needs its small values to full relative accuracy, so there it
is, from 1/2 on, exp(-x^2) times the slowly varying exp(x^2) erfc(x), a polynomial in t = (x - 3) / (x + 3) over x + 3
(the form of M. M. Shepherd and J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981), with
x^2 as an unevaluated sum: its rounding error would count 700-fold.
"""

from __future__ import annotations

from wengert.run.llvm.mathlib import coefficients
from wengert.run.llvm.mathlib.emit import Value, copysign, fabs, fma, madd, polynomial, select
from wengert.run.llvm.mathlib.exponential import exp_of_sum, reduce
from wengert.run.llvm.mathlib.ieee import power_of_two, two_product, two_sum
from wengert.run.llvm.mathlib.registry import function

ERFC_ZERO = {"float64": 27.3, "float32": 10.2}  # erfc rounds to 0 from here on


@function("erf", float64=2.5, float32=2.5)
def erf(x: Value) -> Value:
    name = x.format.name
    magnitude = fabs(x)
    z = x * x
    near = magnitude * polynomial(z, coefficients.ERF[name])
    bounded = select(magnitude > 5.95, 5.95, magnitude)
    # exp without the scaling for subnormals: the exponent stays between -38 and 0.
    _, bits, r, _ = reduce(-polynomial(bounded, coefficients.ERF_TAIL[name]))
    power = madd(r * r, polynomial(r, coefficients.EXP[name]), 1.0 + r)
    far = fma(-power, power_of_two(bits), 1.0)
    return copysign(select(magnitude < 1.0, near, far), x)


@function("erfc", float64=5.0, float32=5.0)
def erfc(x: Value) -> Value:
    name = x.format.name
    magnitude = fabs(x)
    a = select(magnitude > ERFC_ZERO[name], ERFC_ZERO[name], magnitude)
    denominator, lost = two_sum(a, a.constant(3.0))
    inverse = 1.0 / denominator
    top = a - 3.0
    t = top * inverse
    square, square_low = two_product(a, a)
    # The constant term is larger than the sum: its own rounding error would be felt.
    leading, *rest = coefficients.ERFCX[name]
    series = leading + madd(polynomial(t, rest), t, coefficients.ERFCX_LOW[name])
    # Relative error of 1 / (x + 3), from rounding sum and quotient; as a factor 1 + e it goes into the exponent.
    error = fma(-inverse, lost, fma(-inverse, denominator, 1.0))
    right = exp_of_sum(-square, error - square_low, inverse * series)
    near = fma(-x, polynomial(x * x, coefficients.ERF[name]), 1.0)
    return select(magnitude < 0.5, near, select(x < 0.0, 2.0 - right, right))
