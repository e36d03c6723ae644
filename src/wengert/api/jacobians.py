"""Whole matrices of derivatives: jacobian, hessian, and Hessian-vector products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.source import user_line
from ..core.tree import unflatten
from ..errors import ArgumentError, explain
from ..run.cache import PROGRAMS
from ..transforms.batch import batch
from .call import Call, Derived, as_tuple
from .differentiate import Split, check_pair, grad, jvp
from .memory import in_bytes
from .room import with_room


def jacobian(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    mode: str = "auto",
    *,
    memory: int | str | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian.

    Parameters
    ----------
    fun : callable
        A function of arrays or containers of arrays, with such a result.
    argnums : int or sequence of int
        Which arguments to differentiate with respect to.
    mode : {"auto", "forward", "reverse"}
        Forward mode costs about one run per input entry and fills in columns, reverse mode one per output entry and
        fills in rows; "auto" takes the smaller number, and forward mode where they are equal.
    memory : int or str, optional
        A budget for reverse mode, all rows at once; see :func:`value_and_grad`.

    Returns
    -------
    callable
        For a result of shape ``s`` and an argument of shape ``t`` an array of shape ``s + t`` (numerator layout:
        entry [i, j] is the derivative of result i by argument j).  Containers nest: the result's outside, the
        argument's inside.

    Raises
    ------
    ArgumentError
        For an unknown mode.
    MemoryBudgetError
        If even the smallest schedule of checkpoints needs more memory than ``memory``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.jacobian(lambda x: x ** 2)(np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [0., 4., 0.],
           [0., 0., 6.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(
            explain(
                'mode is "auto", "forward" or "reverse".',
                found=f"mode={mode!r}",
                line=user_line(),
                fix='leave it out: "auto" takes the cheaper one',
            )
        )
    positions, single = as_tuple(argnums), isinstance(argnums, int)
    budget = None if mode == "forward" else in_bytes(memory)

    @with_room
    @functools.wraps(fun)
    def jacobian_function(*args: Any, **kwargs: Any) -> Any:
        split = Split(Call(fun, args, kwargs, positions, "jacobian"), budget, _together(mode))
        n_in = sum(of.size for of in split.call.avals)
        n_out = sum(of.size for of in split.out_avals)
        forward = mode == "forward" or (mode == "auto" and prefers_forward(n_in, n_out))
        blocks = _by_columns(split) if forward else _by_rows(split)
        rows = [split.call.like_arguments(row, single) for row in blocks]
        return unflatten(split.recording.structure, rows)

    return jacobian_function


def _together(mode: str) -> Callable[[int, int], int]:
    """Return a function from the numbers of columns and rows to how many rows are pulled back; 0 in forward mode."""
    return lambda columns, rows: 0 if mode == "auto" and prefers_forward(columns, rows) else rows


def prefers_forward(n_in: int, n_out: int) -> bool:
    """Say whether ``mode="auto"`` takes forward mode: no more columns (input entries) than rows (output entries)."""
    return n_in <= n_out


def _identity(avals: Sequence[Any]) -> list[Any]:
    """Return the identity matrix cut into one block of columns per leaf, each row shaped like the leaf."""
    n = sum(of.size for of in avals)
    blocks, start = [], 0
    for of in avals:
        block = np.zeros((n, of.size), of.dtype)
        block[start : start + of.size] = np.eye(of.size, dtype=of.dtype)
        blocks.append(block.reshape(n, *of.shape))
        start += of.size
    return blocks


def _by_columns(split: Split) -> list[list[Any]]:
    """Forward mode: push all unit tangents at once; the batch axis counts columns."""
    avals = split.call.avals
    seeds = _identity(avals)
    pushed = _batched(split.linear, split, seeds, len(split.out_avals) + len(split.extra))
    return [
        [
            np.reshape(np.moveaxis(part, 0, -1), (*out.shape, *of.shape))
            for part, of in zip(_cut(columns, avals), avals, strict=True)
        ]
        for columns, out in zip(pushed[: split.n_out], split.out_avals, strict=True)
    ]


def _by_rows(split: Split) -> list[list[Any]]:
    """Reverse mode: pull all unit cotangents at once; the batch axis counts rows."""
    outs = split.out_avals
    seeds = _identity(outs)
    n = seeds[0].shape[0] if seeds else 0
    seeds += [np.zeros((n, *split.call.avals[k].shape)) for k in split.recording.written]
    pulled = _batched(split.transposed, split, seeds, len(split.call.avals))
    rows: list[list[Any]] = [[] for _ in outs]
    for block, of in zip(pulled, split.call.avals, strict=True):
        for k, part in enumerate(_cut(block, outs)):
            rows[k].append(np.reshape(part, (*outs[k].shape, *of.shape)))
    return rows


def _cut(block: Any, avals: Sequence[Any]) -> list[Any]:
    """Cut the leading axis into one stretch per leaf."""
    parts, start = [], 0
    for of in avals:
        parts.append(block[start : start + of.size])
        start += of.size
    return parts


def _batched(linear: Derived, split: Split, seeds: list[Any], n_results: int) -> list[Any]:
    """Apply a linear graph to a batch of tangents or cotangents."""
    n = seeds[0].shape[0]
    axes = (*(None,) * len(split.residuals), *(0,) * len(seeds))

    def make() -> Derived:
        return Derived(batch(linear.graph, n, axes, (0,) * n_results), linear.eager)

    entry = PROGRAMS.get(("batched", linear, n), make)
    return entry.run([*split.residuals, *seeds])


def jacfwd(fun: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the Jacobian function, by forward mode; see :func:`jacobian`.

    Parameters
    ----------
    fun : callable
        The function to differentiate.
    argnums : int or sequence of int
        Which positional arguments; a sequence makes the result a tuple.

    Returns
    -------
    callable
        Takes the arguments of ``fun``; returns what :func:`jacobian` does.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.jacfwd(np.sin)(np.zeros(2))
    array([[1., 0.],
           [0., 1.]])
    """
    return jacobian(fun, argnums, "forward")


def jacrev(fun: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the Jacobian function, by reverse mode; see :func:`jacobian`.

    Parameters
    ----------
    fun : callable
        The function to differentiate.
    argnums : int or sequence of int
        Which positional arguments; a sequence makes the result a tuple.

    Returns
    -------
    callable
        Takes the arguments of ``fun``; returns what :func:`jacobian` does.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.jacrev(np.sin)(np.zeros(2))
    array([[1., 0.],
           [0., 1.]])
    """
    return jacobian(fun, argnums, "reverse")


def hessian(fun: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes all second derivatives, forward mode over reverse mode.

    Parameters
    ----------
    fun, argnums
        As for :func:`jacobian`.

    Returns
    -------
    callable
        For a scalar function of an array of shape ``t`` an array of shape ``t + t``.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacfwd(jacrev(fun, argnums), argnums)


@with_room
def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of a scalar function times a vector.

    Forward over reverse: a few times the cost of the function, and no matrix is built.

    Parameters
    ----------
    fun : callable
        With a scalar result.
    primals, tangents : sequence
        Where, and the vector; as for :func:`jvp`.

    Returns
    -------
    tuple or array
        H v, in the structure of the primals; for a single primal that entry alone.

    References
    ----------
    B. A. Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6(1), 1994.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    check_pair(primals, tangents, "hvp")
    argnums: Any = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(fun, argnums), primals, tangents)[1]
