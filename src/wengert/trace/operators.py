"""The tracer's operators: short ways for arithmetic, ufunc calls for all others."""

from __future__ import annotations

from sys import _getframe
from typing import Any

import numpy as np

from ..ops import arithmetic
from . import promote
from .dispatch import UFUNCS
from .promote import adapts, weakened
from .tracer import Tracer, call_ufunc, note


def _binary(name: str, record: Any, ufunc: Any) -> None:
    elementwise = promote.elementwise

    # Both ways look for a shortcut (see recorder.py) before they do anything else: most operations of most calls are
    # what came next at this point in an earlier call.

    def forward(self: Tracer, other: Any) -> Any:
        base = self.base
        if base is not None and (base.base is not None or base.version != self.seen):
            self.refresh()
        builder = self.builder
        if self.aval.weak and adapts(other):
            note(builder, _getframe(1))
            return weakened(elementwise(record, ufunc, (self, other)))
        if builder is not None:
            kind = type(other)
            if kind is Tracer:
                base = other.base
                if base is not None and (base.base is not None or base.version != other.seen):
                    other.refresh()
                if other.builder is builder:
                    step = builder.node.get((ufunc, self.id, other.id))
                    if step is not None:
                        builder.node, number, of, _ = step
                        return Tracer(builder, number, of)
            elif kind is float or kind is int:
                step = builder.node.get((ufunc, self.id, kind))
                if step is not None:
                    node, number, of, (how,) = step
                    builder.values.append(other if how is None else how(other))  # an integer may not fit the dtype
                    builder.node = node
                    return Tracer(builder, number, of)
        if builder is None or type(other) is list:
            return call_ufunc(ufunc, "__call__", (self, other), {})
        note(builder, _getframe(1))
        return elementwise(record, ufunc, (self, other)) if is_operand(other) else NotImplemented

    def backward(self: Tracer, other: Any) -> Any:
        base = self.base
        if base is not None and (base.base is not None or base.version != self.seen):
            self.refresh()
        builder = self.builder
        if self.aval.weak and adapts(other):
            note(builder, _getframe(1))
            return weakened(elementwise(record, ufunc, (other, self)))
        if builder is None or type(other) is list:
            return call_ufunc(ufunc, "__call__", (other, self), {})
        kind = type(other)
        if kind is float or kind is int:
            step = builder.node.get((ufunc, kind, self.id))
            if step is not None:
                node, number, of, (how,) = step
                builder.values.append(other if how is None else how(other))
                builder.node = node
                return Tracer(builder, number, of)
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


def _unary(name: str, ufunc: Any) -> None:
    """Give the tracer an operator that is a ufunc of one operand."""
    handler = UFUNCS[ufunc]

    def operator(self: Tracer) -> Any:
        if self.base is not None:
            self.refresh()
        builder = self.builder
        if builder is None:
            return call_ufunc(ufunc, "__call__", (self,), {})
        if self.aval.weak:
            note(builder, _getframe(1))
            return weakened(handler(self))
        step = builder.node.get((ufunc, self.id))
        if step is not None:
            builder.node, number, of, _ = step
            return Tracer(builder, number, of)
        note(builder, _getframe(1))
        return handler(self)

    setattr(Tracer, f"__{name}__", operator)


def _through_ufunc(name: str, ufunc: Any, *, reflected: bool = True) -> None:
    """Give the tracer an operator that is just a call of a ufunc."""

    def forward(self: Tracer, other: Any) -> Any:
        if not isinstance(other, _OPERANDS_AND_LISTS):
            return NotImplemented
        builder = self.builder
        if self.aval.weak and adapts(other):
            note(builder, _getframe(1))
            return weakened(UFUNCS[ufunc](self, other))
        if builder is not None:
            look_up = builder.operands(ufunc, (self, other))
            if look_up is not None:
                out = builder.recall(*look_up)
                if out is not None:
                    return out
            note(builder, _getframe(1))
            if self.base is not None:
                self.refresh()
            if type(other) is not list:
                return UFUNCS[ufunc](self, other)
        return call_ufunc(ufunc, "__call__", (self, other), {})

    def backward(self: Tracer, other: Any) -> Any:
        out = call_ufunc(ufunc, "__call__", (other, self), {})
        return weakened(out) if self.aval.weak and adapts(other) else out

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
    ("eq", np.equal, False),
    ("ne", np.not_equal, False),
    ("lt", np.less, False),
    ("le", np.less_equal, False),
    ("gt", np.greater, False),
    ("ge", np.greater_equal, False),
)
for _name, _function, _reflected in _OPERATORS:
    _through_ufunc(_name, _function, reflected=_reflected)
for _name, _function in (("neg", np.negative), ("pos", np.positive), ("abs", np.absolute), ("invert", np.invert)):
    _unary(_name, _function)


def _power(self: Tracer, other: Any, modulus: Any = None) -> Any:
    """Do ``self ** other``; a whole exponent is part of the structure."""
    if modulus is not None or not isinstance(other, _OPERANDS_AND_LISTS):
        return NotImplemented
    if self.base is not None:
        self.refresh()
    builder = self.builder
    if builder is None or type(other) is list:
        return call_ufunc(np.power, "__call__", (self, other), {})
    if self.aval.weak and adapts(other):
        note(builder, _getframe(1))
        return weakened(UFUNCS[np.power](self, other))
    key = ("**", self.id, other) if type(other) is int else None
    if key is not None:
        step = builder.node.get(key)
        if step is not None:
            builder.node, number, of, _ = step
            return Tracer(builder, number, of)
    note(builder, _getframe(1))
    before, count = builder.node, len(builder.values)
    out = UFUNCS[np.power](self, other)
    if key is not None and len(builder.values) == count:  # not captured: it did become part of the structure
        builder.shortcut(before, key, out, None)
    return out


setattr(Tracer, "__pow__", _power)  # noqa: B010  (as below)


def _divmod(self: Tracer, other: Any) -> Any:
    found = np.divmod(self, other)
    return (weakened(found[0]), weakened(found[1])) if self.aval.weak and adapts(other) else found


def _rdivmod(self: Tracer, other: Any) -> Any:
    found = np.divmod(other, self)
    return (weakened(found[0]), weakened(found[1])) if self.aval.weak and adapts(other) else found


setattr(Tracer, "__divmod__", _divmod)  # noqa: B010  (mypy takes the assignment for a call of divmod)
setattr(Tracer, "__rdivmod__", _rdivmod)  # noqa: B010
