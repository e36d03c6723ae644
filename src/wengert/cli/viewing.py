"""The command ``wengert view``: write a page, export it, or serve it while its file is being worked on."""

from __future__ import annotations

import inspect
import linecache
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import explain as message
from ..view.serve import Server
from ..view.subjects import can_be_viewed, is_network, viewed
from ..view.viewing import Page, view
from .reading import CommandError, arguments, call, function_of, load, parse, place


@dataclass(frozen=True)
class Shown:
    """What ``wengert view`` was asked to show."""

    target: str
    at: Sequence[str]
    at_file: Path | None
    direction: Sequence[str]
    parameters: Sequence[int]
    argnums: Sequence[int]
    manual: str
    symbolic: bool

    def page(self) -> Page:
        """Load the file and return the page about its function, network or graph."""
        what, module = load(self.target, can_be_viewed)
        function = viewed(what).function
        args = arguments(self.at, self.at_file, function)
        if is_network(what) and len(args) == _required(function) - 1:
            args.insert(0, what.init(np.random.default_rng(0)))  # only the batch was given

        def run(*args: Any) -> Page:
            return view(
                what,
                *args,
                open=False,
                argnums=tuple(self.argnums) or None,
                parameters=tuple(self.parameters) or None,
                direction=tuple(parse(text) for text in self.direction) or None,
                manual=function_of(module, self.manual, place(self.target)[0]) if self.manual else None,
                symbolic=self.symbolic,
            )

        made: Page = call(run, args, function, self.target)
        return made


def _required(function: Callable[..., Any]) -> int:
    """Return the number of arguments without a default."""
    return sum(p.default is p.empty and p.kind in _POSITIONAL for p in inspect.signature(function).parameters.values())


_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def serve(shown: Shown, port: int, open_it: bool, say: Callable[[str], Any]) -> None:
    """Serve a page to this machine's browser, made again whenever the user's file changes, until Ctrl-C."""
    path, _ = place(shown.target)
    for text in [*shown.at, *shown.direction]:
        parse(text)  # what was typed wrongly will not get better
    others = set(sys.modules)

    def own() -> dict[str, Path]:
        """Return the user's modules beside the file that it has imported."""
        found = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name not in others}
        return {
            n: Path(f) for n, f in found.items() if f and path.parent in Path(f).parents and "site-packages" not in f
        }

    def make() -> str:
        for name in own():
            del sys.modules[name]
        linecache.checkcache()
        return shown.page().html

    def watched() -> set[Path]:
        return {path, *own().values(), *([shown.at_file] if shown.at_file else [])}

    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # compiled code can be older than a second's edit
    try:
        server = Server(make, watched, port)
    except OSError as error:
        raise CommandError(message("--port is a port that is free.", found=f"{port}: {error}")) from error
    try:
        problem = server.start()
        if problem:
            say(f"error: {problem}")
        say(f"{server.url} shows {shown.target}, again whenever it is saved; Ctrl-C ends this")
        if open_it:
            webbrowser.open(server.url)
        server.watch(say)
    except KeyboardInterrupt:
        say("")
    finally:
        server.close()
        sys.dont_write_bytecode = kept


def written(shown: Shown, out: Path | None, exports: Sequence[Path], open_it: bool) -> list[str]:
    """Write the page, or the files that it is exported to, and return what to say of it."""
    page = shown.page()
    if out is None and not exports:
        out = Path(tempfile.mkdtemp(prefix="wengert-")) / "view.html"
    said = []
    for path in [*([out] if out else []), *exports]:
        try:
            page.save(path)
        except OSError as error:
            raise CommandError(
                message("--out and --export name files that can be written.", found=str(error))
            ) from error
        said.append(f"wrote {path}")
    if out is not None and open_it:
        webbrowser.open(out.resolve().as_uri())
    return said
