"""Expand: calls of sub-graphs are replaced by what they call.

Derivatives have to see a ``custom_call`` or a ``linear_call`` as one equation; running it is faster without, because
its equations can then be shared and fused with those around it.
"""

from __future__ import annotations

from typing import Any, Final

from ..core.builder import Builder
from ..core.graph import Equation, Graph
from ..ops.subgraph import SubGraph

CALLS: Final = frozenset({"custom_call", "custom_pullback", "linear_call", "checkpoint_call"})


def expand(graph: Graph) -> Graph:
    """Return a graph with the same outputs and no calls; the graph itself where it has none."""
    if not any(map(_has_calls, graph.equations)):
        return graph
    builder = Builder(reuse=True)
    inputs = [builder.input(of) for of in graph.in_avals]
    return builder.build(_record(graph, builder, inputs), graph.names)


def _has_calls(equation: Equation) -> bool:
    return equation.primitive.name in CALLS or any(
        _has_calls(inner) for graph in _inside(equation) for inner in graph.equations
    )


def _inside(equation: Equation) -> list[SubGraph]:
    """Return the graphs that control flow runs."""
    if equation.primitive.name not in ("loop", "cond"):
        return []
    values = [v for _, v in equation.params]
    return [g for v in values for g in (v if isinstance(v, tuple) else (v,)) if isinstance(g, SubGraph)]


def _expanded(value: Any) -> Any:
    """Return a parameter of control flow with the graphs in it expanded."""
    if isinstance(value, tuple):
        return tuple(map(_expanded, value))
    if not isinstance(value, SubGraph):
        return value
    made = expand(value)
    return value if made is value else SubGraph.from_graph(made)


def _record(graph: Graph, builder: Builder, args: list[Any]) -> list[Any]:
    env: list[Any] = [None] * len(graph.avals)
    for i, arg in zip(graph.inputs, args, strict=True):
        env[i] = arg
    for equation in graph.equations:
        ins = [env[i] for i in equation.inputs]
        record, params = equation.primitive, dict(equation.params)
        if record.name in ("custom_call", "checkpoint_call"):
            outs = _record(params["graph"], builder, ins)
        elif record.name == "linear_call":
            outs = _record(params["forward"], builder, ins)
        elif record.name == "custom_pullback":
            outs = _record(params["rule"].forward(params["active"]), builder, ins)
        else:
            builder.place = equation.source
            how = equation.params
            if _inside(equation):
                how = tuple([(name, _expanded(value)) for name, value in how])
            made = builder.apply(record, ins, how)
            outs = list(made) if record.multiple else [made]
        for i, out in zip(equation.outputs, outs, strict=True):
            env[i] = out
    builder.place = None
    return [env[i] for i in graph.outputs]
