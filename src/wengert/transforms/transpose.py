"""Transpose: turn a linear graph around.

The duality of the forward and the backward pass is this file.  Where the linear program copies a value, the
transposed program adds the copies' cotangents; where it sums, it copies; where it reads a part, it adds to a part;
where it multiplies by a matrix, it multiplies by the transposed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.builder import Builder
from ..core.graph import Graph
from ..ops.family import Linear
from ..ops.index import Into
from .forward import instantiate, tangent_aval


@dataclass(slots=True)
class Cotangents:
    """What has flowed back to each value so far."""

    builder: Builder
    avals: Sequence[Any]
    sums: dict[int, Any] = field(default_factory=dict)

    def add(self, i: int, ct: Any) -> None:
        """Add a contribution: the transpose of using a value more than once."""
        if ct is None:
            return
        so_far = self.sums.get(i)
        if isinstance(ct, Into):
            self.sums[i] = ct.add_to(instantiate(self.builder, so_far, self.avals[i]))
        else:
            self.sums[i] = ct if so_far is None else so_far + ct


def pull(
    graph: Graph, residuals: int, builder: Builder, known: Sequence[Any], cotangents: Sequence[Any]
) -> dict[int, Any]:
    """Record the transpose of a linear graph in ``builder``.

    Parameters
    ----------
    graph : Graph
        A linear graph: its first ``residuals`` inputs are known, it is linear in the others.
    known : sequence
        Symbols of the residuals.
    cotangents : sequence
        One symbol for each output; ``None`` is zero.

    Returns
    -------
    dict
        Number of a value of ``graph`` -> its cotangent.  Values that nothing flows back to are absent.
    """
    env: dict[int, Any] = dict(zip(graph.inputs[:residuals], known, strict=True))
    sums = Cotangents(builder, graph.avals)
    for i, ct in zip(graph.outputs, cotangents, strict=True):
        if i not in env:
            sums.add(i, ct)
    outer = builder.place
    for equation in reversed(graph.equations):
        builder.place = equation.source
        record = equation.primitive
        cts = [sums.sums.get(i) for i in equation.outputs]
        if all(ct is None for ct in cts):
            continue
        ins = [env[i] if i in env else Linear(graph.avals[i]) for i in equation.inputs]
        incoming = cts if record.multiple else cts[0]
        for i, ct in zip(equation.inputs, record.transpose(incoming, *ins, **dict(equation.params)), strict=True):
            if i not in env:
                sums.add(i, ct)
    builder.place = outer
    return sums.sums


def transpose(graph: Graph, residuals: int) -> Graph:
    """Return the transpose of a linear graph: (residuals, cotangents of its outputs) -> cotangents of its linear
    inputs.
    """
    builder = Builder(reuse=True)
    known = [builder.input(of) for of in graph.in_avals[:residuals]]
    cts = [builder.input(tangent_aval(of)) for of in graph.out_avals]
    sums = pull(graph, residuals, builder, known, cts)
    wanted = graph.inputs[residuals:]
    return builder.build([instantiate(builder, sums.get(i), graph.avals[i]) for i in wanted])
