"""Compiled programs as text: their steps, their code, what they cost."""

from __future__ import annotations

import math
from typing import Any

from ...core.graph import Graph
from . import ir, views
from .blas import product_form
from .compiler import emit_module
from .fuse import Fused
from .layout import emission
from .loops import Call, Choice, Fill, Load, Loop, Op, Product, Repeat, Rows, View, canonical
from .target import assembly, optimise


def buffer_text(view: View) -> str:
    """Name a buffer: where it lies, and how it is walked through."""
    buffer = view.buffer
    place = f"{buffer.kind}{buffer.number}" if buffer.number >= 0 else f"arena+{buffer.offset}"
    return f"{place}[{view.offset}; strides {','.join(map(str, view.strides))}]"


def step_text(step: Any, graph: Graph | None) -> str:
    """Return one step as a line of text."""
    if isinstance(step, Fill):
        return f"fill {step.buffer.kind} of {step.length} entries with {step.value}"
    if isinstance(step, Product):
        x, y = step.x.shape, step.y.shape
        tasks = "" if step.cut is None or step.cut.tasks == 1 else f", in {step.cut.tasks} tasks"
        return f"product {x[0]} x ({x[1]} x {x[2]}) @ ({y[1]} x {y[2]}){tasks}"
    if isinstance(step, Loop):
        ops = [item.name for item in step.body if isinstance(item, Op)]
        loads = sum(isinstance(item, Load) for item in step.body)
        stores = [
            f"{'' if s.how == 'set' else s.how + ' into '}{buffer_text(step.accesses[s.access])}" for s in step.stores
        ]
        shape = "x".join(map(str, step.shape)) or "1"
        return f"loop {shape}: {loads} loads; {' '.join(ops) or 'copy'}; -> {', '.join(stores)}"
    if isinstance(step, Rows):
        head = f"{step.count} rows in blocks of {step.block}, {step.tasks} tasks: "
        return head + " | ".join(step_text(loop, graph) for loop in step.loops)
    if isinstance(step, Repeat):
        times = step.length if step.count is None and step.going is None else "as often as it takes"
        words = ", backwards" if step.reverse else ""
        how = ", as loop nests" if step.nests else f", {step.skew.rows} side by side" if step.skew else ""
        how = ", in blocks" if step.blocks else how
        how += ", but for zeros" if step.skip else ""
        return f"repeat {times}{words}{how}:" + _indented([*step.test, *step.body])
    if isinstance(step, Choice):
        return "choose:" + "".join(f"\n    branch {k}:" + _indented(b, 8) for k, b in enumerate(step.branches))
    if graph is None:
        return "call" if isinstance(step, Call) else "interpret an equation"
    if isinstance(step, Call):
        return f"{graph.equations[step.equation].primitive.name} of {step.inputs[0].shape}"
    return f"interpret {graph.equations[step.equation].primitive.name}"


def _indented(steps: list[Any], by: int = 4) -> str:
    lines = [line for step in steps for line in step_text(step, None).splitlines()]
    return "".join(f"\n{' ' * by}{line}" for line in lines)


def _what(step: Any, leading: int = 0) -> Any:
    if isinstance(step, Call):
        return step.form
    if isinstance(step, Product):
        return product_form(step)
    sizes, strides, _ = canonical(step.shape, step.accesses, leading)
    return emission(step, sizes, strides)


def loops_in_order(program: Any) -> list[tuple[int, Any]]:
    """Return (place of the step, loop, product or interpreted equation) for all that the fuser made, in its order."""
    found: list[tuple[int, Any]] = []
    for k, step in enumerate(program.steps):
        if isinstance(step, Rows):
            found += [(k, loop) for loop in step.loops]
        elif not isinstance(step, Fill):
            found.append((k, step))
    return found


def equations_of_steps(program: Any) -> list[list[int]]:
    """Return for each step of a program the numbers of the equations that it computes.

    An equation that only moves values, which becomes strides, belongs to no step.
    """
    made: list[list[int]] = [[] for _ in program.steps]
    graph = program.graph
    fused = Fused(graph)
    order = loops_in_order(program)
    if len(order) != len(fused.steps):
        return made
    moved = {k for k, e in enumerate(graph.equations) if e.primitive.name in views.TABLE}
    for k, equation in enumerate(graph.equations):
        place = fused.maker(equation.outputs[0])
        if place is not None and k not in moved:
            made[order[place][0]].append(k)
    return made


def step_modules(step: Any) -> list[ir.Module]:
    """Return the IR of one step."""
    if isinstance(step, Rows):
        pairs = zip(step.loops, step.leading, strict=True)
        return [emit_module(_what(loop, max(leading, 0))) for loop, leading in pairs]
    if isinstance(step, Repeat | Choice):
        return [emit_module(("region", step.recipe))]
    if isinstance(step, (Loop, Product, Call)) and _runs(step):
        return [emit_module(_what(step))]
    return []


def modules(program: Any) -> list[ir.Module]:
    """Return the IR of every loop nest and product."""
    return [module for step in program.steps for module in step_modules(step)]


def _runs(step: Any) -> bool:
    if isinstance(step, Call):
        return step.count > 0
    return 0 not in (step.shape if isinstance(step, Loop) else step.out.shape)


def assemblies(program: Any) -> list[str]:
    """Return the optimised machine code of every loop nest and product as text."""
    return [assembly(optimise(module)) for module in modules(program)]


def operations(step: Any) -> int:
    """Count the scalar operations of a step; of a loop whose number of iterations is computed, those of one."""
    if isinstance(step, Repeat):
        return (step.length or 1) * sum(map(operations, [*step.test, *step.body]))
    if isinstance(step, Choice):
        return max(sum(map(operations, branch)) for branch in step.branches) // step.turns
    if isinstance(step, Rows):
        return sum(map(operations, step.loops))
    if isinstance(step, Product):
        return 2 * math.prod(step.x.shape) * step.y.shape[2]
    if isinstance(step, Loop):
        work = sum(isinstance(item, Op) for item in step.body) + sum(store.how != "set" for store in step.stores)
        return math.prod(step.shape) * work
    return 0


def bytes_moved(step: Any) -> int:
    """Count the bytes that a step reads and writes: each distinct entry once, in loops once in each iteration."""
    if isinstance(step, Repeat):
        return (step.length or 1) * sum(map(bytes_moved, [*step.test, *step.body]))
    if isinstance(step, Choice):
        return max(sum(map(bytes_moved, branch)) for branch in step.branches) // step.turns
    if isinstance(step, Rows):
        return sum(map(bytes_moved, step.loops))
    if isinstance(step, Fill):
        return int(step.length * step.buffer.dtype.itemsize)
    views = step.accesses if isinstance(step, Loop) else [step.x, step.y, step.out] if isinstance(step, Product) else []
    total = 0
    for view in views:
        total += view.dtype.itemsize * math.prod(n for n, s in zip(view.shape, view.strides, strict=True) if s)
    return total
