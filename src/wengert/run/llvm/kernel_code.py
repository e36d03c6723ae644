"""A kernel while it is written by hand: what its description says, loops, calls of BLAS and LAPACK, reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import ir
from .emit import ARGUMENTS, KERNEL
from .scalars import BYTE, INDEX, memory_type

INT = ir.I32
CHAR = ir.BYTE


class Code:
    """One kernel while it is written."""

    def __init__(self, module: ir.Module, name: str, dtype: Any) -> None:
        self.dtype = dtype
        function = ir.Function(module, KERNEL, name, ARGUMENTS)
        self.bases, self.description, self.start, self.stop = function.args
        self.function = function
        self.b = ir.Builder(function.append_basic_block("entry"))
        self.position = 1  # behind the batch size

    def write(self, form: Callable[..., None], options: Sequence[Any]) -> None:
        form(self, *options)
        self.b.ret_void()

    def number(self) -> Any:
        """Return the next number of the description."""
        found = self.b.load(self.b.gep(self.description, ir.Constant(INDEX, self.position)))
        self.position += 1
        return found

    def array(self, dtype: Any = None) -> Any:
        """Return the address of the next array of the description."""
        base, offset = self.number(), self.number()
        address = self.b.gep(self.b.load(self.b.gep(self.bases, base)), offset)
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
        return b.gep(pointer, total)

    def matrix(self, pointer: Any, begin: Any, rows: int, columns: int) -> list[list[Any]]:
        """Return the entries of a small matrix that is stored by rows."""
        return [
            [self.read(self.at(pointer, begin, self.whole(i * columns + j))) for j in range(columns)]
            for i in range(rows)
        ]

    def read(self, pointer: Any) -> Any:
        value = self.b.load(pointer)
        return self.b.icmp_unsigned("!=", value, ir.Constant(BYTE, 0)) if self.dtype.kind == "b" else value

    def store(self, value: Any, pointer: Any) -> None:
        self.b.store(self.b.zext(value, BYTE) if self.dtype.kind == "b" else value, pointer)

    def kept(self, value: Any) -> Any:
        """Put a number into memory, for functions that take everything by address."""
        slot = self.b.alloca(value.type)
        self.b.store(value, slot)
        return slot

    def intrinsic(self, name: str, *args: Any) -> Any:
        return self.b.intrinsic(name, *args)

    def absolute(self, value: Any) -> Any:
        return self.intrinsic("fabs", value)

    def fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x y + z, in one rounding or two as the processor likes it better."""
        return self.intrinsic("fmuladd", x, y, z)

    def call(self, address: Any, *args: Any) -> None:
        kind = ir.FunctionType(ir.VOID, [arg.type for arg in args])
        self.b.call(self.b.inttoptr(address, kind.as_pointer()), args)

    def char(self, letter: str) -> Any:
        return self.kept(ir.Constant(CHAR, ord(letter)))

    def report(self, status: Any, condition: Any, code: int) -> None:
        """Let the status word say what went wrong, where it did and nothing has been said before."""
        b = self.b
        said = b.load(status)
        silent = b.icmp_signed("==", said, self.whole(0))
        b.store(b.select(b.and_(condition, silent), self.whole(code), said), status)
