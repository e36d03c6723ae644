"""Check a graph's invariants: after every pass in tests, and for graphs that come from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CyclicGraphError, InvalidGraphError, explain
from .show import equation_text

if TYPE_CHECKING:
    from .graph import Graph


def verify(graph: Graph) -> Graph:
    """Return the graph if it is well formed.

    Raises
    ------
    CyclicGraphError
        If an equation reads a value that is made by itself or by a later equation.
    InvalidGraphError
        If a value is made twice or nowhere, or an aval differs from what the shape rule says.
    """
    made_by = {i: k for k, equation in enumerate(graph.equations) for i in equation.outputs}
    defined = set(graph.inputs)
    if len(defined) != len(graph.inputs):
        raise InvalidGraphError(explain("Each input is a value of its own.", found=f"inputs {graph.inputs}"))
    for k, equation in enumerate(graph.equations):
        shown = equation_text(graph, equation)
        for i in equation.inputs:
            if i in defined:
                continue
            if made_by.get(i, -1) >= k:
                raise CyclicGraphError(
                    explain(
                        "An equation reads only values made before it.",
                        found=f"{shown} reads v{i}, which equation {made_by[i]} makes",
                        line=str(equation.source or ""),
                        fix="order the equations with wengert.core.graph.schedule, and break the cycle if it names one",
                    )
                )
            raise InvalidGraphError(
                explain("Every value is made somewhere.", found=f"{shown} reads v{i}, which nothing makes")
            )
        avals = [graph.avals[i] for i in equation.inputs]
        outs = equation.primitive.infer(*avals, **dict(equation.params))
        outs = tuple(outs) if equation.primitive.multiple else (outs,)
        for i, out in zip(equation.outputs, outs, strict=True):
            if i in defined:
                raise InvalidGraphError(explain("A value is made once.", found=f"{shown} makes v{i} again"))
            if graph.avals[i].shape != out.shape or graph.avals[i].dtype != out.dtype:
                raise InvalidGraphError(
                    explain(
                        "A value's aval is what the shape rule of its primitive says.",
                        found=f"{shown}; the rule says {out!r}",
                    )
                )
            defined.add(i)
    for i in graph.outputs:
        if i not in defined:
            raise InvalidGraphError(explain("Every output is made somewhere.", found=f"output v{i}"))
    return graph
