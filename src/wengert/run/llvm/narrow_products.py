"""Products of a few rows with a matrix that fits into the cache, as LLVM IR.

BLAS first copies both factors into the order that suits it.  That pays where they are read many times; a step of a
recurrent network multiplies a handful of rows with the same matrix again and again, and copying takes as long as
multiplying.  Here the matrix is read where it lies: in blocks of four rows of the result and two registers of its
columns, whose eight sums are independent of each other, as many as a processor has under way at once.

Where the second factor is stored by columns, its columns and the rows of the first factor are what lies side by side:
then the sums are of registers along the terms, whose lanes are added up in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import ir
from .kernel_code import Code
from .lane_code import entry, in_all_lanes, shuffled
from .narrow import ROWS, WIDTH
from .scalars import BYTE, INDEX, memory_type


def narrow_product(c: Code, by_rows: tuple[bool, bool], rest: int, tail: bool, accumulate: bool) -> None:
    """Write ``out = alpha x @ y (+ out)`` over a batch; the description is that of ``products.emit_product``.

    Parameters
    ----------
    c : Code
    by_rows : pair of bool
        Whether x and y are stored by rows.
    rest : int
        Rows that are left over from blocks of four.
    tail : bool
        Whether a register of columns is left over from blocks of two (y by rows only).
    accumulate : bool
    """
    _Product(c, by_rows, rest, tail, accumulate).write()


class _Product:
    def __init__(self, c: Code, by_rows: tuple[bool, bool], rest: int, tail: bool, accumulate: bool) -> None:
        self.c, self.by_rows, self.rest, self.tail, self.accumulate = c, by_rows, rest, tail, accumulate
        self.lanes = WIDTH // c.dtype.itemsize
        self.kind = ir.vector(memory_type(c.dtype), self.lanes)
        self.places = [(c.array(), c.number()) for _ in range(3)]
        self.m, self.n, self.k = c.number(), c.number(), c.number()
        self.ldy, self.ldx, self.ldo = c.number(), c.number(), c.number()
        c.position += 4  # what else gemm wants to know
        bits = c.b.bitcast(c.number(), ir.DOUBLE)
        self.alpha = bits if self.kind.element == bits.type else c.b.fptrunc(bits, self.kind.element)

    def write(self) -> None:
        c, b = self.c, self.c.b
        whole = b.udiv(self.m, c.whole(ROWS))
        with c.loop(c.start, c.stop) as at:
            self.x, self.y, self.out = (
                b.bitcast(b.gep(b.bitcast(start, BYTE.as_pointer()), b.mul(at, stride)), start.type)
                for start, stride in self.places
            )
            with c.loop(c.whole(0), whole) as i:
                self._rows(b.mul(i, c.whole(ROWS)), ROWS)
            if self.rest:
                self._rows(b.mul(whole, c.whole(ROWS)), self.rest)

    def _rows(self, i: Any, rows: int) -> None:
        """Write a few rows of the result, block by block."""
        c, b = self.c, self.c.b
        step = 2 * self.lanes if self.by_rows[1] else 2
        with c.loop(c.whole(0), b.udiv(self.n, c.whole(step))) as j:
            self._block(i, rows, b.mul(j, c.whole(step)), 2)
        if self.tail:
            self._block(i, rows, b.sub(self.n, c.whole(self.lanes)), 1)

    def _block(self, i: Any, rows: int, j: Any, columns: int) -> None:
        c, b = self.c, self.c.b
        at = [b.add(i, c.whole(q)) for q in range(rows)]
        across = [b.add(j, c.whole(v * self.lanes if self.by_rows[1] else v)) for v in range(columns)]
        if self.by_rows[1]:
            sums = self._sums(rows * columns, 1, lambda p: self._outer(at, across, p))
            for q, row in enumerate(at):
                for v, column in enumerate(across):
                    self._put(sums[q * columns + v], row, column)
            return
        sums = self._sums(rows * columns, self.lanes, lambda p: self._inner(at, across, p))
        for q, row in enumerate(at):
            for v, column in enumerate(across):
                self._put(self._total(sums[q * columns + v]), row, column)

    def _outer(self, at: Sequence[Any], across: Sequence[Any], p: Any) -> list[tuple[Any, Any]]:
        """Return the factors of one term: entries of x in all lanes, parts of a row of y."""
        c = self.c
        second = [self._load(c.at(self.y, (p, self.ldy), column)) for column in across]
        first = [
            in_all_lanes(
                c.b,
                c.read(c.at(self.x, (row, self.ldx), p) if self.by_rows[0] else c.at(self.x, (p, self.ldx), row)),
                self.lanes,
            )
            for row in at
        ]
        return [(x, y) for x in first for y in second]

    def _inner(self, at: Sequence[Any], across: Sequence[Any], p: Any) -> list[tuple[Any, Any]]:
        """Return the factors of as many terms as there are lanes: parts of rows of x and of columns of y."""
        c = self.c
        second = [self._load(c.at(self.y, (column, self.ldy), p)) for column in across]
        first = [self._load(c.at(self.x, (row, self.ldx), p)) for row in at]
        return [(x, y) for x in first for y in second]

    def _sums(self, count: int, step: int, factors: Callable[[Any], list[tuple[Any, Any]]]) -> list[Any]:
        """Write the loop over the terms, of which there is one at least; return the sums."""
        c, b = self.c, self.c.b
        before = b.block
        body, done = (c.function.append_basic_block(label) for label in ("terms", "summed"))
        b.branch(body)
        b.position_at_end(body)
        p = b.phi(INDEX)
        sums = [b.phi(self.kind) for _ in range(count)]
        later = [c.fused(x, y, so_far) for (x, y), so_far in zip(factors(p), sums, strict=True)]
        following = b.add(p, c.whole(step))
        p.add_incoming(c.whole(0), before)
        p.add_incoming(following, b.block)
        for so_far, total in zip(sums, later, strict=True):
            so_far.add_incoming(ir.Constant(self.kind, 0.0), before)
            so_far.add_incoming(total, b.block)
        b.cbranch(b.icmp_signed("<", following, self.k), body, done)
        b.position_at_end(done)
        return later

    def _total(self, value: Any) -> Any:
        """Return the sum of a vector's lanes."""
        b, count = self.c.b, self.lanes
        while count > 1:
            count //= 2
            moved = shuffled(b, value, [k + count if k < count else k for k in range(self.lanes)])
            value = b.fadd(value, moved)
        return entry(b, value, 0)

    def _load(self, pointer: Any) -> Any:
        b = self.c.b
        return b.load(b.bitcast(pointer, self.kind.as_pointer()), align=self.c.dtype.itemsize)

    def _put(self, value: Any, row: Any, column: Any) -> None:
        c, b = self.c, self.c.b
        many = bool(value.type.count)
        value = b.fmul(value, in_all_lanes(b, self.alpha, self.lanes) if many else self.alpha)
        place = c.at(self.out, (row, self.ldo), column)
        if self.accumulate:
            value = b.fadd(value, self._load(place) if many else c.read(place))
        place = b.bitcast(place, value.type.as_pointer()) if many else place
        b.store(value, place, align=c.dtype.itemsize)
