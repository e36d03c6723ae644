"""The graph: inputs, equations in topological order, outputs.

R. E. Wengert, "A simple automatic derivative evaluation program", CACM 7(8), 1964, wrote a program as a list of
elementary operations.  This is that list.  Values are numbered; ``graph.avals[i]`` says what value ``i`` is, and an
equation names the values that it reads and the values that it makes.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import CyclicGraphError, explain
from . import drawing, serialize
from .aval import Aval
from .show import text
from .source import Source
from .verify import verify

if TYPE_CHECKING:
    from .primitive import Primitive

Params = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """One primitive applied to earlier values.

    Attributes
    ----------
    primitive : Primitive
    inputs, outputs : tuple of int
        Numbers of the values read and of the values made.
    params : tuple of (name, value) pairs
        What is fixed when the graph is made: axes, shapes, dtypes ...  Hashable.
    source : Source or None
        The user's line that this equation comes from.
    """

    primitive: Primitive
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    params: Params = ()
    source: Source | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """A program as an immutable, directed, acyclic graph.

    Attributes
    ----------
    avals : tuple of Aval
        ``avals[i]`` is the shape and dtype of value ``i``.
    inputs : tuple of int
        Values that are given: the function's arguments first, then the constants that it captured.
    equations : tuple of Equation
        In topological order: an equation reads only inputs and outputs of earlier equations.
    outputs : tuple of int
        Values that are returned.
    names : tuple of str
        Names of the inputs, for people; empty where nobody gave any.
    constants : tuple of (number, value) pairs
        Values of captured inputs, for people, where :func:`wengert.trace` knows them.  A program is given them as
        inputs.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> graph = wg.trace(np.sin)(1.0)
    >>> graph
    <Graph of 1 equations, 1 inputs, 1 outputs>
    >>> [(e.primitive.name, e.inputs, e.outputs) for e in graph.equations]
    [('sin', (0,), (1,))]
    >>> wg.Graph.from_json(graph.to_json()).outputs
    (1,)
    """

    avals: tuple[Aval, ...]
    inputs: tuple[int, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...] = ()
    constants: tuple[tuple[int, Any], ...] = ()

    @cached_property
    def in_avals(self) -> tuple[Aval, ...]:
        return tuple(self.avals[i] for i in self.inputs)

    @cached_property
    def out_avals(self) -> tuple[Aval, ...]:
        return tuple(self.avals[i] for i in self.outputs)

    def __str__(self) -> str:
        return text(self)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.equations)} equations, {len(self.inputs)} inputs, {len(self.outputs)} outputs>"

    def _repr_html_(self) -> str:
        return drawing.draw.notebook(self)

    def to_dot(self) -> str:
        """Return the graph in Graphviz's DOT language."""
        return drawing.draw.dot(self)

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        return drawing.draw.mermaid(self)

    def to_svg(self) -> str:
        """Return the graph as a drawing in SVG, loops and branches with their graphs inside."""
        return drawing.picture.svg(self)

    def to_json(self, indent: int | None = None) -> str:
        """Return the graph as JSON of the schema ``wengert.graph`` (see :mod:`wengert.core.serialize`)."""
        return json.dumps(serialize.to_dict(self), indent=indent, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Graph:
        """Return the graph that :meth:`to_json` wrote, after checking that it is well formed.

        Raises
        ------
        InvalidGraphError, CyclicGraphError
            If the text is no graph of a schema version known here, or breaks a rule of graphs.
        """
        return verify(serialize.from_dict(json.loads(text), Graph, Equation))


def uses(graph: Graph) -> Counter[int]:
    """Return how often each value is read, by equations and as an output."""
    found = Counter(i for equation in graph.equations for i in equation.inputs)
    found.update(graph.outputs)
    return found


def makers(graph: Graph) -> dict[int, Equation]:
    """Return for each value that an equation makes the equation."""
    return {i: equation for equation in graph.equations for i in equation.outputs}


def prune(equations: Sequence[Equation], outputs: Iterable[int]) -> list[Equation]:
    """Leave out the equations that no output depends on (dead code)."""
    needed = set(outputs)
    kept = []
    for equation in reversed(equations):
        if not needed.isdisjoint(equation.outputs):
            needed.update(equation.inputs)
            kept.append(equation)
    kept.reverse()
    return kept


def schedule(equations: Sequence[Equation], given: Iterable[int]) -> list[Equation]:
    """Put equations into a topological order (Kahn's algorithm), keeping the given order where it is free.

    Raises
    ------
    CyclicGraphError
        If some equations wait for each other.
    """
    producer = {i: k for k, equation in enumerate(equations) for i in equation.outputs}
    given = set(given)
    waiting = [len({producer[i] for i in e.inputs if i in producer and i not in given}) for e in equations]
    readers: list[set[int]] = [set() for _ in equations]
    for k, equation in enumerate(equations):
        for i in equation.inputs:
            if i in producer and i not in given:
                readers[producer[i]].add(k)
    ready = [k for k, n in enumerate(waiting) if n == 0]
    heapq.heapify(ready)
    order: list[Equation] = []
    while ready:
        k = heapq.heappop(ready)
        order.append(equations[k])
        for reader in readers[k]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heapq.heappush(ready, reader)
    if len(order) != len(equations):
        stuck = [e for k, e in enumerate(equations) if waiting[k] > 0]
        names = ", ".join(
            f"v{e.outputs[0]} = {e.primitive.name}({', '.join(f'v{i}' for i in e.inputs)})" for e in stuck[:4]
        )
        raise CyclicGraphError(
            explain(
                "A computation graph has no directed cycle: each equation reads only values made before it.",
                found=f"{len(stuck)} equations wait for each other: {names}",
                line=str(stuck[0].source or ""),
                fix="make a new value instead of assigning to one that the equation itself reads; for feedback over "
                "time, use a loop whose carry is the fed-back value",
            )
        )
    return order
