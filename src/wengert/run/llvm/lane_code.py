"""Vectors as LLVM IR: put together from scalars, the same in all lanes, their lanes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from . import ir

LANE: Final = ir.I32
"""The type of a lane's number."""


def entry(b: ir.Builder, vector: Any, lane: int) -> Any:
    """Return what is in a lane."""
    return b.extract_element(vector, ir.Constant(LANE, lane))


def in_all_lanes(b: ir.Builder, value: Any, count: int) -> Any:
    """Return a vector with a scalar in all lanes."""
    kind = ir.vector(value.type, count)
    if isinstance(value, ir.Constant):
        return ir.Constant(kind, value.constant)
    one = b.insert_element(ir.undefined(kind), value, ir.Constant(LANE, 0))
    return shuffled(b, one, [0] * count)


def put_together(b: ir.Builder, entries: Sequence[Any]) -> Any:
    """Return a vector of scalars."""
    kind = ir.vector(entries[0].type, len(entries))
    vector = ir.undefined(kind)
    for lane, value in enumerate(entries):
        vector = b.insert_element(vector, value, ir.Constant(LANE, lane))
    return vector


def shuffled(b: ir.Builder, vector: Any, order: Sequence[int]) -> Any:
    """Return a vector with its lanes in another order."""
    return b.shuffle_vector(vector, order)
