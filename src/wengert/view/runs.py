"""How often the graph inside of an equation ran, on what, and the derivative of each run.

The values are those of the outer program: the body runs on what the loop gave it, and its cotangents are handed from
the last iteration back to the first, as the loop's own derivative does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..api.explain.linear import Derivative, differentiate
from ..api.explain.subject import Subject
from ..core.evaluate import evaluate
from ..core.graph import Equation, Graph
from ..core.show import value_names
from ..ops.branch import taken
from ..ops.loop import iterate
from ..ops.loop_operands import operands

HOLDERS: Final = ("loop", "cond", "custom_call")
"""Primitives whose graphs can be looked into."""


class TooLong(Exception):
    """Says that a loop runs too often to be looked into: all that its iterations read would have to be kept."""


@dataclass(frozen=True)
class Inner:
    """An inner graph, and how it was run.

    Attributes
    ----------
    title, unit : str
        What to call it, and one run of it ("iteration").
    graph : Graph
        With names for its inputs.
    roles : list of str
        Of the inputs.
    runs : list of list
        The inputs of every run, in the order of running.
    """

    title: str
    unit: str
    graph: Graph
    roles: list[str]
    runs: list[list[Any]]


def runs(d: Derivative, k: int, most: int) -> Inner | None:
    """Return the graph inside of equation ``k`` of a subject's graph, and its runs; None if it holds none.

    Raises
    ------
    TooLong
        If a loop runs more often than ``most`` times.
    """
    equation = d.subject.graph.equations[k]
    name, params = equation.primitive.name, dict(equation.params)
    values = [d.subject.values[i] for i in equation.inputs]
    called = [d.subject.names[i] for i in equation.inputs]
    if name == "loop":
        found: list[list[Any]] = []

        def run(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
            values = evaluate(graph, inputs)
            return [values[i] for i in graph.outputs]

        def run_body(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
            if len(found) >= most:
                raise TooLong(f"the loop runs more than {most:,} times")
            found.append(list(inputs))
            return run(graph, inputs)

        iterate(run_body, run, values, **params)
        sorted_names = operands(called, params["consts"], params["carry"], params["counted"])
        carries = [f"c{n + 1}" if params["carry"] > 1 else "c" for n in range(params["carry"])]
        names = ["k", *sorted_names.consts, *carries, *[f"{x}[k]" for x in sorted_names.xs]]
        roles = ["data", *["data"] * params["consts"], *["input"] * params["carry"], *["data"] * len(sorted_names.xs)]
        return Inner(f"loop{_line(equation)}", "iteration", _named(params["body"], names), roles, found)
    if name == "cond":
        branches = params["branches"]
        number = taken(values[0], len(branches))
        roles = ["input"] * len(values[1:])
        inner = _named(branches[number], called[1:])
        return Inner(f"branch {number}{_line(equation)}", "branch", inner, roles, [values[1:]])
    if name == "custom_call":
        return Inner("function", "call", _named(params["graph"], called), ["input"] * len(values), [values])
    return None


def _line(equation: Equation) -> str:
    """Return where an equation comes from, so that loops inside of loops can be told apart."""
    return "" if equation.source is None else f", line {equation.source.lineno}"


def derivatives(d: Derivative, k: int, inner: Inner, like: Derivative | None = None) -> list[Derivative]:
    """Return the derivative of every run; none where no derivative flows through the equation.

    ``like`` is that of another run of the same graph, whose programs are taken over.
    """
    equation = d.subject.graph.equations[k]
    outer = [d.cotangent(i) for i in equation.outputs]
    tangents = [d.tangent(i) for i in equation.inputs]
    if equation.primitive.name == "loop":
        return _loop(d, equation, inner, outer, tangents, like)
    first = 1 if equation.primitive.name == "cond" else 0
    made = _derive(d, inner, inner.runs[0], tangents[first:], outer, like)
    return [] if made is None else [made]


def _named(graph: Graph, names: Sequence[str]) -> Graph:
    """Return a graph whose inputs have names of their own; a number in the outer program's text is no name."""
    seen: set[str] = set()
    own = []
    for n, name in enumerate(names):
        if not name or name in seen or not (name[0].isalpha() or name[0] == "_"):
            name = f"a{n}"
        seen.add(name)
        own.append(name)
    return Graph(graph.avals, graph.inputs, graph.equations, graph.outputs, tuple(own))


def _loop(
    d: Derivative, equation: Equation, inner: Inner, outer: list[Any], tangents: list[Any], like: Derivative | None
) -> list[Derivative]:
    """Return the derivative of every iteration: tangents from the first to the last, then cotangents back."""
    params = dict(equation.params)
    consts, carry, reverse = params["consts"], params["carry"], params["reverse"]
    given = operands(tangents, consts, carry, params["counted"])
    count = len(inner.runs)
    state: list[Any] = list(given.carry)
    made: list[Derivative] = []
    for n, inputs in enumerate(inner.runs):
        at = count - 1 - n if reverse else n
        rows = [None if x is None else x[at] for x in given.xs]
        one = _derive(d, inner, inputs, [None, *given.consts, *state, *rows], None, like)
        if one is None:
            return []
        like = like or one
        state = [one.tangent(i) for i in one.subject.graph.outputs[:carry]]
        made.append(one)
    back = list(outer[:carry])
    for n in range(count - 1, -1, -1):
        at = count - 1 - n if reverse else n
        rows = [None if y is None else y[at] for y in outer[carry:]]
        made[n] = _pulled(made[n], [*back, *rows])
        inputs_of = made[n].subject.graph.inputs[1 + consts : 1 + consts + carry]
        back = [made[n].cotangent(i) for i in inputs_of]
    return made


def _filled(values: Sequence[Any], avals: Sequence[Any]) -> list[Any]:
    """Return zeros where there is nothing, and None where there cannot be anything."""
    return [
        None if not of.is_inexact else np.zeros(of.shape, of.dtype)[()] if x is None else np.asarray(x, of.dtype)[()]
        for x, of in zip(values, avals, strict=True)
    ]


def _derive(
    d: Derivative,
    inner: Inner,
    inputs: list[Any],
    tangents: Sequence[Any],
    cotangents: Sequence[Any] | None,
    like: Derivative | None = None,
) -> Derivative | None:
    """Return the derivative of one run; ``like`` is that of another, whose programs are taken over."""
    graph = inner.graph
    active = [of.is_inexact for of in graph.in_avals]
    if not any(active) or not any(of.is_inexact for of in graph.out_avals):
        return None
    values = evaluate(graph, inputs)
    ways = [t for t in _filled(tangents, graph.in_avals) if t is not None]
    wanted = [None] * len(graph.outputs) if cotangents is None else cotangents
    seeds = _filled(wanted, graph.out_avals)
    if like is None:
        subject = Subject(
            d.subject.function, (), {}, inner.title, d.subject.call, graph, inputs, values, value_names(graph), active,
            inner.roles, [f"output[{n}]" if len(graph.outputs) > 1 else "output" for n in range(len(graph.outputs))],
            ways, seeds, False, False,
        )  # fmt: skip
        return differentiate(subject)
    subject = replace(like.subject, leaves=inputs, values=values, direction=ways, cotangents=seeds)
    known = evaluate(like.parts.primal, inputs)
    outs = like.parts.primal.outputs
    residuals = [known[i] for i in outs[len(outs) - like.parts.residuals :]]
    moved = evaluate(like.parts.linear, [*residuals, *ways])
    return _pulled(replace(like, subject=subject, known=known, tangents=moved), seeds)


def _pulled(d: Derivative, cotangents: Sequence[Any]) -> Derivative:
    """Return a derivative with other cotangents at its outputs."""
    subject = d.subject
    seeds = _filled(cotangents, subject.graph.out_avals)
    given = [w for w in seeds if w is not None]
    constants = [d.cotangents[i] for i in d.back.inputs[d.parts.residuals + len(given) :]]
    swept = evaluate(d.back, [*d.residuals, *given, *constants])
    return replace(d, subject=replace(subject, cotangents=seeds), cotangents=swept)
