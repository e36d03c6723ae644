"""Forward or reverse mode: operations, time and memory (row L8 of the lecture)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from ...core.graph import Equation, Graph
from ...run.interpreter import Program
from ...transforms.forward import forward
from ...transforms.linearize import linearize
from ...transforms.reverse import reverse
from ...transforms.simplify import simplify
from ...transforms.transpose import transpose
from ..jacobians import prefers_forward
from .blocks import Block, Paragraph, Section, Table
from .loops import loop_memory
from .subject import Subject
from .values import seconds, size

_BUDGET: Final = 0.05
"""Seconds to spend on one measurement."""
_REPEATS: Final = 200


def operations(graph: Graph) -> int:
    """Count arithmetic operations: by the primitive's own rule, else one for each entry made; moving data is free."""
    return sum(equation_operations(graph, equation) for equation in graph.equations)


def equation_operations(graph: Graph, equation: Equation) -> int:
    """Count the arithmetic operations of one equation."""
    record = equation.primitive
    if record.flops is not None:
        return int(record.flops(*[graph.avals[i] for i in equation.inputs], **dict(equation.params)))
    if record.view or record.name in ("full", "copy"):
        return 0
    return sum(graph.avals[i].size for i in equation.outputs)


def liveness(graph: Graph) -> list[int]:
    """Return, for each equation, the bytes of the values that exist while it runs, inputs not counted.

    A value exists from the equation that makes it to the last that reads it; a view keeps what it is a view of alive.
    """
    root: dict[int, int] = {}
    last: dict[int, int] = {}
    for k, equation in enumerate(graph.equations):
        for i in equation.inputs:
            last[root.get(i, i)] = k
        if equation.primitive.view and equation.inputs:
            root.update((o, root.get(equation.inputs[0], equation.inputs[0])) for o in equation.outputs)
    for i in graph.outputs:
        last[root.get(i, i)] = len(graph.equations)
    dying: dict[int, list[int]] = {}
    for i, k in last.items():
        dying.setdefault(k, []).append(i)
    given = set(graph.inputs)
    live, curve = 0, []
    made: set[int] = set()
    for k, equation in enumerate(graph.equations):
        if equation.primitive.name != "full":  # a constant is a number, read with stride 0
            for i in equation.outputs:
                if i not in root:
                    made.add(i)
                    live += graph.avals[i].nbytes
        curve.append(live)
        for i in dying.get(k, ()):
            if i in made and i not in given:
                live -= graph.avals[i].nbytes
                made.discard(i)
    return curve


def measured(run: Callable[[], Any]) -> float:
    """Return the median time of a call, in seconds, after one call to warm up."""
    run()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < _REPEATS and (len(times) < 3 or time.perf_counter() - start < _BUDGET):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return sorted(times)[len(times) // 2]


class Sweeps:
    """The programs of a subject's function and of one forward and one reverse sweep, as the library runs them."""

    def __init__(self, subject: Subject) -> None:
        graph = subject.graph
        self.subject = subject
        self.function = simplify(graph)
        self.forward = simplify(forward(graph, subject.active))
        self.seeded = [w is not None for w in subject.cotangents]
        self.reverse = simplify(reverse(graph, subject.active, self.seeded))
        parts = linearize(graph, subject.active)
        self.primal, self.linear = simplify(parts.primal), simplify(parts.linear)
        self.transposed = simplify(transpose(parts.linear, parts.residuals))
        self.residuals = parts.primal.outputs[len(graph.outputs) :]
        self.residual_bytes = sum(
            parts.primal.avals[i].nbytes for i in dict.fromkeys(self.residuals) if i not in parts.primal.inputs
        )
        self._programs = {id(g): Program(g) for g in (self.function, self.forward, self.reverse)}

    def value(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the function itself."""
        return self._programs[id(self.function)](inputs)

    def push(self, direction: Sequence[Any]) -> list[Any]:
        """Run one forward sweep: tangents of the outputs."""
        outs = self._programs[id(self.forward)]([*self.subject.inputs, *direction])
        return outs[len(outs) // 2 :]

    def pull(self) -> list[Any]:
        """Run one reverse sweep: cotangents of the active inputs."""
        seeds = [w for w in self.subject.cotangents if w is not None]
        return self.run_reverse([*self.subject.inputs, *seeds])[len(self.subject.graph.outputs) :]

    def run_reverse(self, args: Sequence[Any]) -> list[Any]:
        """Run the function and one reverse sweep at any inputs: outputs, cotangents of active inputs."""
        return self._programs[id(self.reverse)](args)


def costs(sweeps: Sweeps) -> Section:
    """Compare one sweep of each mode and the whole Jacobian, and say which mode is taken and why."""
    subject = sweeps.subject
    n, m = subject.n_in, subject.n_out
    rows: list[dict[str, Any]] = []
    runs = (
        ("the function alone", sweeps.function, lambda: sweeps.value(subject.inputs)),
        ("one forward sweep (J v)", sweeps.forward, lambda: sweeps.push(subject.direction)),
        ("one reverse sweep (w J)", sweeps.reverse, sweeps.pull),
    )
    for what, graph, run in runs:
        curve = liveness(graph)
        rows.append(
            {
                "what": what,
                "equations": len(graph.equations),
                "operations": operations(graph),
                "seconds": measured(run),
                "peak_bytes": max(curve, default=0),
                "live_bytes": curve if len(curve) <= 2000 else [],
            }
        )
    shared, linear, transposed = (operations(g) for g in (sweeps.primal, sweeps.linear, sweeps.transposed))
    takes_forward = prefers_forward(n, m)
    jacobian: dict[str, Any] = {
        "rows": m,
        "columns": n,
        "forward_operations": shared + n * linear,
        "reverse_operations": shared + m * transposed,
        "chosen": "forward" if takes_forward else "reverse",
    }
    cheaper = "forward" if jacobian["forward_operations"] < jacobian["reverse_operations"] else "reverse"
    reason = (
        f"n = {n} input entr{'y' if n == 1 else 'ies'}, m = {m} result entr{'y' if m == 1 else 'ies'}: the Jacobian "
        f"is m x n. A forward sweep fills in a column, a "
        f"reverse sweep a row, so the Jacobian takes {_sweeps(n, 'forward')} or {_sweeps(m, 'reverse')}: "
        f"{jacobian['forward_operations']:,} against {jacobian['reverse_operations']:,} operations. wg.jacobian "
        f"therefore takes "
        f"{jacobian['chosen']} mode ({'n <= m' if takes_forward else 'n > m'})"
    )
    if jacobian["forward_operations"] == jacobian["reverse_operations"]:
        reason += "; counted in operations it is a draw"
    elif cheaper != jacobian["chosen"]:
        reason += (
            f", although {cheaper} mode would count fewer operations here; the rule compares sweeps, not operations"
        )
    reason += (
        ". wg.grad always takes reverse mode: for one scalar result one sweep is enough, however many inputs there are."
    )
    base = max(rows[0]["operations"], 1)
    in_loops, loops = loop_memory(subject)
    blocks: list[Block] = [
        Table(
            ("what", "equations", "operations", "of the function", "time", "peak live memory"),
            [
                (
                    r["what"],
                    str(r["equations"]),
                    f"{r['operations']:,}",
                    f"{r['operations'] / base:.2f}",
                    seconds(r["seconds"]),
                    size(r["peak_bytes"]),
                )
                for r in rows
            ],
            numbers=frozenset({1, 2, 3, 4, 5}),
        ),
        Paragraph(
            f"Operations are counted on the simplified graphs, by rules of the primitives; times are medians of "
            f"repeated runs, without "
            f"compilation; memory is that of the values alive at once, inputs not counted. Between its two sweeps "
            f"reverse mode keeps "
            f"{size(sweeps.residual_bytes)} of values that were not inputs; forward mode keeps nothing."
        ),
        *in_loops,
        Table(
            ("whole Jacobian", "sweeps", "operations", "fills in"),
            [
                ("forward mode", str(n), f"{jacobian['forward_operations']:,}", "a column a sweep"),
                ("reverse mode", str(m), f"{jacobian['reverse_operations']:,}", "a row a sweep"),
            ],
            numbers=frozenset({1, 2}),
        ),
        Paragraph(f"Choice: {reason}"),
    ]
    data = {"sweeps": rows, "jacobian": jacobian, "residual_bytes": sweeps.residual_bytes, "reason": reason}
    if loops:
        data["loops"] = loops
    return Section("costs", "Forward or reverse?", blocks, data)


def _sweeps(count: int, mode: str) -> str:
    return f"{count} {mode} sweep{'s' * (count != 1)}"
