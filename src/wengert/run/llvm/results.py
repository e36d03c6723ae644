"""Memory for large results, used again when the caller has let go of them.

Fresh memory of many megabytes costs as much time as filling it: the system hands out every page zeroed, on first
touch.  A large result therefore lies in a block that comes back when the last array that uses it is gone; the next
result of that size takes it.  Few blocks are kept.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

LARGE: Final = 16 << 20
"""Bytes from which on the C library's allocator no longer keeps freed memory at hand."""
KEPT: Final = 256 << 20
"""Most bytes that are kept for later."""

_free: dict[int, Any] = {}
"""Memory by its address: what can be taken out of a dict by key is taken by one thread only."""


class Block:
    """Memory of one result, on loan."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: Any, shape: Any, dtype: Any) -> None:
        self.memory = memory
        self.__array_interface__ = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (memory.ctypes.data + -memory.ctypes.data % 64, False),
            "version": 3,
        }

    def __del__(self, free: dict[int, Any] = _free, kept: int = KEPT) -> None:
        free[self.memory.ctypes.data] = self.memory
        while sum(memory.nbytes for memory in list(free.values())) > kept:
            free.pop(next(iter(free), 0), None)


def fresh(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array with arbitrary content, in memory that was used before if there is some of that size."""
    need = math.prod(shape) * dtype.itemsize + 64
    for address, known in reversed(list(_free.items())):
        if known.nbytes == need:
            memory = _free.pop(address, None)
            if memory is not None:
                return np.asarray(Block(memory, shape, dtype))
    return np.asarray(Block(np.empty(need, np.uint8), shape, dtype))
