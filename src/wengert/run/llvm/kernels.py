"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import functools
from typing import Any, Final

from .. import llvm
from ..cache import Cache
from . import disk
from .library import loaded


class Kernel:
    """A native function and the library that keeps it alive."""

    __slots__ = ("address", "library")

    def __init__(self, code: bytes) -> None:
        self.library = loaded(code, [NAME])
        self.address = self.library[NAME]


NAME: Final = "kernel"
KERNELS: Final = Cache(4096)
"""Structure -> kernel."""


def compile_kernels(wanted: dict[Any, Any]) -> dict[Any, Kernel]:
    """Return the kernels for structures: from memory, from disk, or compiled now, all at once.

    Parameters
    ----------
    wanted
        Structure -> what to emit: ``(loop, rank, inner strides, fixed)``, a form's key, or ``("region", recipe)``.
    """
    found = {key: KERNELS.peek(key) for key in wanted}
    codes: dict[Any, bytes] = {}
    missing: dict[Any, str | None] = {}
    for key, kernel in found.items():
        if kernel is None:
            place = disk.place(key)
            code = disk.read(place)
            if code is None:
                missing[key] = place
            else:
                codes[key] = code
    if missing:
        made = llvm.compiler.compiled([wanted[key] for key in missing])
        for (key, place), code in zip(missing.items(), made, strict=True):
            codes[key] = code
            disk.write(place, code)
    for key, code in codes.items():
        found[key] = KERNELS.get(key, functools.partial(Kernel, code))
    return found
