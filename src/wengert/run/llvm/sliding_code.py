"""Sums that neighbours add to, as LLVM IR; see :mod:`.sliding`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import ir
from .jam_code import SideBySide
from .lane_code import entry, shuffled
from .loops import Store
from .scalars import INDEX, constant


class Sliding(SideBySide):
    """What an :class:`~.emit.Emitter` writes such sums with.

    Attributes
    ----------
    shifted : list of int
        The numbers of the stores that go to entries behind the point's.
    history : list
        For each of them what earlier points have to add: those of the vector before, or of as many points as the store
        is shifted by, the last one first.
    """

    shifted: list[int]

    if TYPE_CHECKING:

        def _target(self, pointers: list[Any], store: Store, i: Any) -> Any: ...
        def _still(self, number: Any) -> Any: ...

    def _find_shifted(self) -> None:
        """Note which stores are shifted."""
        self.shifted = [k for k, store in enumerate(self.loop.stores) if store.shift]
        self.history: list[list[Any]] = []

    def _groups(self) -> list[list[int]]:
        """Return the numbers of the stores that are put together."""
        stores = self.loop.stores
        accesses = dict.fromkeys(stores[k].access for k in self.shifted)
        return [[k for k, store in enumerate(stores) if store.access == access] for access in accesses]

    def _begin_history(self, lanes: int) -> None:
        """Begin: nothing is left to be added."""
        self.history = []
        for k in self.shifted:
            store = self.loop.stores[k]
            nothing = constant(-0.0, self.loop.accesses[store.access].dtype)  # not even to -0.0
            self.history.append([self._still(nothing)] if lanes > 1 else [nothing] * store.shift)

    def _shorten_history(self, lanes: int) -> None:
        """Go on with shorter vectors, or one by one, behind a loop with vectors."""
        b = self.b
        for k, known in zip(self.shifted, self.history, strict=True):
            (vector,) = known
            count = vector.type.count
            if lanes == 1:
                known[:] = [entry(b, vector, count - 1 - before) for before in range(self.loop.stores[k].shift)]
            elif lanes < count:
                known[:] = [shuffled(b, vector, range(count - lanes, count))]

    def _known(self) -> list[Any]:
        """Return the history as a loop carries it."""
        return [value for known in self.history for value in known]

    def _remember(self, carried: Sequence[Any]) -> None:
        """Take over what a loop carried."""
        rest = list(carried)
        for known in self.history:
            known[:], rest = rest[: len(known)], rest[len(known) :]

    def _slide(self, pointers: list[Any], i: Any, lanes: int) -> None:
        """Emit the additions of a point, or a vector of them, at their first places."""
        b = self.b
        for group in self._groups():
            total: Any = None
            for k in group:
                shift, value = self.loop.stores[k].shift, self.values[self.loop.stores[k].item]
                part = value
                if shift:
                    known = self.history[self.shifted.index(k)]
                    if lanes > 1:
                        part = b.shuffle_vector(known[0], range(lanes - shift, 2 * lanes - shift), value)
                        known[:] = [value]
                    else:
                        part = known[-1]
                        known[:] = [value, *known[:-1]]
                total = part if total is None else b.fadd(total, part)
            self._add_at(pointers, self.loop.stores[group[0]], i, total, lanes)

    def _slide_out(self, pointers: list[Any], start: Any, stop: Any) -> None:
        """Emit the additions that are left behind the last point, if there are any points."""
        if not self.shifted:
            return
        b, stores = self.b, self.loop.stores
        with b.if_then(b.icmp_signed("<", start, stop)):
            for group in self._groups():
                for behind in range(max(stores[k].shift for k in group)):
                    total: Any = None
                    for k in group:
                        if stores[k].shift > behind:
                            known = self.history[self.shifted.index(k)]
                            part = known[stores[k].shift - 1 - behind]  # what the last point adds goes furthest
                            total = part if total is None else b.fadd(total, part)
                    i = b.add(stop, ir.Constant(INDEX, behind)) if behind else stop
                    self._add_at(pointers, stores[group[0]], i, total, 1)

    def _add_at(self, pointers: list[Any], store: Store, i: Any, total: Any, lanes: int) -> None:
        pointer = self._target(pointers, store, i)
        self._write(store.access, pointer, self.b.fadd(total, self._read(store.access, pointer, lanes)))
