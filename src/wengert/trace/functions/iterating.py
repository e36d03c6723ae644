"""Going through arrays and their memory: fromiter, ndenumerate, as_strided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ...ops.index import gather
from ...ops.shape import reshape
from ..context import current
from ..creation import SPACES, Namespace, replace
from ..memory import is_row_major, layout, row_major
from ..tracer import Tracer, is_traced, plain, wrap_result
from .arrays import array
from .common import Axes, traced
from .shaping import ReadOnly, Reshape, view


def _fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    if current() is None:
        return np.fromiter(iter, dtype, count)
    items = list(iter) if count < 0 else [item for _, item in zip(range(count), iter, strict=False)]
    if not is_traced(items):
        return wrap_result(np.fromiter(plain(items), dtype, count))
    if len(items) < count:
        raise ValueError(f"iterator too short: Expected {count} but iterator had only {len(items)} items.")
    return array(items).astype(dtype)


def _ndenumerate(arr: Any) -> Iterator[tuple[Axes, Any]]:
    if not isinstance(arr, Tracer) and not is_traced(arr):
        yield from np.ndenumerate(plain(arr))
        return
    x = array(arr)
    for index in np.ndindex(x.shape):
        yield index, x[index]


def _nditer(op: Any, *args: Any, **kwargs: Any) -> Any:
    if is_traced(op):
        raise UntraceableError(
            explain(
                "np.nditer works on the memory of arrays, and a traced value has none.",
                found=repr(op),
                line=user_line(),
                fix="go through x.flat, np.ndindex(x.shape) or np.ndenumerate(x), or write it without a loop",
            )
        )
    return np.nditer(plain(op), *args, **kwargs)


replace(np.fromiter, _fromiter)
replace(np.ndenumerate, _ndenumerate)
replace(np.nditer, _nditer)


class Strided(ReadOnly):
    """A view that picks entries by their distance in memory."""

    def __init__(self, places: Any, steps: Axes) -> None:
        self.places = places
        self.steps = steps

    def read(self, base: Any) -> Any:
        return gather(reshape(base, shape=(base.aval.size,)), self.places, axes=(0,))

    def strides(self, old: Axes, strides: Axes) -> Axes:
        return self.steps


def _as_strided(
    x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True, **how: Any
) -> Any:
    if not is_traced(x):
        made = np.lib.stride_tricks.as_strided(plain(x), shape, strides, subok, writeable, **how)
        return made if current() is None else wrap_result(made)
    x = traced(x)
    if x.base is not None and not is_row_major(x.shape, layout(x)):
        x = np.copy(x)
        if strides is not None:
            raise UntraceableError(
                explain(
                    "np.lib.stride_tricks.as_strided takes traced arrays in C order only.",
                    found=repr(x),
                    line=user_line(),
                    fix="use sliding_window_view, which takes any array",
                )
            )
    shape = x.shape if shape is None else tuple(int(n) for n in shape)
    size = x.aval.dtype.itemsize
    steps = row_major(x.shape) if strides is None else tuple(int(s) // size for s in strides)
    places = np.zeros(shape, np.intp)
    for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
        places += np.reshape(np.arange(n) * step, [-1 if a == axis else 1 for a in range(len(shape))])
    if places.size and not 0 <= places.min() <= places.max() < x.aval.size:
        raise ValueError(
            f"the strides {strides} lead out of the array of shape {x.shape} and itemsize {size}\n"
            f"  at:    {user_line()}"
        )
    return view(x, Strided(places, steps))


replace(np.lib.stride_tricks.as_strided, _as_strided)
for _module in (np.lib, np.lib.stride_tricks):
    SPACES[_module] = Namespace(_module)


def _view(self: Tracer, dtype: Any = None, type: Any = None) -> Any:
    """Return another array object for the same entries."""
    if dtype is not None and np.dtype(dtype) != self.aval.dtype:
        raise UntraceableError(
            explain(
                "A traced value's memory cannot be read as another dtype.",
                found=f"{self!r} as {np.dtype(dtype)}",
                line=user_line(),
                fix="use .astype(...), .real or .imag",
            )
        )
    return view(traced(self), Reshape(self.aval.shape)) if is_traced(self) else self[...]


def _strides(self: Tracer) -> Axes:
    """Return the distances in memory of neighbours along each axis, in bytes, as NumPy would have laid them out."""
    self.refresh()
    if self.builder is None:
        return tuple(self.array.strides)
    return tuple(s * self.aval.dtype.itemsize for s in layout(self))


Tracer.view = _view  # type: ignore[attr-defined]
Tracer.strides = property(_strides)  # type: ignore[attr-defined]
