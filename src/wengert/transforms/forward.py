"""Forward mode: the graph that pushes tangents along with values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.aval import Aval, aval
from ..core.builder import Builder
from ..core.graph import Graph


def tangent_aval(of: Aval) -> Aval:
    """Return the aval of a tangent or cotangent: that of the value itself, and never weak."""
    return aval(of.shape, of.dtype)


def push(
    graph: Graph, builder: Builder, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Record a graph and its pushforward in ``builder``.

    Parameters
    ----------
    primals, tangents
        One symbol for each input; a tangent of ``None`` is zero.

    Returns
    -------
    values, tangents : lists
        For every value of the graph (by number), its symbol here and its tangent or ``None``.
    """
    env: list[Any] = [None] * len(graph.avals)
    dot: list[Any] = [None] * len(graph.avals)
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
        if record.multiple:
            for i, value in zip(equation.outputs, out, strict=True):
                env[i] = value
            if active:
                for i, t in zip(equation.outputs, record.jvp(ins, moving, out, **dict(equation.params)), strict=True):
                    dot[i] = t
        else:
            env[equation.outputs[0]] = out
            if active:
                dot[equation.outputs[0]] = record.jvp(ins, moving, out, **dict(equation.params))
    builder.place = outer
    return env, dot


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


def instantiate(builder: Builder, tangent: Any, of: Aval) -> Any:
    """Return a tangent or cotangent as a symbol, zeros where it is None."""
    return builder.full(0, of.shape, of.dtype) if tangent is None else tangent
