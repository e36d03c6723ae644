"""Sums of padded values: what reverse mode makes of several slices of one array.

``x[1:] - x[:-1]`` comes back as two cotangents, each added to a part of an array of zeros.  Done literally that is a
pass to write zeros, and a pass to read and write for each part.  Here every entry is written once instead: where the
same parts meet, one loop adds up what they say about it.  A value that costs little is computed anew at the shifted
places rather than written to memory and read back.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Final

from ...core.graph import Graph, uses
from .cost import item_cost
from .loops import Buffer, Const, Load, Loop, Op, Shape, View, whole
from .steps import Steps

_LARGE: Final = 2048
"""Entries from which on passes over memory cost more than the calls of loops."""
_CHEAP: Final = 4.0
"""Nanoseconds that computing an entry anew may take: about as long as writing and reading it."""


@dataclass(frozen=True, slots=True)
class Padded:
    """``value`` everywhere, plus each term from its start on along one axis."""

    value: Any
    axis: int
    terms: tuple[tuple[int, int], ...]


def sums_of_padded(graph: Graph) -> tuple[dict[int, Padded], set[int]]:
    """Return the values of a graph that are sums of padded values, and the values that then need not exist."""
    used = uses(graph)
    full: dict[int, Any] = {}
    found: dict[int, Padded] = {}
    inner: set[int] = set()
    for equation in graph.equations:
        name, out = equation.primitive.name, equation.outputs[0]
        if name == "full":
            full[out] = dict(equation.params)["value"]
        elif name == "slice_add":
            x, v = equation.inputs
            axis, start = _where(graph, v, out, **dict(equation.params))
            if axis < 0 or graph.avals[out].dtype.kind != "f" or graph.avals[out].size < _LARGE:
                continue
            if x in full:
                found[out] = Padded(full[x], axis, ((v, start),))
            elif x in found and used[x] == 1 and found[x].axis == axis and len(found[x].terms) < 4:
                found[out] = Padded(found[x].value, axis, (*found.pop(x).terms, (v, start)))
                inner.add(x)
    return {out: padded for out, padded in found.items() if len(padded.terms) > 1}, inner


def _where(graph: Graph, v: int, out: int, starts: Shape, stops: Shape, steps: Shape) -> tuple[int, int]:
    """Return the one axis along which a slice is a part, and where it starts; axis -1 if there is no such axis."""
    part, whole_shape = graph.avals[v].shape, graph.avals[out].shape
    axes = [a for a, n in enumerate(whole_shape) if part[a] != n]
    if len(axes) != 1 or any(step != 1 for step in steps) or part[axes[0]] == 0:
        return -1, 0
    return axes[0], starts[axes[0]]


class Padding(Steps):
    """The part of :class:`~wengert.run.llvm.fuse.Fused` that makes loops of sums of padded values."""

    def _padded(self, out: int, padded: Padded) -> None:
        """Write a sum of padded values, a loop for each range in which the same terms meet."""
        of = self.graph.avals[out]
        axis, n = padded.axis, of.shape[padded.axis]
        ranges = [(v, start, start + self.graph.avals[v].shape[axis]) for v, start in padded.terms]
        for v, _, _ in ranges:
            if v not in self._consts and v not in self._views and not self._is_cheap(v):
                self.view(v)
        target = whole(Buffer(of.size, of.dtype), of.shape)
        bounds = sorted({0, n, *(b for _, start, stop in ranges for b in (start, stop))})
        for low, high in itertools.pairwise(bounds):
            shape = tuple(high - low if a == axis else size for a, size in enumerate(of.shape))
            self.steps.append(Loop(shape))
            self._items.append({})
            step = len(self.steps) - 1
            total = self._item(step, Const(padded.value, of.dtype))
            for v, start, stop in ranges:
                if start <= low and high <= stop:
                    term = self._anew(step, v, axis, low - start, shape)
                    total = self._item(step, Op("add", (total, term), (), (of.dtype, of.dtype), of.dtype))
            self._store(step, _part(target, axis, low, shape), total)
        self._views[out] = target

    def _is_cheap(self, v: int) -> bool:
        """Say whether a value can be computed anew from what is in memory, for less than memory would cost."""
        home, start = self._home[v]
        loop = self.steps[home]
        seen = {start}
        waiting = [start]
        cost = 0.0
        while waiting:
            item = loop.body[waiting.pop()]
            if isinstance(item, Op):
                cost += item_cost(item)
                waiting += {j for j in item.args if j not in seen}
                seen.update(item.args)
            elif isinstance(item, Load):
                if self._written.get(loop.accesses[item.access].buffer, -1) >= home:
                    return False
            elif not isinstance(item, Const):
                return False
        return cost <= _CHEAP

    def _anew(self, step: int, v: int, axis: int, shift: int, shape: Shape) -> int:
        """Return the item of a loop that holds the entries of value v from ``shift`` on."""
        if v in self._consts:
            return self._item(step, self._consts[v])
        if v in self._views:
            return self._load(step, _part(self._views[v], axis, shift, shape))
        home, start = self._home[v]
        loop = self.steps[home]
        made: dict[int, int] = {}

        def copy(j: int) -> int:
            if j not in made:
                item = loop.body[j]
                if isinstance(item, Load):
                    made[j] = self._load(step, _part(loop.accesses[item.access], axis, shift, shape))
                elif isinstance(item, Op):
                    args = tuple(map(copy, item.args))
                    made[j] = self._item(step, Op(item.name, args, item.params, item.dtypes, item.out))
                else:
                    made[j] = self._item(step, item)
            return made[j]

        return copy(start)


def _part(view: View, axis: int, start: int, shape: Shape) -> View:
    return replace(view, offset=view.offset + start * view.strides[axis], shape=shape)
