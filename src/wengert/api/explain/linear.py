"""The derivative at a point, as the linear program that it is and as that program's transpose.

Everything here is done by the library's own transforms: :func:`~wengert.transforms.linearize.linearize` makes the
linear program, :func:`~wengert.transforms.transpose.pull` turns it around.  Before that, :func:`fan_out` makes branches
visible: where a value is used more than once, each use reads a copy of its own.  The transpose of copies is a sum, and
so the cotangents of the copies are the contributions that add up at the branch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...core.aval import aval
from ...core.builder import Builder
from ...core.evaluate import evaluate
from ...core.graph import Equation, Graph, prune
from ...core.source import Source
from ...ops import arithmetic
from ...transforms.linearize import Linearized, linearize
from ...transforms.transpose import pull
from .subject import Subject

OUTPUT: Final = -1
"""Stands for "the function's result" where an equation's index is asked for."""


@dataclass(frozen=True)
class Use:
    """One of several uses of a value.

    Attributes
    ----------
    value, copy : int
        Number of the value, and of its copy for this use.
    reader : int
        Index of the equation that reads it, or ``OUTPUT``.
    position : int
        Which operand, or which output.
    """

    value: int
    copy: int
    reader: int
    position: int


def fan_out(graph: Graph) -> tuple[Graph, list[Use]]:
    """Return a graph in which every value is read once, apart from copies; all values keep their numbers."""
    reads = Counter(i for equation in graph.equations for i in equation.inputs) + Counter(graph.outputs)
    avals = list(graph.avals)
    uses: list[Use] = []
    equations: list[Equation] = []

    def used(i: int, reader: int, position: int, source: Any) -> int:
        if reads[i] < 2 or not graph.avals[i].is_inexact:
            return i
        number = len(avals)
        avals.append(aval(graph.avals[i].shape, graph.avals[i].dtype))
        equations.append(Equation(arithmetic.copy, (i,), (number,), (), source))
        uses.append(Use(i, number, reader, position))
        return number

    for k, equation in enumerate(graph.equations):
        ins = tuple([used(i, k, position, equation.source) for position, i in enumerate(equation.inputs)])
        equations.append(Equation(equation.primitive, ins, equation.outputs, equation.params, equation.source))
    outputs = tuple([used(i, OUTPUT, position, None) for position, i in enumerate(graph.outputs)])
    return Graph(tuple(avals), graph.inputs, tuple(equations), outputs, graph.names, graph.constants), uses


@dataclass(frozen=True)
class Derivative:
    """A subject's derivative: linear program and transpose, with the values of both.

    Attributes
    ----------
    subject : Subject
    expanded : Graph
        The subject's graph with a copy for each use of a value that is used more than once.
    uses : list of Use
    parts : Linearized
        Of ``expanded``, with the tangents of all values as outputs.
    known : list
        Values of ``parts.primal`` by number: the coefficients of the linear program among them.
    tangents : list
        Values of ``parts.linear`` by number, for the subject's direction.
    back : Graph
        The transposed program; its equations' sources say which equation of ``parts.linear`` they come from.
    sums : dict
        Number in ``parts.linear`` -> number of its cotangent in ``back``.
    cotangents : list
        Values of ``back`` by number, for the subject's cotangents.
    """

    subject: Subject
    expanded: Graph
    uses: list[Use]
    parts: Linearized
    known: list[Any]
    tangents: list[Any]
    back: Graph
    sums: dict[int, int]
    cotangents: list[Any]

    @property
    def program(self) -> list[Equation]:
        """The linear equations that the outputs depend on."""
        outs = [self.parts.values[i] for i in self.expanded.outputs if i in self.parts.values]
        return prune(self.parts.linear.equations, outs)

    @property
    def residuals(self) -> list[Any]:
        """Values of the linear program's residuals."""
        return [self.tangents[i] for i in self.parts.linear.inputs[: self.parts.residuals]]

    def tangent(self, i: int) -> Any:
        """Return the tangent of a value of the subject's graph; None where it does not depend on active inputs."""
        t = self.parts.values.get(i)
        return None if t is None else self.tangents[t]

    def cotangent(self, i: int) -> Any:
        """Return the cotangent (adjoint) of a value; zeros where nothing flows back, None as for tangents."""
        t = self.parts.values.get(i)
        if t is None:
            return None
        number = self.sums.get(t)
        of = self.expanded.avals[i]
        return np.zeros(of.shape, of.dtype)[()] if number is None else self.cotangents[number]


def differentiate(subject: Subject) -> Derivative:
    """Linearize and transpose a subject's graph, and evaluate both at its point."""
    expanded, uses = fan_out(subject.graph)
    n_out = len(expanded.outputs)
    # With every value as an output, no tangent is dead code.
    rest = [i for equation in expanded.equations for i in equation.outputs if expanded.avals[i].is_inexact]
    everything = Graph(expanded.avals, expanded.inputs, expanded.equations, (*expanded.outputs, *rest), expanded.names)
    parts = linearize(everything, subject.active, reuse=False)
    known = evaluate(parts.primal, subject.inputs)
    residuals = [known[i] for i in parts.primal.outputs[len(parts.primal.outputs) - parts.residuals :]]
    tangents = evaluate(parts.linear, [*residuals, *subject.direction])

    marked = tuple(
        Equation(e.primitive, e.inputs, e.outputs, e.params, Source(_MARK, k))
        for k, e in enumerate(parts.linear.equations)
    )
    linear = Graph(parts.linear.avals, parts.linear.inputs, marked, parts.linear.outputs)
    builder = Builder()
    given = [builder.input(of) for of in linear.in_avals[: parts.residuals]]
    seeds = [None if w is None else builder.input(aval(w.shape, w.dtype)) for w in map(_array, subject.cotangents)]
    cts = [*seeds, *[None] * (len(linear.outputs) - n_out)]
    sums = pull(linear, parts.residuals, builder, given, cts)
    inputs = (*builder.inputs, *[i for i, _ in builder.constants])
    numbers = {t: ct.id for t, ct in sums.items()}
    back = Graph(tuple(builder.avals), inputs, tuple(builder.equations()), tuple(numbers.values()))
    seeded = [w for w in subject.cotangents if w is not None]
    cotangents = evaluate(back, [*residuals, *seeded, *[value for _, value in builder.constants]])
    return Derivative(subject, expanded, uses, parts, known, tangents, back, numbers, cotangents)


def _array(value: Any) -> Any:
    return None if value is None else np.asarray(value)


_MARK: Final = compile("", "<linear program>", "exec")
"""Code object of the places that say which linear equation a transposed one comes from: the offset is its index."""
