"""The array's methods and attributes: most are the NumPy function of the same name."""

from __future__ import annotations

from sys import _getframe
from typing import Any

import numpy as np

from ...ops import arithmetic
from .. import operators
from ..promote import as_dtype
from ..tracer import Tracer, call_function, note, wrap_result

_SAME_NAME = (
    "sum prod max min any all argmax argmin mean var std ravel transpose swapaxes squeeze cumsum cumprod clip round "
    "repeat take trace diagonal argsort choose nonzero searchsorted dot argpartition put"
).split()


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        if self.builder is not None:
            note(self.builder, _getframe(1))
        return call_function(function, (self, *args), kwargs)

    method.__name__ = name
    method.__doc__ = f"See ``numpy.ndarray.{name}``."
    return method


for _name in _SAME_NAME:
    setattr(Tracer, _name, _method(_name))


def _reshape(self: Tracer, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    """Return a view in another shape."""
    wanted = shape[0] if len(shape) == 1 else shape
    return call_function(np.reshape, (self, wanted), {"order": order} if order != "C" else {})


def _transpose(self: Tracer, *axes: Any) -> Any:
    """Return a view with the axes in another order."""
    wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes or None
    return call_function(np.transpose, (self, wanted), {})


def _copy(self: Tracer, order: str = "C") -> Any:
    """Return an array of its own."""
    return call_function(np.copy, (self,), {})


def _flatten(self: Tracer, order: str = "C") -> Any:
    """Return a one-dimensional copy."""
    return np.copy(np.ravel(self, order))


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
Tracer.compress = _compress
Tracer.__contains__ = _contains
Tracer.fill = _fill  # type: ignore[attr-defined]
Tracer.conj = Tracer.conjugate = _conj  # type: ignore[attr-defined]
Tracer.tolist = _tolist  # type: ignore[attr-defined]
Tracer.T = property(lambda self: np.transpose(self))  # type: ignore[attr-defined]
Tracer.mT = property(lambda self: np.swapaxes(self, -1, -2))  # type: ignore[attr-defined]
Tracer.real = property(lambda self: real(self))  # type: ignore[attr-defined]
Tracer.imag = property(lambda self: imag(self))  # type: ignore[attr-defined]
Tracer.nbytes = property(lambda self: self.aval.nbytes)  # type: ignore[attr-defined]
Tracer.itemsize = property(lambda self: self.aval.dtype.itemsize)  # type: ignore[attr-defined]


def real(x: Any) -> Any:
    """Return the real part of a traced or fresh array."""
    x.refresh()
    if x.builder is None:
        return wrap_result(x.array.real)
    return arithmetic.real(x) if x.aval.dtype.kind == "c" else x


def imag(x: Any) -> Any:
    """Return the imaginary part of a traced or fresh array."""
    x.refresh()
    if x.builder is None:
        return wrap_result(x.array.imag)
    return arithmetic.imag(x) if x.aval.dtype.kind == "c" else x.builder.full_like(x, 0)


__all__ = ["imag", "operators", "real"]
