"""What loops cost, roughly: enough to decide whether threads are worth waking up."""

from __future__ import annotations

import math
from typing import Any, Final

from .loops import Load, Loop, Op, Pick
from .operations import CHEAP, MATHLIB

_OPERATION: Final = 0.15
_FUSED: Final = 0.08
_DIVISION: Final = 0.8
_FUNCTION: Final = 1.5
_ACCESS: Final = 0.15
_SCATTERED: Final = 1.0
_STILL: Final = 0.02


def item_cost(item: Any) -> float:
    """Return the nanoseconds of one scalar operation on float64 in a vectorised loop; half of that for float32."""
    if isinstance(item, Load):
        return _ACCESS
    if isinstance(item, Pick):
        return _SCATTERED
    if not isinstance(item, Op):
        return 0.0
    if item.name == "madd":
        price = _FUSED
    elif item.name in MATHLIB:
        price = _FUNCTION
    elif item.name in CHEAP:
        price = _OPERATION
    else:
        price = _DIVISION
    return price * item.out.itemsize / 8 if item.out.kind == "f" else price


def nanoseconds(loop: Loop) -> float:
    """Estimate the time of a loop on one core, its data in the cache."""
    work = 0.0
    for item in loop.body:
        still = isinstance(item, Load) and not _moves(loop, item.access)
        work += _STILL if still else item_cost(item)
    for store in loop.stores:
        work += _SCATTERED if store.at else _ACCESS
    return math.prod(loop.shape) * work


def _moves(loop: Loop, access: int) -> bool:
    """Say whether an access moves along the last axis; if not, what it reads stays in a register."""
    return not loop.shape or loop.accesses[access].strides[-1] != 0
