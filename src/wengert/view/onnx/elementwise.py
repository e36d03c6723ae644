"""ONNX forms of elementwise primitives: most are one operator, some a formula that is as accurate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...core.aval import Aval
from .model import FORMS, Form, Value, Writer, form

_OPERATORS: Final = {
    "add": "Add", "sub": "Sub", "neg": "Neg", "mul": "Mul", "pow": "Pow", "reciprocal": "Reciprocal", "abs": "Abs",
    "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh", "arccosh": "Acosh",
    "arctanh": "Atanh", "erf": "Erf", "expit": "Sigmoid", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "sign": "Sign", "isnan": "IsNaN", "isinf": "IsInf", "eq": "Equal", "lt": "Less", "le": "LessOrEqual",
    "gt": "Greater", "ge": "GreaterOrEqual", "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor",
    "logical_not": "Not", "bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor",
    "bitwise_not": "BitwiseNot", "max": "Max", "min": "Min", "div": "Div", "select": "Where", "copy": "Identity",
    "stop_gradient": "Identity", "again": "Identity",
}  # fmt: skip
_BOOLS: Final = {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor", "bitwise_not": "Not"}


def _operator(name: str, kind: str) -> Form:
    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
        if inputs[0].aval.dtype == bool:
            if name in ("max", "min"):
                return w.add("Or" if name == "max" else "And", *inputs)
            return w.add(_BOOLS.get(name, kind), *inputs)
        return w.add(kind, *inputs)

    return write


for _name, _kind in _OPERATORS.items():
    FORMS[_name] = _operator(_name, _kind)


def _like(w: Writer, x: Value, value: float) -> str:
    return w.constant(value, x.aval.dtype)


@form("ne")
def _ne(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    return w.add("Not", w.add("Equal", *inputs))


@form("isfinite")
def _isfinite(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    return w.add("Not", w.add("Or", w.add("IsNaN", *inputs), w.add("IsInf", *inputs)))


@form("convert")
def _convert(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], dtype: Any) -> Any:
    return w.cast(inputs[0], dtype)


@form("integer_pow")
def _integer_pow(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], n: int) -> Any:
    (x,) = inputs
    if n == 1:
        return w.add("Identity", x)
    if n == 2:
        return w.add("Mul", x, x)
    return w.add("Pow", x, _like(w, x, n))


@form("scale")
def _scale(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    """An exact zero wins over inf and nan."""
    zero = _like(w, inputs[0], 0)
    none = w.add("Or", *[w.add("Equal", x, zero) for x in inputs])
    return w.add("Where", none, zero, w.add("Mul", *inputs))


@form("tan")
def _tan(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    return w.add("Div", w.add("Sin", *inputs), w.add("Cos", *inputs))


def _power_of(base: float) -> Form:
    return lambda w, inputs, outs: w.add("Pow", _like(w, inputs[0], base), inputs[0])


def _logarithm(base: float) -> Form:
    return lambda w, inputs, outs: w.add("Div", w.add("Log", inputs[0]), _like(w, inputs[0], math.log(base)))


FORMS.update(exp2=_power_of(2), exp10=_power_of(10), log2=_logarithm(2), log10=_logarithm(10))


@form("cbrt")
def _cbrt(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    (x,) = inputs
    return w.add("Mul", w.add("Sign", x), w.add("Pow", w.add("Abs", x), _like(w, x, 1 / 3)))


@form("expm1")
def _expm1(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    """Near 0, where exp(x) - 1 would cancel, 2 t / (1 - t) with t = tanh(x / 2)."""
    (x,) = inputs
    one = _like(w, x, 1)
    t = w.add("Tanh", w.add("Mul", x, _like(w, x, 0.5)))
    near = w.add("Div", w.add("Add", t, t), w.add("Sub", one, t))
    far = w.add("Sub", w.add("Exp", x), one)
    return w.add("Where", w.add("Less", w.add("Abs", x), one), near, far)


@form("log1p")
def _log1p(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    return _log1p_of(w, inputs[0], inputs[0])


def _log1p_of(w: Writer, x: str, like: Value) -> str:
    """log(u) x / (u - 1) with u = 1 + x as it was rounded (W. Kahan); x where u is 1; log(u) if that is infinite."""
    one = _like(w, like, 1)
    u = w.add("Add", x, one)
    log = w.add("Log", u)
    kahan = w.add("Div", w.add("Mul", log, x), w.add("Sub", u, one))
    plain = w.add("Or", w.add("IsInf", u), w.add("Equal", u, _like(w, like, 0)))
    made: str = w.add("Where", w.add("Equal", u, one), x, w.add("Where", plain, log, kahan))
    return made


@form("logaddexp")
def _logaddexp(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    """max + log1p(exp(-|x - y|)); equal operands, which may be infinite, have no difference to take."""
    x, y = inputs
    gap = w.add("Neg", w.add("Abs", w.add("Sub", x, y)))
    apart = w.add("Add", w.add("Max", x, y), _log1p_of(w, w.add("Exp", gap), x))
    same = w.add("Add", x, _like(w, x, math.log(2)))
    return w.add("Where", w.add("Equal", x, y), same, apart)


@form("log_expit")
def _log_expit(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    (x,) = inputs
    tail = _log1p_of(w, w.add("Exp", w.add("Neg", w.add("Abs", x))), x)
    return w.add("Sub", w.add("Min", x, _like(w, x, 0)), tail)


@form("logit")
def _logit(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    (x,) = inputs
    return w.add("Log", w.add("Div", x, w.add("Sub", _like(w, x, 1), x)))


@form("hypot")
def _hypot(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    """The larger times sqrt(1 + (smaller / larger) ** 2), so that no square overflows."""
    x, y = (w.add("Abs", v) for v in inputs)
    like = inputs[0]
    large, small = w.add("Max", x, y), w.add("Min", x, y)
    zero, one = _like(w, like, 0), _like(w, like, 1)
    ratio = w.add("Div", small, w.add("Where", w.add("Equal", large, zero), one, large))
    root = w.add("Sqrt", w.add("Add", one, w.add("Mul", ratio, ratio)))
    made = w.add("Mul", large, root)
    infinite = w.add("Or", w.add("IsInf", x), w.add("IsInf", y))
    return w.add("Where", infinite, _like(w, like, np.inf), made)


def _zero_wins(log: Any) -> Form:
    """x log(y), and 0 where x is 0 and y is a number."""

    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
        x, y = inputs
        zero = _like(w, x, 0)
        none = w.add("And", w.add("Equal", x, zero), w.add("Not", w.add("IsNaN", y)))
        return w.add("Where", none, zero, w.add("Mul", x, log(w, y)))

    return write


FORMS["xlogy"] = _zero_wins(lambda w, y: w.add("Log", y))
FORMS["xlog1py"] = _zero_wins(lambda w, y: _log1p_of(w, y, y))


@form("trunc")
def _trunc(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    (x,) = inputs
    return w.add("Mul", w.add("Sign", x), w.add("Floor", w.add("Abs", x)))


@form("fmod")
def _fmod(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    return w.add("Mod", *inputs, fmod=1)


@form("remainder")
def _remainder(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval]) -> Any:
    """For numbers with fractions ONNX has only C's fmod; the divisor is added where the signs differ."""
    x, y = inputs
    if x.aval.dtype.kind != "f":
        return w.add("Mod", x, y)
    zero = _like(w, x, 0)
    rest = w.add("Mod", x, y, fmod=1)
    differ = w.add("Xor", w.add("Less", rest, zero), w.add("Less", y, zero))
    wrong = w.add("And", differ, w.add("Not", w.add("Equal", rest, zero)))
    return w.add("Where", wrong, w.add("Add", rest, y), rest)
