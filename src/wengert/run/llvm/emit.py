"""Loop nests as LLVM IR.

A kernel is generic in sizes: it takes the addresses of the buffers, and a description with the sizes, offsets and
strides.  Only what changes the code is part of its structure: the scalar operations, dtypes, the depth of the nest,
and for each access whether the innermost stride is 0, 1 or something else.

    void kernel(i8** bases, i64* description, i64 from, i64 to)

``from`` and ``to`` bound the outermost loop, so that threads can share it.  The description holds the sizes of the
loops, then for each access the number of its base, its offset in bytes, and its strides in entries.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

from llvmlite import ir

from .layout import BLOCK, IDENTITY, worst
from .loops import Const, Load, Loop, Op, Outside, Pick
from .scalars import BYTE, INDEX, Operation, constant, emit, memory_type
from .sums import add as sum_add
from .sums import end as sum_end
from .sums import start as sum_start
from .target import loop_options

POINTER: Final = BYTE.as_pointer()
KERNEL: Final = ir.FunctionType(ir.VoidType(), [POINTER.as_pointer(), INDEX.as_pointer(), INDEX, INDEX])


class Emitter:
    """Writes one kernel into a module."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        loop: Loop,
        rank: int,
        inner: list[int],
        fixed: list[bool],
        long_sums: bool = False,
        entry: bool = True,
    ) -> None:
        self.long_sums = long_sums
        self.module = module
        self.loop = loop
        self.rank = rank
        self.inner = inner
        self.fixed = fixed
        self.body = self._body(name)
        if entry:
            self._entry(name)

    # -- entry: load the description, call the body with pointers that do not alias
    # -------------------------------------

    def _entry(self, name: str) -> None:
        function = ir.Function(self.module, KERNEL, name)
        bases, description, start, stop = function.args
        b = ir.IRBuilder(function.append_basic_block("entry"))
        position = 0

        def number() -> Any:
            nonlocal position
            found = b.load(b.gep(description, [ir.Constant(INDEX, position)]))
            position += 1
            return found

        sizes = [number() for _ in range(self.rank)]
        pointers, strides, extents = [], [], []
        for view in self.loop.accesses:
            base, offset = number(), number()
            steps = [number() for _ in range(self.rank)]
            extents += [number() for _ in range(2 * len(view.indexed))]
            address = b.gep(b.load(b.gep(bases, [base])), [offset])
            pointers.append(b.bitcast(address, memory_type(view.dtype).as_pointer()))
            strides += steps
        b.call(self.body, [*pointers, *sizes, *strides, *extents, start, stop])
        b.ret_void()

    def _body(self, name: str) -> ir.Function:
        n, rank = len(self.loop.accesses), self.rank
        extra = [2 * len(view.indexed) for view in self.loop.accesses]
        kinds = [memory_type(view.dtype).as_pointer() for view in self.loop.accesses]
        counts = rank + n * rank + sum(extra) + 2
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [*kinds, *[INDEX] * counts]), f"{name}.body")
        function.linkage = "internal"
        function.attributes.add("alwaysinline")
        for argument in function.args[:n]:
            argument.add_attribute("noalias")
        self.pointers = function.args[:n]
        self.sizes = function.args[n : n + rank]
        flat = function.args[n + rank : n + rank + n * rank]
        self.strides = [flat[k * rank : (k + 1) * rank] for k in range(n)]
        rest = list(function.args[n + rank + n * rank : -2])
        self.extents: list[list[Any]] = []
        for count in extra:
            self.extents.append(rest[:count])
            rest = rest[count:]
        start, stop = function.args[-2:]
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.hoisted = {k: self._read(k, self.pointers[k]) for k in self._read_only() if self.fixed[k]}
        self._nest(0, list(self.pointers), start, stop)
        self.b.ret_void()
        return function

    def _read_only(self) -> list[int]:
        written = {store.access for store in self.loop.stores}
        return [item.access for item in self.loop.body if isinstance(item, Load) and item.access not in written]

    # -- the nest -----------------------------------------------------------------------------------------------------

    def _nest(self, depth: int, pointers: list[Any], start: Any, stop: Any) -> None:
        """Emit the loop at a depth; ``pointers`` are where its accesses begin."""
        if depth == self.rank - 1:
            self._innermost(pointers, start, stop)
            return

        def step(i: Any) -> None:
            moved = [
                p if self.fixed[k] else self.b.gep(p, [self.b.mul(i, self.strides[k][depth])])
                for k, p in enumerate(pointers)
            ]
            self._nest(depth + 1, moved, ir.Constant(INDEX, 0), self.sizes[depth + 1])

        self._loop(start, stop, step)

    def _loop(self, start: Any, stop: Any, step: Any, carried: Any = ()) -> list[Any]:
        """Emit ``for i in range(start, stop)``; ``step(i, *carried)`` returns the carried values' next versions."""
        b = self.b
        before = b.block
        body = b.append_basic_block("loop")
        done = b.append_basic_block("done")
        b.cbranch(b.icmp_signed("<", start, stop), body, done)
        b.position_at_end(body)
        i = b.phi(INDEX)
        phis = [b.phi(value.type) for value in carried]
        following = step(i, *phis) or []
        after = b.block
        next_i = b.add(i, ir.Constant(INDEX, 1), flags=("nsw", "nuw"))
        i.add_incoming(start, before)
        i.add_incoming(next_i, after)
        for phi, first, later in zip(phis, carried, following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, after)
        branch = b.cbranch(b.icmp_signed("<", next_i, stop), body, done)
        if carried and len(self.loop.body) <= 3:
            # A sum waits for itself; several partial sums at once hide that.  Where there is more to do meanwhile, it
            # gains nothing and makes the code several times as long.
            loop_options(branch, interleave_count=4)
        elif all(self.fixed):
            loop_options(branch, vectorize_enable=False)
        b.position_at_end(done)
        results = []
        for first, later in zip(carried, following, strict=True):
            out = b.phi(first.type)
            out.add_incoming(first, before)
            out.add_incoming(later, after)
            results.append(out)
        return results

    # -- the innermost loop: straight-line code, sums in registers
    # ------------------------------------------------------

    def _innermost(self, pointers: list[Any], start: Any, stop: Any) -> None:
        sums = [s for s in self.loop.stores if s.how != "set" and not s.at and self.inner[s.access] == 0]
        if not sums:
            self._loop(start, stop, lambda i: self._point(pointers, i, [], []))
            return
        first = [self._identity(store) for store in sums]

        def add_up(start: Any, stop: Any) -> list[Any]:
            return self._loop(start, stop, lambda i, *acc: self._point(pointers, i, sums, list(acc)), first)

        rounded = [store.how == "add" and self.loop.accesses[store.access].dtype.kind == "f" for store in sums]
        totals = self._in_blocks(sums, rounded, first, start, stop, add_up) if self.long_sums else add_up(start, stop)
        for store, total in zip(sums, totals, strict=True):
            self._accumulate(store, pointers[store.access], total)

    def _in_blocks(
        self, sums: list[Any], rounded: list[bool], first: list[Any], start: Any, stop: Any, add_up: Any
    ) -> list[Any]:
        """Emit the innermost loop in blocks, whose sums are added up with care; see :mod:`.sums`."""
        b = self.b
        width = ir.Constant(INDEX, BLOCK)
        carried = [sum_start(one.type) if careful else [one] for one, careful in zip(first, rounded, strict=True)]
        ends = list(itertools.accumulate(map(len, carried)))

        def step(k: Any, *flat: Any) -> list[Any]:
            low = b.add(start, b.mul(k, width))
            beyond = b.add(low, width)
            high = b.select(b.icmp_signed("<", stop, beyond), stop, beyond)
            following: list[Any] = []
            for store, careful, last, part in zip(sums, rounded, ends, add_up(low, high), strict=True):
                so_far = list(flat[len(following) : last])
                if careful:
                    following += sum_add(b, so_far, part)
                else:
                    dtype = self.loop.accesses[store.access].dtype
                    following.append(self._combine(store.how, so_far[0], part, dtype, False))
            return following

        count = b.udiv(b.add(b.sub(stop, start), ir.Constant(INDEX, BLOCK - 1)), width)
        flat = self._loop(ir.Constant(INDEX, 0), count, step, [value for group in carried for value in group])
        groups = [flat[last - len(group) : last] for group, last in zip(carried, ends, strict=True)]
        return [
            sum_end(b, group, one.type) if careful else group[0]
            for group, one, careful in zip(groups, first, rounded, strict=True)
        ]

    def _identity(self, store: Any) -> Any:
        dtype = self.loop.accesses[store.access].dtype
        if store.how in IDENTITY:
            return constant(IDENTITY[store.how], dtype)
        return constant(worst(store.how, dtype), dtype)

    def _point(self, pointers: list[Any], i: Any, sums: list[Any], acc: list[Any]) -> list[Any]:
        """Emit the loop's body for one point; return the sums' next versions."""
        b = self.b
        self.values: list[Any] = []
        for item in self.loop.body:
            if isinstance(item, Load):
                k = item.access
                self.values.append(
                    self.hoisted[k] if k in self.hoisted else self._read(k, self._entry_of(pointers, k, i))
                )
            elif isinstance(item, Pick):
                self.values.append(self._read(item.access, self._picked(pointers, item.access, i, item.at, item.safe)))
            elif isinstance(item, Outside):
                self.values.append(self._outside(item.access, item.at))
            elif isinstance(item, Const):
                self.values.append(constant(item.value, item.dtype))
            else:
                assert isinstance(item, Op)
                args = [self.values[j] for j in item.args]
                self.values.append(
                    emit(item.name, Operation(b, args, item.dtypes, item.out, not all(self.fixed)), dict(item.params))
                )
        following = list(acc)
        for store in self.loop.stores:
            value = self.values[store.item]
            if store in sums:
                k = sums.index(store)
                following[k] = self._combine(store.how, acc[k], value, self.loop.accesses[store.access].dtype, True)
            else:
                pointer = self._picked(pointers, store.access, i, store.at, store.safe)
                if store.how == "set":
                    self._write(store.access, pointer, value)
                else:
                    self._accumulate(store, pointer, value)
        return following

    def _coordinate(self, index: int, size: Any) -> tuple[Any, Any]:
        """Return a computed coordinate counted from the front, and whether it lies inside."""
        b = self.b
        value = self.values[index]
        if value.type != INDEX:
            value = b.sext(value, INDEX)
        counted = b.select(b.icmp_signed("<", value, ir.Constant(INDEX, 0)), b.add(value, size), value)
        return counted, b.icmp_unsigned("<", counted, size)

    def _picked(self, pointers: list[Any], k: int, i: Any, at: tuple[int, ...], safe: bool) -> Any:
        """Return the address of the entry that computed coordinates point to, clipped to the inside."""
        pointer = self._entry_of(pointers, k, i)
        for axis, index in enumerate(at):
            size, stride = self.extents[k][2 * axis : 2 * axis + 2]
            if safe:
                place = self.values[index]
                place = place if place.type == INDEX else self.b.sext(place, INDEX)
                pointer = self.b.gep(pointer, [self.b.mul(place, stride)], inbounds=True)
                continue
            coordinate, inside = self._coordinate(index, size)
            clipped = self.b.select(inside, coordinate, ir.Constant(INDEX, 0))
            pointer = self.b.gep(pointer, [self.b.mul(clipped, stride)])
        return pointer

    def _outside(self, k: int, at: tuple[int, ...]) -> Any:
        b = self.b
        found: Any = ir.Constant(INDEX, 0)
        for axis, index in enumerate(at):
            _, inside = self._coordinate(index, self.extents[k][2 * axis])
            found = b.or_(found, b.zext(b.not_(inside), INDEX))
        return found

    def _entry_of(self, pointers: list[Any], k: int, i: Any) -> Any:
        if self.inner[k] == 0:
            return pointers[k]
        step = i if self.inner[k] == 1 else self.b.mul(i, self.strides[k][-1])
        return self.b.gep(pointers[k], [step], inbounds=True)

    def _read(self, k: int, pointer: Any) -> Any:
        value = self.b.load(pointer)
        if self.loop.accesses[k].dtype.kind == "b":
            return self.b.icmp_unsigned("!=", value, ir.Constant(BYTE, 0))
        return value

    def _write(self, k: int, pointer: Any, value: Any) -> None:
        if self.loop.accesses[k].dtype.kind == "b":
            value = self.b.zext(value, BYTE)
        self.b.store(value, pointer)

    def _accumulate(self, store: Any, pointer: Any, value: Any) -> None:
        so_far = self._read(store.access, pointer)
        dtype = self.loop.accesses[store.access].dtype
        self._write(store.access, pointer, self._combine(store.how, so_far, value, dtype, False))

    def _combine(self, how: str, a: Any, b: Any, dtype: Any, reassociate: bool) -> Any:
        builder = self.b
        if how in ("add", "mul") and dtype.kind == "f":
            # A sum has no order that matters; saying so lets LLVM keep many partial sums in vector registers.
            flags = ("reassoc",) if reassociate else ()
            return (builder.fadd if how == "add" else builder.fmul)(a, b, flags=flags)
        if how in ("max", "min") and dtype.kind == "f":
            # nan wins, as in NumPy; zeros of both signs count as equal, so either may come out.
            name = f"llvm.{how}imum"
            function = builder.module.declare_intrinsic(name, [a.type], ir.FunctionType(a.type, [a.type] * 2))
            return builder.call(function, [a, b], fastmath=("nsz",))
        if how == "or":
            return builder.or_(a, b)
        if how == "and":
            return builder.and_(a, b)
        return emit(how, Operation(builder, [a, b], [dtype, dtype], dtype), {})
