"""What a loop's derivative saves although it is still there.

Linearizing a loop saves what the linear part reads, for every iteration: of an in-place factorisation, three numbers
for each of n³/6 steps.  But most entries that such a loop reads are final, and the loop's result holds them to the
end.  Where :mod:`.dependence` shows that, nothing is saved: the backward loops read the result itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.aval import aval
from ..core.bounds import Affine, extend
from ..core.builder import Builder
from ..core.graph import Equation, Graph
from ..ops.loop_operands import operands, parameters, row_avals
from ..ops.subgraph import SubGraph, remake, sub_graph
from .dependence import Nest, Read, final_version
from .loops import tidy
from .remade import Remade, remade


def lean(graph: Graph) -> Graph:
    """Return a graph with the same outputs whose loops carry and save no more than they must."""
    tidied = tidy(graph)
    again = reread(tidied)
    return tidied if again is tidied else tidy(again)


def reread(graph: Graph) -> Graph:
    """Return a graph whose loops read again what other loops need not have saved; the graph itself if there is none."""
    reads = _reads(graph)
    if not reads:
        return graph
    builder = Builder(reuse=True)
    env: dict[int, Any] = {i: builder.input(graph.avals[i]) for i in graph.inputs}
    for equation in graph.equations:
        mine = {i: reads[i] for i in equation.inputs if i in reads}
        if not mine:
            remake(builder, env, [equation])
            continue
        builder.place = equation.source
        outs = _rewritten(equation, env, mine, {array: env[array] for array in _arrays(mine.values())}, ())
        env.update(zip(equation.outputs, outs, strict=True))
    builder.place = None
    return builder.build([env[i] for i in graph.outputs], graph.names)


def _arrays(rows: Iterable[Remade]) -> list[int]:
    """Return the arrays from which rows are made."""
    return list(dict.fromkeys(array for row in rows for array in row.arrays))


def _reads(graph: Graph) -> dict[int, Remade]:
    """Return for saved rows how to make them of arrays that still hold what they are made of."""
    found: dict[int, Remade] = {}
    known: dict[int, Affine] = {}
    for k, equation in enumerate(graph.equations):
        extend(known, graph, equation)
        if equation.primitive.name != "loop":
            continue
        nest = Nest(equation, known)
        for value, row in zip(equation.outputs[nest.carry :], nest.body.outputs[nest.carry :], strict=True):
            if value in graph.outputs:
                continue
            users = [e for e in graph.equations[k + 1 :] if value in e.inputs]
            made = remade(nest, row) or _version_read(nest, row, value, users, known)
            if made is None:
                continue
            worth = all(2 * graph.avals[value].size >= graph.avals[i].size for i in made.arrays)
            if users and worth and all(_reads_rows(e, value, made.depth) for e in users):
                found[value] = made
    return found


def _version_read(
    nest: Nest, row: int, value: int, users: Sequence[Equation], known: Mapping[int, Affine]
) -> Remade | None:
    """Return which array to read if saved versions of it differ from it only where nobody looks."""
    found: set[int | None] = set()
    for equation in users:
        if not _reads_rows(equation, value, 1):
            return None
        reader = Nest(equation, known)
        if reader.path != nest.path:
            return None
        mine = [i for i, x in zip(reader.inputs.xs, reader.given.xs, strict=True) if x == value]
        found |= {final_version(nest, row, reader, i) for i in mine}
    carry = found.pop() if len(found) == 1 else None
    return None if carry is None else Remade(1, [Read(nest.equation.outputs[carry], (), (), 1, whole=True)])


def _reads_rows(equation: Equation, value: int, depth: int) -> bool:
    """Say whether an equation is a loop that reads a value row by row, so many loops deep."""
    if equation.primitive.name != "loop":
        return False
    params = dict(equation.params)
    given = operands(equation.inputs, params["consts"], params["carry"], params["counted"])
    if value in (*given.number, *given.consts, *given.carry):
        return False
    if depth == 1:
        return True
    body: Graph = params["body"]
    rows = operands(body.inputs[1:], params["consts"], params["carry"], False).xs
    mine = [row for row, x in zip(rows, given.xs, strict=True) if x == value]
    return not any(row in body.outputs for row in mine) and all(
        _reads_rows(e, row, depth - 1) for row in mine for e in body.equations if row in e.inputs
    )


def _rewritten(
    equation: Equation, env: dict[int, Any], rows: dict[int, Remade], arrays: dict[int, Any], counters: Sequence[Any]
) -> Any:
    """Record a loop without ``rows``, which its body makes of ``arrays``."""
    params = dict(equation.params)
    consts, carry = params["consts"], params["carry"]
    body: Graph = params["body"]
    given = operands(equation.inputs, consts, carry, params["counted"])
    inner = operands(body.inputs[1:], consts, carry, False)
    gone = {row: i for row, i in zip(inner.xs, given.xs, strict=True) if i in rows}
    names = _arrays(rows[i] for i in gone.values())
    more = [*[arrays[i] for i in names], *counters]
    const_values = [*[env[i] for i in given.consts], *more]
    carry_values = [env[i] for i in given.carry]
    xs = [(row, env[i]) for row, i in zip(inner.xs, given.xs, strict=True) if i not in rows]
    states = len(const_values), len(const_values) + carry

    def write(k: Any, *rest: Any) -> list[Any]:
        builder = k.builder
        of_arrays = dict(zip(names, rest[consts : consts + len(names)], strict=True))
        around = (*rest[consts + len(names) : states[0]], k)
        kept = [*inner.consts, *inner.carry, *[row for row, _ in xs]]
        values = dict(zip(kept, [*rest[:consts], *rest[states[0] :]], strict=True))
        values[body.inputs[0]] = k
        deeper = {row: rows[i] for row, i in gone.items() if rows[i].depth > len(around)}
        for row, i in gone.items():
            if row not in deeper:
                values[row] = _again(builder, rows[i], of_arrays, around)
        for e in body.equations:
            mine = {i: deeper[i] for i in e.inputs if i in deeper}
            if mine:
                builder.place = e.source
                outs = _rewritten(e, values, mine, {i: of_arrays[i] for i in _arrays(mine.values())}, around)
                values.update(zip(e.outputs, outs, strict=True))
            else:
                remake(builder, values, [e])
        builder.place = None
        return [values[i] for i in body.outputs]

    avals = [body.in_avals[0], *[aval(x.aval.shape, x.aval.dtype) for x in [*const_values, *carry_values]]]
    made = sub_graph([*avals, *row_avals([x for _, x in xs])], write)
    test = params["test"]
    if test is not None:
        test = _with_more(test, consts, more)
    return carry_values[0].builder.apply(
        equation.primitive,
        [*[env[i] for i in given.number], *const_values, *carry_values, *[x for _, x in xs]],
        parameters(
            made,
            test,
            len(const_values),
            carry,
            params["length"],
            params["reverse"],
            params["counted"],
            params["grows"],
        ),
    )


def _with_more(test: SubGraph, consts: int, more: Sequence[Any]) -> SubGraph:
    """Return a loop's test that is given further constants, which it does not look at."""
    avals = list(test.in_avals)
    avals[1 + consts : 1 + consts] = [aval(x.aval.shape, x.aval.dtype) for x in more]

    def write(*args: Any) -> list[Any]:
        values = dict(zip(test.inputs, [*args[: 1 + consts], *args[1 + consts + len(more) :]], strict=True))
        remake(args[0].builder, values, test.equations)
        return [values[i] for i in test.outputs]

    return sub_graph(avals, write)


def _again(builder: Any, row: Remade, arrays: Mapping[int, Any], counters: Sequence[Any]) -> Any:
    """Record what makes a row of arrays that hold what it is made of."""
    values: list[Any] = []
    for item in row.items:
        if not isinstance(item, Read):
            equation, args = item
            values.append(builder.apply(equation.primitive, [values[k] for k in args], equation.params))
        elif item.whole:
            values.append(arrays[item.array])
        else:
            values.append(_read(builder, arrays[item.array], item, counters))
    return values[-1]


def _read(builder: Any, array: Any, read: Read, counters: Sequence[Any]) -> Any:
    indices = [_number(builder, form, counters) for form in read.index]
    return builder.apply_named("gather", array, *indices, **dict(read.params))


def _number(builder: Any, form: Affine, counters: Sequence[Any]) -> Any:
    """Record an affine expression of counters."""
    total: Any = None
    for counter, c in form.terms:
        term = counters[counter.depth]
        if c != 1:
            term = builder.apply_named("mul", term, builder.full(c, (), np.int64))
        total = term if total is None else builder.apply_named("add", total, term)
    if total is None or form.constant:
        constant = builder.full(form.constant, (), np.int64)
        total = constant if total is None else builder.apply_named("add", total, constant)
    return total
