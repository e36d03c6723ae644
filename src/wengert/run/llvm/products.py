"""Matrix products as LLVM IR: a loop over a batch, or over nothing, that calls BLAS's gemm."""

from __future__ import annotations

from typing import Any

from . import ir
from .emit import ARGUMENTS, KERNEL
from .scalars import INDEX, memory_type

INT = ir.I32


def emit_product(module: ir.Module, name: str, dtype: Any, axis: str = "batch") -> None:
    """Write the kernel that computes products from one number to another along an axis.

    Along the batch it calls gemm once for each product; along the rows or columns of a single product it calls gemm
    once, for these rows or columns.

    Description: length of the axis, then base, offset in bytes and stride in bytes along the axis of x, y and out,
    then m, n, k, the leading dimensions of y, x and out, whether y and x are transposed (as characters), beta (0 or
    1), the address of gemm, and the bits of alpha.
    """
    kind = memory_type(dtype)
    function = ir.Function(module, KERNEL, name, ARGUMENTS)
    bases, description, start, stop = function.args
    b = ir.Builder(function.append_basic_block("entry"))
    fields = [b.load(b.gep(description, ir.Constant(INDEX, k))) for k in range(21)]
    pointers = [b.gep(b.load(b.gep(bases, fields[k])), fields[k + 1]) for k in (1, 4, 7)]
    if axis in ("rows", "columns"):
        fields[10 if axis == "rows" else 11] = b.sub(stop, start)
    m, n, k, ldy, ldx, ldo = (_kept(b, b.trunc(f, INT)) for f in fields[10:16])
    turn_y, turn_x = (_kept(b, b.trunc(f, ir.BYTE)) for f in fields[16:18])
    factor = b.bitcast(fields[20], ir.DOUBLE)
    alpha = _kept(b, factor if kind == factor.type else b.fptrunc(factor, kind))
    beta = _kept(b, b.sitofp(fields[18], kind))
    char, number, real = ir.BYTE.as_pointer(), INT.as_pointer(), kind.as_pointer()
    gemm_type = ir.FunctionType(
        ir.VOID,
        [char, char, number, number, number, real, real, number, real, number, real, real, number],
    )
    gemm = b.inttoptr(fields[19], gemm_type.as_pointer())
    if axis != "batch":
        x, y, out = (b.bitcast(b.gep(p, b.mul(start, fields[3 * j + 3])), real) for j, p in enumerate(pointers))
        b.call(gemm, [turn_y, turn_x, n, m, k, alpha, y, ldy, x, ldx, beta, out, ldo])
        b.ret_void()
        return
    loop, done = function.append_basic_block("loop"), function.append_basic_block("done")
    entry = b.block
    b.cbranch(b.icmp_signed("<", start, stop), loop, done)
    b.position_at_end(loop)
    i = b.phi(INDEX)
    x, y, out = (b.bitcast(b.gep(p, b.mul(i, fields[3 * j + 3])), real) for j, p in enumerate(pointers))
    # BLAS counts in columns; our rows are its columns, so that out = x y is computed as out' = y' x'.
    b.call(gemm, [turn_y, turn_x, n, m, k, alpha, y, ldy, x, ldx, beta, out, ldo])
    following = b.add(i, ir.Constant(INDEX, 1))
    i.add_incoming(start, entry)
    i.add_incoming(following, loop)
    b.cbranch(b.icmp_signed("<", following, stop), loop, done)
    b.position_at_end(done)
    b.ret_void()


def _kept(b: ir.Builder, value: Any) -> Any:
    """Put a number into memory: BLAS takes everything by address."""
    slot = b.alloca(value.type)
    b.store(value, slot)
    return slot
