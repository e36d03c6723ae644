"""Drawings in SVG: curves with logarithmic axes, and a small graph with the value and the gradient of each node."""

from __future__ import annotations

import math
from collections import defaultdict
from html import escape
from typing import Final

from ...core.show import formula, is_literal
from .blocks import Curve
from .linear import Derivative
from .values import show, summary

_COLOURS: Final = ("#0b6bcb", "#c2410c", "#15803d")
_DASHES: Final = ("none", "6 3", "2 3")
_W, _H, _LEFT, _TOP = 640, 320, 70, 20
MOST_EQUATIONS: Final = 24


def curve(data: Curve) -> str:
    """Draw series over a common x, both axes logarithmic."""
    xs = [math.log10(x) for x in data.x]
    ys = [math.log10(y) for _, values in data.series for y in values if y]
    if not ys or len(xs) < 2:
        return ""
    x0, x1, y0, y1 = min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys))
    y1 = max(y1, y0 + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (x - x0) / (x1 - x0) * (_W - _LEFT - 20), _TOP + (y1 - y) / (y1 - y0) * (_H - _TOP - 50)

    parts = [f'<svg viewBox="0 0 {_W} {_H}" width="{_W}" height="{_H}" role="img" xmlns="http://www.w3.org/2000/svg">']
    parts.append(f"<title>{escape(data.y_label)} over {escape(data.x_label)}</title>")
    for k in range(math.ceil(x0), math.floor(x1) + 1, 3):
        x, y = at(k, y0)
        parts.append(_label(x, y + 18, f"1e{k}", "middle"))
    for k in range(y0, y1 + 1, max(1, (y1 - y0) // 6)):
        x, y = at(x0, k)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{_W - 20}" y2="{y:.1f}" stroke="#8884"/>')
        parts.append(_label(x - 8, y + 4, f"1e{k}", "end"))
    parts.append(_label((_W + _LEFT) / 2, _H - 8, data.x_label, "middle"))
    for n, (name, values) in enumerate(data.series):
        points = " ".join(
            f"{px:.1f},{py:.1f}" for x, v in zip(xs, values, strict=True) if v for px, py in [at(x, math.log10(v))]
        )
        colour, dash = _COLOURS[n % 3], _DASHES[n % 3]
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        parts.append(f'<line x1="{_LEFT + 20}" x2="{_LEFT + 50}" y1="{_TOP + 14 + 18 * n}" y2="{_TOP + 14 + 18 * n}" '
                     f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')  # fmt: skip
        parts.append(_label(_LEFT + 58, _TOP + 18 + 18 * n, name, "start"))
    return "".join([*parts, "</svg>"])


def _label(x: float, y: float, text: str, anchor: str, colour: str = "currentColor") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" font-family="ui-monospace, monospace" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def graph_picture(d: Derivative) -> str:
    """Draw a small graph in layers, each value above and each adjoint below its node; a large graph gives nothing."""
    graph, names = d.subject.graph, d.subject.names
    if not 0 < len(graph.equations) <= MOST_EQUATIONS:
        return ""
    equations = [e for e in graph.equations if not is_literal(graph, e)]
    used = {i for e in equations for i in e.inputs}
    literals = {i for i, _ in graph.constants if not graph.avals[i].shape}
    inputs = [i for i in graph.inputs if i not in literals and (i in used or i in graph.outputs)]
    level = dict.fromkeys(graph.inputs, 0)
    label = {i: names[i] for i in inputs}
    for e in equations:
        depth = 1 + max((level.get(i, 0) for i in e.inputs), default=0)
        for i in e.outputs:
            level[i] = depth
            label[i] = f"{names[i]} = {formula(e, names)}"
    columns: dict[int, list[int]] = defaultdict(list)
    for i in [*inputs, *(i for e in equations for i in e.outputs)]:
        columns[level[i]].append(i)
    height = 90 * max(map(len, columns.values())) + 30
    widths = {k: max(120, 7.6 * max(min(len(label[i]), 40) for i in column) + 24) for k, column in columns.items()}
    place: dict[int, tuple[float, float, float]] = {}
    left = 10.0
    for k in sorted(columns):
        gap = height / len(columns[k])
        for n, i in enumerate(columns[k]):
            place[i] = (left, gap * (n + 0.5), widths[k])
        left += widths[k] + 60
    parts = [
        f'<svg viewBox="0 0 {left:.0f} {height}" width="{left:.0f}" height="{height}" role="img" '
        'xmlns="http://www.w3.org/2000/svg"><title>The graph with values above and gradients below the nodes</title>'
    ]
    for e in equations:
        x1, y1, _ = place[e.outputs[0]]
        for i in e.inputs:
            if i in place:
                x0, y0, w = place[i]
                bend = (x1 - x0 - w) / 2
                parts.append(
                    f'<path d="M {x0 + w:.1f} {y0:.1f} C {x0 + w + bend:.1f} {y0:.1f} '
                    f'{x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}" '
                    'fill="none" stroke="#8490a5" stroke-width="1.5"/>'
                )
    for i, (x, y, w) in place.items():
        shape = 'rx="14"' if level[i] else 'rx="2"'
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 14:.1f}" width="{w:.1f}" height="28" {shape} fill="none" '
            'stroke="currentColor"/>'
        )
        text = label[i] if len(label[i]) <= 40 else label[i][:37] + "..."
        parts.append(_label(x + w / 2, y + 4, text, "middle"))
        parts.append(_label(x + w / 2, y - 19, show(summary(d.subject.values[i])), "middle", "#15803d"))
        adjoint = d.cotangent(i)
        if adjoint is not None:
            parts.append(_label(x + w / 2, y + 29, show(summary(adjoint)), "middle", "#c2410c"))
    return "".join([*parts, "</svg>"])
