"""Graphs as readable text: names of values, equations as formulas, the user's lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .source import Source

if TYPE_CHECKING:
    from .graph import Equation, Graph

_INFIX: Final = {
    "add": "+", "sub": "-", "mul": "*", "scale": "*", "div": "/", "pow": "**", "remainder": "%", "floor_divide": "//",
    "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "logical_and": "and", "logical_or": "or",
}  # fmt: skip
_MATRIX: Final = (("contract", ((1,), (0,))), ("batch", ((), ())))
_WIDTH: Final = 72


def name(number: int) -> str:
    """Return the printed name of a value."""
    return f"v{number}"


def literal(value: Any) -> str:
    """Return a number as short text that Python would read back."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return repr(value)


def value_names(graph: Graph) -> dict[int, str]:
    """Return a name for every value: inputs as the user calls them, literals for scalar constants, else numbers.

    Where an input of the user's is called ``v3`` itself, the numbered values take another letter, so that no name means
    two values.
    """
    given = [text for text in graph.names if text]
    letter = next(
        c for c in ("v", "w", "u", "t", "value_") if not any(re.fullmatch(rf"{c}\d+", text) for text in given)
    )
    names = {i: f"{letter}{i}" for i in range(len(graph.avals))}
    names.update((i, text) for i, text in zip(graph.inputs, graph.names, strict=False) if text)
    names.update((i, literal(value)) for i, value in graph.constants if np.ndim(value) == 0)
    for equation in graph.equations:
        if is_literal(graph, equation):
            params = dict(equation.params)
            names[equation.outputs[0]] = literal(params["dtype"].type(params["value"]))
    return names


def is_literal(graph: Graph, equation: Equation) -> bool:
    """Say whether an equation only makes a number, which is then written where it is used."""
    return equation.primitive.name == "full" and not graph.avals[equation.outputs[0]].shape


def param_text(value: Any) -> str:
    """Return a parameter as short text."""
    if isinstance(value, np.dtype):
        return str(value.name)
    if isinstance(value, tuple) and all(isinstance(item, np.dtype) for item in value) and value:
        return f"({','.join(map(param_text, value))})"
    if callable(value):
        return getattr(value, "__name__", repr(value))
    return repr(value).replace(" ", "")


def formula(equation: Equation, names: dict[int, str] | None = None) -> str:
    """Return the right-hand side of an equation as a formula: ``sin(x1)``, ``x1 * x2``, ``reduce_sum(v4, axes=(0,))``.

    A negative literal is put in parentheses after an operator.
    """
    names = names or {}
    ins = [names.get(i, name(i)) for i in equation.inputs]
    record = equation.primitive.name
    operator = "@" if record == "dot" and equation.params == _MATRIX else _INFIX.get(record)
    if operator is not None and len(ins) == 2:
        left, right = (f"({text})" if text.startswith("-") else text for text in ins)
        return f"{left} {operator} {right}"
    if record == "neg":
        return f"-{ins[0]}"
    if record == "integer_pow":
        return f"{ins[0]} ** {dict(equation.params)['n']}"
    if record == "slice":
        where = dict(equation.params)
        return f"{ins[0]}[{', '.join(map(_range, where['starts'], where['stops'], where['steps']))}]"
    if record == "convert":
        return f"{dict(equation.params)['dtype'].name}({ins[0]})"
    params = [f"{key}={param_text(value)}" for key, value in equation.params]
    return f"{record}({', '.join([*ins, *params])})"


def _range(start: int, stop: int, step: int) -> str:
    return f"{start}:{stop}" if step == 1 else f"{start}:{stop}:{step}"


def equation_text(graph: Graph, equation: Equation, names: dict[int, str] | None = None) -> str:
    """Return one equation as text: outputs with avals, and the formula."""
    names = names or {}
    outs = ", ".join(f"{names.get(i, name(i))}: {graph.avals[i]!r}" for i in equation.outputs)
    return f"{outs} = {formula(equation, names)}"


def subgraphs(equation: Equation) -> Iterator[tuple[str, Graph]]:
    """Yield the graphs that an equation holds (the body of a loop, the branches of a condition) with their names."""
    for key, value in equation.params:
        for k, item in enumerate(value if isinstance(value, tuple) else (value,)):
            if hasattr(item, "equations"):
                yield (f"{key}[{k}]" if isinstance(value, tuple) else key), item


def text(graph: Graph) -> str:
    """Return the graph as text, an equation a line, with the user's source lines at the right where they change."""
    return "\n".join(_lines(graph, ""))


def _lines(graph: Graph, indent: str) -> Iterator[str]:
    names = value_names(graph)
    constants = dict(graph.constants)
    shown = [i for i in graph.inputs if np.ndim(constants.get(i, _ARRAY)) > 0]
    ins = ", ".join(f"{names[i]}: {graph.avals[i]!r}" for i in shown if i not in constants)
    yield f"{indent}graph({ins}):"
    for i in shown:
        if i in constants:
            yield f"{indent}    {names[i]}: {graph.avals[i]!r} = constant {_short(constants[i])}"
    equations = [equation for equation in graph.equations if not is_literal(graph, equation)]
    lines = [equation_text(graph, equation, names) for equation in equations]
    width = min(_WIDTH, max((len(line) for line in lines), default=0))
    before: Any = None
    places: dict[tuple[int, int], str] = {}
    for line, equation in zip(lines, equations, strict=True):
        source = equation.source
        here = "" if source is None else _place(source, places)
        yield f"{indent}    {line:<{width}}  # {here}" if here and here != before else f"{indent}    {line}"
        before = here
        for key, inner in subgraphs(equation):
            yield f"{indent}        {key} ="
            yield from _lines(inner, indent + "            ")
    yield f"{indent}    return {', '.join(names[i] for i in graph.outputs)}"


def _place(source: Source, known: dict[tuple[int, int], str]) -> str:
    """Return a place as text, looked up once.  By identity: Python calls equal code of two functions equal."""
    key = (id(source.code), source.lasti)
    if key not in known:
        known[key] = str(source)
    return known[key]


_ARRAY: Final = np.empty(1)  # stands for an input that is not a constant, whatever its shape


def _short(value: Any) -> str:
    """Return an array as one line; a large one by its range."""
    if np.size(value) <= 8:
        return np.array2string(np.asarray(value), separator=", ", max_line_width=10_000).replace("\n", "")
    if np.asarray(value).dtype.kind in "fiu" and np.size(value):
        return f"from {np.min(value):.6g} to {np.max(value):.6g}"
    return f"of {np.size(value)} entries"
