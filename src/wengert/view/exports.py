"""What a page is about, in other formats: by the ending of the file's name."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..api.explain.formulas import Formulas
from ..api.explain.linear import Derivative, differentiate
from ..api.explain.render_latex import tables
from ..api.explain.subject import Subject
from ..api.explain.tables import branch_sums, forward_table, reverse_table
from ..api.explain.values import show, summary
from ..core.drawing.picture import svg
from ..core.source import user_line
from ..errors import ArgumentError, WengertError, explain
from .onnx import graph_to_onnx
from .png import png

if TYPE_CHECKING:
    from .viewing import Page

ENDINGS: Final = (".html", ".svg", ".png", ".dot", ".mmd", ".json", ".onnx", ".tex")
MOST_NOTED: Final = 1500
"""In the drawing of a larger graph no values and gradients are written."""


MOST_EMBEDDED: Final = 1500
"""Of a larger graph the page holds no other formats: they would be longer than all the rest of it."""
_MOST_BYTES: Final = 400_000


class Exports:
    """A function at a point, in formats for other programs; its derivative is found, if it is not given."""

    def __init__(self, subject: Subject, derivative: Derivative | None = None) -> None:
        self.subject = subject
        self._derivative = derivative

    @cached_property
    def derivative(self) -> Derivative:
        return differentiate(self.subject) if self._derivative is None else self._derivative

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


def embedded(subject: Subject, derivative: Derivative) -> dict[str, dict[str, str]]:
    """Return what the page hands out as files though only Python can make it.

    Returns
    -------
    dict
        ``dot``, ``mermaid``, ``latex``: ``{text}``; ``onnx``: ``{base64}``; or ``{why}`` for what there is not.
    """
    exports = Exports(subject, derivative)
    ways: dict[str, Callable[[], str | bytes]] = {
        "dot": subject.graph.to_dot,
        "mermaid": subject.graph.to_mermaid,
        "latex": exports.latex,
        "onnx": exports.onnx,
    }
    count = len(subject.graph.equations)
    if count > MOST_EMBEDDED:
        why = f"the graph has {count:,} equations; the page holds this for up to {MOST_EMBEDDED:,}"
        return {name: {"why": why} for name in ways}
    return {name: _held(make) for name, make in ways.items()}


def _held(make: Callable[[], str | bytes]) -> dict[str, str]:
    try:
        made = make()
    except WengertError as error:  # a package that is not installed, a primitive that has no form
        return {"why": " ".join(" ".join(str(error).splitlines()[:2]).split())}  # the rule, and what was found
    if len(made) > _MOST_BYTES:
        return {"why": f"it has {len(made):,} bytes; the page holds up to {_MOST_BYTES:,}"}
    return {"text": made} if isinstance(made, str) else {"base64": base64.b64encode(made).decode()}


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
