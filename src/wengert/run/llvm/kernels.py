"""Compiled kernels, kept by structure and shared by all programs of the process."""

from __future__ import annotations

import ctypes
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from llvmlite import ir

from ..cache import Cache
from . import disk
from .blas import emit_product
from .emit import KERNEL, POINTER, Emitter
from .scalars import INDEX
from .target import Library, object_code, optimise


class Kernel:
    """A native function and the library that keeps it alive."""

    __slots__ = ("address", "library")

    def __init__(self, code: bytes) -> None:
        self.library = Library(code, [_NAME])
        self.address = self.library[_NAME]


_NAME: Final = "kernel"
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
            codes = list(pool.map(lambda key: object_code_of(key, wanted[key]), missing))
    else:
        codes = [object_code_of(key, wanted[key]) for key in missing]
    for key, code in zip(missing, codes, strict=True):
        found[key] = KERNELS.get(key, functools.partial(Kernel, code))
    return found


def object_code_of(structure: Any, what: Any) -> bytes:
    """Return the object code of a kernel."""
    code = disk.read(structure)
    if code is None:
        code = object_code(optimise(emit_module(what)))
        disk.write(structure, code)
    return code


def emit_module(what: Any) -> ir.Module:
    """Return the IR of a kernel; see :func:`compile_kernels`."""
    # A context of its own: IR types and names are kept per context, and two threads may be emitting.
    module = ir.Module("wengert", context=ir.Context())
    if what[0] == "product":
        emit_product(module, _NAME, what[1])
    else:
        Emitter(module, _NAME, *what)
    return module


_DATA: Final = 16
"""Where an array object keeps the address of its data: behind the reference count and the type (NumPy's ABI)."""


@functools.cache
def runner() -> tuple[Library, Any]:
    """Return the function that runs a list of kernels: ``run(count, functions, descriptions, table, bases)``.

    The table holds first the base addresses, then as many addresses of array objects (0 for none), from which it
    fetches the data's addresses before it starts.  It is called through ctypes, which releases the interpreter's
    lock.
    """
    probe = np.zeros(1)
    if ctypes.c_int64.from_address(id(probe) + _DATA).value != probe.ctypes.data:
        raise RuntimeError(
            "this NumPy lays out its array objects in a way that Wengert does not know; please report it"
        )
    code = disk.read(_RUNNER)
    if code is None:
        code = object_code(optimise(_emit_runner()))
        disk.write(_RUNNER, code)
    library = Library(code, [_RUNNER])
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)
    return library, prototype(library[_RUNNER])


_RUNNER: Final = "wengert_run"


def _emit_runner() -> ir.Module:
    """Return the IR of the runner."""
    module = ir.Module(_RUNNER, context=ir.Context())
    pointers = POINTER.as_pointer()
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [INDEX, pointers, pointers, INDEX.as_pointer(), INDEX]), _RUNNER
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
    return module


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
