"""Random programs of loops over whole arrays: sums between them, updates of rows, columns and parts, views of rows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .nested_programs import indented

SIDE = 9
"""Matrices have 81 entries: loops of 64 and less are left alone by what these programs are to test."""

_MATRICES = ("a", "b", "c")
_VECTORS = ("u", "v")
_BOTH = (
    "0.5 * {x} - 0.4 * {y}",
    "0.7 * {x} * {y}",
    "np.sin({x}) + 0.1",
    "np.exp(-{x} * {x}) - {y}",
    "{x} / (2.0 + {y} * {y})",
    "np.maximum({x}, 0.6 * {y})",
    "np.where({x} > {y}, 0.5 * {x}, 0.3)",
    "np.tanh({x} + {y})",
)


class _Writer:
    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.counters = ["i"]
        self.known = list(_MATRICES)

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def place(self) -> str:
        return f"{self.pick(self.counters)}{self.pick(['', '', ' + 1', ' - 1'])}"

    def rows(self) -> str:
        """Return a vector that is a part of a matrix."""
        matrix, at = self.pick(self.known), self.place()
        return self.pick([f"{matrix}[{at}]", f"{matrix}[:, {at}]", f"{matrix}[{at}, ::-1]"])

    def matrix(self, depth: int = 1) -> str:
        def atom() -> str:
            kind = self.pick(["matrix"] * 4 + ["turned", "rows", "columns"] + ["inner"] * depth)
            if kind == "inner":
                return f"({self.matrix(0)})"
            if kind in ("matrix", "turned"):
                return str(self.pick(self.known)) + (".T" if kind == "turned" else "")
            return self.vector(0) if kind == "rows" else f"({self.vector(0)})[:, None]"

        return f"({self.pick(_BOTH).format(x=self.pick(self.known), y=atom())})"

    def vector(self, depth: int = 1) -> str:
        kind = self.pick(["own", "own", "rows"] + ["sum", "largest", "of two"] * depth)
        if kind == "own":
            return str(self.pick(_VECTORS))
        if kind == "rows":
            return self.rows()
        if kind == "of two":
            return f"({self.pick(_BOTH).format(x=self.vector(0), y=self.vector(0))})"
        axis = self.pick([0, 1])
        return f"0.3 * np.sum({self.matrix()}, {axis})" if kind == "sum" else f"np.max({self.matrix()}, {axis})"

    def statement(self, depth: int = 1) -> list[str]:
        kinds = ["matrix", "named", "row", "row", "part", "vector", "vector part", "softmax", "view", "number"]
        kind = self.pick(kinds + ["choice", "loop"] * depth)
        if kind == "matrix":
            return [f"{self.pick(_MATRICES)} = {self.matrix()}"]
        if kind == "named":
            name = self.pick(["d", "e"])
            lines = [f"{name} = {self.matrix()}"]
            self.known += [name] * (2 if depth and name not in self.known else 0)
            return lines
        if kind == "row":
            how, target, given = self.pick(["=", "+="]), self.rows(), self.vector()
            if how == "=":  # NumPy 2.4 forgets a copy where a row becomes a column of the same array
                given += ".copy()"
            return [f"{target} {how} {'0.4 * ' if how == '+=' else ''}{given}"]
        if kind == "part":
            how, target, given = self.pick(["=", "+=", "*="]), self.pick(_MATRICES), self.pick(self.known)
            here, there = self.pick([("[1:, :-1]", "[:-1, 1:]"), ("[:, 1:]", "[:, :-1]"), ("[::2]", "[::-2]")])
            return [f"{target}{here} {how} 0.5 * {given}{there}"]
        if kind == "vector":
            return [f"{self.pick(_VECTORS)} = 0.9 * {self.vector()}"]
        if kind == "vector part":
            return [f"{self.pick(_VECTORS)}[1:] {self.pick(['=', '+='])} 0.5 * ({self.vector()})[:-1]"]
        if kind == "softmax":
            axis = self.pick([0, 1])
            top = f"np.max(h, {axis}, keepdims=True)"
            lines = [f"h = {self.matrix()}", f"w = np.exp(h - {top})", f"w = w / np.sum(w, {axis}, keepdims=True)"]
            return [*lines, f"{self.pick(_VECTORS)} = np.sum(w * {self.pick([*self.known, 'h'])}, {axis})"]
        if kind == "view":
            return [f"r = {self.pick(_MATRICES)}[{self.place()}]", f"r {self.pick(['+=', '*='])} 0.5 * {self.vector()}"]
        if kind == "number":
            return [f"s = np.tanh(s + 0.1 * np.sum({self.matrix()}))"]
        if kind == "choice":
            branches = [self.statement(0) for _ in range(2)]
            condition = self.pick(["s > 0.2", "u[i] > v[0]", "i > 3"])
            return [f"if {condition}:", *indented(branches[0]), "else:", *indented(branches[1])]
        self.counters.append("j")
        inner = [line for _ in range(self.pick([1, 2])) for line in self.statement(0)]
        self.counters.pop()
        return [f"for j in {self.pick(['range(1, 4)', 'range(i, 1, -1)', 'range(1, i)'])}:", *indented(inner)]

    def loop(self) -> list[str]:
        self.known = list(_MATRICES)
        body = [line for _ in range(self.pick([2, 3, 4, 5])) for line in self.statement()]
        return [f"for i in {self.pick(['range(1, 7)', 'range(6, 0, -1)', 'range(1, 8, 2)'])}:", *indented(body)]


@st.composite
def array_sources(draw: Any) -> str:
    """Return the source of ``f(a, b, u, v)``, of two matrices and two vectors."""
    writer = _Writer(draw)
    lines = ["a, b, u, v = a.copy(), b.copy(), u.copy(), v.copy()", f"c, s = np.zeros(({SIDE}, {SIDE})), 0.1"]
    for _ in range(draw(st.integers(1, 2))):
        lines += writer.loop()
    lines.append("return s + np.sum(np.sin(a)) + np.sum(b * c) + np.sum(c) + np.sum(u * u) + np.sum(np.cos(v))")
    return "def f(a, b, u, v):\n" + "\n".join(indented(lines)) + "\n"
