"""What only one branch of a choice needs is computed in that branch.

The branches of an ``if`` read the variables of the function around them, and what is computed from nothing else is
recorded there, in front of the choice.  For single numbers that means: all branches are computed, and the choice only
picks.  Its derivative then spreads a cotangent over the operands of all branches, zeros for those not taken, and what
follows adds them all up, one after the other; in a loop each iteration waits for that.  With what a branch computes
inside of it, nothing flows back to the others.

Only single numbers move: arrays would have to be remembered, for derivatives, with room for those of each branch.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..core.builder import Builder, inline
from ..core.graph import Equation, Graph, makers, uses
from ..ops.subgraph import SubGraph, remake, zeros

Place = tuple[int, int]
"""Number of a choice's equation, and of its branch."""
NONE: Final = -1
"""The branch of what no branch reads."""


def sunk(graph: Graph) -> Graph:
    """Return a graph with the same outputs; the graph itself where nothing can be computed in a branch."""
    if not any(equation.primitive.name == "cond" for equation in graph.equations):
        return graph
    moved = _movable(graph)
    if not moved:
        return graph
    maker = makers(graph)
    again = []
    for k, equation in enumerate(graph.equations):
        if equation.primitive.name == "cond" and any(choice == k for choice, _ in moved.values()):
            again.append(_taking(graph, equation, {i: b for i, (choice, b) in moved.items() if choice == k}, maker))
        elif equation.outputs[0] not in moved:
            again.append(equation)
    return Graph(graph.avals, graph.inputs, tuple(again), graph.outputs, graph.names, graph.constants)


def _movable(graph: Graph) -> dict[int, Place]:
    """Return the values that only one branch of a choice needs, in the order in which they are computed."""
    used = uses(graph)
    seen: Counter[int] = Counter()
    readers: dict[int, set[Place]] = {}
    moved: dict[int, Place] = {}
    for k in range(len(graph.equations) - 1, -1, -1):
        equation = graph.equations[k]
        i = equation.outputs[0]
        if equation.primitive.name == "cond":
            seen.update(equation.inputs[1:])
            for j, places in _readers(k, equation).items():
                readers.setdefault(j, set()).update(places)
        elif _is_moved(equation, graph) and seen[i] == used[i]:
            places = readers.get(i, set())
            if len(places) == 1:
                (moved[i],) = places
                seen.update(equation.inputs)
                for j in equation.inputs:
                    readers.setdefault(j, set()).update(places)
    return dict(reversed(moved.items()))


def _taking(graph: Graph, equation: Equation, mine: dict[int, int], maker: dict[int, Equation]) -> Equation:
    """Return a choice whose branches compute these values, each its own."""
    reads = [*equation.inputs[1:], *[j for i in mine for j in maker[i].inputs]]
    numbers = {j: maker[j] for j in reads if j in maker and maker[j].primitive.name == "full" and j not in mine}
    numbers = {j: e for j, e in numbers.items() if not graph.avals[j].shape}
    operands = [j for j in dict.fromkeys(reads) if j not in mine and j not in numbers]
    made = []
    for b, branch in enumerate(dict(equation.params)["branches"]):
        builder = Builder(reuse=True)
        env = {j: builder.input(graph.avals[j]) for j in operands}
        remake(builder, env, [*numbers.values(), *[maker[i] for i, of in mine.items() if of == b]])
        for i, of in mine.items():
            if of != b:  # another branch's: nothing reads it in this one
                env[i] = zeros(builder, graph.avals[i])
        outs = inline(branch, builder, [env[j] for j in equation.inputs[1:]])
        made.append(SubGraph.from_graph(builder.build(outs, ())))
    params = (("branches", tuple(made)),)
    return Equation(equation.primitive, (equation.inputs[0], *operands), equation.outputs, params, equation.source)


def _readers(k: int, equation: Equation) -> dict[int, set[Place]]:
    """Return for each operand of a choice the branches that read it."""
    found: dict[int, set[Place]] = {}
    for b, branch in enumerate(dict(equation.params)["branches"]):
        read = {j for e in branch.equations for j in e.inputs} | set(branch.outputs)
        for j, inner in zip(equation.inputs[1:], branch.inputs, strict=True):
            found.setdefault(j, set()).update([(k, b)] if inner in read else [])
    return {j: places or {(k, NONE)} for j, places in found.items()}


def _is_moved(equation: Equation, graph: Graph) -> bool:
    of = graph.avals[equation.outputs[0]]
    return equation.primitive.elementwise and not of.shape and of.is_inexact
