"""Lists that a loop appends to, once in each iteration.

    for t in range(steps):
        y = y + dt * slope(y)
        trajectory.append(y)

While the loop is recorded, an array stands for what the list grows by: each iteration writes a row.  Behind the loop
the list gets the rows, and what joins them again (``np.array(trajectory)``) is the array itself.

That is sound where each iteration appends an array of its own, which nobody writes into afterwards, and where nobody
looks at the list meanwhile: the loop does not mention it otherwise, and no other variable or container holds it.

In Python the same array may be in the list twice, in another list, or in a variable, and here it is several.  So who
writes into what was appended makes the loop run as Python's own: in the loop (``Growing.end``) as behind it
(``keep_apart``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CellType
from typing import Any, Final

import numpy as np

from ..context import current
from ..outside import is_outside, root_of
from ..tracer import Tracer, fresh
from .carry import leaves_of, seen_aval
from .iterables import Steps
from .notes import NotCapturedError, keep_apart
from .places import cells_of, content, is_mutable, is_value, snapshot
from .site import Site


def _references(cell: CellType) -> int:
    """Count the references to what a variable holds; what asking adds depends on the version of Python."""
    return sys.getrefcount(cell.cell_contents)


_ALONE: Final = _references(CellType([]))

Lists = Mapping[str, tuple[CellType, list[Any]]]


def lists_of(site: Site, body: Any, count: Any) -> Lists:
    """Return the lists that a loop appends to, by the names of the variables.

    Raises
    ------
    NotCapturedError
        It is not known how long they become, or something else may look at them meanwhile.
    """
    found = {}
    cells = cells_of([body])
    for name in sorted(site.appends & cells.keys()):
        if type(content(cells[name])) is not list:
            continue
        if not isinstance(count, int):
            raise NotCapturedError(f"how many elements are appended to {name} is not known beforehand")
        if _references(cells[name]) > _ALONE:
            raise NotCapturedError(f"{name}, a list that something else holds, too, is changed in place")
        found[name] = (cells[name], content(cells[name]))
    return found


class Growing:
    """Stands for a list while a loop that appends to it is recorded.

    Parameters
    ----------
    name : str
    first
        What the first iteration, which ran by itself, has appended.
    count : int
        How many iterations follow.
    """

    def __init__(self, name: str, first: Any, count: int) -> None:
        if not is_value(first):
            raise NotCapturedError(f"what is appended to {name} is a {type(first).__name__}")
        self.name, self.count = name, count
        self.aval = seen_aval(snapshot(first))
        self.rows = fresh(np.zeros((count, *self.aval.shape), self.aval.dtype))
        self.is_array = is_mutable(first)
        self.place: Any = None
        self.appended: list[tuple[Any, int]] = []
        self.names: set[str] = set()
        self.starts: list[Any] = []

    def begin(self, place: Any) -> None:
        """Begin an iteration, which appends row number ``place``."""
        self.place, self.appended = place, []

    def append(self, value: Any) -> None:
        """Write what is appended into its row."""
        if not is_value(value):
            raise NotCapturedError(f"what is appended to {self.name} is a {type(value).__name__} later")
        of = seen_aval(snapshot(value))
        if of is not self.aval or is_mutable(value) is not self.is_array:
            raise NotCapturedError(f"what is appended to {self.name} is {self.aval!r} at first and {of!r} later")
        if self.is_array:
            root = root_of(value) if isinstance(value, Tracer) else None
            if root is None or is_outside(root, current()):
                raise NotCapturedError(f"the array that is appended to {self.name} is not made in the loop")
            self.appended.append((root, root.version))
        self.rows[self.place] = value

    def end(self, recorder: Any) -> None:
        """See at the end of an iteration that nobody writes into what was appended, in this one or a later one."""
        roots = [root for root, _ in self.appended]
        turning = [slot for slot in recorder.slots if not slot.target and is_mutable(slot.object)]
        carried = any(slot.object is root for slot in turning for root in roots)
        held = {v.name: leaves_of(content(v.cell)) for v in recorder.variables}
        goes_on = any(_is_of(leaf, roots) for leaves in held.values() for leaf in leaves)
        in_place = any(slot.target and slot.object is root for slot in recorder.slots for root in roots)
        later = (carried or goes_on) and any(slot.object.version for slot in turning)
        if in_place or later or any(root.version != version for root, version in self.appended):
            raise NotCapturedError(f"an array that is appended to {self.name} is written into")
        if carried:
            self.starts = [slot.start for slot in turning]
        if goes_on:
            self.names.update(v.name for v in recorder.variables if any(s.name == v.name for s in turning))
            self.names.update(name for name, leaves in held.items() if any(_is_of(leaf, roots) for leaf in leaves))

    def elements(self) -> list[Any]:
        """Return the rows, behind the loop, and note that they are rows of one array."""
        builder = current()
        assert builder is not None
        rows = self.rows
        found = []
        for k in range(self.count):
            row = rows[k]
            if not self.aval.shape:
                row.aval, row.is_array = self.aval, self.is_array
            builder.context.rows[row.id] = (rows.id, rows.aval, k)
            found.append(row)
        return found


def _is_of(leaf: Any, roots: list[Any]) -> bool:
    return isinstance(leaf, Tracer) and any(root_of(leaf) is root for root in roots)


@contextmanager
def growing(site: Site, body: Any, lists: Lists, steps: Steps) -> Iterator[Steps]:
    """Let arrays stand for lists while a loop is recorded; give the lists their elements if that succeeds.

    Yields
    ------
    Steps
        The iterations, which tell the arrays where they are.
    """
    if not lists:
        yield steps
        return
    stands = {name: Growing(name, items[-1], steps.count) for name, (_, items) in lists.items()}

    def item(k: Any) -> Any:
        for stand in stands.values():
            stand.begin(k)
        return steps.item(k)

    def end(recorder: Any) -> None:
        for stand in stands.values():
            stand.end(recorder)

    for name, stand in stands.items():
        lists[name][0].cell_contents = stand
    try:
        yield Steps(steps.count, steps.bound, item, end)
    finally:
        for cell, items in lists.values():
            cell.cell_contents = items
    cells = cells_of([body])
    for name, stand in stands.items():
        elements = stand.elements()
        lists[name][1].extend(elements)
        if stand.is_array:
            held = [leaf for n in stand.names for leaf in leaves_of(content(cells[n]))]
            keep_apart(site, *elements, *stand.starts, *held)
