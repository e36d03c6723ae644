"""Formulas of tangents and cotangents in the names that the user knows: ``cos(x1) * x1_dot``, ``x2 * v3_bar``."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import MutableMapping
from typing import Any, Final

from ...core.graph import Equation, Graph
from ...core.show import formula
from .linear import OUTPUT, Derivative

_LONGEST: Final = 120
_STRENGTH: Final = {
    "+": 2, "-": 2, "*": 3, "/": 3, "@": 3, "%": 3, "//": 3, "**": 4,
    ">": 1, "<": 1, ">=": 1, "<=": 1, "==": 1, "!=": 1, "and": 0, "or": 0,
}  # fmt: skip
"""How strongly operators bind, as in Python."""
_CALL: Final = 9


class Writer:
    """Writes values of a graph as formulas in those of its values that have names.

    A value without a name is replaced by the formula that makes it, as long as the result stays short.
    """

    def __init__(
        self, graph: Graph, names: MutableMapping[int, str], makers: dict[int, Equation] | None = None
    ) -> None:
        self.names = names
        self.makers = {i: e for e in graph.equations for i in e.outputs} if makers is None else makers

    def of(self, i: int) -> str:
        """Return the name of a value, or the formula that makes it."""
        return self.names[i] if i in self.names else self._made(i, 0)

    def made(self, i: int) -> str:
        """Return the formula that makes a value, even if it has a name."""
        return self._made(i, 0) if i in self.makers else self.of(i)

    def equation(self, equation: Equation) -> str:
        """Return an equation's right-hand side, its operands written by :meth:`of`."""
        return _combined(equation, {i: self.of(i) for i in equation.inputs})

    def _made(self, i: int, depth: int) -> str:
        maker = self.makers.get(i)
        if maker is None:
            return "?"
        if maker.primitive.name == "full":
            return f"{dict(maker.params)['value']:g}" if not isinstance(dict(maker.params)["value"], complex) else "0"
        if maker.primitive.name == "copy":
            return self._operand(maker.inputs[0], depth)
        text = _combined(maker, {j: self._operand(j, depth + 1) for j in maker.inputs})
        return text if len(text) <= _LONGEST else f"{maker.primitive.name}(...)"

    def _operand(self, i: int, depth: int) -> str:
        if i in self.names:
            return self.names[i]
        return "..." if depth > 6 else self._made(i, depth)


def _combined(equation: Equation, operands: dict[int, str]) -> str:
    """Return an equation's formula, with operands in parentheses where Python would need them."""
    plain = formula(equation, operands)
    around = _strength(formula(equation, dict.fromkeys(equation.inputs, "x")))
    if around == _CALL:
        return plain
    needed = {}
    for position, i in enumerate(equation.inputs):
        inner = _strength(operands[i])
        same_sum = inner == around == _STRENGTH["+"] and equation.primitive.name == "add"
        needed[i] = inner < around or (inner == around and position == 1 and not same_sum)
    return formula(equation, {i: f"({text})" if needed[i] else text for i, text in operands.items()})


def _strength(text: str) -> int:
    """Return how strongly the weakest operator outside of parentheses binds."""
    depth, outside = 0, []
    for character in text:
        depth += character in "(["
        outside.append(character if depth == 0 else "_")
        depth -= character in ")]"
    words = "".join(outside).split(" ")
    strengths = [_STRENGTH[word] for word in words if word in _STRENGTH]
    if words[0].startswith("-"):
        strengths.append(_STRENGTH["*"] if len(words) == 1 else _STRENGTH["+"])
    return min(strengths, default=_CALL)


class Formulas:
    """Names and formulas for a derivative's values."""

    def __init__(self, derivative: Derivative) -> None:
        d = self.derivative = derivative
        self.user = dict(d.subject.names)
        seen: dict[int, int] = defaultdict(int)
        self.copies: dict[int, str] = {}
        for use in d.uses:
            seen[use.value] += 1
            self.copies[use.copy] = f"{self.user[use.value]}.{seen[use.value]}"
        primal = Writer(d.parts.primal, self._primal_names())
        linear = d.parts.linear
        residuals = d.parts.primal.outputs[len(d.parts.primal.outputs) - d.parts.residuals :]
        self.coefficients = {
            i: primal.of(r) for i, r in zip(linear.inputs[: d.parts.residuals], residuals, strict=True)
        }
        dots: dict[int, str] = {}
        plain: dict[int, str] = {}
        bars: dict[int, str] = {}
        for i, t in d.parts.values.items():
            text = self.user.get(i) or self.copies[i]
            # Where an equation hands its tangent on unchanged, value and operand share it; the operand came first.
            dots.setdefault(t, f"{text}_dot")
            bars.setdefault(t, f"{text}_bar")
            if i not in self.copies:
                plain.setdefault(t, f"{text}_dot")
        self.dots, self.bars = dots, bars
        self.forward = Writer(linear, {**self.coefficients, **plain})
        self.program = Writer(linear, {**self.coefficients, **dots})
        self.reverse = Writer(d.back, self._back_names())

    def _primal_names(self) -> dict[int, str]:
        """Find the user's values again in the primal part, equation by equation."""
        d = self.derivative
        found = dict(zip(d.parts.primal.inputs, d.expanded.inputs, strict=True))
        waiting: dict[Any, list[Equation]] = defaultdict(list)
        for equation in reversed(d.expanded.equations):
            waiting[equation.primitive, equation.inputs, equation.params].append(equation)
        for equation in d.parts.primal.equations:
            ins = tuple([found.get(i, -1) for i in equation.inputs])
            same = waiting.get((equation.primitive, ins, equation.params))
            if same:
                found.update(zip(equation.outputs, same.pop().outputs, strict=True))
        original = {use.copy: use.value for use in d.uses}
        return {p: self.user[original.get(i, i)] for p, i in found.items()}

    def _back_names(self) -> dict[int, str]:
        d = self.derivative
        names = dict(zip(d.back.inputs[: d.parts.residuals], self.coefficients.values(), strict=True))
        for t, number in d.sums.items():
            if t in self.bars and number not in names:
                names[number] = self.bars[t]
        # The most telling name of a cotangent is that of a value, not of one of its copies.
        of_copies = {f"{text}_bar" for text in self.copies.values()}
        for i, t in reversed(d.parts.values.items()):
            if i not in self.copies and t in d.sums and names.get(d.sums[t]) in of_copies:
                names[d.sums[t]] = f"{self.user[i]}_bar"
        return names

    def contribution(self, maker: int, operand: int, used: int) -> str:
        """Return what an equation's output ``maker`` hands to ``operand`` (through the copy ``used``), as a formula."""
        d = self.derivative
        number = d.sums.get(d.parts.values[used])
        if number is None:
            return "0"
        # What the equation starts from is its own output's adjoint, even if another value shares that number.
        own = d.sums.get(d.parts.values.get(maker, -1))
        overlay = {} if own is None else {own: f"{self.user[maker]}_bar"}
        writer = Writer(d.back, ChainMap(overlay, self.reverse.names), self.reverse.makers)
        mine = (self.bars.get(d.parts.values[used]), f"{self.user[operand]}_bar")
        return writer.made(number) if number != own and writer.names.get(number) in mine else writer.of(number)

    def tangent(self, i: int) -> str:
        """Return the formula that makes a value's tangent; empty where it has none."""
        t = self.derivative.parts.values.get(i)
        if t is None:
            return ""
        own = f"{self.user[i]}_dot"
        return self.forward.made(t) if self.forward.names.get(t) == own else self.forward.of(t)

    def where(self, reader: int) -> str:
        """Return what reads a value: an equation's first output, or the result."""
        if reader == OUTPUT:
            return "the result"
        return self.user[self.derivative.subject.graph.equations[reader].outputs[0]]
