"""NumPy functions called with lists of traced values: ``np.sum([x, y])``, ``np.maximum.reduce((x, y))``.

NumPy does not look into a list for arrays that would rather answer themselves, so traced code gets versions of the
functions that turn such a list into a traced array first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .dispatch import FUNCTIONS
from .tracer import PASSED_THROUGH, is_traced

Dispatcher: Final = type(np.sum)
"""The class of NumPy's functions that look for traced arguments themselves."""

_SEQUENCES: Final = frozenset(
    (
        "concatenate concat stack hstack vstack dstack column_stack block select choose lexsort multi_dot einsum "
        "einsum_path histogramdd ravel_multi_index meshgrid piecewise copyto put place putmask "
        "put_along_axis fill_diagonal shape ndim size result_type can_cast common_type min_scalar_type"
    ).split()
)
"""Functions that take sequences as such, or none: they are left as they are."""


def takes_arrays(value: Any, name: str) -> bool:
    """Say whether a list can stand for an array among the arguments of one of NumPy's functions."""
    return isinstance(value, (Dispatcher, np.ufunc)) and name not in _SEQUENCES


NAMES: Final = frozenset(
    name for module in (np, np.linalg, np.fft) for name, value in vars(module).items() if takes_arrays(value, name)
)
"""Names by which code shows that it may hand a list to NumPy."""


def _arrays(args: Any) -> Any:
    for x in args:
        if type(x) is list or type(x) is tuple:
            return [FUNCTIONS[np.array](x) if type(x) in (list, tuple) and is_traced(x) else x for x in args]
    return args


@functools.cache
def listening(value: Any) -> Any:
    """Return the version of a function or ufunc that takes lists of traced values."""
    return _Ufunc(value) if isinstance(value, np.ufunc) else _function(value)


def _function(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*_arrays(args), **kwargs)

    PASSED_THROUGH.add(call.__code__)  # type: ignore[attr-defined]  # functools.wraps returns the function itself
    return call


class _Ufunc:
    """A ufunc, equal to the original, whose operands may be lists of traced values."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc
        self.__doc__ = ufunc.__doc__
        self.__name__ = ufunc.__name__
        for method in ("reduce", "accumulate", "outer", "at", "reduceat"):
            setattr(self, method, _function(getattr(ufunc, method)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ufunc(*_arrays(args), **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)

    def __eq__(self, other: object) -> bool:
        return other is self._ufunc or (isinstance(other, _Ufunc) and other._ufunc is self._ufunc)

    def __hash__(self) -> int:
        return hash(self._ufunc)

    def __repr__(self) -> str:
        return repr(self._ufunc)


PASSED_THROUGH.add(_Ufunc.__call__.__code__)
