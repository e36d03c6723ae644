"""Recorded parts made ready to be operands of loops and choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.builder import Builder, inline
from ...core.primitive import lookup
from ...core.symbol import Sym
from ...ops.subgraph import SubGraph
from ..bodies import Part, as_operand
from ..context import current
from ..record import value_aval
from ..tracer import Tracer
from .notes import NotCapturedError

_KINDS = "biufc"


def key_of(value: Any) -> Any:
    """Return what tells captured values apart."""
    return (id(value.builder), value.id) if isinstance(value, Sym) else id(value)


def is_literal(value: Any, guarded: bool) -> bool:
    """Say whether a captured value is written into the graph: a whole number, and under jit any number."""
    if isinstance(value, (Sym, np.ndarray)) or np.ndim(value):
        return False
    return guarded or np.asarray(value).dtype.kind in "biu"


class Captured:
    """The values that some parts captured, once each."""

    def __init__(self, parts: Sequence[Part]) -> None:
        builder = current()
        assert builder is not None
        self.guarded = builder.context.guarded
        self.values: list[Any] = []
        self.places: dict[Any, int] = {}
        for part in parts:
            for value in part.captured:
                key = key_of(value)
                if key not in self.places and not is_literal(value, self.guarded):
                    self.places[key] = len(self.values)
                    self.values.append(value)
        self.avals = [value_aval(value) for value in self.values]

    def inputs_of(self, part: Part, builder: Builder, symbols: Sequence[Any]) -> list[Any]:
        """Return what a part's captured inputs are in another builder."""
        found = []
        avals = part.graph.in_avals[len(part.graph.inputs) - len(part.captured) :]
        for value, of in zip(part.captured, avals, strict=True):
            if is_literal(value, self.guarded):
                found.append(builder.full(np.asarray(value, of.dtype).item(), (), of.dtype))
            else:
                found.append(symbols[self.places[key_of(value)]])
        return found


def rewritten(
    part: Part, captured: Captured, before: Sequence[Aval], behind: Sequence[Aval], write: Any = None
) -> SubGraph:
    """Return a part as a sub-graph of (``before``, everything captured, ``behind``).

    ``write(builder, outputs)`` may replace the outputs.
    """
    builder = Builder(reuse=True)
    first = [builder.input(of) for of in before]
    symbols = [builder.input(of) for of in captured.avals]
    last = [builder.input(of) for of in behind]
    outs = inline(part.graph, builder, [*first, *last, *captured.inputs_of(part, builder, symbols)])
    return SubGraph.from_graph(builder.build(outs if write is None else write(builder, outs)))


def apply(name: str, operands: Sequence[Any], params: tuple[tuple[str, Any], ...]) -> tuple[Any, ...]:
    """Record an equation in the innermost trace."""
    builder = current()
    assert builder is not None
    builder.at_user_line()
    made: tuple[Any, ...] = builder.apply(lookup(name), operands, params)
    return made


def operand(value: Any, of: Aval) -> Any:
    """Return a value as an operand of an aval's dtype."""
    found = as_operand(value, of)
    if isinstance(found, Tracer):
        found.refresh()
    return found


def common(a: Aval, b: Aval, name: str) -> Aval:
    """Return the aval that a variable has which is one thing here and another there."""
    if a is b:
        return a
    if a.shape != b.shape:
        raise NotCapturedError(f"{name} has the shape {a.shape} here and {b.shape} there")
    if a.dtype == b.dtype:
        return aval(a.shape, a.dtype, a.weak and b.weak)
    weak, other = (a, b) if a.weak else (b, a)
    if weak.weak:
        if _KINDS.index(weak.dtype.kind) <= _KINDS.index(other.dtype.kind):
            return other
        if other.weak:
            return weak
        python: Any = {"f": 0.0, "c": 0j}.get(weak.dtype.kind, 0)
        return aval(a.shape, np.result_type(other.dtype, python))
    if not a.shape:
        return aval((), np.result_type(a.dtype, b.dtype))
    raise NotCapturedError(f"{name} has the dtype {a.dtype} here and {b.dtype} there")


def converted(builder: Builder, value: Any, of: Aval) -> Any:
    """Record a conversion where one is needed."""
    if value is None:
        return builder.full(0, of.shape, of.dtype)
    return value if value.aval.dtype == of.dtype else builder.apply_named("convert", value, dtype=of.dtype)


def result(value: Any, of: Aval, is_array: bool) -> Tracer:
    """Return an equation's output as what a variable holds."""
    made = Tracer(value.builder, value.id, aval(value.aval.shape, value.aval.dtype, of.weak))
    made.is_array = is_array
    return made
