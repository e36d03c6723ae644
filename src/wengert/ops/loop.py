"""The loop: a body that is run again and again, each time on what it returned the time before (the carry).

    for k in range(length):
        *carry, *y = body(k, *constants, *carry, *rows k of the inputs)

and the rows y of all iterations are stacked into arrays.  With a ``test`` it is a while loop: it ends when
``test(k, *constants, *carry)`` is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.evaluate import evaluate
from ..core.primitive import Primitive, Sample, primitive
from ..errors import ShapeError, explain
from .loop_batching import batch
from .loop_derivatives import gather, linearize, push, transpose
from .loop_operands import COUNTER, TapeFull, operands, parameters
from .subgraph import SubGraph, sub_graph

# -- running ----------------------------------------------------------------------------------------------------------


def _evaluate(
    *args: Any,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[Any, ...]:
    def run(graph: SubGraph, inputs: Sequence[Any]) -> list[Any]:
        values = evaluate(graph, inputs)
        return [values[i] for i in graph.outputs]

    return iterate(run, run, args, body, test, consts, carry, length, reverse, counted, grows)


def iterate(
    run_body: Callable[..., Sequence[Any]],
    run_test: Callable[..., Sequence[Any]],
    args: Sequence[Any],
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[Any, ...]:
    """Run a loop in Python; ``run_body(graph, inputs)`` runs a graph."""
    given = operands(args, consts, carry, counted)
    count = length if not counted else max(0, int(given.number[0]))
    if counted and length is not None and count is not None and count > length:
        if grows is not None:
            raise TapeFull(grows, length)
        count = length
    rows = 0 if length is None else length
    ys = [np.zeros((rows, *of.shape), of.dtype) for of in body.out_avals[carry:]]
    state: list[Any] = [np.array(x, of.dtype) for x, of in zip(given.carry, body.out_avals, strict=False)]
    k = 0
    while test is not None or count is None or k < count:
        if test is not None:
            if not run_test(test, [np.int64(k), *given.consts, *state])[0]:
                break
            if count is not None and k >= count:
                if grows is not None:
                    raise TapeFull(grows, count)
                break
        at = np.int64(count - 1 - k if reverse and count is not None else k)
        outs = run_body(body, [at, *given.consts, *state, *[x[at] for x in given.xs]])
        state = list(outs[:carry])
        for y, row in zip(ys, outs[carry:], strict=True):
            y[at] = row
        k += 1
    return (*state, *ys)


def _infer(
    *avals: Aval,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[Aval, ...]:
    given = operands(avals, consts, carry, counted)
    rows = [aval(of.shape[1:], of.dtype) for of in given.xs if of.shape and of.shape[0] == length]
    found = [COUNTER, *given.consts, *given.carry, *rows]
    expected = body.in_avals
    if [(of.shape, of.dtype) for of in found] != [(of.shape, of.dtype) for of in expected]:
        raise ShapeError(
            explain("A loop's operands are what its body takes.", found=f"{found}, but the body takes {list(expected)}")
        )
    outs = body.out_avals
    if [(of.shape, of.dtype) for of in outs[:carry]] != [(of.shape, of.dtype) for of in given.carry]:
        raise ShapeError(
            explain(
                "A loop's body returns a carry of the shapes and dtypes that it was given.",
                found=f"{list(outs[:carry])} for {given.carry}",
            )
        )
    if length is None and (len(outs) > carry or given.xs or (reverse and not counted)):
        raise ShapeError(explain("A loop that stacks or reads rows has a length.", found="length=None"))
    return (*outs[:carry], *[aval((length or 0, *of.shape), of.dtype) for of in outs[carry:]])


# -- the record -------------------------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    """A recurrence with rows in and out, the same backwards, counted at run time, a while loop, a loop in a loop."""
    f, n = aval((), np.float64), COUNTER
    v = aval((3,), np.float64)

    def named(x: Any, name: str, *args: Any, **params: Any) -> Any:
        return x.builder.apply_named(name, x, *args, **params)

    scan = sub_graph([n, f, f, f], lambda k, c, s, x: [named(s, "sin") * c + x, s * x])
    add = sub_graph([n, v, v], lambda k, c, s: [named(s, "tanh") * c + s])
    halve = sub_graph([n, f, f], lambda k, c, s: [s * c - s * s * 0.1])
    above = sub_graph([n, f, f], lambda k, c, s: [named(s, "gt", s.builder.full(1, (), np.float64))])

    def write_at(k: Any, a: Any, u: Any) -> list[Any]:
        b = k.builder
        left = b.apply_named("gather", u, k, axes=(0,))
        return [b.apply_named("gather_set", u, left * b.apply_named("gather", a, k, axes=(0,)), k + 1, axes=(0,))]

    def times(k: Any, a: Any, u: Any) -> list[Any]:
        outs = k.builder.apply(loop, [a, u], parameters(sweep, None, 1, 1, 2, False, False, None))
        return [outs[0] * 2.0]

    sweep = sub_graph([n, v, v], lambda k, a, u: write_at(k, a, u))
    nested = sub_graph([n, v, v], times)

    def with_params(body: SubGraph, consts: int, carry: int, length: int | None = 4, **more: Any) -> dict[str, Any]:
        base = dict(parameters(body, None, consts, carry, length, False, False, None))
        return {**base, **more}

    rng = np.random.default_rng(3)
    x, c, s = rng.uniform(0.4, 1.2, 4), np.asarray(0.7), np.asarray(1.3)
    a, u = rng.uniform(0.5, 1.5, 3), rng.uniform(0.5, 1.5, 3)
    return [
        Sample((c, s, x), with_params(scan, 1, 1)),
        Sample((c, s, x), with_params(scan, 1, 1, reverse=True)),
        Sample((np.asarray(2), c, s, x), with_params(scan, 1, 1, counted=True)),
        Sample((np.asarray(3), a, u), with_params(add, 1, 1, None, counted=True)),
        Sample((np.asarray(0.8), np.asarray(2.3)), with_params(halve, 1, 1, None, test=above)),
        Sample((a, u), with_params(sweep, 1, 1, 2)),
        Sample((a, u), with_params(nested, 1, 1, 3)),
        Sample((c, s, x[:0]), with_params(scan, 1, 1, 0)),
    ]


loop: Primitive = primitive(
    "loop",
    "a body run again and again on what it returned the time before",
    evaluate=_evaluate,
    infer=_infer,
    jvp=lambda primals, tangents, outs, **params: push(primals, tangents, outs, **params)[1],
    push=push,
    linearize=linearize,
    transpose=transpose,
    gather=gather,
    batch=batch,
    samples=_samples,
    multiple=True,
    remember=False,
    label="loop",
    explanation="runs backwards: the gradient of what each iteration returned flows through it to what it was given",
)
