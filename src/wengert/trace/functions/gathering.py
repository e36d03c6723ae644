"""Choosing entries: take, compress, choose, select, piecewise, nonzero, ix_."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ..dispatch import implements
from ..indexing import parse
from ..tracer import is_traced, wrap_result
from .arrays import array
from .common import as_dtype, finish, normalize_axis, operand_aval, stretch, together, traced
from .known import known, known_mask
from .reductions import common_dtype


def within(indices: Any, n: int, mode: str) -> Any:
    """Return indices of an axis of size n with those outside treated as ``mode`` says."""
    if mode not in ("raise", "clip", "wrap"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})\n  at:    {user_line()}")
    indices = array(indices)
    if not indices.size and not is_traced(indices):
        indices = indices.astype(np.intp)
    if not np.can_cast(indices.dtype, np.intp, "same_kind"):
        raise TypeError(
            f"Cannot cast array data from {indices.dtype!r} to {np.dtype(np.intp)!r} according to the rule 'safe'\n"
            f"  at:    {user_line()}\n  fix:   use .astype(int)"
        )
    if indices.dtype == np.bool_:
        indices = indices.astype(np.intp)
    if mode == "clip":
        return np.clip(indices, 0, n - 1)
    return indices % n if mode == "wrap" else indices


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x = traced(a, [a, indices])
    if axis is None:
        x, axis = np.ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    where = within(indices, x.shape[axis], mode)
    if not is_traced(where) and where.ndim == 0:
        where = int(where)  # a slice of size 1 is cheaper than a gather
    return finish(parse((slice(None),) * axis + (where,), x.shape).read(x), out, "np.take")


def places_along(shape: tuple[int, ...], indices: Any, axis: int) -> tuple[Any, ...]:
    """Return the index that pairs each entry of ``indices`` with its own row."""
    if indices.ndim != len(shape):
        raise ValueError(f"`indices` and `arr` must have the same number of dimensions\n  at:    {user_line()}")
    if indices.dtype.kind not in "iu":
        raise IndexError(f"`indices` must be an integer array\n  at:    {user_line()}")
    rows = [np.reshape(np.arange(n), [-1 if a == k else 1 for a in range(len(shape))]) for k, n in enumerate(shape)]
    return tuple(indices if k == axis else row for k, row in enumerate(rows))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, where = traced(arr, [arr, indices]), array(indices)
    if axis is None:
        if where.ndim != 1:
            raise ValueError(f"when axis=None, `indices` must have a single dimension.\n  at:    {user_line()}")
        x, axis = np.ravel(x), 0
    return x[places_along(x.shape, where, normalize_axis(axis, x.ndim))]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    mask = known_mask(condition)
    if mask.ndim != 1:
        raise ValueError(f"condition must be a 1-d array\n  at:    {user_line()}")
    return np.take(array(a), np.flatnonzero(mask), axis, out)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return np.take(np.ravel(array(arr)), np.flatnonzero(known_mask(condition)))


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    options = [array(choices[k]) for k in range(len(choices))]
    which = within(a, len(options), mode)
    if mode == "raise" and not is_traced(which) and which.size and not 0 <= which.min() <= which.max() < len(options):
        raise ValueError(f"invalid entry in choice array\n  at:    {user_line()}")
    dtype = common_dtype([operand_aval(x) for x in options])
    which, *xs = together(which, *options)
    full = np.broadcast_shapes(which.shape, *[x.shape for x in xs])
    stacked = np.stack([stretch(as_dtype(x, dtype), full) for x in xs])
    return finish(np.take_along_axis(stacked, stretch(which, full)[None], 0)[0], out, "np.choose")


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError(f"list of cases must be same length as list of conditions\n  at:    {user_line()}")
    if not len(condlist):
        raise ValueError(f"select with an empty condition list is not possible\n  at:    {user_line()}")
    conditions = [array(c) for c in condlist]
    for k, c in enumerate(conditions):
        if c.dtype != np.bool_:
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray\n  at:    {user_line()}")
    dtype = common_dtype([operand_aval(c) for c in (*choicelist, default)])
    choices = [as_dtype(c if np.ndim(c) == 0 else array(c), dtype) for c in (*choicelist, default)]
    result = choices.pop()
    shape = np.broadcast_shapes(*[np.shape(v) for v in (*conditions, *choices, result)])
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        result = np.where(condition, choice, result)
    return np.copy(stretch(traced(result, [*conditions, *choices]), shape))


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    x = array(x)
    single = not isinstance(condlist, (list, tuple)) and np.ndim(condlist) == x.ndim
    if single or (isinstance(condlist, (list, tuple)) and condlist and np.ndim(condlist[0]) == 0 and x.ndim):
        condlist = [condlist]
    masks = [known_mask(c) for c in condlist]
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    elif len(funclist) != len(masks):
        raise ValueError(
            f"with {len(masks)} condition(s), either {len(masks)} or {len(masks) + 1} functions are expected\n"
            f"  at:    {user_line()}"
        )
    out = np.copy(traced(np.zeros(x.shape, x.dtype), [x, *funclist]))
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            out[mask] = function
        elif mask.any():
            out[mask] = function(x[mask], *args, **kw)
    return out


# -- where entries are not zero: the result's shape depends on values -------------------------------------------------


@implements(np.nonzero)
def nonzero(a: Any) -> Any:
    return wrap_result(np.nonzero(known_mask(a)))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return wrap_result(np.flatnonzero(known_mask(a)))


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    return wrap_result(np.argwhere(known_mask(a)))


# -- indices ----------------------------------------------------------------------------------------------------------


@implements(np.ix_)
def ix_(*args: Any) -> Any:
    found = []
    for k, arg in enumerate(args):
        x = array(arg)
        if x.ndim != 1:
            raise ValueError(f"Cross index must be 1 dimensional\n  at:    {user_line()}")
        x = np.flatnonzero(known(x)) if x.dtype == np.bool_ else x
        found.append(np.reshape(x, (1,) * k + (-1,) + (1,) * (len(args) - k - 1)))
    return tuple(found)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    x = array(indices)
    sizes = [operator.index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))]
    found = []
    for n in sizes[::-1] if order == "C" else sizes:
        found.append(x % n)
        x = x // n
    return tuple(found[::-1] if order == "C" else found)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    parts = [within(i, n, m) for i, n, m in zip(multi_index, dims, modes, strict=True)]
    total: Any = 0
    for part, n in list(zip(parts, dims, strict=True))[:: 1 if order == "C" else -1]:
        total = total * n + part
    return total
