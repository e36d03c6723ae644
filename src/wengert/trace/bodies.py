"""Recording the parts of control flow: the body of a loop, the branches of a choice.

A part is recorded once, on tracers whose values nobody knows, as a graph of its own; what it reads of the surrounding
function becomes explicit operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from ..core.aval import Aval, aval
from ..core.graph import Graph
from ..core.source import user_line
from ..core.symbol import Sym
from ..core.tree import Tree
from ..errors import ShapeError, UntraceableError, WengertError, explain
from ..ops.subgraph import SubGraph
from .force import Unknown
from .rebind import rebound
from .record import record, value_aval
from .tracer import Tracer


class Iterated(Unknown):
    """Stands for a value inside a loop's body or a branch: it differs from iteration to iteration."""

    def refusal(self, symbol: Sym) -> WengertError:
        """Return the error for asking all the same."""
        return UntraceableError(
            explain(
                "The body of a loop and the branches of a choice are recorded once, for all values, so Python's if, "
                "while, range or index cannot ask for one.",
                found=repr(symbol),
                line=user_line(),
                fix="use wg.cond or np.where for choices, wg.while_loop or wg.fori_loop for inner loops",
            )
        )


ITERATED: Final = Iterated()


class Part(NamedTuple):
    """A recorded part.

    Attributes
    ----------
    graph : Graph
        (arguments, captured values) -> results.
    captured : list
        The captured values: concrete, or symbols of the surrounding trace.
    structure : Tree
        The container that the results come in.
    """

    graph: Graph
    captured: list[Any]
    structure: Tree


def record_part(function: Callable[..., Any], avals: Sequence[Aval], names: tuple[str, ...] = ()) -> Part:
    """Record ``function(*tracers)``; it may return any container of values."""
    runnable = rebound(function)[0]

    def run(*tracers: Tracer) -> Any:
        return runnable(*tracers)

    recording = record(run, lambda tracers: (tracers, {}), avals, [ITERATED] * len(avals), part=True)
    # What the part wrote into its own arguments is nobody's business but its results'.
    graph = recording.builder.build(recording.outputs, names)
    return Part(graph, recording.constants(), recording.structure)


def value_of(value: Any) -> Any:
    """Return an operand in the form that primitives take: a symbol, or a concrete array."""
    if isinstance(value, Tracer):
        value.refresh()
        return value if value.builder is not None else value.share()
    return value if isinstance(value, Sym) else np.asarray(value)


def as_operand(value: Any, of: Aval) -> Any:
    """Return an operand converted to a dtype."""
    value = value_of(value)
    if isinstance(value, Sym):
        return value if value.aval.dtype == of.dtype else value.builder.apply_named("convert", value, dtype=of.dtype)
    return value if value.dtype == of.dtype else value.astype(of.dtype)


def reordered(part: Part, n_before: int, renamed: tuple[str, ...] = ()) -> SubGraph:
    """Return a part's graph as a sub-graph with the captured values behind the first ``n_before`` arguments."""
    graph = part.graph
    n = len(graph.inputs) - len(part.captured)
    own, captured = graph.inputs[:n], graph.inputs[n:]
    inputs = (*own[:n_before], *captured, *own[n_before:])
    named = list(graph.names) + [""] * (n - len(graph.names))
    names = (*named[:n_before], *[""] * len(captured), *named[n_before:]) if any(named) else ()
    return SubGraph.from_graph(Graph(graph.avals, inputs, graph.equations, graph.outputs, names))


def settled(record_with: Callable[[list[Aval]], Part], carry: Sequence[Any], what: str) -> tuple[Part, list[Aval]]:
    """Record a body whose results become its arguments, with dtypes that do not change from iteration to iteration.

    A carry that starts as an integer and becomes a float is a float from the start, as Python's variables would be
    after the first iteration.

    Parameters
    ----------
    record_with : callable(avals of the carry) -> Part
        Its first results are the next carry.
    carry : sequence
        The values that it starts with.
    what : str
        For messages: ``"the loop's body"``.

    Raises
    ------
    ShapeError
        If the carry changes its shape.
    """
    avals = [value_aval(x) for x in carry]
    outs: Sequence[Aval] = ()
    for _ in range(4):
        part = record_with(avals)
        outs = part.graph.out_avals[: len(avals)]
        if len(outs) < len(avals):
            raise ShapeError(
                explain(
                    f"{what} returns the next carry: as many values as it was given.",
                    found=f"{len(outs)} values for a carry of {len(avals)}",
                    line=user_line(),
                )
            )
        for k, (new, old) in enumerate(zip(outs, avals, strict=False)):
            if new.shape != old.shape:
                raise ShapeError(
                    explain(
                        f"{what} returns a carry of the shapes that it was given.",
                        found=f"value {k} starts as {old!r} and comes back as {new!r}",
                        line=user_line(),
                        fix="start with an array of the final shape (np.broadcast_to), or do not change shapes",
                    )
                )
        later = [_common(new, old) for new, old in zip(outs, avals, strict=False)]
        if later == avals:
            return part, avals
        avals = later
    raise ShapeError(
        explain(
            f"{what} returns a carry of the dtypes that it was given.",
            found=f"{list(outs)} for {avals}",
            line=user_line(),
            fix="convert with .astype",
        )
    )


def _common(new: Aval, old: Aval) -> Aval:
    """Return the aval that a carry settles on; a Python number adapts to the array that it becomes."""
    if new is old:
        return old
    kinds = "biufc"
    if new.weak or old.weak:
        weak, other = (new, old) if new.weak else (old, new)
        if kinds.index(weak.dtype.kind) <= kinds.index(other.dtype.kind):
            return other
        if other.weak:
            return weak
        return aval(old.shape, np.result_type(other.dtype, {"f": 0.0, "c": 0j}.get(weak.dtype.kind, 0)))
    return aval(old.shape, np.result_type(new.dtype, old.dtype))
