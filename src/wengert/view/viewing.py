"""``wg.view``: write the page for a function at a point, and open it."""

from __future__ import annotations

import html
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..api.call import as_tuple
from ..api.explain.subject import Subject, study
from ..core.source import user_line
from ..errors import ArgumentError, explain
from .document import described
from .exports import exported
from .html import render
from .subjects import viewed
from .widget import widget


class Page:
    """What :func:`wengert.view` returns: a page about a function at a point.

    Attributes
    ----------
    document : dict or None
        The data that the page shows, JSON-able; see :mod:`wengert.view.document` for the schema.
    subject : Subject or None
        The function at the point: its graph, and every value in it.
    path : Path or None
        The file that it was written to.
    """

    def __init__(self, document: dict[str, Any] | None, subject: Subject | None = None) -> None:
        self.document = document
        self.subject = subject
        self.path: Path | None = None

    @cached_property
    def html(self) -> str:
        """The page as text."""
        return render(self.document)

    def save(self, path: str | Path) -> Path:
        """Write the page, or the graph in another format, to a file: the ending of its name says which.

        ``.html`` is the page; ``.svg`` and ``.png`` are a drawing with values and gradients; ``.dot`` (Graphviz) and
        ``.mmd`` (Mermaid) the graph as text; ``.json`` the document; ``.onnx`` the program for ONNX
        runtimes; ``.tex`` the tables of forward and reverse mode.
        """
        made, target = exported(self, Path(path)), Path(path)
        target.write_bytes(made if isinstance(made, bytes) else made.encode("utf-8", "replace"))
        if target.suffix.lower() in (".html", ".htm", ""):
            self.path = target
        return target

    def __repr__(self) -> str:
        title = "tours" if self.document is None else self.document["title"]
        return f"<Page: {title}{'' if self.path is None else f', {self.path}'}>"

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own that can reach neither the notebook nor the network."""
        return (
            f'<iframe sandbox="allow-scripts allow-downloads" title="{html.escape(repr(self))}" '
            f'style="width:100%;height:720px;border:1px solid #8888;border-radius:6px" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def widget(self, height: int = 720) -> Any:
        """Return a Jupyter widget with the page; its ``show(page)`` puts another page in its place.

        Raises
        ------
        MissingExtraError
            If the package anywidget is not installed.
        """
        return widget(self, height)


def view(
    fun: Any = None,
    *args: Any,
    out: str | Path | None = None,
    open: bool = True,
    argnums: int | Sequence[int] | None = None,
    parameters: int | Sequence[int] | None = None,
    direction: Any = None,
    cotangent: Any = None,
    manual: Callable[..., Any] | None = None,
    symbolic: bool = True,
    learning_rate: float = 0.1,
) -> Page:
    """Write a page that shows a function's computation graph at a point, stepped forward and backward, and open it.

    The page is one HTML file that works from disk and offline.

    Parameters
    ----------
    fun : callable, Graph or network, optional
        A function of arrays, numbers or nested containers of them; what ``wg.jit`` returns (the page then shows
        the loops that were captured, and what it was compiled to); a :class:`Graph`; or a network of ``wengert.nn``,
        whose arguments are its parameters and a batch.
        Without it, the page has only its guided tours.
    *args
        The point.
    out : path, optional
        Where to write the page; a temporary file, if not given.
    open : bool
        Whether to open it in the browser.
    argnums, parameters, direction, cotangent, manual, symbolic, learning_rate
        As for :func:`wengert.explain`.  ``parameters`` tells parameters, to be learnt, from data.

    Returns
    -------
    Page
        With ``path``, ``document``, ``html`` and ``save(path)``.  Notebooks show it in place.

    Raises
    ------
    ArgumentError
        If there is nothing to differentiate, or an option does not fit the arguments.

    Examples
    --------
    >>> import tempfile, numpy as np, wengert as wg
    >>> def f(x1, x2):
    ...     return np.sin(x1) + x1 * x2
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = wg.view(f, 2.0, 3.0, out=folder + "/f.html", open=False)
    >>> page.document["title"]
    'f(x1, x2)'
    >>> [equation["text"] for equation in page.document["graph"]["equations"]]
    ['sin(x1)', 'x1 * x2', 'v2 + v3']
    """
    if fun is None:
        if args:
            raise ArgumentError(explain("view shows a function at a point.", found="a point only", line=user_line()))
        page = Page(None)
    else:
        what = viewed(fun)
        chosen = what.parameters if parameters is None else as_tuple(parameters)
        positions = None if argnums is None else as_tuple(argnums)
        subject = study(what.function, args, {}, positions, chosen, direction, cotangent)
        made = described(
            subject,
            manual=manual,
            symbolic=symbolic,
            learning_rate=learning_rate,
            jitted=what.jitted,
            title=what.title,
        )
        page = Page(made, subject)
    if out is None and open:
        out = Path(tempfile.mkdtemp(prefix="wengert-")) / "view.html"
    if out is not None:
        page.path = page.save(out)
    if open and page.path is not None:
        webbrowser.open(page.path.resolve().as_uri())
    return page
