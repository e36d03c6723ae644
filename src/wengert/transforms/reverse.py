"""Reverse mode: linearize, then transpose the linear part, as one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.builder import Builder, inline
from ..core.graph import Equation, Graph
from ..core.source import playing
from .forward import instantiate, tangent_aval
from .linearize import Linearized, linearize
from .transpose import pull


def reverse(graph: Graph, active: Sequence[bool], outputs: Sequence[bool] | None = None) -> Graph:
    """Return the graph (inputs, cotangents of the outputs) -> (outputs, cotangents of the active inputs).

    Parameters
    ----------
    graph : Graph
    active : sequence of bool
        Which inputs to differentiate with respect to.
    outputs : sequence of bool, optional
        Which outputs have a cotangent; all others count as constant.
    """
    if outputs is None:
        outputs = [of.is_inexact for of in graph.out_avals]
    parts = linearize(graph, active)
    builder = Builder(reuse=True)
    inputs = [builder.input(of) for of in graph.in_avals]
    cts = [builder.input(tangent_aval(of)) if o else None for of, o in zip(graph.out_avals, outputs, strict=True)]
    return builder.build(_reverse(graph, parts, builder, inputs, cts))


def gradient(graph: Graph, active: Sequence[bool], output: int = 0) -> Graph:
    """Return the graph inputs -> (outputs, gradients of one scalar output with respect to the active inputs)."""
    parts = linearize(graph, active)
    builder = Builder(reuse=True)
    inputs = [builder.input(of) for of in graph.in_avals]
    of = graph.out_avals[output]
    cts = [builder.full(1, of.shape, of.dtype) if k == output else None for k in range(len(graph.outputs))]
    return builder.build(_reverse(graph, parts, builder, inputs, cts))


def _reverse(graph: Graph, parts: Linearized, builder: Builder, inputs: list[Any], cts: list[Any]) -> list[Any]:
    outs = inline(_for_pullback(parts.primal), builder, inputs)
    outs, residuals = outs[: len(graph.outputs)], outs[len(graph.outputs) :]
    sums = pull(parts.linear, parts.residuals, builder, residuals, cts)
    wanted = parts.linear.inputs[parts.residuals :]
    return outs + [instantiate(builder, sums.get(i), parts.linear.avals[i]) for i in wanted]


def _for_pullback(graph: Graph) -> Graph:
    """Attribute the factors of the chain rule, which are computed ahead, to the backward pass that reads them."""
    return Graph(
        graph.avals,
        graph.inputs,
        tuple(
            [
                Equation(e.primitive, e.inputs, e.outputs, e.params, playing(e.source, "cotangent"))
                if e.source is not None and e.source.role == "tangent"
                else e
                for e in graph.equations
            ]
        ),
        graph.outputs,
        graph.names,
    )
