"""What a page is about, in other formats: by the ending of the file's name."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..api.explain.formulas import Formulas
from ..api.explain.linear import Derivative, differentiate
from ..api.explain.render_latex import tables
from ..api.explain.subject import Subject
from ..api.explain.tables import branch_sums, forward_table, reverse_table
from ..api.explain.values import show, summary
from ..core.picture import svg
from ..core.source import user_line
from ..errors import ArgumentError, explain
from .onnx import graph_to_onnx
from .png import png

if TYPE_CHECKING:
    from .viewing import Page

ENDINGS: Final = (".html", ".svg", ".png", ".dot", ".mmd", ".json", ".onnx", ".tex")
MOST_NOTED: Final = 1500
"""In the drawing of a larger graph no values and gradients are written."""


class Exports:
    """A function at a point, in formats for other programs."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def derivative(self) -> Derivative:
        return differentiate(self.subject)

    def svg(self) -> str:
        """The graph as a drawing, with the value and the gradient of each node where there are not too many."""
        graph, values = self.subject.graph, self.subject.values
        notes: dict[int, tuple[str, str]] = {}
        if len(graph.equations) <= MOST_NOTED:
            for i in range(len(graph.avals)):
                adjoint = self.derivative.cotangent(i)
                gradient = "" if adjoint is None else f"gradient {show(summary(adjoint))}"
                notes[i] = (f"value {show(summary(values[i]))}", gradient)
        return svg(graph, notes, dict(zip(graph.inputs, self.subject.roles, strict=False)))

    def png(self) -> bytes:
        """The drawing as pixels."""
        text = self.svg()
        found = re.search(r'width="(\d+)" height="(\d+)"', text)
        width, height = map(int, found.groups()) if found else (1, 1)
        return png(text, width, height)

    def latex(self) -> str:
        """The tables of forward and reverse mode, and the sums at branches."""
        formulas = Formulas(self.derivative)
        made = (make(self.derivative, formulas) for make in (forward_table, reverse_table, branch_sums))
        return tables([*made])

    def onnx(self) -> bytes:
        """The graph for ONNX runtimes."""
        made: bytes = graph_to_onnx(self.subject.graph, self.subject.title).SerializeToString()
        return made


def exported(page: Page, path: Path) -> str | bytes:
    """Return what to write to a file of this name.

    Raises
    ------
    ArgumentError
        If the name has another ending, or the page has only its tours.
    """
    ending = path.suffix.lower()
    if ending in (".html", ".htm", ""):
        return page.html
    if ending not in ENDINGS:
        raise _refused("A page is saved in the format that the file's name ends in.", str(path), ", ".join(ENDINGS))
    subject, document = page.subject, page.document
    if subject is None or document is None:
        raise _refused("The page of the tours is saved as .html.", str(path), "view a function: wg.view(f, *args)")
    exports = Exports(subject)
    made: dict[str, Any] = {
        ".svg": exports.svg,
        ".png": exports.png,
        ".dot": subject.graph.to_dot,
        ".mmd": subject.graph.to_mermaid,
        ".json": lambda: json.dumps(document, allow_nan=False),
        ".onnx": exports.onnx,
        ".tex": exports.latex,
    }
    result: str | bytes = made[ending]()
    return result


def _refused(rule: str, found: str, fix: str) -> ArgumentError:
    return ArgumentError(explain(rule, found=found, line=user_line(), fix=fix))
