"""Slices whose bounds are computed in a captured loop: ``x[i - 1 : i + 2]``, ``x[:k]``, ``x[k + 1 :]``.

If the extent is constant, the slice is an array as any other.  If it is not, no graph has a shape for it; it then stays
a *ragged* vector, which is known by what its entries are.  Sums of it, and writes, are loops over as many entries as
there are; other reductions go through as many as the array has, and leave out what is not its own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.aval import aval
from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops.index import gather, gather_set
from ...ops.loop_operands import COUNTER, parameters
from ..bodies import record_part, value_of
from ..context import current
from ..dispatch import FUNCTIONS
from ..record import value_aval
from ..tracer import Tracer, as_view, is_traced
from .extents import Form, bounds, linear, plus
from .parts import Captured, apply, converted, operand, result, rewritten


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
        self.form = form  # two are of one extent if their forms are equal

    @property
    def size(self) -> int:
        """The most entries that there may be."""
        return int(self.base.shape[0])

    @property
    def dtype(self) -> Any:
        return self.base.dtype

    def place(self, k: Any) -> Any:
        """Return where in the vector its k-th entry is."""
        return k + self.start if self.step == 1 else self.start + (self.count - 1) - k

    def now(self) -> Entry:
        """Return what gives its entries as they are now, whatever is written into the vector later."""
        base = self.base
        base = Tracer(base.builder, base.id, base.aval) if _traced(base, self.count).builder is not None else base
        return _OfVector(base, self)

    def vector(self) -> Any:
        """Return a vector whose first entries are its own; the others are whatever they are."""
        if self.step == 1 and not isinstance(self.start, Tracer) and self.start == 0:
            return self.base
        return self.base[np.clip(self.place(_numbers(self.size)), 0, self.size - 1)]

    def padded(self, value: Any) -> Any:
        """Return a vector in which a value stands in place of what is not its own."""
        return np.where(_numbers(self.size) < self.count, self.vector(), np.asarray(value, self.dtype))

    def __getitem__(self, index: Any) -> Any:
        if type(index) is slice and (index.start, index.stop, index.step) == (None, None, -1):
            return self.turned()
        if type(index) is slice and index == slice(None):
            return self
        if isinstance(index, (int, np.integer)) or (isinstance(index, Tracer) and not index.aval.shape):
            return self.now()(index if not isinstance(index, (int, np.integer)) or index >= 0 else self.count + index)
        raise _refused("a part of a slice of varying extent")

    def turned(self) -> Ragged:
        """Return the entries from the last to the first."""
        return Ragged(self.base, self.start, self.count, self.form, -self.step)

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis and index != slice(None):
            raise _refused("a write into a part of a slice of varying extent")
        if isinstance(value, Ragged):
            self._check(value)
            if value.base is self.base and value.step == self.step and linear(value.start) == linear(self.start):
                return  # what ``x[:k] += y`` does in the end
            entry = value.now()
        elif np.ndim(value):
            raise _refused(f"an array of shape {np.shape(value)} written into a slice of varying extent")
        else:
            entry = _Number(value)
        y = _traced(self.base, self.count)
        here = _OfVector(Tracer(y.builder, y.id, y.aval), self)

        def write(k: Any, made: Any) -> Any:
            return _with_entry(made, self.place(k), entry(k, here, made))

        self.base[...] = _repeated(self.size, self.count, y, write)

    def _check(self, other: Ragged) -> None:
        if other.form != self.form:
            raise _refused("slices of different extents in one operation")

    def copy(self) -> Ragged:
        """Return a vector of its own."""
        return Ragged(FUNCTIONS[np.array](self.vector()), 0, self.count, self.form)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc in _NEUTRAL and set(kwargs) <= {"axis"}:
            if ufunc is np.add:
                return self.sum()
            neutral: Any = _NEUTRAL[ufunc]
            return ufunc.reduce(self.padded(neutral(self.dtype)))
        if ufunc is np.matmul and method == "__call__" and not kwargs:
            return dot(*inputs)
        if method != "__call__" or set(kwargs) - {"out"} or ufunc.nout != 1:
            raise _refused(f"np.{ufunc.__name__}.{method} of a slice of varying extent")
        size = self.size
        operands: list[Entry] = []
        for x in inputs:
            if isinstance(x, Ragged):
                self._check(x)
                size = min(size, x.size)
                operands.append(x.now())
            elif np.ndim(x):
                raise _refused(f"an array of shape {np.shape(x)} beside a slice of varying extent")
            else:
                operands.append(_Number(x))
        made = Computed(_Applied(ufunc, operands), _dtype(ufunc, inputs), size, self.count, self.form)
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
        if self.dtype.kind != "f":
            return np.sum(self.padded(0))
        entry = self.now()
        return _repeated(self.size, self.count, np.zeros((), self.dtype), lambda k, total: total + entry(k))

    def dot(self, other: Any) -> Any:
        """Return the inner product."""
        return dot(self, other)

    def max(self) -> Any:
        """Return the largest entry."""
        return np.max(self.padded(-np.inf))

    def min(self) -> Any:
        """Return the smallest entry."""
        return np.min(self.padded(np.inf))


class Computed(Ragged):
    """What an operation on ragged vectors makes: computed entry by entry, where it is needed."""

    def __init__(self, entry: Entry, dtype: Any, size: int, count: Any, form: Form, turned: bool = False) -> None:
        super().__init__(None, 0, count, form, -1 if turned else 1)
        self._entry, self._dtype, self._size = entry, dtype, size

    @property
    def size(self) -> int:
        return self._size

    @property
    def dtype(self) -> Any:
        return self._dtype

    def now(self) -> Entry:
        return self._entry if self.step == 1 else _Turned(self._entry, self)

    def turned(self) -> Ragged:
        return Computed(self._entry, self._dtype, self._size, self.count, self.form, self.step == 1)

    def vector(self) -> Any:
        entry, start = self.now(), FUNCTIONS[np.zeros](self.size, self.dtype)
        return _repeated(self.size, self.count, start, lambda k, made: _with_entry(made, k, entry(k)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise _refused("a write into what was computed of slices of varying extent")


class Entry:
    """What gives the k-th entry of a ragged vector as a number.

    Called within a loop that writes into a vector, it is told what is written to (``here``, as it was before the loop)
    and the vector as it is meanwhile (``made``): at its own place, an iteration finds there what was there before.
    """

    def __call__(self, k: Any, here: _OfVector | None = None, made: Any = None) -> Any:
        raise NotImplementedError


class _Number(Entry):
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, k: Any, here: _OfVector | None = None, made: Any = None) -> Any:
        return self.value


class _OfVector(Entry):
    def __init__(self, base: Any, slice_: Ragged) -> None:
        self.base, self.slice = base, slice_

    def __call__(self, k: Any, here: _OfVector | None = None, made: Any = None) -> Any:
        base = made if here is not None and self._same(here) else self.base
        return base[self.slice.place(k)]

    def _same(self, other: _OfVector) -> bool:
        a, b = self.slice, other.slice
        if not (isinstance(self.base, Tracer) and self.base.builder is other.base.builder):
            return False
        return self.base.id == other.base.id and a.step == b.step and linear(a.start) == linear(b.start)


class _Turned(Entry):
    def __init__(self, entry: Entry, slice_: Ragged) -> None:
        self.entry, self.slice = entry, slice_

    def __call__(self, k: Any, here: _OfVector | None = None, made: Any = None) -> Any:
        return self.entry(self.slice.count - 1 - k)


class _Applied(Entry):
    def __init__(self, ufunc: Any, operands: list[Entry]) -> None:
        self.ufunc, self.operands = ufunc, operands

    def __call__(self, k: Any, here: _OfVector | None = None, made: Any = None) -> Any:
        return self.ufunc(*[operand(k, here, made) for operand in self.operands])


def _dtype(ufunc: Any, inputs: Any) -> Any:
    """Return the dtype of what a function makes of ragged vectors and numbers."""

    def like(x: Any) -> Any:
        if isinstance(x, Ragged):
            return np.ones(1, x.dtype)
        if isinstance(x, Tracer):
            return x.aval.dtype.type(1).item() if x.aval.weak else x.aval.dtype.type(1)
        return x

    with np.errstate(all="ignore"):
        return ufunc(*map(like, inputs)).dtype


def _with_entry(made: Any, place: Any, value: Any) -> Any:
    made[place] = value  # the loop's own
    return made


def _repeated(most: int, count: Any, start: Any, body: Any) -> Any:
    """Record a loop that goes through ``count`` entries; ``body`` takes their number and what was made so far."""
    start = value_of(start)
    of = value_aval(start)
    part = record_part(body, [COUNTER, aval(of.shape, of.dtype)])
    captured = Captured([part])

    def write(builder: Any, outs: Any) -> Any:
        return [converted(builder, outs[0], of)]

    graph = rewritten(part, captured, [COUNTER], [aval(of.shape, of.dtype)], write)
    params = parameters(graph, None, len(captured.values), 1, most, False, True, None)
    (out,) = apply("loop", [operand(count, COUNTER), *captured.values, operand(start, of)], params)
    return result(out, of, bool(of.shape))


def dot(a: Any, b: Any) -> Any:
    """Return the inner product of two ragged vectors."""
    if not (isinstance(a, Ragged) and isinstance(b, Ragged)):
        raise _refused("a product of a slice of varying extent with something else")
    return (a * b).sum()  # type: ignore[operator]


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
