"""What is cleared and added to afterwards is set.

The cotangent of an assignment ``d[i] = f(d[i], d[k])`` clears the part that was assigned to, and then adds what flows
to the operands, the part itself among them.  Additions can change places, even where parts overlap: so the part is
set to what would be added to it, and the rest is added afterwards.  Nothing is cleared, and the part is written once.

That is for rows and single entries.  Slices that are added to one array are added in one pass by compiled programs, so
those stay together.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from ..core.graph import Equation, Graph, makers, uses
from ..core.primitive import lookup

_ADDS: Final = frozenset({"gather_add", "slice_add"})


def without_clearing(graph: Graph) -> Graph:
    """Return a graph with the same outputs; the graph itself where nothing is cleared and then added to."""
    if not any(equation.primitive.name == "gather_add" for equation in graph.equations):
        return graph
    used, maker = uses(graph), makers(graph)
    moved: dict[int, list[Equation]] = {}
    for equation in graph.equations:
        if equation.primitive.name == "gather_add" and id(equation) not in moved:
            _find(equation, maker, used, moved, graph)
    if not moved:
        return graph
    again = [e for equation in graph.equations for e in moved.get(id(equation), (equation,))]
    return Graph(graph.avals, graph.inputs, tuple(again), graph.outputs, graph.names, graph.constants)


def _find(
    last: Equation, maker: dict[int, Equation], used: Counter[int], moved: dict[int, list[Equation]], graph: Graph
) -> None:
    """Note what takes the place of an addition and of what it is added to, if that begins with clearing."""
    chain: list[Equation] = []
    value = last.inputs[0]
    while used[value] == 1 and value in maker and id(maker[value]) not in moved:
        below = maker[value]
        if below.primitive.name not in _ADDS:
            break
        chain.append(below)
        value = below.inputs[0]
    first = maker.get(value)
    if first is None or used[value] != 1 or id(first) in moved or not _clears(first, last, maker, graph):
        return
    ends = [*[e.outputs for e in [first, *reversed(chain)]][:-1], last.outputs]
    put = lookup("gather_set")
    made = [Equation(put, (first.inputs[0], *last.inputs[1:]), ends[0], last.params, last.source)]
    for equation, outputs in zip(reversed(chain), ends[1:], strict=True):
        inputs = (made[-1].outputs[0], *equation.inputs[1:])
        made.append(Equation(equation.primitive, inputs, outputs, equation.params, equation.source))
    moved[id(last)] = made
    for equation in (first, *chain):
        moved[id(equation)] = []


def _clears(first: Equation, last: Equation, maker: dict[int, Any], graph: Graph) -> bool:
    """Say whether an equation sets to zero just the entries that another one adds to, each of them once."""
    zero = maker.get(first.inputs[1]) if first.primitive.name == "gather_set" else None
    return (
        dict(last.params).get("window") is None
        and zero is not None
        and zero.primitive.name == "full"
        and dict(zero.params)["value"] == 0
        and (first.inputs[2:], first.params) == (last.inputs[2:], last.params)
        and not any(graph.avals[i].shape for i in last.inputs[2:])
        and graph.avals[first.inputs[1]].shape == graph.avals[last.inputs[1]].shape
    )
