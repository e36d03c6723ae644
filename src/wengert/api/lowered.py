"""What jit makes of a function, to look at: graphs, loops, LLVM IR, assembly, counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..core.graph import Graph
from ..run import llvm
from ..run.tiers import as_it_runs


class Lowered:
    """A jitted function at one signature, stage by stage.  Made by ``wg.jit(f).lower(*args)``; prints as a summary.

    Attributes
    ----------
    graph : Graph
        As recorded.
    simplified : Graph
        As compiled.
    captured : list of str
        What has become of the loops and choices in the source: a line each, with the reason where one was unrolled.
    """

    def __init__(self, graph: Graph, simplified: Graph, captured: Sequence[str] = ()) -> None:
        self.graph = graph
        self.simplified = simplified
        self.captured = list(captured)

    @cached_property
    def _expanded(self) -> Graph:
        return as_it_runs(self.simplified)

    @cached_property
    def _program(self) -> Any:
        return llvm.NativeProgram(self._expanded)

    @property
    def steps(self) -> list[str]:
        """What the program does, a line each: loop nests with what they read, compute and write, products,
        interpreted equations.
        """
        return [llvm.inspect.step_text(step, self._expanded) for step in self._program.steps]

    def llvm_ir(self) -> str:
        """Return the LLVM IR of all loop nests, before LLVM's own optimisation."""
        return "\n".join(str(module) for module in llvm.inspect.modules(self._program))

    def assembly(self) -> str:
        """Return the machine code of all loop nests as text."""
        return "\n".join(llvm.inspect.assemblies(self._program))

    @property
    def arena(self) -> int:
        """Bytes of working memory besides arguments and results."""
        return int(self._program.arena)

    @property
    def operations(self) -> int:
        """Scalar operations of one run: loop points times operations in the body, and two for each term of a
        product.
        """
        return int(sum(llvm.inspect.operations(step) for step in self._program.steps))

    @property
    def bytes_moved(self) -> int:
        """Bytes that the steps read and write, if nothing stays in a cache."""
        return int(sum(llvm.inspect.bytes_moved(step) for step in self._program.steps))

    def __str__(self) -> str:
        lines = [
            *self.captured,
            "recorded:",
            str(self.graph),
            f"simplified: {len(self.graph.equations)} -> {len(self.simplified.equations)} equations",
            str(self.simplified),
            f"steps ({len(self.steps)}; {self.operations} operations, {self.bytes_moved} bytes moved, "
            f"arena {self.arena} bytes):",
            *(f"    {line}" for line in self.steps),
        ]
        return "\n".join(lines)
