"""Graphs as readable text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .graph import Equation, Graph


def name(number: int) -> str:
    """Return the printed name of a value."""
    return f"v{number}"


def param_text(value: Any) -> str:
    """Return a parameter as short text."""
    if isinstance(value, np.dtype):
        return str(value.name)
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return repr(value).replace(" ", "")


def equation_text(graph: Graph, equation: Equation, names: dict[int, str] | None = None) -> str:
    """Return one equation as text: outputs with avals, primitive, parameters, inputs."""
    names = names or {}
    outs = ", ".join(f"{names.get(i, name(i))}:{graph.avals[i]!r}" for i in equation.outputs)
    params = ", ".join(f"{key}={param_text(value)}" for key, value in equation.params)
    ins = " ".join(names.get(i, name(i)) for i in equation.inputs)
    return f"{outs} = {equation.primitive.name}{'[' + params + ']' if params else ''} {ins}".rstrip()


def text(graph: Graph) -> str:
    """Return the whole graph as text, an equation a line, with the user's source lines at the right."""
    names = {i: given for i, given in zip(graph.inputs, graph.names, strict=False) if given}
    ins = ", ".join(f"{names.get(i, name(i))}:{graph.avals[i]!r}" for i in graph.inputs)
    lines = [equation_text(graph, equation, names) for equation in graph.equations]
    width = min(64, max((len(line) for line in lines), default=0))
    rows = []
    for line, equation in zip(lines, graph.equations, strict=True):
        source = equation.source
        rows.append(f"    {line:<{width}}  # {source}" if source is not None else f"    {line}")
    outs = ", ".join(names.get(i, name(i)) for i in graph.outputs)
    return "\n".join([f"graph({ins}):", *rows, f"    return {outs}"])
