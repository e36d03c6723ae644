"""Run the user's function as a copy whose globals resolve NumPy to functions that know about traces.

``np.zeros(3)``, ``np.array([x, y])`` and their like have no traced argument that NumPy could dispatch on, yet must
work in unmodified code.  NumPy itself is never patched.  A function that uses such names is instead run as a copy: the
same code object, defaults and closure, with a dictionary for globals that hands out traced versions of NumPy's
creation functions, and copies of the user's own helper functions and methods where those need it too.  Writes to
globals go to the real ones.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, NamedTuple

import numpy as np

from . import creation, libraries, lists
from .context import capturing

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


class Capture(NamedTuple):
    """How functions are rewritten whose loops and choices are captured.

    Attributes
    ----------
    rewritten : callable(function) -> code or None
    runtime
        What rewritten code finds under the global name ``__wengert__``.
    math
        The module ``math`` as rewritten code sees it.
    math_version : callable(function) -> function or None
    """

    rewritten: Callable[[FunctionType], CodeType | None]
    runtime: Any
    math: Any
    math_version: Callable[[Any], Any]


CAPTURE: Final[list[Capture]] = []
"""Filled by ``capture``, which comes later in the order of imports."""
_RUNTIME: Final = "__wengert__"


class Traits:
    """What a function's code shows without running it."""

    __slots__ = ("assigns", "code", "creates", "flows", "mutates", "names")

    def __init__(self, code: CodeType) -> None:
        self.code = code  # keeps the id, under which the traits are remembered, from being given out again
        self.names: set[str] = set()
        self.creates = False
        self.mutates = False
        self.assigns = False
        self.flows = False
        self._read(code)
        self.flows = self.flows or not _CALLED.isdisjoint(self.names)
        self.creates = not self.names.isdisjoint(creation.NAMES)
        if not self.creates and _builds_lists(code):
            self.creates = not self.names.isdisjoint(lists.NAMES)

    def _read(self, code: CodeType) -> None:
        self.names.update(code.co_names)
        self.names.update(code.co_freevars)
        if not _MUTATORS.isdisjoint(code.co_names):
            self.mutates = True
        used = set(code.co_code[::2])
        if not _WRITES.isdisjoint(used) or (_BINARY_OP in used and _changes_in_place(code)):
            self.mutates = True
        if dis.opmap["STORE_GLOBAL"] in used:
            self.assigns = True
        if dis.opmap["IMPORT_NAME"] in used:
            self.names.add("import")
        if not _FLOWS.isdisjoint(used):
            self.flows = True
        for const in code.co_consts:
            if isinstance(const, CodeType):
                self._read(const)
            elif isinstance(const, tuple) and "out" in const:
                self.mutates = True  # f(x, out=y)


def _builds_lists(code: CodeType) -> bool:
    """Say whether code makes lists or tuples that it may hand to NumPy in place of arrays."""
    if dis.opmap["BUILD_LIST"] in code.co_code[::2]:
        return True
    previous = None
    for op, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        # Not tuples that are an index, are returned, taken apart or hold a closure's cells.
        code_follows = op == _LOAD_CONST and isinstance(code.co_consts[argument], CodeType)
        if previous == _BUILD_TUPLE and op not in _TUPLE_USES and not code_follows:
            return True
        previous = op
    return any(_builds_lists(const) for const in code.co_consts if isinstance(const, CodeType))


def _changes_in_place(code: CodeType) -> bool:
    """Say whether there is an operation like ``+=``."""
    return any(
        op == _BINARY_OP and argument in _IN_PLACE
        for op, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True)
    )


def _numbers(*names: str) -> frozenset[int]:
    """Return the numbers of instructions; not every version of Python has all."""
    return frozenset(dis.opmap[name] for name in names if name in dis.opmap)


# Reading bytes is ten times as fast as what dis makes of them, and every function is read before it is recorded.
_BINARY_OP: Final = dis.opmap["BINARY_OP"]
_BUILD_TUPLE: Final = dis.opmap["BUILD_TUPLE"]
_LOAD_CONST: Final = dis.opmap["LOAD_CONST"]
_WRITES: Final = _numbers("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
_FLOWS: Final = frozenset(number for name, number in dis.opmap.items() if "JUMP" in name or name == "FOR_ITER")
_IN_PLACE: Final = frozenset(
    instruction.arg
    for op in ("+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>")
    for instruction in dis.get_instructions(compile(f"a {op}= b", "", "exec"))
    if instruction.opname == "BINARY_OP"
)
_TUPLE_USES: Final = _numbers("BINARY_SUBSCR", "STORE_SUBSCR", "RETURN_VALUE", "UNPACK_SEQUENCE", "BINARY_OP")
_CALLED: Final = frozenset(("math", "min", "max", "int", "float", "bool", "round", "sum", "range"))
"""Names by which code shows that it may ask for the value of a traced value."""
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
    for value in [*[scope.get(name) for name in names], *map(_content, function.__closure__ or ())]:
        value = _uncached(value)
        if isinstance(value, FunctionType):
            yield value
        elif isinstance(value, ModuleType):
            if is_user_module(value):
                for attribute in names:
                    member = _uncached(getattr(value, attribute, None))
                    if isinstance(member, FunctionType):
                        yield member
        elif has_user_class(value):
            for _, f in _methods(type(value)):  # all of them: one that is named may call the others
                yield f


def _uncached(value: Any) -> Any:
    """Look through ``functools.lru_cache``: what is traced is different every time, and must not be kept."""
    return value.__wrapped__ if isinstance(value, _Cached) else value


_Cached: Final = type(functools.lru_cache(lambda: None))


def has_user_class(value: Any) -> bool:
    """Say whether an object is an instance of one of the user's classes, with attributes of its own."""
    cls = type(value)
    if cls.__module__.partition(".")[0] in _LIBRARIES or not hasattr(value, "__dict__") or isinstance(value, type):
        return False
    return not isinstance(value, FunctionType | ModuleType)


def _methods(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield name and function of each method that instances of a class have."""
    for name in dict.fromkeys(name for base in cls.__mro__[:-1] for name in vars(base)):
        member = inspect.getattr_static(cls, name)
        f = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(f, FunctionType):
            yield name, f


def shadow(value: Any) -> Any:
    """Return an object in place of one of the user's whose methods need copies; the object itself if none does.

    It shares the attributes of the original, and its class is derived from the original's.  (What ``super()`` finds is
    not copied.)
    """
    cls = type(value)
    copies: dict[str, Any] = {}
    for name, f in _methods(cls):
        if name not in _UNCOPIED and is_user_function(f) and needs_copy(f):
            member = inspect.getattr_static(cls, name)
            copy = copy_function(f)
            if isinstance(member, property):
                copies[name] = property(copy, member.fset, member.fdel)
            else:
                copies[name] = type(member)(copy) if isinstance(member, staticmethod | classmethod) else copy
    if not copies or not _is_plain(cls):
        return value
    copies["__class__"] = property(lambda self: cls)
    copies["__module__"], copies["__qualname__"] = cls.__module__, cls.__qualname__
    # type.__new__ runs the base's __init_subclass__, which belongs to classes that the user writes, not to this one.
    derived = type.__new__(type(cls), cls.__name__, (_Quiet, cls), copies)
    made = object.__new__(derived)
    made.__dict__ = value.__dict__
    return made


def _is_plain(cls: type) -> bool:
    """Say whether instances of a class hold nothing but a dictionary of attributes."""
    if any(vars(base).get("__slots__") for base in cls.__mro__):
        return False
    base: Any = cls
    while base.__flags__ & _HEAP_TYPE:  # defined in Python
        base = base.__base__
    return base is object


_HEAP_TYPE: Final = 1 << 9


class _Quiet:
    """Keeps a class derived from it and one of the user's from being announced to the user's class."""

    def __init_subclass__(cls) -> None:
        pass


_UNCOPIED: Final = frozenset({"__new__", "__init__", "__init_subclass__", "__class_getitem__"})
_LIBRARIES: Final = frozenset({*sys.stdlib_module_names, *_FOREIGN, "optree"}) - {"__main__"}


def _uses_instances(function: FunctionType, names: set[str]) -> bool:
    """Say whether a function uses, under whatever name, an object that has a traced version.

    Such as one made by ``np.vectorize``, or SciPy's ``expm`` after ``from scipy.linalg import expm as exponential``.
    """
    if any(_has_version(function.__globals__.get(name)) for name in names):
        return True
    return any(_has_version(_content(cell)) for cell in function.__closure__ or ())


def _has_version(value: Any) -> bool:
    if type(value) is FunctionType:
        return creation.replacement(value) is not None
    return type(value) in creation.INSTANCES


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


class Survey:
    """What :func:`survey` found, and what it looked at: names in globals, and what the closure held."""

    __slots__ = ("cells", "code", "looked_up", "result")

    def __init__(self, function: FunctionType, looked_up: list[tuple[dict[str, Any], str, Any]], result: Any) -> None:
        self.code = function.__code__  # keeps the id, under which the survey is remembered, from being given out again
        self.cells = [_kind(cell) for cell in function.__closure__ or ()]
        self.looked_up = looked_up
        self.result = result

    def holds(self, function: FunctionType) -> bool:
        """Say whether another look would find the same."""
        if self.looked_up[0][0] is not function.__globals__:
            return False
        for scope, name, value in self.looked_up:
            if scope.get(name) is not value:
                return False
        cells = function.__closure__
        return not cells or [_kind(cell) for cell in cells] == self.cells


def _kind(cell: CellType) -> Any:
    """Return what matters of a closure's value: a function, module or user's object itself, of data only the type."""
    content = _content(cell)
    return type(content) if isinstance(content, (np.ndarray, float, int, tuple, list, dict)) else id(content)


_SURVEYS: Final[dict[int, Survey]] = {}
libraries.on_load(_SURVEYS.clear)


def needs_copy(function: FunctionType) -> bool:
    """Say whether a copy of a function has to run in its place."""
    found = survey(function)
    return found[0] or (found[2] and capturing() is not None)


def survey(function: FunctionType) -> tuple[bool, bool, bool]:
    """Say whether a function or one of its helpers creates arrays, writes into arrays, has loops or choices."""
    known = _SURVEYS.get(id(function.__code__))
    if known is not None and known.holds(function):
        return known.result  # type: ignore[no-any-return]
    creates = mutates = flows = False
    seen: set[int] = set()
    todo = [function]
    looked_up: list[tuple[dict[str, Any], str, Any]] = [(function.__globals__, "", None)]
    lasting = True
    while todo:
        f = todo.pop()
        if id(f) in seen or not is_user_function(f):
            continue
        seen.add(id(f))
        found = traits(f.__code__)
        creates |= found.creates or _uses_instances(f, found.names)
        mutates |= found.mutates
        flows |= found.flows
        todo.extend(_helpers(f, found.names))
        looked_up += [(f.__globals__, name, f.__globals__.get(name)) for name in found.names]
        lasting = lasting and (f is function or not f.__closure__)
    if lasting:
        if len(_SURVEYS) > 10_000:
            _SURVEYS.clear()
        _SURVEYS[id(function.__code__)] = Survey(function, looked_up, (creates, mutates, flows))
    return creates, mutates, flows


class TracedGlobals(dict[str, Any]):
    """Globals of a copied function: looks names up in the real ones and translates what it finds.

    It holds nothing itself but the builtins, what rewritten code calls and, until the call has ended, globals that the
    function assigned.
    """

    def __init__(self, real: dict[str, Any], runtime: Any = None) -> None:
        super().__init__(__builtins__=_BUILTINS)
        if runtime is not None:
            self[_RUNTIME] = runtime
        self.real = real

    def __missing__(self, name: str) -> Any:
        return translate(self.real[name])

    def give_back(self) -> None:
        """Hand globals that were assigned to the real ones."""
        if len(self) > 1:
            for name in list(self):
                if name not in ("__builtins__", _RUNTIME):
                    self.real[name] = self.pop(name)


def translate(value: Any) -> Any:
    """Return what a copied function sees in place of a global, a closure's value or an import."""
    kind = type(value)
    if kind is ModuleType and value in creation.SPACES:
        return creation.SPACES[value]
    if kind is lists.Dispatcher or kind is np.ufunc:
        return creation.seen(value, value.__name__)
    value = _uncached(value)
    kind = type(value)
    if kind in creation.INSTANCES:
        return creation.INSTANCES[kind](value)
    if kind is FunctionType or kind is BuiltinFunctionType or isinstance(value, type):
        found = creation.replacement(value)
        if found is not None:
            return found
        if kind is BuiltinFunctionType and capturing() is not None:
            return CAPTURE[0].math_version(value) or value
        if kind is FunctionType and is_user_function(value) and needs_copy(value):
            copy = copy_function(value)
            return _giving_back(copy) if traits(copy.__code__).assigns else copy
    elif kind is ModuleType and value.__name__ == "math" and capturing() is not None:
        return CAPTURE[0].math
    elif kind is ModuleType and (value.__name__ in libraries.MODULES or is_user_module(value)):
        return UserModule(value)
    elif kind is MethodType and type(value.__self__) in creation.INSTANCES:
        return getattr(translate(value.__self__), value.__name__)
    elif kind is MethodType and has_user_class(value.__self__):
        return getattr(shadow(value.__self__), value.__name__, value)
    elif has_user_class(value):
        return shadow(value)
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
    code, runtime = function.__code__, None
    cells = function.__closure__
    if cells is not None:
        cells = tuple(map(_translated_cell, cells))
    if CAPTURE and capturing() is not None and type(function.__globals__) is not TracedGlobals:
        runtime = CAPTURE[0].runtime
        found = CAPTURE[0].rewritten(function)
        if found is not None:
            if cells is not None:
                by_name = dict(zip(code.co_freevars, cells, strict=True))
                cells = tuple([by_name[name] for name in found.co_freevars])
            code = found
    scope = TracedGlobals(function.__globals__, runtime)
    copy = FunctionType(code, scope, function.__name__, function.__defaults__, cells)
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
    if type(function) is FunctionType:  # the quick way: surveyed before
        known = _SURVEYS.get(id(function.__code__))
        if known is not None and not libraries.load() and known.holds(function):
            creates, mutates, flows = known.result
            return (_ready_copy(function) if creates or (flows and needs_copy(function)) else function), mutates
    function = _uncached(function)
    if type(function) in creation.INSTANCES:
        return creation.INSTANCES[type(function)](function), True
    if isinstance(function, FunctionType):
        if not is_user_function(function):
            return function, True
        libraries.load()
        mutates = survey(function)[1]
        if not needs_copy(function):
            return function, mutates
        return _ready_copy(function), mutates
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        inner, mutates = rebound(function.__func__)
        owner = function.__self__
        if not has_user_class(owner):
            return functools.partial(inner, owner), mutates
        return functools.partial(inner, shadow(owner)), True  # other methods may write
    if isinstance(function, functools.partial):
        inner, mutates = rebound(function.func)
        return functools.partial(inner, *function.args, **function.keywords), mutates
    call = getattr(type(function), "__call__", None)  # noqa: B004  (whose code, not whether)
    if isinstance(call, FunctionType) and is_user_function(call):
        inner, _ = rebound(call)
        return functools.partial(inner, shadow(function)), True
    return function, True


_READY: Final[dict[tuple[int, bool], tuple[FunctionType, CodeType, FunctionType]]] = {}
libraries.on_load(_READY.clear)


def _ready_copy(function: FunctionType) -> Callable[..., Any]:
    """Return a copy to run; the same one again for a plain function, which keeps nothing between calls."""
    if function.__closure__ or function.__dict__ or traits(function.__code__).assigns:
        return _giving_back(copy_function(function))
    key = (id(function), capturing() is not None)
    known = _READY.get(key)
    if known is not None:
        original, code, copy = known
        same_defaults = copy.__defaults__ is function.__defaults__ and copy.__kwdefaults__ is function.__kwdefaults__
        if original is function and code is function.__code__ and same_defaults:
            return copy
    if len(_READY) > 1_000:
        _READY.clear()
    copy = copy_function(function)
    _READY[key] = (function, function.__code__, copy)
    return copy


def _giving_back(copy: FunctionType) -> Callable[..., Any]:
    """Return a copied function that hands the globals which it assigned to the real ones at its end."""
    scope = copy.__globals__
    assert isinstance(scope, TracedGlobals)

    @functools.wraps(copy)
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
