"""Indexing in rewritten code: arrays that are not traced, lists and tuples may have a traced index."""

from __future__ import annotations

import operator
from sys import _getframe
from typing import Any, Final

import numpy as np

from ...core.aval import aval_of
from ...core.source import user_line
from ...core.symbol import Sym
from ...errors import UntraceableError, explain
from ..computed import is_entry
from ..context import current
from ..dispatch import FUNCTIONS
from ..outside import root_of
from ..tracer import Tracer, builder_of, is_traced, note
from . import ragged

_INPLACE: Final = {
    "Add": operator.iadd,
    "Sub": operator.isub,
    "Mult": operator.imul,
    "Div": operator.itruediv,
    "FloorDiv": operator.ifloordiv,
    "Mod": operator.imod,
    "Pow": operator.ipow,
    "MatMult": operator.imatmul,
    "BitAnd": operator.iand,
    "BitOr": operator.ior,
    "BitXor": operator.ixor,
    "LShift": operator.ilshift,
    "RShift": operator.irshift,
}


def getitem(x: Any, index: Any) -> Any:
    """Return ``x[index]``."""
    if ragged.dynamic(index):
        if isinstance(x, np.ndarray):
            x = _constant(x, current())
        if isinstance(x, Tracer):
            _attribute(x)
            return ragged.read(x, index)
    if type(x) is Tracer:
        _attribute(x)
        if x.builder is None and is_traced(index) and is_entry(index, x.ndim):
            return _lifted(x, index)[index]
        return x[index]  # perhaps a view, which is one with the array that it is a view of
    if is_traced(index):
        if isinstance(x, np.ndarray):
            return _constant(x, builder_of(index))[index]
        if isinstance(x, (list, tuple)) and x:
            return _stacked(x, builder_of(index))[index]
    return x[index]


def store(value: Any, x: Any, index: Any) -> None:
    """Do ``x[index] = value``."""
    if type(x) is Tracer:
        _attribute(x)
    else:
        _check_outside(x)
    if type(x) is Tracer and ragged.dynamic(index):
        ragged.write(x, index, value)
        return
    x[index] = value


def augment(x: Any, index: Any, operation: str, value: Any) -> None:
    """Do ``x[index] += value``, or another operation."""
    if type(x) is not Tracer:
        _check_outside(x)
    part = getitem(x, index)
    if type(x) is Tracer or isinstance(part, Tracer):
        _attribute(x if isinstance(x, Tracer) else part)
    inplace: Any = _INPLACE[operation]
    if ragged.dynamic(index):  # a view, through which it has been written
        made = inplace(part, value)
        if made is not part:
            part[...] = made
        return
    x[index] = inplace(part, value)


def slice_(*bounds: Any) -> slice:
    """Return ``start:stop:step`` of an index."""
    return slice(*bounds)


def _attribute(x: Tracer) -> None:
    """Attribute the equations that follow to the line of the user's that called."""
    builder = current()
    if builder is not None:
        note(builder, _getframe(2))
    if x.builder is not None and x.builder is not builder:
        note(x.builder, _getframe(2))


def _check_outside(x: Any) -> None:
    """Refuse to write into a plain array inside a part: it would happen once, while recording."""
    if isinstance(x, np.ndarray) and current() is not None and current().context.part is not None:  # type: ignore[union-attr]
        raise UntraceableError(
            explain(
                "What is written into in a captured loop or branch is an array made in the traced function, or an "
                "argument.",
                found=f"an array of shape {x.shape} and dtype {x.dtype} from outside",
                line=user_line(),
                fix="make it in the function, or pass it in",
            )
        )


def _constant(x: np.ndarray[Any, Any], builder: Any) -> Tracer:
    """Return a plain array as a constant of a trace; the same constant each time inside a part."""
    part = builder.context.part
    if part is None:
        return Tracer(builder, builder.constant(x), aval_of(x))
    lifted = part.context.lifted
    found = lifted.get(id(x))
    if found is None:
        found = lifted[id(x)] = (x, Tracer(part, part.constant(x), aval_of(x)))
    made: Tracer = found[1]
    return Tracer(made.builder, made.id, made.aval)


def _lifted(x: Tracer, index: Any) -> Tracer:
    """Return a fresh array as a constant of the trace that an index belongs to."""
    builder = builder_of(index)
    x.refresh()
    root = root_of(x)
    part = builder.context.part
    if part is None or root.home is part:
        return Tracer(builder, builder.constant(x.share()), x.aval)
    lifted = part.context.lifted
    key = (id(root), id(x), x.version)
    found = lifted.get(key)
    if found is None:
        found = lifted[key] = (x, Tracer(part, part.constant(x.share()), x.aval))
    made: Tracer = found[1]
    return Tracer(made.builder, made.id, made.aval)


def _stacked(items: Any, builder: Any) -> Any:
    """Return a list of equal arrays or numbers as one array."""
    if any(isinstance(x, Sym) for x in items):
        return FUNCTIONS[np.array](list(items))
    array = np.asarray(items)
    if array.dtype.kind not in "biufc":
        raise UntraceableError(
            explain(
                "A list that has a traced index holds numbers, or arrays of one shape.",
                found=f"a list of {type(items[0]).__name__}",
                line=user_line(),
                fix="use an array",
            )
        )
    return Tracer(builder, builder.constant(array), aval_of(array))
