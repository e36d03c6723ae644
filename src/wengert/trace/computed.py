"""Basic indices that are computed: ``A[i, j]``, ``A[i - 1, 1:-1]``, ``A[i]`` where i is a traced whole number.

As in NumPy they are views.  They are taken apart into steps: first the axes that have a number for an index (one
gather, of a window on the others), then what remains to be done to the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.symbol import Sym
from ..ops.index import gather, gather_set

Axes = tuple[int, ...]


def is_number(item: Any) -> bool:
    """Say whether an item of an index is a traced whole number."""
    return isinstance(item, Sym) and item.builder is not None and not item.aval.shape and item.aval.dtype.kind in "iu"


def is_entry(index: Any, ndim: int) -> bool:
    """Say whether an index points to a single entry of an array, which is no view."""
    items = index if type(index) is tuple else (index,)
    return len(items) == ndim and all(isinstance(i, (int, np.integer)) or is_number(i) for i in items)


class Numbers:
    """Axes that have one number each for an index."""

    def __init__(self, axes: Axes, numbers: tuple[Any, ...]) -> None:
        self.axes = axes
        self.numbers = numbers
        self.key = (axes, *[(id(n.builder), n.id) if isinstance(n, Sym) else n for n in numbers])

    def _indices(self, x: Any) -> list[Any]:
        builder = max((n.builder for n in self.numbers if isinstance(n, Sym)), key=lambda b: b.level)
        return [n if isinstance(n, Sym) else builder.full(n, (), np.int64) for n in self.numbers]

    def read(self, x: Any, window: Any = None) -> Any:
        return gather(x, *self._indices(x), **self._where(window))

    def write(self, x: Any, value: Any, window: Any = None) -> Any:
        return gather_set(x, value, *self._indices(x), **self._where(window))

    def _where(self, window: Any) -> dict[str, Any]:
        if window is None or window.whole:
            return {"axes": self.axes}
        spans = tuple(zip(window.starts, window.stops, window.steps, strict=True))
        return {"axes": self.axes, "window": spans}

    def strides(self, strides: Axes) -> Axes:
        return tuple(s for a, s in enumerate(strides) if a not in self.axes)


class Computed:
    """An index with traced numbers in it: steps that are read one after the other, and a window on what they leave."""

    __slots__ = ("key", "left", "shape", "steps", "window")

    def __init__(self, steps: Sequence[Any], left: Axes, window: Any) -> None:
        self.steps = tuple(steps)
        self.left = left
        self.window = window
        self.shape: Axes = window.shape
        self.key = (tuple([step.key for step in steps]), window)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Computed) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def read(self, x: Any) -> Any:
        """Record the reading of the part."""
        for step in self.steps[:-1]:
            x = step.read(x)
        last = self.steps[-1]
        if isinstance(last, Numbers):
            return self.window.shaped(last.read(x, self.window))
        return self.window.read(last.read(x))

    def write(self, x: Any, value: Any) -> Any:
        """Record the overwriting of the part by a value of the part's shape."""
        return self._write(0, x, value)

    def _write(self, k: int, x: Any, value: Any) -> Any:
        if k == len(self.steps):
            return self.window.write(x, value)
        step = self.steps[k]
        last = k + 1 == len(self.steps)
        if last and isinstance(step, Numbers):
            return step.write(x, self.window.flat(value), self.window)
        if last and self.window.whole:
            return step.write(x, self.window.flat(value))
        return step.write(x, self._write(k + 1, step.read(x), value))

    def add(self, x: Any, value: Any) -> Any:
        """Record the addition to the part."""
        return self.write(x, self.read(x) + value)

    def strides(self, shape: Axes, strides: Axes) -> Axes:
        """Return how far apart in memory neighbours along each axis are."""
        for step in self.steps:
            strides = step.strides(strides)
        found: Axes = self.window.strides(self.left, strides)
        return found
