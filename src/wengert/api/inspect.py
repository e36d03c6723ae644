"""Looking at graphs: trace."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..core.graph import Graph
from .call import Call


def trace(fun: Callable[..., Any]) -> Callable[..., Graph]:
    """Return a function that records ``fun`` and returns its graph.

    Parameters
    ----------
    fun : callable

    Returns
    -------
    callable
        Same arguments as ``fun``; returns the :class:`Graph`.  Its text is ``str(graph)``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> graph = wg.trace(lambda x: np.sin(x) * x)(2.0)
    >>> [e.primitive.name for e in graph.equations]
    ['sin', 'mul']
    """

    @functools.wraps(fun)
    def traced(*args: Any, **kwargs: Any) -> Graph:
        call = Call(fun, args, kwargs, tuple(range(len(args))), "trace", promote=False)
        return call.record().graph(names(fun, call))

    return traced


def names(fun: Callable[..., Any], call: Call) -> tuple[str, ...]:
    """Name the leaves after the function's parameters."""
    try:
        parameters = list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        parameters = []
    found = []
    for k, (_, count) in zip(call.positions, call.trees, strict=True):
        base = parameters[k] if k < len(parameters) else f"arg{k}"
        found += [base] if count == 1 else [f"{base}_{n}" for n in range(count)]
    return tuple(found)
