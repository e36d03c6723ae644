"""What is added to zeros part by part is joined.

The cotangent of an array that was cut into parts, as the gates of a recurrent cell are, begins with zeros, to which
what flows to each part is added.  Where the parts do not overlap, and nothing is left between them, that is what
joining them makes, without zeros, and without one part waiting for another.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..core.graph import Equation, Graph, makers, uses
from ..core.primitive import lookup
from .simplify import part_span

_FEW: Final = 16
"""Entries up to which zeros and sums are kept in registers."""


def with_parts_joined(graph: Graph) -> Graph:
    """Return a graph with the same outputs; the graph itself where no parts are added to zeros."""
    if not any(equation.primitive.name == "slice_add" for equation in graph.equations):
        return graph
    used, maker = uses(graph), makers(graph)
    instead: dict[int, Equation | None] = {}
    for equation in reversed(graph.equations):
        if equation.primitive.name == "slice_add" and id(equation) not in instead:
            chain = _chain(equation, maker, used)
            joined = _joined(chain, maker, graph)
            if joined is not None:
                instead |= {id(below): None for below in chain}
                instead[id(equation)] = joined
    if not instead:
        return graph
    again = [instead.get(id(equation), equation) for equation in graph.equations]
    kept = tuple([equation for equation in again if equation is not None])
    return Graph(graph.avals, graph.inputs, kept, graph.outputs, graph.names, graph.constants)


def _chain(last: Equation, maker: dict[int, Equation], used: Counter[int]) -> list[Equation]:
    """Return an addition to a part and those before it of whose results nobody else knows, the last one first."""
    chain = [last]
    while used[chain[-1].inputs[0]] == 1:
        below = maker.get(chain[-1].inputs[0])
        if below is None or below.primitive.name != "slice_add":
            break
        chain.append(below)
    return chain


def _joined(chain: list[Equation], maker: dict[int, Equation], graph: Graph) -> Equation | None:
    """Return the equation that joins what a chain adds to zeros, if its parts make up the whole."""
    zeros = maker.get(chain[-1].inputs[0])
    if len(chain) < 2 or zeros is None or zeros.primitive.name != "full" or dict(zeros.params)["value"] != 0:
        return None
    whole = graph.avals[chain[0].outputs[0]]
    shape = whole.shape
    if whole.size <= _FEW:
        return None
    found = [(part_span(shape, dict(equation.params)), equation.inputs[1]) for equation in chain]
    parts = sorted((*at, value) for at, value in found if at is not None)
    if len(parts) < len(chain) or len({axis for axis, *_ in parts}) > 1:
        return None
    axis = parts[0][0]
    if [0, *[stop for _, _, stop, _ in parts]] != [*[start for _, start, _, _ in parts], shape[axis]]:
        return None
    last = chain[0]
    inputs = tuple([value for *_, value in parts])
    return Equation(lookup("concatenate"), inputs, last.outputs, (("axis", axis),), last.source)
