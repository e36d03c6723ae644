"""Linearize: split a graph into the program itself and the linear map that is its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.builder import Builder
from ..core.graph import Graph, prune
from ..ops.subgraph import enters
from .forward import instantiate, push, tangent_aval
from .simplify import simplify
from .sinking import sunk
from .trips import limited


@dataclass(frozen=True, slots=True)
class Linearized:
    """A graph split in two at a point that is not known yet.

    Attributes
    ----------
    primal : Graph
        inputs -> outputs, residuals.
    linear : Graph
        residuals, tangents of the active inputs -> tangents of the outputs.  Linear in the tangents.
    residuals : int
        How many residuals: what the derivative needs to remember.
    values : dict
        Number of a value of the original graph -> number of its tangent in ``linear``; for tables and pictures.
    """

    primal: Graph
    linear: Graph
    residuals: int
    values: dict[int, int]


def linearize(graph: Graph, active: Sequence[bool], reuse: bool = True) -> Linearized:
    """Split a graph into primal and linear part.

    The pushforward is recorded in one graph first; an equation that depends on a tangent belongs to the linear
    part, all others to the primal part, and the values that cross over are the residuals.

    Parameters
    ----------
    graph : Graph
    active : sequence of bool
        Which inputs to differentiate with respect to.
    reuse : bool
        Compute common subexpressions once.  Tables that show every equation's own tangent and cotangent say no.
    """
    graph = limited(graph)
    builder, primals, tangents, env, dot = _pushed(graph, active, reuse)
    out_dots = [instantiate(builder, dot[i], graph.avals[i]) for i in graph.outputs]
    return _parted(graph, builder, primals, tangents, env, dot, out_dots)


@enters("split")
def split(graph: Graph, active: Sequence[bool]) -> tuple[Linearized, tuple[bool, ...]]:
    """Return a sub-graph linearized, the linear part with those outputs only that move, and which do."""
    graph = sunk(simplify(graph))  # what goes through a loop or a choice is recorded once and derived often
    builder, primals, tangents, env, dot = _pushed(graph, active, True)
    dots = [dot[i] for i in graph.outputs]
    parts = _parted(graph, builder, primals, tangents, env, dot, [t for t in dots if t is not None])
    if any(equation.primitive.name in ("max", "min") for equation in graph.equations):
        parts = replace(parts, primal=simplify(parts.primal))  # what ties need shall be little to remember
    return parts, tuple([t is not None for t in dots])


def _pushed(graph: Graph, active: Sequence[bool], reuse: bool) -> tuple[Builder, list[Any], list[Any], Any, Any]:
    """Record a graph and its pushforward, what depends on tangents in equations of its own."""
    builder = Builder(reuse=reuse)
    primals = [builder.input(of) for of in graph.in_avals]
    tangents = [builder.input(tangent_aval(of)) if a else None for of, a in zip(graph.in_avals, active, strict=True)]
    return builder, primals, tangents, *push(graph, builder, primals, tangents, apart=True)


def _parted(
    graph: Graph, builder: Builder, primals: list[Any], tangents: list[Any], env: Any, dot: Any, ends: list[Any]
) -> Linearized:
    """Part what depends on tangents from what does not."""
    outs = [builder.number(env[i]) for i in graph.outputs]
    out_dots = [builder.number(t) for t in ends]

    moving = {t.id for t in tangents if t is not None}
    known, linear = [], []
    for equation in builder.equations():
        if any(i in moving for i in equation.inputs):
            moving.update(equation.outputs)
            linear.append(equation)
        else:
            known.append(equation)
    linear = prune(linear, out_dots)
    read = [i for equation in linear for i in equation.inputs if i not in moving]
    read += [i for i in out_dots if i not in moving]
    residuals = tuple(dict.fromkeys(read))
    avals = tuple(builder.avals)
    primal_inputs = tuple(p.id for p in primals)
    return Linearized(
        Graph(avals, primal_inputs, tuple(prune(known, [*outs, *residuals])), (*outs, *residuals), graph.names),
        Graph(avals, (*residuals, *(t.id for t in tangents if t is not None)), tuple(linear), tuple(out_dots)),
        len(residuals),
        {i: t.id for i, t in enumerate(dot) if t is not None and t.builder is builder},
    )
