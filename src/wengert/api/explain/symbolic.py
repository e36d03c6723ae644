"""The symbolic road: a graph written out as a formula, differentiated by SymPy.

A formula has no names for intermediate results, so what the graph shares is written out again at each use: the
expression swells.  How large it gets can be counted on the graph without writing it; only formulas of moderate size are
handed to SymPy.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...core.graph import Equation, Graph
from ...errors import MissingExtraError, explain
from .linear import Derivative
from .numeric import Coordinates
from .symbols import COMPUTED, table

_MOST_OPERATIONS: Final = 1000
_MOST_SYMBOLS: Final = 24
_SECONDS: Final = 3.0
_TOO_SLOW: Final = f"SymPy was given up after {_SECONDS:.0f} s"
_DIGITS: Final = 40
ENDLESS: Final = 10**18
"""Where counting stops; sharing can make formulas exponentially large."""
_MOVING: Final = frozenset(
    "broadcast reshape transpose rev slice slice_add slice_set gather gather_add gather_set concatenate pad reduce_sum "
    "reduce_prod cumsum dot copy".split()
)
"""Primitives that only move entries, add or multiply them: NumPy does this with formulas as entries too."""


class NoFormula(Exception):
    """Says why there is no formula."""


@dataclass(frozen=True)
class Formula:
    """A subject's function and gradient as formulas.

    Attributes
    ----------
    text : str
        The function.
    gradient : list of str
        Its derivatives at the coordinates compared.
    operations, gradient_operations : int
        Operations in both, written out.
    exact, value : array
        The gradient at the subject's point: to 40 digits, and as double precision arithmetic evaluates the formula.
    seconds_to_derive, seconds : float
    """

    text: str
    gradient: list[str]
    operations: int
    gradient_operations: int
    exact: Any
    value: Any
    seconds_to_derive: float
    seconds: float


def count_text(count: int) -> str:
    """Return a count as text; of a huge one only how huge it is."""
    return f"{count:,}" if count < ENDLESS else "more than 10**18"


def written_out(graph: Graph) -> int:
    """Count the operations of the outputs as formulas in which nothing is shared, up to ``ENDLESS``."""
    each = dict.fromkeys(graph.inputs, 0)  # operations in the formula of one entry, at most
    for equation in graph.equations:
        inner = [each[i] for i in equation.inputs]
        name = equation.primitive.name
        if name == "full":
            count = 0
        elif name == "dot":
            x = graph.avals[equation.inputs[0]].shape
            terms = math.prod(x[a] for a in dict(equation.params)["contract"][0])
            count = max(terms * (sum(inner) + 2) - 1, 0)
        elif name.startswith("reduce_"):
            terms = graph.avals[equation.inputs[0]].size // max(graph.avals[equation.outputs[0]].size, 1)
            count = max(terms * (inner[0] + 1) - 1, 0)
        elif equation.primitive.view or name in _MOVING:
            count = max(inner, default=0)
        else:
            count = sum(inner) + 1
        each.update(dict.fromkeys(equation.outputs, min(count, ENDLESS)))
    return min(sum(each[i] * graph.avals[i].size for i in graph.outputs), ENDLESS)


def derive(d: Derivative, places: Coordinates) -> Formula:
    """Return formulas of a function's weighted result and of its derivatives.

    Raises
    ------
    NoFormula
        If the formula would be too large, or a primitive has none.
    MissingExtraError
        If SymPy is not installed.
    """
    subject = d.subject
    size = written_out(subject.graph)
    if size > _MOST_OPERATIONS or places.total > _MOST_SYMBOLS:
        raise NoFormula(
            f"the formula would have {count_text(size)} operations in {places.total:,} of the inputs' entries; "
            f"it is written out up to {_MOST_OPERATIONS:,} and {_MOST_SYMBOLS}"
        )
    if any(of.dtype.kind == "c" for of in subject.graph.avals):
        raise NoFormula("the function computes with complex numbers")
    try:
        import sympy
    except ImportError as error:
        raise MissingExtraError(
            explain("Formulas need SymPy.", found="it is not installed", fix="pip install 'wengert[symbolic]'")
        ) from error
    start = time.perf_counter()
    symbols, values = _symbols(sympy, d)
    outs = _formulas(sympy, d, dict(zip(subject.active_inputs, symbols, strict=True)), start + _SECONDS)
    weights = subject.cotangents
    terms = [
        _number(sympy, w) * y
        for weight, out in zip(weights, outs, strict=True)
        if weight is not None
        for w, y in zip(np.ravel(weight), np.ravel(_array(out)), strict=True)
        if w != 0
    ]
    result = sympy.Add(*terms)
    wanted = [np.ravel(symbols[k])[j] for k, j in places.places]
    gradient = []
    for x in wanted:
        if time.perf_counter() > start + _SECONDS:
            raise NoFormula(_TOO_SLOW)
        gradient.append(sympy.diff(result, x))
    derived = time.perf_counter() - start
    flat = [x for array in symbols for x in np.ravel(array)]
    precise = sympy.lambdify(flat, gradient, [COMPUTED, "mpmath"], dummify=True)
    with _precision():
        exact = np.array([complex(x).real for x in precise(*[_mpf(v) for v in values])])
    quick = sympy.lambdify(flat, gradient, [COMPUTED, "scipy", "numpy"], dummify=True)
    numbers = [np.float64(v) for v in values]
    with np.errstate(all="ignore"):
        value = np.array([float(x) for x in quick(*numbers)])
        start = time.perf_counter()
        repeats = 20
        for _ in range(repeats):
            quick(*numbers)
        took = (time.perf_counter() - start) / repeats
    return Formula(
        _text(sympy, result),
        [_text(sympy, x) for x in gradient],
        int(sympy.count_ops(result)),
        sum(int(sympy.count_ops(x)) for x in gradient),
        exact,
        value,
        derived,
        took,
    )


def _precision() -> Any:
    import mpmath

    return mpmath.workdps(_DIGITS)


def _mpf(value: float) -> Any:
    import mpmath

    return mpmath.mpf(float(value))


def _symbols(sympy: Any, d: Derivative) -> tuple[list[Any], list[float]]:
    """Return an array of symbols for each active input, and the values of all symbols."""
    made, values = [], []
    for i in d.subject.active_inputs:
        value, name = np.asarray(d.subject.values[i]), d.subject.names[i]
        array = np.empty(value.shape, object)
        for index in np.ndindex(value.shape):
            label = name if not index else f"{name}[{','.join(map(str, index))}]"
            array[index] = sympy.Symbol(label)
            values.append(float(value[index]))
        made.append(array)
    return made, values


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value
    made = np.empty((), object)
    made[()] = value
    return made


def _number(sympy: Any, value: Any) -> Any:
    """Return a number exactly as it is stored."""
    if isinstance(value, bool | np.bool_):
        return sympy.true if value else sympy.false
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) or float(value).is_integer():
        return sympy.Integer(int(value))
    return sympy.Float(float(value), _DIGITS)


def _formulas(sympy: Any, d: Derivative, symbols: dict[int, Any], deadline: float) -> list[Any]:
    """Evaluate the graph with formulas as entries; what derivatives do not flow through stays a number."""
    subject = d.subject
    formulas = table(sympy)
    env: dict[int, Any] = dict(symbols)

    def entries(i: int) -> Any:
        if i in env:
            return env[i]
        value = np.asarray(subject.values[i])
        if value.dtype.kind not in "fiub" or (value.dtype.kind == "f" and not np.isfinite(value).all()):
            raise NoFormula("a constant in it is not a finite number")
        array = np.empty(value.shape, object)
        for index in np.ndindex(value.shape):
            array[index] = _number(sympy, value[index])
        return array

    for equation in subject.graph.equations:
        symbolic = any(i in env for i in equation.inputs)
        moves = any(i in d.parts.values for i in equation.outputs) or equation.primitive.name in _RELATIONS
        if not (symbolic and moves):
            continue
        if time.perf_counter() > deadline:
            raise NoFormula(_TOO_SLOW)
        out = _apply(equation, formulas, entries, subject.values)
        env[equation.outputs[0]] = _array(out)
    return [entries(i) for i in subject.graph.outputs]


_RELATIONS: Final = ("gt", "ge", "lt", "le", "eq", "ne")


def _apply(equation: Equation, formulas: dict[str, Any], entries: Callable[[int], Any], values: list[Any]) -> Any:
    record, params = equation.primitive, dict(equation.params)
    if record.name in _MOVING:
        # Index arrays stay numbers; everything else that is joined with formulas becomes a formula.
        indexed = record.name.startswith("gather")
        args = [
            values[i] if indexed and np.asarray(values[i]).dtype.kind in "iu" else entries(i) for i in equation.inputs
        ]
        return record.evaluate(*args, **params)
    function = formulas.get(record.name)
    if function is None:
        raise NoFormula(f"no formula is known for {record.name}")
    args = [entries(i) for i in equation.inputs]
    if record.name in ("reduce_max", "reduce_min"):
        return function(args[0], params["axes"])
    run = np.frompyfunc(lambda *xs: function(*xs, **params), len(args), 1)
    return run(*args)


def _text(sympy: Any, expression: Any) -> str:
    """Return a formula as text, with numbers as short as they can be."""
    short = {x: sympy.Float(repr(float(x)), 15) for x in expression.atoms(sympy.Float)}
    return str(expression.xreplace(short))
