"""NumPy's rules for dtypes and shapes of operands, made explicit: conversions and broadcasts become equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from ..core.aval import Aval, aval, aval_of
from ..core.builder import leaked
from ..core.graph import Params
from ..core.primitive import Primitive
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import DtypeError, ShapeError, explain
from ..ops.arithmetic import convert
from ..ops.shape import broadcast

_WEAK: Final = {"f": float, "i": int, "c": complex}
_PYTHON_NUMBERS: Final = (int, float, complex)
_PYTHON_DTYPES: Final = (np.dtype(np.int64), np.dtype(np.float64), np.dtype(np.complex128))


class Operand(NamedTuple):
    """What has to happen to one operand of an elementwise operation.

    Attributes
    ----------
    cast
        For a Python number: makes a number of the operation's dtype of it.
    aval
        The aval after that.
    convert, broadcast
        Parameters of the equations to record, or None where none is needed.
    """

    cast: Any
    aval: Aval
    convert: Params | None
    broadcast: Params | None


_PLANS: Final[dict[Any, tuple[Operand, ...]]] = {}


def plan(ufunc: Any, avals: tuple[Aval, ...]) -> tuple[Operand, ...]:
    """Ask NumPy for the operands' common dtype(s) and shape, and say what has to happen to each operand."""
    dtypes, shape = loop_dtypes(ufunc, avals), broadcast_shape(ufunc.__name__, avals)
    found = []
    for of, dtype in zip(avals, dtypes, strict=True):
        cast = (float if dtype == np.float64 else dtype.type) if of.weak else None
        lead = len(shape) - len(of.shape)
        found.append(
            Operand(
                cast,
                aval((), dtype) if of.weak else of,
                None if of.dtype == dtype else (("dtype", dtype),),
                None if of.shape == shape else (("shape", shape), ("axes", tuple(range(lead, len(shape))))),
            )
        )
    if len(_PLANS) > 50_000:
        _PLANS.clear()
    made = _PLANS[(ufunc, *avals)] = tuple(found)
    return made


def loop_dtypes(ufunc: Any, avals: Sequence[Aval]) -> tuple[Any, ...]:
    """Return the dtypes that NumPy would compute a ufunc in."""
    # NumPy compares two Python numbers as Python objects; nobody else has to know.
    every = all(of.weak for of in avals)
    asked = tuple(_WEAK[of.dtype.kind] if of.weak and not every else of.dtype for of in avals)
    try:
        found = ufunc.resolve_dtypes((*asked, *(None,) * ufunc.nout))
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


def adapts(x: Any) -> bool:
    """Say whether an operand is a Python number, or stands for one: then it adapts to the dtype that it meets."""
    return bool(x.aval.weak) if isinstance(x, Sym) else type(x) in _PYTHON_NUMBERS


def weakened(x: Any) -> Any:
    """Return what Python computes of Python numbers: a number that adapts as they do."""
    if not isinstance(x, Sym) or x.aval.shape or x.aval.weak or x.aval.dtype not in _PYTHON_DTYPES:
        return x
    made: Any = type(x)(x.builder, x.id, aval((), x.aval.dtype, True))
    return made


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


def elementwise(record: Primitive, ufunc: Any, operands: Sequence[Any]) -> Any:
    """Apply an elementwise primitive to operands of any shape and dtype, as the ufunc would.

    At least one operand is traced.
    """
    builder: Any = None
    for x in operands:
        if isinstance(x, Sym):
            if x.base is not None:
                x.refresh()
            owner = x.builder
            if owner is not builder and owner is not None and (builder is None or owner.level > builder.level):
                builder = owner
    if builder.finished:
        raise leaked(operands[0])
    look_up = builder.operands(ufunc, operands)
    if look_up is not None:
        out = builder.recall(*look_up)
        if out is not None:
            return out
    before = builder.node
    first, hows = _record(builder, record, ufunc, operands)
    out = builder.output(first)
    return out if look_up is None else builder.learn(before, *look_up, hows, out)


def _record(builder: Any, record: Primitive, ufunc: Any, operands: Sequence[Any]) -> tuple[int, list[Any]]:
    """Record an elementwise operation and what its operands need; return its number, and how values were captured."""
    emit = builder.emit
    numbers = []
    hows: list[Any] = []
    avals = [operand_aval(x) for x in operands]
    steps = _PLANS.get((ufunc, *avals)) or plan(ufunc, tuple(avals))
    for x, (cast, of, conversion, broadcasting) in zip(operands, steps, strict=True):
        if isinstance(x, Sym):
            number = x.id if x.builder is builder else builder.lift(x)
            if conversion is not None:
                number = emit(convert, (number,), conversion)
        elif cast is not None:
            if of.dtype.kind in "iu" and broadcasting is None:
                # Arithmetic of indices: bounds can be derived from it.  The number is structure, so that what is not
                # captured keeps the operation from being remembered by its operands' types.
                number = builder.full(int(cast(x)), (), of.dtype).id
            else:
                number = builder.capture(cast(x), of)
                hows.append(None if cast is type(x) else cast)
        else:
            count = len(builder.values)
            number = builder.constant(x if isinstance(x, np.ndarray) else np.asarray(x)[()], of)
            if len(builder.values) > count:
                hows.append(number if isinstance(x, np.ndarray) else None)
            if conversion is not None:
                number = emit(convert, (number,), conversion)
        if broadcasting is not None:
            number = emit(broadcast, (number,), broadcasting)
        numbers.append(number)
    return emit(record, tuple(numbers)), hows
