"""Programs kept by structure."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, TypeVar

T = TypeVar("T")


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cyclic garbage collector from running.

    Deriving a graph allocates many small objects that all live on; scanning them over and over takes half of the time.
    They are scanned once in the end.  Left to itself, the collector would take its next turn at once, and perhaps scan
    everything that the process has, which takes as long as compiling.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if gc.get_count()[0] > gc.get_threshold()[0]:
                gc.collect(0)
            gc.enable()


class Cache:
    """A bounded cache that drops what has not been used for longest.  Safe to use from several threads.

    Attributes
    ----------
    era : int
        Counts how often everything was forgotten.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.era = 0
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the entry for a key, made now if there is none.

        Two threads that miss at once both make it and one of the two is kept; making is pure, so either will do.
        """
        entries = self._entries
        with self._lock:
            found = entries.get(key)
            if found is not None:
                entries.move_to_end(key)
                return found  # type: ignore[no-any-return]
        with collector_paused():
            made = make()
        with self._lock:
            entries[key] = made
            while len(entries) > self.size:
                oldest, entry = entries.popitem(last=False)
                if getattr(entry, "used", False):  # found by other ways than this cache since its last turn
                    entry.used = False
                    entries[oldest] = entry
        return made

    def peek(self, key: Hashable) -> Any:
        """Return the entry for a key, or None."""
        entries = self._entries
        with self._lock:
            found = entries.get(key)
            if found is not None:
                entries.move_to_end(key)
            return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.era += 1
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


PROGRAMS: Final = Cache(1024)
"""Derived graphs and programs, under the transform's name and the recording's key."""
