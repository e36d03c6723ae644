"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from .. import llvm
from ..cache import Cache
from .library import library


class Kernel:
    """A native function and the library that keeps it alive."""

    __slots__ = ("address", "library")

    def __init__(self, library: Any) -> None:
        self.library = library
        self.address = library[NAME]


NAME: Final = "kernel"
KERNELS: Final = Cache(4096)
"""Structure -> kernel."""


def compile_kernels(wanted: dict[Any, Any]) -> dict[Any, Kernel]:
    """Return the kernels for structures: from memory, from disk, or compiled now, several at a time.

    Parameters
    ----------
    wanted
        Structure -> what to emit: ``(loop, rank, inner strides, fixed)`` or ``("product", dtype)``.
    """
    found = {key: KERNELS.peek(key) for key in wanted}
    missing = [key for key, kernel in found.items() if kernel is None]
    if len(missing) > 1:
        # llvmlite calls LLVM through ctypes, which lets other threads run Python meanwhile.
        with ThreadPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
            made = list(pool.map(lambda key: _kernel(key, wanted[key]), missing))
    else:
        made = [_kernel(key, wanted[key]) for key in missing]
    for key, kernel in zip(missing, made, strict=True):
        found[key] = KERNELS.get(key, functools.partial(_the, kernel))
    return found


def _the(kernel: Kernel) -> Kernel:
    return kernel


def _kernel(structure: Any, what: Any) -> Kernel:
    return Kernel(library(structure, [NAME], lambda: llvm.compiler.emit_module(what)))
