"""What goes on inside of equations that hold graphs: loops, branches, functions with a rule, and those inside of them.

Each run of an inner graph has sweeps of its own; the graph itself, the *body*, is described once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..api.explain.formulas import Formulas
from ..api.explain.linear import Derivative
from ..core.graph import Graph
from ..core.show import subgraphs
from .drawing import shown
from .records import WHOLE
from .runs import HOLDERS, TooLong, derivatives, runs
from .sweeps import sweeps

MOST: Final = (24, 16, 12, 8, 6, 4, 3, 2)
"""Iterations of a loop that can be looked at, evenly spaced: the first of these that keeps the document small."""

_MOST_NUMBERS: Final = 400_000
"""Numbers that are written of one loop of the program with all that is in it."""

_RUN: Final = 150
"""What a run takes in the document besides its values, counted as numbers."""

_MOST_RUNS: Final = 5000
"""Loops that run more often are not looked into: all that their iterations read would have to be kept."""

_MOST_DERIVED: Final = 10_000
"""Runs that are differentiated, of all loops together."""

Path = tuple[Any, ...]
"""Where an inner graph is: for each level the equation's place and the graph's title."""


class Inside:
    """Goes into the equations of a program that hold graphs.

    Parameters
    ----------
    describe : callable(Derivative) -> dict
        Describes the body.

    Attributes
    ----------
    bodies : list of dict
        The bodies met, each once.
    """

    def __init__(self, describe: Callable[[Derivative], dict[str, Any]]) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._describe = describe
        self._numbers: dict[Path, int] = {}
        self._like: dict[Path, Derivative] = {}
        self._granted: dict[Path, int] = {}
        self._refused: dict[Path, str] = {}
        self._left = _MOST_DERIVED

    def of(self, d: Derivative, path: Path = (), times: int = 1, most: int | None = None) -> dict[str, dict[str, Any]]:
        """Return what goes on inside of a graph's equations, by their place in the schedule.

        ``path`` says which graph it is, ``times`` how many of its runs are looked at, ``most`` how many of a loop's.

        Returns
        -------
        dict
            ``title``, ``unit`` ("iteration"), ``count`` of runs, ``shown`` (their numbers), ``body`` (number in
            ``bodies``), and ``runs``, those shown: ``{sweeps, inside}``, where ``inside`` is such a dict again.  Where
            there is nothing to look at, only ``why``.
        """
        found = {}
        for n, k in enumerate(shown(d.subject.graph)):
            if d.subject.graph.equations[k].primitive.name in HOLDERS:
                try:
                    found[str(n)] = self._one(d, k, (*path, k), times, most)
                except TooLong as why:
                    found[str(n)] = {"why": str(why)}
        return found

    def _one(self, d: Derivative, k: int, path: Path, times: int, most: int | None) -> dict[str, Any]:
        if path in self._refused:
            raise TooLong(self._refused[path])
        before = self._granted.get(path, 0)
        try:
            inner = runs(d, k, min(_MOST_RUNS, before + self._left // times))
        except TooLong as too_long:
            why = f"{too_long} in each of {times:,} iterations around it" if times > 1 else str(too_long)
            if path not in self._granted:  # nor in the other iterations around it
                self._refused[path] = why
            raise TooLong(why) from too_long
        if inner is None or not inner.runs:
            return {"why": "it did not run"}
        count = len(inner.runs)
        if count > before:  # paid for all runs of the graph around it at once, so that none goes short
            self._granted[path] = count
            self._left -= (count - before) * times
        own = (*path, inner.title)
        derived = derivatives(d, k, inner, self._like.get(own))
        if not derived:
            return {"why": "no derivative flows through it"}
        self._like.setdefault(own, derived[0])
        if most is None:
            most = next((n for n in MOST if min(n, count) * numbers(inner.graph, n) <= _MOST_NUMBERS), MOST[-1])
        if own not in self._numbers:
            self._numbers[own] = len(self.bodies)
            self.bodies.append(self._describe(derived[0]))
        chosen = sorted({round(n) for n in np.linspace(0, count - 1, min(count, most))})
        formulas, order = Formulas(derived[0]), shown(derived[0].subject.graph)
        return {
            "title": inner.title,
            "unit": inner.unit,
            "count": count,
            "shown": chosen,
            "body": self._numbers[own],
            "runs": [
                {
                    "sweeps": sweeps(derived[n], formulas, order),
                    "inside": self.of(derived[n], own, times * len(chosen), most),
                }
                for n in chosen
            ],
        }


def numbers(graph: Graph, most: int) -> int:
    """Return about how many numbers are written of one run of a graph, if ``most`` iterations of its loops are."""
    found = _RUN + 3 * sum(min(of.size, WHOLE) for of in graph.avals)  # values, tangents and adjoints
    for equation in graph.equations:
        if equation.primitive.name in HOLDERS:
            length = dict(equation.params).get("length")
            times = 1 if equation.primitive.name != "loop" else most if length is None else min(most, length)
            found += times * sum(numbers(held, most) for key, held in subgraphs(equation) if key != "test")
    return found
