"""Compiled programs as text: their steps, their code, what they cost."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from ...core.graph import Graph
from .compiler import emit_module
from .layout import emission
from .loops import Call, Fill, Load, Loop, Op, Product, Rows, View, canonical
from .target import assembly, optimise


def buffer_text(view: View) -> str:
    """Name a buffer: where it lies, and how it is walked through."""
    buffer = view.buffer
    place = f"{buffer.kind}{buffer.number}" if buffer.number >= 0 else f"arena+{buffer.offset}"
    return f"{place}[{view.offset}; strides {','.join(map(str, view.strides))}]"


def step_text(step: Any, graph: Graph) -> str:
    """Return one step as a line of text."""
    if isinstance(step, Fill):
        return f"fill {step.buffer.kind} of {step.buffer.size} entries with {step.value}"
    if isinstance(step, Product):
        x, y = step.x.shape, step.y.shape
        return f"product {x[0]} x ({x[1]} x {x[2]}) @ ({y[1]} x {y[2]})"
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
    if isinstance(step, Call):
        return f"{graph.equations[step.equation].primitive.name} of {step.inputs[0].shape}"
    return f"interpret {graph.equations[step.equation].primitive.name}"


def _what(step: Any, leading: int = 0) -> Any:
    if isinstance(step, Call):
        return step.form
    if isinstance(step, Product):
        return ("product", step.x.dtype)
    sizes, strides, _ = canonical(step.shape, step.accesses, leading)
    return emission(step, sizes, strides)


def modules(program: Any) -> list[ir.Module]:
    """Return the IR of every loop nest and product."""
    found = []
    for step in program.steps:
        if isinstance(step, Rows):
            for loop, leading in zip(step.loops, step.leading, strict=True):
                found.append(emit_module(_what(loop, max(leading, 0))))
        elif isinstance(step, (Loop, Product, Call)) and _runs(step):
            found.append(emit_module(_what(step)))
    return found


def _runs(step: Any) -> bool:
    if isinstance(step, Call):
        return step.count > 0
    return 0 not in (step.shape if isinstance(step, Loop) else step.out.shape)


def assemblies(program: Any) -> list[str]:
    """Return the optimised machine code of every loop nest and product as text."""
    return [assembly(optimise(module)) for module in modules(program)]


def operations(step: Any) -> int:
    """Count the scalar operations of a step."""
    if isinstance(step, Rows):
        return sum(map(operations, step.loops))
    if isinstance(step, Product):
        return 2 * math.prod(step.x.shape) * step.y.shape[2]
    if isinstance(step, Loop):
        work = sum(isinstance(item, Op) for item in step.body) + sum(store.how != "set" for store in step.stores)
        return math.prod(step.shape) * work
    return 0


def bytes_moved(step: Any) -> int:
    """Count the bytes that a step reads and writes: each distinct entry once."""
    if isinstance(step, Rows):
        return sum(map(bytes_moved, step.loops))
    if isinstance(step, Fill):
        return int(step.buffer.size * step.buffer.dtype.itemsize)
    views = step.accesses if isinstance(step, Loop) else [step.x, step.y, step.out] if isinstance(step, Product) else []
    total = 0
    for view in views:
        total += view.dtype.itemsize * math.prod(n for n, s in zip(view.shape, view.strides, strict=True) if s)
    return total
