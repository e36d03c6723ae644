"""What is being traced now, in this thread.

Only creation functions (``np.zeros`` has no traced argument to tell it) and nesting levels need to know.  It lives
in a context variable and is put back in a ``finally``: an exception in a user's function leaves nothing behind, and
threads and generators do not see each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .recorder import Recorder

_CURRENT: Final[ContextVar[Recorder | None]] = ContextVar("wengert_trace", default=None)


def current() -> Recorder | None:
    """Return the builder of the innermost trace; None outside of traces."""
    return _CURRENT.get()


def enter(builder: Recorder) -> Token[Recorder | None]:
    """Make a builder the innermost trace; to be followed by :func:`leave` in a ``finally``."""
    return _CURRENT.set(builder)


def leave(builder: Recorder, token: Token[Recorder | None]) -> None:
    """End a trace; its symbols are dead from now on."""
    _CURRENT.reset(token)
    builder.finish()


_CAPTURE: Final[ContextVar[Any]] = ContextVar("wengert_capture", default=None)


def capturing() -> Any:
    """Return where captured control flow is noted; None where Python's statements run as they are."""
    return _CAPTURE.get()


@contextmanager
def captured_into(notes: Any) -> Iterator[None]:
    """Capture ``for``, ``while`` and ``if`` statements from the source of the functions that run now."""
    token = _CAPTURE.set(notes)
    try:
        yield
    finally:
        _CAPTURE.reset(token)
