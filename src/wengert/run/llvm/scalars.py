"""Scalar operations: what an elementwise primitive's ``lower`` names, as LLVM IR on one entry of each operand.

A loop over these is what LLVM vectorises, so they are straight-line code.  In registers a bool is an ``i1``; in
memory it is a byte, as in
NumPy.  Results agree with NumPy at nan, inf, signed zeros and integer overflow (which wraps).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from . import composed, ir
from .mathlib import declare, declare_called
from .mathlib.emit import Value, copysign, fabs, like
from .mathlib.emit import sqrt as sqrt_of
from .operations import MATHLIB, code, is_native

BIT: Final = ir.BIT
BYTE: Final = ir.BYTE
INDEX: Final = ir.I64

_TYPES: Final[dict[str, ir.Type]] = {
    "f8": ir.DOUBLE,
    "f4": ir.FLOAT,
    "i8": ir.I64,
    "i4": ir.I32,
    "i2": ir.integer(16),
    "i1": ir.BYTE,
    "u1": ir.BYTE,
    "u2": ir.integer(16),
    "u4": ir.I32,
    "u8": ir.I64,
    "b1": BIT,
}


def register_type(dtype: Any) -> ir.Type:
    """Return the type of a value in a register; what loops can only copy (complex, float16) is a bag of bits."""
    return _TYPES.get(code(dtype)) or ir.integer(8 * dtype.itemsize)


def memory_type(dtype: Any) -> ir.Type:
    """Return the type of a value in memory."""
    return BYTE if dtype.kind == "b" else register_type(dtype)


def constant(value: Any, dtype: Any) -> ir.Constant:
    """Return a constant of a dtype."""
    kind = register_type(dtype)
    if not is_native(dtype):
        return ir.Constant(kind, int.from_bytes(np.asarray(value, dtype).tobytes(), "little"))
    if dtype.kind == "f":
        return ir.Constant(kind, float(dtype.type(value)))
    return ir.Constant(kind, int(dtype.type(value)))


class Operation:
    """One application of a scalar operation: operands as IR values with their dtypes, and where to put the code."""

    def __init__(
        self, builder: ir.Builder, args: Sequence[Any], dtypes: Sequence[Any], out: Any, inline: bool = True
    ) -> None:
        self.inline = inline
        self.builder = builder
        self.args = list(args)
        self.dtypes = list(dtypes)
        self.dtype = self.dtypes[0] if self.dtypes else out
        self.out = out

    @property
    def is_float(self) -> bool:
        return bool(self.dtype.kind == "f")

    def value(self, k: int) -> Value:
        """Return operand k with operators."""
        return Value(self.builder, self.args[k])

    def intrinsic(self, name: str, *args: Any) -> Any:
        """Call an LLVM intrinsic."""
        return self.builder.intrinsic(name, *args)

    def mathlib(self, name: str, *args: Any) -> Any:
        """Call a function of the mathlib, of the operands if nothing else is said."""
        args = args or tuple(self.args)
        function = (declare if self.inline else declare_called)(self.builder.module, name, args[0].type)
        return self.builder.call(function, args)


def emit(name: str, operation: Operation, params: Mapping[str, Any]) -> Any:
    """Emit a scalar operation and return its IR value."""
    return _TABLE[name](operation, **params)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _arithmetic(float_op: str, int_op: str) -> Callable[..., Any]:
    def build(o: Operation) -> Any:
        if o.dtype.kind == "b":  # NumPy: + is or, * is and
            return o.builder.or_(*o.args) if int_op == "add" else o.builder.and_(*o.args)
        return getattr(o.builder, float_op if o.is_float else int_op)(*o.args)

    return build


def _neg(o: Operation) -> Any:
    return o.builder.fneg(o.args[0]) if o.is_float else o.builder.neg(o.args[0])


def _scale(o: Operation) -> Any:
    """c * t, where an exact zero wins over inf and nan."""
    b, (c, t) = o.builder, o.args
    zero = ir.Constant(c.type, 0.0)
    product = b.fmul(c, t)
    if is_plain(c) or is_plain(t):
        return product  # times a finite number that is not zero, zero is zero anyway
    has_zero = b.or_(b.fcmp_ordered("==", c, zero), b.fcmp_ordered("==", t, zero))
    # Only a nan is replaced: a product with a zero that is a number keeps its sign.
    is_nan = b.fcmp_unordered("uno", product, product)
    return b.select(b.and_(has_zero, is_nan), zero, product)


def is_plain(value: Any) -> bool:
    """Say whether a value is a constant that is finite and not zero."""
    number = value.constant if isinstance(value, ir.Constant) else None
    return isinstance(number, float | int) and math.isfinite(number) and number != 0


def _div(o: Operation) -> Any:
    return o.builder.fdiv(*o.args)


def _reciprocal(o: Operation) -> Any:
    return (1.0 / o.value(0)).ir


def _integer_pow(o: Operation, n: int) -> Any:
    """Repeated squaring; exact where the product is, else within |n| ulp of NumPy."""
    x = o.value(0)
    if n == 0:
        return x.constant(1.0).ir
    result: Value | None = None
    square, k = x, abs(n)
    while k:
        if k & 1:
            result = square if result is None else result * square
        k >>= 1
        if k:
            square = square * square
    assert result is not None
    return (1.0 / result).ir if n < 0 else result.ir


def _convert(o: Operation, dtype: Any) -> Any:
    b, x, source = o.builder, o.args[0], o.dtype
    target = like(register_type(dtype), x.type)
    if source == dtype:
        return x
    if dtype.kind == "b":
        if source.kind == "f":
            return b.fcmp_unordered("!=", x, ir.Constant(x.type, 0.0))
        return b.icmp_signed("!=", x, ir.Constant(x.type, 0))
    if source.kind == "f":
        if dtype.kind == "f":
            return b.fpext(x, target) if dtype.itemsize > source.itemsize else b.fptrunc(x, target)
        # x86 gives the smallest integer for nan and out-of-range values, as NumPy does there; LLVM's freeze keeps
        # that defined.
        return b.fptosi(x, target) if dtype.kind == "i" else b.fptoui(x, target)
    if source.kind == "b" and dtype.kind == "f":
        return b.select(x, ir.Constant(target, 1.0), ir.Constant(target, 0.0))
    if dtype.kind == "f":
        return b.uitofp(x, target) if source.kind in "bu" else b.sitofp(x, target)
    if dtype.itemsize > source.itemsize or source.kind == "b":
        return b.zext(x, target) if source.kind in "bu" else b.sext(x, target)
    return b.trunc(x, target) if dtype.itemsize < source.itemsize else x


def _same(o: Operation) -> Any:
    return o.args[0]


def _abs(o: Operation) -> Any:
    if o.is_float:
        return fabs(o.value(0)).ir
    if o.dtype.kind in "ub":
        return o.args[0]
    b, x = o.builder, o.args[0]
    return b.select(b.icmp_signed("<", x, ir.Constant(x.type, 0)), b.neg(x), x)


def _sign(o: Operation) -> Any:
    b, x = o.builder, o.args[0]
    if o.is_float:
        zero = ir.Constant(x.type, 0.0)
        one = ir.Constant(x.type, 1.0)
        positive = b.select(b.fcmp_ordered(">", x, zero), one, zero)
        found = b.select(b.fcmp_ordered("<", x, zero), ir.Constant(x.type, -1.0), positive)
        return b.select(b.fcmp_unordered("uno", x, x), x, found)
    zero, one = ir.Constant(x.type, 0), ir.Constant(x.type, 1)
    if o.dtype.kind in "ub":
        return b.select(b.icmp_unsigned(">", x, zero), one, zero)
    return b.select(
        b.icmp_signed("<", x, zero), ir.Constant(x.type, -1), b.select(b.icmp_signed(">", x, zero), one, zero)
    )


# -- comparison and choice --------------------------------------------------------------------------------------------


def _comparison(op: str) -> Callable[..., Any]:
    def build(o: Operation) -> Any:
        if o.is_float:
            compare = o.builder.fcmp_unordered if op == "!=" else o.builder.fcmp_ordered
            return compare(op, *o.args)
        compare = o.builder.icmp_unsigned if o.dtype.kind in "ub" else o.builder.icmp_signed
        return compare(op, *o.args)

    return build


def _extreme(op: str) -> Callable[..., Any]:
    def build(o: Operation) -> Any:
        b, (x, y) = o.builder, o.args
        if o.is_float:
            # nan wins, as in NumPy: y if x is not better, which it is not if y is nan; x if it is nan itself.
            chosen = b.select(b.fcmp_ordered(op, x, y), x, y)
            return b.select(b.fcmp_unordered("uno", x, x), x, chosen)
        compare = b.icmp_unsigned if o.dtype.kind in "ub" else b.icmp_signed
        return b.select(compare(op, x, y), x, y)

    return build


def _logaddexp(o: Operation) -> Any:
    """max(x, y) + log1p(exp(-|x - y|)); equal operands (both infinite, too) give x + log 2."""
    b, (x, y) = o.builder, o.args
    distance = fabs(o.value(0) - o.value(1))
    tail = o.mathlib("log1p", o.mathlib("exp", (-distance).ir))
    equal = b.fcmp_ordered("==", x, y)
    total = b.fadd(_extreme(">")(o), tail)
    return b.select(equal, b.fadd(x, ir.Constant(x.type, math.log(2.0))), total)


def _select(o: Operation) -> Any:
    return o.builder.select(*o.args)


def _isnan(o: Operation) -> Any:
    if not o.is_float:
        return ir.Constant(like(BIT, o.args[0].type), 0)
    return o.builder.fcmp_unordered("uno", o.args[0], o.args[0])


def _is_inf(o: Operation) -> Any:
    if not o.is_float:
        return ir.Constant(like(BIT, o.args[0].type), 0)
    return (fabs(o.value(0)) == float("inf")).ir


def _is_finite(o: Operation) -> Any:
    if not o.is_float:
        return ir.Constant(like(BIT, o.args[0].type), 1)
    return (fabs(o.value(0)) < float("inf")).ir


def _signbit(o: Operation) -> Any:
    bits = o.value(0).bits().ir
    return o.builder.icmp_signed("<", bits, ir.Constant(bits.type, 0))


def _rounding(intrinsic: str) -> Callable[..., Any]:
    def build(o: Operation) -> Any:
        return o.intrinsic(intrinsic, o.args[0]) if o.is_float else o.args[0]

    return build


def _bits(op: str) -> Callable[..., Any]:
    def build(o: Operation) -> Any:
        return getattr(o.builder, op)(*o.args)

    return build


def _mathlib(name: str) -> Callable[..., Any]:
    return lambda o: o.mathlib(name)


_TABLE: Final[dict[str | None, Callable[..., Any]]] = {
    "add": _arithmetic("fadd", "add"),
    # For sums of products, in one rounding or two as the processor likes it better.
    "madd": lambda o: o.intrinsic("fmuladd", *o.args),
    "sub": _arithmetic("fsub", "sub"),
    "mul": _arithmetic("fmul", "mul"),
    "neg": _neg,
    "scale": _scale,
    "div": _div,
    "reciprocal": _reciprocal,
    "integer_pow": _integer_pow,
    "convert": _convert,
    "copy": _same,
    "stop_gradient": _same,
    "abs": _abs,
    "sign": _sign,
    "sqrt": lambda o: sqrt_of(o.value(0)).ir,
    "copysign": lambda o: copysign(o.value(0), o.value(1)).ir,
    "eq": _comparison("=="),
    "ne": _comparison("!="),
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "max": _extreme(">"),
    "min": _extreme("<"),
    "logaddexp": _logaddexp,
    "select": _select,
    "isnan": _isnan,
    "isinf": _is_inf,
    "isfinite": _is_finite,
    "signbit": _signbit,
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "trunc": _rounding("trunc"),
    "rint": _rounding("rint"),
    "logical_and": _bits("and_"),
    "logical_or": _bits("or_"),
    "logical_xor": _bits("xor"),
    "logical_not": _bits("not_"),
    "bitwise_and": _bits("and_"),
    "bitwise_or": _bits("or_"),
    "bitwise_xor": _bits("xor"),
    "bitwise_not": _bits("not_"),
    **{name: _mathlib(name) for name in MATHLIB},
    **composed.TABLE,
}
