"""Which loops are written tile by tile, because what is next to each other in one array is not in another.

A transposed copy reads along the rows of one array and along the columns of another.  Whichever axis is innermost, the
vectors of one of the two have to be put together entry by entry.  In a tile of as many rows as a vector has lanes both
are read and written along their own axis, and turned in registers: eight shuffles for sixteen numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .loops import Const, Load, Loop, Op

TILED: Final = 8
"""Length that both axes must have for it to be worth another loop."""
_BODY: Final = 16
"""Items up to which a loop's body is small enough to be there once for each row of a tile."""


def tiled(loop: Loop, inner: Sequence[int], around: Sequence[int], apart: Sequence[bool]) -> tuple[bool, ...]:
    """Return which accesses have neighbours along the axis around the innermost one; empty if there are no tiles.

    Parameters
    ----------
    loop : Loop
        In which nothing but the stores touches the memory that they write.
    inner, around : sequences of int
        For each access the kind of its stride along the innermost axis, and along the one around it.
    apart : sequence of bool
        For each access whether each point is certain to have an entry of its own.
    """
    turned = tuple([i not in (-1, 0, 1) and a == 1 for i, a in zip(inner, around, strict=True)])
    if not any(turned) or len(loop.body) > _BODY or not all(isinstance(item, Load | Op | Const) for item in loop.body):
        return ()
    views = loop.accesses
    if len({v.dtype.itemsize for v in views}) > 1 or any(v.dtype.kind not in "fi" or v.indexed for v in views):
        return ()
    stores = [store.access for store in loop.stores]
    alone = len(set(stores)) == len(stores) and all(inner[k] and around[k] for k in stores)
    return turned if alone and all(apart[k] or not turned[k] for k in stores) else ()
