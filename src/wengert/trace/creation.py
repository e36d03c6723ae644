"""Functions that make arrays, as traced code sees them.

Outside of a trace they are NumPy's own.  Inside, what they return is wrapped, so that traced values can be written
into it, and lists of traced values become traced arrays.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import numpy as np

from ..core.builder import Builder
from ..core.source import user_line
from . import lists, promote
from .context import current
from .dispatch import FUNCTIONS
from .tracer import Tracer, builder_of, fresh, is_traced, plain, wrap_result

_REPLACED: Final[dict[Any, Any]] = {}
_PLAIN: Final = (
    "zeros ones empty full eye identity arange linspace logspace geomspace tri fromfunction fromiter frombuffer "
    "indices zeros_like ones_like empty_like full_like diag_indices tril_indices triu_indices hanning hamming "
    "blackman bartlett "
    "kaiser copy loadtxt genfromtxt fromstring load bmat vander"
).split()


def replacement(function: Any) -> Any:
    """Return the traced version of a NumPy function or class; None where it needs none."""
    try:
        return _REPLACED.get(function)
    except TypeError:  # not hashable
        return None


def _wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a version of a creation function whose result can be written into by traced code."""

    @functools.wraps(function)
    def create(*args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return function(*args, **kwargs)
        implementation = FUNCTIONS.get(function)
        if implementation is not None and (any(map(is_traced, args)) or any(map(is_traced, kwargs.values()))):
            return implementation(*args, **kwargs)
        return wrap_result(function(*_known(args), **{name: _known(value) for name, value in kwargs.items()}))

    return create


def _known(value: Any) -> Any:
    """Return arguments as NumPy takes them; a traced number, of which a shape is made, is looked at: it has to stay."""
    if isinstance(value, tuple | list):
        return type(value)([_known(v) for v in value]) if type(value) in (tuple, list) else plain(value)
    return operator.index(value) if isinstance(value, Tracer) and is_traced(value) else plain(value)


for _name in _PLAIN:
    if hasattr(np, _name):
        _REPLACED[getattr(np, _name)] = _wrapping(getattr(np, _name))


# -- np.array and its like --------------------------------------------------------------------------------------------


def _array_like(function: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    def make(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return function(a, dtype, *args, **kwargs)
        if not is_traced(a):
            if isinstance(a, Tracer) and not copies:
                return a if dtype is None or np.dtype(dtype) == a.aval.dtype else a.astype(dtype)
            if isinstance(a, np.ndarray) and not copies:
                return function(a, dtype, *args, **kwargs)  # the caller's own array stays what it is
            return fresh(np.asarray(function(plain(a), dtype, *args, **kwargs)))
        ndmin = kwargs.get("ndmin", 0)
        copy = kwargs.get("copy", copies)
        return traced_array(a, dtype, copy=copies and copy is not False, ndmin=ndmin)

    return make


def traced_array(a: Any, dtype: Any = None, *, copy: bool = True, ndmin: int = 0) -> Any:
    """Return ``np.array(a)`` for a traced value or a nested list that holds some."""
    if isinstance(a, Tracer):
        out = a
        if dtype is not None and np.dtype(dtype) != a.aval.dtype:
            out = a.astype(dtype)
        elif copy or not a.aval.shape:
            out = FUNCTIONS[np.copy](a)
        if not out.aval.shape:
            out.is_array = True
    else:
        out = _stack(a, builder_of(a), dtype)
    while out.ndim < ndmin:
        out = out[None]
    return out


def _leaves(a: Any, depth: int = 0) -> tuple[tuple[int, ...], list[Any]]:
    """Flatten a nested list to its scalars and arrays; all rows have one shape."""
    if type(a) in (list, tuple):
        parts = [_leaves(x) for x in a]
        shapes = {shape for shape, _ in parts}
        if len(shapes) > 1:
            raise ValueError(
                "setting an array element with a sequence. The requested array has an inhomogeneous shape: "
                f"its rows have the shapes {sorted(shapes)}\n  at:    {user_line()}"
            )
        shape = shapes.pop() if shapes else ()
        return (len(a), *shape), [leaf for _, leaves in parts for leaf in leaves]
    return np.shape(plain(a)) if not isinstance(a, Tracer) else a.aval.shape, [a]


def _stack(a: Any, builder: Builder, dtype: Any) -> Any:
    shape, leaves = _leaves(a)
    avals = [promote.operand_aval(leaf) for leaf in leaves]
    wanted = np.dtype(dtype) if dtype is not None else np.result_type(*{of.dtype for of in avals})
    rows = []
    for leaf in _joined(leaves, builder):
        leaf = promote.as_dtype(leaf, wanted)
        if not isinstance(leaf, Tracer):
            leaf = Tracer(builder, builder.constant(leaf), promote.operand_aval(leaf))
        leaf.refresh()  # a view of what is written into may have gone over to another builder
        rows.append(leaf.builder.apply_named("reshape", leaf, shape=(max(leaf.aval.size, 0),)))
    joined = rows[0] if len(rows) == 1 else builder.apply_named("concatenate", *rows, axis=0)
    return builder.apply_named("reshape", joined, shape=shape)


def _joined(leaves: list[Any], builder: Any) -> list[Any]:
    """Return leaves with rows of one array that follow each other as one part of that array."""
    if not builder.context.rows:
        return leaves
    found: list[Any] = []
    for base, first, count, leaf in _runs(leaves, builder):
        found.append(leaf if count == 1 else Tracer(builder, *base)[first : first + count])
    return found


def _runs(leaves: list[Any], builder: Any) -> Iterator[tuple[Any, int, int, Any]]:
    """Yield array, first row and number of rows that follow each other; or nothing of these, and a leaf."""
    run: tuple[Any, int, int, Any] | None = None
    for leaf in leaves:
        row = None
        if isinstance(leaf, Tracer):
            leaf.refresh()
            row = builder.context.rows.get(leaf.id) if leaf.builder is builder else None
        base, k = (None, 0) if row is None else (row[:2], row[2])
        if run is not None and base is not None and run[0] == base and k == run[1] + run[2]:
            run = (base, run[1], run[2] + 1, leaf)
            continue
        if run is not None:
            yield run
        run = (base, k, 1, leaf)
    if run is not None:
        yield run


FUNCTIONS[np.array] = traced_array
_REPLACED[np.array] = _array_like(np.array, copies=True)
for _name in ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "asarray_chkfinite", "require"):
    if hasattr(np, _name):
        _function = getattr(np, _name)
        FUNCTIONS[_function] = functools.partial(traced_array, copy=False)
        _REPLACED[_function] = _array_like(_function, copies=False)


# -- types and questions ----------------------------------------------------------------------------------------------


class _ArrayMeta(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, (np.ndarray, Tracer))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return wrap_result(np.ndarray(*args, **kwargs)) if current() is not None else np.ndarray(*args, **kwargs)


class ndarray(metaclass=_ArrayMeta):
    """Stands for ``np.ndarray`` in traced code: traced arrays are instances of it."""


def _isscalar(x: Any) -> bool:
    if isinstance(x, Tracer):
        return not x.aval.shape and not getattr(x, "is_array", False)
    return np.isscalar(x)


_REPLACED[np.ndarray] = ndarray
_REPLACED[np.isscalar] = _isscalar


# -- the namespace ----------------------------------------------------------------------------------------------------


class Namespace:
    """NumPy, or one of its modules, with the functions of this package in place of its own."""

    def __init__(self, module: ModuleType) -> None:
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        value = seen(getattr(self._module, name), name)
        self.__dict__[name] = value
        return value

    def __repr__(self) -> str:
        return f"<{self._module.__name__}, as traced code sees it>"


def seen(value: Any, name: str) -> Any:
    """Return what traced code sees in place of a function, class or module of NumPy's."""
    found = replacement(value)
    if found is not None:
        return found
    if lists.takes_arrays(value, name):
        return lists.listening(value)
    return SPACES.get(value, value) if isinstance(value, ModuleType) else value


SPACES: Final = {module: Namespace(module) for module in (np, np.linalg, np.fft)}
"""NumPy's modules -> how traced code sees them."""
NAMESPACE: Final = SPACES[np]
NAMES: Final = {f.__name__ for f in _REPLACED} | {"import", "r_", "c_", "mgrid", "ogrid"}
"""Names by which code shows that it may make arrays."""


def replace(original: Any, version: Any, name: str | None = None) -> None:
    """Enter the traced version of one more of NumPy's functions, classes or objects."""
    _REPLACED[original] = version
    NAMES.add(name or original.__name__)


INSTANCES: Final[dict[type, Callable[[Any], Any]]] = {}
"""Classes of NumPy whose instances the user may have made before the trace -> what makes their traced version."""


def replace_instances(kind: type, version: Callable[[Any], Any]) -> None:
    """Enter what stands for the instances of a class in traced code."""
    INSTANCES[kind] = version
