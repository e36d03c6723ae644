"""Graphs inside graphs: the body of a loop, the branches of a choice.

A sub-graph is a parameter of its equation.  Two that were recorded with the same structure are equal, so that
programs which hold them are found in caches.  Rules of control flow transform sub-graphs (a loop's pushforward is a
loop over its body's pushforward); the transforms themselves come later in the order of imports and enter themselves
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ..core.aval import Aval, aval
from ..core.builder import Builder, inline
from ..core.graph import Equation, Graph
from ..core.serialize import INNER


@dataclass(frozen=True, eq=False, repr=False)
class SubGraph(Graph):
    """A graph as a parameter: equal to another one that was recorded with the same structure.

    Attributes
    ----------
    key : hashable
        The structure.
    """

    key: Any = None
    hashed: int = field(default=0, repr=False)

    @staticmethod
    def of(graph: Graph, key: Any) -> SubGraph:
        """Return a graph with its structure."""
        fields = (graph.avals, graph.inputs, graph.equations, graph.outputs, graph.names, graph.constants)
        return SubGraph(*fields, key=key, hashed=hash(key))

    @staticmethod
    def from_graph(graph: Graph) -> SubGraph:
        """Return a graph as a sub-graph whose structure is what it says: its values are numbered anew, in order."""
        numbers: dict[int, int] = {}
        for i in graph.inputs:
            numbers.setdefault(i, len(numbers))
        for equation in graph.equations:
            for i in equation.outputs:
                numbers.setdefault(i, len(numbers))
        avals = tuple([graph.avals[i] for i in numbers])
        inputs = tuple([numbers[i] for i in graph.inputs])
        outputs = tuple([numbers[i] for i in graph.outputs])
        equations = tuple(
            [
                Equation(
                    e.primitive,
                    tuple([numbers[i] for i in e.inputs]),
                    tuple([numbers[i] for i in e.outputs]),
                    e.params,
                    e.source,
                )
                for e in graph.equations
            ]
        )
        structure = tuple([(e.primitive, e.inputs, e.outputs, e.params) for e in equations])
        constants = tuple([(numbers[i], value) for i, value in graph.constants if i in numbers])
        key = (tuple([avals[i] for i in inputs]), structure, outputs)
        return SubGraph(avals, inputs, equations, outputs, graph.names, constants, key=key, hashed=hash(key))

    def __hash__(self) -> int:
        return self.hashed

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, SubGraph) and self.hashed == other.hashed and bool(self.key == other.key)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.avals, self.inputs, self.equations, self.outputs, self.names, self.constants)
        return _again, fields


INNER.append(SubGraph.from_graph)


def _again(*fields: Any) -> SubGraph:
    return SubGraph.from_graph(Graph(*fields))


def sub_graph(avals: Sequence[Aval], write: Callable[..., Sequence[Any]], names: tuple[str, ...] = ()) -> SubGraph:
    """Return the sub-graph that ``write(*symbols)`` records.

    Examples
    --------
    >>> from wengert.core.aval import aval
    >>> doubled = sub_graph([aval((3,), "f8")], lambda x: [x * 2])
    >>> doubled == sub_graph([aval((3,), "f8")], lambda x: [x * 2])
    True
    """
    builder = Builder(reuse=True)
    inputs = [builder.input(aval(of.shape, of.dtype)) for of in avals]
    return SubGraph.from_graph(builder.build(write(*inputs), names))


def record_into(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """Record a graph's equations in the builder that the arguments belong to; return its outputs."""
    return inline(graph, args[0].builder, args)


def remake(builder: Any, env: dict[int, Any], equations: Sequence[Any]) -> None:
    """Record equations over the symbols in ``env``, and put what they make there."""
    for equation in equations:
        builder.place = equation.source
        outs = builder.apply(equation.primitive, [env[i] for i in equation.inputs], equation.params)
        env.update(zip(equation.outputs, outs if equation.primitive.multiple else (outs,), strict=True))
    builder.place = None


def zeros(builder: Builder, of: Aval) -> Any:
    """Return zeros of an aval's shape and dtype."""
    return builder.full(0, of.shape, of.dtype)


def without_inputs(graph: SubGraph, same: dict[int, int]) -> SubGraph:
    """Return a graph without some inputs: by their places, and the places of those that have the same value."""
    names = {graph.inputs[k]: graph.inputs[j] for k, j in same.items()}
    if not names:
        return graph
    equations = [
        Equation(e.primitive, tuple([names.get(i, i) for i in e.inputs]), e.outputs, e.params, e.source)
        for e in graph.equations
    ]
    inputs = tuple([i for k, i in enumerate(graph.inputs) if k not in same])
    outputs = tuple([names.get(i, i) for i in graph.outputs])
    return SubGraph.from_graph(Graph(graph.avals, inputs, tuple(equations), outputs, graph.names, graph.constants))


# -- transforms of sub-graphs -----------------------------------------------------------------------------------------

TRANSFORMS: Final[dict[str, Callable[..., Any]]] = {}
"""Filled by ``transforms``: what the rules of control flow do with the graphs that they hold."""


def enters(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a transform of sub-graphs under a name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        TRANSFORMS[name] = function
        return function

    return enter


@lru_cache(maxsize=1024)
def pushforward(graph: SubGraph, active: tuple[bool, ...]) -> tuple[SubGraph, tuple[bool, ...]]:
    """Return (inputs, tangents of active inputs) -> (outputs, tangents of moving outputs), and which outputs move."""
    return TRANSFORMS["pushforward"](graph, active)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def split(graph: SubGraph, active: tuple[bool, ...]) -> Any:
    """Return a graph linearized, as :class:`wengert.transforms.linearize.Linearized`, and which outputs move."""
    return TRANSFORMS["split"](graph, active)


@lru_cache(maxsize=1024)
def transposed(
    graph: SubGraph, linear: tuple[bool, ...], gathered: tuple[bool, ...], given: tuple[bool, ...]
) -> SubGraph:
    """Return the transpose of a graph that is linear in some of its inputs.

    (its other inputs, cotangents of the outputs that are ``given``, what has been ``gathered`` so far for some of the
    linear inputs) -> cotangents of the linear inputs, with what had been gathered added.
    """
    return TRANSFORMS["transposed"](graph, linear, gathered, given)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def batched(graph: SubGraph, size: int, flags: tuple[bool, ...], outputs: tuple[bool, ...]) -> SubGraph:
    """Return the graph for a batch, which is axis 0 of the inputs that ``flags`` marks and the outputs marked."""
    return TRANSFORMS["batched"](graph, size, flags, outputs)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def spreads(graph: SubGraph, flags: tuple[bool, ...]) -> tuple[bool, ...]:
    """Say which outputs depend on the batched inputs."""
    return TRANSFORMS["spreads"](graph, flags)  # type: ignore[no-any-return]
