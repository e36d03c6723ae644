"""Regions as LLVM IR: structured control flow around loop nests that are inlined.

See :mod:`.region` for what a recipe is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from . import ir
from .blocked_code import BlockedCode
from .emit import ARGUMENTS, KERNEL, Emitter
from .forms_code import emit_form
from .jam import ROWS
from .layout import GAPS, touched_otherwise
from .loops import Buffer, Loop, View
from .scalars import BYTE, INDEX, memory_type
from .shared import (
    call_beside,
    call_by_rows,
    call_parts,
    call_tasks,
    call_team,
    emit_beside,
    emit_by_rows,
    emit_part,
    emit_team,
    sums_begin,
    sums_end,
    sums_of,
)
from .skewed_code import SkewedCode
from .skipping_code import write_skipping
from .tiles import tiled

LONG: Final = 8
"""Steps of an innermost loop of known length from which on it is written with vectors."""

_CALLBACK: Final = ir.FunctionType(ir.VOID, [BYTE.as_pointer().as_pointer(), INDEX.as_pointer()])


class RegionCode:
    """Writes a region's function, a kernel like any other, into a module."""

    def __init__(self, module: ir.Module, name: str, recipe: Any) -> None:
        self.module = module
        self.kernels: dict[Any, Any] = {}
        self.nests: dict[Any, ir.Function] = {}
        self.parts: dict[Any, ir.Function] = {}
        arrays, self.shift, slots, body = recipe
        function = ir.Function(module, KERNEL, name, ARGUMENTS)
        self.bases, self.description = function.args[:2]
        self.function = function
        self.entry = ir.Builder(function.append_basic_block("entry"))
        start = function.append_basic_block("start")
        self.b = ir.Builder(start)
        self.read: dict[int, Any] = {}
        self.arrays = [self._address(self._plain(2 * k), self._plain(2 * k + 1)) for k in range(arrays)]
        self.slots = []
        for text, place, _ in slots:
            slot = self.entry.alloca(memory_type(np.dtype(text)))
            self.slots.append(slot)
            if place >= 0:
                self.b.store(self.b.load(self.b.bitcast(self.arrays[place], slot.type)), slot)
        self._node(body)
        for (_, place, back), slot in zip(slots, self.slots, strict=True):
            if back:
                self.b.store(self.b.load(slot), self.b.bitcast(self.arrays[place], slot.type))
        self.b.ret_void()
        self.entry.branch(start)

    # -- numbers and addresses ----------------------------------------------------------------------------------------

    def _plain(self, position: int) -> Any:
        """Return a number of the description, read once at the start."""
        found = self.read.get(position)
        if found is None:
            pointer = self.entry.gep(self.description, ir.Constant(INDEX, position))
            found = self.read[position] = self.entry.load(pointer)
        return found

    def _number(self, number: tuple[str, int]) -> Any:
        kind, value = number
        return ir.Constant(INDEX, value) if kind == "is" else self._plain(value + self.shift)

    def _address(self, base: Any, offset: Any) -> Any:
        return self.entry.gep(self.entry.load(self.entry.gep(self.bases, base)), offset)

    def _pointer(self, reference: Any, dtype: Any, offset: Any) -> Any:
        kind, number = reference
        if kind == "slot":
            return self.slots[number]
        address = self.arrays[number]
        if offset != ("is", 0):
            address = self.entry.gep(address, self._number(offset))
        return self.entry.bitcast(address, memory_type(dtype).as_pointer())

    def _load(self, scalar: Any) -> Any:
        reference, text, offset = scalar
        return self.b.load(self._pointer(reference, np.dtype(text), offset))

    # -- nodes --------------------------------------------------------------------------------------------------------

    def write_nodes(self, nodes: Any) -> None:
        for node in nodes:
            self._node(node)

    def _node(self, node: Any) -> None:
        getattr(self, f"_{node[0]}")(*node[1:])

    def _nest(self, sizes: Any, accesses: Any, body: Any, stores: Any, apart: bool = False) -> None:
        self.write_nest((sizes, accesses, body, stores, apart), {}, {})

    def write_nest(
        self, what: Any, sizes: dict[int, Any], starts: dict[int, Any], steps: Sequence[Any] | None = None
    ) -> None:
        """Write a nest, some of whose axes have another size, or begin later.

        Parameters
        ----------
        what
            Sizes, accesses, items, stores, and whether accesses are apart.
        sizes, starts : dict
            By axis.
        steps : sequence, optional
            How far each access moves with a later beginning, if that is not what its strides say.
        """
        counts, accesses, body, stores, apart = what
        b = self.b
        nest, _ = self._emitted(counts, accesses, body, stores, apart=apart, at_once=True)
        pointers = []
        for k, (text, reference, offset, _, strides, _) in enumerate(accesses):
            pointer = self._pointer(reference, np.dtype(text), offset)
            for axis, start in starts.items():
                stride = strides[axis] if steps is None else steps[k]
                if stride != ("is", 0):
                    pointer = b.gep(pointer, b.mul(start, self._number(stride)))
            pointers.append(pointer)
        lengths = [sizes[axis] if axis in sizes else self._size(size) for axis, size in enumerate(counts)]
        numbers = [*lengths, *self._steps(accesses)]
        b.call(nest, [*pointers, *numbers, ir.Constant(INDEX, 0), numbers[0]])

    def _shared(self, runtime: Any, sizes: Any, accesses: Any, body: Any, stores: Any) -> None:
        """Write a nest that threads share; see :mod:`.shared`."""
        nest, key = self._emitted(sizes, accesses, body, stores)
        sums = sums_of(accesses, stores)
        part = self.parts.get(key)
        if part is None:
            name = f"part{len(self.parts)}"
            part = self.parts[key] = emit_part(self.module, name, nest, len(accesses), sums)
        with self._sums_apart(accesses, sums) as pointers:
            threads, numbers = list(map(self._number, runtime)), self._nest_numbers(sizes, accesses)
            call_parts((self.entry, self.b), part, threads, pointers, numbers)

    def _by_rows(self, runtime: Any, turns: Any, lengths: Any, what: Any) -> None:
        """Write a loop that runs row by row; see :mod:`.by_rows`."""
        counter, count, length, reverse, status, tape = turns
        sizes, accesses, _, stores = what
        word = None
        if status is not None:
            word = self.entry.bitcast(self._address(*map(self._number, status)), INDEX.as_pointer())
        total = self._total(count, length, word, tape)
        nest, key = self._emitted(*what)
        sums, own = sums_of(accesses, stores), [k for k, access in enumerate(accesses) if access[1] == counter]
        key = "by_rows", reverse, tuple(own), key
        part = self.parts.get(key)
        if part is None:
            name = f"part{len(self.parts)}"
            part = self.parts[key] = emit_by_rows(self.module, name, nest, len(accesses), sums, own, reverse)
        threads, (rows, block, steps) = map(self._number, runtime), map(self._number, lengths)
        numbers = [block, steps, *self._nest_numbers(sizes, accesses)]
        turns_there_are = self.entry.alloca(INDEX)
        self.b.store(total, turns_there_are)
        with self._sums_apart(accesses, sums) as pointers:
            call_by_rows((self.entry, self.b), part, list(threads), [*pointers, turns_there_are], rows, numbers)

    @contextlib.contextmanager
    def _sums_apart(self, accesses: Any, sums: Any) -> Iterator[list[Any]]:
        """Yield where threads find accesses, sums apart for each part; then these are added up."""
        pointers, targets = [], []
        for k, (text, reference, offset, *_) in enumerate(accesses):
            if k in sums:
                pointer = self._pointer(reference, np.dtype(text), offset)
                targets.append((sums_begin(self.b, pointer.type.pointee, np.dtype(text)), pointer))
                pointers.append(targets[-1][0])
            else:
                pointers.append(self._shared_pointer(text, reference, offset))
        yield pointers
        for cells, target in targets:
            sums_end(self.b, cells, target)

    def _team(self, runtime: Any, nests: Any) -> None:
        """Write nests that threads share one after the other; see :mod:`.team`."""
        found, keys, pointers, numbers = [], [], [], []
        for rows, steps, later, what in nests:
            nest, key = self._emitted(*what)
            found.append((nest, len(what[1])))
            keys.append(key)
            pointers += [self._shared_pointer(*access[:3]) for access in what[1]]
            numbers += [*map(self._number, (rows, steps, later)), *self._nest_numbers(*what[:2])]
        part = self.parts.get(tuple(keys))
        if part is None:
            part = self.parts[tuple(keys)] = emit_team(self.module, f"part{len(self.parts)}", found)
        call_team((self.entry, self.b), part, [self._number(n) for n in runtime], pointers, numbers)

    def _beside(self, runtime: Any, rows: Any, nests: Any) -> None:
        """Write nests that run together, see :class:`.loops.Together`; threads share them if there is a ``runtime``."""
        places: dict[Any, int] = {}

        def number(given: tuple[str, int]) -> tuple[str, int]:
            return given if given[0] == "is" else ("at", places.setdefault(given, len(places)))

        pointers: list[Any] = []
        calls, keys = [], []
        for when, steps, what, near in nests:
            nest, key = self._emitted(*what)
            arrays: list[Any] = []
            for access, relation in zip(what[1], near, strict=True):
                if relation is None:
                    arrays.append((len(pointers), ("is", 0)))
                    pointers.append(self._shared_pointer(*access[:3]))
                else:
                    arrays.append((relation[0], number(relation[1])))
            strides = [n for access in what[1] for n in access[4]]
            numbers = [number(n) for n in (steps, *what[0], *strides)]
            calls.append((when, nest, arrays, numbers))
            keys.append((when, key, tuple(arrays), tuple(numbers)))
        end = number(rows)
        part = self.parts.get(("beside", end, *keys))
        if part is None:
            part = self.parts["beside", end, *keys] = emit_beside(self.module, f"part{len(self.parts)}", calls, end)
        threads = None if runtime is None else [self._number(n) for n in runtime]
        call_beside((self.entry, self.b), part, threads, pointers, self._number(rows), list(map(self._number, places)))

    def _shared_pointer(self, text: str, reference: Any, offset: Any) -> Any:
        """Return where other threads find an access."""
        pointer = self._pointer(reference, np.dtype(text), offset)
        if reference[0] != "slot":
            return pointer
        copy = self.b.alloca(pointer.type.pointee)  # so that the slot can stay in a register
        self.b.store(self.b.load(pointer), copy)
        return copy

    def _nest_numbers(self, sizes: Any, accesses: Any) -> list[Any]:
        """Return sizes, strides and extents of a nest."""
        return [*map(self._size, sizes), *self._steps(accesses)]

    def _steps(self, accesses: Any) -> list[Any]:
        """Return strides and extents of a nest."""
        strides = [n for access in accesses for n in access[4]]
        extents = [n for access in accesses for n in access[5]]
        return [*map(self._number, (*strides, *extents))]

    def _emitted(
        self, sizes: Any, accesses: Any, body: Any, stores: Any, *, apart: bool = False, at_once: bool = False
    ) -> tuple[ir.Function, Any]:
        """Return the function of a nest, written when it is first needed, and what it is kept under.

        ``apart`` says that no access reaches what another one writes, whatever arrays they are of; ``at_once`` that
        one call does all rows, of which threads take some each.
        """
        rank = len(sizes)
        flat = [
            (text, inner, tuple(s == ("is", 0) for s in strides), len(extents))
            for text, _, _, inner, strides, extents in accesses
        ]
        # Shorter loops are unrolled by LLVM, which finds vectors in them by itself.
        vectors = sizes[-1][1] >= LONG or apart if sizes[-1][0] == "is" else True
        # Several rows at a time only where nothing else touches what is written.
        alone = not touched_otherwise([access[1] for access in accesses], stores)
        by_rows = rank > 1 and (apart or alone)
        beside = tuple([access[4][-2] == ("is", 1) for access in accesses]) if by_rows and alone and vectors else ()
        even = at_once and by_rows and sizes[-2] == ("is", ROWS)
        memory = [access[1] for access in accesses]
        stored = {store.access for store in stores}
        written = {memory[k] for k in stored}
        lasting = tuple([k not in stored if apart else one not in written for k, one in enumerate(memory)])
        key = (rank, tuple(flat), body, stores, vectors, by_rows, beside, even, lasting)
        nest = self.nests.get(key)
        if nest is None:
            views = [
                View(Buffer(0, np.dtype(text)), 0, (0,) * rank, (0,) * rank, ((0, 0),) * (extents // 2))
                for text, _, _, extents in flat
            ]
            loop = Loop((0,) * rank, views, list(body), list(stores))
            fixed = [all(still) for _, _, still, _ in flat]
            inner = [inner for _, inner, _, _ in flat]
            still = [still[-2] for _, _, still, _ in flat] if by_rows else []
            around = [0 if stays else 1 if one else GAPS for stays, one in zip(still, beside, strict=False)]
            # What is added may be added to one entry several times; what is set is not.
            single = [all(store.how == "set" for store in stores if store.access == k) for k in range(len(views))]
            emitter = Emitter(
                self.module,
                f"nest{len(self.nests)}",
                loop,
                rank,
                inner,
                fixed,
                still=still,
                turned=tiled(loop, inner, around, single) if beside else (),
                even=even,
                entry=False,
                vectors=vectors,
                lasting=lasting,
            )
            nest = self.nests[key] = emitter.body
        return nest, key

    def _nests(self, nests: Any) -> None:
        self.write_nodes(nests)

    def _size(self, size: Any) -> Any:
        """Return the length of an axis, which may be looked up."""
        if size[0] != "count":
            return self._number(size)
        b = self.b
        scalar, most = size[1]
        count = self._load(scalar)
        count = count if count.type == INDEX else b.sext(count, INDEX)
        if most is None:
            return count
        most = self._number(most)
        return b.select(b.icmp_signed(">", count, most), most, count)

    def _choose(self, index: Any, branches: Any) -> None:
        b = self.b
        value = self._load(index)
        done = self.function.append_basic_block("chosen")
        blocks = [self.function.append_basic_block("branch") for _ in branches]
        last = ir.Constant(value.type, len(branches) - 1)
        if np.dtype(index[1]).kind in "iu":
            signed = b.icmp_signed if np.dtype(index[1]).kind == "i" else b.icmp_unsigned
            zero = ir.Constant(value.type, 0)
            value = b.select(signed("<", value, zero), zero, b.select(signed(">", value, last), last, value))
        b.switch(value, blocks[-1], list(enumerate(blocks[:-1])))
        for block, nodes in zip(blocks, branches, strict=True):
            b.position_at_end(block)
            self.write_nodes(nodes)
            b.branch(done)
        b.position_at_end(done)

    def _repeat(
        self,
        counter: Any,
        count: Any,
        length: Any,
        reverse: bool,
        checks: Any,
        going: Any,
        body: Any,
        around: Any,
        status: Any,
        tape: int,
    ) -> None:
        b = self.b
        zero, one = ir.Constant(INDEX, 0), ir.Constant(INDEX, 1)
        word = None
        if status is not None:
            word = self.entry.bitcast(self._address(*map(self._number, status)), INDEX.as_pointer())
        total = self._total(count, length, word, tape)
        if going is None:
            self.write_counted(counter, total, reverse, body, around)
            return
        head, inner, done = (self.function.append_basic_block(name) for name in ("head", "body", "done"))
        before = b.block
        b.branch(head)
        b.position_at_end(head)
        k = b.phi(INDEX)
        k.add_incoming(zero, before)
        more: Any = None if total is None else b.icmp_signed("<", k, total)
        self.set_counter(counter, b.sub(b.sub(total, one), k) if reverse else k)
        self.write_nodes(checks)
        goes = b.icmp_unsigned("!=", self._load(going), ir.Constant(BYTE, 0))
        if word is not None and not tape:
            goes = b.and_(goes, b.icmp_signed("==", b.load(word), zero))
        if more is not None:
            if tape:
                self._report(word, tape, b.and_(goes, b.not_(more)))
            goes = b.and_(goes, more)
        b.cbranch(goes, inner, done)
        b.position_at_end(inner)
        self.write_nodes(body)
        k.add_incoming(b.add(k, one, flags=("nsw", "nuw")), b.block)
        b.branch(head)
        b.position_at_end(done)

    def _total(self, count: Any, length: Any, word: Any = None, tape: int = 0) -> Any:
        """Return the number of iterations; None if only a test knows."""
        b = self.b
        most = None if length is None else self._number(length)
        if count is None:
            return most
        total = self._load(count)
        total = total if total.type == INDEX else b.sext(total, INDEX)
        if most is None:
            return total
        above = b.icmp_signed(">", total, most)
        if tape:
            self._report(word, tape, above)
        return b.select(above, most, total)

    def _blocked(self, loop: Any, around: Any, common: Any, alone: Any, growing: Any, early: bool) -> None:
        counter, total, reverse = loop
        BlockedCode(self, (counter, self._total(*total), reverse), around, common, alone, growing, early).write()

    def _skewed(self, outer: Any, inner: Any, parts: Any, private: Any, rows: int, shift: int) -> None:
        (counter, total, reverse), (point, points, backwards) = outer, inner
        totals = self._total(*total), self._total(*points)
        SkewedCode(
            self, (counter, totals[0], reverse), (point, totals[1], backwards), parts, private, rows, shift
        ).write()

    def _skipping(self, counter: Any, total: Any, reverse: bool, entry: Any, body: Any) -> None:
        array, text, offset, terms, way = entry

        def place() -> Any:
            found = self._pointer(array, np.dtype(text), offset)
            for slot, step in terms:
                at = self.b.load(self._pointer(slot, np.dtype(np.int64), ("is", 0)))
                found = self.b.gep(found, self.b.mul(at, self._number(step)))
            return found

        write_skipping(self, (counter, self._total(*total), reverse), (place, way), body)

    def write_counted(self, counter: Any, total: Any, reverse: bool, body: Any, around: Any) -> None:
        """Write a loop without a test, with what comes before its first and behind its last iteration."""
        b = self.b
        zero, one = ir.Constant(INDEX, 0), ir.Constant(INDEX, 1)
        before, after = around
        with b.if_then(b.icmp_signed(">", total, zero)):
            last = b.sub(total, one)
            self.set_counter(counter, last if reverse else zero)
            self.write_nodes(before)
            start, inner = b.block, self.function.append_basic_block("body")
            b.branch(inner)
            b.position_at_end(inner)
            k = b.phi(INDEX)
            k.add_incoming(zero, start)
            self.set_counter(counter, b.sub(last, k) if reverse else k)
            self.write_nodes(body)
            following = b.add(k, one, flags=("nsw", "nuw"))
            k.add_incoming(following, b.block)
            done = self.function.append_basic_block("done")
            b.cbranch(b.icmp_signed("<", following, total), inner, done)
            b.position_at_end(done)
            self.write_nodes(after)

    def set_counter(self, counter: Any, value: Any) -> None:
        self.b.store(value, self._pointer(counter, np.dtype(np.int64), ("is", 0)))

    def _report(self, word: Any, what: int, when: Any) -> None:
        with self.b.if_then(when, likely=False):
            self.b.store(ir.Constant(INDEX, what), word)

    def _form(self, form: Any, at: int) -> None:
        """Call a kernel with a part of the description."""
        kernel, description = self._kernel(form, at)
        self.b.call(kernel, [self.bases, description, ir.Constant(INDEX, 0), self.b.load(description)])

    def _shared_form(self, form: Any, at: int, how: Any) -> None:
        """Let threads share what a kernel does; the range of the whole, the tasks and their length say how."""
        count, tasks, part, parallel, pool, *blas = map(self._number, how)
        callee = self._kernel(form, at)
        call_tasks((self.entry, self.b), parallel, pool, (count, tasks, part), callee, self.bases, blas)

    def _kernel(self, form: Any, at: int) -> tuple[Any, Any]:
        """Return a kernel, which is written into the module when it is first asked for, and its description."""
        kernel = self.kernels.get(form)
        if kernel is None:
            name = f"kernel.{len(self.kernels)}"
            emit_form(self.module, name, form)
            kernel = self.kernels[form] = self.module[name]
            kernel.linkage = "internal"
        return kernel, self.entry.gep(self.description, ir.Constant(INDEX, at + self.shift))

    def _callback(self, address: Any, at: int) -> None:
        function = self.b.inttoptr(self._number(address), _CALLBACK.as_pointer())
        self.b.call(function, [self.bases, self.b.gep(self.description, ir.Constant(INDEX, at + self.shift))])
