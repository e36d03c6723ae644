"""What reverse mode stores for each loop, and what a memory budget would do about it."""

from __future__ import annotations

from typing import Any, Final

from ...core.graph import Equation
from ...transforms.budget import Weight, moving, weigh
from ...transforms.schedule import best, least
from ...transforms.trips import limited
from .blocks import Block, Paragraph, Table
from .subject import Lines, Subject
from .values import size

_PARTS: Final = (0.5, 0.1, 0.05, 0.01)
"""Budgets shown, as parts of what storing everything takes."""


def loop_memory(subject: Subject) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return blocks and data on the memory of reverse mode over the loops of a graph; nothing where there are none."""
    graph = limited(subject.graph)
    on = moving(graph, subject.active)
    lines = Lines()
    blocks: list[Block] = []
    data: list[dict[str, Any]] = []
    for equation in graph.equations:
        if equation.primitive.name != "loop" or on.isdisjoint(equation.outputs):
            continue
        weight = weigh(graph, equation, on)
        schedules = _schedules(weight)
        place = lines.of(equation.source)
        data.append(_data(weight, place, schedules, lines))
        blocks += _blocks(equation, weight, place, schedules, lines)
    return blocks, data


def _schedules(weight: Weight) -> list[tuple[int, Any]]:
    """Return budgets with the schedules that they lead to, the least that is possible last."""
    if not weight.total or not weight.known:
        return []
    smallest = least(weight.iterations, weight.state, weight.residuals)
    budgets = [weight.total, *[int(part * weight.total) for part in _PARTS]]
    found = [(b, best(weight.iterations, weight.state, weight.residuals, b)) for b in budgets if b > smallest.bytes]
    return [*found, (smallest.bytes, smallest)]


def _data(weight: Weight, place: Any, schedules: list[tuple[int, Any]], lines: Lines) -> dict[str, Any]:
    return {
        "line": place[1],
        "iterations": weight.iterations if weight.known else None,
        "bytes_per_iteration": weight.residuals,
        "bytes": weight.total if weight.known else None,
        "carry_bytes": weight.state,
        "saved": [{"value": repr(of), "line": lines.of(source)[1]} for of, source in weight.saved],
        "budgets": [
            {"bytes": b, "lengths": list(s.lengths), "extra_runs": s.again / weight.iterations} for b, s in schedules
        ],
    }


def _blocks(
    equation: Equation, weight: Weight, place: Any, schedules: list[tuple[int, Any]], lines: Lines
) -> list[Block]:
    where = f" (line {place[1]}: {place[2]})" if place[1] else ""
    if not weight.residuals:
        return [Paragraph(f"The loop{where} stores nothing for reverse mode, however often it runs.")]
    rows = []
    for of, source in weight.saved:
        file, number, text = lines.of(source)
        rows.append(
            (repr(of), size(of.nbytes), f"{file}:{number}: {text}" if number else "what the iteration begins with")
        )
    times = f"{weight.iterations:,} iterations x {size(weight.residuals)} = {size(weight.total)}"
    if not weight.known:
        times = f"{size(weight.residuals)} an iteration, as many as there will be"
    blocks: list[Block] = [
        Paragraph(f"The loop{where} stores for reverse mode {times}. Of each iteration:"),
        Table(("value", "memory", "made by"), rows, numbers=frozenset({1})),
    ]
    if schedules:
        blocks += [
            Paragraph(
                f'With wg.grad(f, memory="...") parts of it are run again instead, from checkpoints of the carry '
                f"({size(weight.state)} each):"
            ),
            Table(
                ("memory for this loop", "segments of", "iterations run again", "extra runs of the loop"),
                [
                    (
                        size(b),
                        ", ".join(map(str, s.lengths)) or "-",
                        f"{s.again:,}",
                        f"{s.again / weight.iterations:.2f}",
                    )
                    for b, s in schedules
                ],
                numbers=frozenset({0, 1, 2, 3}),
            ),
        ]
    return blocks
