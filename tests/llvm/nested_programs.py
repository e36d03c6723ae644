"""Random programs of nested loops over entries, with bounds and places that depend on counters."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_OUTER = {
    "range(n)": ["i", "n - 1 - i"],
    "range(n - 1, -1, -1)": ["i", "n - 1 - i"],
    "range(1, n - 1)": ["i", "i - 1", "i + 1"],
}
_INNER = {
    "range(n)": ["j", "n - 1 - j"],
    "range(i)": ["j", "i - j - 1"],
    "range(i + 1)": ["j", "i - j"],
    "range(i, n)": ["j", "j - i"],
    "range(1, n - 1)": ["j", "j - 1", "j + 1"],
}


class _Writer:
    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def entry(self, places: list[str], arrays: list[str]) -> str:
        array = self.pick(arrays)
        return f"m[{self.pick(places)}, {self.pick(places)}]" if array == "m" else f"{array}[{self.pick(places)}]"

    def expression(self, places: list[str], numbers: list[str]) -> str:
        def atom() -> str:
            kind = self.pick(["entry", "entry", "entry", "number", "constant"])
            if kind == "entry":
                return self.entry(places, ["u", "v", "w", "m"])
            return self.pick(numbers) if kind == "number" and numbers else "0.7"

        shape = self.pick(["{a}", "0.3 * {a} * {b}", "{a} - 0.5 * {b}", "np.sin({a})", "{a} / (2.0 + {b} * {b})"])
        return shape.format(a=atom(), b=atom())

    def statement(self, places: list[str], numbers: list[str], depth: int = 1) -> list[str]:
        kind = self.pick(["entry", "entry", "entry", "sum", "sum", "number", "choice"][: 6 + depth])
        value = self.expression(places, numbers)
        if kind == "choice":
            head = f"if {self.expression(places, numbers)} > 0.2:"
            branches = [self.statement(places, numbers, 0) for _ in range(2)]
            return [head, *indented(branches[0]), "else:", *indented(branches[1])]
        if kind == "sum":
            return [f"t {self.pick(['+=', '-='])} {value}"]
        if kind == "number":
            return [f"{self.pick(['p', 't'])} = np.tanh({value})"]
        target = self.entry(places, ["w", "w", "v", "m"])
        return [
            f"{target} {self.pick(['+=', '-='])} 0.1 * {value}" if self.pick([True, False]) else f"{target} = {value}"
        ]

    def loop(self) -> list[str]:
        outer = self.pick(list(_OUTER))
        places = [*_OUTER[outer], "0"]
        numbers = ["t", "p"]
        body = []
        if self.pick([True, False]):
            body += self.statement(places, numbers)
        if self.pick([True, True, False]):
            inner = self.pick(list(_INNER))
            within = [*_INNER[inner], *_INNER[inner], *places[:-1]]
            lines = [line for _ in range(self.pick([1, 1, 2])) for line in self.statement(within, numbers)]
            body += [f"for j in {inner}:", *indented(lines)]
        if not body or self.pick([True, False, False]):
            body += self.statement(places, numbers)
        return [f"for i in {outer}:", *indented(body)]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@st.composite
def nested_sources(draw: Any) -> str:
    """Return the source of ``f(u, v, m, n)``, of two vectors and a matrix."""
    writer = _Writer(draw)
    lines = ["w = np.zeros(n)", "v = v.copy()", "m = m.copy()", "t = 0.3", "p = 0.1"]
    for _ in range(draw(st.integers(1, 2))):
        lines += writer.loop()
    lines.append("return t + 0.5 * p + np.sum(v * v) + np.sum(w) + np.sum(w * w) + np.sum(np.sin(m))")
    return "def f(u, v, m, n):\n" + "\n".join(indented(lines)) + "\n"
