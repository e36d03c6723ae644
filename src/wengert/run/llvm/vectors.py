"""Which innermost loops are written with vectors at once, and how wide.

LLVM's loop vectoriser works on any loop, but it and the passes that prepare loops for it take most of the time of
compilation, and all that they could find out of most loops is known here beforehand: that iterations are independent
or sum up, which entries lie side by side, what does not change from one to the next. Such loops are written with
vectors (:mod:`.memory` says how these are read and written), for as many entries as fill a register, with a loop for
the entries that are left over; what remains to be done is to choose instructions. In the loop for the rest, functions
of the mathlib are called and not inlined, so that their formulas go through LLVM once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from .. import llvm
from .loops import Const, Load, Loop, Op, Pick, Store
from .operations import MATHLIB, is_native

AUTOMATIC: Final = 0
"""Leave the loop to LLVM's vectoriser."""
COPY: Final = -1
"""Let the C library copy the innermost axis."""
_SLOW: Final = frozenset({"fmod", "remainder", "floor_divide"})
"""Operations that no processor has for vectors."""
_CHAINS: Final = dict.fromkeys(MATHLIB, 1) | dict.fromkeys(
    "log log2 log10 log1p sin cos tan pow cbrt acosh asinh atanh lgamma digamma".split(), 2
)
"""Functions that are chains of operations each of which waits for the one before, and how long these are."""

_MUCH: Final = 40
"""Items from which on a loop takes one vector at a time."""


@functools.cache
def register() -> int:
    """Return the bytes of a vector register."""
    cpu = llvm.target.host()
    features = cpu.features.split(",")
    if "+avx512vl" in features and "+prefer-256-bit" not in features and cpu.name.startswith("znver"):
        return 64
    return 32 if "+avx2" in features else 16


def lanes(loop: Loop, inner: Sequence[int], fixed: Sequence[bool]) -> int:
    """Return how many entries an iteration handles: 1 where vectors are no use, :data:`AUTOMATIC` for any other loop.

    Parameters
    ----------
    loop : Loop
    inner : sequence of int
        For each access the stride of the innermost axis: 0, 1 or something else.
    fixed : sequence of bool
        For each access whether it stays where it is.
    """
    views = loop.accesses
    if len(loop.body) == 1 and isinstance(loop.body[0], Load) and all(_copies(loop, s, inner) for s in loop.stores):
        return COPY
    if any(not is_native(view.dtype) for view in views):
        return AUTOMATIC
    dtypes = [view.dtype for view in views]
    for item in loop.body:
        if isinstance(item, Const):
            dtypes.append(item.dtype)
        elif isinstance(item, Op):
            if item.name in _SLOW:
                return AUTOMATIC
            dtypes += [*item.dtypes, item.out]
    if any(not is_native(dtype) for dtype in dtypes):
        return AUTOMATIC
    if all(fixed):
        return 1
    if any(inner[store.access] == 0 and store.how == "set" and not store.at for store in loop.stores):
        return AUTOMATIC
    written = {store.access for store in loop.stores}
    if any(isinstance(item, Load) and item.access in written and inner[item.access] == 0 for item in loop.body):
        return AUTOMATIC
    picks = [item for item in loop.body if isinstance(item, Pick) and item.access in written]
    if not all(_row_by_row(loop, item, inner) for item in picks):
        return AUTOMATIC
    widest = max((dtype.itemsize for dtype in dtypes if dtype.kind != "b"), default=1)
    return register() // widest


def abreast(loop: Loop) -> int:
    """Return how many vectors are handled side by side.

    A processor looks only so far ahead.  Where a function of the mathlib, or one after the other, takes a hundred
    cycles and more of waiting, it has too few vectors under way at once to be busy; two at a time are a fifth faster.
    Where there is much else to do, registers are too few for two.  Where bits are kept as bytes beside wide numbers,
    what packs and unpacks them takes two as fast as one.
    """
    if len(loop.body) > _MUCH:
        return 1
    if {0 if view.dtype.kind == "b" else view.dtype.itemsize for view in loop.accesses} == {0, 8}:
        return 2
    return 2 if sum(_CHAINS.get(item.name, 0) for item in loop.body if isinstance(item, Op)) > 1 else 1


def _copies(loop: Loop, store: Store, inner: Sequence[int]) -> bool:
    """Say whether a store of a loop over one loaded value copies what lies side by side."""
    source = loop.body[store.item]
    assert isinstance(source, Load)
    if store.how != "set" or store.at or inner[store.access] != 1 or inner[source.access] != 1:
        return False
    return bool(loop.accesses[store.access].dtype == loop.accesses[source.access].dtype)


def _row_by_row(loop: Loop, item: Pick, inner: Sequence[int]) -> bool:
    """Say whether a loop reads a row at a computed place, and writes rows of the same array at others.

    Whatever the rows are, a vector of entries is read before the entries at the same places of another row are written.
    That one iteration writes what a later one reads, so that only one after the other will do, is no loop's: the rows
    would have to be shifted against each other.
    """
    places = [*item.at, *(j for store in loop.stores if store.access == item.access for j in store.at)]
    return bool(inner[item.access]) and all(_is_steady(loop, j, inner) for j in places)


def _is_steady(loop: Loop, j: int, inner: Sequence[int]) -> bool:
    """Say whether an item is the same for all points of the innermost loop."""
    item = loop.body[j]
    if isinstance(item, Op):
        return all(_is_steady(loop, k, inner) for k in item.args)
    return isinstance(item, Const) or (isinstance(item, Load) and inner[item.access] == 0)
