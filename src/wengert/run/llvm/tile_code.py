"""Tiles as LLVM IR: as many rows side by side as a vector has lanes, turned in registers; see :mod:`.tiles`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ir
from .lane_code import transposed
from .layout import GAPS
from .loops import Load, Store
from .memory import Memory
from .scalars import INDEX, memory_type


class TileCode(Memory):
    """The part of :class:`~.emit.Emitter` that writes tiles.

    Attributes
    ----------
    turned : list of int
        Accesses whose entries lie side by side along the axis around the innermost one.
    tile : dict
        What the row at hand has of them, for a vector of points.
    """

    turned: list[int]
    sizes: Any
    constant: dict[int, Any]

    def __init__(self) -> None:
        super().__init__()
        self.tile: dict[int, Any] = {}

    if TYPE_CHECKING:

        def _loop(self, start: Any, stop: Any, step: Any, carried: Any = (), by: int = 1) -> list[Any]: ...
        def _moved_to(self, depth: int, pointers: list[Any], i: Any) -> list[Any]: ...
        def _innermost(self, pointers: list[Any], start: Any, stop: Any) -> None: ...
        def _hoist(self, pointers: list[Any], picks: bool = False) -> None: ...
        def _items(self, pointers: list[Any], i: Any, lanes: int) -> None: ...
        def _point(self, pointers: list[Any], i: Any, sums: list[Any], acc: list[Any], lanes: int) -> list[Any]: ...
        def _stores(
            self, pointers: list[Any], i: Any, stores: list[Store], sums: list[Any], acc: list[Any], lanes: int
        ) -> list[Any]: ...
        def _combine(self, how: str, a: Any, b: Any, dtype: Any, reassociate: bool) -> Any: ...

    def _tiled(self, depth: int, pointers: list[Any], start: Any, stop: Any) -> None:
        """Emit the loop over rows: as many at a time as there are lanes, then those that are left one by one."""
        b, zero = self.b, ir.Constant(INDEX, 0)
        end = b.add(start, b.and_(b.sub(stop, start), ir.Constant(INDEX, -self.lanes)))

        def several(i: Any) -> None:
            numbers = [i, *[b.add(i, ir.Constant(INDEX, row)) for row in range(1, self.lanes)]]
            self._tiles([self._moved_to(depth, pointers, number) for number in numbers])

        def one(i: Any) -> None:
            self._innermost(self._moved_to(depth, pointers, i), zero, self.sizes[-1])

        self._loop(start, end, several, by=self.lanes)
        self._loop(end, stop, one)

    def _tiles(self, rows: list[list[Any]]) -> None:
        """Emit tiles along rows, and what is left of these point by point."""
        b, zero, stop = self.b, ir.Constant(INDEX, 0), self.sizes[-1]
        self.apart = {k: self._multiples(k) for k, inner in enumerate(self.inner) if inner == GAPS}
        constants = []
        for pointers in rows:
            self.constant = {}
            self._hoist(pointers)
            constants.append(self.constant)
        end = b.and_(stop, ir.Constant(INDEX, -self.lanes))
        self._loop(zero, end, lambda i: self._tile(rows, constants, i), by=self.lanes)

        def rest(i: Any) -> None:
            for pointers, self.constant in zip(rows, constants, strict=True):
                self._point(pointers, i, [], [], 1)

        self._loop(end, stop, rest)

    def _tile(self, rows: list[list[Any]], constants: list[dict[int, Any]], i: Any) -> None:
        """Emit one tile: all that is read of what is turned, the rows, and what is written of it."""
        b, lanes = self.b, self.lanes
        places = {k: [b.gep(self._entry_of(rows[0], k, i), step) for step in self.apart[k]] for k in self.turned}
        read = {k: transposed(b, [self._column(k, place) for place in places[k]]) for k in places if self._reads(k)}
        stores = self.loop.stores
        made = []
        for row, (pointers, self.constant) in enumerate(zip(rows, constants, strict=True)):
            self.tile = {k: vectors[row] for k, vectors in read.items()}
            self._items(pointers, i, lanes)
            made.append(self.values)
            self._stores(pointers, i, [store for store in stores if store.access not in self.turned], [], [], lanes)
        self.tile = {}
        for store in stores:
            if store.access in self.turned:
                columns = transposed(b, [values[store.item] for values in made])
                for place, column in zip(places[store.access], columns, strict=True):
                    if store.how != "set":
                        so_far, dtype = self._column(store.access, place), self.loop.accesses[store.access].dtype
                        column = self._combine(store.how, column, so_far, dtype, False)
                    b.store(column, b.bitcast(place, column.type.as_pointer()), align=self._bytes(store.access))

    def _reads(self, k: int) -> bool:
        return Load(k) in self.loop.body

    def _bytes(self, k: int) -> int:
        return int(self.loop.accesses[k].dtype.itemsize)

    def _column(self, k: int, place: Any) -> Any:
        """Read what lies side by side from the first row of a tile on."""
        kind = ir.vector(memory_type(self.loop.accesses[k].dtype), self.lanes)
        return self.b.load(self.b.bitcast(place, kind.as_pointer()), align=self._bytes(k))
