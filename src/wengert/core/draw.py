"""Graphs as pictures: Graphviz's DOT language, and a table for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from .show import formula, text, value_names

if TYPE_CHECKING:
    from .graph import Graph


def _quoted(label: str) -> str:
    """Return a DOT string; a backslash or a quotation mark in a name is only a character."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def dot(graph: Graph) -> str:
    """Return the graph in Graphviz's DOT language: inputs as boxes, equations as ellipses, shapes on the edges."""
    names = value_names(graph)
    constants = dict(graph.constants)
    maker = {i: f"i{i}" for i in graph.inputs}
    lines = ["digraph wengert {", "  rankdir=LR;", '  node [fontname="monospace"];']
    for i in graph.inputs:
        style = "shape=box, style=dashed" if i in constants else "shape=box"
        lines.append(f"  i{i} [{style}, label={_quoted(names[i])}];")
    for k, equation in enumerate(graph.equations):
        outs = ", ".join(names[i] for i in equation.outputs)
        lines.append(f"  e{k} [label={_quoted(f'{outs} = {formula(equation, names)}')}];")
        for i in equation.inputs:
            lines.append(f"  {maker[i]} -> e{k} [label={_quoted(repr(graph.avals[i]))}];")
        maker.update((i, f"e{k}") for i in equation.outputs)
    for k, i in enumerate(graph.outputs):
        lines.append(f"  o{k} [shape=box, peripheries=2, label={_quoted(names[i])}];")
        lines.append(f"  {maker[i]} -> o{k};")
    return "\n".join([*lines, "}"])


def table(graph: Graph) -> str:
    """Return the graph as HTML for a notebook."""
    return f"<pre>{html.escape(text(graph))}</pre>"
