"""ONNX forms of primitives that hold graphs: Loop, If, and calls, whose graphs are written in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...core.aval import Aval, aval
from ...core.graph import Graph
from ...ops.loop_operands import operands
from .arrays import reversed_along
from .model import Value, Writer, form

_FLAG: Final = aval((), np.bool_)


@form("custom_call", "checkpoint_call")
def _call(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], graph: Graph, **_: Any) -> Any:
    return w.run(graph, inputs)


@form("linear_call")
def _linear_call(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], forward: Graph, **_: Any) -> Any:
    return w.run(forward, inputs)


@form("cond")
def _cond(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], branches: Sequence[Graph]) -> Any:
    """Several branches are a chain: the first if the number is at most 0, else the second if it is at most 1 ..."""
    index, *args = inputs

    def branch(writer: Writer, k: int) -> Any:
        inner = writer.inner()
        made = choose(inner, k) if k < len(branches) - 1 else inner.run(branches[k], args)
        return inner.graph(f"branch_{k}", [], list(zip(made, outs, strict=True)))

    def choose(writer: Writer, k: int) -> list[str]:
        inner = writer.inner()
        here = inner.graph(f"branch_{k}", [], list(zip(inner.run(branches[k], args), outs, strict=True)))
        if index.aval.dtype == bool:
            first = writer.add("Not", index) if k == 0 else writer.constant(True)
        else:
            first = writer.add("LessOrEqual", index, writer.constant(k, index.aval.dtype))
        made = writer.add("If", first, outputs=len(outs), then_branch=here, else_branch=branch(writer, k + 1))
        return [made] if isinstance(made, str) else made

    if len(branches) == 1:
        return w.run(branches[0], args)
    return choose(w, 0)


@form("loop")
def _loop(
    w: Writer,
    inputs: Sequence[Value],
    outs: Sequence[Aval],
    body: Graph,
    test: Graph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> Any:
    """Constants are values outside, which ONNX's body sees; rows are read in it and stacked by it."""
    given = operands(inputs, consts, carry, counted)
    count = ""
    if counted:
        count = w.cast(given.number[0], np.int64)
        if length is not None:
            count = w.add("Min", count, w.constant(length, np.int64))
    elif length is not None:
        count = w.constant(length, np.int64)
    inner = w.inner()
    step, going = inner.unique("iteration"), inner.unique("condition")
    state = [inner.unique(f"carry_{k}") for k in range(carry)]
    at = step
    if reverse and count:
        at = inner.add("Sub", inner.add("Sub", count, inner.constant(1, np.int64)), step)
    rows = [inner.add("Gather", x, at, axis=0) for x in given.xs]
    made = inner.run(body, [at, *given.consts, *state, *rows])
    again = inner.add("Identity", going)
    start = w.constant(True)
    if test is not None:
        start = w.run(test, [w.constant(0, np.int64), *given.consts, *given.carry])[0]
        after = inner.add("Add", step, inner.constant(1, np.int64))
        again = inner.run(test, [after, *given.consts, *made[:carry]])[0]
    avals = body.out_avals
    flag = inner.onnx.helper.make_tensor_value_info(going, inner.type(np.bool_), ())
    counter = inner.onnx.helper.make_tensor_value_info(step, inner.type(np.int64), ())
    declared = [counter, flag, *[inner.info(name, of) for name, of in zip(state, avals, strict=False)]]
    results = [(again, _FLAG), *zip(made, avals, strict=True)]
    graph = inner.graph("body", declared, results)
    found = w.add("Loop", count, start, *given.carry, outputs=len(outs), body=graph) if outs else []
    names = [found] if isinstance(found, str) else list(found)
    short = counted or test is not None
    ys = zip(names[carry:], outs[carry:], strict=True)
    return [*names[:carry], *[_stacked(w, y, of, reverse, short) for y, of in ys]]


def _stacked(w: Writer, y: str, of: Aval, reverse: bool, short: bool) -> str:
    """Return rows in the order of their places, with zeros for iterations that did not run though there is room."""
    if reverse:
        y = reversed_along(w, y, (0,))
    if short:
        ran = w.add("Shape", y, start=0, end=1)
        zeros = w.add("Expand", w.constant(0, of.dtype), w.ints(*of.shape))
        rest = w.add("Slice", zeros, ran, w.ints(of.shape[0]), w.ints(0))
        y = w.add("Concat", y, rest, axis=0)
    return y
