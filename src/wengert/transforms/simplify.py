"""Simplify: equations that do nothing are left out.

A table from primitive to a function that looks at one equation and may name an earlier value that it equals.  Only
identities that hold for every value, nan, inf and signed zeros included, are in it: x * 1, but not x * 0 nor x + 0
(which turns -0 into 0 and is therefore done for integers only).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..core.builder import Builder
from ..core.graph import Equation, Graph

Makers = Mapping[int, Equation]
Rule = Callable[[Graph, Equation, Mapping[str, Any], Makers], int | None]


def _full_value(makers: Makers, i: int) -> Any:
    maker = makers.get(i)
    while maker is not None and maker.primitive.name in ("broadcast", "reshape", "copy"):
        maker = makers.get(maker.inputs[0])
    return dict(maker.params)["value"] if maker is not None and maker.primitive.name == "full" else None


def _product(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    x, y = equation.inputs
    if _full_value(makers, x) == 1:
        return y
    return x if _full_value(makers, y) == 1 else None


def _quotient(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    return equation.inputs[0] if _full_value(makers, equation.inputs[1]) == 1 else None


def _same_shape(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    x = equation.inputs[0]
    return x if graph.avals[x].shape == params["shape"] else None


def _same_dtype(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    x = equation.inputs[0]
    return x if graph.avals[x].dtype == params["dtype"] else None


def _in_order(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    return equation.inputs[0] if params["axes"] == tuple(range(len(params["axes"]))) else None


def _no_axes(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    return equation.inputs[0] if not params["axes"] else None


def _twice(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    maker = makers.get(equation.inputs[0])
    return maker.inputs[0] if maker is not None and maker.primitive is equation.primitive else None


def _whole(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    shape = graph.avals[equation.inputs[0]].shape
    everything = params["stops"] == shape and not any(params["starts"]) and all(s == 1 for s in params["steps"])
    return equation.inputs[0] if everything else None


def _power_one(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    return equation.inputs[0] if params["n"] == 1 else None


def _same_branches(graph: Graph, equation: Equation, params: Mapping[str, Any], makers: Makers) -> int | None:
    return equation.inputs[1] if equation.inputs[1] == equation.inputs[2] else None


RULES: Final[dict[str, Rule]] = {
    "mul": _product,
    "scale": _product,
    "div": _quotient,
    "integer_pow": _power_one,
    "reshape": _same_shape,
    "broadcast": _same_shape,
    "convert": _same_dtype,
    "transpose": _in_order,
    "reduce_sum": _no_axes,
    "reduce_max": _no_axes,
    "reduce_min": _no_axes,
    "neg": _twice,
    "conj": _twice,
    "slice": _whole,
    "select": _same_branches,
}


def simplify(graph: Graph) -> Graph:
    """Return a graph with the same outputs and without equations that do nothing."""
    builder = Builder(reuse=True)
    env: list[Any] = [None] * len(graph.avals)
    for i in graph.inputs:
        env[i] = builder.input(graph.avals[i])
    makers: dict[int, Equation] = {}
    alias: dict[int, int] = {}
    for equation in graph.equations:
        ins = tuple([alias.get(i, i) for i in equation.inputs])
        if ins != equation.inputs:
            equation = Equation(equation.primitive, ins, equation.outputs, equation.params, equation.source)
        rule = RULES.get(equation.primitive.name)
        if rule is not None:
            same = rule(graph, equation, dict(equation.params), makers)
            if same is not None and graph.avals[same] == graph.avals[equation.outputs[0]]:
                alias[equation.outputs[0]] = same
                continue
        builder.place = equation.source
        out = builder.apply(equation.primitive, [env[i] for i in ins], equation.params)
        for i, value in zip(equation.outputs, out if equation.primitive.multiple else (out,), strict=True):
            env[i] = value
            makers[i] = equation
    builder.place = None
    return builder.build([env[alias.get(i, i)] for i in graph.outputs], graph.names)
