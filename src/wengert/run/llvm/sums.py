"""Long sums, as accurate as NumPy's.

A loop adds up in many registers at once, but for millions of entries each register's sum still gets so large that
what is added to it loses its last digits.  NumPy adds in pairs of pairs of blocks.  Here a sum is cut into blocks too,
and the blocks' sums are added up with care: those of float32 in float64, those of float64 with the rounding errors
kept beside (A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974).
"""

from __future__ import annotations

from typing import Any, Final

from . import ir

_DOUBLE: Final = ir.DOUBLE


def start(kind: Any) -> list[Any]:
    """Return what a sum of blocks of this float type begins with."""
    zero = ir.Constant(_DOUBLE, 0.0)
    return [zero] if kind != _DOUBLE else [zero, zero]


def add(b: ir.Builder, so_far: list[Any], part: Any) -> list[Any]:
    """Add the sum of a block."""
    if len(so_far) == 1:
        return [b.fadd(so_far[0], b.fpext(part, _DOUBLE))]
    total, error = so_far
    following = b.fadd(total, part)
    # What was lost of the smaller one of the two: Knuth's way, without asking which is smaller.
    moved = b.fsub(following, total)
    lost = b.fadd(b.fsub(total, b.fsub(following, moved)), b.fsub(part, moved))
    return [following, b.fadd(error, lost)]


def end(b: ir.Builder, so_far: list[Any], kind: Any) -> Any:
    """Return the sum."""
    if len(so_far) == 1:
        return b.fptrunc(so_far[0], kind)
    total, error = so_far
    # Where the total is infinite the error is nan, and means nothing; where it is nan, so is the result.
    known = b.fcmp_ordered("ord", error, error)
    return b.select(known, b.fadd(total, error), total)
