"""Loops without rows, for machines that know only memory.

A row of an input is read by its number; a row of a result is written, by its number, into an array that is carried.
Where the row is itself what an inner loop stacks, the inner loop is given the whole array and writes where its rows
belong, so that nothing is copied from loop to loop: what a derivative saves is written once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..core.aval import aval
from ..core.builder import Builder
from ..core.graph import Equation, Graph
from ..core.primitive import lookup
from ..ops.loop_operands import operands, parameters
from ..ops.subgraph import SubGraph, remake, sub_graph, zeros


@dataclass(frozen=True)
class Place:
    """Where a result is to be written: the row of ``array`` that ``indices`` point to."""

    array: Any
    indices: tuple[Any, ...]

    def write(self, value: Any) -> Any:
        """Record the writing; return the array with the row in it."""
        axes = tuple(range(len(self.indices)))
        return self.array.builder.apply_named("gather_set", self.array, value, *self.indices, axes=axes)


def has_control(graph: Graph) -> bool:
    """Say whether a graph has loops or choices in it."""
    return any(equation.primitive.name in ("loop", "cond") for equation in graph.equations)


def without_rows(graph: Graph) -> Graph:
    """Return a graph whose loops have nothing but constants and a carry."""
    if not has_control(graph):
        return graph
    builder = Builder(reuse=True)
    env: dict[int, Any] = {i: builder.input(graph.avals[i]) for i in graph.inputs}
    _record(builder, env, graph, {})
    return builder.build([env[i] for i in graph.outputs], graph.names)


def _record(builder: Builder, env: dict[int, Any], graph: Graph, places: dict[int, Place]) -> None:
    """Record equations over the symbols in ``env``.

    What an inner loop stacks and ``places`` has a place for is written there; ``env`` then has the whole array.
    """
    partly = _partly_read(graph)
    for equation in graph.equations:
        name = equation.primitive.name
        if name not in ("loop", "cond"):
            remake(builder, env, [equation])
            continue
        params = dict(equation.params)
        args = [env[i] for i in equation.inputs]
        builder.place = equation.source
        if name == "loop":
            whole = [i not in partly for i in equation.outputs]
            outs = _unrowed(builder, equation, args, [places.get(i) for i in equation.outputs], whole, **params)
        else:
            branches = tuple([SubGraph.from_graph(without_rows(branch)) for branch in params["branches"]])
            outs = builder.apply(equation.primitive, args, (("branches", branches),))
        env.update(zip(equation.outputs, outs, strict=True))
    builder.place = None


def _unrowed(
    builder: Builder,
    equation: Equation,
    args: list[Any],
    places: list[Place | None],
    whole: list[bool],
    *,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> Any:
    given = operands(args, consts, carry, counted)
    stacks, prefixes = [], []
    early = counted or test is not None
    for of, place, on in zip(body.out_avals[carry:], places[carry:], whole[carry:], strict=True):
        shape = (length or 0, *of.shape)
        # A loop that may stop early has zeros in the rows that it does not reach, if anybody looks at them.
        room = zeros(builder, aval(shape, of.dtype)) if early and on else _room(builder, shape, of.dtype)
        stacks.append(room if place is None else place.array)
        prefixes.append(() if place is None else place.indices)
    around = [index for prefix in prefixes for index in prefix]
    before = [*given.consts, *given.xs, *around]
    n_xs, n_before = len(given.xs), len(before)
    inner_stacks = _stacked_inside(body, carry)
    claimed = _claimed(body, consts, carry)

    def write(k: Any, *rest: Any) -> list[Any]:
        b = k.builder
        xs, indices = rest[consts : consts + n_xs], iter(rest[consts + n_xs : n_before])
        state, ys = rest[n_before : n_before + carry], rest[n_before + carry :]
        rows = [b.apply_named("gather", x, k, axes=(0,)) for x in xs]
        env = dict(zip(body.inputs, [k, *rest[:consts], *state, *rows], strict=True))
        rows_of = [Place(y, (*[next(indices) for _ in prefix], k)) for y, prefix in zip(ys, prefixes, strict=True)]
        made = body.outputs[carry:]
        # What a choice or a loop may write over is kept before.
        first = {i: p.write(env[i]) for i, p in zip(made, rows_of, strict=True) if i in claimed}
        _record(b, env, body, {i: p for i, p in zip(made, rows_of, strict=True) if i in inner_stacks})
        kept = [
            env[i] if i in inner_stacks else first[i] if i in first else p.write(env[i])
            for i, p in zip(made, rows_of, strict=True)
        ]
        return [*[env[i] for i in body.outputs[:carry]], *kept]

    def check(k: Any, *rest: Any) -> list[Any]:
        assert test is not None
        values = dict(zip(test.inputs, [k, *rest[:consts], *rest[n_before : n_before + carry]], strict=True))
        remake(k.builder, values, test.equations)
        return [values[i] for i in test.outputs]

    avals = [body.in_avals[0], *[aval(x.aval.shape, x.aval.dtype) for x in [*before, *given.carry, *stacks]]]
    inner = sub_graph(avals, write)
    return builder.apply(
        equation.primitive,
        [*given.number, *before, *given.carry, *stacks],
        parameters(
            inner,
            None if test is None else sub_graph(avals, check),
            n_before,
            carry + len(stacks),
            length,
            reverse,
            counted,
            grows,
        ),
    )


def _claimed(body: Graph, consts: int, carry: int) -> set[int]:
    """Return the numbers of what an iteration begins with and hands to choices or loops within it."""
    handed = {i for equation in body.equations if equation.primitive.name in ("cond", "loop") for i in equation.inputs}
    return handed.intersection(body.inputs[1 + consts : 1 + consts + carry])


def _room(builder: Builder, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array to stack rows in.

    All its rows are written, or only those are read that are.  So it begins as it is, and memory that is not needed is
    never touched.
    """
    return builder.apply(lookup("room"), (), (("shape", shape), ("dtype", dtype), ("number", len(builder.code))))


def _partly_read(graph: Graph) -> set[int]:
    """Return the values that are only read row by row, by loops that are told how many rows there are.

    Such loops are made by differentiation, and count what the loop that they belong to has counted.
    """
    found: set[int] = set()
    others = set(graph.outputs)
    for equation in graph.equations:
        params, first = dict(equation.params), len(equation.inputs)
        if equation.primitive.name == "loop" and params["counted"]:
            first = 1 + params["consts"] + params["carry"]
        found.update(equation.inputs[first:])
        others.update(equation.inputs[:first])
    return found - others


def _stacked_inside(body: Graph, carry: int) -> set[int]:
    """Return the rows of a body's results that are what a loop inside of it stacks, and nothing else reads."""
    reads = Counter(body.outputs)
    for equation in body.equations:
        reads.update(equation.inputs)
    found: set[int] = set()
    for equation in body.equations:
        if equation.primitive.name == "loop":
            found.update(equation.outputs[dict(equation.params)["carry"] :])
    return {i for i in body.outputs[carry:] if i in found and reads[i] == 1}
