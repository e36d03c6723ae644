"""A linear map that is known by two graphs: what it does, and what its transpose does.

Where the way to compute a linear map is not made of linear equations (the pushforward of a differential equation solves
a larger differential equation; its pullback solves one backwards in time), the transpose cannot be derived equation by
equation.  ``linear_call`` is told it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.evaluate import evaluate
from ..core.primitive import Sample, primitive
from .family import scaled, with_batch
from .subgraph import SubGraph, batched, record_into, split, sub_graph, zeros


def _run(*args: Any, forward: SubGraph, backward: SubGraph, residuals: int) -> tuple[Any, ...]:
    values = evaluate(forward, args)
    return tuple([values[i] for i in forward.outputs])


def _jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    outs: Any,
    forward: SubGraph,
    backward: SubGraph,
    residuals: int,
) -> Any:
    builder = next(t.builder for t in tangents if t is not None)
    given = [zeros(builder, x.aval) if t is None else t for x, t in zip(primals, tangents, strict=True)]
    if all(t is None for t in tangents[:residuals]):
        return linear_call(
            *primals[:residuals], *given[residuals:], forward=forward, backward=backward, residuals=residuals
        )
    active = tuple([t is not None for t in tangents])
    parts, moves = split(forward, active)
    known = record_into(parts.primal, primals)[len(forward.outputs) :]
    moved = iter(record_into(parts.linear, [*known, *[t for t in tangents if t is not None]]))
    return tuple([next(moved) if moving else None for moving in moves])


def _transpose(cts: Sequence[Any], *operands: Any, forward: SubGraph, backward: SubGraph, residuals: int) -> Any:
    builder = next(ct.builder for ct in cts if ct is not None)
    known = operands[:residuals]
    cts = [zeros(builder, of) if ct is None else ct for ct, of in zip(cts, forward.out_avals, strict=True)]
    made = linear_call(*known, *cts, forward=backward, backward=forward, residuals=residuals)
    return (*(None,) * residuals, *made)


def _batch(
    size: int, args: Sequence[Any], flags: Sequence[bool], forward: SubGraph, backward: SubGraph, residuals: int
) -> Any:
    # Linear operands always have the batch axis: the cotangent of one that is shared is then summed by the transpose of
    # the broadcast.
    moved = [with_batch(size, x, b) for x, b in zip(args[residuals:], flags[residuals:], strict=True)]
    forward, backward = batched_pair(forward, backward, size, tuple(flags[:residuals]))
    return linear_call(*args[:residuals], *moved, forward=forward, backward=backward, residuals=residuals)


def batched_pair(
    forward: SubGraph, backward: SubGraph, size: int, flags: tuple[bool, ...]
) -> tuple[SubGraph, SubGraph]:
    """Return a map and its transpose for a batch; ``flags`` says which residuals have the batch axis."""
    ins, outs = len(forward.inputs) - len(flags), len(forward.outputs)
    return (
        batched(forward, size, (*flags, *(True,) * ins), (True,) * outs),
        batched(backward, size, (*flags, *(True,) * outs), (True,) * ins),
    )


def _scaling(shape: tuple[int, ...], dtype: Any = np.float64) -> dict[str, Any]:
    """Return the map (x, y) -> a x + y, for the generated tests."""
    of = aval(shape, dtype)
    forward = sub_graph([of, of, of], lambda a, x, y: [scaled(a, x) + y])
    backward = sub_graph([of, of], lambda a, ct: [scaled(a, ct), ct])
    return {"forward": forward, "backward": backward, "residuals": 1}


def _infer(*avals: Aval, forward: SubGraph, backward: SubGraph, residuals: int) -> tuple[Aval, ...]:
    return forward.out_avals


linear_call = primitive(
    "linear_call",
    "a linear map that is known with its transpose",
    evaluate=_run,
    infer=_infer,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    samples=lambda: [
        Sample((np.array([0.5, -2.0]), np.array([1.0, 3.0]), np.array([2.0, 1.0])), _scaling((2,))),
        Sample((np.array(0.5), np.array(2.0), np.array(1.0)), _scaling(())),
        Sample((np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2))), _scaling((0, 2))),
    ],
    multiple=True,
    remember=False,
    label="linear map",
    explanation="hands back what the transposed map makes of the incoming gradient",
)
