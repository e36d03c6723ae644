"""Graphs as drawings in SVG, laid out in layers; loops and branches with their graphs inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from ..show import formula, is_literal, subgraphs, value_names
from .layered import layered

if TYPE_CHECKING:
    from ..graph import Graph

Notes = Mapping[int, tuple[str, str]]
"""For values: a second and a third line, for instance the number and its gradient."""

_CHARACTER, _LINE, _PADDING, _MARGIN, _HEADING = 7.3, 16.0, 12.0, 16.0, 22.0
_LONGEST: Final = 44
_ACROSS: Final = 6
"""Graphs with longer paths than this are drawn from top to bottom."""
MOST_INSIDE: Final = 400
"""Larger graphs inside of an equation are left out of the drawing."""
_FILL: Final = {"input": "#e8f1fd", "data": "#e8f1fd", "parameter": "#fdf0e3", "constant": "#f0f1f4"}
_INK, _SOFT, _EDGE, _VALUE, _GRADIENT = "#1c2330", "#566073", "#8490a5", "#15803d", "#c2410c"


@dataclass(frozen=True)
class _Drawn:
    width: float
    height: float
    parts: list[str]


@dataclass
class _Node:
    lines: list[tuple[str, str]]  # text, colour
    title: str
    kind: str
    inside: list[tuple[str, _Drawn]]

    @property
    def width(self) -> float:
        text = max((len(line) for line, _ in self.lines), default=0) * _CHARACTER
        inner = sum(held.width + _PADDING for _, held in self.inside) - _PADDING if self.inside else 0.0
        return max(40.0, text, inner) + 2 * _PADDING

    @property
    def height(self) -> float:
        inner = max((held.height for _, held in self.inside), default=0.0)
        return len(self.lines) * _LINE + _PADDING + (inner + _HEADING if self.inside else 0.0)


def svg(graph: Graph, notes: Notes | None = None, roles: Mapping[int, str] | None = None) -> str:
    """Return a drawing of a graph.

    Parameters
    ----------
    graph : Graph
    notes : mapping of numbers of values to pairs of texts, optional
        Written under the values.
    roles : mapping of numbers of inputs to ``"data"``, ``"parameter"`` or ``"input"``, optional
    """
    drawn = _draw(graph, notes or {}, roles or {})
    width, height = drawn.width + 2 * _MARGIN, drawn.height + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">'
        f"<title>A computation graph of {len(graph.equations)} equations</title>"
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
        f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">{"".join(drawn.parts)}</g></svg>\n'
    )


def clean(text: str) -> str:
    """Escape a text for XML; characters that no XML may hold become the replacement character."""
    return escape("".join(c if _allowed(c) else "\ufffd" for c in text))


def _allowed(c: str) -> bool:
    return c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\x7f\ufffe\uffff")


def one_line(text: str) -> str:
    """Return a text without line breaks, of bounded length."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _draw(graph: Graph, notes: Notes, roles: Mapping[int, str]) -> _Drawn:
    nodes, edges = _nodes(graph, notes, roles)
    down = _depth(len(nodes), edges) > _ACROSS
    sizes = [(node.height, node.width) if down else (node.width, node.height) for node in nodes]
    gap = (34.0, 22.0) if down else (48.0, 16.0)
    made = layered([along for along, _ in sizes], [across for _, across in sizes], edges, gap)
    turn = (lambda p: (p[1], p[0])) if down else (lambda p: p)
    parts = []
    for (a, b), route in zip(edges, made.routes, strict=True):
        points = [(along, across) for along, across in route]
        points[0] = (points[0][0] + sizes[a][0] / 2, points[0][1])
        points[-1] = (points[-1][0] - sizes[b][0] / 2, points[-1][1])
        parts.append(_curve([turn(p) for p in points], down))
    for node, centre in zip(nodes, made.centres, strict=True):
        parts += _box(node, *turn(centre))
    width, height = turn((made.length, made.breadth))
    return _Drawn(width, height, parts)


def _nodes(graph: Graph, notes: Notes, roles: Mapping[int, str]) -> tuple[list[_Node], list[tuple[int, int]]]:
    """Return nodes in topological order, and edges between their places."""
    names, constants = value_names(graph), dict(graph.constants)
    used = {i for equation in graph.equations for i in equation.inputs} | set(graph.outputs)
    nodes: list[_Node] = []
    maker: dict[int, int] = {}
    edges: list[tuple[int, int]] = []

    def add(label: str, values: tuple[int, ...], kind: str, title: str, inside: list[tuple[str, _Drawn]]) -> None:
        lines = [(one_line(label), _INK), (one_line(", ".join(repr(graph.avals[i]) for i in values)), _SOFT)]
        for i in values:
            lines += [(one_line(t), c) for t, c in zip(notes.get(i, ()), (_VALUE, _GRADIENT), strict=False) if t]
        nodes.append(_Node(lines, title, kind, inside))

    for i in graph.inputs:
        if i in constants and not graph.avals[i].shape:
            continue  # a number in the program's text is written where it is used
        if i in used or i not in constants:
            maker[i] = len(nodes)
            kind = "constant" if i in constants else roles.get(i, "input")
            add(names[i], (i,), kind, f"{kind} {names[i]}", [])
    for equation in graph.equations:
        if is_literal(graph, equation):
            continue
        held = [(key, inner) for key, inner in subgraphs(equation)]
        text = f"{equation.primitive.name}(...)" if held else formula(equation, names)
        small = [(key, _draw(inner, {}, {})) for key, inner in held if len(inner.equations) <= MOST_INSIDE]
        place = "" if equation.source is None else f"\n{equation.source}"
        label = f"{', '.join(names[i] for i in equation.outputs)} = {text}"
        edges += [(maker[i], len(nodes)) for i in dict.fromkeys(equation.inputs) if i in maker]
        maker.update((i, len(nodes)) for i in equation.outputs)
        add(label, equation.outputs, "equation", f"{label}\n{equation.primitive.doc}{place}", small)
    for k, i in enumerate(graph.outputs):
        if i in maker:
            edges.append((maker[i], len(nodes)))
        nodes.append(_Node([(f"output {k}" if len(graph.outputs) > 1 else "output", _INK)], names[i], "output", []))
    return nodes, edges


def _depth(count: int, edges: list[tuple[int, int]]) -> int:
    level = [0] * count
    for a, b in edges:  # sorted by b, which is later than a
        level[b] = max(level[b], level[a] + 1)
    return max(level, default=0)


def _curve(points: list[tuple[float, float]], down: bool) -> str:
    """Return a smooth path that leaves and enters nodes in the direction of the layout, with an arrow."""
    (x0, y0), rest = points[0], points[1:]
    text = f"M{x0:.1f} {y0:.1f}"
    for x1, y1 in rest:
        a, b = ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)) if down else (((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1))
        text += f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {x1:.1f} {y1:.1f}"
        x0, y0 = x1, y1
    tip = f"{x0 - 3.5:.1f} {y0 - 7:.1f}L{x0:.1f} {y0:.1f}L{x0 + 3.5:.1f} {y0 - 7:.1f}"
    if not down:
        tip = f"{x0 - 7:.1f} {y0 - 3.5:.1f}L{x0:.1f} {y0:.1f}L{x0 - 7:.1f} {y0 + 3.5:.1f}"
    return f'<path d="{text}M{tip}" fill="none" stroke="{_EDGE}" stroke-width="1.3"/>'


def _box(node: _Node, x: float, y: float) -> Iterator[str]:
    left, top = x - node.width / 2, y - node.height / 2
    round_ = 3 if node.kind in _FILL else 14 if not node.inside else 8
    thick = 2 if node.kind == "output" else 1.2
    yield f"<g><title>{clean(node.title)}</title>"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{node.width:.1f}" height="{node.height:.1f}" rx="{round_}" '
        f'fill="{_FILL.get(node.kind, "#ffffff")}" stroke="{_INK}" stroke-width="{thick}"/>'
    )
    base = top + _PADDING / 2
    for text, colour in node.lines:
        base += _LINE
        yield f'<text x="{x:.1f}" y="{base - 4:.1f}" text-anchor="middle" fill="{colour}">{clean(text)}</text>'
    at = left + _PADDING
    for key, held in node.inside:
        yield f'<text x="{at:.1f}" y="{base + 13:.1f}" fill="{_SOFT}">{clean(key)}</text>'
        yield f'<g transform="translate({at:.1f} {base + _HEADING:.1f})">{"".join(held.parts)}</g>'
        at += held.width + _PADDING
    yield "</g>"
