"""Forward mode: the graph that pushes tangents along with values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.aval import Aval, aval
from ..core.builder import Builder
from ..core.graph import Equation, Graph
from ..core.source import playing
from ..ops.subgraph import SubGraph, enters
from .pairs import pair_rules


def tangent_aval(of: Aval) -> Aval:
    """Return the aval of a tangent or cotangent: that of the value itself, and never weak."""
    return aval(of.shape, of.dtype)


def push(
    graph: Graph, builder: Builder, primals: Sequence[Any], tangents: Sequence[Any], apart: bool = False
) -> tuple[list[Any], list[Any]]:
    """Record a graph and its pushforward in ``builder``.

    Parameters
    ----------
    primals, tangents
        One symbol for each input; a tangent of ``None`` is zero.
    apart : bool
        Keep what depends on tangents in equations of its own, as linearization needs it.

    Returns
    -------
    values, tangents : lists
        For every value of the graph (by number), its symbol here and its tangent or ``None``.
    """
    env: list[Any] = [None] * len(graph.avals)
    dot: list[Any] = [None] * len(graph.avals)
    splits: dict[int, tuple[Any, Any]] = {}
    rules = pair_rules(graph)
    for i, primal, tangent in zip(graph.inputs, primals, tangents, strict=True):
        env[i], dot[i] = primal, tangent
    outer = builder.place
    for equation in graph.equations:
        builder.place = equation.source
        record = equation.primitive
        ins = [env[i] for i in equation.inputs]
        out = builder.apply(record, ins, equation.params)
        moving = [dot[i] for i in equation.inputs]
        active = any(t is not None for t in moving)
        if active:
            builder.place = playing(equation.source, "tangent")
        if splits and not splits.keys().isdisjoint(equation.inputs):
            _push_split(graph, equation, builder, env, dot, splits)
        elif record.multiple:
            ts: Any = (None,) * len(out)
            if active and apart and record.linearize is not None:
                out, ts = record.linearize(ins, moving, **dict(equation.params))
            elif active and record.push is not None:
                out, ts = record.push(ins, moving, out, **dict(equation.params))
            elif active:
                ts = record.jvp(ins, moving, out, **dict(equation.params))
                if record.split is not None:
                    found = record.split(ins, moving, out, **dict(equation.params))
                    pairs = zip(equation.outputs, found, strict=True)
                    splits.update({i: (e, s) for i, (e, s) in pairs if e is not None or s is not None})
            for i, value, t in zip(equation.outputs, out, ts, strict=True):
                env[i], dot[i] = value, t
        else:
            env[equation.outputs[0]] = out
            if active:
                pair = rules.get(equation.outputs[0])
                params = dict(equation.params)
                dot[equation.outputs[0]] = pair(env, dot) if pair else record.jvp(ins, moving, out, **params)
    builder.place = outer
    return env, dot


def _push_split(
    graph: Graph, equation: Equation, builder: Builder, env: list[Any], dot: list[Any], splits: dict[int, Any]
) -> None:
    """Push through an equation that reads something computed from repeated eigenvalues or singular values.

    Such a decomposition is taken as the limit, for h -> 0, of one whose repeated values are h apart.  ``splits``
    holds, for values that depend on it, the pair (e, s): the value is x + h e, and its tangent s / h + t.  An
    equation with the derivative J(x) makes of this the value f(x) + h J e, and the tangent J s / h + (J t + (dJ/dx
    e) s).  Where the result does not depend on the choice of a basis, J s comes out as zero and the rest is the
    derivative.
    """
    inputs = tuple(dict.fromkeys(equation.inputs))
    one = Graph(graph.avals, inputs, (equation,), equation.outputs)
    primals = [env[i] for i in inputs]
    directions, singular = zip(*[splits.get(i, (None, None)) for i in inputs], strict=True)
    regular = [dot[i] for i in inputs]
    if all(s is None for s in singular):
        values, ahead = push(one, builder, primals, directions)
        tangents = push(one, builder, primals, regular)[1]
        made = [(values[i], ahead[i], None, tangents[i]) for i in equation.outputs]
    else:
        moving = [s is not None or t is not None for s, t in zip(singular, regular, strict=True)]
        first = forward(one, moving)
        seeds = [
            instantiate(builder, s, graph.avals[i]) for i, s, on in zip(inputs, singular, moving, strict=True) if on
        ]
        seed_dots = [t for t, on in zip(regular, moving, strict=True) if on]
        values, tangents = push(first, builder, [*primals, *seeds], [*directions, *seed_dots])
        n = len(equation.outputs)
        zero = {i for e in first.equations if e.primitive.name == "full" for i in e.outputs}
        made = [
            (values[i], tangents[i], None if j in zero else values[j], tangents[j])
            for i, j in zip(first.outputs[:n], first.outputs[n:], strict=True)
        ]
    for i, (value, e, s, t) in zip(equation.outputs, made, strict=True):
        env[i], dot[i] = value, t
        if e is not None or s is not None:
            splits[i] = (e, s)


def forward(graph: Graph, active: Sequence[bool]) -> Graph:
    """Return the graph (inputs, tangents of the active inputs) -> (outputs, tangents of the outputs).

    Parameters
    ----------
    graph : Graph
    active : sequence of bool
        Which inputs have a tangent.
    """
    builder = Builder(reuse=True)
    primals = [builder.input(of) for of in graph.in_avals]
    tangents = [builder.input(tangent_aval(of)) if a else None for of, a in zip(graph.in_avals, active, strict=True)]
    env, dot = push(graph, builder, primals, tangents)
    outs = [env[i] for i in graph.outputs]
    return builder.build(outs + [instantiate(builder, dot[i], graph.avals[i]) for i in graph.outputs])


@enters("pushforward")
def pushforward(graph: Graph, active: Sequence[bool]) -> tuple[SubGraph, tuple[bool, ...]]:
    """Return (inputs, tangents of the active inputs) -> (outputs, tangents of outputs that move), and which do."""
    builder = Builder(reuse=True)
    primals = [builder.input(tangent_aval(of)) for of in graph.in_avals]
    tangents = [builder.input(tangent_aval(of)) if a else None for of, a in zip(graph.in_avals, active, strict=True)]
    env, dot = push(graph, builder, primals, tangents)
    dots = [dot[i] for i in graph.outputs]
    made = builder.build([*[env[i] for i in graph.outputs], *[t for t in dots if t is not None]], graph.names)
    return SubGraph.from_graph(made), tuple([t is not None for t in dots])


def instantiate(builder: Builder, tangent: Any, of: Aval) -> Any:
    """Return a tangent or cotangent as a symbol, zeros where it is None."""
    return builder.full(0, of.shape, of.dtype) if tangent is None else tangent
