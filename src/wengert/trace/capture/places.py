"""Where a function keeps its values: variables (the cells of its closures) and arrays that it writes into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import CellType, FunctionType
from typing import Any, Final

import numpy as np

from ...core.symbol import Sym
from ..outside import root_of
from ..tracer import Tracer

UNSET: Final = object()
"""Stands for the value of a variable that has none."""


def content(cell: CellType) -> Any:
    """Return a variable's value."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNSET


def fill(cell: CellType, value: Any) -> None:
    """Give a variable a value, or none."""
    if value is not UNSET:
        cell.cell_contents = value
    else:
        with suppress(ValueError):
            del cell.cell_contents


def cells_of(functions: Iterable[Any]) -> dict[str, CellType]:
    """Return the variables that some blocks' functions use, by name."""
    found: dict[str, CellType] = {}
    for f in functions:
        if f is not None:
            found.update(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
    return found


def is_value(leaf: Any) -> bool:
    """Say whether something can be a value of a graph."""
    if isinstance(leaf, (Tracer, bool, int, float, complex)):
        return True
    return isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "biufc"


def is_mutable(leaf: Any) -> bool:
    """Say whether a value is an array, which can be written into, and not a scalar."""
    if isinstance(leaf, Tracer):
        return bool(leaf.aval.shape) or bool(getattr(leaf, "is_array", False))
    return isinstance(leaf, np.ndarray)


def snapshot(leaf: Any) -> Any:
    """Return what a value is now, whatever is written into it later."""
    if not isinstance(leaf, Tracer):
        return leaf
    leaf.refresh()
    return leaf.share() if leaf.builder is None else Sym(leaf.builder, leaf.id, leaf.aval)


@contextmanager
def standing_for(targets: Iterable[Tracer], inner: Iterable[Tracer]) -> Iterator[None]:
    """Let arrays stand for values of the part that is being recorded; their views follow them."""
    saved = []
    for target, value in zip(targets, inner, strict=True):
        saved.append((target, target.builder, target.id, target.array if target.builder is None else None))
        target.builder, target.id, target.array = value.builder, value.id, None
        target.version += 1
    try:
        yield
    finally:
        for target, builder, number, array in saved:
            target.builder, target.id, target.array = builder, number, array
            target.version += 1


@contextmanager
def restored(cells: dict[str, CellType]) -> Iterator[None]:
    """Give variables their values back, and refuse if a list, dict or set that they hold was changed."""
    before = {name: content(cell) for name, cell in cells.items()}
    kept = [(name, value, _shallow(value)) for name, value in before.items() if isinstance(value, (list, dict, set))]
    try:
        yield
    finally:
        for name, cell in cells.items():
            fill(cell, before[name])
        for _, value, copy in kept:
            if not _alike(value, copy):
                _put_back(value, copy)


def saved_versions(values: Iterable[Any]) -> Callable[[], None]:
    """Return a function that lets arrays be again what they are now."""
    roots = {id(root): root for root in (root_of(x) for x in values if isinstance(x, Tracer))}
    saved = [(x, x.builder, x.id, x.array.copy() if x.builder is None else None) for x in roots.values()]

    def restore() -> None:
        for x, builder, number, array in saved:
            x.builder, x.id, x.array = builder, number, array
            x.version += 1

    return restore


def changed(cells: dict[str, CellType]) -> Callable[[], str]:
    """Return a function that names a list, dict or set among variables' values that has changed since."""
    kept = [(name, content(cell)) for name, cell in cells.items()]
    lists = [(name, value, _shallow(value)) for name, value in kept if isinstance(value, (list, dict, set))]

    def ask() -> str:
        return next((name for name, value, copy in lists if not _alike(value, copy)), "")

    return ask


def _shallow(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value)


def _alike(value: Any, copy: Any) -> bool:
    if len(value) != len(copy):
        return False
    if isinstance(value, dict):
        return all(k in value and value[k] is v for k, v in copy.items())
    if isinstance(value, set):
        return all(v in value for v in copy)
    return all(a is b for a, b in zip(value, copy, strict=True))


def _put_back(value: Any, copy: Any) -> None:
    if isinstance(value, list):
        value[:] = copy
    else:
        value.clear()
        value.update(copy)


def holds_traced(values: Iterable[Any], depth: int = 3) -> bool:
    """Say whether there is a traced value in some variables' values, or in what they hold."""
    for value in values:
        if isinstance(value, Tracer):
            root = root_of(value)
            if root.builder is not None:
                return True
        elif depth > 0 and holds_traced(_held(value), depth - 1):
            return True
    return False


def _held(value: Any) -> list[Any]:
    """Return what something holds that traced values may be among."""
    if isinstance(value, (list, tuple, set)):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, FunctionType):
        return [content(cell) for cell in value.__closure__ or ()]
    if hasattr(value, "__dict__") and not isinstance(value, type) and type(value).__module__ != "builtins":
        return list(vars(value).values())
    return []
