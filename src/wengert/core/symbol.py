"""Symbols: handles on values of a graph that is being built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .aval import Aval, Shape

if TYPE_CHECKING:
    from .builder import Builder


class Sym:
    """A value of a graph under construction, to write rules and transforms with.

    Its operators take symbols of equal shape and dtype, or Python numbers, so that a rule reads like its formula:
    ``lambda x, out: 1 - out * out``.  (Users meet :class:`wengert.trace.tracer.Tracer`, which adds NumPy's behaviour.)

    Attributes
    ----------
    builder : Builder or None
        The graph under construction.
    id : int
        The value's number there.
    aval : Aval
    base : Sym or None
        For a NumPy view: what it is a view of.  A symbol with a base is brought up to date before it is read.
    """

    __slots__ = ("aval", "base", "builder", "id")

    def __init__(self, builder: Builder, id: int, aval: Aval) -> None:
        self.builder = builder
        self.id = id
        self.aval = aval
        self.base: Any = None

    @property
    def shape(self) -> Shape:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    def refresh(self) -> None:
        """Bring a view up to date with its base; plain symbols never change."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.aval!r}>"

    def __add__(self, other: Any) -> Any:
        return self.builder.operator("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.builder.operator("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.builder.operator("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.builder.operator("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.builder.operator("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.builder.operator("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.builder.operator("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.builder.operator("div", other, self)

    def __neg__(self) -> Any:
        return self.builder.apply_named("neg", self)


def concrete(value: Any) -> Any:
    """Return the array inside a symbol that holds one (a fresh array that no traced value was written to)."""
    return value.array if isinstance(value, Sym) else value  # type: ignore[attr-defined]
