"""Avals: what is known of a value before it is computed, its shape and its dtype."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

Shape = tuple[int, ...]


class Aval:
    """Shape and dtype of a value that need not exist yet ("abstract value").

    Avals are interned: two avals that are equal are the same object, so that comparing and hashing them, which
    recording does all the time, costs no more than comparing a pointer.  Make them with :func:`aval`.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    weak : bool
        True for values that stand for a Python scalar.  As in NumPy 2 (NEP 50) those adapt to the dtype of the
        array that they meet.
    """

    __slots__ = ("dtype", "shape", "size", "weak")

    shape: Shape
    dtype: np.dtype[Any]
    weak: bool
    size: int

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def is_inexact(self) -> bool:
        """Floating or complex: values that derivatives can flow through."""
        return self.dtype.kind in "fc"

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    def __reduce__(self) -> tuple[Any, ...]:
        return aval, (self.shape, self.dtype, self.weak)


_INTERNED: Final[dict[tuple[Shape, np.dtype[Any], bool], Aval]] = {}


def aval(shape: Shape, dtype: Any, weak: bool = False) -> Aval:
    """Return the one aval of this shape and dtype.

    Examples
    --------
    >>> aval((2, 3), np.float64)
    float64[2,3]
    >>> aval((), "f8") is aval((), np.float64)
    True
    """
    found = _INTERNED.get((shape, dtype, weak))
    if found is None:
        dtype = np.dtype(dtype)
        found = _INTERNED.get((shape, dtype, weak))
    if found is None:
        found = object.__new__(Aval)
        found.shape = tuple(int(n) for n in shape)
        found.dtype = dtype
        found.weak = weak
        found.size = math.prod(found.shape)
        # setdefault keeps the promise of one object per aval when two threads get here together.
        found = _INTERNED.setdefault((found.shape, dtype, weak), found)
    return found


_PYTHON_SCALARS: Final[dict[type, Aval]] = {
    float: aval((), np.float64, True),
    int: aval((), np.int64, True),
    complex: aval((), np.complex128, True),
    bool: aval((), np.bool_),
}


def aval_of(value: Any) -> Aval:
    """Return the aval of a concrete value: an array, a NumPy scalar or a Python scalar."""
    found = _PYTHON_SCALARS.get(type(value))
    if found is not None:
        return found
    try:
        return aval(value.shape, value.dtype)
    except AttributeError:
        array = np.asarray(value)
        return aval(array.shape, array.dtype)
