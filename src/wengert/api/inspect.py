"""Looking at graphs: trace."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.graph import Graph
from ..core.symbol import Sym
from ..core.tree import paths
from ..trace.record import Recording
from .call import Call


def trace(fun: Callable[..., Any]) -> Callable[..., Graph]:
    """Return a function that records ``fun`` and returns its graph.

    Parameters
    ----------
    fun : callable

    Returns
    -------
    callable
        Same arguments as ``fun``; returns the :class:`Graph`, which prints as readable text, shows itself in notebooks,
        and has ``to_dot()`` and ``to_json()``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> graph = wg.trace(lambda x: 3 * np.sin(x))(2.0)
    >>> [e.primitive.name for e in graph.equations]
    ['sin', 'mul']
    >>> print(wg.Graph.from_json(graph.to_json()))
    graph(x: float64[]):
        v1: float64[] = sin(x)  # ...
        v3: float64[] = 3.0 * v1
        return v3
    """

    @functools.wraps(fun)
    def traced(*args: Any, **kwargs: Any) -> Graph:
        call = Call(fun, args, kwargs, tuple(range(len(args))), "trace", promote=False)
        return named_graph(call, call.record())

    return traced


def named_graph(call: Call, recording: Recording) -> Graph:
    """Return the graph of a recording for people: inputs have names, captured constants their values."""
    graph = recording.graph(names(call))
    # Copies: what is shown is what was captured, whatever the caller does to the array afterwards.
    known = [
        (i, value.copy() if isinstance(value, np.ndarray) else value)
        for i, value in recording.builder.constants
        if not isinstance(value, Sym)
    ]
    return dataclasses.replace(graph, constants=tuple(known))


def names(call: Call) -> tuple[str, ...]:
    """Name the leaves after the function's parameters, and their places in containers: ``x``, ``p['weight']``."""
    found: list[str] = []
    for k, base in zip(call.positions, parameter_names(call.function, len(call.args), call.positions), strict=True):
        found += [base + path for path in paths(call.args[k])]
    return tuple(found)


def parameter_names(fun: Callable[..., Any], count: int, positions: Sequence[int]) -> list[str]:
    """Return what a function calls its positional arguments."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):  # some functions written in C do not say
        parameters = []
    all_names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            all_names += [f"{parameter.name}[{k}]" for k in range(count - len(all_names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            all_names.append(parameter.name)
    all_names += [f"arg{k}" for k in range(len(all_names), count)]
    return [all_names[k] for k in positions]
