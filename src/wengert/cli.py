"""The command ``wengert``: explain and trace a function in a user's own file.

wengert explain FILE.py:FUNCTION --at 2 3
wengert trace FILE.py:FUNCTION --at '[1, 2, 3]'
wengert cache info
wengert cache clear
wengert version
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import __version__
from .api import trace
from .api.explain import explain
from .core.graph import Graph
from .errors import WengertError
from .errors import explain as message
from .run.llvm import disk

_VARIADIC: Final = ("--at", "--direction", "--parameters", "--argnums")
"""Options that take all values up to the next option."""


class CommandError(WengertError, ValueError):
    """What was typed does not make sense; the message says why."""


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


# -- reading what was typed -------------------------------------------------------------------------------------------


def spread(arguments: Sequence[str]) -> list[str]:
    """Write ``--at 2 -3`` as ``--at=2 --at=-3``, which option parsers understand.

    Examples
    --------
    >>> spread(["f.py:f", "--at", "2", "-3", "--format", "json"])
    ['f.py:f', '--at=2', '--at=-3', '--format', 'json']
    """
    made: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("--"):
            option = argument if argument in _VARIADIC else ""
            if not option:
                made.append(argument)
        else:
            made.append(f"{option}={argument}" if option else argument)
    return made


def parse(text: str) -> Any:
    """Return the value of a number, a JSON array (an array of floating-point numbers) or a JSON object (a dict).

    Raises
    ------
    CommandError
        If it is none of these.
    """
    try:
        return value(json.loads(text))
    except json.JSONDecodeError as error:
        raise CommandError(
            message(
                "A value is a number, a JSON array or a JSON object.",
                found=text,
                fix="2, -0.5, '[1, 2, 3]' or '{\"w\": [1, 2]}', in quotes",
            )
        ) from error


def value(data: Any) -> Any:
    """Return what JSON data stand for: numbers and regular nested arrays of numbers become floating-point."""
    if isinstance(data, dict):
        return {key: value(item) for key, item in data.items()}
    if isinstance(data, list):
        if data and all(isinstance(item, dict) for item in data):
            return [value(item) for item in data]
        try:
            return np.array(data, float)
        except (TypeError, ValueError):  # of several shapes: a list of arrays
            return [value(item) for item in data]
    if isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    return data


def read_values(path: Path, function: Callable[..., Any]) -> list[Any]:
    """Return the arguments that a file holds.

    ``.npy`` holds one argument, ``.npz`` several, by name or in order, ``.json`` an array of arguments or an object
    with one entry for each parameter's name.
    """
    if not path.is_file():
        raise CommandError(message("--at-file names a file.", found=str(path)))
    try:
        if path.suffix == ".npy":
            return [np.load(path, allow_pickle=False)]
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                held: Any = {name: arrays[name] for name in arrays.files}
            if all(name.startswith("arr_") for name in held):
                return list(held.values())
        else:
            held = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(held, list):
                return [value(item) for item in held]
            held = {name: value(item) for name, item in held.items()}
    except (ValueError, OSError, AttributeError) as error:
        raise CommandError(
            message("--at-file holds arguments as .npy, .npz or .json.", found=f"{path}: {error}")
        ) from error
    names = [p for p in inspect.signature(function).parameters if p in held]
    if len(names) != len(held):
        unknown = ", ".join(sorted(set(held) - set(names)))
        raise CommandError(message("Names in --at-file are the function's parameters.", found=f"{unknown} in {path}"))
    return [held[name] for name in names]


def load(target: str) -> tuple[Callable[..., Any], Any]:
    """Return the function that ``FILE.py:FUNCTION`` names, and its module.

    The file is run as a module that is not ``__main__``; modules that stand beside it can be imported.
    """
    file, _, name = target.rpartition(":")
    if not file or not name:
        raise CommandError(message("A function is named as FILE.py:FUNCTION.", found=target, fix="model.py:loss"))
    path = Path(file).resolve()
    if not path.is_file():
        raise CommandError(message("FILE.py:FUNCTION names a file.", found=f"there is no file {file}"))
    spec = importlib.util.spec_from_file_location(f"wengert_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CommandError(
            message("FILE.py:FUNCTION names a file of Python source.", found=file, fix="a name that ends in .py")
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CommandError(message("The file could be run.", found=described(error, path))) from error
    return function_of(module, name, path), module


def function_of(module: Any, name: str, path: Path) -> Callable[..., Any]:
    """Return the function of a module that goes by a (dotted) name."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        functions = [
            key for key, item in vars(module).items() if inspect.isfunction(item) and item.__module__ == module.__name__
        ]
        raise CommandError(
            message(
                "FILE.py:FUNCTION names a function of the file.",
                found=f"no function '{name}' in {path.name}",
                fix=f"one of {', '.join(functions)}" if functions else "",
            )
        )
    return found  # type: ignore[no-any-return]


def described(error: BaseException, path: Path) -> str:
    """Return an error of the user's code as one line, with the place in their file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"{path.name}:{frames[-1].lineno}: " if frames else ""
    return f"{where}{type(error).__name__}: {error}"


def call(run: Callable[..., Any], args: Sequence[Any], function: Callable[..., Any], target: str) -> Any:
    """Call with arguments that have to fit the function; errors of the user's code become messages."""
    try:
        inspect.signature(function).bind(*args)
    except TypeError as error:
        name = target.rpartition(":")[2]
        raise CommandError(
            message(
                "--at has one value for each of the function's arguments.",
                found=f"{len(args)} values for {name}{inspect.signature(function)}: {error}",
            )
        ) from error
    except ValueError:  # some callables have no signature to check
        pass
    try:
        return run(*args)
    except WengertError:
        raise
    except Exception as error:
        path = Path(target.rpartition(":")[0]).resolve()
        raise CommandError(
            message("The function could be run at these values.", found=described(error, path))
        ) from error


# -- the commands -----------------------------------------------------------------------------------------------------


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
    args = [parse(text) for text in at] + (read_values(at_file, function) if at_file else [])
    run = explain(
        function,
        argnums=tuple(argnums) or None,
        parameters=tuple(parameters),
        direction=tuple(parse(text) for text in direction) or None,
        manual=function_of(module, manual, Path(target.rpartition(":")[0])) if manual else None,
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
    args = [parse(text) for text in at] + (read_values(at_file, function) if at_file else [])
    graph: Graph = call(trace(function), args, function, target)
    made = {"json": lambda: graph.to_json(indent=2), "dot": graph.to_dot, "html": graph._repr_html_}
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

    def checked(form: str, allowed: tuple[str, ...]) -> str:
        if form not in allowed:
            raise CommandError(message(f"--format is one of {', '.join(allowed)}.", found=form))
        return form

    def run(make: Callable[[], str], out: Path | None) -> None:
        try:
            write(make(), out, typer.echo)
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
        manual: str = typer.Option(
            "", "--manual", metavar="FUNCTION", help="The derivative by hand, in the same file."
        ),
        symbolic: bool = typer.Option(True, help="Try SymPy."),
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
        form: str = typer.Option("text", "--format", help="text, json, dot or html."),
        out: Path = out,
    ) -> None:
        """Print the computation graph of a function."""
        run(lambda: traced(target, at, at_file, checked(form, ("text", "json", "dot", "html"))), out)

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
