"""The array's methods and attributes: most are the NumPy function of the same name."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from sys import _getframe
from typing import Any

import numpy as np

from ...core.aval import aval
from ...core.source import user_line
from ...ops import arithmetic
from .. import operators
from ..dispatch import FUNCTIONS, PURE
from ..promote import as_dtype
from ..tracer import Tracer, as_view, call_function, fresh, note, wrap_result
from .common import Axes

_SAME_NAME = (
    "sum prod max min any all argmax argmin mean var std ravel transpose swapaxes squeeze cumsum cumprod clip round "
    "repeat take trace diagonal argsort choose nonzero searchsorted dot argpartition put"
).split()


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        builder = self.builder
        if builder is not None:
            note(builder, _getframe(1))
            if function in PURE:
                return builder.pure(function, FUNCTIONS[function], (self, *args), kwargs)
        return call_function(function, (self, *args), kwargs)

    method.__name__ = name
    method.__doc__ = f"See ``numpy.ndarray.{name}``."
    return method


for _name in _SAME_NAME:
    setattr(Tracer, _name, _method(_name))


def _reshape(self: Tracer, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    """Return a view in another shape."""
    wanted = shape[0] if len(shape) == 1 else shape
    if order == "C" and self.builder is not None:
        note(self.builder, _getframe(1))
        return self.builder.pure(np.reshape, FUNCTIONS[np.reshape], (self, wanted), {})
    return call_function(np.reshape, (self, wanted), {"order": order} if order != "C" else {})


def _transpose(self: Tracer, *axes: Any) -> Any:
    """Return a view with the axes in another order."""
    wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes or None
    return _turned(self, wanted, _getframe(1))


def _turned(self: Tracer, axes: Any, frame: Any) -> Any:
    if self.builder is None:
        return call_function(np.transpose, (self, axes), {})
    note(self.builder, frame)
    return self.builder.pure(np.transpose, FUNCTIONS[np.transpose], (self, axes), {})


def _copy(self: Tracer, order: str = "C") -> Any:
    """Return an array of its own."""
    return call_function(np.copy, (self,), {})


def _flatten(self: Tracer, order: str = "C") -> Any:
    """Return a one-dimensional copy."""
    return np.copy(call_function(np.ravel, (self, order), {}))


def _astype(self: Tracer, dtype: Any, *_: Any, copy: bool = True, **__: Any) -> Any:
    """Return a copy in another dtype."""
    self.refresh()
    if self.builder is None:
        return wrap_result(self.array.astype(dtype))
    dtype = np.dtype(dtype)
    if dtype == self.aval.dtype and not self.aval.weak:
        return _copy(self) if copy else self
    return as_dtype(self, dtype)


def _compress(self: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Any:
    """Return the entries where a condition holds."""
    return call_function(np.compress, (condition, self, axis, out), {})


def _contains(self: Tracer, value: Any) -> bool:
    """Say whether an entry equals a value."""
    return bool(np.any(self == value))


def _fill(self: Tracer, value: Any) -> None:
    """Overwrite every entry."""
    self[...] = value


def _conj(self: Tracer) -> Any:
    """Return the complex conjugate."""
    return np.conjugate(self)


def _tolist(self: Tracer) -> Any:
    """Return the entries as nested lists of scalars."""
    if not self.aval.shape:
        return self[()] if self.builder is not None else self.array.tolist()
    return [x.tolist() if isinstance(x, Tracer) else x for x in self]


Tracer.reshape = _reshape  # type: ignore[attr-defined]
Tracer.transpose = _transpose  # type: ignore[attr-defined]
Tracer.copy = _copy  # type: ignore[attr-defined]
Tracer.flatten = _flatten  # type: ignore[attr-defined]
Tracer.astype = _astype  # type: ignore[attr-defined]
Tracer.compress = _compress  # type: ignore[attr-defined]
Tracer.__contains__ = _contains  # type: ignore[operator]
Tracer.fill = _fill  # type: ignore[attr-defined]
Tracer.conj = Tracer.conjugate = _conj  # type: ignore[attr-defined]
Tracer.tolist = _tolist  # type: ignore[attr-defined]
Tracer.T = property(lambda self: _turned(self, None, _getframe(1)))  # type: ignore[attr-defined]
Tracer.mT = property(lambda self: np.swapaxes(self, -1, -2))  # type: ignore[attr-defined]
Tracer.nbytes = property(lambda self: self.aval.nbytes)  # type: ignore[attr-defined]
Tracer.itemsize = property(lambda self: self.aval.dtype.itemsize)  # type: ignore[attr-defined]


class _Part:
    """The real or imaginary part as a view."""

    def __init__(self, name: str) -> None:
        self.name = name

    def again(self, base: Any) -> Any:
        return getattr(base, self.name)

    def read(self, base: Any) -> Any:
        return getattr(arithmetic, self.name)(base)

    def write(self, base: Any, value: Any) -> Any:
        if self.name == "real":
            return arithmetic.make_complex(value, arithmetic.imag(base))
        return arithmetic.make_complex(arithmetic.real(base), value)

    def strides(self, old: Axes, strides: Axes) -> Axes:
        return tuple(2 * s for s in strides)


_PARTS = {name: _Part(name) for name in ("real", "imag")}


def _part(x: Any, name: str) -> Any:
    x.refresh()
    if x.aval.dtype.kind == "c":
        how = _PARTS[name]
        out = fresh(how.again(x.array)) if x.builder is None else how.read(x)
        return as_view(out, x, how) if x.aval.shape or getattr(x, "is_array", False) else out
    if name == "real":
        return x
    return np.zeros_like(x)


def real(x: Any) -> Any:
    """Return the real part of a traced or fresh array: a view."""
    return _part(x, "real")


def imag(x: Any) -> Any:
    """Return the imaginary part of a traced or fresh array: a view of a complex one, zeros for a real one."""
    return _part(x, "imag")


def _set_part(name: str) -> Any:
    def write(self: Tracer, value: Any) -> None:
        if name == "imag" and self.aval.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        _part(self, name)[...] = value

    return write


Tracer.real = property(real, _set_part("real"))  # type: ignore[attr-defined]
Tracer.imag = property(imag, _set_part("imag"))  # type: ignore[attr-defined]

# -- flat, and changing the size --------------------------------------------------------------------------------------


class Flat:
    """``x.flat``: the entries in C order, for reading and writing."""

    def __init__(self, x: Tracer) -> None:
        self.base = x

    def __len__(self) -> int:
        return self.base.aval.size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        found = np.reshape(self.base, -1)[index]
        return np.copy(found) if np.ndim(found) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(len(self))[index]
        if np.ndim(places) == 0:
            self.base[np.unravel_index(int(places), self.base.shape)] = value
        else:
            # Repeats the values as often as needed, as NumPy does here.
            call_function(np.put, (self.base, places, value), {})


def _set_flat(self: Tracer, value: Any) -> None:
    Flat(self)[...] = value


def _resize(self: Tracer, *new_shape: Any, refcheck: bool = True) -> None:
    """Change the array's own size: cut off at the end, or filled with zeros."""
    if self.base is not None:
        raise ValueError(f"cannot resize this array: it does not own its data\n  at:    {user_line()}")
    shape = new_shape[0] if len(new_shape) == 1 and isinstance(new_shape[0], (tuple, list)) else new_shape
    shape = tuple(operator.index(n) for n in shape)
    size, old = math.prod(shape), self.aval.size
    if self.builder is None:
        self.array = np.resize(self.array, shape) if size <= old else np.pad(self.array.ravel(), (0, size - old))
        self.array, self.shared = self.array.reshape(shape), False
    else:
        flat: Any = np.reshape(self, -1)
        changed: Any = np.reshape(flat[:size] if size <= old else np.pad(flat, (0, size - old)), shape)
        self.builder, self.id = changed.builder, changed.id
    self.aval = aval(shape, self.aval.dtype)
    self.version += 1


Tracer.flat = property(Flat, _set_flat)  # type: ignore[attr-defined]
Tracer.resize = _resize  # type: ignore[attr-defined]

__all__ = ["imag", "operators", "real"]
