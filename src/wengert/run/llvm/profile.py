"""How long each step of a compiled program takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ...core.graph import Graph
from .loops import Call, Fill, Loop, Product
from .program import _WORD, Frame, NativeProgram


class Profiled(NativeProgram):
    """A program that calls its kernels one by one and notes the time of each.

    Attributes
    ----------
    times : list of float
        Seconds of each kernel and interpreted step of the last call, in order.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        single: list[Any] = []
        for segment in self._segments:
            if type(segment) is tuple:
                count, functions, descriptions = segment
                single += [(1, functions + k * _WORD, descriptions + k * _WORD) for k in range(count)]
            else:
                single.append(segment)
        self._segments = single
        self.times: list[float] = []
        native = self._run

        def run(*args: Any) -> None:
            start = time.perf_counter()
            native(*args)
            self.times.append(time.perf_counter() - start)

        self._run = run

    def _interpret(self, step: Any, frame: Frame) -> None:
        start = time.perf_counter()
        super()._interpret(step, frame)
        self.times.append(time.perf_counter() - start)

    def measure(self, args: Sequence[Any], repeats: int = 30) -> list[float | None]:
        """Return for each of ``steps`` the seconds of its fastest run; None for one over no entries, which is not run.

        A step is timed with the call into native code around it, about half a microsecond.
        """
        best: list[float] = []
        for _ in range(repeats):
            self.times.clear()
            self(args)
            best = [min(pair) for pair in zip(best, self.times, strict=True)] if best else list(self.times)
        found = iter(best)
        return [next(found) if _runs(step) else None for step in self.steps]


def _runs(step: Any) -> bool:
    if isinstance(step, Fill):
        return step.length > 0
    if isinstance(step, Loop):
        return 0 not in step.shape and bool(step.stores)
    if isinstance(step, Call):
        return step.count > 0
    return 0 not in step.out.shape if isinstance(step, Product) else True
