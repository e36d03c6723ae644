"""Native forms as LLVM IR; :mod:`.forms` says when they are used and what the numbers in their descriptions mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from .emit import KERNEL
from .forms import NOT_POSITIVE, SINGULAR, SINGULAR_TRIANGLE
from .scalars import BYTE, INDEX, Operation, emit, memory_type

INT = ir.IntType(32)
CHAR = ir.IntType(8)
_WIDTH = 32
"""Bytes that a fill writes at once; where registers are smaller, LLVM cuts it up."""


def emit_form(module: ir.Module, name: str, form: tuple[Any, ...]) -> None:
    """Write the kernel of a form; ``form`` is the key that :func:`~wengert.run.llvm.forms.forms_of` gave it."""
    _Code(module, name, np.dtype(form[1])).write(_TABLE[form[0]], form[2:])


class _Code:
    """One kernel while it is written."""

    def __init__(self, module: ir.Module, name: str, dtype: Any) -> None:
        self.dtype = dtype
        function = ir.Function(module, KERNEL, name)
        self.bases, self.description, self.start, self.stop = function.args
        self.function = function
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.position = 1  # behind the batch size

    def write(self, form: Callable[..., None], options: Sequence[Any]) -> None:
        form(self, *options)
        self.b.ret_void()

    def number(self) -> Any:
        """Return the next number of the description."""
        found = self.b.load(self.b.gep(self.description, [ir.Constant(INDEX, self.position)]))
        self.position += 1
        return found

    def array(self, dtype: Any = None) -> Any:
        """Return the address of the next array of the description."""
        base, offset = self.number(), self.number()
        address = self.b.gep(self.b.load(self.b.gep(self.bases, [base])), [offset])
        return self.b.bitcast(address, memory_type(dtype or self.dtype).as_pointer())

    def whole(self, value: int) -> Any:
        return ir.Constant(INDEX, value)

    @contextmanager
    def loop(self, start: Any, stop: Any) -> Iterator[Any]:
        """Write ``for i in range(start, stop)``."""
        b = self.b
        before = b.block
        head, body, done = (self.function.append_basic_block(label) for label in ("head", "body", "done"))
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(INDEX)
        b.cbranch(b.icmp_signed("<", i, stop), body, done)
        b.position_at_end(body)
        yield i
        i.add_incoming(start, before)
        i.add_incoming(b.add(i, self.whole(1)), b.block)
        b.branch(head)
        b.position_at_end(done)

    def at(self, pointer: Any, *terms: Any) -> Any:
        """Return the address of an entry; ``terms`` are added up, and pairs multiplied."""
        b = self.b
        total: Any = None
        for term in terms:
            value = b.mul(*term) if isinstance(term, tuple) else term
            total = value if total is None else b.add(total, value)
        return b.gep(pointer, [total])

    def read(self, pointer: Any) -> Any:
        value = self.b.load(pointer)
        return self.b.icmp_unsigned("!=", value, ir.Constant(BYTE, 0)) if self.dtype.kind == "b" else value

    def store(self, value: Any, pointer: Any) -> None:
        self.b.store(self.b.zext(value, BYTE) if self.dtype.kind == "b" else value, pointer)

    def kept(self, value: Any) -> Any:
        """Put a number into memory, for functions that take everything by address."""
        with self.b.goto_entry_block():
            slot = self.b.alloca(value.type)
        self.b.store(value, slot)
        return slot

    def call(self, address: Any, *args: Any) -> None:
        kind = ir.FunctionType(ir.VoidType(), [arg.type for arg in args])
        self.b.call(self.b.inttoptr(address, kind.as_pointer()), args)

    def char(self, letter: str) -> Any:
        return self.kept(ir.Constant(CHAR, ord(letter)))

    def report(self, status: Any, condition: Any, code: int) -> None:
        """Let the status word say what went wrong, where it did and nothing has been said before."""
        b = self.b
        said = b.load(status)
        silent = b.icmp_signed("==", said, self.whole(0))
        b.store(b.select(b.and_(condition, silent), self.whole(code), said), status)


# -- along an axis ----------------------------------------------------------------------------------------------------


def _running(c: _Code, how: str, reverse: bool, last: bool) -> None:
    """Running sums and the like: arrays are (batch, n, inner); with ``last``, inner is 1."""
    factors = c.array() if how == "recurrence" else None
    terms, out = c.array(), c.array()
    n = c.number()
    inner = c.whole(1) if last else c.number()
    b, one = c.b, c.whole(1)
    row = b.mul(n, inner)

    def place(i: Any) -> Any:
        return b.mul(b.sub(b.sub(n, one), i) if reverse else i, inner)

    def combined(before: Any, at: Any) -> Any:
        term = c.read(c.at(terms, at))
        if factors is None:
            return emit(how, Operation(b, [before, term], [c.dtype, c.dtype], c.dtype), {})
        factor = c.read(c.at(factors, at))
        zero = ir.Constant(factor.type, 0.0)
        product = b.select(b.fcmp_ordered("==", factor, zero), zero, b.fmul(factor, before))
        return b.fadd(product, term)

    with c.loop(c.start, c.stop) as o:
        begin = b.mul(o, row)
        with c.loop(c.whole(0), inner) as j:
            first = b.add(b.add(begin, place(c.whole(0))), j)
            value = c.read(c.at(terms, first))
            if factors is not None:
                value = combined(ir.Constant(value.type, 0.0), first)
            c.store(value, c.at(out, first))
        with c.loop(one, n) as i:
            here, before = b.add(begin, place(i)), b.add(begin, place(b.sub(i, one)))
            with c.loop(c.whole(0), inner) as j:
                value = combined(c.read(c.at(out, before, j)), b.add(here, j))
                c.store(value, c.at(out, here, j))


def _place(c: _Code, better: str) -> None:
    """The index of the first largest or smallest entry; a nan is better than any number."""
    x, out = c.array(), c.array(np.dtype(np.intp))
    n, inner = c.number(), c.number()
    b = c.b
    unsigned = c.dtype.kind in "ub"
    with c.loop(c.start, c.stop) as o, c.loop(c.whole(0), inner) as j:
        begin = b.add(b.mul(b.mul(o, n), inner), j)
        first = c.read(c.at(x, begin))
        best = c.kept(first)
        index = c.kept(c.whole(0))
        with c.loop(c.whole(1), n) as i:
            value, so_far = c.read(c.at(x, begin, (i, inner))), b.load(best)
            if c.dtype.kind == "f":
                wins = b.and_(b.fcmp_unordered(better, value, so_far), b.fcmp_ordered("ord", so_far, so_far))
            else:
                wins = (b.icmp_unsigned if unsigned else b.icmp_signed)(better, value, so_far)
            b.store(b.select(wins, value, so_far), best)
            b.store(b.select(wins, i, b.load(index)), index)
        b.store(b.load(index), c.at(out, (o, inner), j))


# -- matrices ---------------------------------------------------------------------------------------------------------


def _cholesky(c: _Code) -> None:
    """LAPACK counts in columns: its upper triangle is our lower one."""
    a, out, status = c.array(), c.array(), c.array(np.dtype(np.int64))
    n, potrf = c.number(), c.number()
    b = c.b
    size, info = c.kept(b.trunc(n, INT)), c.kept(ir.Constant(INT, 0))
    upper = c.char("U")
    half = ir.Constant(memory_type(c.dtype), 0.5)
    with c.loop(c.start, c.stop) as m:
        begin = b.mul(m, b.mul(n, n))
        with c.loop(c.whole(0), n) as i, c.loop(c.whole(0), n) as j:
            x, y = c.read(c.at(a, begin, (i, n), j)), c.read(c.at(a, begin, (j, n), i))
            mean = b.fmul(b.fadd(x, y), half)
            below = b.icmp_signed("<=", j, i)
            c.store(b.select(below, mean, ir.Constant(mean.type, 0.0)), c.at(out, begin, (i, n), j))
        c.call(potrf, upper, size, c.at(out, begin), size, info)
        c.report(status, b.icmp_signed("!=", b.load(info), ir.Constant(INT, 0)), NOT_POSITIVE)


def _solve(c: _Code, inverse: bool) -> None:
    """Transpose into columns, solve, transpose back; the right-hand side of an inverse is the unit matrix."""
    a = c.array()
    right = None if inverse else c.array()
    out = c.array()
    matrix, columns, pivots = c.array(), c.array(), c.array(np.dtype(np.int32))
    status = c.array(np.dtype(np.int64))
    n, k, gesv = c.number(), c.number(), c.number()
    b = c.b
    rows, width, info = c.kept(b.trunc(n, INT)), c.kept(b.trunc(k, INT)), c.kept(ir.Constant(INT, 0))
    kind = memory_type(c.dtype)
    with c.loop(c.start, c.stop) as m:
        from_a, from_b = b.mul(m, b.mul(n, n)), b.mul(m, b.mul(n, k))
        with c.loop(c.whole(0), n) as i:
            with c.loop(c.whole(0), n) as j:
                c.store(c.read(c.at(a, from_a, (i, n), j)), c.at(matrix, (j, n), i))
            with c.loop(c.whole(0), k) as j:
                if right is None:
                    unit = b.icmp_signed("==", i, j)
                    value = b.select(unit, ir.Constant(kind, 1.0), ir.Constant(kind, 0.0))
                else:
                    value = c.read(c.at(right, from_b, (i, k), j))
                c.store(value, c.at(columns, (j, n), i))
        c.call(gesv, rows, width, matrix, rows, pivots, columns, rows, info)
        c.report(status, b.icmp_signed(">", b.load(info), ir.Constant(INT, 0)), SINGULAR)
        with c.loop(c.whole(0), n) as i, c.loop(c.whole(0), k) as j:
            c.store(c.read(c.at(columns, (j, n), i)), c.at(out, from_b, (i, k), j))


def _triangular(c: _Code, lower: bool, unit: bool) -> None:
    """In LAPACK's columns A x = b reads xᵀ Aᵀ = bᵀ, and our lower triangle is its upper one: nothing is transposed."""
    a, right, out, status = c.array(), c.array(), c.array(), c.array(np.dtype(np.int64))
    n, k, trsm = c.number(), c.number(), c.number()
    b = c.b
    rows, width = c.kept(b.trunc(n, INT)), c.kept(b.trunc(k, INT))
    one = c.kept(ir.Constant(memory_type(c.dtype), 1.0))
    letters = [c.char(x) for x in ("R", "U" if lower else "L", "N", "U" if unit else "N")]
    with c.loop(c.start, c.stop) as m:
        from_a, from_b = b.mul(m, b.mul(n, n)), b.mul(m, b.mul(n, k))
        with c.loop(c.whole(0), b.mul(n, k)) as i:
            c.store(c.read(c.at(right, from_b, i)), c.at(out, from_b, i))
        if not unit:
            with c.loop(c.whole(0), n) as i:
                entry = c.read(c.at(a, from_a, (i, n), i))
                c.report(status, b.fcmp_ordered("==", entry, ir.Constant(entry.type, 0.0)), SINGULAR_TRIANGLE)
        c.call(trsm, *letters, width, rows, one, c.at(a, from_a), rows, c.at(out, from_b), width)


def _fill(c: _Code) -> None:
    out = c.array()
    kind = memory_type(c.dtype)
    bits = c.number()
    b = c.b
    value = bits if kind == INDEX else b.trunc(bits, kind)
    width = _WIDTH // c.dtype.itemsize
    wide, index = ir.VectorType(kind, width), INT
    one = b.insert_element(ir.Constant(wide, ir.Undefined), value, ir.Constant(index, 0))
    many = b.shuffle_vector(one, one, ir.Constant(ir.VectorType(index, width), [0] * width))
    count = b.udiv(b.sub(c.stop, c.start), c.whole(width))
    with c.loop(c.whole(0), count) as i:
        b.store(many, b.bitcast(c.at(out, c.start, (i, c.whole(width))), wide.as_pointer()), align=c.dtype.itemsize)
    with c.loop(b.add(c.start, b.mul(count, c.whole(width))), c.stop) as i:
        c.store(value, c.at(out, i))


_TABLE: dict[str, Callable[..., None]] = {
    "fill": _fill,
    "running": _running,
    "place": _place,
    "cholesky": _cholesky,
    "solve": _solve,
    "triangular": _triangular,
}
