"""Slices whose bounds are computed in a captured loop: ``x[i - 1 : i + 2]``, ``x[:k]``, ``x[k + 1 :]``.

If the extent is constant, the slice is an array as any other.  If it is not, no graph has a shape for it; it then stays
a *ragged* vector: as many entries as the array has, of which the first ``count`` are its own.  Operations on ragged
vectors of one count work entry by entry, reductions leave out what is not their own, writing leaves the rest as it is.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops.index import gather, gather_set
from ..context import current
from ..dispatch import FUNCTIONS
from ..tracer import Tracer, as_view, is_traced
from .extents import Form, bounds, linear, plus


def dynamic(index: Any) -> bool:
    """Say whether an index has a slice with computed bounds in it, inside a captured loop or branch."""
    items = index if type(index) is tuple else (index,)
    if not any(type(item) is slice and is_traced(item) for item in items):
        return False
    builder = current()
    return builder is not None and builder.context.part is not None


def read(x: Any, index: Any) -> Any:
    """Return ``x[index]`` for an index with a slice with computed bounds."""
    y, axis, item = _taken_apart(x, index)
    found = _run(y, axis, item)
    return _ragged(y, axis, item) if found is None else found


def write(x: Any, index: Any, value: Any) -> None:
    """Do ``x[index] = value``."""
    part = read(x, index)
    part[...] = value


def _taken_apart(x: Any, index: Any) -> tuple[Any, int, slice]:
    """Return x indexed by all but the one computed slice, that slice's axis, and the slice."""
    items = list(index) if type(index) is tuple else [index]
    if Ellipsis in [i for i in items if not isinstance(i, Tracer)]:
        raise _refused("an ellipsis beside a slice with computed bounds")
    places = [k for k, item in enumerate(items) if type(item) is slice and is_traced(item)]
    if len(places) > 1:
        raise _refused("two slices with computed bounds")
    item = items[places[0]]
    axis = sum(1 for i in items[: places[0]] if i is None or type(i) is slice)
    items[places[0]] = slice(None)
    whole = all(type(i) is slice and i == slice(None) for i in items)
    return x if whole else x[tuple(items)], axis, item


def _refused(what: str) -> UntraceableError:
    return UntraceableError(
        explain(
            "In a captured loop, a slice with computed bounds is of constant extent, or cuts a vector.",
            found=what,
            line=user_line(),
            fix="give the slice a constant extent, or write an inner loop",
        )
    )


def _limits(item: slice, n: int) -> tuple[Any, Any, int]:
    step = 1 if item.step is None else int(item.step)
    if step < 1:
        raise _refused("a negative step")
    return 0 if item.start is None else item.start, n if item.stop is None else item.stop, step


class _Run:
    """A slice of constant extent that starts at a computed place."""

    def __init__(self, axis: int, index: Any, step: int) -> None:
        self.axis, self.index, self.step = axis, index, step

    def read(self, x: Any) -> Any:
        return np.moveaxis(gather(x, self.index, axes=(self.axis,)), 0, self.axis)

    def write(self, x: Any, value: Any) -> Any:
        return gather_set(x, np.moveaxis(value, self.axis, 0), self.index, axes=(self.axis,))

    def strides(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(s * self.step if a == self.axis else s for a, s in enumerate(strides))


def _run(y: Any, axis: int, item: slice) -> Any:
    """Return a slice of constant extent; None for any other."""
    n = y.shape[axis]
    start, stop, step = _limits(item, n)
    length, varying = plus(linear(stop), linear(start), -1)
    if varying:
        return None
    if bounds(linear(start))[0] is None or bounds(linear(stop))[1] is None:
        raise _refused("bounds that may lie outside of the array")
    if bounds(linear(start))[0] < 0 or bounds(linear(stop))[1] > n:  # type: ignore[operator]
        raise _refused("bounds that may lie outside of the array")
    places = _numbers(max(0, -(-length // step))) * step + start
    y = _traced(y, places)
    window = _Run(axis, places, step)
    return as_view(window.read(y), y, window)


def _traced(y: Any, like: Any) -> Any:
    if isinstance(y, Tracer) and y.builder is None:
        y.assign(Tracer(like.builder, like.builder.constant(y.share()), y.aval))
    return y


def _numbers(n: int) -> Tracer:
    """Return 0, 1, ... n - 1."""
    builder: Any = current()
    zeros = builder.full(0, (n,), np.int64)
    found = builder.apply_named("iota", zeros, axis=0)
    return Tracer(builder, found.id, found.aval)


def _ragged(y: Any, axis: int, item: slice) -> Ragged:
    if y.ndim != 1:
        raise _refused(f"a slice of varying extent of an array of shape {y.shape}")
    n = y.shape[0]
    start, stop, step = _limits(item, n)
    if step != 1:
        raise _refused("a slice of varying extent with a step")
    for bound in (start, stop):
        low, high = bounds(linear(bound))
        if low is None or high is None or low < 0 or high > n:
            raise _refused("bounds that may lie outside of the array")
    form = plus(linear(stop), linear(start), -1)
    least = bounds(form)[0]
    count = stop - start
    return Ragged(y, start, count if least is not None and least >= 0 else np.maximum(count, 0), form)


class Ragged:
    """The entries of a vector from a computed place on, as many as a computed number.

    Attributes
    ----------
    base : Tracer
        The vector.
    start, count
        Where its own entries begin there, and how many they are.
    step : int
        1, or -1 where the entries are taken from the last to the first.
    """

    __array_priority__ = 2000.0
    ndim = 1

    def __init__(self, base: Any, start: Any, count: Any, form: Form, step: int = 1) -> None:
        self.base, self.start, self.count, self.step = base, start, count, step
        self.size = base.shape[0]
        self.form = form  # two are of one extent if their forms are equal

    def entries(self) -> Any:
        """Return a vector whose first entries are its own; the others are whatever they are."""
        if self.step == 1 and not isinstance(self.start, Tracer) and self.start == 0:
            return self.base
        return self.base[self._places()]

    def _places(self) -> Any:
        k = _numbers(self.size)
        place = k + self.start if self.step == 1 else self.start + (self.count - 1) - k
        return np.clip(place, 0, self.size - 1)

    def mask(self) -> Any:
        """Say which entries are its own."""
        return _numbers(self.size) < self.count

    def padded(self, value: Any) -> Any:
        """Return a vector in which a value stands in place of what is not its own."""
        return np.where(self.mask(), self.entries(), np.asarray(value, self.dtype))

    @property
    def dtype(self) -> Any:
        return self.base.dtype

    def __getitem__(self, index: Any) -> Any:
        if type(index) is slice and (index.start, index.stop, index.step) == (None, None, -1):
            return Ragged(self.base, self.start, self.count, self.form, -self.step)
        if type(index) is slice and index == slice(None):
            return self
        if isinstance(index, (int, np.integer)) or (isinstance(index, Tracer) and not index.aval.shape):
            place = index if not isinstance(index, (int, np.integer)) or index >= 0 else self.count + index
            return self.base[self.start + place if self.step == 1 else self.start + self.count - 1 - place]
        raise _refused("a part of a slice of varying extent")

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis and index != slice(None):
            raise _refused("a write into a part of a slice of varying extent")
        k = _numbers(self.size)
        own = (k >= self.start) & (k < self.start + self.count)
        if isinstance(value, Ragged):
            self._check(value)
            place = k - self.start if self.step == 1 else self.start + (self.count - 1) - k
            value = value.entries()[np.clip(place, 0, self.size - 1)]
        elif np.ndim(value):
            raise _refused(f"an array of shape {np.shape(value)} written into a slice of varying extent")
        self.base[...] = np.where(own, value, self.base)

    def _check(self, other: Ragged) -> None:
        if other.form != self.form or other.size != self.size:
            raise _refused("slices of different extents in one operation")

    def copy(self) -> Ragged:
        """Return a vector of its own."""
        return Ragged(FUNCTIONS[np.array](self.entries()), 0, self.count, self.form)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc in _NEUTRAL and set(kwargs) <= {"axis"}:
            neutral: Any = _NEUTRAL[ufunc]
            return ufunc.reduce(self.padded(neutral(self.dtype)))
        if ufunc is np.matmul and method == "__call__" and not kwargs:
            return dot(*inputs)
        if method != "__call__" or set(kwargs) - {"out"} or ufunc.nout != 1:
            raise _refused(f"np.{ufunc.__name__}.{method} of a slice of varying extent")
        operands = []
        for x in inputs:
            if isinstance(x, Ragged):
                self._check(x)
                x = x.entries()
            elif np.ndim(x):
                raise _refused(f"an array of shape {np.shape(x)} beside a slice of varying extent")
            operands.append(x)
        made = Ragged(ufunc(*operands), 0, self.count, self.form)
        (out,) = kwargs.get("out") or (None,)
        if out is None:
            return made
        out[...] = made
        return out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        version = _FUNCTIONS.get(function)
        if version is None or kwargs:
            raise _refused(f"np.{function.__name__} of a slice of varying extent")
        return version(*args)

    def sum(self) -> Any:
        """Return the sum."""
        return np.sum(self.padded(0))

    def dot(self, other: Any) -> Any:
        """Return the inner product."""
        return dot(self, other)

    def max(self) -> Any:
        """Return the largest entry."""
        return np.max(self.padded(-np.inf))

    def min(self) -> Any:
        """Return the smallest entry."""
        return np.min(self.padded(np.inf))


def dot(a: Any, b: Any) -> Any:
    """Return the inner product of two ragged vectors."""
    if not (isinstance(a, Ragged) and isinstance(b, Ragged)):
        raise _refused("a product of a slice of varying extent with something else")
    return a.__array_ufunc__(np.multiply, "__call__", a, b).sum()


def _mean(x: Ragged) -> Any:
    return x.sum() / x.count


_NEUTRAL: Final = {
    np.add: lambda dtype: 0,
    np.multiply: lambda dtype: 1,
    np.maximum: lambda dtype: -np.inf if dtype.kind == "f" else np.iinfo(dtype).min,
    np.minimum: lambda dtype: np.inf if dtype.kind == "f" else np.iinfo(dtype).max,
}
_FUNCTIONS: Final[dict[Any, Any]] = {
    np.sum: lambda x: x.sum(),
    np.dot: dot,
    np.inner: dot,
    np.vdot: dot,
    np.max: lambda x: x.max(),
    np.amax: lambda x: x.max(),
    np.min: lambda x: x.min(),
    np.amin: lambda x: x.min(),
    np.mean: _mean,
    np.flip: lambda x: x[::-1],
    np.copy: lambda x: x.copy(),
    np.prod: lambda x: np.prod(x.padded(1)),
}


def _operator(name: str, ufunc: Any) -> None:
    def forward(self: Ragged, other: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", self, other)

    def backward(self: Ragged, other: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", other, self)

    def inplace(self: Ragged, other: Any) -> Ragged:
        self[...] = forward(self, other)
        return self

    setattr(Ragged, f"__{name}__", forward)
    setattr(Ragged, f"__r{name}__", backward)

    setattr(Ragged, f"__i{name}__", inplace)


for _name, _ufunc in (
    ("add", np.add),
    ("sub", np.subtract),
    ("mul", np.multiply),
    ("truediv", np.divide),
    ("pow", np.power),
    ("matmul", np.matmul),
):
    _operator(_name, _ufunc)
for _name, _unary in (("neg", np.negative), ("abs", np.absolute)):
    setattr(Ragged, f"__{_name}__", lambda self, ufunc=_unary: ufunc(self))
