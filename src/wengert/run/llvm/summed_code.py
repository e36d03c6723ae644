"""Sums of products in which zero wins, as LLVM IR: plain products, at whose sum is looked behind the loop.

If none of a sum's terms is nan in the plain, the sum is what it was taken for; terms are nan where zero has to win, and
so is the sum then.  What it is made of must still be there, so that it can be summed up again, with care.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import ir
from .lane_code import LANE
from .loops import Op, needed_for
from .scalars import BIT
from .sliding_code import Sliding


class Summing(Sliding):
    """What an :class:`~.emit.Emitter` writes such sums with.

    Attributes
    ----------
    lasting : sequence of bool
        For each access whether the loop leaves all of its array as it is; empty if that is not known.
    """

    lasting: Sequence[bool]
    tame: dict[int, int]

    if TYPE_CHECKING:

        def _identity(self, store: Any) -> Any: ...
        def _stores(
            self, pointers: list[Any], i: Any, stores: list[Any], sums: list[Any], acc: list[Any], lanes: int
        ) -> list[Any]: ...

    def _only_summed(self, sums: list[Any]) -> set[int]:
        """Return the products in which zero wins that are only added up, where the sums can be taken again."""
        needed = needed_for(self.loop, sums)
        read = {self.loop.body[j].access for j in needed if hasattr(self.loop.body[j], "access")}
        floats = all(s.how == "add" and self.loop.accesses[s.access].dtype.kind == "f" for s in sums)
        if not floats or self.shifted or not self.lasting or not all(self.lasting[k] for k in read):
            return set()
        return {j for j, is_only_summed in self._products().items() if is_only_summed and j in needed}

    def _again_if_nan(self, pointers: list[Any], start: Any, stop: Any, sums: list[Any], parts: list[Any]) -> list[Any]:
        """Emit the branch behind a loop with plain products: what is nan then is summed up again, with care."""
        b = self.b
        bad: Any = ir.Constant(BIT, 0)
        self.summed, self.tame = set(), {}
        for part in parts:
            bad = b.or_(bad, b.any_lane(b.fcmp_unordered("uno", part, part)))
        before = b.block
        with b.if_then(bad, likely=False):

            def point(i: Any, *acc: Any) -> list[Any]:
                self._items(pointers, i, 1)
                return self._stores(pointers, i, sums, sums, list(acc), 1)

            careful = self._loop(start, stop, point, [self._identity(store) for store in sums])
            lanes = [
                b.insert_element(self._still(self._identity(store)), total, ir.Constant(LANE, 0))
                for store, total in zip(sums, careful, strict=True)
            ]
            rare = b.block
        found = []
        for part, again in zip(parts, lanes, strict=True):
            found.append(b.phi(part.type))
            found[-1].add_incoming(part, before)
            found[-1].add_incoming(again, rare)
        return found

    def _is_summed(self, store: Any) -> bool:
        """Say whether a store adds up a product that is taken as a plain one: both are rounded once."""
        item = self.loop.body[store.item]
        return (item.args[0] if isinstance(item, Op) and item.name == "neg" else store.item) in self.summed
