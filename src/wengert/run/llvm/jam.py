"""Which loops take several rows at a time (unroll and jam).

A matrix times a vector reads the vector anew for each row, and a row times a matrix reads and writes its result anew
for each; so does the largest entry of each column.  Four rows at a time need that once, and their sums do not wait for
each other.  D. Callahan, S. Carr and K. Kennedy, *Improving Register Allocation for Subscripted Variables*, 1990.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .loops import Const, Load, Loop, Op, Pick, Store

ROWS: Final = 4
"""Rows at a time: their sums and operands fit into the registers."""
_BODY: Final = 12
"""Items up to which a loop's body is small enough to be there so many times."""


def jams(loop: Loop, inner: Sequence[int], still: Sequence[bool]) -> bool:
    """Say whether a loop takes several rows at a time.

    Parameters
    ----------
    loop : Loop
        In which nothing but the stores touches the memory that they write.
    inner : sequence of int
        For each access the kind of its innermost stride.
    still : sequence of bool
        For each access whether it stays while the axis around the innermost one advances; empty if there is none.
    """
    if not still or len(loop.body) > _BODY or not loop.stores:
        return False
    written = {store.access for store in loop.stores}
    if len(written) < len(loop.stores):
        return False
    steady = same(loop, [stays and not moves for moves, stays in zip(inner, still, strict=True)])
    for item in loop.body:
        if isinstance(item, Load | Pick) and item.access in written:
            return False
        if not isinstance(item, Load | Pick | Op | Const) or not steady.issuperset(getattr(item, "at", ())):
            return False
    if not all(steady.issuperset(store.at) and _keeps(loop, store, inner, still) for store in loop.stores):
        return False
    # Somebody must gain: what is read, or added to, for each row is then read once for all of them.
    sums = any(still[store.access] or not inner[store.access] for store in loop.stores)
    return sums and any(moves in (-1, 1) and stays for moves, stays in zip(inner, still, strict=True))


def same(loop: Loop, still: Sequence[bool]) -> set[int]:
    """Return the items that are the same wherever accesses stay where they are; ``still`` says which do."""
    found: set[int] = set()
    for j, item in enumerate(loop.body):
        if isinstance(item, Load):
            stays = still[item.access]
        else:
            stays = isinstance(item, Const) or (isinstance(item, Op) and found.issuperset(item.args))
        if stays:
            found.add(j)
    return found


def _keeps(loop: Loop, store: Store, inner: Sequence[int], still: Sequence[bool]) -> bool:
    """Say whether what a store does to each entry stays the same: floats added up along the rows, or from row to row
    entry by entry, where it may also be the largest or the smallest one; or each point has an entry of its own.
    """
    k = store.access
    floats = loop.accesses[k].dtype.kind == "f"
    if not inner[k]:
        return store.how == "add" and floats and not still[k]
    if still[k]:
        return inner[k] == 1 and floats and store.how in ("add", "max", "min")
    return inner[k] == 1 and store.how in ("set", "add")
