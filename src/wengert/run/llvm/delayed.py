"""Updates of an array that a loop does not read, several at a time.

The cotangent of a matrix that each iteration multiplies with a vector gets an outer product from each iteration.  The
loop itself never looks at it: it is read, added to and written, and most of the time goes by with fetching it from a
cache that is not the nearest one.  So what an update is made of, the two vectors, is kept for some iterations; then
that many updates are done in one pass over the array, with one load and one store of an entry for all of them.  What is
left is done behind the loop.  (Factorisations of matrices apply their updates in the same way: J. Dongarra, D. Sorensen
and S. Hammarling, "Block reduction of matrices to condensed forms for eigenvalue computations", 1989.)

An entry goes through the same operations in the same order as before, but for products, which are rounded together with
the sum that they are added to.  That no other step of the loop touches the array has to be certain, that the update
reads of it only the entry that it writes, and that what it is made of is kept when it would have been used.  Products
in which zero wins over inf and nan are plain ones where all factors are finite, which is seen before; where they are
not, the updates are done one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from .loops import (
    Buffer,
    Choice,
    Const,
    Fill,
    Load,
    Loop,
    Op,
    Pick,
    Repeat,
    Store,
    View,
    c_strides,
    needed_for,
    only,
    whole,
)
from .plan import touched
from .rows import injective

_TIMES: Final = 8
"""Updates done at once."""
_LARGE: Final = 1 << 14
"""Bytes of an array from which on going through it costs more than arithmetic."""
_THIN: Final = 8
"""How many times as many entries as what is kept the array must have."""
_ITEMS: Final = 4
"""Most items of an update: its operations, and what is kept."""
_INDEX: Final = np.dtype(np.int64)
_BOOL: Final = np.dtype(np.bool_)


def delayed(steps: list[Any]) -> list[Any]:
    """Return the steps of a program, in whose loops such updates wait for each other."""
    for step in steps:
        _visit(step)
    return steps


def _visit(step: Any) -> list[Buffer]:
    """Change the loops in a step; return the memory that they need besides."""
    more: list[Buffer] = []
    if isinstance(step, Choice):
        more = [buffer for branch in step.branches for part in branch for buffer in _visit(part)]
    elif isinstance(step, Repeat):
        more = [buffer for part in step.body for buffer in _visit(part)]
        if not step.test and step.going is None and (step.length is None or step.length >= 2 * _TIMES):
            k = 0
            while k < len(step.body):
                update = _update(step, step.body[k])
                if update is None:
                    k += 1
                else:
                    step.body[k : k + 1] = _Delay(step, update, more).steps
    if more:
        step.outer += more
    return more


# -- what can wait ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Update:
    """An update of an array by a loop.

    Attributes
    ----------
    loop : Loop
    store : Store
        The one to the array.
    kept : dict
        Items to be kept -> the axes along which they differ.
    again : list of int
        Items that are computed from them when the update is done, in order.
    """

    loop: Loop
    store: Store
    kept: dict[int, tuple[int, ...]]
    again: list[int]

    @property
    def entry(self) -> Load:
        """The item that reads the array."""
        return Load(self.store.access)

    @property
    def factors(self) -> set[int]:
        """Return what is kept of products in which zero wins."""
        items = [self.loop.body[j] for j in self.again]
        return {i for item in items if item.name == "scale" for i in item.args if i in self.kept}


def _update(step: Repeat, loop: Any) -> _Update | None:
    """Return the update of an array by a step of a loop that can wait; None if there is none."""
    if not isinstance(loop, Loop):
        return None
    parts = [part for part in [*step.before, *step.body, *step.after] if part is not loop]
    others = {buffer for part in parts for buffer in touched(part)} | {step.counter, step.scratch, *step.inner}
    for store in loop.stores:
        if _is_pointwise(loop, store):
            view = loop.accesses[store.access]
            large = math.prod(loop.shape) * view.dtype.itemsize >= _LARGE
            if large and view.buffer in step.outer and view.buffer not in others:
                update = _parts(loop, store)
                if update is not None:
                    return update
    return None


def _is_pointwise(loop: Loop, store: Store) -> bool:
    """Say whether a store writes a float for each point, and the loop touches the array only there, and for that."""
    view = loop.accesses[store.access]
    others = [other for other in loop.stores if other is not store]
    if any(getattr(loop.body[j], "access", -1) == store.access for j in needed_for(loop, others)):
        return False
    if view.dtype.kind != "f" or view.indexed or store.at or store.how not in ("set", "add"):
        return False
    if any(n > 1 and not s for n, s in zip(loop.shape, view.strides, strict=True)):
        return False
    if sum(other.buffer is view.buffer for other in loop.accesses) > 1 or store.access in [s.access for s in others]:
        return False
    return injective(loop.shape, view.strides)


def _parts(loop: Loop, store: Store) -> _Update | None:
    """Return an update as what is to be kept and what is done with it; None if that is too much."""
    written = set(loop.written)
    moves: dict[int, frozenset[int]] = {}
    again: list[int] = []
    reads = False
    for j in sorted(needed_for(loop, [store])):
        item = loop.body[j]
        if item == Load(store.access):
            reads = True
            continue
        given = *getattr(item, "args", ()), *getattr(item, "at", ())
        moves[j] = frozenset[int]().union(*[moves.get(i, ()) for i in given])
        if isinstance(item, Load | Pick):
            view = loop.accesses[item.access]
            moves[j] |= {a for a, n in enumerate(loop.shape) if n > 1 and view.strides[a]}
            if view.buffer in written:
                return None
        elif not isinstance(item, Op | Const):
            return None
        of_entry = [i for i in getattr(item, "args", ()) if i not in moves or i in again]
        if of_entry or math.prod(loop.shape[a] for a in moves[j]) * _THIN > math.prod(loop.shape):
            if not isinstance(item, Op) or (item.name == "scale" and of_entry):
                return None
            again.append(j)
    wanted = dict.fromkeys([*[i for j in again for i in loop.body[j].args], store.item])
    kept = [i for i in wanted if i in moves and i not in again and not isinstance(loop.body[i], Const)]
    if not kept or len(kept) + len(again) + (store.how == "add") > _ITEMS or (store.how == "set" and not reads):
        return None
    return _Update(loop, store, {j: tuple(sorted(moves[j])) for j in kept}, again)


# -- what is done instead ---------------------------------------------------------------------------------------------


class _Delay:
    """Lets an update wait.

    Parameters
    ----------
    step : Repeat
        The loop: what is to be done before and behind it is added to it.
    update : _Update
        Of a step of the loop, in place of which ``steps`` come.
    more : list of Buffer
        Takes up the memory that this needs.
    """

    def __init__(self, step: Repeat, update: _Update, more: list[Buffer]) -> None:
        self.update = update
        loop, store = update.loop, update.store
        self.rows: dict[int, Buffer] = {}
        for j, axes in update.kept.items():
            self.rows[j] = Buffer(_TIMES * math.prod(loop.shape[a] for a in axes), _dtype(loop.body[j], loop))
        self.waiting, self.counter = Buffer(1, _INDEX), Buffer(1, _INDEX)
        self.full, self.finite = Buffer(1, _BOOL), Buffer(1, _BOOL)
        mine = [*self.rows.values(), self.waiting, self.counter, self.full, self.finite]
        more += mine
        self.outer = [loop.accesses[store.access].buffer, *mine]
        others = [other for other in loop.stores if other is not store]
        rest = [only(loop, others)] if others else []
        now: list[Any] = [self._chain(_TIMES)]
        if update.factors:
            now = [
                Fill(self.finite, True),
                *self._check(),
                self._choice(self.finite, [self._one_by_one(step)], now, step),
            ]
        choice = self._choice(self.full, [], [*now, Fill(self.waiting, 0)], step, _TIMES)
        self.steps = [*self._keep(), *rest, self._count(), choice]
        step.before.append(Fill(self.waiting, 0))
        step.after.append(self._one_by_one(step))

    def _choice(self, which: Buffer, no: list[Any], yes: list[Any], step: Repeat, turns: int = 1) -> Choice:
        return Choice(whole(which, ()), [no, yes], _nothing(), [], self.outer, step.equation, turns=turns)

    def _one_by_one(self, step: Repeat) -> Repeat:
        """Return a loop that does the updates that wait, each in a pass of its own."""
        number, body = whole(self.waiting, ()), [self._chain(None)]
        return Repeat(self.counter, number, _TIMES, False, [], None, body, _nothing(), [], self.outer, 0, step.equation)

    def _keep(self) -> list[Loop]:
        """Return loops that keep what the update is made of: one for each set of axes."""
        loop = self.update.loop
        by_axes: dict[tuple[int, ...], list[int]] = {}
        for j, axes in self.update.kept.items():
            by_axes.setdefault(axes, []).append(j)
        found = []
        for axes, items in by_axes.items():
            shape = tuple([loop.shape[a] for a in axes])
            made = Loop(shape, body=[*loop.body, Load(len(loop.accesses))], equations=loop.equations)
            for view in loop.accesses:
                made.accesses.append(replace(view, strides=tuple([view.strides[a] for a in axes]), shape=shape))
            made.accesses.append(View(self.waiting, 0, (0,) * len(shape), shape))
            for j in items:
                made.accesses.append(View(self.rows[j], 0, c_strides(shape), shape, ((_TIMES, math.prod(shape)),)))
                made.stores.append(Store(len(made.accesses) - 1, j, "set", (len(loop.body),), True))
            found.append(only(made, made.stores))
        return found

    def _check(self) -> list[Loop]:
        """Return loops that say whether all factors are finite."""
        found = []
        for j in self.update.factors:
            rows = self.rows[j]
            body = [Load(0), Op("isfinite", (0,), (), (rows.dtype,), _BOOL)]
            views = [whole(rows, (rows.size,)), View(self.finite, 0, (0,), (rows.size,))]
            found.append(Loop((rows.size,), views, body, [Store(1, 1, "and")]))
        return found

    def _count(self) -> Loop:
        """Return what counts the updates that wait, and says whether there is room for no more."""
        body = [
            Load(0),
            Const(1, _INDEX),
            Op("add", (0, 1), (), (_INDEX, _INDEX), _INDEX),
            Const(_TIMES, _INDEX),
            Op("eq", (2, 3), (), (_INDEX, _INDEX), _BOOL),
        ]
        return Loop((), [whole(self.waiting, ()), whole(self.full, ())], body, [Store(0, 2), Store(1, 4)])

    def _chain(self, times: int | None) -> Loop:
        """Return a loop that does so many updates, or the one whose number is in the counter."""
        made = _Chain(self.update, plain=times is not None)
        if times is None:
            shape = self.update.loop.shape
            number = made.item(Load(made.access(View(self.counter, 0, (0,) * len(shape), shape))))
            made.apply({j: Pick(made.access(self._row(j)), (number,), True) for j in self.rows})
        for k in range(times or 0):
            made.apply({j: Load(made.access(self._row(j, k))) for j in self.rows})
        return made.end()

    def _row(self, j: int, k: int | None = None) -> View:
        """Return what was kept of an item for the k-th update, or for one whose number is computed."""
        axes, shape = self.update.kept[j], self.update.loop.shape
        sizes = tuple([shape[a] for a in axes])
        along = dict(zip(axes, c_strides(sizes), strict=True))
        strides = tuple([along.get(a, 0) for a in range(len(shape))])
        size = math.prod(sizes)
        return View(self.rows[j], (k or 0) * size, strides, shape, ((_TIMES, size),) if k is None else ())


class _Chain:
    """A loop that does an update some times, one after the other; ``plain``: with plain products only."""

    def __init__(self, update: _Update, plain: bool) -> None:
        self.update, self.plain = update, plain
        array = update.loop.accesses[update.store.access]
        self.loop = Loop(update.loop.shape, [array], [Load(0)], equations=update.loop.equations)
        self.entry = 0  # the item that is the array's entry as of now

    def access(self, view: View) -> int:
        self.loop.accesses.append(view)
        return len(self.loop.accesses) - 1

    def item(self, item: Any) -> int:
        self.loop.body.append(item)
        return len(self.loop.body) - 1

    def apply(self, rows: dict[int, Any]) -> None:
        """Append an update; ``rows`` says for what was kept how it is read."""
        loop, store, entry = self.update.loop, self.update.store, self.entry
        numbers = {j: self.item(read) for j, read in rows.items()}
        for j in self.update.again:
            item = loop.body[j]
            for i in item.args:
                if loop.body[i] == self.update.entry:
                    numbers[i] = entry
                elif i not in numbers:
                    numbers[i] = self.item(loop.body[i])  # a constant
            args = tuple([numbers[i] for i in item.args])
            if item.name == "add":
                numbers[j] = self._sum(args[0], args[1], item.out)
            else:
                name = "mul" if item.name == "scale" and self.plain else item.name
                numbers[j] = self.item(replace(item, name=name, args=args))
        self.entry = numbers[store.item]
        if store.how == "add":
            dtype = loop.accesses[store.access].dtype
            self.entry = self._sum(self.entry, entry, dtype)

    def _sum(self, a: int, b: int, dtype: Any) -> int:
        """Return the item that is a sum, in which a product is rounded together with it."""
        for term, rest in ((a, b), (b, a)):
            item = self.loop.body[term]
            if isinstance(item, Op) and item.name == "mul" and dtype.kind == "f":
                return self.item(Op("madd", (*item.args, rest), (), (dtype,) * 3, dtype))
        return self.item(Op("add", (a, b), (), (dtype, dtype), dtype))

    def end(self) -> Loop:
        return only(self.loop, [Store(0, self.entry)])


def _dtype(item: Any, loop: Loop) -> Any:
    return loop.accesses[item.access].dtype if isinstance(item, Load | Pick) else item.out


def _nothing() -> Buffer:
    """Return scratch memory of steps that need none."""
    return Buffer(0, np.dtype(np.uint8))
