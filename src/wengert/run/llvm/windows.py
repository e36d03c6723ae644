"""Windows that are added to one array, in one pass: what reverse mode makes of a stencil.

``u[2:] - 2 * u[1:-1] + u[:-2]`` comes back as three cotangents, each added to a window of one array.  Done literally
that is a pass for each, which reads and writes the array anew.  Here each cotangent is written once, into memory with
a border of zeros around it, and one loop over the array adds up what the cotangents say about each entry.  What stands
at the border needs no loops of its own.  The border is written when a program begins: nothing else is ever written
there, so that it holds in all iterations of the loops around.  A cotangent that is added to several arrays of one
shape, as the fields of a wave's equations are, is written once for all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ...core.graph import Graph, uses
from .loops import Buffer, Op, Shape, View, c_strides
from .scope import Scope
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
    negated : set of int
        Numbers of the terms that are subtracted.
    alone : dict
        Place -> the values that are added at this place only, where that are several: they are added up first.
    summed : dict
        Place of values that are added up -> where their sum lies, from its first entry on.
    """

    base: int
    shape: Shape
    axes: Shape = ()
    indices: tuple[int, ...] = ()
    terms: list[tuple[int, Place]] = field(default_factory=list)
    negated: set[int] = field(default_factory=set)
    alone: dict[Place, list[int]] = field(default_factory=dict)
    summed: dict[Place, View] = field(default_factory=dict)

    def negate(self, negative_of: dict[int, int]) -> None:
        """Let the negative of another term's value be that value, subtracted."""
        plain = {v for v, _ in self.terms}
        for number, (v, place) in enumerate(self.terms):
            if negative_of.get(v) in plain:
                self.terms[number] = negative_of[v], place
                self.negated.add(number)

    def settle(self, uses: Counter[tuple[int, Shape]]) -> None:
        """Find the values that can be added up before they are written."""
        at: dict[Place, list[int]] = {}
        for v, place in self.terms:
            if uses[v, self.shape] == 1:
                at.setdefault(place, []).append(v)
        self.alone = {place: values for place, values in at.items() if len(values) > 1}


def added_windows(graph: Graph, taken: set[int]) -> dict[int, tuple[Added, int]]:
    """Return which equations add a window that is to be added with others.

    Parameters
    ----------
    graph
    taken : set of int
        Results of equations that something else takes care of.

    Returns
    -------
    dict
        Result of an equation -> the windows it belongs to, and the number of its term.
    """
    used = uses(graph)
    open_ends: dict[int, Added] = {}
    members: dict[int, tuple[Added, int]] = {}
    negative_of: dict[int, int] = {}
    for equation in graph.equations:
        name, out = equation.primitive.name, equation.outputs[0]
        if name == "neg":
            negative_of[out] = equation.inputs[0]
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
        found = open_ends.pop(x, None) if used[x] == 1 else None
        if found is None or x == v or (found.axes, found.indices) != (axes, tuple(indices)):
            if found is not None:
                open_ends[x] = found
            found = Added(x, shape, axes, tuple(indices))
        members[out] = found, len(found.terms)
        found.terms.append((v, (starts, part.shape)))
        open_ends[out] = found
    several = [found for found in open_ends.values() if len(found.terms) > 1]
    for found in several:
        found.negate(negative_of)
    together = Counter((v, found.shape) for found in several for v, _ in found.terms)
    for found in several:
        found.settle(together)
    chosen = set(map(id, several))
    return {out: member for out, member in members.items() if id(member[0]) in chosen}


class Windows(Steps):
    """The part of :class:`~wengert.run.llvm.fuse.Fused` that adds up windows."""

    def __init__(self, graph: Graph, scope: Scope | None = None) -> None:
        super().__init__(graph, scope)
        self._members: dict[int, tuple[Added, int]] = {}
        self._starts: dict[tuple[int, Shape], list[Shape]] = {}
        self._bordered: dict[tuple[int, Shape], View] = {}

    def _find_windows(self, taken: set[int]) -> None:
        """Find the windows of the graph, and of each value all places where it is added to arrays of one shape."""
        self._members = added_windows(self.graph, taken)
        for windows in {id(windows): windows for windows, _ in self._members.values()}.values():
            for v, (start, _) in windows.terms:
                self._starts.setdefault((v, windows.shape), []).append(start)

    def _window(self, windows: Added, number: int) -> None:
        """Write what a window adds, unless that has been done."""
        v, place = windows.terms[number]
        key = v, windows.shape
        together = windows.alone.get(place, ())
        in_memory = v not in self._home and v not in self._consts  # which may be overwritten before all are there
        if key not in self._bordered and (in_memory or v not in together):
            self._bordered[key] = self._with_border(windows, self._starts[key], place[1], (v,))
        if together and v == together[-1]:
            left = tuple([w for w in together if (w, windows.shape) not in self._bordered])
            if left:
                windows.summed[place] = self._with_border(windows, [place[0]], place[1], left)

    def _with_border(self, windows: Added, starts: list[Shape], part: Shape, values: tuple[int, ...]) -> View:
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

    def _sources(self, windows: Added) -> tuple[list[tuple[View, bool]], int]:
        """Return what is to be added up, borders included, and whether it is subtracted.

        Returns
        -------
        sources : list of (View, bool)
        after : int
            The first step at which all of it is there.
        """
        found: list[tuple[View, bool]] = []
        sums: set[Place] = set()
        for number, (v, place) in enumerate(windows.terms):
            made = self._bordered.get((v, windows.shape))
            if made is None:
                if place in sums:
                    continue
                sums.add(place)
                made = windows.summed[place]
            offset = made.offset - sum(a * s for a, s in zip(place[0], made.strides, strict=True))
            found.append((View(made.buffer, offset, made.strides, windows.shape), number in windows.negated))
        return found, max(self._written[view.buffer] for view, _ in found) + 1

    def _total(self, step: int, sources: list[tuple[View, bool]], total: int = -1) -> int:
        """Return the item of a loop that holds the sum of views, and of an item."""
        for view, negated in sources:
            term, dtype = self._load(step, view), view.dtype
            if total >= 0:
                total = self._item(step, Op("sub" if negated else "add", (total, term), (), (dtype, dtype), dtype))
            else:
                total = self._item(step, Op("neg", (term,), (), (dtype,), dtype)) if negated else term
        return total
