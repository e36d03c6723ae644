"""What is being traced now, in this thread.

Only creation functions (``np.zeros`` has no traced argument to tell it) and nesting levels need to know.  It lives
in a context variable and is put back in a ``finally``: an exception in a user's function leaves nothing behind, and
threads and generators do not see each other.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final

from ..core.builder import Builder

_CURRENT: Final[ContextVar[Builder | None]] = ContextVar("wengert_trace", default=None)


def current() -> Builder | None:
    """Return the builder of the innermost trace; None outside of traces."""
    return _CURRENT.get()


def enter(builder: Builder) -> Token[Builder | None]:
    """Make a builder the innermost trace; to be followed by :func:`leave` in a ``finally``."""
    return _CURRENT.set(builder)


def leave(builder: Builder, token: Token[Builder | None]) -> None:
    """End a trace; its symbols are dead from now on."""
    _CURRENT.reset(token)
    builder.finished = True
