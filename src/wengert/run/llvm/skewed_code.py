"""Rows of a sweep side by side as LLVM IR; see :mod:`.skewed`.

Of each block of rows the first one begins, and the others follow at their distance.  While some rows have not begun or
have ended, it is asked at each step which run; in between, where most of the time goes, all do.  Rows that are left
over run one after the other.  Each row of a block has registers of its own.
"""

from __future__ import annotations

from typing import Any

from . import ir
from .scalars import INDEX


class SkewedCode:
    """Writes rows side by side into a region's function.

    Parameters
    ----------
    region : RegionCode
    outer, inner : tuple
        Counter, number of iterations as a value, and direction, of both loops.
    parts : tuple
        Nodes: before the inner loop, before its first point, of a point, after its last one, after the inner loop.
    private : sequence of int
        Slots that each row has for itself.
    rows, shift : int
        How many rows, and how many points a row is behind the one before.
    """

    def __init__(self, region: Any, outer: Any, inner: Any, parts: Any, private: Any, rows: int, shift: int) -> None:
        self.region, self.b = region, region.b
        self.counter, self.count, self.reverse = outer
        self.point_counter, self.points, self.point_reverse = inner
        self.head, self.before, self.body, self.after, self.tail = parts
        self.rows, self.shift = rows, shift
        self.slots = [region.slots]
        for _ in range(rows - 1):
            own = list(region.slots)
            for k in private:
                own[k] = region.entry.alloca(own[k].type.pointee)
            self.slots.append(own)

    def write(self) -> None:
        """Write the loop over blocks, and that over the rows that are left."""
        b, rows = self.b, _number(self.rows)
        lag = (self.rows - 1) * self.shift
        enough = b.icmp_signed(">", self.points, _number(lag + 1))
        blocks = b.select(enough, b.udiv(self.count, rows), _number(0))
        last = b.sub(self.points, _number(1))

        def block(k: Any) -> None:
            first = b.mul(k, rows)

            def phase(ending: Any) -> None:
                is_end = b.icmp_signed("!=", ending, _number(0))
                low = b.select(is_end, last, _number(0))
                high = b.select(is_end, b.add(self.points, _number(lag)), _number(lag + 1))
                self.b.times(low, high, lambda t: self._asking(first, t))
                self.b.times(b.select(is_end, last, _number(lag + 1)), last, self._all)

            self.b.times(_number(0), _number(2), phase)

        self.b.times(_number(0), blocks, block)
        self.region.slots = self.slots[0]
        self.b.times(b.mul(blocks, rows), self.count, self._alone)

    def _asking(self, first: Any, t: Any) -> None:
        """Write a step of those rows of a block that have begun and not ended."""
        b = self.b
        for r in range(self.rows):
            self.region.slots = self.slots[r]
            at = b.sub(t, _number(r * self.shift))
            with b.if_then(b.icmp_unsigned("<", at, self.points)):
                with b.if_then(b.icmp_signed("==", at, _number(0))):
                    self._begin(b.add(first, _number(r)))
                self._point(at)
                with b.if_then(b.icmp_signed("==", at, b.sub(self.points, _number(1)))):
                    self._end()

    def _all(self, t: Any) -> None:
        """Write a step of all rows of a block."""
        for r in range(self.rows):
            self.region.slots = self.slots[r]
            self._point(self.b.sub(t, _number(r * self.shift)))

    def _alone(self, row: Any) -> None:
        """Write a row by itself."""
        self._set(self.counter, row, self.count, self.reverse)
        self.region.write_nodes(self.head)
        self.region.write_counted(
            self.point_counter, self.points, self.point_reverse, self.body, (self.before, self.after)
        )
        self.region.write_nodes(self.tail)

    def _begin(self, row: Any) -> None:
        self._set(self.counter, row, self.count, self.reverse)
        self.region.write_nodes(self.head)
        self._set(self.point_counter, _number(0), self.points, self.point_reverse)
        self.region.write_nodes(self.before)

    def _point(self, at: Any) -> None:
        self._set(self.point_counter, at, self.points, self.point_reverse)
        self.region.write_nodes(self.body)

    def _end(self) -> None:
        self.region.write_nodes(self.after)
        self.region.write_nodes(self.tail)

    def _set(self, counter: Any, k: Any, count: Any, reverse: bool) -> None:
        b = self.b
        self.region.set_counter(counter, b.sub(b.sub(count, _number(1)), k) if reverse else k)


def _number(value: int) -> ir.Constant:
    return ir.Constant(INDEX, value)
