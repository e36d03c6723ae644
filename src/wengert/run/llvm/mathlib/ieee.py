"""Pieces shared by the families: rounding, powers of two, exponents, and exact sums and products."""

from __future__ import annotations

from wengert.run.llvm.mathlib.emit import Value, fma, select

LN2 = {  # log(2) as the unevaluated sum of two floats
    "float64": (0.6931471805599453, 2.3190468138462996e-17),
    "float32": (0.6931471824645996, -1.9046542121259336e-09),
}


def round_scaled(x: Value, factor: float) -> tuple[Value, Value]:
    """The integer nearest to x * factor, as a float and in the low bits of an integer.

    Adding 1.5 * 2^52 leaves no room for a fraction, and the sum's low bits are the integer in two's complement. This
    needs no float-to-integer conversion, which AVX2 lacks for 64 bits. |x * factor| < 2^51 (2^22 in float32).
    """
    shifted = fma(x, factor, x.format.magic)
    return shifted - x.format.magic, shifted.bits()


def power_of_two(n: Value) -> Value:
    """2^n, n an integer in the normal range whose high bits may be anything (they are shifted out)."""
    mantissa, bias = (52, 1023) if n.ir.type.width == 64 else (23, 127)
    return ((n + bias) << mantissa).as_float()


def scale(x: Value, n: Value, n_bits: Value) -> Value:
    """x * 2^n for any n: two multiplications, so that a subnormal result is rounded once and overflow gives inf."""
    _, half_bits = round_scaled(n, 0.5)
    return x * power_of_two(half_bits) * power_of_two(n_bits - half_bits)


def split_exponent(x: Value) -> tuple[Value, Value]:
    """(k, m) with x = 2^k m, sqrt(1/2) <= m < sqrt(2), for positive finite x; k is a float.

    Subnormals are scaled up first. Subtracting the bit pattern of sqrt(1/2) makes the exponent field change at
    sqrt(1/2) and not at 1. For x = 0, inf, nan or x < 0 the result means nothing; the caller selects it away.
    """
    form = x.format
    subnormal = x < form.tiny
    lift = form.mantissa + 2
    bits = select(subnormal, x * 2.0**lift, x).bits()
    one = form.bias << form.mantissa
    root_half = 0x3FE6A09E667F3BCD if form.name == "float64" else 0x3F3504F3
    shifted = bits + (one - root_half)
    field = shifted >> form.mantissa
    m = ((shifted & ((1 << form.mantissa) - 1)) + root_half).as_float()
    # An integer below 2^mantissa put into the low bits of 2^mantissa is that float plus the integer.
    anchor = 2.0**form.mantissa
    k = (field | x.constant(anchor).bits()).as_float() - select(
        subnormal, x.constant(anchor + form.bias + lift), anchor + form.bias
    )
    return k, m


def fast_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b as rounded sum and exact error, |a| >= |b| (T. J. Dekker, 1971)."""
    total = a + b
    return total, b - (total - a)


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b as rounded sum and exact error (D. E. Knuth)."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


def two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b as rounded product and exact error."""
    product = a * b
    return product, fma(a, b, -product)
