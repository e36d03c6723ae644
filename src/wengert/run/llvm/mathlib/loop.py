"""One mathlib function compiled as a loop over contiguous arrays: for tests, benchmarks, and a look at the assembly."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from wengert.run.llvm import ir, target
from wengert.run.llvm.mathlib import FUNCTIONS, declare
from wengert.run.llvm.mathlib.emit import FLOAT32, FLOAT64

INDEX = ir.I64
SYMBOL = "wengert_loop"


def loop_module(name: str, dtype: str) -> ir.Module:
    """IR of ``for i in range(n): out[i] = f(x[i], ...)``, every array distinct from the others."""
    form = FLOAT64 if dtype == "float64" else FLOAT32
    pointer = form.type.as_pointer()
    arity = FUNCTIONS[name].arity
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(ir.VOID, [pointer] * (arity + 1) + [INDEX]), SYMBOL)
    for argument in function.args[:-1]:
        argument.attributes.append("noalias")
    entry, body, done = (function.append_basic_block(label) for label in ("entry", "body", "done"))
    builder = ir.Builder(entry)
    zero, count = ir.Constant(INDEX, 0), function.args[-1]
    builder.cbranch(builder.icmp_signed(">", count, zero), body, done)
    builder.position_at_end(body)
    i = builder.phi(INDEX)
    operands = [builder.load(builder.gep(p, i)) for p in function.args[:arity]]
    result = builder.call(declare(module, name, form.type), operands)
    builder.store(result, builder.gep(function.args[arity], i))
    following = builder.add(i, ir.Constant(INDEX, 1), flags=("nsw",))
    i.add_incoming(zero, entry)
    i.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, count), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return module


class Loop:
    """A function of :data:`FUNCTIONS`, callable on one-dimensional contiguous arrays of its dtype."""

    def __init__(self, name: str, dtype: str, cpu: target.Cpu | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.optimised = target.optimise(loop_module(name, dtype), cpu)
        self.library = target.Library(target.object_code(self.optimised, cpu), [SYMBOL])
        arity = FUNCTIONS[name].arity
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)
        self.function = prototype(self.library[SYMBOL])

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        for a in arrays:
            if a.dtype != self.dtype or a.ndim != 1 or not a.flags.c_contiguous or a.shape != arrays[0].shape:
                raise ValueError(
                    f"a loop takes contiguous 1-d arrays of {self.dtype} of one length; got {a.dtype}, shape {a.shape}"
                )
        out = np.empty(arrays[0].shape, self.dtype) if out is None else out
        if out.dtype != self.dtype or out.shape != arrays[0].shape or not out.flags.c_contiguous:
            raise ValueError(f"out must be contiguous, {self.dtype} and of shape {arrays[0].shape}; got {out.dtype}")
        self.function(*(a.ctypes.data for a in (*arrays, out)), len(out))
        return out
