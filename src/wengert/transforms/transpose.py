"""Transpose: turn a linear graph around.

The duality of the forward and the backward pass is this file.  Where the linear program copies a value, the
transposed program adds the copies' cotangents; where it sums, it copies; where it reads a part, it adds to a part;
where it multiplies by a matrix, it multiplies by the transposed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.builder import Builder, inline
from ..core.graph import Graph, prune
from ..core.source import playing
from ..ops.family import Linear
from ..ops.index import Into
from ..ops.loop_operands import Gathered
from ..ops.subgraph import SubGraph, enters
from .forward import instantiate, tangent_aval
from .parts import Parts


@dataclass(slots=True)
class Cotangents:
    """What has flowed back to each value so far.

    Where that is nothing but what comes from one part of it (``Into``), it stays so until somebody needs the whole:
    added to a whole it costs a pass over the part, and not zeros everywhere, the part, and a sum.
    """

    builder: Builder
    avals: Sequence[Any]
    sums: dict[int, Any] = field(default_factory=dict)

    def add(self, i: int, ct: Any) -> None:
        """Add a contribution: the transpose of using a value more than once."""
        if ct is None:
            return
        so_far = self.sums.get(i)
        if isinstance(ct, Gathered):
            self.sums[i] = ct.ct
        elif isinstance(ct, Into):
            self.sums[i] = ct if so_far is None else ct.add_to(self.whole(i))
        elif isinstance(so_far, Into):
            self.sums[i] = so_far.add_to(ct)
        else:
            self.sums[i] = ct if so_far is None else so_far + ct

    def whole(self, i: int) -> Any:
        """Return what has flowed back to a value, None if nothing has."""
        found = self.sums.get(i)
        if isinstance(found, Into):
            found = self.sums[i] = found.add_to(instantiate(self.builder, None, self.avals[i]))
        return found


def pull(
    graph: Graph,
    residuals: int,
    builder: Builder,
    known: Sequence[Any],
    cotangents: Sequence[Any],
    gathered: dict[int, Any] | None = None,
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
    gathered : dict, optional
        What has flowed back to some inputs already, to be added to.

    Returns
    -------
    dict
        Number of a value of ``graph`` -> its cotangent.  Values that nothing flows back to are absent.
    """
    env: dict[int, Any] = dict(zip(graph.inputs[:residuals], known, strict=True))
    sums = Cotangents(builder, graph.avals, dict(gathered or {}))
    parts = Parts(builder)
    for i, ct in zip(graph.outputs, cotangents, strict=True):
        if i not in env:
            sums.add(i, ct)
    outer = builder.place
    for equation in reversed(graph.equations):
        builder.place = playing(equation.source, "cotangent")
        record = equation.primitive
        if all(sums.sums.get(i) is None for i in equation.outputs):
            continue
        of_part = parts.transposed(sums.sums.get(equation.outputs[0]), equation, env)
        if of_part is not None:
            for i, ct in zip(equation.inputs, of_part, strict=True):
                if i not in env:
                    sums.add(i, ct)
            continue
        cts = [sums.whole(i) for i in equation.outputs]
        ins = [env[i] if i in env else Linear(graph.avals[i]) for i in equation.inputs]
        incoming = cts if record.multiple else cts[0]
        if record.gather is not None:
            # A value that is read twice gathers through its first place; what comes by the others is added.
            reads = equation.inputs
            first = [i not in reads[:k] for k, i in enumerate(reads)]
            before = [sums.whole(i) if f and i not in env else None for i, f in zip(reads, first, strict=True)]
            made = record.gather(incoming, before, *ins, **dict(equation.params))
            made = [ct if f or not isinstance(ct, Gathered) else ct.ct for ct, f in zip(made, first, strict=True)]
        else:
            made = record.transpose(incoming, *ins, **dict(equation.params))
        for i, ct in zip(equation.inputs, made, strict=True):
            if i not in env:
                sums.add(i, ct)
    for i in list(sums.sums):
        sums.whole(i)
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


@enters("transposed")
def transposed(graph: SubGraph, linear: Sequence[bool], gathered: Sequence[bool], given: Sequence[bool]) -> SubGraph:
    """Return the transpose of a graph that is linear in the inputs that ``linear`` marks.

    What does not depend on those is computed first.  The transpose takes the other inputs, the cotangents of the
    outputs that ``given`` marks (the others are zero), and what has been gathered so far for those of the linear
    inputs that ``gathered`` marks; it returns the cotangents of the linear inputs, what had been gathered added.
    """
    moving = {i for i, on in zip(graph.inputs, linear, strict=True) if on}
    first, rest = [], []
    for equation in graph.equations:
        if moving.isdisjoint(equation.inputs):
            first.append(equation)
        else:
            moving.update(equation.outputs)
            rest.append(equation)
    rest = prune(rest, graph.outputs)
    fixed = [i for i, on in zip(graph.inputs, linear, strict=True) if not on]
    wanted = [i for i, on in zip(graph.inputs, linear, strict=True) if on]
    read = tuple(dict.fromkeys([i for equation in rest for i in equation.inputs if i not in moving]))
    builder = Builder(reuse=True)
    known = [builder.input(tangent_aval(graph.avals[i])) for i in fixed]
    cts = [
        builder.input(tangent_aval(graph.avals[i])) if on else None for i, on in zip(graph.outputs, given, strict=True)
    ]
    sums = {i: builder.input(tangent_aval(graph.avals[i])) for i, on in zip(wanted, gathered, strict=True) if on}
    before = Graph(graph.avals, tuple(fixed), tuple(prune(first, read)), read)
    values = inline(before, builder, known)
    part = Graph(graph.avals, (*read, *wanted), tuple(rest), graph.outputs)
    cts = [ct if i in moving else None for i, ct in zip(graph.outputs, cts, strict=True)]
    found = pull(part, len(read), builder, values, cts, sums)
    outs = [instantiate(builder, found.get(i), graph.avals[i]) for i in wanted]
    return SubGraph.from_graph(builder.build(outs))
