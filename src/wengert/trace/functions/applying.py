"""A function of the user's applied along axes; windows that slide over an array."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...ops.windows import windows
from .. import rebind
from ..context import current
from ..creation import replace, replace_instances
from ..dispatch import implements
from .arrays import array
from .common import Axes, normalize_axis, traced
from .shaping import ReadOnly, view


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    x = array(arr)
    axis = normalize_axis(axis, x.ndim)
    rows = np.moveaxis(x, axis, -1)
    outer = rows.shape[:-1]
    if 0 in outer:
        raise ValueError(f"Cannot apply_along_axis when any iteration dimensions are 0\n  at:    {user_line()}")
    results = [array(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(outer)]
    own = results[0].shape
    # NumPy gives all results the dtype of the first.
    stacked = np.reshape(np.stack([r.astype(results[0].dtype) for r in results]), (*outer, *own))
    places = tuple(range(len(outer), len(outer) + len(own)))
    return np.moveaxis(stacked, places, tuple(range(axis, axis + len(own))))


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    x = array(a)
    ndim = x.ndim
    for axis in np.ravel(axes):
        axis = normalize_axis(int(axis), ndim)
        found = func(x, axis)
        x = found if found.ndim == ndim else np.expand_dims(found, axis)
        if x.ndim != ndim:
            raise ValueError(
                f"function is not returning an array of the correct shape: {found.shape}\n  at:    {user_line()}"
            )
    return x


# -- sliding windows --------------------------------------------------------------------------------------------------


class Sliding(ReadOnly):
    """A view of all stretches of an array, read-only as NumPy's is."""

    def __init__(self, axes: Axes, window: Axes) -> None:
        self.axes = axes
        self.window = window

    def read(self, base: Any) -> Any:
        out = base
        if len(set(self.axes)) == len(self.axes):
            ones = (1,) * len(self.axes)
            out = windows(out, axes=self.axes, window=self.window, stride=ones, dilation=ones)
            k = len(self.axes)
            return np.transpose(out, (*range(k, out.ndim), *range(k)))
        for axis, size in zip(self.axes, self.window, strict=True):  # one axis twice: windows of windows
            out = np.moveaxis(windows(out, axes=(axis,), window=(size,), stride=(1,), dilation=(1,)), 0, -1)
        return out

    def strides(self, old: Axes, strides: Axes) -> Axes:
        return (*strides, *(strides[a] for a in self.axes))


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    x = traced(x)
    sizes = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    sizes = tuple(operator.index(n) for n in sizes)
    if any(n < 0 for n in sizes):
        raise ValueError(f"`window_shape` cannot contain negative values\n  at:    {user_line()}")
    if axis is None:
        axes = tuple(range(x.ndim))
    else:
        axes = tuple(normalize_axis(a, x.ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(sizes) != len(axes):
        raise ValueError(
            f"Must provide matching length window_shape and axis; got {len(sizes)} window_shape elements and "
            f"{len(axes)} axes elements.\n  at:    {user_line()}"
        )
    left = list(x.shape)
    for a, n in zip(axes, sizes, strict=True):
        if left[a] < n:
            raise ValueError(f"window shape cannot be larger than input array shape\n  at:    {user_line()}")
        left[a] -= n - 1
    return view(x, Sliding(axes, sizes))


# -- vectorize --------------------------------------------------------------------------------------------------------


class Vectorize:
    """``np.vectorize`` under a trace: the function is called for each entry, as NumPy calls it."""

    def __init__(self, original: np.vectorize) -> None:
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        of: Any = self.original
        if of.pyfunc is np._NoValue:  # a decorator with options, about to get its function
            of(*args)
            return self
        names = [name for name in kwargs if name not in (of.excluded or ())]
        moving = [k for k in range(len(args)) if k not in (of.excluded or ())]
        xs = [array(args[k]) for k in moving] + [array(kwargs[name]) for name in names]
        function, _ = rebind.rebound(of.pyfunc)

        def call(*values: Any) -> Any:
            full = list(args)
            for k, v in zip(moving, values, strict=False):
                full[k] = v
            return function(*full, **(kwargs | dict(zip(names, values[len(moving) :], strict=True))))

        if of.signature is not None:
            return _by_core(call, xs, of)
        return _by_entry(call, xs, of.otypes)


def _by_entry(call: Any, xs: list[Any], otypes: Any) -> Any:
    shape = np.broadcast_shapes(*[x.shape for x in xs])
    if 0 in shape:
        raise ValueError(f"cannot call `vectorize` on size 0 inputs under a trace\n  at:    {user_line()}")
    flat = [np.reshape(np.broadcast_to(x, shape), -1) for x in xs]
    results = [call(*[x[k] for x in flat]) for k in range(flat[0].shape[0])]
    if isinstance(results[0], tuple):
        return tuple(_joined(column, shape, otypes, k) for k, column in enumerate(zip(*results, strict=True)))
    return _joined(results, shape, otypes, 0)


def _joined(results: Any, shape: Axes, otypes: Any, k: int) -> Any:
    dtype = np.dtype(otypes[k]) if otypes else array(results[0]).dtype
    return np.reshape(np.stack([array(r).astype(dtype) for r in results]), shape)


def _by_core(call: Any, xs: list[Any], of: Any) -> Any:
    """With a signature, "(n),(n)->()", the function gets the trailing axes that it names."""
    ins, outs = np.lib._function_base_impl._parse_gufunc_signature(of.signature)  # type: ignore[attr-defined]
    cores = [len(core) for core in ins]
    outer = np.broadcast_shapes(*[x.shape[: x.ndim - n] for x, n in zip(xs, cores, strict=True)])
    wide = [np.broadcast_to(x, outer + x.shape[x.ndim - n :]) for x, n in zip(xs, cores, strict=True)]
    results = [call(*[x[index] for x in wide]) for index in np.ndindex(outer)]
    if len(outs) == 1:
        return _stacked(results, outer, of.otypes, 0)
    return tuple(_stacked(column, outer, of.otypes, k) for k, column in enumerate(zip(*results, strict=True)))


def _stacked(results: Any, outer: Axes, otypes: Any, k: int) -> Any:
    parts = [array(r) for r in results]
    dtype = np.dtype(otypes[k]) if otypes else parts[0].dtype
    return np.reshape(np.stack([p.astype(dtype) for p in parts]), outer + parts[0].shape)


def _make_vectorize(*args: Any, **kwargs: Any) -> Any:
    made = np.vectorize(*args, **kwargs)
    return made if current() is None else Vectorize(made)


replace(np.vectorize, _make_vectorize, "vectorize")
replace_instances(np.vectorize, Vectorize)
