"""Where a nan or inf comes from: a graph run equation by equation, and the way back from a bad result.

Bad values that do not reach a result are nobody's concern (the branch of an ``np.where`` that was not taken; a factor
inf that meets a tangent of exactly zero).  So the search starts at the results and goes back through values that are
bad where it matters, to the first equation that makes a bad value from good ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..core.evaluate import evaluate
from ..core.graph import Equation, Graph
from ..ops.branch import taken
from ..ops.loop import iterate
from ..transforms.expand import expand

KINDS: Final = {"nan": np.isnan, "inf": np.isinf}


@dataclass(frozen=True)
class Origin:
    """What made a bad value.

    Attributes
    ----------
    kind : str
        ``"nan"`` or ``"inf"``.
    graph : Graph
        The graph or sub-graph that the equation stands in.
    equation : Equation or None
        None where an input of the whole graph was bad already.
    number : int
        The value: its number in ``graph``.
    values : list
        All values of ``graph`` as far as they were computed, by number.
    iterations : tuple of (Equation, int)
        The loops around the equation, outermost first, each with the iteration.
    whole : bool
        The equation stands in the graph itself, not inside of a loop or choice.
    cause : Origin or None
        For a nan that was made from an inf: where the inf comes from.
    """

    kind: str
    graph: Graph
    equation: Equation | None
    number: int
    values: list[Any]
    iterations: tuple[tuple[Equation, int], ...] = ()
    whole: bool = True
    cause: Origin | None = None


def is_bad(value: Any, kind: str) -> bool:
    """Say whether there is a nan (an inf) in a value."""
    array = np.asarray(value)
    return array.dtype.kind in "fc" and bool(KINDS[kind](array).any())


def worst(values: Sequence[Any], inf: bool) -> str:
    """Return which kind of bad value there is among some, nan before inf; an empty string where there is none."""
    for kind in KINDS if inf else ("nan",):
        if any(is_bad(value, kind) for value in values):
            return kind
    return ""


def origin(graph: Graph, args: Sequence[Any], kind: str) -> Origin | None:
    """Run a graph and find where its first bad result comes from; None where no result is bad."""
    graph = expand(graph)
    values = evaluate(graph, args)
    found = _trace(graph, values, [i for i in graph.outputs if is_bad(values[i], kind)], kind, ())
    if found is None:
        return None
    found = replace(found, whole=found.graph is graph)
    return replace(found, cause=_cause(found, graph, values)) if kind == "nan" else found


def _cause(found: Origin, graph: Graph, values: list[Any]) -> Origin | None:
    """Find where an inf comes from that an equation made a nan of."""
    if found.equation is None:
        return None
    ends = [i for i in found.equation.inputs if is_bad(found.values[i], "inf")]
    made = _trace(found.graph, found.values, ends, "inf", found.iterations)
    if made is not None and made.equation is None and found.iterations:
        # It came into this iteration from an earlier one, or into the loop.
        loop = found.iterations[0][0]
        before = [i for i in loop.inputs if is_bad(values[i], "inf")]
        args = [values[i] for i in loop.inputs]
        made = _trace(graph, values, before, "inf", ()) if before else _descend(loop, args, "inf", ())
    if made is None or (made.equation is None and made.graph is not graph):
        return None
    return replace(made, whole=made.graph is graph)


def _trace(graph: Graph, values: list[Any], ends: Sequence[int], kind: str, around: tuple[Any, ...]) -> Origin | None:
    """Go back from bad values to the first equation that made one of good operands."""
    if not ends:
        return None
    makers = {i: k for k, equation in enumerate(graph.equations) for i in equation.outputs}
    first = len(graph.equations)
    start = source = -1
    pending, seen = list(ends), set(ends)
    while pending:
        i = pending.pop()
        k = makers.get(i, -1)
        before = [] if k < 0 else _guilty(graph.equations[k], values, i, kind)
        if not before and k < first:
            first, source = k, i
            start = k
        for j in before:
            if j not in seen:
                seen.add(j)
                pending.append(j)
    if start < 0:
        return Origin(kind, graph, None, source, values, around)
    equation = graph.equations[start]
    inner = _descend(equation, [values[i] for i in equation.inputs], kind, around)
    return inner or Origin(kind, graph, equation, source, values, around)


def _guilty(equation: Equation, values: list[Any], out: int, kind: str) -> list[int]:
    """Return the operands whose bad entries a bad result can come from."""
    found = [i for i in equation.inputs if is_bad(values[i], kind)]
    if not found or not equation.primitive.elementwise:
        return found
    # Entry by entry: what is bad elsewhere, or was not chosen, has nothing to do with it.
    where = KINDS[kind](np.asarray(values[out]))
    guilty = []
    for place, i in enumerate(equation.inputs):
        x = np.asarray(values[i])
        if i not in found or x.shape != where.shape:
            continue
        here = where & KINDS[kind](x)
        if equation.primitive.name == "select":
            chosen = np.asarray(values[equation.inputs[0]], bool)
            here &= chosen if place == 1 else ~chosen
        if here.any():
            guilty.append(i)
    return guilty


# -- inside of loops and choices --------------------------------------------------------------------------------------


class _Found(Exception):
    """Ends a loop at the iteration in which something turns bad."""

    def __init__(self, graph: Graph, values: list[Any], ends: list[int]) -> None:
        super().__init__()
        self.graph = graph
        self.values = values
        self.ends = ends


def _descend(equation: Equation, args: list[Any], kind: str, around: tuple[Any, ...]) -> Origin | None:
    """Find the equation inside a loop or a choice that makes a bad value, all of whose operands are good."""
    params = dict(equation.params)
    if equation.primitive.name == "cond":
        graph = expand(params["branches"][taken(args[0], len(params["branches"]))])
        values = evaluate(graph, args[1:])
        return _trace(graph, values, [i for i in graph.outputs if is_bad(values[i], kind)], kind, around)
    if equation.primitive.name != "loop":
        return None
    graphs: dict[int, Graph] = {}

    def run(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
        expanded = graphs.get(id(graph))
        if expanded is None:
            expanded = graphs[id(graph)] = expand(graph)
        values = evaluate(expanded, inputs)
        ends = [i for i in expanded.outputs if is_bad(values[i], kind)]
        if ends:
            raise _Found(expanded, values, ends)
        return [values[i] for i in expanded.outputs]

    try:
        iterate(run, run, args, **params)
    except _Found as found:
        number = int(found.values[found.graph.inputs[0]])
        inside = (*around, (equation, number))
        return _trace(found.graph, found.values, found.ends, kind, inside)
    return None
