"""Several rows of a loop at a time, as LLVM IR; see :mod:`.jam`.

In products in which zero wins over inf and nan, one factor is often the same along a row.  Where those of all rows are
finite, and not zero, plain products do, which are rounded together with the sum that they are added to.  Of a sum of
such products along a row it is enough to look at the end: if it is nan, it is taken again, with care.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

from . import ir
from .hopeful import weighing
from .jam import ROWS, same
from .lane_code import shuffled
from .layout import GAPS
from .loops import Op, Store
from .scalars import INDEX, constant, is_plain
from .tile_code import TileCode

Asked = tuple[int, list[Any], bool]
"""A function of the mathlib that is to be emitted: the number of the item, operands, whether its formula is inlined."""

_TOGETHER: Final = 2
"""Rows for which a function is emitted at once: what it takes for more does not fit into the registers."""


def resumed(steps: Generator[Asked, Any, None], value: Any = None) -> Asked | None:
    """Let a generator go on with a value; return what it asks for next, or None at its end."""
    try:
        return steps.send(value)
    except StopIteration:
        return None


class SideBySide(TileCode):
    """What an :class:`~.emit.Emitter` writes rows side by side with.

    Attributes
    ----------
    plain : bool
        Whether products in which zero wins are known to be plain ones.
    summed : set of int
        Products that are taken as plain ones because only their sum counts, at which is looked behind the loop.
    even : bool
        Whether there are just as many rows as are taken at a time.
    """

    plain: bool
    summed: set[int]
    even: bool
    still: Sequence[bool]

    if TYPE_CHECKING:

        def _target(self, pointers: list[Any], store: Store, i: Any) -> Any: ...
        def _accumulate(self, store: Store, pointer: Any, value: Any, lanes: int = 1) -> None: ...
        def _across(self, how: str, vector: Any, dtype: Any) -> Any: ...
        def _still(self, number: Any) -> Any: ...
        def _function(self, asked: Asked) -> Any: ...
        def _operations(self, pointers: list[Any], i: Any, lanes: int) -> Generator[Asked, Any, None]: ...

    def _jammed(self, depth: int, pointers: list[Any], start: Any, stop: Any) -> None:
        """Emit the loop over rows: several at a time, then those that may be left, by the same code for one."""
        b = self.b
        end = b.add(start, b.and_(b.sub(stop, start), ir.Constant(INDEX, -ROWS)))

        def step(i: Any, count: int) -> None:
            numbers = [i, *[b.add(i, ir.Constant(INDEX, row)) for row in range(1, count)]]
            rows = [self._moved_to(depth, pointers, number) for number in numbers]
            for row in rows[1:]:  # so that LLVM sees what they have in common
                row[:] = [first if still else p for first, p, still in zip(rows[0], row, self.still, strict=True)]
            with b.if_then(b.icmp_signed(">", self.sizes[-1], ir.Constant(INDEX, 0))):
                self._rows(rows)

        self._loop(start, end, lambda i: step(i, ROWS), by=ROWS)
        if not self.even:
            self._loop(end, stop, lambda i: step(i, 1))

    def _rows(self, rows: list[list[Any]]) -> None:
        """Emit rows side by side: sums along them are kept in registers, sums over them are read and written once.

        Every sum is taken in the same order however many rows there are.
        """
        along = [store for store in self.loop.stores if self.inner[store.access] == 0]
        self.apart = {k: self._multiples(k) for k, inner in enumerate(self.inner) if inner == GAPS}
        constants, places = [], []
        for pointers in rows:
            self.constant = {}
            self.rows = {}
            self._hoist(pointers, True)
            constants.append((self.constant, self.rows))
            places += [self._picked(pointers, s.access, None, s.at, s.safe) for s in along]
        kinds = [self.loop.accesses[store.access].dtype for store in along] * len(rows)
        products = self._products()
        conditions = self._usual(products, [found for found, _ in constants])
        if conditions is None:
            totals = self._all_points(rows, constants, along, kinds)
        else:
            totals = self._hoping(rows, constants, along, kinds, conditions)
        for store, place, total in zip(along * len(rows), places, totals, strict=True):
            self._accumulate(store, place, total)

    def _all_points(self, rows: list[list[Any]], constants: Any, along: list[Any], kinds: list[Any]) -> list[Any]:
        """Emit the points of some rows; return the sums along them."""
        b = self.b
        over = [store for store in self.loop.stores if self.inner[store.access] and self.still[store.access]]
        apart = [store for store in self.loop.stores if self.inner[store.access] and not self.still[store.access]]

        def points(i: Any, acc: list[Any], lanes: int) -> list[Any]:
            made = self._operations_of(rows, constants, i, lanes)
            for pointers, (self.constant, self.rows, self.values, self.coordinates) in zip(rows, made, strict=True):
                for store in apart:
                    if self.plain and store.how == "add":
                        self._add_to(store, self._target(pointers, store, i), [self.values], lanes)
                    else:
                        self._stores(pointers, i, [store], [], [], lanes)
            self.rows = constants[0][1]
            values = [of_row for _, _, of_row, _ in made]
            for store in over:
                self._add_to(store, self._target(rows[0], store, i), values, lanes)
            targets = itertools.product(values, along)
            return [self._plus(so_far, store.item, row) for (row, store), so_far in zip(targets, acc, strict=True)]

        start: Any = ir.Constant(INDEX, 0)
        stop = self.sizes[-1]
        zeros: list[Any] = [self._still(constant(-0.0, kind)) for kind in kinds]
        parts: list[Any] = list(zeros)
        for times in (2, 1) if along else (1,):
            end = b.add(start, b.and_(b.sub(stop, start), ir.Constant(INDEX, -self.lanes * times)))

            def step(i: Any, *acc: Any, times: int = times) -> list[Any]:
                following: list[Any] = []
                for k in range(times):
                    at = b.add(i, ir.Constant(INDEX, k * self.lanes)) if k else i
                    following += points(at, list(acc[k * len(zeros) : (k + 1) * len(zeros)]), self.lanes)
                return following

            flat = self._loop(start, end, step, [*parts, *zeros * (times - 1)], self.lanes * times)
            parts = flat[: len(zeros)]
            if times == 2:
                parts = [b.fadd(x, y) for x, y in zip(parts, flat[len(zeros) :], strict=True)]
            start = end
        totals = [self._across("add", part, kind) for part, kind in zip(parts, kinds, strict=True)]
        found: list[Any] = self._loop(start, stop, lambda i, *acc: points(i, list(acc), 1), totals)
        return found

    def _operations_of(self, rows: list[list[Any]], constants: Any, i: Any, lanes: int) -> list[Any]:
        """Emit the operations of a point of each row, functions of the mathlib for two rows at a time.

        What is known of each row then is returned: constants, places of rows, values and coordinates.

        A function is a chain of operations, each of which waits for the one before, and may end with a branch for rare
        arguments: two at once wait for half as long, and branch once.
        """
        found = []
        count = _TOGETHER if lanes > 1 else 1
        for k in range(0, len(rows), count):
            found += self._together(rows[k : k + count], constants[k : k + count], i, lanes)
        return found

    def _together(self, rows: list[list[Any]], constants: Any, i: Any, lanes: int) -> list[Any]:
        """Emit the operations of a point of each row, functions of the mathlib for all rows as one vector."""
        steps = [self._operations(pointers, i, lanes) for pointers in rows]
        asked, known = [], []
        for going, (self.constant, self.rows) in zip(steps, constants, strict=True):
            asked.append(resumed(going))
            known.append((self.constant, self.rows, self.values, self.coordinates))
        alike = same(self.loop, self.still)
        while asked[0] is not None:
            at, args, inline = asked[0]
            several = len(rows) > 1 and at not in alike
            if several:
                args = [self._joined(each) for each in zip(*[one[1] for one in asked if one is not None], strict=True)]
            found = self._function((at, args, inline))
            for row, (self.constant, self.rows, self.values, self.coordinates) in enumerate(known):
                part = shuffled(self.b, found, range(row * lanes, (row + 1) * lanes)) if several else found
                asked[row] = resumed(steps[row], part)
        return known

    def _joined(self, vectors: Sequence[Any]) -> Any:
        """Return two vectors as one."""
        first, second = vectors
        return self.b.shuffle_vector(first, range(2 * first.type.count), second)

    def _add_to(self, store: Any, pointer: Any, rows: list[Any], lanes: int) -> None:
        """Emit what a store over rows, or of one, makes of its entry."""
        total = self._read(store.access, pointer, lanes)
        for values in rows:
            if store.how == "add":
                total = self._plus(total, store.item, values)
            else:
                dtype = self.loop.accesses[store.access].dtype
                total = self._combine(store.how, values[store.item], total, dtype, False)
        self._write(store.access, pointer, total)

    def _plus(self, so_far: Any, number: int, values: Any) -> Any:
        """Return a sum with one more term, which is rounded once where it is a product."""
        item, product = self.loop.body[number], number
        negative = isinstance(item, Op) and item.name == "neg"
        if negative:
            product = item.args[0]
            item = self.loop.body[product]
        plain = self.plain or product in self.summed
        if isinstance(item, Op) and (item.name == "mul" or (plain and self._is_product(item))):
            x, y = (values[j] for j in item.args)
            return self.b.intrinsic("fmuladd", self.b.fneg(x) if negative else x, y, so_far)
        return self.b.fadd(so_far, values[number])

    # -- products in which zero wins ----------------------------------------------------------------------------------

    def _is_product(self, item: Any) -> bool:
        return isinstance(item, Op) and item.name == "scale" and weighing(self.loop.body, item) is None

    def _products(self) -> dict[int, bool]:
        """Return such products that differ along a row, and whether they are only summed up along it."""
        body, found = self.loop.body, {}
        for j, item in enumerate(body):
            if j in self.constant or not self._is_product(item):
                continue
            users = [k for k, other in enumerate(body) if j in getattr(other, "args", ())]
            negations = {k for k in users if body[k].name == "neg"}
            users += [k for k, other in enumerate(body) if not negations.isdisjoint(getattr(other, "args", ()))]
            stores = [store for store in self.loop.stores if store.item in {j, *negations}]
            found[j] = negations.issuperset(users) and all(self.inner[store.access] == 0 for store in stores)
        return found

    def _usual(self, products: dict[int, bool], constants: list[dict[int, Any]]) -> list[Any] | None:
        """Return the conditions under which plain products will do; None if that has to be seen one by one.

        Parameters
        ----------
        products : dict
            As found by :meth:`_products`.
        constants : list of dict
            The items that are the same along a row, for each row.
        """
        b, found = self.b, []
        for j, is_only_summed in products.items():
            steady = [k for k in self.loop.body[j].args if k in constants[0]]
            if is_only_summed and not steady:
                continue
            if not steady:
                return None
            for row in constants:
                factor = row[steady[0]]
                if not is_plain(factor):
                    # Times zero, inf and nan are nan, which no comparison holds for, and a finite number is zero.
                    nothing = b.fmul(factor, ir.Constant(factor.type, 0.0))
                    found.append(b.fcmp_ordered("!=", factor, nothing))
        return found if products else None

    def _hoping(
        self, rows: list[list[Any]], constants: Any, along: list[Any], kinds: list[Any], conditions: list[Any]
    ) -> list[Any]:
        """Emit the points of some rows, with plain products where that will do; return the sums along them."""
        b = self.b
        if not conditions:
            return self._plainly(rows, constants, along, kinds)
        usual = conditions[0]
        for one in conditions[1:]:
            usual = b.and_(usual, one)
        plain, careful, done = (b.append_basic_block(name) for name in ("plain", "careful", "summed"))
        b.cbranch(usual, plain, careful, weights=(99, 1))
        b.position_at_end(plain)
        first = self._plainly(rows, constants, along, kinds)
        b.branch(done)
        last = b.block
        b.position_at_end(careful)
        second = self._all_points(rows, constants, along, kinds)
        b.branch(done)
        return self._met(done, (first, last), (second, b.block))

    def _met(self, done: Any, one: tuple[list[Any], Any], other: tuple[list[Any], Any]) -> list[Any]:
        """Return what numbers are where two ways meet."""
        self.b.position_at_end(done)
        found = []
        for x, y in zip(one[0], other[0], strict=True):
            found.append(self.b.phi(x.type))
            found[-1].add_incoming(x, one[1])
            found[-1].add_incoming(y, other[1])
        return found

    def _plainly(self, rows: list[list[Any]], constants: Any, along: list[Any], kinds: list[Any]) -> list[Any]:
        """Emit the points of some rows with plain products; sums along them that are nan are taken again."""
        b = self.b
        self.plain = True
        totals = self._all_points(rows, constants, along, kinds)
        self.plain = False
        if not totals or not any(self._products().values()):
            return totals
        bad: Any = None
        for total in totals:
            one = b.fcmp_unordered("uno", total, total)
            bad = one if bad is None else b.or_(bad, one)
        again, done = b.append_basic_block("again"), b.append_basic_block("known")
        before = b.block
        b.cbranch(bad, again, done, weights=(1, 99))
        b.position_at_end(again)

        def point(i: Any, *acc: Any) -> list[Any]:
            found = []
            for k, (pointers, (self.constant, self.rows)) in enumerate(zip(rows, constants, strict=True)):
                self._items(pointers, i, 1)
                for store, so_far in zip(along, acc[k * len(along) :], strict=False):
                    found.append(self._plus(so_far, store.item, self.values))
            return found

        careful = self._loop(ir.Constant(INDEX, 0), self.sizes[-1], point, [constant(-0.0, kind) for kind in kinds])
        b.branch(done)
        return self._met(done, (totals, before), (careful, b.block))
