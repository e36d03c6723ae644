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
from collections.abc import Generator, Sequence
from typing import Any, Final

from . import ir
from .hopeful import fused_products, hoped_for, placing, stop_if_tame, tame_products, weighed, weighing, with_care
from .jam import jams
from .jam_code import Asked, resumed
from .lane_code import entry, shuffled
from .layout import BLOCK, GAPS, IDENTITY, worst
from .loops import Const, Load, Loop, Op, Outside, Pick
from .operations import MATHLIB
from .scalars import BIT, BYTE, INDEX, Operation, constant, emit, memory_type
from .summed_code import Summing
from .sums import add as sum_add
from .sums import end as sum_end
from .sums import start as sum_start
from .vectors import AUTOMATIC, COPY, abreast, lanes, register

POINTER: Final = BYTE.as_pointer()
KERNEL: Final = ir.FunctionType(ir.VOID, [POINTER.as_pointer(), INDEX.as_pointer(), INDEX, INDEX])
ARGUMENTS: Final = ("bases", "description", "from", "to")
MEMCPY: Final = ir.declared("llvm.memcpy.p0.p0.i64", ir.VOID, POINTER, POINTER, INDEX, BIT)

_PARTIAL: Final = 4
"""Partial sums at once, where there is little else to do."""
_FEW: Final = 12
"""Items that are computed up to which an iteration takes two vectors, so that counting costs less."""


class Emitter(Summing):
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
        still: Sequence[bool] = (),
        turned: Sequence[bool] = (),
        even: bool = False,
        entry: bool = True,
        vectors: bool = True,
        lasting: Sequence[bool] = (),
    ) -> None:
        super().__init__()
        self.long_sums = long_sums
        self.module = module
        self.loop = loop
        self.rank = rank
        self.inner = inner
        self.fixed = fixed
        self.lanes = lanes(loop, inner, fixed) if vectors else AUTOMATIC
        self.quarters = self.lanes == 4 and register() == 32
        self.still = still
        self.plain = False
        self.lasting = lasting
        self.summed: set[int] = set()
        self.even = even
        self.tame: dict[int, int] = {}
        self.jams = self.lanes > 1 and not long_sums and jams(loop, inner, still)
        # Rows side by side are under way at once anyway.
        self.widths = [self.lanes * count for count in range(1 if self.jams else abreast(loop), 0, -1)]
        one_at_a_time = self.lanes > 1 and len(self.widths) == 1 and not self.jams
        self.turned = [k for k, of in enumerate(turned) if of] if one_at_a_time else []
        self._find_shifted()
        self.body = self._body(name)
        if entry:
            self._entry(name)

    # -- entry: load the description, call the body with pointers that do not alias
    # -------------------------------------

    def _entry(self, name: str) -> None:
        function = ir.Function(self.module, KERNEL, name, ARGUMENTS)
        bases, description, start, stop = function.args
        b = ir.Builder(function.append_basic_block("entry"))
        position = 0

        def number(used: bool = True) -> Any:
            nonlocal position
            found = b.load(b.gep(description, ir.Constant(INDEX, position))) if used else ir.Constant(INDEX, 0)
            position += 1
            return found

        last = self.rank - 1
        sizes = [number(depth > 0) for depth in range(self.rank)]  # the outermost loop has its bounds
        pointers, strides, extents = [], [], []
        for view, inner, still in zip(self.loop.accesses, self.inner, self.fixed, strict=True):
            base, offset = number(), number()
            steps = [number(not still and (depth < last or inner == GAPS)) for depth in range(self.rank)]
            extents += [number() for _ in range(2 * len(view.indexed))]
            address = b.gep(b.load(b.gep(bases, base)), offset)
            pointers.append(b.bitcast(address, memory_type(view.dtype).as_pointer()))
            strides += steps
        b.call(self.body, [*pointers, *sizes, *strides, *extents, start, stop])
        b.ret_void()

    def _body(self, name: str) -> ir.Function:
        n, rank = len(self.loop.accesses), self.rank
        extra = [2 * len(view.indexed) for view in self.loop.accesses]
        kinds = [memory_type(view.dtype).as_pointer() for view in self.loop.accesses]
        counts = rank + n * rank + sum(extra) + 2
        signature = ir.FunctionType(ir.VOID, [*kinds, *[INDEX] * counts])
        names = [*(f"array.{k}" for k in range(n)), *(f"size.{depth}" for depth in range(rank))]
        function = ir.Function(self.module, signature, f"{name}.body", names, linkage="internal")
        function.attributes.append("alwaysinline")
        for argument in function.args[:n]:
            argument.attributes.append("noalias")
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
        self.b = ir.Builder(function.append_basic_block("entry"))
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
        if depth == self.rank - 2 and self.jams:
            self._jammed(depth, pointers, start, stop)
            return
        if depth == self.rank - 2 and self.turned:
            self._tiled(depth, pointers, start, stop)
            return

        def step(i: Any) -> None:
            self._nest(depth + 1, self._moved_to(depth, pointers, i), ir.Constant(INDEX, 0), self.sizes[depth + 1])

        self._loop(start, stop, step)

    def _moved_to(self, depth: int, pointers: list[Any], i: Any) -> list[Any]:
        """Return where the accesses begin for a step of the loop at a depth."""
        return [
            p if self.fixed[k] else self.b.gep(p, self.b.mul(i, self.strides[k][depth])) for k, p in enumerate(pointers)
        ]

    def _loop(self, start: Any, stop: Any, step: Any, carried: Any = (), by: int = 1) -> list[Any]:
        """Emit ``for i in range(start, stop, by)``; ``step(i, *carried)`` returns the carried values' next versions."""
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
        next_i = b.add(i, ir.Constant(INDEX, by), flags=("nsw", "nuw"))
        i.add_incoming(start, before)
        i.add_incoming(next_i, after)
        for phi, first, later in zip(phis, carried, following, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, after)
        options = ""
        if self.lanes == AUTOMATIC:
            if carried and self._waits:
                options = self.module.loop_options(interleave_count=_PARTIAL)
            elif all(self.fixed):
                options = self.module.loop_options(vectorize_enable=False)
        b.cbranch(b.icmp_signed("<", next_i, stop), body, done, loop=options)
        b.position_at_end(done)
        results = []
        for first, later in zip(carried, following, strict=True):
            out = b.phi(first.type)
            out.add_incoming(first, before)
            out.add_incoming(later, after)
            results.append(out)
        return results

    @property
    def _waits(self) -> bool:
        """Whether a sum waits for itself, which several partial sums at once hide.

        Where there is more to do meanwhile, they gain nothing and make the code several times as long.
        """
        return self._busy <= 3

    @property
    def _busy(self) -> int:
        """How many items are computed for each point."""
        return sum(j not in self.constant and not _is_negation(item) for j, item in enumerate(self.loop.body))

    # -- the innermost loop: straight-line code, sums in registers
    # ------------------------------------------------------

    def _innermost(self, pointers: list[Any], start: Any, stop: Any) -> None:
        if self.lanes > 1 and any(isinstance(item, Pick) and self._is_lasting(item) for item in self.loop.body):
            with self.b.if_then(self.b.icmp_signed("<", start, stop)):
                self._row(pointers, start, stop, True)
        else:
            self._row(pointers, start, stop, False)

    def _is_lasting(self, item: Pick) -> bool:
        """Say whether an entry at a computed place stays the same along a row, if its place does."""
        return not self.inner[item.access] and bool(self.lasting) and self.lasting[item.access]

    def _row(self, pointers: list[Any], start: Any, stop: Any, picks: bool) -> None:
        self.constant = {}
        if self.lanes == COPY:
            self._copy(pointers, start, stop)
            return
        if self.lanes > 1:
            self.lanes = self.widths[0]
            self.apart = {k: self._multiples(k) for k, inner in enumerate(self.inner) if inner == GAPS}
        still = [s for s in self.loop.stores if s.how != "set" and self.inner[s.access] == 0]
        if self.lanes != AUTOMATIC or any(s.at for s in still):
            self._hoist(pointers, picks)
        sums = [s for s in still if all(j in self.constant for j in s.at)]
        first = [self._identity(store) for store in sums]
        places = [self._picked(pointers, s.access, start, s.at, s.safe) for s in sums]
        if not sums:
            self._points(pointers, start, stop, [], [])
            return

        def add_up(start: Any, stop: Any) -> list[Any]:
            return self._points(pointers, start, stop, sums, first)

        rounded = [store.how == "add" and self.loop.accesses[store.access].dtype.kind == "f" for store in sums]
        totals = self._in_blocks(sums, rounded, first, start, stop, add_up) if self.long_sums else add_up(start, stop)
        for store, place, total in zip(sums, places, totals, strict=True):
            self._accumulate(store, place, total)

    def _copy(self, pointers: list[Any], start: Any, stop: Any) -> None:
        """Emit a copy of entries that lie side by side: the C library's, which knows the machine."""
        b, source = self.b, self.loop.body[0]
        assert isinstance(source, Load)
        count = b.mul(b.sub(stop, start), ir.Constant(INDEX, self.loop.accesses[source.access].dtype.itemsize))
        given = b.bitcast(b.gep(pointers[source.access], start), POINTER)
        for store in self.loop.stores:
            taken = b.bitcast(b.gep(pointers[store.access], start), POINTER)
            b.call(MEMCPY, [taken, given, count, ir.Constant(BIT, 0)])

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
        if store.how == "add" and dtype.kind == "f":
            return constant(-0.0, dtype)  # to which adding anything, -0.0 too, is nothing to do; 0.0 + -0.0 is 0.0
        if store.how in IDENTITY:
            return constant(IDENTITY[store.how], dtype)
        return constant(worst(store.how, dtype), dtype)

    def _points(self, pointers: list[Any], start: Any, stop: Any, sums: list[Any], first: list[Any]) -> list[Any]:
        """Emit the loop over points, with vectors where that is possible; return the sums."""
        begin = start
        self._begin_history(self.widths[0] if self.lanes > 1 else 1)
        if self.lanes > 1:
            kinds = [(store.how, self.loop.accesses[store.access].dtype) for store in sums]
            self.lanes = self.widths[0]
            parts = [self._still(self._identity(store)) for store in sums]
            summed = self._only_summed(sums)
            self.tame, wild = tame_products(self.loop, self.constant, summed)
            times = 1
            if len(self.widths) == 1:
                times = _PARTIAL if sums and self._waits else 2 if self._busy <= _FEW and not wild else 1
            if times > 1:
                end = stop_if_tame(self.b, self.constant, self.tame, start, stop)
                self.summed = set() if wild else summed
                start, parts = self._vectors(pointers, start, end, sums, parts, times)
                if self.summed:
                    parts = self._again_if_nan(pointers, begin, start, sums, parts)
            self.tame = {}
            for width in self.widths:
                self.lanes = width
                self._shorten_history(width)
                parts = [self._narrow(how, part, dtype) for (how, dtype), part in zip(kinds, parts, strict=True)]
                start, parts = self._vectors(pointers, start, stop, sums, parts, 1)
            first = [
                self._combine(how, so_far, self._across(how, part, dtype), dtype, True)
                for (how, dtype), so_far, part in zip(kinds, first, parts, strict=True)
            ]
            self._shorten_history(1)
        count = len(self._known())

        def step(i: Any, *carried: Any) -> list[Any]:
            self._remember(carried[:count])
            following = self._point(pointers, i, sums, list(carried[count:]), 1)
            return [*self._known(), *following]

        found = self._loop(start, stop, step, [*self._known(), *first])
        self._remember(found[:count])
        self._slide_out(pointers, begin, stop)
        return found[count:]

    def _still(self, number: Any) -> Any:
        """Return a vector of one constant."""
        return ir.Constant(ir.vector(number.type, self.lanes), number.constant)

    def _vectors(
        self, pointers: list[Any], start: Any, stop: Any, sums: list[Any], parts: list[Any], times: int
    ) -> tuple[Any, list[Any]]:
        """Emit the loop over as many points as fill vectors; return where it stops, and the sums' lanes.

        What comes in are the lanes so far: they are added to each other once, behind all loops.
        """
        b, width = self.b, self.lanes
        end = b.add(start, b.and_(b.sub(stop, start), ir.Constant(INDEX, -width * times)))
        more = [self._still(self._identity(store)) for store in sums] * (times - 1)

        down = [b.neg(start)] if -1 in self.inner else []
        before = len(down) + len(self._known())

        def step(i: Any, *carried: Any) -> list[Any]:
            acc, following = carried[before:], []
            self._remember(carried[len(down) : before])
            for k in range(times):
                shift = ir.Constant(INDEX, k * width)
                at = b.add(i, shift) if k else i
                self.negative = (at, b.sub(carried[0], shift)) if down else ()
                part = list(acc[k * len(sums) : (k + 1) * len(sums)])
                following += self._point(pointers, at, sums, part, width)
            self.negative = ()
            counted = [b.sub(n, ir.Constant(INDEX, times * width)) for n in carried[: len(down)]]
            return [*counted, *self._known(), *following]

        found = self._loop(start, end, step, [*down, *self._known(), *parts, *more], width * times)
        self._remember(found[len(down) : before])
        flat = found[before:]
        totals = []
        for k, store in enumerate(sums):
            dtype = self.loop.accesses[store.access].dtype
            these = flat[k :: len(sums)]
            while len(these) > 1:  # in pairs: sums of sums need not wait for each other
                these = [
                    self._combine(store.how, x, y, dtype, True) for x, y in zip(these[::2], these[1::2], strict=True)
                ]
            totals += these
        return end, totals

    def _narrow(self, how: str, vector: Any, dtype: Any) -> Any:
        """Combine the halves of a vector that is wider than those of the loop to come."""
        count = self.lanes
        if vector.type.count == count:
            return vector
        low, high = (shuffled(self.b, vector, range(first, first + count)) for first in (0, count))
        return self._combine(how, low, high, dtype, True)

    def _across(self, how: str, vector: Any, dtype: Any) -> Any:
        """Combine the lanes of a vector."""
        b, count = self.b, self.lanes
        while count > 1:
            count //= 2
            moved = shuffled(b, vector, [k + count if k < count else k for k in range(self.lanes)])
            vector = self._combine(how, vector, moved, dtype, True)
        return entry(b, vector, 0)

    def _hoist(self, pointers: list[Any], picks: bool = False) -> None:
        """Emit what is the same for all points of the innermost loop, before it.

        With ``picks``, entries at computed places, too: that there are any points has to be certain then.
        """
        self.values, self.coordinates = self.constant, {}
        written = {store.access for store in self.loop.stores}
        for at, item in enumerate(self.loop.body):
            if isinstance(item, Load):
                if self.inner[item.access] == 0 and item.access in self._read_only():
                    self.constant[at] = self.hoisted.get(item.access) or self._read(item.access, pointers[item.access])
            elif isinstance(item, Const):
                self.constant[at] = constant(item.value, item.dtype)
            elif isinstance(item, Op):
                if all(j in self.constant for j in item.args):
                    self.constant[at] = self._apply(item, [self.constant[j] for j in item.args], False)
            elif all(j in self.constant for j in item.at):
                if isinstance(item, Outside):
                    self.constant[at] = self._outside(item.access, item.at)
                else:
                    self._hoist_row(pointers, item)
                    stays = self._is_lasting(item) if self.lasting else item.access not in written
                    if picks and stays and not self.inner[item.access]:
                        self.constant[at] = self._read(item.access, self.rows[item])
        for store in self.loop.stores:
            if store.at and self.inner[store.access] and all(j in self.constant for j in store.at):
                self._hoist_row(pointers, store)

    def _apply(self, item: Op, args: list[Any], inline: bool) -> Any:
        return emit(item.name, Operation(self.b, args, item.dtypes, item.out, inline), dict(item.params))

    def _point(self, pointers: list[Any], i: Any, sums: list[Any], acc: list[Any], lanes: int) -> list[Any]:
        """Emit the loop's body for a point, or as many as there are lanes; return the sums' next versions."""
        self._items(pointers, i, lanes)
        return self._stores(pointers, i, self.loop.stores, sums, acc, lanes)

    def _items(self, pointers: list[Any], i: Any, lanes: int) -> None:
        """Emit the operations of a point."""
        steps = self._operations(pointers, i, lanes)
        asked = resumed(steps)
        while asked is not None:
            asked = resumed(steps, self._function(asked))

    def _function(self, asked: Asked) -> Any:
        at, args, inline = asked
        return self._apply(self.loop.body[at], args, inline)

    def _operations(self, pointers: list[Any], i: Any, lanes: int) -> Generator[Asked, Any, None]:
        """Emit the operations of a point but for functions of the mathlib, for which it asks one after the other."""
        self.values, self.coordinates = [], {}
        # What is left over calls the functions of the mathlib.
        inline = lanes == self.widths[0] > 1 or (self.lanes == AUTOMATIC and not all(self.fixed))
        hopeful = lanes > 1 or all(self.fixed)  # LLVM's vectoriser takes no branches
        products: list[int] = []
        exact = placing(self.loop) if hopeful else set()
        fused = fused_products(self.loop, exact, self.constant) if hopeful else {}
        waiting = {item.args[k] for at, k in fused.items() for item in [self.loop.body[at]] if at not in self.constant}
        for at, item in enumerate(self.loop.body):
            if at in self.constant:
                found = self.constant[at]
                self.values.append(self._wide(found) if lanes > 1 else found)
            elif isinstance(item, Load):
                k = item.access
                there = self.tile.get(k) or self.hoisted.get(k)
                self.values.append(there or self._read(k, self._entry_of(pointers, k, i), lanes))
            elif isinstance(item, Pick):
                self.values.append(self._pick(pointers, item, i, lanes))
            elif isinstance(item, Outside):
                self.values.append(self._outside(item.access, item.at))
            elif isinstance(item, Const):
                self.values.append(constant(item.value, item.dtype))
            else:
                assert isinstance(item, Op)
                args = [self.values[j] for j in item.args]
                if at in waiting:
                    self.values.append(None)
                    if hoped_for(item, args) and not self.plain and at not in self.tame:
                        products.append(at)
                    continue
                if at in fused:
                    factors = [self.values[j] for j in self.loop.body[item.args[fused[at]]].args]
                    self.values.append(self._fused(item.name, fused[at], factors, args[1 - fused[at]]))
                    continue
                weight = weighing(self.loop.body, item)
                if weight is not None:
                    chosen, other = item.args[weight], args[1 - weight]
                    self.values.append(weighed(self.b, self.loop.body, self.values, chosen, other))
                elif at in self.tame or at in self.summed:
                    self.values.append(self.b.fmul(*args))
                elif hopeful and at not in exact and hoped_for(item, args):
                    self.values.append(self.b.fmul(*args))
                    if not self.plain:
                        products.append(at)
                elif item.name in MATHLIB:
                    self.values.append((yield at, args, inline))
                else:
                    self.values.append(self._apply(item, args, inline))
        if products:
            with_care(self.b, self.loop.body, self.values, products, lambda item, args: self._apply(item, args, inline))

    def _fused(self, name: str, k: int, factors: list[Any], other: Any) -> Any:
        """Return a sum or difference of which operand k is a product, rounded once."""
        b, (x, y) = self.b, factors
        if name == "sub" and k == 1:
            x = b.fneg(x)
        elif name == "sub":
            other = b.fneg(other)
        return b.intrinsic("fmuladd", x, y, other)

    def _stores(
        self, pointers: list[Any], i: Any, stores: list[Any], sums: list[Any], acc: list[Any], lanes: int
    ) -> list[Any]:
        """Emit stores of a point."""
        following = list(acc)
        sliding = {self.loop.stores[k].access for k in self.shifted}
        if sliding:
            self._slide(pointers, i, lanes)
        for store in stores:
            if store.access in sliding:
                continue
            value = self.values[store.item]
            if store in sums:
                k = sums.index(store)  # the same one for stores that are alike, each of which counts
                dtype = self.loop.accesses[store.access].dtype
                if self._is_summed(store):
                    following[k] = self._plus(following[k], store.item, self.values)
                else:
                    following[k] = self._combine(store.how, following[k], value, dtype, True)
            else:
                if store.at and lanes > 1 and store not in self.rows:
                    self._scatter(pointers, store, i, value, lanes)
                    continue
                pointer = self._target(pointers, store, i)
                if store.how == "set":
                    self._write(store.access, pointer, value)
                else:
                    self._accumulate(store, pointer, value, lanes)
        return following

    def _target(self, pointers: list[Any], store: Any, i: Any) -> Any:
        """Return where a store goes."""
        if store in self.rows:
            return self._along(self.rows[store], store.access, i)
        return self._picked(pointers, store.access, i, store.at, store.safe)

    def _scatter(self, pointers: list[Any], store: Any, i: Any, value: Any, lanes: int) -> None:
        """Store the lanes one after the other: they may go to the same place."""
        for lane, pointer in enumerate(self._spread(pointers, store, i, lanes)):
            one = entry(self.b, value, lane)
            if store.how == "set":
                self._write(store.access, pointer, one)
            else:
                self._accumulate(store, pointer, one)

    def _accumulate(self, store: Any, pointer: Any, value: Any, lanes: int = 1) -> None:
        so_far = self._read(store.access, pointer, lanes)
        dtype = self.loop.accesses[store.access].dtype
        # In this order: LLVM would make of a choice between what is there and something else a store with a mask.
        self._write(store.access, pointer, self._combine(store.how, value, so_far, dtype, False))

    def _combine(self, how: str, a: Any, b: Any, dtype: Any, reassociate: bool) -> Any:
        builder = self.b
        if how in ("add", "mul") and dtype.kind == "f":
            # A sum has no order that matters; saying so lets LLVM keep many partial sums in vector registers.
            flags = ("reassoc",) if reassociate else ()
            return (builder.fadd if how == "add" else builder.fmul)(a, b, flags=flags)
        if how in ("max", "min") and dtype.kind == "f":
            # nan wins, as in NumPy; zeros of both signs count as equal, so either may come out.
            name = f"{how}imum"
            return builder.intrinsic(name, a, b, fastmath=("nsz",))
        if how == "or":
            return builder.or_(a, b)
        if how == "and":
            return builder.and_(a, b)
        return emit(how, Operation(builder, [a, b], [dtype, dtype], dtype), {})


def _is_negation(item: Any) -> bool:
    """Say whether an item is done by subtracting in place of adding."""
    return isinstance(item, Op) and item.name == "neg"
