"""NumPy's rules for dtypes and shapes of operands, made explicit: conversions and broadcasts become equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.primitive import Primitive
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import DtypeError, ShapeError, explain
from ..ops.arithmetic import convert
from ..ops.shape import broadcast

_WEAK: Final = {"f": float, "i": int, "c": complex}
_PYTHON_NUMBERS: Final = (int, float, complex)


class Plan(NamedTuple):
    """What has to happen to the operands of an elementwise operation."""

    dtypes: tuple[Any, ...]
    shape: tuple[int, ...]


_PLANS: Final[dict[Any, Plan]] = {}


def plan(ufunc: Any, avals: tuple[Aval, ...], dtype: Any = None) -> Plan:
    """Ask NumPy for the operands' common dtype(s) and shape."""
    key = (ufunc, dtype, *avals)
    found = _PLANS.get(key)
    if found is None:
        if len(_PLANS) > 50_000:
            _PLANS.clear()
        found = _PLANS[key] = Plan(loop_dtypes(ufunc, avals, dtype), broadcast_shape(ufunc.__name__, avals))
    return found


def loop_dtypes(ufunc: Any, avals: Sequence[Aval], dtype: Any = None) -> tuple[Any, ...]:
    """Return the dtypes that NumPy would compute a ufunc in."""
    asked = tuple(_WEAK[of.dtype.kind] if of.weak else of.dtype for of in avals)
    fixed = {} if dtype is None else {"signature": (*(None,) * len(avals), *(np.dtype(dtype),) * ufunc.nout)}
    try:
        found = ufunc.resolve_dtypes((*asked, *(None,) * ufunc.nout), **fixed)
    except TypeError as error:
        raise DtypeError(
            explain(
                f"np.{ufunc.__name__} has no version for these dtypes.",
                found=", ".join(map(repr, avals)),
                line=user_line(),
                fix="convert the operands with .astype(...)",
            )
        ) from error
    return tuple(found[: len(avals)])


def broadcast_shape(what: str, avals: Sequence[Aval]) -> tuple[int, ...]:
    """Return the common shape of operands."""
    shape = avals[0].shape
    if all(of.shape == shape for of in avals):
        return shape
    try:
        return np.broadcast_shapes(*[of.shape for of in avals])
    except ValueError:
        raise ShapeError(
            explain(
                f"The operands of {what} must broadcast: aligned at the right, axes are equal or 1.",
                found=" and ".join(map(repr, avals)),
                line=user_line(),
                fix="check which axis belongs to which; x[:, None] adds an axis, x.T or np.swapaxes turns them",
            )
        ) from None


def operand_aval(x: Any) -> Aval:
    """Return the aval of anything that may be an operand."""
    return x.aval if isinstance(x, Sym) else aval_of(x)


def as_dtype(x: Any, dtype: Any) -> Any:
    """Convert an operand; Python scalars and arrays are converted at once, traced values by an equation."""
    if isinstance(x, Sym):
        return x if x.aval.dtype == dtype and not x.aval.weak else convert(x, dtype=dtype)
    if type(x) in _PYTHON_NUMBERS or isinstance(x, np.generic):
        return dtype.type(x)
    return np.asarray(x, dtype)


def stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """Broadcast a value to a shape that it is known to fit (NumPy's rule)."""
    of = x.aval.shape
    if of == shape:
        return x
    lead = len(shape) - len(of)
    return broadcast(x, shape=shape, axes=tuple(range(lead, len(shape))))


def elementwise(record: Primitive, ufunc: Any, operands: Sequence[Any], dtype: Any = None, **params: Any) -> Any:
    """Apply an elementwise primitive to operands of any shape and dtype, as the ufunc would."""
    builder = None
    for x in operands:
        if isinstance(x, Sym) and x.builder is not None and (builder is None or x.builder.level > builder.level):
            builder = x.builder
    assert builder is not None, "all operands are concrete; the caller computes such calls with NumPy"
    avals = tuple([x.aval if isinstance(x, Sym) else aval_of(x) for x in operands])
    dtypes, shape = plan(ufunc, avals, dtype)
    ready = []
    for x, of, wanted in zip(operands, avals, dtypes, strict=True):
        if not isinstance(x, Sym):
            if of.weak:
                x = float(x) if wanted.kind == "f" and wanted.itemsize == 8 else wanted.type(x)
                of = aval((), wanted)
            elif not isinstance(x, np.ndarray):
                x = np.asarray(x)[()]
            x = builder.wrap(builder, builder.constant(x, of), of)
        elif x.base is not None:
            x.refresh()
        if of.dtype is not wanted and of.dtype != wanted:
            x = builder.apply(convert, (x,), (("dtype", wanted),))
        if of.shape != shape:
            lead = len(shape) - len(of.shape)
            x = builder.apply(
                broadcast, (x,), (("shape", shape), ("axes", tuple(range(lead, len(shape)))))
            )
        ready.append(x)
    return builder.apply(record, ready, tuple(params.items()))
