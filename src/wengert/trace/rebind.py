"""Run the user's function as a copy whose globals resolve NumPy to functions that know about traces.

``np.zeros(3)``, ``np.array([x, y])`` and their like have no traced argument that NumPy could dispatch on, yet must
work in
unmodified code.  NumPy itself is never patched.  A function that uses such names is instead run as a copy: the same
code object, defaults
and closure, with a dictionary for globals that hands out traced versions of NumPy's creation functions, and copies of
the user's own
helper functions where those need it too.  Writes to globals go to the real ones.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

from . import creation, libraries

_MUTATORS: Final = frozenset(
    {
        "sort",
        "fill",
        "put",
        "copyto",
        "at",
        "resize",
        "partition",
        "shuffle",
        "put_along_axis",
        "place",
        "putmask",
        "setflags",
        "fill_diagonal",
    }
)
_FOREIGN: Final = ("numpy", "scipy", "wengert", "builtins")


class Traits:
    """What a function's code shows without running it."""

    __slots__ = ("code", "creates", "globals", "mutates", "names")

    def __init__(self, code: CodeType) -> None:
        self.code = code  # keeps the id, under which the traits are remembered, from being given out again
        self.names: set[str] = set()
        self.creates = False
        self.mutates = False
        self._read(code)
        self.creates = not self.names.isdisjoint(creation.NAMES)

    def _read(self, code: CodeType) -> None:
        self.names.update(code.co_names)
        self.names.update(code.co_freevars)
        if not _MUTATORS.isdisjoint(code.co_names):
            self.mutates = True
        for instruction in dis.get_instructions(code):
            op = instruction.opname
            if op in ("STORE_SUBSCR", "DELETE_SUBSCR") or (op == "BINARY_OP" and instruction.argrepr.endswith("=")):
                self.mutates = True
            elif op == "IMPORT_NAME":
                self.names.add("import")
        for const in code.co_consts:
            if isinstance(const, CodeType):
                self._read(const)
            elif isinstance(const, tuple) and "out" in const:
                self.mutates = True  # f(x, out=y)


_TRAITS: Final[dict[int, Traits]] = {}
libraries.on_load(_TRAITS.clear)  # there are more names now by which code shows that it needs a copy


def traits(code: CodeType) -> Traits:
    """Return what a code object shows; read once."""
    found = _TRAITS.get(id(code))
    if found is None:
        if len(_TRAITS) > 10_000:
            _TRAITS.clear()
        found = _TRAITS[id(code)] = Traits(code)
    return found


def _helpers(function: FunctionType, names: set[str]) -> Iterator[FunctionType]:
    """Yield the user's functions that a function can reach by the names it uses."""
    scope = function.__globals__
    for name in names:
        value = scope.get(name)
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, ModuleType) and is_user_module(value):
            for attribute in names:
                member = getattr(value, attribute, None)
                if isinstance(member, FunctionType):
                    yield member
    for cell in function.__closure__ or ():
        value = _content(cell)
        if isinstance(value, FunctionType):
            yield value


def _uses_instances(function: FunctionType, names: set[str]) -> bool:
    """Say whether a function uses an object that has a traced version, such as one made by ``np.vectorize``."""
    if any(type(function.__globals__.get(name)) in creation.INSTANCES for name in names):
        return True
    return any(type(_content(cell)) in creation.INSTANCES for cell in function.__closure__ or ())


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def is_user_function(value: Any) -> bool:
    """Say whether a function is the user's own and not part of a library that traces are not to look into.

    The globals tell: ``__module__`` does not, because ``functools.wraps`` copies it onto the transforms' own wrappers.
    """
    if not isinstance(value, FunctionType):
        return False
    module = value.__globals__.get("__name__") or ""
    return module.partition(".")[0] not in _FOREIGN


def is_user_module(value: ModuleType) -> bool:
    """Say whether a module is one of the user's that imports NumPy."""
    name = value.__name__.partition(".")[0]
    if name in _FOREIGN or name in sys.stdlib_module_names:
        return False
    return any(member is np for member in vars(value).values())


def survey(function: FunctionType) -> tuple[bool, bool]:
    """Say whether a function or one of its helpers creates arrays, and whether one of them writes into arrays."""
    creates = mutates = False
    seen: set[int] = set()
    todo = [function]
    while todo:
        f = todo.pop()
        if id(f.__code__) in seen or not is_user_function(f):
            continue
        seen.add(id(f.__code__))
        found = traits(f.__code__)
        creates |= found.creates or _uses_instances(f, found.names)
        mutates |= found.mutates
        todo.extend(_helpers(f, found.names))
    return creates, mutates


class TracedGlobals(dict[str, Any]):
    """Globals of a copied function: looks names up in the real ones and translates what it finds.

    It holds nothing itself but the builtins and, until the call has ended, globals that the function assigned.
    """

    def __init__(self, real: dict[str, Any]) -> None:
        super().__init__(__builtins__=_BUILTINS)
        self.real = real

    def __missing__(self, name: str) -> Any:
        return translate(self.real[name])

    def give_back(self) -> None:
        """Hand globals that were assigned to the real ones."""
        if len(self) > 1:
            for name in list(self):
                if name != "__builtins__":
                    self.real[name] = self.pop(name)


def translate(value: Any) -> Any:
    """Return what a copied function sees in place of a global, a closure's value or an import."""
    if value is np:
        return creation.NAMESPACE
    kind = type(value)
    if kind in creation.INSTANCES:
        return creation.INSTANCES[kind](value)
    if kind is FunctionType or kind is BuiltinFunctionType or isinstance(value, type):
        found = creation.replacement(value)
        if found is not None:
            return found
        if kind is FunctionType and is_user_function(value) and survey(value)[0]:
            return copy_function(value)
    elif kind is ModuleType and (value.__name__ in libraries.MODULES or is_user_module(value)):
        return UserModule(value)
    elif kind is MethodType and type(value.__self__) in creation.INSTANCES:
        return getattr(translate(value.__self__), value.__name__)
    return value


class UserModule:
    """A user's module, or one of SciPy's, as copied functions see it."""

    def __init__(self, module: ModuleType) -> None:
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        return translate(getattr(self._module, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)


def _import(*args: Any, **kwargs: Any) -> Any:
    module = builtins.__import__(*args, **kwargs)
    libraries.load()
    return translate(module)


_BUILTINS: Final = {**vars(builtins), "__import__": _import}


def copy_function(function: FunctionType) -> FunctionType:
    """Return the copy of a function that traces run."""
    cells = function.__closure__
    if cells is not None:
        cells = tuple(map(_translated_cell, cells))
    copy = FunctionType(
        function.__code__, TracedGlobals(function.__globals__), function.__name__, function.__defaults__, cells
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    copy.__dict__.update(function.__dict__)
    return copy


def _translated_cell(cell: CellType) -> CellType:
    """Keep the closure's own cell, so that ``nonlocal`` works, unless its value must be replaced."""
    try:
        value = cell.cell_contents
    except ValueError:
        return cell
    other = translate(value)
    return cell if other is value else CellType(other)


def rebound(function: Callable[..., Any]) -> tuple[Callable[..., Any], bool]:
    """Return what to run in place of a function, and whether it writes into arrays.

    Methods, ``functools.partial`` objects and callable objects are looked through.
    """
    if type(function) in creation.INSTANCES:
        return creation.INSTANCES[type(function)](function), True
    if isinstance(function, FunctionType):
        if not is_user_function(function):
            return function, True
        libraries.load()
        creates, mutates = survey(function)
        if not creates:
            return function, mutates
        copy = copy_function(function)
        scope = copy.__globals__
        assert isinstance(scope, TracedGlobals)
        return _giving_back(copy, scope), mutates
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        inner, mutates = rebound(function.__func__)
        return functools.partial(inner, function.__self__), mutates
    if isinstance(function, functools.partial):
        inner, mutates = rebound(function.func)
        return functools.partial(inner, *function.args, **function.keywords), mutates
    call = getattr(type(function), "__call__", None)  # noqa: B004  (whose code, not whether)
    if isinstance(call, FunctionType) and is_user_function(call):
        inner, mutates = rebound(call)
        return functools.partial(inner, function), mutates
    return function, True


def _giving_back(copy: FunctionType, scope: TracedGlobals) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with _globals_given_back(scope):
            return copy(*args, **kwargs)

    return run


@contextmanager
def _globals_given_back(scope: TracedGlobals) -> Iterator[None]:
    try:
        yield
    finally:
        scope.give_back()
