"""Which loops take several rows at a time (unroll and jam).

A matrix times a vector reads the vector anew for each row, and a row times a matrix reads and writes its result anew
for each.  Four rows at a time need that once, and their sums do not wait for each other.  D. Callahan, S. Carr and
K. Kennedy, *Improving Register Allocation for Subscripted Variables*, 1990.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .loops import Const, Load, Loop, Op, Store

ROWS: Final = 4
"""Rows at a time: their sums and operands fit into the registers."""
_BODY: Final = 8
"""Items up to which a loop's body is small enough to be there so many times."""
_NOT: Final = frozenset({"scale"})
"""Operations that may have to be done once more, with care (see :mod:`.hopeful`)."""


def jams(loop: Loop, inner: Sequence[int], still: Sequence[bool]) -> bool:
    """Say whether a loop takes several rows at a time.

    Parameters
    ----------
    loop : Loop
    inner : sequence of int
        For each access the kind of its innermost stride.
    still : sequence of bool
        For each access whether it stays while the axis around the innermost one advances; empty if there is none.
    """
    if not still or len(loop.body) > _BODY or not loop.stores:
        return False
    if not all(isinstance(item, Load | Op | Const) for item in loop.body):
        return False
    if any(isinstance(item, Op) and item.name in _NOT for item in loop.body):
        return False
    written = {store.access for store in loop.stores}
    if any(isinstance(item, Load) and item.access in written for item in loop.body):
        return False
    if len(written) < len(loop.stores) or not all(_adds_up(loop, store, inner, still) for store in loop.stores):
        return False
    # Somebody must gain: what is read, or added to, for each row is then read once for all of them.
    return any(moves in (-1, 1) and stays for moves, stays in zip(inner, still, strict=True))


def _adds_up(loop: Loop, store: Store, inner: Sequence[int], still: Sequence[bool]) -> bool:
    """Say whether a store adds up floats either along the rows or from row to row, entry by entry."""
    k = store.access
    if store.how != "add" or store.at or loop.accesses[k].dtype.kind != "f":
        return False
    return (inner[k] == 0) != still[k] and inner[k] in (0, 1)
