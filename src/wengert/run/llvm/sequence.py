"""The order in which an iteration's equations are taken: single numbers first.

Fusion takes equations in order, and a loop over a vector cannot grow across a number that is computed behind it and
read by what follows.  A loop's derivative has such numbers everywhere: the cotangent of one entry is read, the entry
is set to zero, then the vectors that it flows to are made, then the next entry is read.  So what concerns single
numbers is done as soon as its operands are there, and the vectors between become one loop.
"""

from __future__ import annotations

import heapq
from typing import Final

from ...core.graph import Equation, Graph
from .lifetimes import Lifetimes

_WRITES: Final = frozenset({"gather_set", "gather_add", "slice_set", "slice_add"})
_OVERWRITING: Final = _WRITES | {"loop", "cond"}
"""Primitives that may write over their operands: whoever reads these before goes first."""
_APART: Final = frozenset({"loop", "cond", "dot"})
"""Primitives that are steps of their own."""


def numbers_first(graph: Graph) -> Graph:
    """Return a graph with the same equations, those over single numbers as early as possible.

    The others stay in their order, and nothing is written over before all have read it that did so up to now.
    """
    single = [_is_single(graph, equation) for equation in graph.equations]
    if all(single) or not any(single):
        return graph
    lifetimes = Lifetimes(graph)
    maker: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    waits: list[int] = []
    frees: list[list[int]] = [[] for _ in graph.equations]
    for k, equation in enumerate(graph.equations):
        before = {maker[i] for i in equation.inputs if i in maker}
        groups = {lifetimes.root(i) for i in equation.inputs}
        if equation.primitive.name in _OVERWRITING:
            before.update([j for group in groups for j in readers.get(group, ())])
        for group in groups:
            readers.setdefault(group, []).append(k)
        maker.update(dict.fromkeys(equation.outputs, k))
        for j in before:
            frees[j].append(k)
        waits.append(len(before))
    ready = [(not single[k], k) for k, count in enumerate(waits) if not count]
    heapq.heapify(ready)
    order: list[Equation] = []
    while ready:
        _, k = heapq.heappop(ready)
        order.append(graph.equations[k])
        for j in frees[k]:
            waits[j] -= 1
            if not waits[j]:
                heapq.heappush(ready, (not single[j], j))
    return Graph(graph.avals, graph.inputs, tuple(order), graph.outputs, graph.names, graph.constants)


def _is_single(graph: Graph, equation: Equation) -> bool:
    """Say whether an equation runs over a single number: what it reads or writes of an array is one entry."""
    name, avals = equation.primitive.name, graph.avals
    if name in _APART:
        return False
    if name in _WRITES:
        return bool(avals[equation.inputs[1]].size == 1)
    read = equation.inputs[1:] if name == "gather" else equation.inputs
    return all(avals[i].size == 1 for i in (*read, *equation.outputs))
