"""The subject of a report: a function, its graph at some arguments, and every value in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...core.evaluate import evaluate
from ...core.graph import Graph
from ...core.show import value_names
from ...core.source import user_line
from ...core.symbol import Sym
from ...core.tree import flatten, paths, tree_map, unflatten
from ...core.verify import verify
from ...errors import ArgumentError, explain
from ..call import Call, check_argnums
from ..differentiate import fit
from ..inspect import named_graph, parameter_names

ROLES: Final = ("data", "parameter", "input")


@dataclass(frozen=True)
class Subject:
    """A function at a point.

    Attributes
    ----------
    function, args, kwargs
        What is called, and with what.
    title : str
        The function's name.
    graph : Graph
        inputs, constants -> outputs.  Verified.
    leaves : list
        Values of the inputs.
    values : list
        Every value of the graph, by number.
    names : dict
        Number of a value -> its name.
    active : list of bool
        For each of the graph's inputs, whether derivatives are taken with respect to it.
    roles : list of str
        For each input that is not a constant: "data", "parameter", or "input" where they are not told apart.
    output_names : list of str
    direction : list
        The tangents that forward tables are seeded with: one for each active input.
    cotangents : list
        The cotangents that reverse tables are seeded with: one for each output; None is zero.
    scalar : bool
        Whether there is one output, and it is a real scalar.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    title: str
    call: Call
    graph: Graph
    leaves: list[Any]
    values: list[Any]
    names: dict[int, str]
    active: list[bool]
    roles: list[str]
    output_names: list[str]
    direction: list[Any]
    cotangents: list[Any]
    scalar: bool
    default_direction: bool

    @property
    def active_inputs(self) -> list[int]:
        """Numbers of the values that derivatives are taken with respect to."""
        return [i for i, a in zip(self.graph.inputs, self.active, strict=True) if a]

    @property
    def inputs(self) -> list[Any]:
        """Values of all the graph's inputs, captured constants included."""
        return [self.values[i] for i in self.graph.inputs]

    @property
    def n_in(self) -> int:
        """Number of columns of the Jacobian."""
        return sum(self.graph.avals[i].size for i in self.active_inputs)

    @property
    def n_out(self) -> int:
        """Number of rows of the Jacobian."""
        return sum(of.size for of in self.graph.out_avals if of.is_inexact)


def study(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: Sequence[int] | None,
    parameters: Sequence[int],
    direction: Any,
    cotangent: Any,
) -> Subject:
    """Record a function and evaluate its graph.

    Raises
    ------
    ArgumentError
        If there is nothing to differentiate, or the options do not fit the arguments.
    """
    positions = check_argnums(tuple(range(len(args)) if argnums is None else argnums), len(args), "explain")
    args = tuple(tree_map(_inexact, arg) if k in positions else arg for k, arg in enumerate(args))
    call = Call(function, args, kwargs, positions, "explain", promote=False)
    recording = call.record()
    graph = verify(named_graph(call, recording))
    constants = recording.constants()
    inputs = [*call.leaves, *constants]
    if any(isinstance(value, Sym) for value in inputs):
        raise ArgumentError(
            explain(
                "explain looks at numbers, so it cannot be called inside of a function that is being traced.",
                line=user_line(),
                fix="call wg.explain outside of wg.grad, wg.vmap and the like",
            )
        )
    n_out = len(recording.outputs)
    graph = Graph(graph.avals, graph.inputs, graph.equations, graph.outputs[:n_out], graph.names, graph.constants)
    active = [of.is_inexact for of in call.avals] + [False] * len(constants)
    if not any(active):
        raise ArgumentError(
            explain(
                "explain needs an argument to differentiate with respect to.",
                found=f"{', '.join(map(repr, call.avals)) or 'no argument'}",
                line=user_line(),
                fix="pass floating-point numbers or arrays; convert integers with x.astype(float)",
            )
        )
    result = unflatten(recording.structure, list(range(n_out)))
    outs = [f"output{path}" for path in paths(result)]
    out_avals = graph.out_avals
    values = evaluate(graph, inputs)
    return Subject(
        function,
        args,
        kwargs,
        getattr(function, "__qualname__", type(function).__qualname__).rsplit(".", 1)[-1],
        call,
        graph,
        list(call.leaves),
        values,
        value_names(graph),
        active,
        _roles(call, parameters),
        outs,
        _direction(call, direction),
        _cotangents(out_avals, recording.structure, cotangent),
        n_out == 1 and not out_avals[0].shape and out_avals[0].dtype.kind == "f",
        direction is None,
    )


def _inexact(leaf: Any) -> Any:
    """Return a Python integer as a float, as ``grad`` does."""
    return float(leaf) if type(leaf) is int else leaf


def _roles(call: Call, parameters: Sequence[int]) -> list[str]:
    count = len(call.args)
    for k in parameters:
        if not -count <= k < count or k % count not in call.positions:
            raise ArgumentError(
                explain(
                    "parameters names positions of arguments that are differentiated.",
                    found=f"parameters={tuple(parameters)} for {count} arguments, argnums={call.positions}",
                    line=user_line(),
                )
            )
    chosen = {k % count for k in parameters}
    roles = []
    for k, (_, leaves) in zip(call.positions, call.trees, strict=True):
        role = "input" if not chosen else "parameter" if k in chosen else "data"
        roles += [role] * leaves
    return roles


def _unit(of: Any) -> Any:
    """Return the first unit vector of an aval's shape."""
    made = np.zeros(of.shape, of.dtype)
    if made.size:
        made[(0,) * made.ndim] = 1
    return made


def _direction(call: Call, direction: Any) -> list[Any]:
    """Return one tangent for each active leaf: the given ones, or the first unit vector (a column of the Jacobian)."""
    if direction is None:
        made = []
        seeded = False
        for of in call.avals:
            if of.is_inexact:
                made.append(np.zeros(of.shape, of.dtype) if seeded else _unit(of))
                seeded = seeded or of.size > 0
        return made
    chosen = [call.args[k] for k in call.positions]
    if len(chosen) == 1 and not (isinstance(direction, tuple | list) and len(direction) == 1):
        direction = (direction,)
    leaves, tree = flatten(list(direction))
    if tree != flatten(chosen)[1]:
        names = parameter_names(call.function, len(call.args), call.positions)
        raise ArgumentError(
            explain(
                "direction has one tangent for each argument, in the same containers.",
                found=f"{direction!r} for the arguments {', '.join(names)}",
                line=user_line(),
                fix="explain(f, direction=(dx, dy))(x, y)",
            )
        )
    return [
        fit(t, of, "explain: a tangent in direction") for t, of in zip(leaves, call.avals, strict=True) if of.is_inexact
    ]


def _cotangents(avals: Sequence[Any], structure: Any, cotangent: Any) -> list[Any]:
    """Return one cotangent for each output: the given ones, or the first unit vector (the Jacobian's first row)."""
    if cotangent is None:
        first = next((k for k, of in enumerate(avals) if of.is_inexact and of.size), None)
        if first is None:
            raise ArgumentError(
                explain(
                    "explain needs a floating-point result.",
                    found=", ".join(map(repr, avals)) or "no result",
                    line=user_line(),
                )
            )
        return [_unit(of) if k == first else None for k, of in enumerate(avals)]
    leaves, tree = flatten(cotangent)
    if tree != structure:
        raise ArgumentError(
            explain(
                "cotangent has the containers of the function's result.",
                found=f"{cotangent!r} for a result {structure}",
                line=user_line(),
            )
        )
    return [fit(w, of, "explain: a cotangent") if of.is_inexact else None for w, of in zip(leaves, avals, strict=True)]


class Lines:
    """The user's source lines as short texts, each looked up once."""

    def __init__(self) -> None:
        # By identity: Python calls the code of two functions equal if it does the same at the same line.
        self._found: dict[tuple[int, int], tuple[str, int, str]] = {}

    def of(self, source: Any) -> tuple[str, int, str]:
        """Return file name, line number and text of a place; empty where there is none."""
        if source is None:
            return ("", 0, "")
        key = (id(source.code), source.lasti)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = (os.path.basename(source.filename), source.lineno, source.text)
        return found
