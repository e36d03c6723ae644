"""The builder: each call appends one instruction to the text, and returns what refers to its result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from .function import Block, Function, Module, declared
from .types import BIT, I32, VOID, FunctionType, PointerType, Type, vector
from .values import Constant, Phi, Value, undefined

_ORDER: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_SAME: Final = {"==": "eq", "!=": "ne"}
_SIGNED: Final = _SAME | {op: f"s{word}" for op, word in _ORDER.items()}
_UNSIGNED: Final = _SAME | {op: f"u{word}" for op, word in _ORDER.items()}
_ORDERED: Final = {op: f"o{word}" for op, word in (_SAME | _ORDER).items()} | {"ord": "ord", "uno": "uno"}
_UNORDERED: Final = {op: f"u{word}" for op, word in (_SAME | _ORDER).items()} | {"ord": "ord", "uno": "uno"}

Words = Sequence[str]
"""Flags of an instruction: ``nsw`` and ``nuw`` of whole numbers, ``reassoc``, ``nsz`` and others of floats."""


class Builder:
    """Writes instructions at the end of a block, its first one or the one it was told to go to.

    Attributes
    ----------
    block : Block
        Where it writes.
    function : Function
    """

    __slots__ = ("block", "function")

    def __init__(self, block: Block) -> None:
        self.function = block.function
        self.position_at_end(block)

    @property
    def module(self) -> Module:
        """The module of the function that is being written."""
        return self.function.module

    # -- where ----------------------------------------------------------------------------------------------------

    def append_basic_block(self, label: str) -> Block:
        """Return a new block of this function, to go to later."""
        return self.function.append_basic_block(label)

    def position_at_end(self, block: Block) -> None:
        """Go on at the end of a block."""
        if block.function is not self.function:
            raise ValueError(f"block {block.label} is one of {block.function.name}, not of {self.function.name}")
        self.block = block
        if not block.placed:
            self.function.place(block)

    @contextmanager
    def if_then(self, condition: Value, likely: bool | None = None) -> Iterator[None]:
        """Write what is run only under a condition; ``likely`` says whether that is often."""
        then, after = self.append_basic_block("then"), self.append_basic_block("endif")
        weights = None if likely is None else (99, 1) if likely else (1, 99)
        self.cbranch(condition, then, after, weights=weights)
        self.position_at_end(then)
        yield
        self.branch(after)
        self.position_at_end(after)

    def times(self, start: Value, stop: Value, step: Callable[[Value], None]) -> None:
        """Write ``for k in range(start, stop)``; ``step(k)`` writes what is done each time."""
        with self.if_then(self.icmp_signed("<", start, stop)):
            before, inner = self.block, self.append_basic_block("body")
            self.branch(inner)
            self.position_at_end(inner)
            k = self.phi(start.type)
            k.add_incoming(start, before)
            step(k)
            following = self.add(k, Constant(start.type, 1), flags=("nsw", "nuw"))
            k.add_incoming(following, self.block)
            done = self.append_basic_block("done")
            self.cbranch(self.icmp_signed("<", following, stop), inner, done)
            self.position_at_end(done)

    # -- the text -------------------------------------------------------------------------------------------------

    def _result(self, type: Type, text: str) -> Value:
        """Append an instruction that has a result."""
        block, function = self.block, self.function
        if block is function.last:
            ref = f"%{function.count}"
            function.count += 1
        else:
            ref = function.name_result(block)
        block.lines.append(f"  {ref} = {text}")
        return Value(type, ref)

    def _append(self, text: str) -> None:
        """Append an instruction that has none."""
        block = self.block
        if block.closed:
            self.function.name_result(block)
        block.lines.append(text)

    def _end(self, text: str) -> None:
        """Append the last instruction of a block."""
        self._append(text)
        self.block.closed = True
        if self.block is self.function.last:
            self.function.last = None

    # -- arithmetic -----------------------------------------------------------------------------------------------

    def _binary(self, op: str, a: Value, b: Value, flags: Words) -> Value:
        type = a.type
        if b.type is not type:
            _differ(op, a, b)
        if flags:
            op = f"{op} {' '.join(flags)}"
        return self._result(type, f"{op} {type.text} {a.ref}, {b.ref}")

    def fadd(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("fadd", a, b, flags)

    def fsub(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("fsub", a, b, flags)

    def fmul(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("fmul", a, b, flags)

    def fdiv(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("fdiv", a, b, flags)

    def frem(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("frem", a, b, flags)

    def fneg(self, a: Value) -> Value:
        return self._result(a.type, f"fneg {a.type.text} {a.ref}")

    def add(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("add", a, b, flags)

    def sub(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("sub", a, b, flags)

    def mul(self, a: Value, b: Value, flags: Words = ()) -> Value:
        return self._binary("mul", a, b, flags)

    def udiv(self, a: Value, b: Value) -> Value:
        return self._binary("udiv", a, b, ())

    def sdiv(self, a: Value, b: Value) -> Value:
        return self._binary("sdiv", a, b, ())

    def urem(self, a: Value, b: Value) -> Value:
        return self._binary("urem", a, b, ())

    def srem(self, a: Value, b: Value) -> Value:
        return self._binary("srem", a, b, ())

    def neg(self, a: Value) -> Value:
        return self._binary("sub", Constant(a.type, 0), a, ())

    def and_(self, a: Value, b: Value) -> Value:
        return self._binary("and", a, b, ())

    def or_(self, a: Value, b: Value) -> Value:
        return self._binary("or", a, b, ())

    def xor(self, a: Value, b: Value) -> Value:
        return self._binary("xor", a, b, ())

    def not_(self, a: Value) -> Value:
        return self._binary("xor", a, Constant(a.type, -1), ())

    def shl(self, a: Value, b: Value) -> Value:
        return self._binary("shl", a, b, ())

    def lshr(self, a: Value, b: Value) -> Value:
        return self._binary("lshr", a, b, ())

    def ashr(self, a: Value, b: Value) -> Value:
        return self._binary("ashr", a, b, ())

    # -- comparison and choice ------------------------------------------------------------------------------------

    def _compare(self, op: str, a: Value, b: Value) -> Value:
        type = a.type
        if b.type is not type:
            _differ(op, a, b)
        return self._result(type.truth, f"{op} {type.text} {a.ref}, {b.ref}")

    def icmp_signed(self, op: str, a: Value, b: Value) -> Value:
        return self._compare(f"icmp {_SIGNED[op]}", a, b)

    def icmp_unsigned(self, op: str, a: Value, b: Value) -> Value:
        return self._compare(f"icmp {_UNSIGNED[op]}", a, b)

    def fcmp_ordered(self, op: str, a: Value, b: Value) -> Value:
        """Compare floats; false where one is nan. ``ord`` asks whether none is."""
        return self._compare(f"fcmp {_ORDERED[op]}", a, b)

    def fcmp_unordered(self, op: str, a: Value, b: Value) -> Value:
        """Compare floats; true where one is nan. ``uno`` asks whether one is."""
        return self._compare(f"fcmp {_UNORDERED[op]}", a, b)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """Return a where the condition holds, else b; both are computed."""
        type = a.type
        if b.type is not type and b.type.text != type.text:
            _differ("select", a, b)
        if condition.type is not BIT and condition.type is not type.truth:
            raise TypeError(f"select of {type} asks for a condition of {type.truth}, and not of {condition.type}")
        return self._result(
            type, f"select {condition.type.text} {condition.ref}, {type.text} {a.ref}, {type.text} {b.ref}"
        )

    # -- conversion -----------------------------------------------------------------------------------------------

    def _cast(self, op: str, a: Value, to: Type) -> Value:
        if a.type.count != to.count:
            raise TypeError(f"{op} of {a.type} cannot give {to}: the lanes are not as many")
        return self._result(to, f"{op} {a.type.text} {a.ref} to {to.text}")

    def trunc(self, a: Value, to: Type) -> Value:
        return self._cast("trunc", a, to)

    def zext(self, a: Value, to: Type) -> Value:
        return self._cast("zext", a, to)

    def sext(self, a: Value, to: Type) -> Value:
        return self._cast("sext", a, to)

    def fptrunc(self, a: Value, to: Type) -> Value:
        return self._cast("fptrunc", a, to)

    def fpext(self, a: Value, to: Type) -> Value:
        return self._cast("fpext", a, to)

    def fptosi(self, a: Value, to: Type) -> Value:
        return self._cast("fptosi", a, to)

    def fptoui(self, a: Value, to: Type) -> Value:
        return self._cast("fptoui", a, to)

    def sitofp(self, a: Value, to: Type) -> Value:
        return self._cast("sitofp", a, to)

    def uitofp(self, a: Value, to: Type) -> Value:
        return self._cast("uitofp", a, to)

    def inttoptr(self, a: Value, to: PointerType) -> Value:
        return self._cast("inttoptr", a, to)

    def bitcast(self, a: Value, to: Type) -> Value:
        """Take the same bits for another type; for pointers, which LLVM does not tell apart, without an instruction."""
        if isinstance(a.type, PointerType) and isinstance(to, PointerType):
            return Value(to, a.ref)
        return a if a.type is to else self._cast("bitcast", a, to)

    # -- vectors --------------------------------------------------------------------------------------------------

    def joined(self, vector: Value, to: Type) -> Value:
        """Return the bits of a vector of integers as one number."""
        if vector.type.is_float or not vector.type.count or vector.type.width * vector.type.count != to.width:
            raise TypeError(f"the lanes of {vector.type} do not make up {to}")
        return self._result(to, f"bitcast {vector.type.text} {vector.ref} to {to.text}")

    def parted(self, number: Value, to: Type) -> Value:
        """Return a number, or a vector of them, as a vector of integers that have its bits."""
        if number.type.is_float or to.is_float or to.width * to.count != number.type.width * max(number.type.count, 1):
            raise TypeError(f"{number.type} is not made up of the lanes of {to}")
        return self._result(to, f"bitcast {number.type.text} {number.ref} to {to.text}")

    def extract_element(self, a: Value, lane: Value) -> Value:
        type = a.type
        if not type.count:
            raise TypeError(f"{a} has no lanes")
        return self._result(type.element, f"extractelement {type.text} {a.ref}, {lane.type.text} {lane.ref}")

    def insert_element(self, a: Value, value: Value, lane: Value) -> Value:
        type = a.type
        if value.type is not type.element or not type.count:
            raise TypeError(f"{value} cannot be put into {a}")
        return self._result(
            type, f"insertelement {type.text} {a.ref}, {value.type.text} {value.ref}, {lane.type.text} {lane.ref}"
        )

    def shuffle_vector(self, a: Value, order: Sequence[int], other: Value | None = None) -> Value:
        """Return a vector of the lanes of another in this order, or of two, whose lanes are counted on."""
        type, count = a.type, len(order)
        second = undefined(type) if other is None else other
        if second.type is not type:
            raise TypeError(f"lanes of {a} and of {second} cannot be in one vector")
        if not all(0 <= lane < type.count * (1 if other is None else 2) for lane in order):
            raise ValueError(f"{a} has no lanes {list(order)}")
        mask = Constant(vector(I32, count), list(order))
        return self._result(vector(type.element, count), f"shufflevector {a}, {second}, {mask}")

    def any_lane(self, mask: Value) -> Value:
        """Return whether any lane of a mask is true; what has no lanes is returned as it is."""
        if not mask.type.count:
            return mask
        return self.call(declared(f"llvm.vector.reduce.or.{mask.type.suffix}", BIT, mask.type), [mask])

    # -- memory ---------------------------------------------------------------------------------------------------

    def alloca(self, type: Type, align: int = 0) -> Value:
        """Return the address of memory for one value, which lasts as long as the call, wherever it is asked for."""
        return Value(type.as_pointer(), self.function.slot(type, align))

    def gep(self, pointer: Value, index: Value, inbounds: bool = False) -> Value:
        """Return the address so many entries further."""
        type = pointer.type
        if not isinstance(type, PointerType):
            raise TypeError(f"{pointer} is no address")
        word = "getelementptr inbounds" if inbounds else "getelementptr"
        return self._result(type, f"{word} {type.pointee.text}, ptr {pointer.ref}, {index.type.text} {index.ref}")

    def load(self, pointer: Value, align: int = 0) -> Value:
        type = pointer.type
        if not isinstance(type, PointerType):
            raise TypeError(f"{pointer} is no address")
        tail = f", align {align}" if align else ""
        return self._result(type.pointee, f"load {type.pointee.text}, ptr {pointer.ref}{tail}")

    def store(self, value: Value, pointer: Value, align: int = 0) -> None:
        type = pointer.type
        if not isinstance(type, PointerType):
            raise TypeError(f"{pointer} is no address")
        if type.pointee.text != value.type.text:
            raise TypeError(f"{value} cannot be stored where there is {type.pointee}")
        tail = f", align {align}" if align else ""
        self._append(f"  store {value.type.text} {value.ref}, ptr {pointer.ref}{tail}")

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, function: Value, args: Sequence[Value], fastmath: Words = ()) -> Value:
        """Call a function, or what is at an address of one."""
        signature = function.type.pointee if isinstance(function.type, PointerType) else None
        if not isinstance(signature, FunctionType):
            raise TypeError(f"{function} cannot be called")
        if isinstance(function, Function):
            self.function.calls[function.name] = function
        given = []
        for value, type in zip(args, signature.parameters, strict=True):
            if value.type is not type and value.type.text != type.text:
                raise TypeError(f"{function} takes {type}, and not {value}")
            given.append(f"{type.text} {value.ref}")
        flags = "".join(f" {word}" for word in fastmath)
        text = f"call{flags} {signature.returns.text} {function.ref}({', '.join(given)})"
        if signature.returns is VOID:
            self._append(f"  {text}")
            return Value(VOID, "")
        return self._result(signature.returns, text)

    def intrinsic(self, name: str, *args: Value, fastmath: Words = ()) -> Value:
        """Call a function that LLVM has built in, whose operands and result all have one type."""
        return self.call(_intrinsic(name, args[0].type, len(args)), args, fastmath)

    # -- control --------------------------------------------------------------------------------------------------

    def phi(self, type: Type) -> Phi:
        """Return a value that is said later, by ``add_incoming``; only at the beginning of a block."""
        if self.block.lines:
            raise ValueError(f"a phi has to come first in block {self.block.label}")
        block, function = self.block, self.function
        if block is function.last:
            ref = f"%{function.count}"
            function.count += 1
        else:
            ref = function.name_result(block)
        found = Phi(type, ref)
        block.phis.append(found)
        return found

    def branch(self, block: Block) -> None:
        self._end(f"  br label {block.ref}")

    def cbranch(
        self, condition: Value, then: Block, otherwise: Block, weights: tuple[int, int] | None = None, loop: str = ""
    ) -> None:
        """Go to one of two blocks.

        Parameters
        ----------
        condition : Value
        then, otherwise : Block
        weights : tuple of int, optional
            How often it goes to each.
        loop : str, optional
            What :meth:`Module.loop_options` returned, if this branch closes a loop.
        """
        if condition.type is not BIT:
            raise TypeError(f"a branch needs a bit, and not {condition}")
        tail = f", !prof {_weights(weights)}" if weights else ""
        if loop:
            tail += f", !llvm.loop {loop}"
        self._end(f"  br i1 {condition.ref}, label {then.ref}, label {otherwise.ref}{tail}")

    def switch(self, value: Value, default: Block, cases: Sequence[tuple[int, Block]]) -> None:
        """Go to the block of a number, or to the default."""
        listed = " ".join(f"{Constant(value.type, number)}, label {block.ref}" for number, block in cases)
        self._end(f"  switch {value}, label {default.ref} [ {listed} ]")

    def ret(self, value: Value) -> None:
        if value.type is not self.function.signature.returns:
            raise TypeError(f"{self.function.name} returns {self.function.signature.returns}, and not {value}")
        self._end(f"  ret {value}")

    def ret_void(self) -> None:
        self._end("  ret void")


def _differ(op: str, a: Value, b: Value) -> NoReturn:
    raise TypeError(f"{op} takes operands of one type, and not {a} and {b}")


@functools.cache
def _intrinsic(name: str, type: Type, count: int) -> Function:
    return declared(f"llvm.{name}.{type.suffix}", type, *[type] * count)


def _weights(weights: tuple[int, int]) -> str:
    return f'!{{!"branch_weights", i32 {weights[0]}, i32 {weights[1]}}}'
