"""Native functions that are written in LLVM's language by hand: from disk, or compiled now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import llvm
from . import disk
from .image import MAGIC, POSSIBLE, Image, link


def library(structure: Any, exports: list[str], emit: Callable[[], Any]) -> Any:
    """Return a library of native functions; ``library[name]`` is an address, good as long as the library is kept.

    Parameters
    ----------
    structure
        What the code depends on, with a ``repr`` that says all of it.
    exports : list of str
        Names of the functions.
    emit : callable() -> ir.Module or text
        Makes the IR; called only if the code is not on disk.  LLVM is loaded then and not before.  It is not
        optimised: what is written by hand only calls what the time is spent in.
    """
    place = disk.place(structure)
    code = disk.read(place)
    if code is None:
        code = ready(llvm.target.compile_quickly(emit()))
        disk.write(place, code)
    return loaded(code, exports)


def ready(code: bytes) -> bytes:
    """Return object code as an image where that is possible, else as it is."""
    return (link(code) if POSSIBLE else None) or code


def loaded(code: bytes, exports: list[str]) -> Any:
    """Put code into memory."""
    if code.startswith(MAGIC):
        return Image(code)
    return llvm.target.Library(code, exports)
