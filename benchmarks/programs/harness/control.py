"""What became of a program's loops and branches: graph control flow, or unrolled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from wengert.core.graph import Graph

KINDS = ("for", "while", "if")


def control_flow(compiled: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Count the loops and choices in a jitted function's graph, nested ones included: ``2 for, 1 if``.

    Without any, the number of equations is told: the program was unrolled.
    """
    graph = compiled.lower(*arguments).graph  # type: ignore[attr-defined]
    found = Counter(_kind(equation) for equation in _equations(graph))
    named = [f"{found[kind]} {kind}" for kind in KINDS if found[kind]]
    return ", ".join(named) or f"unrolled: {len(graph.equations)} equations"


def _kind(equation: Any) -> str:
    if equation.primitive.name == "cond":
        return "if"
    if equation.primitive.name == "loop":
        return "for" if dict(equation.params)["test"] is None else "while"
    return ""


def _equations(graph: Graph) -> Iterator[Any]:
    for equation in graph.equations:
        yield equation
        for _, value in equation.params:
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Graph):
                    yield from _equations(inner)
