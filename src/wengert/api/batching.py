"""vmap: a function of one entry made a function of a whole batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.aval import aval
from ..core.source import user_line
from ..core.tree import flatten, shown, unflatten
from ..errors import ArgumentError, ShapeError, explain
from ..trace.force import BATCHED
from ..transforms.batch import batch, is_batched
from .call import Call, derived
from .room import with_room


def vmap(fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Return a function that does for a batch what ``fun`` does for one entry.

    Parameters
    ----------
    fun : callable
    in_axes : int, None, or nested container of them
        Where each argument has its batch axis; None for an argument that all entries share.  A prefix of the arguments'
        containers is enough.
    out_axes : int, None, or nested container of them
        Where each result gets it.

    Returns
    -------
    callable
        Same arguments as ``fun``, with a batch axis more.  There is no loop: each equation handles the whole batch.

    Raises
    ------
    ArgumentError, ShapeError
        If in_axes do not fit the arguments, or the batch sizes differ.
    BatchedBranchError
        If Python asks for the value of a batched value (``if x > 0``).

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.vmap(lambda x, y: x @ y, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """

    @with_room
    @functools.wraps(fun)
    def batched(*args: Any, **kwargs: Any) -> Any:
        call = Call(fun, args, kwargs, tuple(range(len(args))), "vmap", promote=False)
        axes = _axes(in_axes, args, "in_axes", args)
        axes = [None if a is None else _count(a, of.ndim, of) for a, of in zip(axes, call.avals, strict=True)]
        sizes = {of.shape[a] for of, a in zip(call.avals, axes, strict=True) if a is not None}
        if len(sizes) != 1:
            shapes = ", ".join(f"{of!r} axis {a}" for of, a in zip(call.avals, axes, strict=True))
            raise ShapeError(
                explain(
                    "vmap takes arguments of one batch size, at least one of them batched.",
                    found=shapes,
                    line=user_line(),
                    fix="give in_axes: the batch axis of each argument, None for shared ones",
                )
            )
        (size,) = sizes
        inner = [
            of if a is None else aval((*of.shape[:a], *of.shape[a + 1 :]), of.dtype)
            for of, a in zip(call.avals, axes, strict=True)
        ]
        values = [leaf if a is None else BATCHED for leaf, a in zip(call.leaves, axes, strict=True)]
        recording = call.record(inner, values, kept=True)
        _refuse_writes(recording)
        constants = recording.constants()
        all_axes = (*axes, *(None,) * len(constants))
        graph_axes = _axes(out_axes, unflatten(recording.structure, recording.outputs), "out_axes", recording.outputs)

        def make(graph: Any) -> Any:
            flags = is_batched(graph, all_axes)
            for flag, axis in zip(flags, graph_axes, strict=True):
                if flag and axis is None:
                    raise ArgumentError(
                        explain(
                            "out_axes=None is for results that are the same for all entries.",
                            found="a result that depends on a batched argument",
                            line=user_line(),
                            fix="give the axis that the batch is to have in this result: out_axes=0",
                        )
                    )
            ranks = [of.ndim + 1 for of in graph.out_avals]
            targets = [None if a is None else a % n for a, n in zip(graph_axes, ranks, strict=True)]
            return batch(graph, size, all_axes, targets)

        entry = derived(("vmap", size, all_axes, tuple(graph_axes)), recording, make)
        outs = entry.run([*call.leaves, *constants])
        return unflatten(recording.structure, outs)

    return batched


def _count(axis: int, ndim: int, of: Any) -> int:
    if not -ndim <= axis < ndim:
        raise ShapeError(
            explain(
                "A batch axis is an axis of its argument.",
                found=f"axis {axis} of {of!r}",
                line=user_line(),
                fix="give in_axes: the batch axis of each argument, None for one that all entries share",
            )
        )
    return axis % ndim


def _refuse_writes(recording: Any) -> None:
    if recording.written:
        raise ArgumentError(
            explain(
                "A function under vmap does not write into its arguments.",
                line=user_line(),
                fix="work on a copy: x = x.copy()",
            )
        )


def _axes(axes: Any, tree: Any, what: str, leaves: Any) -> list[int | None]:
    """Spread a prefix of axes over the leaves of a container."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(flatten(tree)[0])
    if isinstance(axes, (tuple, list)) and isinstance(tree, (tuple, list)) and len(axes) == len(tree):
        return [a for one, part in zip(axes, tree, strict=True) for a in _axes(one, part, what, part)]
    if isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        return [a for key in sorted(tree) for a in _axes(axes[key], tree[key], what, tree[key])]
    raise ArgumentError(
        explain(
            f"{what} is an axis, None, or a container with one entry for each argument.",
            found=f"{what}={axes!r} for {shown(flatten(tree)[1])}",
            line=user_line(),
            fix=f"give one entry for each, with None for what has no batch axis: {what}=(0, None)",
        )
    )
