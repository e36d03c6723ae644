"""Types of LLVM, each with its text. There is one object for each, so that they are compared by ``is``.

Pointers have no type in LLVM's language; here they know what they point to, so that a load needs not be told.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final


class Type:
    """A type; what has no meaning for it is 0, or false.

    Attributes
    ----------
    text : str
        As LLVM's language has it: ``double``, ``<4 x i32>``.
    suffix : str
        As it stands in the names of intrinsics: ``f64``, ``v4i32``.
    width : int
        Bits of a number, or of an element.
    is_float : bool
        Whether it is a floating-point number, or a vector of them.
    element : Type
        Of what a vector consists; any other type is its own.
    count : int
        Lanes of a vector.
    """

    def __init__(self, text: str, suffix: str = "", width: int = 0, is_float: bool = False) -> None:
        self.text = text
        self.suffix = suffix
        self.width = width
        self.is_float = is_float
        self.element: Type = self
        self.count = 0

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<type {self.text}>"

    def as_pointer(self) -> PointerType:
        """Return the type of the address of one of these, or of the first of several."""
        return self._pointer

    @functools.cached_property
    def _pointer(self) -> PointerType:
        return PointerType(self)

    @functools.cached_property
    def truth(self) -> Type:
        """The type of a comparison: a bit, for vectors one in each lane."""
        return vector(BIT, self.count) if self.count else BIT


class PointerType(Type):
    """An address. LLVM writes every one ``ptr``; what is there is known here only."""

    def __init__(self, pointee: Type) -> None:
        super().__init__("ptr", "p0")
        self.pointee = pointee


class VectorType(Type):
    """Several numbers of a type at once; made by :func:`vector`."""

    def __init__(self, element: Type, count: int) -> None:
        super().__init__(f"<{count} x {element.text}>", f"v{count}{element.suffix}", element.width, element.is_float)
        self.element = element
        self.count = count


class FunctionType(Type):
    """What a function returns and takes."""

    def __init__(self, returns: Type, parameters: Sequence[Type]) -> None:
        super().__init__(f"{returns.text} ({', '.join(p.text for p in parameters)})")
        self.returns = returns
        self.parameters = tuple(parameters)


@functools.cache
def integer(width: int) -> Type:
    """Return the type of integers of so many bits, which are signed or not as each instruction sees it."""
    return Type(f"i{width}", f"i{width}", width)


@functools.cache
def vector(element: Type, count: int) -> VectorType:
    """Return the type of so many numbers at once."""
    return VectorType(element, count)


VOID: Final = Type("void")
BIT: Final = integer(1)
BYTE: Final = integer(8)
I32: Final = integer(32)
I64: Final = integer(64)
FLOAT: Final = Type("float", "f32", 32, is_float=True)
DOUBLE: Final = Type("double", "f64", 64, is_float=True)
