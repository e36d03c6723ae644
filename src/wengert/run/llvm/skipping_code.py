"""Loops that skip iterations as LLVM IR; see :mod:`.skipping`."""

from __future__ import annotations

from typing import Any, Final

from . import ir
from .scalars import INDEX

_MANY: Final = 8
"""Entries that are looked at together: a cache line of float64."""


def write_skipping(region: Any, counting: Any, entry: Any, body: Any) -> None:
    """Write a loop without a test into a region's function.

    Parameters
    ----------
    region : RegionCode
    counting : tuple
        Where the counter is kept, the number of iterations as a value, and whether it counts down.
    entry : tuple
        What writes the address of the entry that is looked at, and how far it moves from iteration to iteration.
    body : nodes
    """
    b: ir.Builder = region.b
    counter, total, reverse = counting
    address, way = entry
    head, inner, many, single, work, following, done = (
        b.append_basic_block(name) for name in ("head", "look", "many", "single", "body", "following", "done")
    )
    before = b.block
    b.branch(head)
    b.position_at_end(head)
    k = b.phi(INDEX)
    k.add_incoming(ir.Constant(INDEX, 0), before)
    b.cbranch(b.icmp_signed("<", k, total), inner, done)

    b.position_at_end(inner)
    region.set_counter(counter, b.sub(b.sub(total, ir.Constant(INDEX, 1)), k) if reverse else k)
    place = address()
    beyond = b.add(k, ir.Constant(INDEX, _MANY))
    b.cbranch(b.icmp_signed(">", beyond, total), single, many)

    b.position_at_end(many)
    kind = ir.vector(place.type.pointee, _MANY)
    lowest = place if way > 0 else b.gep(place, ir.Constant(INDEX, 1 - _MANY))
    entries = b.load(b.bitcast(lowest, kind.as_pointer()), align=1)
    b.cbranch(b.any_lane(b.fcmp_unordered("!=", entries, ir.Constant(kind, 0.0))), single, head)
    k.add_incoming(beyond, many)

    b.position_at_end(single)
    number = b.load(place)
    b.cbranch(b.fcmp_unordered("!=", number, ir.Constant(number.type, 0.0)), work, following)
    b.position_at_end(work)
    region.write_nodes(body)
    b.branch(following)
    b.position_at_end(following)
    k.add_incoming(b.add(k, ir.Constant(INDEX, 1)), following)
    b.branch(head)
    b.position_at_end(done)
