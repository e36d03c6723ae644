"""The graph as the page draws it: values, inputs told apart, equations with the user's lines, outputs, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.explain.patterns import RELU, is_relu, pattern
from ..api.explain.subject import Subject
from ..core.graph import Equation, Graph
from ..core.show import formula, is_literal, subgraphs, value_names
from .groups import Groups
from .sources import Sources


def shown(graph: Graph) -> list[int]:
    """Return the places of the equations that are drawn: those that only make a number are written where it is used."""
    return [k for k, equation in enumerate(graph.equations) if not is_literal(graph, equation)]


def drawing(subject: Subject, sources: Sources, layers: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """Return a subject's graph; ``layers`` are (name, first, last) in terms of the graph's equations."""
    graph = subject.graph
    constants = dict(graph.constants)
    roles = {**dict(zip(graph.inputs, subject.roles, strict=False)), **dict.fromkeys(constants, "constant")}
    kind = "loss" if subject.scalar else "output"
    made = plain(graph, subject.names, sources)
    made["inputs"] = [
        {"value": i, "role": roles.get(i, "constant"), "active": active}
        for i, active in zip(graph.inputs, subject.active, strict=True)
        if graph.avals[i].shape or i not in constants
    ]
    made["outputs"] = [
        {"value": i, "name": name, "role": kind} for name, i in zip(subject.output_names, graph.outputs, strict=True)
    ]
    order = shown(graph)
    place_of = {k: n for n, k in enumerate(order)}
    spans = []
    for name, first, last in layers:
        places = [place_of[k] for k in range(first, last + 1) if k in place_of]
        if places:
            spans.append((name, places[0], places[-1]))
    places_of = [equation["at"] for equation in made["equations"]]
    functions = [block["function"].rsplit(".", 1)[-1] for block in sources.blocks]
    made["groups"] = Groups(places_of, functions, spans).found
    return made


def plain(graph: Graph, names: dict[int, str], sources: Sources) -> dict[str, Any]:
    """Return values and equations of any graph, sub-graphs included."""
    makers = {i: e for e in graph.equations for i in e.outputs}
    constants = dict(graph.constants)
    equations = []
    for k in shown(graph):
        equation = graph.equations[k]
        entry: dict[str, Any] = {
            "primitive": equation.primitive.name,
            "inputs": list(equation.inputs),
            "outputs": list(equation.outputs),
            "text": _text(equation, names),
            "at": sources.place(equation.source),
        }
        if is_relu(equation, makers, constants):
            entry["pattern"] = list(RELU)
        inner = [
            {"name": key, "graph": plain(held, value_names(held), sources), "inputs": list(held.inputs),
             "outputs": list(held.outputs)}
            for key, held in subgraphs(equation)
        ]  # fmt: skip
        if inner:
            entry["graphs"] = inner
        equations.append(entry)
    return {
        "values": [[names[i], list(of.shape), of.dtype.name] for i, of in enumerate(graph.avals)],
        "equations": equations,
    }


_LONGEST = 160


def _text(equation: Equation, names: dict[int, str]) -> str:
    if any(True for _ in subgraphs(equation)):
        return f"{equation.primitive.name}({', '.join(names[i] for i in equation.inputs)})"
    text = formula(equation, names)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def primitives(graph: Graph) -> dict[str, dict[str, str]]:
    """Return what is said of each primitive that a graph uses, sub-graphs included."""
    found: dict[str, dict[str, str]] = {}
    for equation in graph.equations:
        record = equation.primitive
        if record.name not in found:
            label, meaning = pattern(record)
            found[record.name] = {"doc": record.doc, "label": label, "explanation": meaning}
        for _, inner in subgraphs(equation):
            found.update(primitives(inner))
    return found
