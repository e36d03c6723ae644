"""Batch: the graph that does for a whole batch what the graph does for one entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.aval import aval
from ..core.builder import Builder
from ..core.graph import Graph
from ..ops.family import with_batch
from ..ops.subgraph import SubGraph, enters


def batch(graph: Graph, size: int, axes: Sequence[int | None], out_axes: Sequence[int | None]) -> Graph:
    """Return the batched graph.

    Parameters
    ----------
    graph : Graph
    size : int
        Number of batch entries.
    axes : sequence of int or None
        Where each input has its batch axis; None for inputs that all entries share.
    out_axes : sequence of int or None
        Where each output is to have it; None only for outputs that do not depend on the batch.
    """
    builder = Builder(reuse=True)
    env: list[Any] = [None] * len(graph.avals)
    batched = [False] * len(graph.avals)
    for i, axis in zip(graph.inputs, axes, strict=True):
        of = graph.avals[i]
        if axis is None:
            env[i] = builder.input(of)
            continue
        x = builder.input(aval((*of.shape[:axis], size, *of.shape[axis:]), of.dtype))
        env[i] = move_axis(x, axis, 0)
        batched[i] = True
    for equation in graph.equations:
        builder.place = equation.source
        record = equation.primitive
        args = [env[i] for i in equation.inputs]
        flags = [batched[i] for i in equation.inputs]
        if any(flags):
            outs = record.batch(size, args, flags, **dict(equation.params))
        else:
            outs = builder.apply(record, args, equation.params)
        for i, out in zip(equation.outputs, outs if record.multiple else (outs,), strict=True):
            env[i], batched[i] = out, any(flags)
    builder.place = None
    results = []
    for i, axis in zip(graph.outputs, out_axes, strict=True):
        out = env[i]
        if axis is not None:
            out = move_axis(with_batch(size, out, batched[i]), 0, axis)
        results.append(out)
    return builder.build(results)


def is_batched(graph: Graph, axes: Sequence[int | None]) -> list[bool]:
    """Say for each output whether it depends on a batched input."""
    batched = {i for i, axis in zip(graph.inputs, axes, strict=True) if axis is not None}
    for equation in graph.equations:
        if not batched.isdisjoint(equation.inputs):
            batched.update(equation.outputs)
    return [i in batched for i in graph.outputs]


@enters("spreads")
def spreads(graph: Graph, flags: Sequence[bool]) -> tuple[bool, ...]:
    """Say for each output whether it depends on a batched input."""
    return tuple(is_batched(graph, [0 if on else None for on in flags]))


@enters("batched")
def batched(graph: SubGraph, size: int, flags: Sequence[bool], outputs: Sequence[bool]) -> SubGraph:
    """Return a sub-graph for a batch, which is axis 0 of the inputs and outputs that are marked."""
    axes = [0 if on else None for on in flags]
    return SubGraph.from_graph(batch(graph, size, axes, [0 if on else None for on in outputs]))


def move_axis(x: Any, source: int, target: int) -> Any:
    """Record a transpose that moves one axis."""
    if source == target:
        return x
    order = [a for a in range(x.ndim) if a != source]
    order.insert(target, source)
    return x.builder.apply_named("transpose", x, axes=tuple(order))
