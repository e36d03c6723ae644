"""What a function's behaviour depends on besides its arguments, as something that can be compared.

A derivative rule is run once and what it did is kept with the program that was derived.  Using that program again is
right only while everything that the rule read from its closure and its globals is what it was.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import sys
from collections.abc import Hashable
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    NotImplementedType,
    WrapperDescriptorType,
)
from typing import Any, Final, NamedTuple

import numpy as np

from .rebind import traits

_BY_VALUE: Final = (type(None), bool, int, str, bytes, EllipsisType, NotImplementedType)
_BY_IDENTITY: Final = (
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    np.dtype,
    np.ufunc,
    type(np.sum),  # NumPy's own functions that dispatch
)
_LIBRARIES: Final = frozenset({*sys.stdlib_module_names, "numpy", "scipy", "wengert", "optree"}) - {"__main__"}


class Fingerprint(NamedTuple):
    """What was read.

    Attributes
    ----------
    parts
        Equal parts mean equal contents, except for objects, of which only the identity is in it.
    stable
        False where an object's contents could not be read, so that equal parts promise nothing.
    """

    parts: Hashable
    stable: bool

    def same(self, other: Fingerprint) -> bool:
        """Say whether two functions are certain to behave alike."""
        return self.stable and other.stable and self.parts == other.parts


def fingerprint(value: Any) -> Fingerprint:
    """Read a function, or a container of functions and values.

    Numbers, strings and arrays count by their contents, functions by their code and by what they reach, recursively.
    Objects that can change without notice (lists, dicts, instances, variables that the function itself assigns) make
    it unstable.

    Examples
    --------
    >>> def scaled_by(c):
    ...     return lambda x: c * x
    >>> fingerprint(scaled_by(2.0)).same(fingerprint(scaled_by(2.0)))
    True
    >>> fingerprint(scaled_by(2.0)).same(fingerprint(scaled_by(3.0)))
    False
    """
    reader = _Reader()
    parts = reader.read(value)
    return Fingerprint(parts, reader.stable)


@functools.lru_cache(maxsize=4096)
def _assigned(code: CodeType) -> frozenset[str]:
    """Names of outer variables that a code object, or one inside it, assigns."""
    names = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF"):
            names.add(instruction.argval)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            names |= _assigned(const)
    return frozenset(names)


class _Reader:
    """Reads everything once; what comes up again is a number, so that cycles end."""

    def __init__(self) -> None:
        self.stable = True
        self.seen: dict[Any, tuple[int, Any]] = {}
        self.names: frozenset[str] | set[str] = frozenset()

    def read(self, value: Any) -> Hashable:
        kind = type(value)
        if kind in _BY_VALUE:
            return kind, value
        if kind is float or kind is complex:
            return kind, repr(value)  # nan is nan, and -0.0 is not 0.0
        if isinstance(value, _BY_IDENTITY):
            return value
        if isinstance(value, np.generic):
            return value.dtype, value.tobytes()
        if kind is np.ndarray and value.dtype.kind in "biufcSUmM":
            data = np.ascontiguousarray(value)
            return value.dtype, value.shape, hashlib.blake2b(data.view(np.uint8).data if data.size else b"").digest()
        if kind is ModuleType or isinstance(value, type):
            return self._namespace(value)
        known = self._again(id(value), value)
        if known is not None:
            return "seen", known
        if kind is tuple:
            return (kind, *[self.read(item) for item in value])
        if kind is FunctionType:
            return self._function(value)
        if kind is MethodType:
            return kind, self.read(value.__func__), self.read(value.__self__)
        if kind in (staticmethod, classmethod):
            return kind, self.read(value.__func__)
        if kind is functools.partial:
            return kind, self.read(value.func), self.read(value.args), self.read(tuple(sorted(value.keywords.items())))
        if hasattr(kind, "__fingerprint__"):
            return kind, self.read(value.__fingerprint__())
        self.stable = False
        return "object", id(value)

    def _again(self, key: Any, value: Any) -> int | None:
        """Return the number of something that has been read before; number it otherwise."""
        known = self.seen.get(key)
        if known is not None:
            return known[0]
        self.seen[key] = len(self.seen), value  # the reference keeps the id from being given out again
        return None

    def _function(self, function: FunctionType) -> Hashable:
        scope = function.__globals__
        if _is_library(str(scope.get("__name__"))):
            scope = {}
            if not function.__closure__:
                return function
        code = function.__code__
        outer, self.names = self.names, traits(code).names
        assigned = _assigned(code)
        parts: list[Hashable] = [code, self.read(function.__defaults__)]
        parts.append(self.read(tuple(sorted((function.__kwdefaults__ or {}).items()))))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                parts.append((name, self._variable(name in assigned, cell.cell_contents)))
            except ValueError:  # not assigned yet
                parts.append((name, "empty"))
        for name in sorted(self.names):
            if name in scope and name not in code.co_freevars:
                parts.append((name, self._variable(name in assigned, scope[name])))
        self.names = outer
        return tuple(parts)

    def _variable(self, changes: bool, value: Any) -> Hashable:
        """Read a variable of an outer scope; one that the function itself assigns is state, and no state is stable."""
        if changes:
            self.stable = False
            return "state"
        return self.read(value)

    def _namespace(self, value: Any) -> Hashable:
        """Read a module or class: of the user's own, the attributes that the function names."""
        module = value.__name__ if isinstance(value, ModuleType) else value.__module__
        parts: list[Hashable] = [value]
        if not _is_library(module):
            for name in sorted(self.names):
                if name in vars(value) and self._again((id(value), name), value) is None:
                    parts.append((name, self.read(vars(value)[name])))
        return tuple(parts)


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES
