"""Random programs of loops over arrays of other numbers than float64: single precision, complex, whole, or truth."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .nested_programs import indented

SIDE = 9
KINDS = ("float32", "complex128", "int64", "bool")

_BOTH = {
    "float32": (
        "0.5 * {x} - 0.4 * {y}",
        "0.7 * {x} * {y}",
        "np.sin({x}) + 0.1",
        "{x} / (2.0 + {y} * {y})",
        "np.maximum({x}, 0.6 * {y})",
        "np.where({x} > {y}, 0.5 * {x}, 0.3)",
        "np.tanh({x} + {y})",
        "0.5 * {x} ** 2",
    ),
    "complex128": (
        "0.5 * {x} - 0.4 * {y}",
        "0.7 * {x} * {y}",
        "{x} / (2.0 + abs({y}))",
        "np.exp(0.2j * {x}) * {y}",
        "0.5 * np.conj({x}) + {y}",
        "0.5 * np.real({x}) + 0.3 * {y}",
    ),
    "int64": (
        "({x} + {y}) % 31",
        "{x} - {y} // 3",
        "({x} * {y}) % 17",
        "np.maximum({x}, {y}) // 2",
        "np.where({x} > {y}, {x}, 2)",
        "({x} & 7) | ({y} & 8)",
        "({x} ^ {y}) % 13",
        "{x} // ({y} % 5 + 7)",
    ),
    "bool": ("{x} | {y}", "{x} & {y}", "{x} ^ {y}", "{x} > {y}", "np.where({x}, {y}, True)", "np.logical_not({x})"),
}
_HOW = {"float32": "= += -= *=", "complex128": "= += -= *=", "int64": "= += -= ^=", "bool": "= |= ^="}
_SUM = {"float32": "0.2 * np.sum({m}, {a})", "complex128": "0.2 * np.sum({m}, {a})"}
_SUM |= {"int64": "np.sum({m}, {a}) % 23", "bool": "np.any({m}, {a})"}


class _Writer:
    def __init__(self, draw: Any, kind: str) -> None:
        self.draw, self.kind = draw, kind
        self.counters = ["i"]

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def place(self) -> str:
        return f"{self.pick(self.counters)}{self.pick(['', '', ' + 1', ' - 1'])}"

    def both(self, x: str, y: str) -> str:
        return f"({self.pick(_BOTH[self.kind]).format(x=x, y=y)})"

    def entry(self) -> str:
        return str(
            self.pick([f"{self.pick('abc')}[{self.place()}, {self.place()}]", f"{self.pick('uv')}[{self.place()}]"])
        )

    def matrix(self) -> str:
        other = self.pick([self.pick("abc"), f"{self.pick('abc')}.T", self.vector(0), f"({self.vector(0)})[:, None]"])
        return self.both(self.pick("abc"), other)

    def vector(self, depth: int = 1) -> str:
        kind = self.pick(["own", "row", "column"] + ["two", "sum", "largest"] * depth)
        if kind == "own":
            return str(self.pick("uv"))
        if kind == "row":
            return f"{self.pick('abc')}[{self.place()}].copy()"
        if kind == "column":
            return f"{self.pick('abc')}[:, {self.place()}].copy()"
        if kind == "two":
            return self.both(self.vector(0), self.vector(0))
        if kind == "sum" or self.kind == "complex128":
            return _SUM[self.kind].format(m=self.matrix(), a=self.pick([0, 1]))
        return f"np.max({self.matrix()}, {self.pick([0, 1])})"

    def statement(self, depth: int = 1) -> list[str]:
        kind = self.pick(["entry", "entry", "whole", "row", "part", "vector", "number"] + ["choice", "loop"] * depth)
        how = self.pick(_HOW[self.kind].split())
        if kind == "entry":
            return [f"{self.entry()} {how} {self.both(self.entry(), self.pick([self.entry(), 's']))}"]
        if kind == "whole":
            return [f"{self.pick('abc')}[:] {how} {self.matrix()}"]
        if kind == "row":
            at = self.pick([self.place(), f":, {self.place()}"])
            return [f"{self.pick('abc')}[{at}] {how} {self.vector()}"]
        if kind == "part":
            to, of = self.pick([("[1:, :-1]", "[:-1, 1:]"), ("[:, 1:]", "[:, :-1]"), ("[::2]", "[::-2]")])
            return [f"{self.pick('abc')}{to} {how} {self.both(self.pick('abc') + of, self.pick('abc') + of)}"]
        if kind == "vector":
            return [f"{self.pick('uv')}[1:] {how} ({self.vector()})[:-1]"]
        if kind == "number":
            return [f"s = {self.both('s', self.entry())}"]
        if kind == "choice":
            condition = f"abs({self.entry()}) > 0.4" if self.kind != "bool" else self.entry()
            branches = [self.statement(0) for _ in range(2)]
            return [f"if {condition}:", *indented(branches[0]), "else:", *indented(branches[1])]
        self.counters.append("j")
        inner = self.statement(0)
        self.counters.pop()
        return [
            f"for j in {self.pick(['range(1, 8)', 'range(i, 0, -1)', 'range(1, i)', 'range(1, n)'])}:",
            *indented(inner),
        ]


@st.composite
def dtype_sources(draw: Any) -> tuple[str, str]:
    """Return a dtype, and the source of ``f(a, b, c, u, v, n)``, of three matrices and two vectors of it."""
    kind = draw(st.sampled_from(KINDS))
    writer = _Writer(draw, kind)
    lines = ["a, b, c, u, v = a.copy(), b.copy(), c.copy(), u.copy(), v.copy()", "s = u[0]"]
    body = [line for _ in range(draw(st.integers(1, 4))) for line in writer.statement()]
    head = writer.pick(["range(1, 8)", "range(7, 0, -1)", "range(1, 8, 2)", "range(1, n)", "range(n - 1, 0, -1)"])
    lines += [f"for i in {head}:", *indented(body), "return s, a, b, c, u, v"]
    return kind, "def f(a, b, c, u, v, n):\n" + "\n".join(indented(lines)) + "\n"
