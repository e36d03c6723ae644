"""Memory for results, used again when the caller has let go of them.

Fresh memory costs as much time as filling it: the system hands out every page zeroed, on first touch.  The C library
gives memory of 128 KB and more back to the system when it is freed, or may do so.  A result of that size therefore
lies in a block that is kept: nobody sees it any more when nothing refers to it but the list that it is kept in, and
then the next result of that size takes it.  Few blocks are kept.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Final

import numpy as np

LARGE: Final = 1 << 17
"""Bytes from which on the C library may give freed memory back to the system."""
KEPT: Final = 256 << 20
"""Most bytes that are kept for later."""
ALIKE: Final = 8
"""Most blocks of one size."""
SIZES: Final = 32
"""Most sizes of which there are blocks."""
_PAGE: Final = 4096
_APART: Final = 13 * 64
"""How far within a page, a multiple of a cache line, a block begins behind the one before it.  Entries of arrays that
all begin at the same place of a page compete for the same places of the cache.
"""


class Block(np.ndarray[Any, Any]):
    """Memory of one result, as bytes.

    It is of a type of its own, and owns its memory, because NumPy replaces what would be the base of a view by what
    that is a view of, up to there.  So whoever has a view of a result refers to its block.
    """

    start: int


_blocks: dict[int, list[Block]] = {}
"""Blocks by the size of their results, in use or not."""


def fresh(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array with arbitrary content, in memory that was used before if there is some of that size."""
    size = math.prod(shape) * dtype.itemsize
    alike = _blocks.get(size, ())
    for block in alike:
        if _is_free(block):
            return np.ndarray(shape, dtype, block, block.start)
    if len(alike) >= ALIKE or not _has_room(size):
        return np.empty(shape, dtype)
    block = Block(size + _PAGE, np.uint8)
    block.start = (sum(map(len, list(_blocks.values()))) * _APART - block.ctypes.data) % _PAGE
    _blocks.setdefault(size, []).append(block)
    return np.ndarray(shape, dtype, block, block.start)


def _is_free(block: Block) -> bool:
    """Say whether no array uses a block: whether there are no more references than to one that nobody uses.

    Those are of the list that it is kept in, of two functions here, and of the one that counts.  A thread that looks
    at the block at the same time counts, too: then it is free for neither.
    """
    return sys.getrefcount(block) <= _REFERENCES


_MOST: Final = 4
"""References that those are at most.  A debugger may hold more while they are counted, and none later."""


def _references() -> int:
    found = []

    def count(block: Block) -> None:
        found.append(sys.getrefcount(block))

    alike = [Block(1, np.uint8)]
    for block in alike:
        count(block)
    return min(int(found[0]), _MOST)


_REFERENCES: Final = _references()


def _has_room(size: int) -> bool:
    """Say whether one more block may be kept; blocks that nobody uses, of other sizes first known, make room."""
    for other in list(_blocks):
        total = sum(known * len(alike) for known, alike in list(_blocks.items()))
        if total + size <= KEPT and len(_blocks) < SIZES:
            return True
        if other != size:
            alike = [block for block in _blocks.pop(other, ()) if not _is_free(block)]
            if alike:
                _blocks[other] = alike
    return sum(known * len(alike) for known, alike in list(_blocks.items())) + size <= KEPT
