"""A graph and its derivative as programs that the page can run itself, when somebody changes an input.

The page gets the graph, its linearised part and the transpose of that, as the library made them, and runs them with its
own little interpreter of primitives.  No derivative rule is written in JavaScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ..api.explain.linear import OUTPUT, Derivative
from ..api.explain.values import number
from ..core.builder import GUARD
from ..core.graph import Equation, Graph, prune
from .javascript import RUNNABLE

_MOST_EQUATIONS: Final = 1500
_MOST_ENTRIES: Final = 40_000
_MOST_WORK: Final = 5_000_000
_KINDS: Final = ("f", "b", "i")


def program(d: Derivative, order: Sequence[int]) -> dict[str, Any]:
    """Return the programs, or ``{"why": ...}`` where the page cannot run them.

    ``order`` are the places of the equations that are drawn.
    """
    guards = _guards(d)
    graphs = {"primal": d.expanded, "residual": d.parts.primal, "linear": d.parts.linear, "back": d.back}
    why = _obstacle([*graphs.values(), *([guards["graph"]] if guards else [])])
    if why:
        return {"why": why}
    subject = d.subject
    made: dict[str, Any] = {name: _graph(graph) for name, graph in graphs.items()}
    made["inputs"] = [_value(value) for value in subject.inputs]
    made["residuals"] = d.parts.residuals
    made["tangents"] = [[i, t] for i, t in d.parts.values.items()]
    made["sums"] = [[t, number] for t, number in d.sums.items()]
    place = {k: n for n, k in enumerate(order)} | {OUTPUT: -1}
    made["copies"] = [[place[use.reader], use.position, use.copy] for use in d.uses if use.reader in place]
    made["direction"] = [_value(t) for t in subject.direction]
    made["cotangents"] = [None if w is None else _value(w) for w in subject.cotangents]
    extra = sum(w is not None for w in subject.cotangents)
    backs = d.back.inputs[d.parts.residuals + extra :]
    made["back_constants"] = [_value(d.cotangents[i]) for i in backs]
    if guards:
        made["guards"] = {"graph": _graph(guards["graph"]), "seen": guards["seen"]}
    return made


def _guards(d: Derivative) -> dict[str, Any] | None:
    """Record again, noting what Python saw of values: at other inputs the program may take another path."""
    recording = d.subject.call.record(guarded=True)
    entries = [entry for entry in recording.builder.code if entry[0] is GUARD]
    if not entries:
        return None
    graph = recording.graph(extra=[entry[2] for entry in entries])
    outputs = graph.outputs[len(graph.outputs) - len(entries) :]
    needed = Graph(graph.avals, graph.inputs, tuple(prune(graph.equations, outputs)), outputs)
    seen = [[entry[1], None if isinstance(entry[3], bytes) else number(entry[3])] for entry in entries]
    return {"graph": needed, "seen": seen}


def _obstacle(graphs: Sequence[Graph]) -> str:
    equations = [e for graph in graphs for e in graph.equations]
    unknown = sorted({e.primitive.name for e in equations} - RUNNABLE)
    if unknown:
        return f"the page cannot compute {', '.join(unknown)}"
    if len(equations) > _MOST_EQUATIONS:
        return f"it has {len(equations):,} equations with its derivatives; the page runs up to {_MOST_EQUATIONS:,}"
    for graph in graphs:
        used = {i for e in graph.equations for i in (*e.inputs, *e.outputs)} | set(graph.inputs)
        kinds = {graph.avals[i].dtype.kind for i in used} - set(_KINDS)
        if kinds or any(graph.avals[i].dtype.itemsize == 2 for i in used):
            return "the page computes with real numbers of 32 and 64 bits only"
        if sum(graph.avals[i].size for i in used) > _MOST_ENTRIES:
            return f"its values have more than {_MOST_ENTRIES:,} entries"
        if sum(_work(graph, e) for e in graph.equations) > _MOST_WORK:
            return "it takes too many operations"
    return ""


def _work(graph: Graph, equation: Equation) -> int:
    if equation.primitive.flops is not None:
        return int(equation.primitive.flops(*[graph.avals[i] for i in equation.inputs], **dict(equation.params)))
    return sum(graph.avals[i].size for i in equation.outputs)


def _graph(graph: Graph) -> dict[str, Any]:
    return {
        "avals": [[list(of.shape), of.dtype.name] for of in graph.avals],
        "inputs": list(graph.inputs),
        "equations": [
            [e.primitive.name, list(e.inputs), list(e.outputs), {key: _param(value) for key, value in e.params}]
            for e in graph.equations
        ],
        "outputs": list(graph.outputs),
    }


def _param(value: Any) -> Any:
    """Return a parameter as plain JSON: tuples are lists, dtypes their names, literal arrays their entries."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, tuple):
        return [_param(item) for item in value]
    if hasattr(value, "array"):
        return _value(value.array)
    return number(value)


def _value(value: Any) -> list[Any]:
    return [number(x) for x in np.asarray(value).ravel().tolist()]
