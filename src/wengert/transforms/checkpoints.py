"""Loops and stretches of a graph cut into segments that the backward pass computes again.

Nothing but loops and ``checkpoint_call`` is used: a loop of T iterations becomes a loop over segments, each of which is
one checkpointed call of a shorter loop.  Of a segment, reverse mode saves the carry that it begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.graph import Equation, Graph, prune
from ..ops.checkpoint import checkpoint_call
from ..ops.loop_derivatives import FIRST_CAPACITY
from ..ops.loop_operands import CAPACITY, COUNTER, Loop, avals, operands, parameters, parts, row_avals
from ..ops.subgraph import SubGraph, record_into, remake, sub_graph
from .schedule import parted


def can_be_cut(params: dict[str, Any]) -> bool:
    """Say whether segments can be made of a loop: one with a run-time count has no rows in or out."""
    if params["grows"] is not None:
        return False
    if not params["counted"] and params["test"] is None:
        return True
    body = params["body"]
    rows = len(body.inputs) - 1 - params["consts"] - params["carry"] + len(body.outputs) - params["carry"]
    return rows == 0 and not (params["test"] is not None and (params["counted"] or params["reverse"]))


def cut_loop(
    builder: Any, args: Sequence[Any], params: dict[str, Any], lengths: tuple[int, ...], room: int = FIRST_CAPACITY
) -> list[Any]:
    """Record a loop in segments of these lengths, level by level; return its outputs.

    Where the number of iterations is not known, there are ``room`` checkpoints at first.
    """
    given = operands(args, params["consts"], params["carry"], params["counted"])
    body = params["body"]
    if params["test"] is not None:
        return _until(builder, given.consts, given.carry, body, params["test"], params["length"], lengths[-1], room)
    zero = builder.full(0, (), np.int64)
    if params["counted"]:
        limit = params["length"]
        return _counted(
            builder, given.number[0], zero, given.consts, given.carry, body, limit, params["reverse"], lengths, room
        )
    segments = _Segments(body, len(given.consts), len(given.carry), params["reverse"])
    return segments.record(builder, zero, given.consts, given.carry, given.xs, params["length"], lengths)


class _Segments:
    """A loop with a fixed number of iterations, cut into segments."""

    def __init__(self, body: SubGraph, consts: int, carry: int, reverse: bool) -> None:
        self.body, self.consts, self.carry, self.reverse = body, consts, carry, reverse

    def record(
        self,
        b: Any,
        start: Any,
        consts: Sequence[Any],
        state: Sequence[Any],
        xs: Sequence[Any],
        iterations: int,
        lengths: tuple[int, ...],
    ) -> list[Any]:
        """Record iterations from number ``start`` on."""
        while lengths and lengths[0] >= iterations:
            lengths = lengths[1:]
        if not lengths:
            return self._plain(b, start, consts, state, xs, iterations)
        length = lengths[0]
        count, rest = parted(iterations, lengths)

        def main(state: Sequence[Any]) -> list[Any]:
            rows = [_part(x, 0, count * length) for x in xs]
            return self._checkpointed(b, start, consts, state, rows, count, length, lengths[1:])

        def tail(state: Sequence[Any]) -> list[Any]:
            rows = [_part(x, count * length, iterations) for x in xs]
            return self.record(b, start + count * length, consts, state, rows, rest, lengths[1:])

        if not rest:
            return main(state)
        first, second = (tail, main) if self.reverse else (main, tail)
        before = first(state)
        after = second(before[: self.carry])
        ys = [before[self.carry :], after[self.carry :]]
        low, high = reversed(ys) if self.reverse else ys
        joined = [b.apply_named("concatenate", x, y, axis=0) for x, y in zip(low, high, strict=True)]
        return [*after[: self.carry], *joined]

    def _plain(
        self, b: Any, start: Any, consts: Sequence[Any], state: Sequence[Any], xs: Sequence[Any], iterations: int
    ) -> list[Any]:
        inner = _shifted(self.body, [*avals(consts), COUNTER, *avals(state), *row_avals(xs)], self.consts)
        params = parameters(inner, None, self.consts + 1, self.carry, iterations, self.reverse, False, None)
        return list(b.apply_named("loop", *consts, start, *state, *xs, **dict(params)))

    def _checkpointed(
        self,
        b: Any,
        start: Any,
        consts: Sequence[Any],
        state: Sequence[Any],
        xs: Sequence[Any],
        count: int,
        length: int,
        lengths: tuple[int, ...],
    ) -> list[Any]:
        """Record ``count`` segments, each of which is computed again."""
        n, c = self.consts, self.carry
        blocks = [_reshaped(x, (count, length, *x.shape[1:])) for x in xs]
        inside = [*avals(consts), COUNTER, *avals(state), *row_avals(blocks)]

        def segment(*args: Any) -> list[Any]:
            cs, (first,), carried, rows = parts(args, (n, 1, c))
            return self.record(first.builder, first, cs, carried, rows, length, lengths)

        graph = sub_graph(inside, segment)

        def write(j: Any, *args: Any) -> list[Any]:
            cs, (first,), carried, rows = parts(args, (n, 1, c))
            return list(checkpoint_call(*cs, first + j * length, *carried, *rows, graph=graph))

        params = parameters(sub_graph([COUNTER, *inside], write), None, n + 1, c, count, self.reverse, False, None)
        made = b.apply_named("loop", *consts, start, *state, *blocks, **dict(params))
        return [*made[:c], *[_reshaped(y, (count * length, *y.shape[2:])) for y in made[c:]]]


def _shifted(body: SubGraph, ins: Sequence[Any], consts: int) -> SubGraph:
    """Return a body that counts from the number that is its last constant."""

    def write(k: Any, *args: Any) -> list[Any]:
        cs, (first,), rest = parts(args, (consts, 1))
        return record_into(body, (k + first, *cs, *rest))

    return sub_graph([COUNTER, *ins], write)


def _part(x: Any, start: int, stop: int) -> Any:
    """Return rows of an array."""
    if start == 0 and stop == x.shape[0]:
        return x
    first, ends = (start, *(0,) * (x.ndim - 1)), (stop, *x.shape[1:])
    return x.builder.apply_named("slice", x, starts=first, stops=ends, steps=(1,) * x.ndim)


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    return x.builder.apply_named("reshape", x, shape=shape)


# -- loops whose number of iterations is only known when they run -----------------------------------------------------


def _counted(
    b: Any,
    number: Any,
    start: Any,
    consts: Sequence[Any],
    state: Sequence[Any],
    body: SubGraph,
    limit: int | None,
    reverse: bool,
    lengths: tuple[int, ...],
    room: int = 0,
) -> list[Any]:
    """Record ``number`` iterations from number ``start`` on; segments are counted as well: the last may be shorter."""
    n, c = len(consts), len(state)
    inside = [*avals(consts), COUNTER, *avals(state)]
    number = b.apply_named("convert", number, dtype=np.dtype(np.int64)) if number.aval.dtype != np.int64 else number
    while lengths and limit is not None and lengths[0] >= limit:
        lengths = lengths[1:]
    if not lengths:
        params = parameters(_shifted(body, inside, n), None, n + 1, c, limit, reverse, True, None)
        return list(b.apply_named("loop", number, *consts, start, *state, **dict(params)))
    length = lengths[0]

    def segment(*args: Any) -> list[Any]:
        (count,), cs, (first,), carried = parts(args, (1, n, 1))
        return _counted(first.builder, count, first, cs, carried, body, length, reverse, lengths[1:])

    graph = sub_graph([COUNTER, *inside], segment)

    def write(j: Any, *args: Any) -> list[Any]:
        (total,), cs, (first,), carried = parts(args, (1, n, 1))
        count = j.builder.apply_named("min", total - j * length, j.builder.full(length, (), np.int64))
        return list(checkpoint_call(count, *cs, first + j * length, *carried, graph=graph))

    zero = b.full(0, (), np.int64)
    number = b.apply_named("max", number, zero)
    segments = b.apply_named("floor_divide", number + (length - 1), b.full(length, (), np.int64))
    outer = None if limit is None else -(-limit // length)
    whole = sub_graph([COUNTER, COUNTER, *inside], write)
    if outer is None:
        CAPACITY.setdefault(Loop(None, whole), room)
    params = parameters(whole, None, n + 2, c, outer, reverse, True, None)
    return list(b.apply_named("loop", segments, number, *consts, start, *state, **dict(params)))


def _until(
    b: Any,
    consts: Sequence[Any],
    state: Sequence[Any],
    body: SubGraph,
    test: SubGraph,
    limit: int | None,
    length: int,
    room: int,
) -> list[Any]:
    """Record a while loop in segments; how many iterations have been is part of what they carry."""
    n, c = len(consts), len(state)
    inside = [*avals(consts), COUNTER, *avals(state)]

    def step(k: Any, *args: Any) -> list[Any]:
        cs, (first, ticks), carried = parts(args, (n, 2))
        return [ticks + 1, *record_into(body, (k + first, *cs, *carried))]

    def goes_on(k: Any, *args: Any) -> list[Any]:
        cs, (first, _), carried = parts(args, (n, 2))
        return record_into(test, (k + first, *cs, *carried))

    within = [COUNTER, *avals(consts), COUNTER, COUNTER, *avals(state)]
    inner = parameters(sub_graph(within, step), sub_graph(within, goes_on), n + 1, c + 1, length, False, False, None)

    def segment(*args: Any) -> list[Any]:
        cs, (ticks,), carried = parts(args, (n, 1))
        return list(ticks.builder.apply_named("loop", *cs, ticks, ticks, *carried, **dict(inner)))

    graph = sub_graph(inside, segment)

    def write(j: Any, *args: Any) -> list[Any]:
        return list(checkpoint_call(*args, graph=graph))

    def more(j: Any, *args: Any) -> list[Any]:
        cs, (ticks,), carried = parts(args, (n, 1))
        (goes,) = record_into(test, (ticks, *cs, *carried))
        if limit is None:
            return [goes]
        b = goes.builder
        return [b.apply_named("logical_and", goes, b.apply_named("lt", ticks, b.full(limit, (), np.int64)))]

    outer = None if limit is None else -(-limit // length)
    whole, check = sub_graph([COUNTER, *inside], write), sub_graph([COUNTER, *inside], more)
    if outer is None:
        CAPACITY.setdefault(Loop(check, whole), room)
    params = parameters(whole, check, n, c + 1, outer, False, False, None)
    zero = b.full(0, (), np.int64)
    return list(b.apply_named("loop", *consts, zero, *state, **dict(params)))[1:]


# -- stretches of equations -------------------------------------------------------------------------------------------


def call_of(graph: Graph, equations: Sequence[Equation], wanted: set[int]) -> tuple[SubGraph, list[int], list[int]]:
    """Return some equations as a graph, the values that it takes, and those of ``wanted`` that it makes."""
    made = [i for equation in equations for i in equation.outputs]
    outs = [i for i in made if i in wanted]
    kept = prune(equations, outs)
    inside = {i for equation in kept for i in equation.outputs}
    ins = list(dict.fromkeys(i for equation in kept for i in equation.inputs if i not in inside))
    return SubGraph.from_graph(Graph(graph.avals, tuple(ins), tuple(kept), tuple(outs))), ins, outs


def rewritten(graph: Graph, builder: Any, record: Callable[[Any, dict[int, Any], int, Equation], bool]) -> Graph:
    """Return the graph recorded anew; ``record(builder, env, k, equation)`` says whether it did equation k itself."""
    env: dict[int, Any] = {i: builder.input(graph.avals[i]) for i in graph.inputs}
    for k, equation in enumerate(graph.equations):
        if not record(builder, env, k, equation):
            remake(builder, env, [equation])
    made: Graph = builder.build([env[i] for i in graph.outputs], graph.names)
    return made


def called(builder: Any, env: dict[int, Any], graph: SubGraph, ins: Sequence[int], outs: Sequence[int]) -> None:
    """Record a checkpointed call."""
    if outs:
        args = [env[i] for i in ins]
        made = builder.apply(checkpoint_call, args, (("graph", graph),))
        env.update(zip(outs, made, strict=True))
