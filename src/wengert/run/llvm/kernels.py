"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import functools
import itertools
from typing import Any, Final

import numpy as np

from .. import llvm
from ..cache import Cache
from . import disk
from .library import library, loaded


class Kernel:
    """A native function and the library that keeps it alive."""

    __slots__ = ("address", "library")

    def __init__(self, library: Any, name: str) -> None:
        self.library = library
        self.address: int = library[name]


NAME: Final = "kernel"
AXES: Final = ("batch", "rows", "columns")
"""Along what the kernel of a product runs."""
KERNELS: Final = Cache(4096)
"""Structure -> kernel."""


def compile_kernels(wanted: dict[Any, Any]) -> dict[Any, Kernel]:
    """Return the kernels for structures: from memory, from disk, or compiled now, all at once.

    Parameters
    ----------
    wanted
        Structure -> what to emit: ``(loop, rank, inner strides, fixed)``, a form's key, or ``("region", recipe)``.
    """
    found = {key: products()[key] if key[0] == "product" else KERNELS.peek(key) for key in wanted}
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
        found[key] = KERNELS.get(key, functools.partial(_kernel, code))
    return found


def _kernel(code: bytes) -> Kernel:
    return Kernel(loaded(code, [NAME]), NAME)


@functools.cache
def products() -> dict[Any, Kernel]:
    """Return the kernels that call BLAS, by form: few, needed by many programs, and compiled all at once."""
    types = [np.dtype(kind).str for kind in (np.float64, np.float32)]
    forms = {f"product.{kind[1:]}.{axis}": ("product", kind, axis) for kind, axis in itertools.product(types, AXES)}
    code = library(("products", *forms), list(forms), lambda: llvm.compiler.emit_forms(forms))
    return {form: Kernel(code, name) for name, form in forms.items()}
