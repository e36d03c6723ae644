"""Derivatives of ``m + log(sum(exp(x - m)))``, which does not depend on m.

Whatever m is, this is the logarithm of the sum of exp(x).  Programs take the largest x for m, so that no exponential
overflows.  By the chain rule what flows to m is the cotangent less what comes from all terms: zero but for rounding,
which is then passed on to the largest x, wherever that was.  Here nothing flows to m, so that where the largest x was
need neither be computed nor, in loops, be remembered for each iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.graph import Equation, Graph
from ..ops.arithmetic import reciprocal
from ..ops.family import scaled

Rule = Callable[[Sequence[Any], Sequence[Any]], Any]
Makers = Mapping[int, Equation]


def shifted_sums(graph: Graph, makers: Makers) -> dict[int, Rule]:
    """Return for each value of this kind the rule for its tangent, of the symbols and tangents of all values so far."""
    rules: dict[int, Rule] = {}
    for equation in graph.equations:
        if equation.primitive.name != "add" or graph.avals[equation.outputs[0]].dtype.kind != "f":
            continue
        for shift, log in (equation.inputs, equation.inputs[::-1]):
            parts = _exponentials(graph, makers, log)
            if parts is not None and _is_shift(graph, makers, shift, *parts):
                rules[equation.outputs[0]] = _rule(*parts, graph.avals[equation.outputs[0]].shape)
                break
    return rules


def _exponentials(graph: Graph, makers: Makers, log: int) -> tuple[Equation, Equation] | None:
    """Return, for log(sum(exp(x - y))), the equations of x - y and of the sum."""
    i, chain = log, []
    for name, of_any_shape in (("log", True), ("reduce_sum", True), ("exp", False), ("sub", False)):
        equation = makers.get(_laid_out(makers, i) if of_any_shape else i)
        if equation is None or equation.primitive.name != name:
            return None
        chain.append(equation)
        i = equation.inputs[0]
    return chain[3], chain[1]


def _is_shift(graph: Graph, makers: Makers, shift: int, difference: Equation, total: Equation) -> bool:
    """Say whether what is subtracted from all terms of a sum is what stands at the sum's place in another array."""
    spread = makers.get(difference.inputs[1])
    if spread is None or spread.primitive.name != "broadcast":
        return False
    shape, summed = graph.avals[difference.outputs[0]].shape, dict(total.params)["axes"]
    source, axes = spread.inputs[0], dict(spread.params)["axes"]
    origin = _origin(graph, makers, source)
    if origin != _origin(graph, makers, shift):
        return False
    if math.prod(graph.avals[origin].shape) == 1:
        return True
    # Entries lie in the order of the sums if just the axes that are not summed up along are there, in order.
    moving = [a for n, a in zip(graph.avals[source].shape, axes, strict=True) if n != 1]
    return moving == [a for a, n in enumerate(shape) if n != 1 and a not in summed]


def _laid_out(makers: Makers, i: int) -> int:
    """Return what a value is but for its shape: the same entries in the same order."""
    while i in makers and makers[i].primitive.name == "reshape":
        i = makers[i].inputs[0]
    return i


def _origin(graph: Graph, makers: Makers, i: int) -> int:
    """Return what a value is but for its shape; of one that is the same everywhere, the number, if it was one."""
    while i in makers:
        equation = makers[i]
        alone = math.prod(graph.avals[equation.inputs[0]].shape) == 1 if equation.inputs else False
        if equation.primitive.name != "reshape" and not (equation.primitive.name == "broadcast" and alone):
            break
        i = equation.inputs[0]
    return i


def _rule(difference: Equation, total: Equation, shape: tuple[int, ...]) -> Rule:
    x, terms, whole = difference.inputs[0], total.inputs[0], total.outputs[0]

    def rule(env: Sequence[Any], dot: Sequence[Any]) -> Any:
        if dot[x] is None:
            return None
        builder = env[x].builder
        moved = builder.apply_named("reduce_sum", scaled(env[terms], dot[x]), **dict(total.params))
        found = scaled(reciprocal(env[whole]), moved)
        return found if found.aval.shape == shape else builder.apply_named("reshape", found, shape=shape)

    return rule
