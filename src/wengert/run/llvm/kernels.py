"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from llvmlite import ir

from ..cache import Cache
from .blas import emit_product
from .emit import KERNEL, POINTER, Emitter
from .scalars import INDEX
from .target import Library, load, optimise


class Kernel:
    """A native function and the library that keeps it alive."""

    __slots__ = ("address", "library")

    def __init__(self, library: Library, name: str) -> None:
        self.library = library
        self.address = library[name]


KERNELS = Cache(4096)


def compile_kernels(wanted: dict[Any, Any]) -> dict[Any, Kernel]:
    """Return the kernels for structures; those that are not known yet are compiled together, in one module.

    Parameters
    ----------
    wanted
        Structure -> what to emit: ``(loop, rank, inner strides, fixed)`` or ``("product", dtype)``.
    """
    found: dict[Any, Kernel] = {}
    missing = []
    for key in wanted:
        known = KERNELS.peek(key)
        if known is None:
            missing.append(key)
        else:
            found[key] = known
    if missing:
        module = ir.Module("wengert")
        names = {key: f"kernel{k}" for k, key in enumerate(missing)}
        for key in missing:
            what = wanted[key]
            if what[0] == "product":
                emit_product(module, names[key], what[1])
            else:
                Emitter(module, names[key], *what)
        library = load(optimise(module), list(names.values()))
        for key in missing:
            found[key] = KERNELS.get(key, lambda key=key: Kernel(library, names[key]))
    return found


@functools.cache
def runner() -> tuple[Library, Any]:
    """Return the function that runs a list of kernels: ``run(count, functions, descriptions, bases)``.

    It is called through ctypes, which releases the interpreter's lock.
    """
    module = ir.Module("wengert_run")
    pointers = POINTER.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INDEX, pointers, pointers, pointers]), "wengert_run")
    count, functions, descriptions, bases = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    loop, done = function.append_basic_block("loop"), function.append_basic_block("done")
    entry = b.block
    b.cbranch(b.icmp_signed(">", count, ir.Constant(INDEX, 0)), loop, done)
    b.position_at_end(loop)
    i = b.phi(INDEX)
    kernel = b.bitcast(b.load(b.gep(functions, [i])), KERNEL.as_pointer())
    description = b.bitcast(b.load(b.gep(descriptions, [i])), INDEX.as_pointer())
    b.call(kernel, [bases, description, ir.Constant(INDEX, 0), b.load(description)])
    following = b.add(i, ir.Constant(INDEX, 1))
    i.add_incoming(ir.Constant(INDEX, 0), entry)
    i.add_incoming(following, loop)
    b.cbranch(b.icmp_signed("<", following, count), loop, done)
    b.position_at_end(done)
    b.ret_void()
    library = load(optimise(module), ["wengert_run"])
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return library, prototype(library["wengert_run"])


