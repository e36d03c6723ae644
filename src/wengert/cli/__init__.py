"""The command ``wengert``: explain, trace and view a function in a user's own file.

wengert explain FILE.py:FUNCTION --at 2 3
wengert trace FILE.py:FUNCTION --at '[1, 2, 3]'
wengert view FILE.py:FUNCTION --at 2 3 --serve
wengert cache info
wengert cache clear
wengert version
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import WengertError
from ..errors import explain as message
from ..run.llvm import disk
from ..view.exports import ENDINGS
from .commands import cache_report, explained, traced, write
from .reading import CommandError, load, parse, spread
from .viewing import Shown, serve, written

__all__ = ["CommandError", "build", "load", "main", "parse", "spread"]


def build() -> Any:
    """Return the application.

    Raises
    ------
    ImportError
        If typer is not installed.
    """
    import typer
    from typer.core import TyperCommand

    class Spreading(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, spread(args))

    app = typer.Typer(
        no_args_is_help=True, add_completion=False, help="Differentiate NumPy programs, and see every step."
    )
    target = typer.Argument(..., metavar="FILE.py:FUNCTION", help="The function to look at.")
    at = typer.Option([], "--at", metavar="VALUES", help="Its arguments: numbers, or JSON arrays and objects.")
    at_file = typer.Option(None, "--at-file", help="A .json, .npy or .npz file with (further) arguments.")
    direction = typer.Option([], "--direction", metavar="VALUES", help="One tangent for each argument.")
    parameters = typer.Option([], "--parameters", help="Positions of arguments that are parameters.")
    argnums = typer.Option([], "--argnums", help="Positions of arguments that are inputs; all if left out.")
    out = typer.Option(None, "--out", help="Write to this file instead of the terminal.")

    manual = typer.Option("", "--manual", metavar="FUNCTION", help="The derivative by hand, in the same file.")
    symbolic = typer.Option(True, help="Try SymPy.")
    page = typer.Option(None, "--out", help="Where to write the page; a temporary file, if left out.")
    export = typer.Option(
        [], "--export", metavar="FILE", help=f"Write this file instead: {', '.join(ENDINGS)}. Can be repeated."
    )
    served = typer.Option(False, "--serve", help="Serve it to this machine, anew when the file changes.")
    port = typer.Option(0, "--port", help="With --serve: the port; any that is free, if left out.")
    opened = typer.Option(True, "--open/--no-open", help="Open the browser.")

    def checked(form: str, allowed: tuple[str, ...]) -> str:
        if form not in allowed:
            raise CommandError(message(f"--format is one of {', '.join(allowed)}.", found=form))
        return form

    def run(make: Callable[[], str], out: Path | None) -> None:
        guarded(lambda: write(make(), out, typer.echo))

    def guarded(action: Callable[[], Any]) -> None:
        try:
            action()
        except WengertError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error

    @app.command("explain", cls=Spreading)
    def explain_command(
        target: str = target,
        at: list[str] = at,
        at_file: Path = at_file,
        direction: list[str] = direction,
        parameters: list[int] = parameters,
        argnums: list[int] = argnums,
        manual: str = manual,
        symbolic: bool = symbolic,
        section: str = typer.Option("", "--section", help="Only this section."),
        form: str = typer.Option("text", "--format", help="text, json or html."),
        out: Path = out,
    ) -> None:
        """Explain how a function is differentiated, step by step."""

        def make() -> str:
            kind = checked(form, ("text", "json", "html"))
            options = (direction, parameters, argnums, manual, symbolic, section, kind)
            return explained(target, at, at_file, *options)

        run(make, out)

    @app.command("trace", cls=Spreading)
    def trace_command(
        target: str = target,
        at: list[str] = at,
        at_file: Path = at_file,
        form: str = typer.Option("text", "--format", help="text, json, dot, mermaid, svg or html."),
        out: Path = out,
    ) -> None:
        """Print the computation graph of a function."""
        allowed = ("text", "json", "dot", "mermaid", "svg", "html")
        run(lambda: traced(target, at, at_file, checked(form, allowed)), out)

    @app.command("view", cls=Spreading)
    def view_command(
        target: str = target,
        at: list[str] = at,
        at_file: Path = at_file,
        direction: list[str] = direction,
        parameters: list[int] = parameters,
        argnums: list[int] = argnums,
        manual: str = manual,
        symbolic: bool = symbolic,
        out: Path = page,
        export: list[Path] = export,
        served: bool = served,
        port: int = port,
        opened: bool = opened,
    ) -> None:
        """Show a graph, stepped forward and backward, in the browser: of a function, a network, or a Graph of the file.

        A network is given a batch; its parameters are those of net.init(np.random.default_rng(0)), unless they are
        given before it.
        """
        shown = Shown(target, at, at_file, direction, parameters, argnums, manual, symbolic)

        def show() -> None:
            if served:
                if out or export:
                    raise CommandError(message("--serve writes no file.", fix="leave out --out and --export"))
                serve(shown, port, opened, typer.echo)
                return
            for line in written(shown, out, export, opened):
                typer.echo(line)

        guarded(show)

    cache = typer.Typer(help="The compiled code that is kept on disk.", no_args_is_help=True)
    app.add_typer(cache, name="cache")

    @cache.command("info")
    def info_command() -> None:
        """Print where compiled code is kept, and how much there is."""
        typer.echo(cache_report())

    @cache.command("clear")
    def clear_command() -> None:
        """Delete all compiled code; it is made anew when it is needed."""
        count = disk.clear()
        typer.echo(f"deleted {count} kernel{'s' * (count != 1)}")

    @app.command("version")
    def version_command() -> None:
        """Print the version."""
        typer.echo(__version__)

    return app


def main() -> None:
    """Run the command ``wengert``."""
    try:
        app = build()
    except ImportError as error:
        if error.name not in ("typer", "rich", "click"):
            raise
        sys.exit(f"The command wengert needs {error.name}, which is not installed: pip install 'wengert[cli]'")
    app()
