"""Fills of an iteration that a loop overwrites anyway: only the rest is filled.

``new = np.zeros(n)`` in a time step is filled anew in each of them, and so is the cotangent of each array that a step
makes.  If the first that happens then is a loop over single entries that writes them, or adds to them once, then what
it reaches need not be filled before; what it adds is written.  Single entries may be written in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from .loops import Buffer, Choice, Fill, Loop, Nest, Repeat
from .meeting import Place
from .once import span_of
from .plan import touched

_WORTHWHILE: Final = 16
"""Entries from which on filling less is worth a look."""


def fill_the_rest(steps: Sequence[Any], within: bool = False) -> list[Any]:
    """Return steps with such fills cut short; ``within`` says whether they are those of an iteration."""
    found: list[Any] = []
    for k, step in enumerate(steps):
        parts = [step]
        if isinstance(step, Fill) and within and step.count < 0 and step.length >= _WORTHWHILE:
            users = [other for other in steps[k + 1 :] if step.buffer in touched(other)]
            user = next((other for other in users if not _writes_one(other, step.buffer)), None)
            if isinstance(user, Repeat) and user.nests:
                parts = _rest(step, user, user is users[0])
        elif isinstance(step, Repeat) and not (step.nests or step.skew or step.blocks):  # which know steps by number
            step.body = fill_the_rest(step.body, True)
        elif isinstance(step, Choice):
            step.branches = [fill_the_rest(branch, within) for branch in step.branches]
        found += parts
    return found


def _writes_one(step: Any, buffer: Buffer) -> bool:
    """Say whether a step does nothing with a buffer but write single entries."""
    if not isinstance(step, Loop) or math.prod(step.shape) != 1:
        return False
    reads = [step.accesses[item.access].buffer for item in step.body if hasattr(item, "access")]
    stores = [store.how for store in step.stores if step.accesses[store.access].buffer is buffer]
    return buffer not in reads and all(how == "set" for how in stores)


def _rest(fill: Fill, user: Repeat, untouched: bool) -> list[Any]:
    """Return what has to be filled in front of a loop; what it then adds to the rest is written.

    Parameters
    ----------
    fill, user
    untouched : bool
        Whether everything still is as it was filled when the loop begins.
    """
    nest = next(n for n in user.nests if any(view.buffer is fill.buffer for view in n.loop.accesses))
    place, s = _only_store(nest, fill)
    how = nest.loop.stores[s].how
    if (
        place is None
        or (how == "add" and not untouched)
        or len(nest.counters) != 1
        or nest.extents[0].count is not None
    ):
        return [fill]
    span = span_of(place, user) if len(place.forms) == 1 else None
    if span is None or place.forms[0].terms[0][0] != nest.counters[0]:  # type: ignore[union-attr]
        return [fill]
    low, high = span
    if not 0 <= low <= high < fill.buffer.size or 2 * (high + 1 - low) < fill.length:
        return [fill]
    if how == "add":
        nest.loop.stores[s] = replace(nest.loop.stores[s], how="set")
    pieces = ((0, low), (high + 1, fill.buffer.size))
    return [Fill(fill.buffer, fill.value, start, stop - start) for start, stop in pieces if start < stop]


def _only_store(nest: Nest, fill: Fill) -> tuple[Place | None, int]:
    """Return the place of a nest's store to a buffer, and its number, if that is all that it does with the buffer."""
    loop = nest.loop
    (access, *more) = (k for k, view in enumerate(loop.accesses) if view.buffer is fill.buffer)
    stores = [s for s, store in enumerate(loop.stores) if store.access == access]
    if more or len(stores) != 1 or any(getattr(item, "access", -1) == access for item in loop.body):
        return None, -1
    how, view = loop.stores[stores[0]].how, loop.accesses[access]
    zeros = how == "add" and fill.value == 0 and view.dtype.kind == "f"
    place = Place(view.buffer, view.offset, view.indexed, nest.forms[access])
    return (place, stores[0]) if (how == "set" or zeros) and place.is_plain else (None, -1)
