"""From what a program needs to object code: the part of compilation that loads LLVM."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .emit import KERNEL, POINTER, Emitter
from .kernels import NAME
from .products import emit_product
from .scalars import INDEX


def emit_module(what: Any) -> ir.Module:
    """Return the IR of a kernel; see :func:`~wengert.run.llvm.kernels.compile_kernels`."""
    # A context of its own: IR types and names are kept per context, and two threads may be emitting.
    module = ir.Module("wengert", context=ir.Context())
    if what[0] == "product":
        emit_product(module, NAME, what[1])
    else:
        Emitter(module, NAME, *what)
    return module


def emit_runner(name: str, data: int) -> ir.Module:
    """Return the IR of the runner; ``data`` is where an array object keeps the address of its data."""
    module = ir.Module(name, context=ir.Context())
    pointers = POINTER.as_pointer()
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [INDEX, pointers, pointers, INDEX.as_pointer(), INDEX]), name
    )
    count, functions, descriptions, table, bases = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))

    def fetch(i: Any) -> None:
        item = b.load(b.gep(table, [b.add(i, bases)]))
        with b.if_then(b.icmp_signed("!=", item, ir.Constant(INDEX, 0))):
            field = b.inttoptr(b.add(item, ir.Constant(INDEX, data)), INDEX.as_pointer())
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
