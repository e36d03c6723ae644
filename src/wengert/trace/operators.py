"""The tracer's operators: short ways for arithmetic, ufunc calls for all others."""

from __future__ import annotations

from sys import _getframe
from typing import Any

import numpy as np

from ..ops import arithmetic
from . import promote
from .dispatch import UFUNCS
from .tracer import Tracer, call_ufunc, note


def _binary(name: str, record: Any, ufunc: Any) -> None:
    elementwise = promote.elementwise

    def forward(self: Tracer, other: Any) -> Any:
        builder = self.builder
        if builder is None or type(other) is list:
            return call_ufunc(ufunc, "__call__", (self, other), {})
        note(builder, _getframe(1))
        of = self.aval
        if (
            type(other) is Tracer
            and other.aval is of
            and of.dtype.kind == "f"
            and other.builder is builder
            and self.base is None
            and other.base is None
            and not builder.finished
        ):  # the most frequent case, short: nothing to convert and nothing to broadcast
            first = builder.emit(record, (self.id, other.id))
            return Tracer(builder, first, builder.avals[first])
        return elementwise(record, ufunc, (self, other)) if is_operand(other) else NotImplemented

    def backward(self: Tracer, other: Any) -> Any:
        builder = self.builder
        if builder is None or type(other) is list:
            return call_ufunc(ufunc, "__call__", (other, self), {})
        note(builder, _getframe(1))
        return elementwise(record, ufunc, (other, self)) if is_operand(other) else NotImplemented

    def inplace(self: Tracer, other: Any) -> Any:
        self.refresh()
        if not getattr(self, "is_array", True) or (
            not self.aval.shape and self.base is None and self.builder is not None
        ):
            return forward(self, other)  # a scalar: Python binds the name to a new one
        return call_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})

    setattr(Tracer, f"__{name}__", forward)
    setattr(Tracer, f"__r{name}__", backward)
    setattr(Tracer, f"__i{name}__", inplace)


_OPERANDS = (Tracer, int, float, complex, np.ndarray, np.generic)
_OPERANDS_AND_LISTS = (*_OPERANDS, list)


def is_operand(value: Any) -> bool:
    """Say whether a value can stand beside a traced one in arithmetic."""
    return isinstance(value, _OPERANDS)


for _name, _record, _ufunc in (
    ("add", arithmetic.add, np.add),
    ("sub", arithmetic.sub, np.subtract),
    ("mul", arithmetic.mul, np.multiply),
    ("truediv", arithmetic.div, np.divide),
):
    _binary(_name, _record, _ufunc)


def _through_ufunc(name: str, ufunc: Any, *, reflected: bool = True) -> None:
    """Give the tracer an operator that is just a call of a ufunc."""

    handler = UFUNCS.get

    def forward(self: Tracer, *others: Any) -> Any:
        if others and not isinstance(others[0], _OPERANDS_AND_LISTS):
            return NotImplemented
        if self.builder is not None:
            note(self.builder, _getframe(1))
            if self.base is not None:
                self.refresh()
            if not others or type(others[0]) is not list:
                return handler(ufunc)(self, *others)  # type: ignore[misc]
        return call_ufunc(ufunc, "__call__", (self, *others), {})

    def backward(self: Tracer, other: Any) -> Any:
        return call_ufunc(ufunc, "__call__", (other, self), {})

    def inplace(self: Tracer, other: Any) -> Any:
        self.refresh()
        if not self.aval.shape and self.base is None and self.builder is not None:
            return forward(self, other)
        return call_ufunc(ufunc, "__call__", (self, other), {"out": (self,)})

    setattr(Tracer, f"__{name}__", forward)
    if reflected:
        setattr(Tracer, f"__r{name}__", backward)
        setattr(Tracer, f"__i{name}__", inplace)


_OPERATORS: tuple[tuple[str, Any, bool], ...] = (
    ("pow", np.power, True),
    ("matmul", np.matmul, True),
    ("floordiv", np.floor_divide, True),
    ("mod", np.remainder, True),
    ("and", np.bitwise_and, True),
    ("or", np.bitwise_or, True),
    ("xor", np.bitwise_xor, True),
    ("lshift", np.left_shift, True),
    ("rshift", np.right_shift, True),
    ("neg", np.negative, False),
    ("pos", np.positive, False),
    ("abs", np.absolute, False),
    ("invert", np.invert, False),
    ("eq", np.equal, False),
    ("ne", np.not_equal, False),
    ("lt", np.less, False),
    ("le", np.less_equal, False),
    ("gt", np.greater, False),
    ("ge", np.greater_equal, False),
)
for _name, _function, _reflected in _OPERATORS:
    _through_ufunc(_name, _function, reflected=_reflected)


def _divmod(self: Tracer, other: Any) -> Any:
    return np.divmod(self, other)


def _rdivmod(self: Tracer, other: Any) -> Any:
    return np.divmod(other, self)


setattr(Tracer, "__divmod__", _divmod)  # noqa: B010  (mypy takes the assignment for a call of divmod)
setattr(Tracer, "__rdivmod__", _rdivmod)  # noqa: B010
