"""The report, and the function that makes it."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ...core.serialize import source_dict
from ...core.source import Source
from ...errors import ArgumentError
from ...errors import explain as message
from ..call import as_tuple
from . import render_html, render_latex, render_text
from .blocks import Picture, Section
from .costs import Sweeps, costs
from .duality import duality
from .formulas import Formulas
from .linear import Derivative, differentiate
from .network import network
from .patterns import patterns
from .roads import roads
from .shapes import shapes
from .structure import structure
from .subject import Subject, study
from .svg import graph_picture
from .tables import branch_sums, forward_table, reverse_table

SCHEMA: Final = "wengert.report"
VERSION: Final = 1


class Report(str):
    """What :func:`wengert.explain` returns: a text that also is HTML and data.

    As a string it is the whole report.  Notebooks show it as HTML.

    Attributes
    ----------
    heading : str
    sections : tuple of Section
        In order: ``roads``, ``shapes``, ``graph``, ``forward``, ``reverse``, ``branches``, ``duality``, ``costs``,
        ``patterns``, and ``network`` where parameters were named.

    Notes
    -----
    The schema of :meth:`to_dict`, version 1: an object with ``schema`` (``"wengert.report"``), ``version``, ``title``,
    ``function`` (``name``, ``file``, ``line``) and ``sections``, an object with one object per section under the names
    above.  A value is ``{"shape", "dtype"}`` with ``"value"`` (numbers in nested lists) if it has up to 64 entries,
    else ``"min"``, ``"max"``, ``"mean"`` and ``"nan"`` (how many).  A number that JSON lacks is a string, ``"nan"``,
    ``"inf"`` or ``"-inf"``, and a complex one ``{"re", "im"}``. What does not exist, such as the gradient of an
    integer, is null.
    """

    heading: str
    sections: tuple[Section, ...]
    _function: dict[str, Any]

    def __new__(cls, title: str, sections: tuple[Section, ...], function: dict[str, Any]) -> Report:
        made = super().__new__(cls, render_text.render(sections, title))
        made.heading, made.sections, made._function = title, sections, function
        return made

    def __repr__(self) -> str:
        return str.__str__(self)

    def section(self, name: str) -> str:
        """Return one section as text.

        Raises
        ------
        ArgumentError
            If there is no section of this name.
        """
        return render_text.section_text(self._find(name))

    def data(self, name: str) -> dict[str, Any]:
        """Return one section as data."""
        return self._find(name).data

    def _find(self, name: str) -> Section:
        for section in self.sections:
            if section.name == name:
                return section
        raise ArgumentError(
            message(
                "A report has sections by name.",
                found=repr(name),
                fix=f"one of {', '.join(s.name for s in self.sections)}",
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as data that JSON can hold; see the notes of the class for the schema."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "title": self.heading,
            "function": self._function,
            "sections": {section.name: section.data for section in self.sections},
        }

    def to_json(self, indent: int | None = None) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def to_html(self) -> str:
        """Return the report as an HTML page that stands alone."""
        return render_html.page(self.sections, self.heading)

    def to_latex(self, *names: str) -> str:
        """Return the tables of forward and reverse mode and of branches in LaTeX (booktabs), or of sections named."""
        return render_latex.tables([self._find(name) for name in names or ("forward", "reverse", "branches")])

    def _repr_html_(self) -> str:
        return render_html.part(self.sections, self.heading)

    def save(self, path: str | Path) -> Path:
        """Write the report to a file: HTML, JSON, LaTeX or text, by the ending of its name."""
        path = Path(path)
        forms = {".html": self.to_html, ".json": self.to_json, ".tex": self.to_latex}
        path.write_text(forms.get(path.suffix, self.__str__)(), encoding="utf-8")
        return path


def explain(
    fun: Callable[..., Any],
    *,
    argnums: int | Sequence[int] | None = None,
    parameters: int | Sequence[int] = (),
    direction: Any = None,
    cotangent: Any = None,
    manual: Callable[..., Any] | None = None,
    symbolic: bool = True,
    learning_rate: float = 0.1,
) -> Callable[..., Report]:
    """Return a function that explains, step by step, how ``fun`` is differentiated.

    Parameters
    ----------
    fun : callable
        A function of arrays, numbers or nested containers of them.
    argnums : int or sequence of int, optional
        Arguments that are inputs of the graph; the others are passed as they are.  All, if not given; integer arrays
        are inputs without derivative.
    parameters : int or sequence of int
        Which arguments are parameters to be learnt; the others count as data.  Adds a section on the network and one
        training step.
    direction : sequence, optional
        Seeds of forward mode: one tangent for each argument, as in :func:`wengert.jvp`.  The first unit vector, if not
        given.
    cotangent : container, optional
        Seeds of reverse mode, in the containers of the result, as for :func:`wengert.vjp`.  1 for a scalar result and
        the first unit vector for others, if not given.
    manual : callable, optional
        The derivative worked out by hand, to be compared: same arguments as ``fun``; returns the gradient by each
        input, or for a result that is an array its Jacobian in numerator layout.
    symbolic : bool
        Whether to try the symbolic road (needs SymPy).
    learning_rate : float
        Of the training step shown.

    Returns
    -------
    callable
        Same arguments as ``fun``; returns a :class:`~wengert.api.explain.report.Report`: a string, with ``to_html()``,
        ``to_dict()`` and ``section(name)``.

    Raises
    ------
    ArgumentError
        If there is nothing to differentiate, or an option does not fit the arguments.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def f(x, y, z):
    ...     return (x + y) * np.maximum(y, z)
    >>> report = wg.explain(f)(1.0, 2.0, 0.0)
    >>> print(report.section("branches").split("again")[0])
    Gradients add at branches
    -------------------------
    ...
      value  used in  contribution to its adjoint
      -----  -------  ---------------------------
      y      v3       2
             v4       3
             sum      5
    >>> report.to_dict()["sections"]["reverse"]["gradients"][1]["gradient"]["value"]
    5.0
    """

    @functools.wraps(fun)
    def explained(*args: Any, **kwargs: Any) -> Report:
        chosen = None if argnums is None else as_tuple(argnums)
        subject = study(fun, args, kwargs, chosen, as_tuple(parameters), direction, cotangent)
        d = differentiate(subject)
        sections = _sections(subject, d, manual, symbolic, learning_rate)
        return Report(title(subject), sections, described_function(subject))

    return explained


def _sections(
    subject: Subject, d: Derivative, manual: Callable[..., Any] | None, symbolic: bool, learning_rate: float
) -> tuple[Section, ...]:
    formulas, sweeps = Formulas(d), Sweeps(subject)
    reverse = reverse_table(d, formulas)
    picture = graph_picture(d)
    if picture:
        drawn = Picture(picture, "The graph: over each node its value, under it its gradient.")
        reverse = Section(reverse.name, reverse.title, [*reverse.blocks, drawn], reverse.data)
    made = (
        roads(d, sweeps, manual, symbolic),
        shapes(d),
        structure(subject),
        forward_table(d, formulas),
        reverse,
        branch_sums(d, formulas),
        duality(d, formulas),
        costs(sweeps),
        patterns(d),
        network(d, learning_rate),
    )
    return tuple(section for section in made if section is not None)


def title(subject: Subject) -> str:
    names = [
        name
        for i, name in zip(subject.graph.inputs, subject.graph.names, strict=False)
        if name and i not in dict(subject.graph.constants)
    ]
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"{subject.title}({shown}), differentiated"


def described_function(subject: Subject) -> dict[str, Any]:
    code = getattr(inspect.unwrap(subject.function), "__code__", None)
    place = source_dict(Source(code, -2)) if code is not None else None
    return {
        "name": subject.title,
        "file": place["file"] if place else None,
        "line": place["line"] if place else None,
    }
