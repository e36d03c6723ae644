"""Values: a type, and the text by which instructions refer to them."""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, SupportsIndex

from .types import FLOAT, Type

if TYPE_CHECKING:
    from .function import Block


class Value:
    """The result of an instruction, or anything else that an instruction can take."""

    __slots__ = ("ref", "type")

    def __init__(self, type: Type, ref: str) -> None:
        self.type = type
        self.ref = ref

    def __str__(self) -> str:
        return f"{self.type.text} {self.ref}"

    def __repr__(self) -> str:
        return f"<{self}>"


class Constant(Value):
    """A number, in all lanes if the type is a vector; or one number for each lane.

    Attributes
    ----------
    constant : float or int, or a sequence of them
        What it was made of.

    Raises
    ------
    TypeError
        The type is of integers and the number is none.
    ValueError
        The number does not fit, or there is not one for each lane.
    """

    __slots__ = ("constant",)

    def __init__(self, type: Type, constant: float | Sequence[float]) -> None:
        self.type = type
        self.constant = constant
        scalar = type.element
        if isinstance(constant, (int, float)) or not isinstance(constant, Sequence):
            number = _number(scalar, constant)
            self.ref = f"splat ({scalar.text} {number})" if type.count else number
        elif len(constant) == type.count:
            self.ref = f"<{', '.join(f'{scalar.text} {_number(scalar, one)}' for one in constant)}>"
        else:
            raise ValueError(f"{len(constant)} numbers for {type}, which has {type.count} lanes")


def _number(type: Type, number: float | SupportsIndex) -> str:
    """Return a number's text; of a float by its bits, unless its decimal digits are few and exact."""
    if type.is_float:
        value = float(number)
        if type is FLOAT:
            value = struct.unpack("f", struct.pack("f", value))[0]
        if -1e6 < value < 1e6 and (value * 64).is_integer():
            return repr(value)
        return f"0x{struct.unpack('Q', struct.pack('d', value))[0]:016X}"
    if isinstance(number, float):
        raise TypeError(f"{number} is not an integer, and cannot be an {type}")
    whole = operator.index(number)
    if not type.width:
        raise TypeError(f"no constant has the type {type}")
    if not -1 << (type.width - 1) <= whole < 1 << type.width:
        raise ValueError(f"{whole} does not fit into {type}")
    return str(whole)


def undefined(type: Type) -> Value:
    """Return a value that may be anything: what vectors are put together from."""
    return Value(type, "undef")


class Argument(Value):
    """What a function is called with.

    Attributes
    ----------
    attributes : list of str
        What is promised of it, as ``noalias``.
    """

    __slots__ = ("attributes",)

    def __init__(self, type: Type, ref: str) -> None:
        super().__init__(type, ref)
        self.attributes: list[str] = []


class Phi(Value):
    """A value that depends on where the block was entered from."""

    __slots__ = ("incoming",)

    def __init__(self, type: Type, ref: str) -> None:
        super().__init__(type, ref)
        self.incoming: list[str] = []

    def add_incoming(self, value: Value, block: Block) -> None:
        """Say what it is where the block is entered from another one."""
        if value.type is not self.type and value.type.text != self.type.text:
            raise TypeError(f"a phi of {self.type} cannot be {value}")
        self.incoming.append(f"[ {value.ref}, {block.ref} ]")

    def line(self) -> str:
        """Return the instruction."""
        if not self.incoming:
            raise ValueError(f"the phi {self.ref} has no incoming values")
        return f"  {self.ref} = phi {self.type.text} {', '.join(self.incoming)}"
