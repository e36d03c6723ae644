"""From what a program needs to object code: the part of compilation that loads LLVM."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .emit import Emitter
from .kernels import NAME
from .products import emit_product


def emit_module(what: Any) -> ir.Module:
    """Return the IR of a kernel; see :func:`~wengert.run.llvm.kernels.compile_kernels`."""
    # A context of its own: IR types and names are kept per context, and two threads may be emitting.
    module = ir.Module("wengert", context=ir.Context())
    if what[0] == "product":
        emit_product(module, NAME, what[1])
    else:
        Emitter(module, NAME, *what)
    return module
