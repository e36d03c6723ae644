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


def transposed(b: ir.Builder, rows: Sequence[Any]) -> list[Any]:
    """Return the columns of as many vectors as each has lanes.

    Halves of the matrix change places, then halves of its quarters, and so on: J. O. Eklundh, *A Fast Computer Method
    for Matrix Transposing*, 1972.
    """
    found, count = list(rows), len(rows)
    half = count // 2
    while half:
        for k in range(count):
            if not k & half:
                x, y = found[k], found[k + half]
                found[k] = b.shuffle_vector(x, [j + count - half if j & half else j for j in range(count)], y)
                found[k + half] = b.shuffle_vector(x, [j + count if j & half else j + half for j in range(count)], y)
        half //= 2
    return found


def bytes_of(b: ir.Builder, bits: Any, quarters: bool = False) -> Any:
    """Return a bit, or those of a vector, as bytes 0 and 1.

    Comparisons of wide numbers fill wide lanes, and making them narrow step by step takes a shuffle for each.  So of
    four or eight lanes the bits are taken out as one number, and spread over bytes by a multiplication, which puts
    copies of it so far apart that each bit comes to lie in the byte that it belongs to.

    Where a register has four lanes of eight bytes, which ``quarters`` says, bytes can be taken from all over it: the
    bits of a second register are put beside those of the first, and one shuffle finds both.
    """
    lanes = bits.type.count
    if lanes not in (4, 8):
        return b.zext(bits, ir.vector(ir.BYTE, lanes) if lanes else ir.BYTE)
    if quarters:
        return _shuffled_bytes(b, bits)
    kind = ir.integer(8 * lanes)
    number = b.zext(b.joined(bits, ir.integer(lanes)), kind)
    # Of eight bits the last one would meet the first one of the next copy, so it goes its own way.
    copied = b.and_(number, ir.Constant(kind, 0x7F)) if lanes == 8 else number
    factor, ones = (sum(1 << step * k for k in range(lanes)) for step in (7, 8))
    spread = b.and_(b.mul(copied, ir.Constant(kind, factor)), ir.Constant(kind, ones))
    if lanes == 8:
        spread = b.or_(spread, b.shl(b.lshr(number, ir.Constant(kind, 7)), ir.Constant(kind, 56)))
    return b.parted(spread, ir.vector(ir.BYTE, lanes))


def _shuffled_bytes(b: ir.Builder, bits: Any) -> Any:
    """Return bits as bytes: of lanes 0 to 3 in the first byte of a quarter, of others in the second."""
    lanes, parts = bits.type.count, []
    filled = b.sext(bits, ir.vector(ir.I64, lanes))  # as comparisons do
    for first in range(0, lanes, 4):
        wide = shuffled(b, filled, range(first, first + 4)) if lanes > 4 else filled
        # One bit of each lane, in the byte that is read below: the lowest one, or the one above.
        parts.append(b.and_(wide, ir.Constant(wide.type, 1 << 2 * first)))
    quarters = b.or_(*parts) if len(parts) > 1 else parts[0]
    found = b.parted(quarters, ir.vector(ir.BYTE, 32))
    return shuffled(b, found, [8 * lane + byte for byte in range(lanes // 4) for lane in range(4)])
