"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Final

import numpy as np
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


_DATA: Final = 16
"""Where an array object keeps the address of its data: behind the reference count and the type (NumPy's ABI)."""


@functools.cache
def runner() -> tuple[Library, Any]:
    """Return the function that runs a list of kernels: ``run(count, functions, descriptions, table, bases)``.

    The table holds first the base addresses, then as many addresses of array objects (0 for none), from which it fetches the data's
    addresses before it starts.  It is called through ctypes, which releases the interpreter's lock.
    """
    probe = np.zeros(1)
    if ctypes.c_int64.from_address(id(probe) + _DATA).value != probe.ctypes.data:
        raise RuntimeError("this NumPy lays out its array objects in a way that Wengert does not know; please report it")
    module = ir.Module("wengert_run")
    pointers = POINTER.as_pointer()
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [INDEX, pointers, pointers, INDEX.as_pointer(), INDEX]), "wengert_run"
    )
    count, functions, descriptions, table, bases = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))

    def fetch(i: Any) -> None:
        item = b.load(b.gep(table, [b.add(i, bases)]))
        with b.if_then(b.icmp_signed("!=", item, ir.Constant(INDEX, 0))):
            field = b.inttoptr(b.add(item, ir.Constant(INDEX, _DATA)), INDEX.as_pointer())
            b.store(b.load(field), b.gep(table, [i]))

    def call(i: Any) -> None:
        kernel = b.bitcast(b.load(b.gep(functions, [i])), KERNEL.as_pointer())
        description = b.bitcast(b.load(b.gep(descriptions, [i])), INDEX.as_pointer())
        b.call(kernel, [b.bitcast(table, pointers), description, ir.Constant(INDEX, 0), b.load(description)])

    _count(b, bases, fetch)
    _count(b, count, call)
    b.ret_void()
    library = load(optimise(module), ["wengert_run"])
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)
    return library, prototype(library["wengert_run"])


def _count(b: ir.IRBuilder, stop: Any, step: Any) -> None:
    """Emit ``for i in range(stop): step(i)``."""
    entry = b.block
    loop, done = b.append_basic_block("loop"), b.append_basic_block("done")
    b.cbranch(b.icmp_signed(">", stop, ir.Constant(INDEX, 0)), loop, done)
    b.position_at_end(loop)
    i = b.phi(INDEX)
    step(i)
    following = b.add(i, ir.Constant(INDEX, 1))
    i.add_incoming(ir.Constant(INDEX, 0), entry)
    i.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, stop), loop, done)
    b.position_at_end(done)
