"""The commands, as functions that return what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..api.explain import explain
from ..api.inspect import trace
from ..core.graph import Graph
from ..errors import explain as message
from ..run.llvm import disk
from .reading import CommandError, arguments, call, function_of, load, parse, place


def cache_report() -> str:
    """Return where compiled code is kept, and how much there is, as text."""
    found = disk.info()
    if found["directory"] is None:
        return f"switched off by {disk.VARIABLE}"
    count, megabytes, limit = found["entries"], found["bytes"] / 1e6, found["limit"] / 1e6
    return (
        f"directory  {found['directory']}\n"
        f"holds      {count} kernel{'s' * (count != 1)}, {megabytes:.1f} MB of at most {limit:.0f} MB"
    )


def explained(
    target: str,
    at: Sequence[str],
    at_file: Path | None,
    direction: Sequence[str],
    parameters: Sequence[int],
    argnums: Sequence[int],
    manual: str,
    symbolic: bool,
    section: str,
    form: str,
) -> str:
    """Return what ``wengert explain`` prints."""
    function, module = load(target)
    args = arguments(at, at_file, function)
    run = explain(
        function,
        argnums=tuple(argnums) or None,
        parameters=tuple(parameters),
        direction=tuple(parse(text) for text in direction) or None,
        manual=function_of(module, manual, place(target)[0]) if manual else None,
        symbolic=symbolic,
    )
    report = call(run, args, function, target)
    if form == "html":
        return report.to_html()  # type: ignore[no-any-return]
    if form == "json":
        return json.dumps(report.data(section) if section else report.to_dict(), indent=2, allow_nan=False)
    return report.section(section) if section else str(report)


def traced(target: str, at: Sequence[str], at_file: Path | None, form: str) -> str:
    """Return what ``wengert trace`` prints."""
    function, _ = load(target)
    args = arguments(at, at_file, function)
    graph: Graph = call(trace(function), args, function, target)
    made = {
        "json": lambda: graph.to_json(indent=2),
        "dot": graph.to_dot,
        "mermaid": graph.to_mermaid,
        "svg": graph.to_svg,
        "html": graph._repr_html_,
    }
    return made.get(form, lambda: str(graph))()


def write(text: str, out: Path | None, echo: Callable[[str], Any]) -> None:
    """Print a text, or write it to a file and say so."""
    if out is None:
        echo(text.rstrip("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(message("--out names a file that can be written.", found=str(error))) from error
    echo(f"wrote {out}")
