"""The table from NumPy functions to what they mean for traced values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {}
"""NumPy function -> its meaning for traced arguments."""

PURE: Final[set[Any]] = set()
"""Functions of one traced value and options: what they record depends on nothing but the value's aval and the options.

The recorder remembers them as a whole, see ``recorder.py``; so it does the next two."""

VIEWS: Final[set[Any]] = set()
"""Those among them whose result may be a view of the value."""

OPERATIONS: Final[set[Any]] = set()
"""Functions of several values: what they record depends on nothing but the avals, and arrays and numbers among them are
captured as they are, one after the other."""

UFUNCS: Final[dict[Any, Callable[..., Any]]] = {}
"""NumPy or SciPy ufunc -> its meaning for traced operands (positional operands only)."""

REDUCTIONS: Final[dict[Any, Callable[..., Any]]] = {}
"""ufunc -> meaning of ``ufunc.reduce(x, axis, ...)``."""

ACCUMULATIONS: Final[dict[Any, Callable[..., Any]]] = {}
"""ufunc -> meaning of ``ufunc.accumulate(x, axis)``."""


def implements(*functions: Any) -> Callable[[F], F]:
    """Enter a function in the table: ``@implements(np.var)``.

    Its arguments are those of the NumPy function.  Its body may be plain NumPy, which then comes back to this table.
    """

    def enter(implementation: F) -> F:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return enter
