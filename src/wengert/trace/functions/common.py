"""What the families share: axes, keepdims, out, where."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.graph import Params
from ...core.primitive import Primitive
from ...core.source import user_line
from ...core.symbol import Sym
from ...ops.shape import reshape
from ..promote import as_dtype, operand_aval, stretch
from ..tracer import Tracer, builder_of, is_traced
from ..ufuncs import write_out

Axes = tuple[int, ...]
NOT_GIVEN: Any = np._NoValue


def normalize_axis(axis: Any, ndim: int) -> int:
    """Return an axis counted from the front.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.
    """
    place: int = operator.index(axis)
    if not -ndim <= place < ndim:
        raise np.exceptions.AxisError(
            f"axis {place} is out of bounds for array of dimension {ndim}\n  at:    {user_line()}"
        )
    return place % ndim


def normalize_axes(axis: Any, ndim: int) -> Axes:
    """Return a tuple of axes counted from the front; None means all."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        axes = tuple(normalize_axis(a, ndim) for a in axis)
        if len(set(axes)) != len(axes):
            raise ValueError(f"duplicate value in 'axis': {axis}\n  at:    {user_line()}")
        return axes
    return (normalize_axis(axis, ndim),)


def traced(x: Any, like: Any = None) -> Any:
    """Return an operand as a symbol; a concrete one becomes a constant of the builder of ``like``."""
    if isinstance(x, Sym) and x.builder is not None:
        if x.base is not None:
            x.refresh()
        return x
    if is_traced(x):  # a list with traced entries
        return np.stack([traced(v, x) for v in x])
    builder = builder_of(like)
    value = x.share() if isinstance(x, Sym) else np.asarray(x)  # type: ignore[attr-defined]
    return builder.wrap(builder, builder.constant(value), operand_aval(value))


def together(*xs: Any) -> list[Any]:
    """Return operands as symbols of the innermost builder among them."""
    return [traced(x, list(xs)) for x in xs]


def given(value: Any) -> bool:
    """Say whether an optional argument was given (NumPy marks absent ones in two ways)."""
    return value is not None and value is not NOT_GIVEN


def kept(x: Any, shape: Axes, axes: Axes, keepdims: Any) -> Any:
    """Put reduced axes back with size 1, if asked to."""
    if keepdims is NOT_GIVEN or not keepdims:
        return x
    return x.builder.apply(reshape, (x,), (("shape", tuple(1 if a in axes else n for a, n in enumerate(shape))),))


_REDUCED: dict[Any, tuple[Params, Params | None]] = {}


def is_plain(x: Any) -> bool:
    """Say whether a value is a traced array of floats, which needs no conversion."""
    return type(x) is Tracer and x.aval.dtype.kind == "f" and x.builder is not None and not x.builder.finished


def quickly_reduced(record: Primitive, x: Tracer, axis: Any, keepdims: Any) -> Any:
    """Record a reduction of a plain traced array, without options: what most calls are."""
    if x.base is not None:
        x.refresh()
    keepdims = keepdims is not NOT_GIVEN and bool(keepdims)
    key = (x.aval, axis if type(axis) is not list else tuple(axis), type(axis), keepdims)
    plan = _REDUCED.get(key)
    if plan is None:
        if len(_REDUCED) > 10_000:
            _REDUCED.clear()
        axes = normalize_axes(axis, x.ndim)
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        plan = _REDUCED[key] = ((("axes", axes),), (("shape", shape),) if keepdims else None)
    builder = x.builder
    number = builder.emit(record, (x.id,), plan[0])
    if plan[1] is not None:
        number = builder.emit(reshape, (number,), plan[1])
    return builder.output(number)


def finish(result: Any, out: Any, what: str) -> Any:
    """Write a result into ``out=`` if there is one."""
    if not given(out):
        return result
    if isinstance(out, tuple):
        (out,) = out
    write_out(out, result, what)
    return out


def spread_axis(x: Any, shape: Axes, axes: Axes) -> Any:
    """Broadcast a value reduced over ``axes`` (without keepdims) back to ``shape``."""
    kept_axes = tuple(a for a in range(len(shape)) if a not in axes)
    return x.builder.apply_named("broadcast", x, shape=shape, axes=kept_axes)


__all__ = [
    "NOT_GIVEN",
    "Axes",
    "as_dtype",
    "finish",
    "given",
    "is_plain",
    "kept",
    "normalize_axes",
    "normalize_axis",
    "operand_aval",
    "quickly_reduced",
    "spread_axis",
    "stretch",
    "together",
    "traced",
]
