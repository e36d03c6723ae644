"""Loops made lean before they run: what nobody needs is left out, what never changes is computed once, outside.

Derivatives of loops carry more than is asked for in the end (the value beside the gradient, cotangents of what is
constant).  ``tidy`` leaves out the parts of a carry that no result depends on, makes a constant of a part that no
iteration changes, moves what depends on constants only in front of the loop, and does the same in the loops inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..core.builder import Builder
from ..core.graph import Equation, Graph, prune
from ..ops.loop_operands import operands, parameters
from ..ops.residuals import MOVEMENT
from ..ops.subgraph import SubGraph, remake, sub_graph
from .cleared import without_clearing
from .joining import with_parts_joined
from .rows import has_control
from .simplify import simplify


def tidy(graph: Graph) -> Graph:
    """Return a graph with the same outputs and lean loops; the graph itself where it has none."""
    if not has_control(graph):
        return graph
    builder = Builder(reuse=True)
    env: dict[int, Any] = {i: builder.input(graph.avals[i]) for i in graph.inputs}
    used = _used(graph)
    for equation in graph.equations:
        if used.isdisjoint(equation.outputs):
            continue
        if equation.primitive.name == "loop":
            builder.place = equation.source
            _tidy_loop(builder, env, equation, used, **dict(equation.params))
        elif equation.primitive.name == "cond":
            builder.place = equation.source
            branches = tuple([SubGraph.from_graph(tidy(simplify(b))) for b in dict(equation.params)["branches"]])
            outs = builder.apply(equation.primitive, [env[i] for i in equation.inputs], (("branches", branches),))
            env.update(zip(equation.outputs, outs, strict=True))
        else:
            remake(builder, env, [equation])
    builder.place = None
    return builder.build([env[i] for i in graph.outputs], graph.names)


def iterations(graph: Graph) -> int:
    """Count the iterations of all loops of a graph, of loops in loops their products; unknown numbers count as 100."""
    total = 0
    for equation in graph.equations:
        params = dict(equation.params)
        if equation.primitive.name == "loop":
            times = params["length"] if params["length"] is not None and not params["counted"] else 100
            total += times * (1 + iterations(params["body"]))
        elif equation.primitive.name == "cond":
            total += max(map(iterations, params["branches"]))
    return total


def _used(graph: Graph) -> set[int]:
    """Return the values that outputs depend on, loops looked through."""
    used = set(graph.outputs)
    for equation in reversed(graph.equations):
        if used.isdisjoint(equation.outputs):
            continue
        if equation.primitive.name == "loop":
            _, ins = _needed(equation, used, **dict(equation.params))
            used.update([i for i, on in zip(equation.inputs, ins, strict=True) if on])
        else:
            used.update(equation.inputs)
    return used


def _reaches(graph: Graph, outputs: Sequence[int]) -> set[int]:
    """Return the inputs that some outputs depend on."""
    needed = set(outputs)
    for equation in reversed(graph.equations):
        if not needed.isdisjoint(equation.outputs):
            needed.update(equation.inputs)
    return needed.intersection(graph.inputs)


def _needed(
    equation: Equation, used: set[int], body: SubGraph, test: SubGraph | None, carry: int, consts: int, **params: Any
) -> tuple[list[bool], list[bool]]:
    """Say which outputs of a loop are needed, by others or by the loop itself, and which operands."""
    outs = [i in used for i in equation.outputs]
    inputs = operands(body.inputs[1:], consts, carry, False)
    steering = [] if test is None else [test.inputs.index(i) for i in _reaches(test, test.outputs)]
    for p in steering:
        if p > consts:
            outs[p - 1 - consts] = True
    while True:
        reached = _reaches(body, [o for o, on in zip(body.outputs, outs, strict=True) if on])
        later = [on or (k < carry and inputs.carry[k] in reached) for k, on in enumerate(outs)]
        if later == outs:
            break
        outs = later
    of_consts = [i in reached or 1 + k in steering for k, i in enumerate(inputs.consts)]
    of_xs = [i in reached for i in inputs.xs]
    counts = [True] * int(params["counted"])
    return outs, [*counts, *of_consts, *outs[:carry], *of_xs]


def _tidy_loop(
    builder: Builder,
    env: dict[int, Any],
    equation: Equation,
    used: set[int],
    *,
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> None:
    body = SubGraph.from_graph(simplify(body))
    outs, ins = _needed(equation, used, body=body, test=test, consts=consts, carry=carry, counted=counted)
    given = operands(equation.inputs, consts, carry, counted)
    on = operands(ins, consts, carry, counted)
    inner = operands(body.inputs[1:], consts, carry, False)
    # A part of the carry that comes back as it was is a constant.
    same = [body.outputs[k] == inner.carry[k] and on.carry[k] for k in range(carry)]
    const_ids = [i for i, o in zip(inner.consts, on.consts, strict=True) if o]
    const_ids += [i for i, s in zip(inner.carry, same, strict=True) if s]
    const_values = [env[i] for i, o in zip(given.consts, on.consts, strict=True) if o]
    const_values += [env[i] for i, s in zip(given.carry, same, strict=True) if s]
    moving = [k for k in range(carry) if on.carry[k] and not same[k]]
    carry_ids = [inner.carry[k] for k in moving]
    x_ids = [i for i, o in zip(inner.xs, on.xs, strict=True) if o]
    stacked = [k for k in range(carry, len(outs)) if outs[k]]
    lean = Graph(
        body.avals,
        (body.inputs[0], *const_ids, *carry_ids, *x_ids),
        tuple(prune(body.equations, [body.outputs[k] for k in [*moving, *stacked]])),
        tuple([body.outputs[k] for k in [*moving, *stacked]]),
        (),
    )
    lean, hoisted, again = _without_steady(lean, len(const_ids))
    inside = dict(zip(const_ids, const_values, strict=True))
    remake(builder, inside, again)
    builder.place = equation.source
    const_values += [inside[i] for i in hoisted]
    lean, place = _each_once(lean, const_values)
    const_values = [value for k, value in enumerate(const_values) if place[k] not in place[:k]]
    lean = tidy(without_clearing(with_parts_joined(simplify(lean))))
    check = None
    if test is not None:
        places = operands(test.inputs[1:], consts, carry, False)
        names = [i for i, o in zip(places.consts, on.consts, strict=True) if o]
        names += [i for i, s in zip(places.carry, same, strict=True) if s]
        later = [places.carry[k] for k in moving]
        avals = [*lean.in_avals[: 1 + len(const_values)], *[test.avals[i] for i in later]]
        graph = simplify(test)

        def write(k: Any, *rest: Any) -> list[Any]:
            args = [k, *[rest[place[j]] for j in range(len(names))], *rest[len(const_values) :]]
            known = dict(zip([test.inputs[0], *names, *later], args, strict=True))
            values = dict(zip(graph.inputs, [known.get(i) for i in test.inputs], strict=True))
            remake(k.builder, values, graph.equations)
            return [values[i] for i in graph.outputs]

        check = sub_graph(avals, write)
    made = builder.apply(
        equation.primitive,
        [
            *[env[i] for i in given.number],
            *const_values,
            *[env[given.carry[k]] for k in moving],
            *[env[i] for i, o in zip(given.xs, on.xs, strict=True) if o],
        ],
        parameters(SubGraph.from_graph(lean), check, len(const_values), len(moving), length, reverse, counted, grows),
    )
    for k, value in zip([*moving, *stacked], made, strict=True):
        env[equation.outputs[k]] = value
    for k in range(carry):
        if same[k]:
            env[equation.outputs[k]] = env[given.carry[k]]


def _each_once(body: Graph, values: Sequence[Any]) -> tuple[Graph, list[int]]:
    """Return a body that takes each of its constants once, and at which place among them each one is then.

    Terms written alike, once moved in front of the loop, are one value: what is computed from them is done once then.
    """
    names = body.inputs[1 : 1 + len(values)]
    kept: list[int] = []
    found: dict[Any, int] = {}
    place = []
    for name, value in zip(names, values, strict=True):
        key = value.id, body.avals[name]
        if key not in found:
            found[key] = len(kept)
            kept.append(name)
        place.append(found[key])
    if len(kept) == len(values):
        return body, place
    same = {name: kept[k] for name, k in zip(names, place, strict=True)}
    equations = [replace(e, inputs=tuple([same.get(i, i) for i in e.inputs])) for e in body.equations]
    outputs = tuple([same.get(i, i) for i in body.outputs])
    return Graph(
        body.avals, (body.inputs[0], *kept, *body.inputs[1 + len(values) :]), tuple(equations), outputs, ()
    ), place


def _without_steady(body: Graph, consts: int) -> tuple[Graph, list[int], list[Equation]]:
    """Return a body without what depends on its constants only; the values that it then takes as further constants,
    and the equations that make them.

    What only moves entries about stays inside: it costs nothing there, and memory outside.
    """
    steady = set(body.inputs[1 : 1 + consts])
    computed: list[Equation] = []
    moved: dict[int, Equation] = {}
    for equation in body.equations:
        if not steady.issuperset(equation.inputs) or equation.primitive.multiple:
            continue
        steady.update(equation.outputs)
        if equation.primitive.name in MOVEMENT or equation.primitive.name == "full":
            moved[equation.outputs[0]] = equation
        else:
            computed.append(equation)
    if not computed:
        return body, [], []
    gone = {equation.outputs[0] for equation in computed}
    rest = [equation for equation in body.equations if gone.isdisjoint(equation.outputs)]
    rest = prune(rest, body.outputs)
    read = {i for equation in rest for i in equation.inputs} | set(body.outputs)
    hoisted = [i for equation in computed for i in equation.outputs if i in read]
    outside = prune([e for e in body.equations if e.outputs[0] in gone or e.outputs[0] in moved], hoisted)
    inputs = (*body.inputs[: 1 + consts], *hoisted, *body.inputs[1 + consts :])
    return Graph(body.avals, inputs, tuple(rest), body.outputs), hoisted, outside
