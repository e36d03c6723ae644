"""How often loops run at most: room for what their derivatives save.

A loop whose number of iterations is computed (``for j in range(i)`` inside of another loop) saves residuals in arrays
that need a length.  Where the number is an affine expression of outer counters, its largest value is known before
anything runs; ``limited`` writes it into the loop.  Only where nothing is known do derivatives begin with some room and
make more when it does not suffice.
"""

from __future__ import annotations

from typing import Any

from ..core.bounds import Affine, counter_of, extend
from ..core.graph import Equation, Graph
from ..ops.subgraph import SubGraph


def limited(graph: Graph) -> Graph:
    """Return the graph with a length for each counted loop that can be shown never to run longer."""
    return _limited(graph, {}, 0)


def _limited(graph: Graph, known: dict[int, Affine], depth: int) -> Graph:
    """As :func:`limited`, inside of ``depth`` loops, with what is known of the inputs."""
    known = dict(known)
    equations = []
    for equation in graph.equations:
        name = equation.primitive.name
        if name == "loop":
            equation = _limited_loop(graph, equation, known, depth, **dict(equation.params))
        elif name == "cond":
            params = dict(equation.params)
            branches = tuple([_inner(b, equation.inputs[1:], known, depth) for b in params["branches"]])
            equation = _with_params(equation, {**params, "branches": branches})
        else:
            extend(known, graph, equation)
        equations.append(equation)
    if all(new is old for new, old in zip(equations, graph.equations, strict=True)):
        return graph
    return Graph(graph.avals, graph.inputs, tuple(equations), graph.outputs, graph.names, graph.constants)


def _limited_loop(
    graph: Graph,
    equation: Equation,
    known: dict[int, Affine],
    depth: int,
    *,
    body: SubGraph,
    consts: int,
    counted: bool,
    length: int | None,
    grows: Any,
    **params: Any,
) -> Equation:
    count = known.get(equation.inputs[0]) if counted else None
    if counted and length is None and count is not None:
        most = count.extreme(True)
        length = None if most is None else max(0, most)
    first = int(counted)
    inside = {
        i: known[j]
        for i, j in zip(body.inputs[1 : 1 + consts], equation.inputs[first : first + consts], strict=True)
        if j in known
    }
    inside[body.inputs[0]] = Affine(0, ((counter_of(depth, length, count), 1),))
    found = _limited(body, inside, depth + 1)
    inner = body if found is body else SubGraph.from_graph(found)
    return _with_params(
        equation,
        {"body": inner, "consts": consts, "counted": counted, "length": length, "grows": grows, **params},
    )


def _inner(branch: SubGraph, operands: tuple[int, ...], known: dict[int, Affine], depth: int) -> SubGraph:
    inside = {i: known[j] for i, j in zip(branch.inputs, operands, strict=True) if j in known}
    found = _limited(branch, inside, depth)
    return branch if found is branch else SubGraph.from_graph(found)


def _with_params(equation: Equation, params: dict[str, Any]) -> Equation:
    """Return the equation with other parameters; the equation itself where they are the same."""
    before = dict(equation.params)
    if all(params[name] is before[name] or params[name] == before[name] for name in before):
        return equation
    made = tuple([(name, params[name]) for name in before])
    return Equation(equation.primitive, equation.inputs, equation.outputs, made, equation.source)
