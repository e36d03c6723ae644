"""Derivatives of two equations taken together, where the chain rule taken one by one would meet inf * 0.

``log1p(exp(x))`` at x = 800: exp overflows, its derivative is inf, that of log1p is 0; the product says nothing, and
yet the derivative is the sigmoid of x, 1.  The value stays what NumPy computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.graph import Equation, Graph
from ..ops.arithmetic import neg, reciprocal, scale
from ..ops.elementary import exp, share
from ..ops.family import scaled, total
from .shifted import shifted_sums

Rule = Callable[[Sequence[Any], Sequence[Any]], Any]
"""From the symbols and the tangents of all values so far to the tangent of one."""


def pair_rules(graph: Graph) -> dict[int, Rule]:
    """Return, for each value that has one, the rule that replaces the pushforward of its last equation.

    The pairs are ``log1p(exp(x))``, ``log(u + exp(x))`` and ``log(exp(x) + exp(y))``, of real operands.  With them come
    sums of exponentials that were shifted; see :mod:`.shifted`.
    """
    if not any(equation.primitive.name in ("log", "log1p") for equation in graph.equations):
        return {}
    makers = {equation.outputs[0]: equation for equation in graph.equations}

    def exponent(i: int) -> int | None:
        maker = makers.get(i)
        return maker.inputs[0] if maker is not None and maker.primitive.name == "exp" else None

    rules = shifted_sums(graph, makers)
    for equation in graph.equations:
        if graph.avals[equation.outputs[0]].dtype.kind != "f":
            continue
        if equation.primitive.name == "log1p" and (x := exponent(equation.inputs[0])) is not None:
            rules[equation.outputs[0]] = _log1p_exp(x)
        maker = makers.get(equation.inputs[0]) if equation.primitive.name == "log" else None
        if maker is not None and maker.primitive.name == "add":
            rule = _log_sum(maker, *map(exponent, maker.inputs))
            if rule is not None:
                rules[equation.outputs[0]] = rule
    return rules


def _log1p_exp(x: int) -> Rule:
    return lambda env, dot: None if dot[x] is None else scaled(reciprocal(1 + exp(neg(env[x]))), dot[x])


def _log_sum(add: Equation, x: int | None, y: int | None) -> Rule | None:
    """Return the rule of log(u + v), where u is exp(x), or v is exp(y), or both; None where neither is."""
    if x is not None and y is not None:
        pairs = ((x, y), (y, x))
        return lambda env, dot: total(
            [None if dot[a] is None else scaled(share(env[a], env[b]), dot[a]) for a, b in pairs]
        )
    if x is None and y is None:
        return None
    power, other = (x, add.inputs[1]) if x is not None else (y, add.inputs[0])
    assert power is not None

    def rule(env: Sequence[Any], dot: Sequence[Any]) -> Any:
        # exp(x) / (u + exp(x)), divided through by exp(x)
        terms = []
        if dot[power] is not None:
            terms.append(scaled(reciprocal(1 + scale(env[other], exp(neg(env[power])))), dot[power]))
        if dot[other] is not None:
            terms.append(scaled(reciprocal(env[add.outputs[0]]), dot[other]))
        return total(terms)

    return rule
