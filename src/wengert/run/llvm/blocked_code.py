"""Blocks of iterations that share what their nests have in common, as LLVM IR; see :mod:`.blocked`.

What does not fill a block are the iterations with the shortest nests: those run one by one.
"""

from __future__ import annotations

from typing import Any

from . import ir
from .jam import ROWS
from .scalars import INDEX


class BlockedCode:
    """Writes a loop over blocks into a region's function.

    Parameters
    ----------
    region : RegionCode
    loop : tuple
        Counter, number of iterations as a value, and direction.
    around : tuple
        Nodes before and behind the nest of an iteration.
    common, alone : tuple
        The nest of a block's common part, and that of an iteration.
    growing : tuple of int
        Which axis of the nest gets longer, which one of the common part, and how much longer than the counter it is.
    early : bool
        Whether the common part comes before the iterations.
    """

    def __init__(
        self, region: Any, loop: Any, around: Any, common: Any, alone: Any, growing: tuple[int, int, int], early: bool
    ) -> None:
        self.region, self.b = region, region.b
        self.counter, self.count, self.reverse = loop
        self.before, self.after = around
        self.common, self.alone, self.early = common, alone, early
        self.axis, self.common_axis, self.more = growing

    def write(self) -> None:
        """Write the loops over blocks and over single iterations, in the order of the loop."""
        b = self.b
        positive = b.icmp_signed(">", self.count, _number(0))
        count = b.select(positive, self.count, _number(0))
        blocks = b.udiv(count, _number(ROWS))
        rest = b.sub(count, b.mul(blocks, _number(ROWS)))
        if self.reverse:
            b.times(_number(0), blocks, lambda k: self._block(b.sub(count, b.mul(b.add(k, _number(1)), _number(ROWS)))))
            b.times(_number(0), rest, lambda k: self._single(b.sub(b.sub(rest, _number(1)), k)))
        else:
            b.times(_number(0), rest, self._single)
            b.times(_number(0), blocks, lambda k: self._block(b.add(rest, b.mul(k, _number(ROWS)))))

    def _single(self, row: Any) -> None:
        """Write an iteration by itself."""
        region = self.region
        region.set_counter(self.counter, row)
        region.write_nodes(self.before)
        region.write_nest(self.alone, {}, {})
        region.write_nodes(self.after)

    def _block(self, first: Any) -> None:
        """Write the iterations from a number on."""
        b, region = self.b, self.region
        begin = b.add(first, _number(self.more))
        if self.early:
            self._common(first, begin)
        for row in reversed(range(ROWS)) if self.reverse else range(ROWS):
            region.set_counter(self.counter, b.add(first, _number(row)))
            region.write_nodes(self.before)
            self._rest(row, begin)
            region.write_nodes(self.after)
        if not self.early:
            self._common(first, begin)

    def _rest(self, count: int, begin: Any) -> None:
        """Write what is left of the nest of an iteration: so many terms."""
        sizes, accesses, body, stores, apart = self.alone
        if len(sizes) > 1:
            if count:
                self.region.write_nest(self.alone, {self.axis: _number(count)}, {self.axis: begin})
            return
        # Point by point: LLVM would look for vectors in it.
        still = tuple(
            [(text, reference, offset, 0, (("is", 0),), more) for text, reference, offset, _, _, more in accesses]
        )
        strides = [steps[0] for *_, steps, _ in accesses]
        for term in range(count):
            at = self.b.add(begin, _number(term))
            self.region.write_nest(((("is", 1),), still, body, stores, apart), {}, {0: at}, strides)

    def _common(self, first: Any, length: Any) -> None:
        """Write the common part, whose accesses begin where those of the block's first iteration do."""
        self.region.set_counter(self.counter, first)
        self.region.write_nest(self.common, {self.common_axis: length}, {})


def _number(value: int) -> ir.Constant:
    return ir.Constant(INDEX, value)
