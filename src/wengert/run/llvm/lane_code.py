"""Vectors as LLVM IR: put together from scalars, the same in all lanes, their lanes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llvmlite import ir

from .mathlib.emit import Lanes

LANE: Final = ir.IntType(32)
"""The type of a lane's number."""


def entry(b: ir.IRBuilder, vector: Any, lane: int) -> Any:
    """Return what is in a lane."""
    return b.extract_element(vector, ir.Constant(LANE, lane))


def in_all_lanes(b: ir.IRBuilder, value: Any, count: int) -> Any:
    """Return a vector with a scalar in all lanes."""
    kind = Lanes(value.type, count)
    if isinstance(value, ir.Constant):
        return ir.Constant(kind, value.constant)
    one = b.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(LANE, 0))
    return shuffled(b, one, [0] * count)


def put_together(b: ir.IRBuilder, entries: Sequence[Any]) -> Any:
    """Return a vector of scalars."""
    kind = Lanes(entries[0].type, len(entries))
    vector: Any = ir.Constant(kind, ir.Undefined)
    for lane, value in enumerate(entries):
        vector = b.insert_element(vector, value, ir.Constant(LANE, lane))
        vector.type = kind  # llvmlite makes it a plain vector
    return vector


def shuffled(b: ir.IRBuilder, vector: Any, order: Sequence[int]) -> Any:
    """Return a vector with its lanes in another order."""
    kind = Lanes(vector.type.element, len(order))
    mask = ir.Constant(ir.VectorType(LANE, len(order)), [ir.Constant(LANE, k) for k in order])
    moved = b.shuffle_vector(vector, ir.Constant(kind, ir.Undefined), mask)
    moved.type = kind
    return moved
