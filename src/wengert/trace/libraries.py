"""SciPy, as traced code sees it.

NumPy's functions ask their arguments what to do; SciPy's Python functions do not, so traced code gets other
versions of them, as it does of ``np.zeros``.  Importing SciPy's modules takes longer than importing Wengert.  What
they mean is therefore entered here by name, and takes effect once the program has imported the module: before that,
nobody can have called its functions.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from sys import _getframe
from typing import Any, Final

from ..core.primitive import Primitive
from ..core.source import user_line
from ..errors import UntraceableError, explain
from . import promote
from .context import current
from .creation import replace
from .dispatch import UFUNCS, F
from .tracer import Tracer, builder_of, is_traced, note, plain, wrap_result

MODULES: Final = {"scipy"}
"""Modules whose attributes copied functions see in their traced version."""

_WAITING: Final[dict[str, list[Callable[[Any], None]]]] = {}
_REACTIONS: Final[list[Callable[[], None]]] = []


_LOOKED_AT: Final[list[tuple[int, int]]] = [(-1, -1)]


def when_imported(module: str, enter: Callable[[Any], None]) -> None:
    """Call ``enter(module)`` once the program has imported the module."""
    MODULES.add(module)
    _WAITING.setdefault(module, []).append(enter)


def on_load(react: Callable[[], None]) -> None:
    """Call a function whenever the tables have grown."""
    _REACTIONS.append(react)


def load() -> bool:
    """Enter what belongs to modules that have been imported by now; say whether there were any."""
    count = (len(sys.modules), len(_WAITING))
    if count == _LOOKED_AT[0]:  # nothing was imported or entered since the last look
        return False
    ready = [name for name in _WAITING if name in sys.modules and not _importing(sys.modules[name])]
    waiting = any(name in sys.modules and name not in ready for name in _WAITING)  # in the middle of its import
    if not waiting:
        _LOOKED_AT[0] = (count[0], len(_WAITING) - len(ready))
    for name in ready:
        for enter in _WAITING.pop(name, ()):
            enter(sys.modules[name])
    if ready:
        for react in _REACTIONS:
            react()
    return bool(ready)


def _importing(module: Any) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


# -- functions --------------------------------------------------------------------------------------------------------


def stands_for(module: str, *names: str) -> Callable[[F], F]:
    """Enter what a library's function means for traced arguments: ``@stands_for("scipy.special", "softmax")``.

    For arguments that are not traced it is still the library's own function.
    """

    def enter(implementation: F) -> F:
        def put(library: Any) -> None:
            for name in names:
                original = getattr(library, name, None)
                if original is not None:
                    replace(original, version(original, implementation), name)

        when_imported(module, put)
        return implementation

    return enter


def version(original: Callable[..., Any], implementation: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls the implementation where an argument is traced, and the library's function
    elsewhere.
    """

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        every = [*args, *kwargs.values()]
        if any(map(is_traced, every)):
            note(builder_of(every), _getframe(1))
            return implementation(*args, **kwargs)
        if current() is None:
            return original(*args, **kwargs)
        return wrap_result(original(*plain(list(args)), **plain(kwargs)))

    return call


# -- ufuncs -----------------------------------------------------------------------------------------------------------


def ufunc_is(module: str, record: Primitive, name: str | None = None) -> None:
    """Say that a library's ufunc is one elementwise primitive (of one operand if it has several outputs)."""

    def put(library: Any) -> None:
        ufunc = getattr(library, name or record.name, None)
        if ufunc is not None and record.multiple:
            UFUNCS[ufunc] = lambda x: record(promote.as_dtype(x, promote.loop_dtypes(ufunc, (x.aval,))[0]))
        elif ufunc is not None:
            UFUNCS[ufunc] = lambda *operands: promote.elementwise(record, ufunc, operands)

    when_imported(module, put)


def ufunc_means(module: str, *names: str) -> Callable[[F], F]:
    """Enter a library's ufunc that is a composition: ``@ufunc_means("scipy.special", "chdtr")``."""

    def enter(implementation: F) -> F:
        def put(library: Any) -> None:
            for name in names:
                ufunc = getattr(library, name, None)
                if ufunc is not None:
                    UFUNCS[ufunc] = implementation

        when_imported(module, put)
        return implementation

    return enter


def ufunc_without(module: str, reasons: Mapping[str, str]) -> None:
    """Enter ufuncs that traced code cannot use, each with the reason."""

    def put(library: Any) -> None:
        for name, reason in reasons.items():
            ufunc = getattr(library, name, None)
            if ufunc is not None:
                UFUNCS[ufunc] = functools.partial(_refuse, f"{module}.{name}", reason)

    when_imported(module, put)


def _refuse(name: str, reason: str, *operands: Any) -> Any:
    raise UntraceableError(
        explain(
            f"{name} has no derivative here: {reason}.",
            found=", ".join(repr(x) for x in operands if isinstance(x, Tracer)),
            line=user_line(),
            fix="give it one with wg.custom_jvp, or call it on values that are not traced",
        )
    )
