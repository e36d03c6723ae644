"""Parts of a program that the backward pass computes again instead of remembering.

A ``checkpoint_call`` is an equation around a sub-graph.  Its pushforward is a linear map of which only the operands are
residuals: its transpose first runs the sub-graph again.  When a program is made ready to run, calls are replaced by
what they call, and equal equations are computed once; ``again`` keeps the second run apart from the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.aval import aval
from ..core.evaluate import evaluate
from ..core.primitive import NoRule, Primitive, Sample, primitive
from .family import elementwise, grid, linear_jvp, with_batch
from .linear_call import linear_call
from .loop_operands import flags_of
from .subgraph import SubGraph, batched, pushforward, record_into, split, spreads, sub_graph, transposed

again: Primitive = elementwise(
    "again",
    "x, to compute something again from it",
    lambda x: x,
    None,
    grid(-2, 2),
    jvp=linear_jvp(lambda: again),
    transpose=lambda ct, x: (ct,),
    view=True,
    label="recomputation",
    explanation="begins what the backward pass computes again instead of remembering",
)


def _run(*args: Any, graph: SubGraph) -> tuple[Any, ...]:
    values = evaluate(graph, args)
    return tuple([np.array(values[i]) if i in graph.inputs else values[i] for i in graph.outputs])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], outs: Any, graph: SubGraph) -> Any:
    forward, backward, moves = maps(graph, flags_of(tangents))
    if not any(moves):
        return (None,) * len(outs)
    ts = [t for t in tangents if t is not None]
    made = iter(linear_call(*primals, *ts, forward=forward, backward=backward, residuals=len(primals)))
    return tuple([next(made) if moving else None for moving in moves])


@lru_cache(maxsize=1024)
def maps(graph: SubGraph, active: tuple[bool, ...]) -> tuple[SubGraph, SubGraph, tuple[bool, ...]]:
    """Return pushforward and pullback of a graph, both from its inputs, and which outputs have a tangent."""
    n, n_out = len(graph.inputs), len(graph.outputs)
    both, moves = pushforward(graph, active)
    avals = list(both.in_avals)
    forward = sub_graph(avals, lambda *args: record_into(both, args)[n_out:])
    parts, _ = split(graph, active)
    count = sum(active)
    flags = (*(False,) * parts.residuals, *(True,) * count)
    turned = transposed(SubGraph.from_graph(parts.linear), flags, (False,) * count, (True,) * sum(moves))

    def write(*args: Any) -> list[Any]:
        residuals = record_into(parts.primal, [again(x) for x in args[:n]])[n_out:]
        return record_into(turned, [*residuals, *args[n:]])

    cts = [aval(of.shape, of.dtype) for of, on in zip(graph.out_avals, moves, strict=True) if on]
    return forward, sub_graph([*avals[:n], *cts], write), moves


def _batch(size: int, args: Sequence[Any], flags: Sequence[bool], graph: SubGraph) -> Any:
    on = tuple(flags)
    outs = spreads(graph, on)
    made = checkpoint_call(*args, graph=batched(graph, size, on, outs))
    return tuple([with_batch(size, x, b) for x, b in zip(made, outs, strict=True)])


def _samples() -> list[Sample]:
    f, v = aval((), np.float64), aval((3,), np.float64)

    def named(x: Any, name: str, *args: Any, **params: Any) -> Any:
        return x.builder.apply_named(name, x, *args, **params)

    wave = sub_graph([v, v], lambda a, x: [named(a * x, "sin") * x, a])
    inner = sub_graph([f], lambda x: [named(x, "exp") * x])
    nested = sub_graph([f], lambda x: [named(checkpoint_call(x * x, graph=inner)[0], "tanh")])
    x = np.array([0.3, -1.2, 0.8])
    return [
        Sample((x, x[::-1].copy()), {"graph": wave}),
        Sample((np.asarray(0.7),), {"graph": nested}),
    ]


checkpoint_call: Primitive = primitive(
    "checkpoint_call",
    "a part of the program that the backward pass computes again",
    evaluate=_run,
    infer=lambda *avals, graph: graph.out_avals,
    jvp=_jvp,
    transpose=NoRule("a checkpoint_call is not linear; its pushforward is a linear_call"),
    batch=_batch,
    samples=_samples,
    multiple=True,
    remember=False,
    label="recomputation",
    explanation="the backward pass computes this part again instead of remembering its values",
)
