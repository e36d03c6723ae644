"""Products of small matrices as LLVM IR: every factor in registers, one vector for each row of the result.

A call of BLAS takes longer than a hundred multiplications, and a batch of products would be a call for each.
"""

from __future__ import annotations

from typing import Any

from . import ir
from .kernel_code import Code
from .lane_code import in_all_lanes, put_together
from .scalars import BYTE, memory_type


def small_product(c: Code, m: int, n: int, k: int, by_rows: tuple[bool, bool], accumulate: bool) -> None:
    """Write ``out = alpha x @ y (+ out)`` over a batch; the description is that of ``products.emit_product``.

    ``by_rows`` says of x and y whether they are stored by rows.
    """
    places = [(c.array(), c.number()) for _ in range(3)]
    c.position += 3  # m, n and k, which are known
    ldy, ldx, ldo = c.number(), c.number(), c.number()
    c.position += 4  # what else gemm wants to know
    b, kind = c.b, memory_type(c.dtype)
    bits = b.bitcast(c.number(), ir.DOUBLE)
    alpha = bits if kind == bits.type else b.fptrunc(bits, kind)
    with c.loop(c.start, c.stop) as at:
        x, y, out = (
            b.bitcast(b.gep(b.bitcast(start, BYTE.as_pointer()), b.mul(at, stride)), kind.as_pointer())
            for start, stride in places
        )
        second = [_row(c, y, p, n, ldy, by_rows[1]) for p in range(k)]
        for i in range(m):
            total: Any = None
            for p in range(k):
                factor = _spread(c, c.read(_entry(c, x, i, p, ldx, by_rows[0])), n)
                total = b.fmul(factor, second[p]) if total is None else c.fused(factor, second[p], total)
            total = b.fmul(total, _spread(c, alpha, n))
            if accumulate:
                total = b.fadd(total, _row(c, out, i, n, ldo, True))
            _put(c, total, out, i, n, ldo)


def _entry(c: Code, pointer: Any, i: int, j: int, leading: Any, by_rows: bool) -> Any:
    outer, inner = (i, j) if by_rows else (j, i)
    return c.at(pointer, (c.whole(outer), leading), c.whole(inner))


def _row(c: Code, pointer: Any, i: int, n: int, leading: Any, by_rows: bool) -> Any:
    """Load a row as a vector; one entry as a scalar."""
    b = c.b
    if n == 1:
        return c.read(_entry(c, pointer, i, 0, leading, by_rows))
    kind = ir.vector(memory_type(c.dtype), n)
    if by_rows:
        place = b.bitcast(_entry(c, pointer, i, 0, leading, True), kind.as_pointer())
        return b.load(place, align=c.dtype.itemsize)
    return put_together(b, [c.read(_entry(c, pointer, i, j, leading, False)) for j in range(n)])


def _put(c: Code, value: Any, pointer: Any, i: int, n: int, leading: Any) -> None:
    b, place = c.b, _entry(c, pointer, i, 0, leading, True)
    if n > 1:
        place = b.bitcast(place, value.type.as_pointer())
    b.store(value, place, align=c.dtype.itemsize)


def _spread(c: Code, value: Any, n: int) -> Any:
    """Return a scalar in all lanes; one lane is the scalar itself."""
    return value if n == 1 else in_all_lanes(c.b, value, n)
