"""Which innermost loops are written with vectors at once, and how wide.

LLVM's loop vectoriser works on any loop, but it and the passes that prepare loops for it take most of the time of
compilation, and all that they could find out of most loops is known here beforehand: that iterations are independent
or sum up, that entries lie side by side, what does not change from one to the next.  Such loops are written with
vectors, for as many entries as fill a register, with a loop for the entries that are left over; what remains to be
done is to choose instructions.  In the loop for the rest, functions of the mathlib are called and not inlined, so that
their formulas go through LLVM once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from .. import llvm
from .loops import Const, Load, Loop, Op
from .operations import is_native

AUTOMATIC: Final = 0
"""Leave the loop to LLVM's vectoriser."""
_SLOW: Final = frozenset({"fmod", "remainder", "floor_divide"})
"""Operations that no processor has for vectors."""


@functools.cache
def _register() -> int:
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
    if any(view.indexed or not is_native(view.dtype) for view in views):
        return AUTOMATIC
    dtypes = [view.dtype for view in views]
    for item in loop.body:
        if isinstance(item, Const):
            dtypes.append(item.dtype)
        elif isinstance(item, Op):
            if item.name in _SLOW:
                return AUTOMATIC
            dtypes += [*item.dtypes, item.out]
        elif not isinstance(item, Load):
            return AUTOMATIC
    if any(not is_native(dtype) for dtype in dtypes) or any(store.at for store in loop.stores):
        return AUTOMATIC
    if all(fixed):
        return 1
    if any(step not in (0, 1) for step in inner):
        return AUTOMATIC
    if any(inner[store.access] == 0 and store.how == "set" for store in loop.stores):
        return AUTOMATIC
    if len(loop.body) == 1 and isinstance(loop.body[0], Load) and all(store.how == "set" for store in loop.stores):
        return AUTOMATIC  # it copies, which LLVM knows how to do
    written = {store.access for store in loop.stores}
    if any(isinstance(item, Load) and item.access in written and inner[item.access] == 0 for item in loop.body):
        return AUTOMATIC
    widest = max((dtype.itemsize for dtype in dtypes if dtype.kind != "b"), default=1)
    return _register() // widest
