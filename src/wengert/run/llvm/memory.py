"""Loads and stores of a kernel: of entries side by side, with gaps between them, and at computed places.

A vector of entries that lie side by side is one load.  Of others it is put together entry by entry, and taken apart for
a store, while all that is computed with it still has its lanes.  A computed place that is the same for a whole row,
as in ``x[rows]``, is looked up before the row, along which entries lie side by side again.
"""

from __future__ import annotations

from typing import Any

from . import ir
from .lane_code import bytes_of, entry, in_all_lanes, put_together, shuffled
from .layout import GAPS
from .loops import Loop, Pick
from .mathlib.emit import like
from .scalars import INDEX, memory_type


class Memory:
    """What an :class:`~.emit.Emitter` reads and writes with.

    Attributes
    ----------
    values : list or dict
        The items computed so far, for the point or the vector at hand.
    coordinates : dict
        Computed coordinates that were looked at already.
    rows : dict
        Where the rows begin that loads and stores at computed places stay in.
    apart : dict
        How far the lanes of a vector lie apart, for accesses with gaps.
    quarters : bool
        Whether a vector register has four lanes of eight bytes.
    negative : tuple
        A number of the loop, and the same times -1, which is counted along for what runs backwards.
    """

    b: ir.Builder
    loop: Loop
    lanes: int
    inner: list[int]
    strides: list[Any]
    extents: list[list[Any]]

    def __init__(self) -> None:
        self.values: Any = []
        self.coordinates: dict[Any, tuple[Any, Any]] = {}
        self.rows: dict[Any, Any] = {}
        self.apart: dict[int, list[Any]] = {}
        self.quarters = False
        self.negative: tuple[Any, ...] = ()

    # -- vectors ------------------------------------------------------------------------------------------------------

    def _wide(self, value: Any) -> Any:
        """Return a scalar in all lanes."""
        return in_all_lanes(self.b, value, self.lanes)

    def _multiples(self, k: int) -> list[Any]:
        """Return how far the lanes of a vector lie apart, for an access whose entries do not lie side by side."""
        stride = self.strides[k][-1]
        return [self.b.mul(stride, ir.Constant(INDEX, lane)) for lane in range(self.lanes)]

    # -- computed places ----------------------------------------------------------------------------------------------

    def _place(self, index: int) -> Any:
        """Return a computed coordinate as it was computed, in 64 bits."""
        value = self.values[index]
        wide = like(INDEX, value.type)
        return value if value.type == wide else self.b.sext(value, wide)

    def _coordinate(self, k: int, axis: int, index: int) -> tuple[Any, Any]:
        """Return a computed coordinate counted from the front, and whether it lies inside."""
        known = self.coordinates.get((k, axis, index))
        if known is not None:
            return known
        b, value, size = self.b, self._place(index), self.extents[k][2 * axis]
        if isinstance(value.type, ir.VectorType):
            size = self._wide(size)
        counted = b.select(b.icmp_signed("<", value, ir.Constant(value.type, 0)), b.add(value, size), value)
        found = self.coordinates[k, axis, index] = counted, b.icmp_unsigned("<", counted, size)
        return found

    def _inside(self, k: int, at: tuple[int, ...], safe: bool) -> list[Any]:
        """Return computed coordinates clipped to the inside."""
        if safe:
            return [self._place(index) for index in at]
        clipped = []
        for axis, index in enumerate(at):
            counted, inside = self._coordinate(k, axis, index)
            clipped.append(self.b.select(inside, counted, ir.Constant(counted.type, 0)))
        return clipped

    def _moved(self, k: int, pointer: Any, coordinates: list[Any], safe: bool) -> Any:
        for axis, coordinate in enumerate(coordinates):
            pointer = self.b.gep(pointer, self.b.mul(coordinate, self.extents[k][2 * axis + 1]), inbounds=safe)
        return pointer

    def _picked(self, pointers: list[Any], k: int, i: Any, at: tuple[int, ...], safe: bool) -> Any:
        """Return the address of the entry that computed coordinates point to."""
        return self._moved(k, self._entry_of(pointers, k, i), self._inside(k, at, safe), safe)

    def _spread(self, pointers: list[Any], item: Any, i: Any, lanes: int) -> list[Any]:
        """Return the addresses of the entries that computed coordinates point to, for each lane."""
        b, found = self.b, []
        inside = self._inside(item.access, item.at, item.safe)
        for lane in range(lanes):
            here = [entry(b, c, lane) for c in inside]
            at = b.add(i, ir.Constant(INDEX, lane)) if lane else i
            found.append(self._moved(item.access, self._entry_of(pointers, item.access, at), here, item.safe))
        return found

    def _pick(self, pointers: list[Any], item: Pick, i: Any, lanes: int) -> Any:
        row = self.rows.get(item)
        if row is not None and not self.inner[item.access] and lanes > 1:
            return self._wide(self._read(item.access, row))
        if row is not None:
            return self._read(item.access, self._along(row, item.access, i), lanes)
        if lanes == 1:
            return self._read(item.access, self._picked(pointers, item.access, i, item.at, item.safe))
        return self._gathered(item.access, self._spread(pointers, item, i, lanes))

    def _outside(self, k: int, at: tuple[int, ...]) -> Any:
        b = self.b
        found: Any = None
        for axis, index in enumerate(at):
            _, inside = self._coordinate(k, axis, index)
            outside = b.zext(b.not_(inside), like(INDEX, inside.type))
            found = outside if found is None else b.or_(found, outside)
        return found

    def _hoist_row(self, pointers: list[Any], item: Any) -> None:
        """Note where the row begins that a load or store stays in."""
        inside = self._inside(item.access, item.at, item.safe)
        self.rows[item] = self._moved(item.access, pointers[item.access], inside, item.safe)

    # -- entries -------------------------------------------------------------------------------------------------------

    def _entry_of(self, pointers: list[Any], k: int, i: Any) -> Any:
        return self._along(pointers[k], k, i)

    def _along(self, pointer: Any, k: int, i: Any) -> Any:
        """Return the address of a row's entry."""
        if self.inner[k] == 0:
            return pointer
        if self.inner[k] == -1 and self.negative and self.negative[0] is i:
            return self.b.gep(pointer, self.negative[1], inbounds=True)
        step = i if self.inner[k] == 1 else self.b.mul(i, self._stride(k))
        return self.b.gep(pointer, step, inbounds=True)

    def _stride(self, k: int) -> Any:
        return ir.Constant(INDEX, -1) if self.inner[k] == -1 else self.strides[k][-1]

    def _lowest(self, k: int, pointer: Any, lanes: int) -> Any:
        """Return where a vector begins whose first lane is at an address; one that runs backwards ends there."""
        return self.b.gep(pointer, ir.Constant(INDEX, 1 - lanes)) if self.inner[k] == -1 else pointer

    def _ordered(self, k: int, vector: Any, lanes: int) -> Any:
        """Return a vector as it is in memory with its lanes in the loop's order, or the other way round."""
        return shuffled(self.b, vector, range(lanes)[::-1]) if self.inner[k] == -1 else vector

    def _read(self, k: int, pointer: Any, lanes: int = 1) -> Any:
        dtype = self.loop.accesses[k].dtype
        if lanes > 1 and self.inner[k] == GAPS:
            return self._gathered(k, [self.b.gep(pointer, step) for step in self.apart[k][:lanes]])
        if lanes > 1:
            kind = ir.vector(memory_type(dtype), lanes)
            place = self.b.bitcast(self._lowest(k, pointer, lanes), kind.as_pointer())
            value = self._ordered(k, self.b.load(place, align=dtype.itemsize), lanes)
        else:
            value = self.b.load(pointer)
        if dtype.kind == "b":
            return self.b.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
        return value

    def _gathered(self, k: int, places: list[Any]) -> Any:
        """Read a vector from where its entries lie."""
        b, dtype = self.b, self.loop.accesses[k].dtype
        vector = put_together(b, [b.load(place) for place in places])
        return b.icmp_unsigned("!=", vector, ir.Constant(vector.type, 0)) if dtype.kind == "b" else vector

    def _write(self, k: int, pointer: Any, value: Any) -> None:
        dtype = self.loop.accesses[k].dtype
        if isinstance(value.type, ir.VectorType) and self.inner[k] == GAPS:
            for lane, step in enumerate(self.apart[k][: value.type.count]):
                self._write(k, self.b.gep(pointer, step), entry(self.b, value, lane))
            return
        if dtype.kind == "b":
            value = bytes_of(self.b, value, self.quarters)
        if isinstance(value.type, ir.VectorType):
            place = self.b.bitcast(self._lowest(k, pointer, value.type.count), value.type.as_pointer())
            self.b.store(self._ordered(k, value, value.type.count), place, align=dtype.itemsize)
        else:
            self.b.store(value, pointer)
