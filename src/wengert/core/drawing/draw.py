"""Graphs as text for other programs that draw: Graphviz's DOT and Mermaid; and what notebooks show."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..show import formula, is_literal, subgraphs, text, value_names
from .picture import clean, svg

if TYPE_CHECKING:
    from ..graph import Equation, Graph

MOST_DRAWN: Final = 200
"""A notebook shows the drawing of a graph of at most so many equations; the text it always shows."""


def _quoted(label: str) -> str:
    """Return a DOT string; a backslash, a quotation mark or an ampersand in a name is only a character."""
    label = label.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else "\ufffd" for c in label) + '"'


def dot(graph: Graph) -> str:
    """Return the graph in Graphviz's DOT language.

    Inputs are boxes, equations ellipses, shapes stand on the edges; a graph inside of an equation is a cluster.
    """
    lines = ["digraph wengert {", "  rankdir=LR;", "  compound=true;", '  node [fontname="monospace"];']
    return "\n".join([*lines, *_dot(graph, "", "  "), "}"])


def _dot(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    names, constants = value_names(graph), dict(graph.constants)
    maker = {i: f"{prefix}i{i}" for i in graph.inputs}
    for i in graph.inputs:
        style = "shape=box, style=dashed" if i in constants else "shape=box"
        yield f"{indent}{prefix}i{i} [{style}, label={_quoted(names[i])}];"
    for k, equation in enumerate(graph.equations):
        me = f"{prefix}e{k}"
        yield f"{indent}{me} [label={_quoted(_label(equation, names))}];"
        for i in equation.inputs:
            yield f"{indent}{maker[i]} -> {me} [label={_quoted(repr(graph.avals[i]))}];"
        maker.update((i, me) for i in equation.outputs)
        for n, (key, inner) in enumerate(subgraphs(equation)):
            cluster = f"{me}g{n}"
            yield f"{indent}subgraph cluster_{cluster} {{"
            yield f"{indent}  label={_quoted(f'{equation.primitive.name}: {key}')};"
            yield from _dot(inner, f"{cluster}_", indent + "  ")
            yield f"{indent}}}"
            anchor = next((f"{cluster}_i{i}" for i in inner.inputs), f"{cluster}_o0")
            yield f"{indent}{me} -> {anchor} [style=dotted, lhead=cluster_{cluster}];"
    for k, i in enumerate(graph.outputs):
        yield f"{indent}{prefix}o{k} [shape=box, peripheries=2, label={_quoted(names[i])}];"
        yield f"{indent}{maker[i]} -> {prefix}o{k};"


def _label(equation: Equation, names: dict[int, str]) -> str:
    outs = ", ".join(names[i] for i in equation.outputs)
    if any(True for _ in subgraphs(equation)):
        return f"{outs} = {equation.primitive.name}({', '.join(names[i] for i in equation.inputs)})"
    return f"{outs} = {formula(equation, names)}"


# -- Mermaid ----------------------------------------------------------------------------------------------------------

_PLAIN: Final = re.compile(r"[^\w .,=+*/()\[\]:@%^~-]")


def _mermaid_text(label: str) -> str:
    """Return a quoted Mermaid label: whatever could mean something to Mermaid or to HTML is written as a number."""
    label = " ".join(label.split())
    return '"' + _PLAIN.sub(lambda c: f"#{_code(c[0])};", label) + '"'


def _code(character: str) -> int:
    """Return a character's number; half of a pair stands for nothing, so it becomes the replacement character."""
    return 0xFFFD if "\ud800" <= character <= "\udfff" else ord(character)


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart; a graph inside of an equation is a subgraph."""
    return "\n".join(["flowchart LR", *_mermaid(graph, "", "  ")]) + "\n"


def _mermaid(graph: Graph, prefix: str, indent: str) -> Iterator[str]:
    names, constants = value_names(graph), dict(graph.constants)
    maker = {}
    for i in graph.inputs:
        if i in constants and not graph.avals[i].shape:
            continue
        maker[i] = f"{prefix}i{i}"
        yield f"{indent}{maker[i]}[{_mermaid_text(names[i])}]"
    for k, equation in enumerate(graph.equations):
        if is_literal(graph, equation):
            continue
        me = f"{prefix}e{k}"
        yield f"{indent}{me}({_mermaid_text(_label(equation, names))})"
        for i in equation.inputs:
            if i in maker:
                yield f"{indent}{maker[i]} -->|{_mermaid_text(repr(graph.avals[i]))}| {me}"
        maker.update((i, me) for i in equation.outputs)
        for n, (key, inner) in enumerate(subgraphs(equation)):
            cluster = f"{me}g{n}"
            yield f"{indent}subgraph {cluster}[{_mermaid_text(f'{equation.primitive.name}: {key}')}]"
            yield from _mermaid(inner, f"{cluster}_", indent + "  ")
            yield f"{indent}end"
            yield f"{indent}{me} -.-> {cluster}"
    for k, i in enumerate(graph.outputs):
        yield f"{indent}{prefix}o{k}[[{_mermaid_text(names[i])}]]"
        if i in maker:
            yield f"{indent}{maker[i]} --> {prefix}o{k}"


# -- notebooks --------------------------------------------------------------------------------------------------------


def notebook(graph: Graph) -> str:
    """Return the graph as HTML for a notebook: the drawing, unless it would be too large, and the text."""
    written = f"<pre>{clean(text(graph))}</pre>"
    if not 0 < size(graph) <= MOST_DRAWN:
        return written
    return (
        f'<div style="overflow:auto;max-height:640px">{svg(graph)}</div>'
        f"<details><summary>{html.escape(repr(graph))}</summary>{written}</details>"
    )


def size(graph: Any) -> int:
    """Return the number of equations, those of graphs inside included."""
    return len(graph.equations) + sum(size(inner) for e in graph.equations for _, inner in subgraphs(e))
