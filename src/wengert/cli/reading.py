"""What is typed: values, files of values, and functions of a user's own file."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Final

import numpy as np

from ..errors import WengertError
from ..errors import explain as message

_VARIADIC: Final = ("--at", "--direction", "--parameters", "--argnums")
"""Options that take all values up to the next option."""


class CommandError(WengertError, ValueError):
    """What was typed does not make sense; the message says why."""


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


def arguments(at: Sequence[str], at_file: Path | None, function: Callable[..., Any]) -> list[Any]:
    """Return the arguments that were typed, and behind them those that a file holds."""
    return [parse(text) for text in at] + (read_values(at_file, function) if at_file else [])


class _Fresh(SourceFileLoader):
    """Compiles the file as it is now: compiled code that is kept beside it can be older than a second's edit."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load(target: str, fits: Callable[[Any], bool] = callable) -> tuple[Any, Any]:
    """Return the function that ``FILE.py:FUNCTION`` names, and its module; ``fits`` says what else it may be.

    The file is run as a module that is not ``__main__``; modules that stand beside it can be imported.
    """
    path, name = place(target)
    module_name = f"wengert_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path, loader=_Fresh(module_name, str(path)))
    if spec is None or spec.loader is None:
        raise CommandError(message("FILE.py:FUNCTION names a file of Python source.", found=str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    if sys.path[:1] != [str(path.parent)]:
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise CommandError(message("The file could be run.", found=described(error, path))) from error
    return function_of(module, name, path, fits), module


def place(target: str) -> tuple[Path, str]:
    """Return the file and the function's name in ``FILE.py:FUNCTION``."""
    file, _, name = target.rpartition(":")
    if not file or not name:
        raise CommandError(message("A function is named as FILE.py:FUNCTION.", found=target, fix="model.py:loss"))
    path = Path(file).resolve()
    if not path.is_file():
        raise CommandError(message("FILE.py:FUNCTION names a file.", found=f"there is no file {file}"))
    if path.suffix != ".py":
        raise CommandError(
            message("FILE.py:FUNCTION names a file of Python source.", found=file, fix="a name that ends in .py")
        )
    return path, name


def function_of(module: Any, name: str, path: Path, fits: Callable[[Any], bool] = callable) -> Any:
    """Return the function of a module that goes by a (dotted) name."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not fits(found):
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
    return found


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
