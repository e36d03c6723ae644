"""Containers as flat vectors, and the user's functions as graphs of flat vectors.

Solvers know vectors.  The unknowns of a problem, in whatever containers they come, are laid end to end; parameters
stay apart.  A function is recorded once for all values of the unknowns; what it captures becomes a further parameter,
so that derivatives with respect to captured traced values exist as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import Primitive
from ...core.source import user_line
from ...core.symbol import Sym
from ...core.tree import Tree, flatten, shown, unflatten
from ...errors import ArgumentError, ShapeError, UntraceableError, WengertError, explain
from ...ops.subgraph import SubGraph
from ...trace.context import current
from ...trace.force import Unknown
from ...trace.rebind import rebound
from ...trace.record import record, value_aval
from ...trace.tracer import Tracer, wrap_result
from ..call import array_like
from ..rulecheck import where


class Unknowns:
    """Containers of arrays as one flat vector.

    Parameters
    ----------
    tree
        The container.
    name
        Of the public function, for messages.
    real : bool
        Refuse complex entries.

    Attributes
    ----------
    vector
        All entries, end to end.
    aval : Aval
        Of the vector.
    """

    def __init__(self, tree: Any, name: str, real: bool = True) -> None:
        leaves, self.tree = flatten(tree)
        avals = [array_like(leaf, name)[1] for leaf in leaves]
        self.shapes = [of.shape for of in avals]
        dtype = np.result_type(*[of.dtype for of in avals]) if avals else np.dtype(float)
        if dtype.kind in "biu":
            dtype = np.dtype(float)
        if real and dtype.kind == "c":
            raise ArgumentError(
                explain(
                    f"wg.{name} solves for real unknowns.",
                    found=", ".join(map(repr, avals)),
                    line=user_line(),
                    fix="solve for real and imaginary part: a container (re, im), with re + 1j * im in the function",
                )
            )
        self.aval = aval((sum(map(math.prod, self.shapes)),), dtype)
        self.vector = packed(leaves, dtype)

    @property
    def size(self) -> int:
        return self.aval.size

    def unpack(self, vector: Any) -> Any:
        """Return the entries of a vector in the container."""
        leaves, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            part = vector if len(self.shapes) == 1 else vector[start:stop]
            leaf = np.reshape(part, shape)
            leaves.append(leaf if isinstance(leaf, Tracer) or shape else leaf[()])
            start = stop
        return unflatten(self.tree, leaves)

    def unpack_rows(self, rows: Any) -> Any:
        """Return vectors, one for each row, in the container; the rows stay as axis 0."""
        leaves, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            leaves.append(np.reshape(rows[:, start:stop], (rows.shape[0], *shape)))
            start = stop
        return unflatten(self.tree, leaves)

    def pack(self, value: Any, what: str, function: Any) -> Any:
        """Return a result of the user's as a vector; it has the containers and shapes of the unknowns."""
        leaves, tree = flatten(value)
        found = [np.shape(leaf) for leaf in leaves]
        if tree != self.tree or found != self.shapes:
            raise ShapeError(
                explain(
                    f"{what} comes in the containers and shapes of the unknowns.",
                    found=f"{_layout(tree, found)} for unknowns {_layout(self.tree, self.shapes)}",
                    line=where(function),
                    fix="return one value for each unknown",
                )
            )
        return packed(leaves, self.aval.dtype)


def _layout(tree: Tree, shapes: Sequence[tuple[int, ...]]) -> str:
    return f"{shown(tree)} of shape{'s' * (len(shapes) != 1)} {', '.join(map(str, shapes))}"


def packed(leaves: Sequence[Any], dtype: Any) -> Any:
    """Lay arrays end to end."""
    flat = [_as_dtype(np.reshape(leaf, (-1,)), dtype) for leaf in leaves]
    if not flat:
        return np.empty(0, dtype)
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def _as_dtype(x: Any, dtype: Any) -> Any:
    return x if x.dtype == dtype else x.astype(dtype)


class Parameters:
    """Arguments that are handed through to the user's function: arrays as operands, anything else as it is."""

    def __init__(self, args: Sequence[Any]) -> None:
        self.leaves, self.tree = flatten(tuple(args))
        self.places: list[int] = []
        self.operands: list[Any] = []
        for k, leaf in enumerate(self.leaves):
            operand = _operand(leaf)
            if operand is not None:
                self.places.append(k)
                self.operands.append(operand)
        self.avals = [value_aval(operand) for operand in self.operands]
        for k in self.places:
            self.leaves[k] = None  # tracers of this call are not kept

    def args(self, values: Sequence[Any]) -> Any:
        """Return the arguments, with ``values`` for the arrays."""
        leaves = list(self.leaves)
        for k, value in zip(self.places, values, strict=True):
            leaves[k] = value
        return unflatten(self.tree, leaves)


def _operand(leaf: Any) -> Any:
    if isinstance(leaf, (Tracer, np.ndarray, np.generic, bool, int, float, complex)):
        try:
            return array_like(leaf, "")[0]
        except ArgumentError:  # an array of strings or objects
            return None
    return None


# -- recording --------------------------------------------------------------------------------------------------------


class NotYetKnown(Unknown):
    """Stands for the unknowns while the equation is recorded."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refusal(self, symbol: Sym) -> WengertError:
        """Return the error for asking all the same."""
        return UntraceableError(
            explain(
                f"The function given to wg.{self.name} is recorded before its unknowns are known, so Python's if, "
                "while or index cannot ask for their values.",
                found=repr(symbol),
                line=user_line(),
                fix="use np.where(condition, a, b); parameters may steer if and while",
            )
        )


def record_flat(
    name: str, function: Any, body: Callable[..., Any], heads: Sequence[Aval], operands: Sequence[Any]
) -> tuple[SubGraph, list[Any]]:
    """Record a function of unknowns and parameters.

    Parameters
    ----------
    name
        Of the public function, for messages.
    function
        The user's function, for messages.
    body
        ``body(unknowns, parameters) -> result``, which calls it.
    heads
        Avals of the unknowns.
    operands
        Values of the parameters: concrete, or symbols of an enclosing trace.

    Returns
    -------
    graph, captured
        The graph (unknowns, parameters, captured values) -> results, and the values captured.
    """
    n = len(heads)
    avals = [*heads, *[value_aval(operand) for operand in operands]]
    values = [*[NotYetKnown(name)] * n, *operands]
    recording = record(lambda *xs: body(xs[:n], xs[n:]), lambda tracers: (tracers, {}), avals, values)
    if recording.written:
        raise ArgumentError(
            explain(
                f"A function given to wg.{name} does not write into its arguments.",
                line=where(function),
                fix="work on a copy: x = x.copy()",
            )
        )
    return SubGraph.of(recording.graph(), recording.key()), recording.constants()


def calling(function: Any) -> Any:
    """Return what to call in place of the user's function while recording."""
    return rebound(function)[0]


def apply(record: Primitive, operands: Sequence[Any], **params: Any) -> Any:
    """Apply a primitive at the user's line: recorded where an operand is traced, computed at once otherwise."""
    traced = [x.builder for x in operands if isinstance(x, Sym) and x.builder is not None]
    if not traced:
        out = record.evaluate(*[_concrete(x) for x in operands], **params)
        return out if current() is None else wrap_result(out)
    max(traced, key=lambda b: b.level).at_user_line()
    return record(*operands, **params)


def _concrete(value: Any) -> Any:
    if isinstance(value, Tracer):
        value.refresh()
        return value.array
    return value
