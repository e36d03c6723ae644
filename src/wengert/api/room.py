"""Room for residuals of loops whose number of iterations is only known when they run.

Reverse mode over such a loop is derived for a certain number of iterations at first.  Where that is too few, the call
is made again with four times as much room; a program is grown a few times in its life, if at all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..ops.loop_operands import TapeFull, grow
from ..run.cache import PROGRAMS

T = TypeVar("T")


def with_room(call: Callable[..., T]) -> Callable[..., T]:
    """Return a function that makes more room and calls again where a loop ran longer than there was room for."""

    @functools.wraps(call)
    def run(*args: Any, **kwargs: Any) -> T:
        try:
            return call(*args, **kwargs)
        except TapeFull as full:
            return retried(full, lambda: call(*args, **kwargs))

    return run


def retried(full: TapeFull, call: Callable[[], T]) -> T:
    """Make room and call, again and again until there is enough.

    A loop that comes back as short as before belongs to an outer transform, whose business it then is.
    """
    seen = set()
    while (full.key, full.length) not in seen:
        seen.add((full.key, full.length))
        grow(full)
        PROGRAMS.clear()
        try:
            return call()
        except TapeFull as again:
            full = again
    raise full
