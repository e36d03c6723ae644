"""Bounds of integers inside loops: which index can be shown to lie inside of its array before anything runs.

An index such as ``i - 1`` or ``k + i + 1`` is an affine expression of loop counters.  A counter runs from 0 to its
number of iterations less one, which may itself be an affine expression of outer counters; so the largest and smallest
value of an expression follow by putting in each counter's bounds, innermost first (the two steps of Fourier-Motzkin
elimination that nested loops need; U. Banerjee, *Loop Transformations for Restructuring Compilers*, 1993, chapter 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.graph import Equation, Graph


@dataclass(frozen=True, slots=True)
class Counter:
    """A loop's counter.

    Attributes
    ----------
    depth : int
        How many loops are around it.
    last : Affine or None
        Its largest value, in terms of outer counters; None where nothing is known.
    """

    depth: int
    last: Affine | None


@dataclass(frozen=True, slots=True)
class Affine:
    """``constant + sum of coefficient * counter``."""

    constant: int
    terms: tuple[tuple[Counter, int], ...] = ()

    def plus(self, other: Affine, sign: int = 1) -> Affine:
        """Return the sum, or with ``sign=-1`` the difference."""
        terms = dict(self.terms)
        for counter, c in other.terms:
            terms[counter] = terms.get(counter, 0) + sign * c
        return Affine(self.constant + sign * other.constant, tuple((s, c) for s, c in terms.items() if c))

    def times(self, factor: int) -> Affine:
        """Return the product with a whole number."""
        return Affine(self.constant * factor, tuple((s, c * factor) for s, c in self.terms if factor))

    def extreme(self, upper: bool) -> int | None:
        """Return the largest (or smallest) value, None where it is not known."""
        form = self
        while form.terms:
            counter, c = max(form.terms, key=lambda term: term[0].depth)
            rest = Affine(form.constant, tuple(term for term in form.terms if term[0] != counter))
            if (c > 0) == upper:
                if counter.last is None:
                    return None
                form = rest.plus(counter.last.times(c))
            else:
                form = rest
        return form.constant


def extend(known: dict[int, Affine], graph: Graph, equation: Equation) -> None:
    """Note the affine expression that an equation makes of others, if it does."""
    if len(equation.outputs) != 1 or graph.avals[equation.outputs[0]].shape:
        return
    if graph.avals[equation.outputs[0]].dtype.kind not in "iu":
        return
    name = equation.primitive.name
    if name == "full":
        known[equation.outputs[0]] = Affine(int(dict(equation.params)["value"]))
        return
    forms = [known.get(i) for i in equation.inputs]
    found = _combine(name, forms, graph, equation) if None not in forms else None
    if name == "max" and found is None:  # a number of iterations that is not negative
        found = next((f for f, other in zip(forms, forms[::-1], strict=True) if f and other == Affine(0)), None)
    if found is not None:
        known[equation.outputs[0]] = found


def _combine(name: str, forms: list[Any], graph: Graph, equation: Equation) -> Affine | None:
    first: Affine = forms[0]
    if name in ("convert", "copy", "reshape", "broadcast"):
        return first if graph.avals[equation.inputs[0]].dtype.kind in "iu" else None
    if name == "neg":
        return first.times(-1)
    if name in ("add", "sub"):
        return first.plus(forms[1], 1 if name == "add" else -1)
    if name == "mul":
        for a, b in (forms, forms[::-1]):
            if not a.terms:
                scaled: Affine = b.times(a.constant)
                return scaled
    return None


def inside(index: Affine | None, size: int) -> bool:
    """Say whether an index is certain to lie between 0 and size - 1."""
    if index is None:
        return False
    low, high = index.extreme(False), index.extreme(True)
    return low is not None and high is not None and low >= 0 and high < size


def counter_of(depth: int, length: int | None, count: Affine | None) -> Counter:
    """Return the counter of a loop that runs ``count`` times, and at most ``length`` times."""
    if count is not None:
        return Counter(depth, count.plus(Affine(-1)))
    return Counter(depth, None if length is None else Affine(length - 1))


Known = Mapping[int, Affine]
