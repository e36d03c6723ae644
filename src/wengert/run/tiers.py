"""Which way a graph runs: interpreted when it is seen first, compiled when it is seen again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final

from ..core.graph import Graph
from . import llvm
from .interpreter import Program

_SECONDS_PER_EQUATION: Final = 2e-4
_SMALL: Final = 300
"""Equations up to which compiling costs little more than the first runs did."""


class Tiered:
    """A graph that is interpreted at first and compiled once that pays.

    Small graphs are compiled when they are run for the second time.  Large ones (long unrolled loops) wait until interpreting has
    taken about as long as compiling would.

    Parameters
    ----------
    graph : Graph
    eager : bool
        Compile at once, as :func:`wengert.jit` asks.
    """

    __slots__ = ("_interpreted", "_lock", "_native", "_spent", "graph")

    def __init__(self, graph: Graph, eager: bool = False) -> None:
        self.graph = graph
        self._interpreted: Program | None = None
        self._native: Callable[[Sequence[Any]], list[Any]] | None = None
        self._spent = float("inf") if eager else 0.0
        self._lock = Lock()

    def __call__(self, args: Sequence[Any]) -> list[Any]:
        """Run the graph on concrete inputs."""
        native = self._native
        if native is not None:
            return native(args)
        n = len(self.graph.equations)
        if self._spent > (0.0 if n <= _SMALL else n * _SECONDS_PER_EQUATION):
            return self.compiled()(args)
        start = time.perf_counter()
        outs = self.interpreted()(args)
        self._spent += time.perf_counter() - start
        return outs

    def interpreted(self) -> Program:
        """Return the interpreter's program."""
        if self._interpreted is None:
            self._interpreted = Program(self.graph)
        return self._interpreted

    def compiled(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Return the native program, compiled now if it has not been."""
        with self._lock:
            if self._native is None:
                try:
                    self._native = llvm.NativeProgram(self.graph)
                except Exception as error:  # a bug here must not keep anybody from their results
                    warnings.warn(
                        f"Wengert could not compile a graph and interprets it instead; please report this: {error!r}",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    self._native = self.interpreted()
            return self._native
