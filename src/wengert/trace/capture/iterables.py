"""What a for statement iterates over, as a number of iterations and the item of each."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..tracer import Tracer, is_traced
from .items import getitem


class Steps(NamedTuple):
    """A number of iterations (an int, or traced), a bound for it, what item k is, and what to do at the end of an
    iteration with the recorder of the loop.
    """

    count: Any
    bound: int | None
    item: Callable[[Any], Any]
    end: Callable[[Any], None] | None = None


class TracedRange:
    """``range`` with traced bounds."""

    def __init__(self, *args: Any) -> None:
        start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1) if len(args) == 2 else args
        self.start, self.stop, self.step = start, stop, step

    def __iter__(self) -> Iterator[int]:
        return iter(range(int(self.start), int(self.stop), int(self.step)))

    def __len__(self) -> int:
        return len(range(int(self.start), int(self.stop), int(self.step)))

    def __reversed__(self) -> Iterator[int]:
        return reversed(range(int(self.start), int(self.stop), int(self.step)))


class Lazy:
    """``enumerate``, ``zip`` or ``reversed`` before it begins."""

    def __init__(self, function: Any, args: Any, kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs

    def __iter__(self) -> Iterator[Any]:
        made: Iterator[Any] = self.function(*self.args, **self.kwargs)
        return made


def iterable(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call what may be ``enumerate``, ``zip`` or ``reversed``; keep those open to be looked into."""
    if function in (builtins.enumerate, builtins.zip, builtins.reversed):
        return Lazy(function, args, kwargs)
    return function(*args, **kwargs)


def steps(source: Any) -> Steps | None:
    """Return the iterations over something; None where Python's own iteration is the only one."""
    if isinstance(source, range):
        return Steps(len(source), len(source), _affine(source.start, source.step))
    if isinstance(source, TracedRange):
        if is_traced(source.step) or not isinstance(source.step, (int, np.integer)) or not source.step:
            return None
        step = int(source.step)
        away = 1 if step > 0 else -1
        length = source.stop - source.start if step > 0 else source.start - source.stop
        count = length if abs(step) == 1 else (length + (abs(step) - 1)) // (away * step)
        return Steps(np.maximum(count, 0), None, _affine(source.start, step))
    if isinstance(source, (Tracer, np.ndarray)):
        if not source.ndim:
            return None
        n = source.shape[0]
        return Steps(n, n, lambda k: getitem(source, k))
    if isinstance(source, Lazy):
        return _lazy(source)
    return None


def _affine(start: Any, step: int) -> Callable[[Any], Any]:
    def item(k: Any) -> Any:
        scaled = k if step == 1 else -k if step == -1 else k * step
        return scaled if isinstance(start, int) and start == 0 else start + scaled if step != 1 else scaled + start

    return item


def _lazy(source: Lazy) -> Steps | None:
    inner = [steps(arg) for arg in source.args[: None if source.function is builtins.zip else 1]]
    if not inner or any(found is None for found in inner):
        return None
    known: list[Steps] = [found for found in inner if found is not None]
    first = known[0]
    if source.function is builtins.enumerate:
        start = source.args[1] if len(source.args) > 1 else source.kwargs.get("start", 0)
        return Steps(first.count, first.bound, lambda k: (k + start if not _is_zero(start) else k, first.item(k)))
    if source.function is builtins.reversed:
        last = first.count - 1
        return Steps(first.count, first.bound, lambda k: first.item(last - k))
    counts = [found.count for found in known]
    if any(not isinstance(n, int) for n in counts):
        return None
    if source.kwargs.get("strict") and len(set(counts)) > 1:
        return None
    n = min(counts)
    return Steps(n, n, lambda k: tuple([found.item(k) for found in known]))


def _is_zero(start: Any) -> bool:
    return isinstance(start, int) and start == 0
