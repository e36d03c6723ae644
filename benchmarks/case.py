"""What a benchmark case is: one plain NumPy definition, its arguments, and other libraries' own versions of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, Literal

import numpy as np

Kind = Literal["gradient", "function", "training"]


@dataclass(frozen=True)
class Case:
    """One thing to compute, the same in every library.

    Attributes
    ----------
    name
        ``group/detail``; patterns on the command line match it.
    kind
        ``gradient``: value and gradient of a scalar function; ``function``: the function alone;
        ``training``: loss, gradient and plain gradient-descent update of a list of parameters (the first argument).
    function
        The definition in plain NumPy. Wengert differentiates this very function.
    make
        Builds the arguments from a random generator.
    io
        ``numpy``: every call takes and returns NumPy arrays, conversions included; ``native``: the arguments
        are in the library's own arrays beforehand and results stay there (but are waited for).
    versions
        Library name -> builder of that library's idiomatic version. The builder runs only when the library is
        present, so it may import it. ``"numpy"`` builds value and gradient (or the step) derived by hand.
    suites
        In which tables the case belongs: ``eager`` (no compiler for Wengert), ``jit``.
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    dtype: str = "float64"
    io: Literal["numpy", "native"] = "numpy"
    argnums: tuple[int, ...] = (0,)
    versions: Mapping[str, Callable[[], Callable[..., Any]]] = field(default_factory=dict)
    suites: frozenset[str] = frozenset({"eager", "jit"})
    learning_rate: float = 1e-3

    @property
    def group(self) -> str:
        return self.name.split("/", 1)[0]

    def arguments(self) -> tuple[Any, ...]:
        """The same arguments in every process and for every library."""
        return self.make(np.random.default_rng(20))


class Unsupported(Exception):
    """A library has no version of a case; the message says why and is printed beside the case."""


def unsupported(reason: str) -> Callable[[], Callable[..., Any]]:
    """A builder for ``Case.versions`` that leaves the library out of this case."""

    def build() -> Callable[..., Any]:
        raise Unsupported(reason)

    return build


class _Namespace:
    """A library's NumPy-like module, with NumPy itself behind it for names the library leaves out (dtypes, arange)."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name) if hasattr(self._module, name) else getattr(np, name)


def with_import(function: Callable[..., Any], module: ModuleType) -> Callable[..., Any]:
    """The same source under another import line: ``np`` in `function`, and in helpers beside it, means `module`.

    This is how autograd, MyGrad and JAX ask NumPy programs to be written. Wengert gets the function as it is.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"a plain Python function is needed, got {type(function).__name__}")
    names = dict(function.__globals__)
    names["np"] = _Namespace(module)
    for name, value in function.__globals__.items():
        if isinstance(value, FunctionType) and value.__module__ == function.__module__:
            names[name] = FunctionType(value.__code__, names, value.__name__, value.__defaults__, value.__closure__)
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
