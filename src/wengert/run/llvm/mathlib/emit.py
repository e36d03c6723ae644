"""Formulas that build LLVM IR: a thin layer over :mod:`wengert.run.llvm.ir` in which ``a * b + c`` emits instructions.

A :class:`Value` pairs an IR value with the builder that appends to the function being written. Python numbers mix in
freely and become constants of the other operand's type. Nothing here rewrites or reassociates: each operator is one
instruction, in the order written, which is what the error-free transformations of the mathlib depend on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wengert.run.llvm import ir

BOOL = ir.BIT


@dataclass(frozen=True)
class Format:
    """What the formulas must know of an IEEE 754 binary format."""

    name: str  # NumPy's name
    suffix: str  # LLVM's name in intrinsics
    type: ir.Type
    integer: ir.Type  # an integer of the same width, for the bit pattern
    mantissa: int  # stored bits of the significand
    bias: int

    @property
    def magic(self) -> float:
        """1.5 * 2^mantissa: adding it rounds to an integer, which then stands in the low bits of the sum."""
        return math.ldexp(1.5, self.mantissa)

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return math.ldexp(1.0, 1 - self.bias)

    @property
    def huge(self) -> float:
        """The largest power of two."""
        return math.ldexp(1.0, self.bias)


FLOAT64 = Format("float64", "f64", ir.DOUBLE, ir.I64, 52, 1023)
FLOAT32 = Format("float32", "f32", ir.FLOAT, ir.I32, 23, 127)


@functools.cache
def in_lanes(form: Format, count: int) -> Format:
    """The format of so many numbers at once."""
    kind = ir.vector(form.type, count)
    return replace(form, suffix=kind.suffix, type=kind, integer=ir.vector(form.integer, count))


def like(type_: ir.Type, model: ir.Type) -> ir.Type:
    """A scalar type, in as many lanes as the model has."""
    return ir.vector(type_, model.count) if model.count else type_


@functools.cache
def format_of(type_: ir.Type) -> Format | None:
    """The format of an IR type, or of its elements; None where it is no supported float."""
    form = next((f for f in (FLOAT64, FLOAT32) if f.type is type_.element), None)
    return in_lanes(form, type_.count) if form is not None and type_.count else form


class Value:
    """An IR value with operators. Comparisons of floats are ordered: false where an operand is nan (``!=``: true)."""

    __slots__ = ("builder", "ir")
    __hash__ = None  # type: ignore[assignment]  # == emits a comparison

    def __init__(self, builder: ir.Builder, value: ir.Value) -> None:
        self.builder = builder
        self.ir = value

    @property
    def format(self) -> Format:
        found = format_of(self.ir.type)
        if found is None:
            raise TypeError(f"expected a float value, got IR type {self.ir.type}")
        return found

    @property
    def is_float(self) -> bool:
        return self.ir.type.is_float

    def constant(self, number: float) -> Value:
        """A constant of this value's type."""
        if not self.is_float:
            number = int(number) & ((1 << self.ir.type.width) - 1)
        return Value(self.builder, ir.Constant(self.ir.type, number))

    def _emit(self, float_op: str | None, int_op: str | None, left: Value | float, right: Value | float) -> Value:
        a = left if isinstance(left, Value) else self.constant(left)
        b = right if isinstance(right, Value) else self.constant(right)
        op = float_op if self.is_float else int_op
        if op is None:
            raise TypeError(f"this operator has no meaning for IR type {self.ir.type}")
        return Value(self.builder, getattr(self.builder, op)(a.ir, b.ir))

    def __add__(self, other: Value | float) -> Value:
        return self._emit("fadd", "add", self, other)

    def __radd__(self, other: float) -> Value:
        return self._emit("fadd", "add", other, self)

    def __sub__(self, other: Value | float) -> Value:
        return self._emit("fsub", "sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self._emit("fsub", "sub", other, self)

    def __mul__(self, other: Value | float) -> Value:
        return self._emit("fmul", "mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self._emit("fmul", "mul", other, self)

    def __truediv__(self, other: Value | float) -> Value:
        return self._emit("fdiv", None, self, other)

    def __rtruediv__(self, other: float) -> Value:
        return self._emit("fdiv", None, other, self)

    def __neg__(self) -> Value:
        return Value(self.builder, self.builder.fneg(self.ir) if self.is_float else self.builder.neg(self.ir))

    def __and__(self, other: Value | int) -> Value:
        return self._emit(None, "and_", self, other)

    def __or__(self, other: Value | int) -> Value:
        return self._emit(None, "or_", self, other)

    def __xor__(self, other: Value | int) -> Value:
        return self._emit(None, "xor", self, other)

    def __lshift__(self, other: int) -> Value:
        return self._emit(None, "shl", self, other)

    def __rshift__(self, other: int) -> Value:
        """Logical shift: vectors have no 64-bit arithmetic shift before AVX-512."""
        return self._emit(None, "lshr", self, other)

    def __invert__(self) -> Value:
        return Value(self.builder, self.builder.not_(self.ir))

    def _compare(self, op: str, other: Value | float) -> Value:
        b = other if isinstance(other, Value) else self.constant(other)
        if not self.is_float:
            return Value(self.builder, self.builder.icmp_signed(op, self.ir, b.ir))
        compare = self.builder.fcmp_unordered if op == "!=" else self.builder.fcmp_ordered
        return Value(self.builder, compare(op, self.ir, b.ir))

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare(">=", other)

    def __eq__(self, other: Value | float) -> Value:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: Value | float) -> Value:  # type: ignore[override]
        return self._compare("!=", other)

    def bits(self) -> Value:
        """The bit pattern as an integer."""
        return Value(self.builder, self.builder.bitcast(self.ir, self.format.integer))

    def as_float(self) -> Value:
        """The float with this bit pattern."""
        target = FLOAT64 if self.ir.type.width == 64 else FLOAT32
        return Value(self.builder, self.builder.bitcast(self.ir, like(target.type, self.ir.type)))

    def to(self, target: Format) -> Value:
        """Conversion between float formats."""
        if self.format.name == target.name:
            return self
        convert = self.builder.fpext if target.name == "float64" else self.builder.fptrunc
        return Value(self.builder, convert(self.ir, like(target.type, self.ir.type)))


def select(condition: Value, a: Value | float, b: Value | float) -> Value:
    """``a if condition else b`` without a branch; both are computed."""
    model = a if isinstance(a, Value) else b
    if not isinstance(model, Value):
        raise TypeError("select needs at least one Value to know its type")
    a = a if isinstance(a, Value) else model.constant(a)
    b = b if isinstance(b, Value) else model.constant(b)
    return Value(condition.builder, condition.builder.select(condition.ir, a.ir, b.ir))


def _intrinsic(name: str, *operands: Value | float) -> Value:
    model = next(v for v in operands if isinstance(v, Value))
    values = [v if isinstance(v, Value) else model.constant(v) for v in operands]
    return Value(model.builder, model.builder.intrinsic(name, *(v.ir for v in values)))


def fma(a: Value | float, b: Value | float, c: Value | float) -> Value:
    """a * b + c rounded once. Exact error terms need it; where the CPU lacks it LLVM calls libm's slow one."""
    return _intrinsic("fma", a, b, c)


def madd(a: Value | float, b: Value | float, c: Value | float) -> Value:
    """a * b + c, fused where the CPU can: for polynomials, where one rounding more does no harm."""
    return _intrinsic("fmuladd", a, b, c)


def sqrt(x: Value) -> Value:
    return _intrinsic("sqrt", x)


def fabs(x: Value) -> Value:
    return _intrinsic("fabs", x)


def copysign(magnitude: Value | float, sign: Value) -> Value:
    return _intrinsic("copysign", magnitude, sign)


def floor(x: Value) -> Value:
    return _intrinsic("floor", x)


def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, constant term first."""
    total = x.constant(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = madd(total, x, c)
    return total


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """As :func:`horner`, split into even and odd powers: half the chain of dependent operations.

    A vectorised loop runs several elements at once only as far as the CPU can look ahead, so a long Horner chain is
    bound by latency. The last step is Horner's, which keeps its rounding error.
    """
    if len(coefficients) < 6:
        return horner(x, coefficients)
    square = x * x
    head, rest = coefficients[0], coefficients[1:]
    return madd(madd(horner(square, rest[1::2]), x, horner(square, rest[0::2])), x, head)


def chain(conditions: Iterable[tuple[Value, Value | float]], otherwise: Value) -> Value:
    """The value of the first condition that holds, else ``otherwise``."""
    result = otherwise
    for condition, value in reversed(list(conditions)):
        result = select(condition, value, result)
    return result
