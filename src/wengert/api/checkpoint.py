"""checkpoint: a function whose values the backward pass computes again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.symbol import Sym
from ..core.tree import unflatten
from ..errors import ArgumentError, explain
from ..ops.checkpoint import checkpoint_call
from ..ops.subgraph import SubGraph
from ..trace.context import current
from ..trace.rebind import rebound
from ..trace.record import record
from .implicit.containers import Parameters, apply
from .rulecheck import where


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what ``fun`` does and whose derivative saves memory for time.

    Reverse mode remembers, of every operation, what its derivative reads.  Of a checkpointed function it remembers the
    arguments only; the backward pass computes the function a second time.  Checkpointed around each of n layers or time
    steps, the memory of reverse mode falls from all their inner values to n arguments and the inner values of one.

    Parameters
    ----------
    fun : callable
        A function of arrays, numbers and containers of them; anything else is handed through.  Captured traced values
        are treated as arguments.

    Returns
    -------
    callable
        Same arguments and results.

    Raises
    ------
    ArgumentError
        If the function writes into its arguments.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> @wg.checkpoint
    ... def layer(x, w):
    ...     return np.tanh(w * x)
    >>> def f(x, ws):
    ...     for w in ws:
    ...         x = layer(x, w)
    ...     return x
    >>> [round(float(g), 6) for g in wg.grad(f, argnums=1)(1.0, [0.5, 2.0])]
    [0.739528, 0.217274]
    """

    @functools.wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return fun(*args, **kwargs)
        parameters = Parameters((args, kwargs))
        call = rebound(fun)[0]

        def body(*values: Any) -> Any:
            given, named = parameters.args(values)
            return call(*given, **named)

        recording = record(body, lambda tracers: (tracers, {}), parameters.avals, parameters.operands)
        if recording.written:
            raise ArgumentError(
                explain(
                    "A function given to wg.checkpoint does not write into its arguments.",
                    line=where(fun),
                    fix="work on a copy: x = x.copy()",
                )
            )
        operands = [*parameters.operands, *recording.constants()]
        if not any(isinstance(x, Sym) and x.builder is not None for x in operands):
            return call(*args, **kwargs)
        graph = SubGraph.of(recording.graph(), recording.key())
        outs = apply(checkpoint_call, operands, graph=graph)
        return unflatten(recording.structure, outs)

    return checkpointed
