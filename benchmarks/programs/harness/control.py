"""What became of a program's loops and branches: graph control flow, or unrolled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from wengert.core.graph import Graph

CONTROL = ("loop", "while", "cond")


def control_flow(compiled: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Count the control-flow equations of a jitted function's graph, nested ones included: ``2 loop, 1 cond``.

    Without any, the number of equations is told: the program was unrolled.
    """
    graph = compiled.lower(*arguments).graph  # type: ignore[attr-defined]
    found = Counter(equation.primitive.name for equation in _equations(graph))
    named = [f"{found[name]} {name}" for name in CONTROL if found[name]]
    return ", ".join(named) or f"unrolled: {len(graph.equations)} equations"


def _equations(graph: Graph) -> Iterator[Any]:
    for equation in graph.equations:
        yield equation
        for _, value in equation.params:
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Graph):
                    yield from _equations(inner)
