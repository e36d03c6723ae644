"""A graph arranged so that reverse mode stores no more than so many bytes: the cheapest checkpoints that do.

What reverse mode stores is counted on the linearized graph.  Loops are cut into segments by the best schedule for the
bytes of their carry and of what they store for an iteration; straight stretches are cut where few bytes are alive.
The counts are estimates: who asks for a budget measures the program that comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ..core.builder import Builder
from ..core.graph import Equation, Graph
from ..ops.loop_derivatives import FIRST_CAPACITY
from ..ops.subgraph import SubGraph
from .checkpoints import call_of, called, can_be_cut, cut_loop, rewritten
from .linearize import linearize
from .schedule import Schedule, best, least
from .trips import limited

_NEGLIGIBLE: Final = 0.25
"""Part of a budget below which what loops store, or what all else stores, is left as it is."""
_SEGMENTS: Final = 64
"""Most segments of a straight stretch; these may be cut again."""
_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Weight:
    """What reverse mode stores for a loop.

    Attributes
    ----------
    iterations : int
        How many there is room for.
    known : bool
        Whether that is their number, or at least a bound of it.
    state : int
        Bytes of the carry: what a checkpoint stores.
    residuals : int
        Bytes stored for an iteration.
    saved : tuple of (Aval, Source or None)
        What is stored for an iteration, and the line that makes it.
    """

    iterations: int
    known: bool
    state: int
    residuals: int
    saved: tuple[tuple[Any, Any], ...] = ()

    @property
    def total(self) -> int:
        """Bytes stored for all iterations."""
        return self.iterations * self.residuals


def moving(graph: Graph, active: Sequence[bool]) -> set[int]:
    """Return the values that may have a tangent."""
    found = {i for i, on in zip(graph.inputs, active, strict=True) if on}
    for equation in graph.equations:
        if equation.primitive.name != "stop_gradient" and not found.isdisjoint(equation.inputs):
            found.update(i for i in equation.outputs if graph.avals[i].is_inexact)
    return found


def weigh(graph: Graph, equation: Equation, on: set[int]) -> Weight:
    """Return what reverse mode stores for a loop; ``on`` are the values that have a tangent."""
    ins = tuple(dict.fromkeys(equation.inputs))
    alone = Graph(graph.avals, ins, (equation,), equation.outputs)
    parts = linearize(alone, [i in on for i in ins])
    primal = parts.primal
    kept = set(primal.outputs[len(equation.outputs) :]) - set(primal.outputs[: len(equation.outputs)])
    params = dict(equation.params)
    carry = params["body"].out_avals[: params["carry"]]
    length, residuals, saved = params["length"], 0, []
    for made in primal.equations:
        if made.primitive.name != "loop":
            continue
        inner = dict(made.params)
        body, n = inner["body"], inner["carry"]
        for row, i in zip(body.outputs[n:], made.outputs[n:], strict=True):
            if i in kept:
                length = inner["length"]
                residuals += body.avals[row].nbytes
                saved.append((body.avals[row], source_of(body, row)))
    iterations = FIRST_CAPACITY if length is None else length
    return Weight(iterations, params["length"] is not None, sum(of.nbytes for of in carry), residuals, tuple(saved))


def source_of(graph: Graph, i: int) -> Any:
    """Return the line that makes a value, looked for inside of loops as well; None for an input."""
    for equation in reversed(graph.equations):
        if i in equation.outputs:
            params = dict(equation.params)
            if equation.primitive.name == "loop":
                body = params["body"]
                inner = source_of(body, body.outputs[equation.outputs.index(i)])
                return inner if inner is not None else equation.source
            return equation.source
    return None


def stored(graph: Graph, active: Sequence[bool]) -> int:
    """Return the bytes that reverse mode stores between its two passes, inputs not counted."""
    primal = linearize(graph, active).primal
    given = set(primal.inputs)
    return sum(primal.avals[i].nbytes for i in set(primal.outputs[len(graph.outputs) :]) if i not in given)


def arranged(graph: Graph, active: Sequence[bool], budget: int, depth: int = 0) -> Graph:
    """Return a graph that computes the same, and for which reverse mode stores about ``budget`` bytes at most.

    Where that is impossible, as little as possible.

    Parameters
    ----------
    graph : Graph
    active : sequence of bool
        Which inputs have a tangent.
    budget : int
    depth : int
        How deep in calls and loops the graph lies.
    """
    graph = limited(graph)
    total = stored(graph, active)
    if total <= budget:
        return graph
    on = moving(graph, active)
    weights = {
        k: weigh(graph, e, on)
        for k, e in enumerate(graph.equations)
        if e.primitive.name == "loop" and not on.isdisjoint(e.outputs)
    }
    in_loops = sum(weight.total for weight in weights.values())
    rest = max(0, total - in_loops)
    if rest <= _NEGLIGIBLE * budget:
        return _with_cut_loops(graph, on, weights, budget - rest, depth)
    if in_loops > _NEGLIGIBLE * budget:
        graph = _with_cut_loops(graph, on, weights, int(budget * in_loops / total), depth)
        budget = int(budget * rest / total)
    else:
        budget = max(0, budget - in_loops)
    return _with_segments(graph, moving(graph, active), rest, budget, depth)


# -- loops ------------------------------------------------------------------------------------------------------------


def _with_cut_loops(graph: Graph, on: set[int], weights: dict[int, Weight], budget: int, depth: int) -> Graph:
    total = sum(weight.total for weight in weights.values())
    builder = Builder(reuse=True)

    def record(b: Any, env: dict[int, Any], k: int, equation: Equation) -> bool:
        weight = weights.get(k)
        if weight is None or not weight.total:
            return False
        found = _cut(graph, equation, on, weight, int(budget * weight.total / total), depth)
        if found is None:
            return False
        params, lengths, room = found
        b.place = equation.source
        args = [env[i] for i in equation.inputs]
        if lengths:
            made = cut_loop(b, args, params, lengths, max(1, room // lengths[-1]))
        else:
            made = b.apply(equation.primitive, args, (*params.items(),))
        env.update(zip(equation.outputs, made, strict=True))
        b.place = None
        return True

    return rewritten(graph, builder, record)


def _cut(
    graph: Graph, equation: Equation, on: set[int], weight: Weight, budget: int, depth: int
) -> tuple[dict[str, Any], tuple[int, ...], int] | None:
    """Return a loop's parameters, the lengths of its segments, and for how many iterations there is room.

    None if it is left as it is.
    """
    params = dict(equation.params)
    found = _lengths(params, weight, budget)
    if found is not None:
        return (params, found.lengths, _room(weight, budget, found)) if found.lengths else None
    # One iteration stores too much: it is arranged itself.
    lean = _lean(graph, equation, on, budget, depth)
    if lean is not None:
        params = {**params, "body": lean}
        remade = Equation(equation.primitive, equation.inputs, equation.outputs, (*params.items(),), equation.source)
        weight = weigh(graph, remade, on)
    found = _lengths(params, weight, budget) or _shortest(params, weight)
    return params, found.lengths, _room(weight, budget, found)


def _lengths(params: dict[str, Any], weight: Weight, budget: int) -> Schedule | None:
    if weight.total <= budget and weight.known:
        return Schedule((), weight.total, 0)
    if not can_be_cut(params):
        return None
    if weight.known and params["test"] is None:
        return best(weight.iterations, weight.state, weight.residuals, budget)
    # How many iterations there will be is not known: one half for checkpoints, one for a segment.
    length = budget // 2 // max(weight.residuals, 1)
    room = (budget - length * weight.residuals) // max(weight.state, 1)
    if not length or not room:
        return None
    return Schedule((length,), budget, 0)


def _room(weight: Weight, budget: int, found: Schedule) -> int:
    """Return how many iterations a budget has room for."""
    if weight.known or not found.lengths:
        return weight.iterations
    length = found.lengths[-1]
    return length * max(1, (budget - length * weight.residuals) // max(weight.state, 1))


def _shortest(params: dict[str, Any], weight: Weight) -> Schedule:
    if not can_be_cut(params):
        return Schedule((), weight.total, 0)
    return least(weight.iterations, weight.state, weight.residuals)


def _lean(graph: Graph, equation: Equation, on: set[int], budget: int, depth: int) -> SubGraph | None:
    """Return a loop's body with checkpoints in it; None where there is nothing to gain."""
    if depth >= _DEPTH:
        return None
    params = dict(equation.params)
    body, consts, carry = params["body"], params["consts"], params["carry"]
    flags = [i in on for i in equation.inputs[int(params["counted"]) :]]
    # What has a tangent in the end is taken to have one from the beginning.
    flags[consts : consts + carry] = [
        a or i in on for a, i in zip(flags[consts : consts + carry], equation.outputs, strict=False)
    ]
    made = arranged(body, [False, *flags], budget // 2, depth + 1)
    return None if made is body else SubGraph.from_graph(made)


# -- straight stretches -----------------------------------------------------------------------------------------------


def _with_segments(graph: Graph, on: set[int], total: int, budget: int, depth: int) -> Graph:
    """Cut a graph into checkpointed calls: as few as suffice, else as many as store the least."""
    n = len(graph.equations)
    if n < 4 or depth > _DEPTH:
        return graph
    crossing = _Crossing(graph)
    made = [
        0 if e.primitive.view or e.primitive.name in ("full", "loop") or on.isdisjoint(e.outputs) else 1
        for e in graph.equations
    ]
    weights = [m * sum(graph.avals[i].nbytes for i in e.outputs) for m, e in zip(made, graph.equations, strict=True)]
    scale = total / max(sum(weights), 1)
    sums = [0.0]
    for weight in weights:
        sums.append(sums[-1] + weight * scale)
    chosen: tuple[float, list[int]] | None = None
    for count in _counts(n):
        cuts = crossing.cuts(sums, count)
        if not cuts:
            continue
        ends = [0, *cuts, n]
        need = crossing.bytes(cuts) + max(sums[b] - sums[a] for a, b in pairwise(ends))
        if chosen is None or need < chosen[0]:
            chosen = need, cuts
        if need <= budget:
            break
    if chosen is None or chosen[0] >= total:
        return graph
    need, cuts = chosen
    inner = max(0, budget - crossing.bytes(cuts)) if need > budget else None
    return _called(graph, on, cuts, inner, depth)


def _counts(equations: int) -> list[int]:
    """Return numbers of segments to try."""
    most = min(_SEGMENTS, equations // 2)
    return sorted({round(2 ** (k / 2)) for k in range(2, 13) if round(2 ** (k / 2)) <= most})


def _called(graph: Graph, on: set[int], cuts: list[int], inner: int | None, depth: int) -> Graph:
    """Return the graph with all segments but the last in checkpointed calls; ``inner`` is what each may store."""
    begins = dict(zip([0, *cuts], cuts, strict=False))
    last = {i: k for k, e in enumerate(graph.equations) for i in e.inputs}
    last.update((i, len(graph.equations)) for i in graph.outputs)

    def record(b: Any, env: dict[int, Any], k: int, equation: Equation) -> bool:
        end = begins.get(k)
        if end is not None:
            equations = graph.equations[k:end]
            wanted = {i for e in equations for i in e.outputs if last.get(i, -1) >= end}
            part, ins, outs = call_of(graph, equations, wanted)
            if inner is not None and outs:
                part = SubGraph.from_graph(arranged(part, [i in on for i in ins], inner, depth + 1))
            called(b, env, part, ins, outs)
        return k < cuts[-1]

    return rewritten(graph, Builder(reuse=True), record)


class _Crossing:
    """Which values cross from one part of a graph to the next.  What is given or a constant costs nothing."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        n = len(graph.equations)
        last = {i: k for k, e in enumerate(graph.equations) for i in e.inputs}
        last.update((i, n) for i in graph.outputs)
        self._spans = [
            (k, last[i], graph.avals[i].nbytes)
            for k, e in enumerate(graph.equations)
            if e.primitive.name != "full"
            for i in e.outputs
            if i in last
        ]
        changes = [0] * (n + 2)
        for start, end, size in self._spans:
            changes[start + 1] += size
            changes[min(end, n) + 1] -= size
        self.live = [0] * (n + 1)
        for p in range(1, n + 1):
            self.live[p] = self.live[p - 1] + changes[p]

    def cuts(self, sums: Sequence[float], count: int) -> list[int]:
        """Return places for this many segments of about the same weight, each where few bytes cross near by."""
        n, total = len(sums) - 1, sums[-1]
        found: list[int] = []
        p = 0
        for k in range(1, count):
            low, high = (total * (k + d) / count for d in (-0.25, 0.25))
            while p < n and sums[p] < low:
                p += 1
            near = [p] if 0 < p < n else []
            q = p + 1
            while q < n and sums[q] <= high:
                near.append(q)
                q += 1
            if near:
                cut = min(near, key=lambda at: (self.live[at], abs(sums[at] - total * k / count)))
                if not found or cut > found[-1]:
                    found.append(cut)
        return found

    def bytes(self, cuts: Sequence[int]) -> int:
        """Return the bytes of the values that cross some cut."""
        total, k = 0, 0
        for start, end, size in sorted(self._spans):
            while k < len(cuts) and cuts[k] <= start:
                k += 1
            if k < len(cuts) and cuts[k] <= end:
                total += size
        return total
