"""What can be viewed: functions, jitted functions, graphs, networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..api.call import symbol
from ..api.compile import Jitted
from ..core.builder import inline
from ..core.graph import Graph
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import ArgumentError, explain


@dataclass(frozen=True)
class Viewed:
    """A function to show, and how.

    Attributes
    ----------
    function : callable
    title : str
        What to call it; its own name, if empty.
    parameters : tuple of int
        Which arguments are parameters, unless the user says otherwise.
    jitted : Jitted or None
        The compiled function, whose kernels are shown.
    """

    function: Callable[..., Any]
    title: str = ""
    parameters: tuple[int, ...] = ()
    jitted: Jitted | None = None


def is_network(what: Any) -> bool:
    """Say whether something is a layer or a network: settings that make parameters and apply them."""
    return hasattr(what, "init") and hasattr(what, "apply")


def can_be_viewed(what: Any) -> bool:
    """Say whether something has a graph."""
    return isinstance(what, Graph) or is_network(what) or callable(what)


def viewed(what: Any) -> Viewed:
    """Return the function that stands for what was given.

    Raises
    ------
    ArgumentError
        If it is nothing that has a graph.
    """
    if isinstance(what, Jitted):
        return Viewed(what, jitted=what)  # not what it wraps: its loops are captured
    if isinstance(what, Graph):
        return Viewed(_of_graph(what), title="graph")
    if is_network(what):
        return Viewed(what.apply, title=type(what).__name__, parameters=(0,))
    if callable(what):
        return Viewed(what)
    raise ArgumentError(
        explain(
            "view shows a function, a jitted function, a Graph or a network.",
            found=f"{what!r} of type {type(what).__name__}",
            line=user_line(),
            fix="wg.view(f, *args)",
        )
    )


def _of_graph(graph: Graph) -> Callable[..., Any]:
    """Return the function that records a graph again; captured constants need not be given."""
    constants = dict(graph.constants)
    given = [i for i in graph.inputs if i not in constants]

    def run(*args: Any) -> Any:
        if len(args) != len(given):
            raise ArgumentError(
                explain(
                    "A graph is viewed at a point: one argument for each of its inputs.",
                    found=f"{len(args)} arguments for {len(given)} inputs",
                    line=user_line(),
                    fix=f"wg.view(graph, {', '.join(repr(graph.avals[i]) for i in given)})",
                )
            )
        builder = next(arg.builder for arg in args if isinstance(arg, Sym))
        point = iter(args)
        values = [constants[i] if i in constants else next(point) for i in graph.inputs]
        outs = inline(graph, builder, [symbol(builder, value) for value in values])
        return outs[0] if len(outs) == 1 else tuple(outs)

    return run
