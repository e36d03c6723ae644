"""Windows that are added to one array, in one pass: what reverse mode makes of a stencil.

``u[2:] - 2 * u[1:-1] + u[:-2]`` comes back as three cotangents, each added to a window of one array.  Done literally
that is a pass for each, which reads and writes the array anew.  Here each cotangent is written once, into memory with
a border of zeros around it, and one loop over the array adds up what the cotangents say about each entry.  What stands
at the border needs no loops of its own.  The border is written when a program begins: nothing else is ever written
there, so that it holds in all iterations of the loops around.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ...core.graph import Graph
from .loops import Buffer, Op, Shape, View, c_strides
from .steps import Steps

Place = tuple[Shape, Shape]

_LEAST: Final = 32
"""Entries from which on a pass over an array, or a part of it at a computed place, costs more than the loop around."""


@dataclass(eq=False, slots=True)
class Added:
    """Windows that are added to the value ``base``, or to the part of it at a computed place.

    Attributes
    ----------
    shape : tuple of int
        Of the array, or the part.
    axes, indices : tuples of int
        Axes along which the place is computed, and the values that say where it is.
    terms : list of (value, place)
        A place is where the window starts, and its shape.
    alone : dict
        Place -> the values that are added at this place only, where that are several: they are added up first.
    made : dict
        Value, or place of values that are added up -> where it lies, from its first entry on.
    """

    base: int
    shape: Shape
    axes: Shape = ()
    indices: tuple[int, ...] = ()
    terms: list[tuple[int, Place]] = field(default_factory=list)
    alone: dict[Place, list[int]] = field(default_factory=dict)
    made: dict[int | Place, View] = field(default_factory=dict)

    def settle(self) -> None:
        """Find the values that can be added up before they are written."""
        times = Counter(v for v, _ in self.terms)
        at: dict[Place, list[int]] = {}
        for v, place in self.terms:
            if times[v] == 1:
                at.setdefault(place, []).append(v)
        self.alone = {place: values for place, values in at.items() if len(values) > 1}

    def starts(self, v: int) -> list[Shape]:
        return [start for value, (start, _) in self.terms if value == v]


def added_windows(graph: Graph, taken: set[int]) -> tuple[dict[int, tuple[Added, int]], dict[int, Added]]:
    """Return which equations add a window that is to be added with others.

    Parameters
    ----------
    graph
    taken : set of int
        Results of equations that something else takes care of.

    Returns
    -------
    members : dict
        Result of an equation -> the windows it belongs to, and the number of its term.
    last : dict
        Result of the last of them -> the windows.
    """
    uses = Counter(i for equation in graph.equations for i in equation.inputs)
    uses.update(graph.outputs)
    open_ends: dict[int, Added] = {}
    members: dict[int, tuple[Added, int]] = {}
    for equation in graph.equations:
        name, out = equation.primitive.name, equation.outputs[0]
        if name not in ("slice_add", "gather_add") or out in taken:
            continue
        x, v, *indices = equation.inputs
        of, part = graph.avals[out], graph.avals[v]
        params = dict(equation.params)
        axes = params.get("axes", ())
        shape = tuple(n for a, n in enumerate(of.shape) if a not in axes)
        if of.dtype.kind != "f" or any(graph.avals[i].shape for i in indices) or 2 * part.size < math.prod(shape):
            continue
        if name == "slice_add":
            starts, steps = params["starts"], params["steps"]
        else:
            window = params["window"] if params.get("window") is not None else [(0, n, 1) for n in shape]
            starts, steps = tuple(start for start, _, _ in window), [step for _, _, step in window]
        if math.prod(shape) < _LEAST or any(step != 1 for step in steps):
            continue
        found = open_ends.pop(x, None) if uses[x] == 1 else None
        if found is None or x == v or (found.axes, found.indices) != (axes, tuple(indices)):
            if found is not None:
                open_ends[x] = found
            found = Added(x, shape, axes, tuple(indices))
        members[out] = found, len(found.terms)
        found.terms.append((v, (starts, part.shape)))
        open_ends[out] = found
    last = {out: found for out, found in open_ends.items() if len(found.terms) > 1}
    for found in last.values():
        found.settle()
    chosen = set(map(id, last.values()))
    return {out: member for out, member in members.items() if id(member[0]) in chosen}, last


class Windows(Steps):
    """The part of :class:`~wengert.run.llvm.fuse.Fused` that adds up windows."""

    def _window(self, windows: Added, number: int) -> None:
        """Write what a window adds, unless that has been done."""
        v, place = windows.terms[number]
        start, part = place
        together = windows.alone.get(place, ())
        in_memory = v not in self._home and v not in self._consts  # which may be overwritten before all are there
        if v not in windows.made and (in_memory or v not in together):
            windows.made[v] = self._bordered(windows, windows.starts(v), part, (v,))
        if together and v == together[-1]:
            left = tuple([w for w in together if w not in windows.made])
            if left:
                windows.made[place] = self._bordered(windows, [start], part, left)

    def _bordered(self, windows: Added, starts: list[Shape], part: Shape, values: tuple[int, ...]) -> View:
        """Store the sum of values with a border of zeros; return the view of its first entry, with its strides."""
        low, least = (tuple(map(choice, zip(*starts, strict=True))) for choice in (max, min))
        shape = tuple(n + a - b for n, a, b in zip(windows.shape, low, least, strict=True))
        dtype = self.graph.avals[values[0]].dtype
        buffer = Buffer(math.prod(shape), dtype)
        self.borders.append(buffer)
        strides = c_strides(shape)
        offset = sum(a * s for a, s in zip(low, strides, strict=True))
        step = self._loop_to_store(values[0], part, 0) if len(values) == 1 else self._loop_for(part, values)
        total = self._operand(step, values[0])
        for v in values[1:]:
            total = self._item(step, Op("add", (total, self._operand(step, v)), (), (dtype, dtype), dtype))
        interior = View(buffer, offset, strides, part)
        self._store(step, interior, total)
        return interior

    def _add_windows(self, k: int, out: int, windows: Added) -> None:
        """Add everything up: over the array itself where nobody reads it later."""
        x, shape = windows.base, windows.shape
        target = None if x in self._consts or x in self._home else self.takeable(k, x)
        sources, after = self._sources(windows)
        if target is None:
            step = self._loop_for(shape, (x,), after)
            self._home[out] = (step, self._total(step, sources, self._operand(step, x)))
        else:
            after = max(after, self._written.get(target.buffer, -1) + 1, self._read.get(target.buffer, -1) + 1)
            step = self._loop_for(shape, (), after)
            self._store(step, target, self._total(step, sources), "add")
            self._views[out] = target

    def _sources(self, windows: Added) -> tuple[list[View], int]:
        """Return what is to be added up, borders included, and the first step at which all of it is there."""
        found: list[View] = []
        for v, place in windows.terms:
            made = windows.made.get(v) or windows.made[place]
            offset = made.offset - sum(a * s for a, s in zip(place[0], made.strides, strict=True))
            view = View(made.buffer, offset, made.strides, windows.shape)
            if v in windows.made or all(view.buffer is not other.buffer for other in found):
                found.append(view)
        return found, max(self._written[view.buffer] for view in found) + 1

    def _total(self, step: int, sources: list[View], total: int = -1) -> int:
        """Return the item of a loop that holds the sum of views, and of an item."""
        for view in sources:
            term = self._load(step, view)
            both = Op("add", (total, term), (), (view.dtype, view.dtype), view.dtype)
            total = term if total < 0 else self._item(step, both)
        return total
