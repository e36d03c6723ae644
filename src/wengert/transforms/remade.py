"""Choices of a loop that are made again from what is still there.

A table that is filled cell by cell, each from the best of its neighbours, is complete when the loops have ended, and
the neighbours of each cell with it.  So which one was chosen need not be noted: the backward pass compares them again,
as one does by hand who follows the cheapest path back through the table (R. A. Wagner and M. J. Fischer, "The
string-to-string correction problem", 1974).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..core.graph import Equation
from .dependence import Nest, Read, final_read

_ITEMS: Final = 10
_READS: Final = 4
"""Reads, and reads and operations, up to which a choice is made again: more would cost what noting it does."""
_QUICK: Final = frozenset("lt le gt ge eq ne select logical_and logical_or logical_not neg abs add sub mul".split())

Item = Read | tuple[Equation, tuple[int, ...]]
"""A read, or an equation with the places of its operands among the items before."""


@dataclass
class Remade:
    """How to make a value of an iteration from entries that are still there.

    Attributes
    ----------
    depth : int
        How many loops are around it.
    items : list of Item
        What is read and computed, the value last.
    """

    depth: int
    items: list[Item] = field(default_factory=list)

    @property
    def arrays(self) -> list[int]:
        """The arrays that are read."""
        return list(dict.fromkeys(item.array for item in self.items if isinstance(item, Read)))


def remade(nest: Nest, value: int) -> Remade | None:
    """Return how to make a value of an iteration again when all loops have ended; None if that is not known or dear.

    ``value`` is a value of the body, or of bodies within it where a loop stacks it.
    """
    equation = nest.makers.get(value)
    if equation is not None and equation.primitive.name == "loop":
        number = equation.outputs.index(value)
        inner = nest.within(equation)
        return None if number < inner.carry else remade(inner, inner.body.outputs[number])
    found = Remade(len(nest.path))
    read = final_read(nest, value)
    if read is not None:
        found.items.append(read)
        return found
    if nest.body.avals[value].dtype != bool or _place(nest, value, found, {}) is None:
        return None
    return found if sum(isinstance(item, Read) for item in found.items) <= _READS else None


def _place(nest: Nest, value: int, found: Remade, places: dict[tuple[Nest | None, int], int]) -> int | None:
    """Return the place among the items of a number, which is appended if it is not there yet; None if it cannot be."""
    if nest.body.avals[value].shape:
        return None
    around: Nest | None = nest
    while around is not None and value in around.inputs.consts:  # a number from around the loop
        value = around.given.consts[around.inputs.consts.index(value)]
        around = around.outer
    if (around, value) not in places:
        item = Read(value, (), (), found.depth, whole=True) if around is None else _item(around, value, found, places)
        if item is None or len(found.items) == _ITEMS:
            return None
        places[around, value] = len(found.items)
        found.items.append(item)
    return places[around, value]


def _item(nest: Nest, value: int, found: Remade, places: dict[tuple[Nest | None, int], int]) -> Item | None:
    """Return what makes a value that is computed in a body; None if that is not known."""
    read = final_read(nest, value)
    if read is not None:
        return read
    equation = nest.makers.get(value)
    if equation is None:
        return None
    if equation.primitive.name not in _QUICK and (equation.inputs or equation.primitive.name != "full"):
        return None
    args = [_place(nest, i, found, places) for i in equation.inputs]
    known = tuple([k for k in args if k is not None])
    return (equation, known) if len(known) == len(args) else None
