"""Which way a graph runs: interpreted when it is seen first, compiled when it is seen again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final

from ..core.graph import Graph
from ..transforms.expand import expand
from ..transforms.joining import with_parts_joined
from ..transforms.loops import iterations
from ..transforms.reread import lean
from . import llvm
from .interpreter import Program

_SECONDS_PER_EQUATION: Final = 2e-4
_SMALL: Final = 300
"""Equations up to which compiling costs little more than the first runs did."""
_MANY: Final = 2000
"""Iterations of loops from which on interpreting takes longer than compiling."""
_AT_ONCE: Final[ContextVar[bool]] = ContextVar("compile_at_once", default=False)


@contextmanager
def compile_at_once() -> Iterator[None]:
    """Compile graphs when they are first run.

    Interpreted and compiled results differ in their last bits.  Where runs are to be equal bit for bit whatever ran
    before them in the process, as when a training run is resumed, there must be one way of running only.
    """
    before = _AT_ONCE.set(True)
    try:
        yield
    finally:
        _AT_ONCE.reset(before)


def as_it_runs(graph: Graph) -> Graph:
    """Return a graph as it is run: what primitives are composed of written out, loops lean."""
    return lean(with_parts_joined(expand(graph)))


class Tiered:
    """A graph that is interpreted at first and compiled once that pays.

    Small graphs are compiled when they are run for the second time, those with long loops at once.  Large ones (long
    unrolled loops) wait until interpreting has taken about as long as compiling would.

    Parameters
    ----------
    graph : Graph
    eager : bool
        Compile at once, as :func:`wengert.jit` asks.
    donated : sequence of int
        Inputs whose memory results of the compiled program may take over.

    Attributes
    ----------
    native : callable or None
        The native program, once there is one; then it may be called directly.
    """

    __slots__ = ("_donated", "_interpreted", "_lock", "_spent", "graph", "native")

    def __init__(self, graph: Graph, eager: bool = False, donated: Sequence[int] = ()) -> None:
        self.graph = as_it_runs(graph)
        self._donated = donated
        self._interpreted: Program | None = None
        self.native: Callable[[Sequence[Any]], list[Any]] | None = None
        self._spent = float("inf") if eager or iterations(self.graph) > _MANY else 0.0
        self._lock = Lock()

    def __call__(self, args: Sequence[Any]) -> list[Any]:
        """Run the graph on concrete inputs."""
        native = self.native
        if native is not None:
            return native(args)
        n = len(self.graph.equations)
        if self._spent > (0.0 if n <= _SMALL else n * _SECONDS_PER_EQUATION) or _AT_ONCE.get():
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
            if self.native is None:
                try:
                    self.native = llvm.NativeProgram(self.graph, self._donated)
                except Exception as error:  # noqa: BLE001  a bug here must not keep anybody from their results
                    warnings.warn(
                        f"Wengert could not compile a graph and interprets it instead; please report this: {error!r}",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    self.native = self.interpreted()
            return self.native
