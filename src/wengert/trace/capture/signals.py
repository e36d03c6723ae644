"""How blocks of statements end, where that is only known when the graph runs."""

from __future__ import annotations

from typing import Any

from .site import CONTINUE, NEXT


class Signal:
    """A traced signal: a whole number, and what it can be."""

    def __init__(self, value: Any, kinds: frozenset[int]) -> None:
        self.value = value
        self.kinds = kinds


def kinds_of(signal: Any) -> frozenset[int]:
    """Return what a signal can be."""
    if isinstance(signal, Signal):
        return signal.kinds
    return frozenset((NEXT if signal is None else signal,))


def settled(signal: Any) -> int:
    """Return a signal that Python can act upon; asks for its value if need be."""
    if isinstance(signal, Signal):
        return NEXT if signal.kinds <= {NEXT, CONTINUE} else int(signal.value)
    return NEXT if signal is None else signal
