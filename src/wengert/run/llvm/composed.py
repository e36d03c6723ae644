"""Scalar operations made of others: divisions with remainder, shifts, powers known to be roots, products with a
logarithm, the logistic family.

The case distinctions are NumPy's (``npy_divmod``) and SciPy's (``xlogy``, ``logit``, ``log_expit``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import ir
from .mathlib.emit import Value, copysign, fabs, floor, select
from .mathlib.power import ROOTS, root_power

# -- division with remainder ------------------------------------------------------------------------------------------


def _rest(o: Any) -> Value:
    """The remainder with the sign of the dividend, as C's fmod."""
    return Value(o.builder, o.builder.frem(*o.args))


def _float_divmod(o: Any) -> tuple[Value, Value]:
    """Quotient and remainder with the sign of the divisor."""
    a, b = o.value(0), o.value(1)
    rest = _rest(o)
    quotient = (a - rest) / b
    turned = (rest != 0.0) & ((b < 0.0) ^ (rest < 0.0))
    quotient = select(turned, quotient - 1.0, quotient)
    rest = select(rest != 0.0, select(turned, rest + b, rest), copysign(0.0, b))
    rounded = floor(quotient)
    rounded = select(quotient - rounded > 0.5, rounded + 1.0, rounded)
    whole = select(quotient != 0.0, rounded, copysign(0.0, a / b))
    by_zero = b == 0.0
    return select(by_zero, a / b, whole), select(by_zero, _rest(o), rest)


def _int_divmod(o: Any) -> tuple[Any, Any, Any]:
    """Quotient and remainder as C has them, and whether the divisor is 0, for which both are 0."""
    b, (x, y) = o.builder, o.args
    zero, one = ir.Constant(x.type, 0), ir.Constant(x.type, 1)
    by_zero = b.icmp_signed("==", y, zero)
    if o.dtype.kind in "ub":
        safe = b.select(by_zero, one, y)
        quotient, rest = b.udiv(x, safe), b.urem(x, safe)
    else:
        # The smallest integer divided by -1 does not fit; in two's complement it is itself, as with NumPy.
        least = ir.Constant(x.type, -(1 << (x.type.width - 1)))
        unfit = b.and_(b.icmp_signed("==", x, least), b.icmp_signed("==", y, ir.Constant(x.type, -1)))
        safe = b.select(b.or_(by_zero, unfit), one, y)
        quotient = b.sdiv(x, safe)
        rest = b.select(unfit, zero, b.srem(x, safe))
    return b.select(by_zero, zero, quotient), b.select(by_zero, zero, rest), by_zero


def _turned(o: Any, rest: Any) -> Any:
    """Whether rounding down differs from rounding to zero."""
    b, zero = o.builder, ir.Constant(rest.type, 0)
    differ = b.icmp_signed("!=", b.icmp_signed("<", rest, zero), b.icmp_signed("<", o.args[1], zero))
    return b.and_(b.icmp_signed("!=", rest, zero), differ)


def _floor_divide(o: Any) -> Any:
    if o.is_float:
        return _float_divmod(o)[0].ir
    quotient, rest, _ = _int_divmod(o)
    if o.dtype.kind in "ub":
        return quotient
    return o.builder.select(_turned(o, rest), o.builder.sub(quotient, ir.Constant(rest.type, 1)), quotient)


def _remainder(o: Any) -> Any:
    if o.is_float:
        return _float_divmod(o)[1].ir
    _, rest, _ = _int_divmod(o)
    if o.dtype.kind in "ub":
        return rest
    return o.builder.select(_turned(o, rest), o.builder.add(rest, o.args[1]), rest)


def _fmod(o: Any) -> Any:
    return _rest(o).ir if o.is_float else _int_divmod(o)[1]


def _shift(op: str) -> Callable[[Any], Any]:
    """Shifts by more bits than there are leave nothing but the sign."""

    def build(o: Any) -> Any:
        b, (x, y) = o.builder, o.args
        zero, width = ir.Constant(x.type, 0), ir.Constant(x.type, x.type.width)
        inside = b.icmp_unsigned("<", y, width)
        safe = b.select(inside, y, zero)
        if op == "left":
            return b.select(inside, b.shl(x, safe), zero)
        if o.dtype.kind in "ub":
            return b.select(inside, b.lshr(x, safe), zero)
        sign = b.ashr(x, ir.Constant(x.type, x.type.width - 1))
        return b.select(inside, b.ashr(x, safe), sign)

    return build


# -- logarithms -------------------------------------------------------------------------------------------------------


def _call(o: Any, name: str, *args: Value) -> Value:
    return Value(o.builder, o.mathlib(name, *(x.ir for x in args)))


def _product_with(name: str) -> Callable[[Any], Any]:
    """x log(y), 0 where x is 0 unless y is nan."""

    def build(o: Any) -> Any:
        x, y = o.value(0), o.value(1)
        nothing = (x == 0.0) & (y == y)
        return select(nothing, 0.0, x * _call(o, name, y)).ir

    return build


def _logit(o: Any) -> Any:
    """log(x / (1 - x)); near 1/2 by log1p, where the quotient would lose digits."""
    x = o.value(0)
    s = 2.0 * (x - 0.5)
    near = _call(o, "log1p", s) - _call(o, "log1p", -s)
    far = _call(o, "log", x / (1.0 - x))
    return select((x < 0.3) | (x > 0.65), far, near).ir


def _log_expit(o: Any) -> Any:
    x = o.value(0)
    tail = _call(o, "log1p", _call(o, "exp", -fabs(x)))
    return select(x < 0.0, x - tail, -tail).ir


def _logaddexp2(o: Any) -> Any:
    """max(x, y) + log2(1 + 2^-|x - y|)."""
    x, y = o.value(0), o.value(1)
    tail = _call(o, "log1p", _call(o, "exp2", -fabs(x - y))) * (1.0 / math.log(2.0))
    larger = select((x > y) | (x != x), x, y)
    return select(x == y, x + 1.0, larger + tail).ir


def _pow(o: Any) -> Any:
    """x ** y; by a square root where y is known to be half of a small odd number."""
    exponent = o.args[1]
    if isinstance(exponent, ir.Constant) and exponent.constant in ROOTS:
        return root_power(o.value(0), float(exponent.constant)).ir
    return o.mathlib("pow")


def _exp10(o: Any) -> Any:
    x = o.value(0)
    return _call(o, "pow", x.constant(10.0), x).ir


def _gammaln(o: Any) -> Any:
    """As the mathlib's, but with SciPy's answer at -inf."""
    x = o.value(0)
    return select(x == -math.inf, x, _call(o, "lgamma", x)).ir


TABLE: dict[str | None, Callable[..., Any]] = {
    "lgamma": _gammaln,
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "fmod": _fmod,
    "left_shift": _shift("left"),
    "right_shift": _shift("right"),
    "xlogy": _product_with("log"),
    "xlog1py": _product_with("log1p"),
    "logit": _logit,
    "log_expit": _log_expit,
    "logaddexp2": _logaddexp2,
    "exp10": _exp10,
    "pow": _pow,
}
