"""Functions of single entries that are no ufuncs: clip, round, sinc, nan_to_num; questions about entries and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.source import user_line
from ...core.symbol import Sym
from ...ops import arithmetic
from ...ops.sinc import sinc as sinc_primitive
from ...ops.special.bessel import i0 as i0_primitive
from ..dispatch import UFUNCS, implements
from ..force import observe
from .common import NOT_GIVEN, as_dtype, finish, given, operand_aval, together, traced
from .methods import imag as imag_part
from .methods import real as real_part

# -- rounding and limits ----------------------------------------------------------------------------------------------


@implements(np.clip)
def clip(
    a: Any, a_min: Any = NOT_GIVEN, a_max: Any = NOT_GIVEN, out: Any = None, *, min: Any = NOT_GIVEN,
    max: Any = NOT_GIVEN, **kwargs: Any,
) -> Any:  # fmt: skip
    low, high = (second if first is NOT_GIVEN else first for first, second in ((a_min, min), (a_max, max)))
    if kwargs.get("dtype") is not None:
        a = as_dtype(traced(a, [a, low, high]), np.dtype(kwargs["dtype"]))
    if given(low):
        a = np.maximum(a, low)
    if given(high):
        a = np.minimum(a, high)
    return finish(a if given(low) or given(high) else np.positive(a), out, "np.clip")


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    x = traced(a)
    kind = x.dtype.kind
    if kind == "c":
        return finish(np.round(x.real, decimals) + 1j * np.round(x.imag, decimals), out, "np.round")
    if kind in "iu" and decimals >= 0:
        return finish(np.positive(x), out, "np.round")
    if decimals == 0:
        return finish(np.rint(x), out, "np.round")
    factor = 10.0 ** abs(decimals)
    wide = x if kind == "f" else as_dtype(x, np.dtype(float))
    rounded = np.rint(wide * factor) / factor if decimals > 0 else np.rint(wide / factor) * factor
    return finish(as_dtype(rounded, x.dtype), out, "np.round")


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    return finish(np.trunc(x), out, "np.fix")


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    v = traced(x, [x, nan, posinf, neginf])
    kind = v.dtype.kind
    if kind not in "fc":
        return np.positive(v)
    if kind == "c":
        result = arithmetic.make_complex(
            *[traced(nan_to_num(part, True, nan, posinf, neginf), v) for part in (v.real, v.imag)]
        )
    else:
        limits = np.finfo(v.dtype)
        ends = (limits.max if posinf is None else posinf, limits.min if neginf is None else neginf)
        result = np.where(np.isnan(v), _of(nan, v.dtype), v)
        result = np.where(v == np.inf, _of(ends[0], v.dtype), result)
        result = np.where(v == -np.inf, _of(ends[1], v.dtype), result)
    if not copy:
        x[...] = result
        return x
    return result


def _of(value: Any, dtype: Any) -> Any:
    return as_dtype(value, dtype) if isinstance(value, Sym) else np.asarray(value, dtype)


# -- special values ---------------------------------------------------------------------------------------------------


@implements(np.sinc)
def sinc(x: Any) -> Any:
    x = traced(x)
    return sinc_primitive(x if x.dtype.kind in "fc" else as_dtype(x, np.dtype(float)), n=0)


@implements(np.i0)
def i0(x: Any) -> Any:
    x = traced(x)
    if x.dtype.kind == "c":
        raise TypeError(f"i0 not supported for complex values\n  at:    {user_line()}")
    return i0_primitive(as_dtype(x, np.dtype(float)))


# -- complex numbers --------------------------------------------------------------------------------------------------


@implements(np.real)
def real(val: Any) -> Any:
    return real_part(traced(val))


@implements(np.imag)
def imag(val: Any) -> Any:
    return imag_part(traced(val))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    z = traced(z)
    a = np.arctan2(z.imag, z.real)
    return a * (180 / math.pi) if deg else a


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    z = traced(a)
    if z.dtype.kind != "c":
        return z
    limit = np.finfo(z.dtype).eps * tol if tol > 1 else tol
    # Whether the result is real depends on the values: another answer is another program.
    small = observe(z, "real_if_close", lambda value: bool(np.all(np.abs(np.imag(value)) < limit)))
    return z.real if small else z


def _complex_sign(x: Any) -> Any:
    """NumPy 2: z / |z| for complex numbers, 0 at 0."""
    size = np.abs(x)
    return np.where(size == 0, x, x / np.where(size == 0, 1, size))


_plain_sign = UFUNCS[np.sign]
UFUNCS[np.sign] = lambda x: _complex_sign(x) if operand_aval(x).dtype.kind == "c" else _plain_sign(x)

# -- questions about entries ------------------------------------------------------------------------------------------


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return np.not_equal(imag(x), 0)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    return np.equal(imag(x), 0)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    return finish(np.equal(x, np.inf), out, "np.isposinf")


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    return finish(np.equal(x, -np.inf), out, "np.isneginf")


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    a, b = together(a, b)
    near = np.abs(a - b) <= atol + rtol * np.abs(b)
    result = (near & np.isfinite(b)) | (a == b)
    return result | (np.isnan(a) & np.isnan(b)) if equal_nan else result


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> bool:
    return bool(np.all(np.isclose(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    a, b = together(a1, a2)
    if a.shape != b.shape:
        return False
    same = a == b
    if equal_nan and a.dtype.kind in "fc" and b.dtype.kind in "fc":
        same = same | (np.isnan(a) & np.isnan(b))
    return bool(np.all(same))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    a, b = together(a1, a2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return bool(np.all(a == b))


# -- questions about dtypes -------------------------------------------------------------------------------------------


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return operand_aval(x).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return operand_aval(x).dtype.kind != "c"


def _dtype_or_value(x: Any) -> Any:
    if not isinstance(x, Sym):
        return x
    return {"f": 0.0, "i": 0, "c": 0j}[x.aval.dtype.kind] if x.aval.weak else x.aval.dtype


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*map(_dtype_or_value, arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(operand_aval(from_).dtype if isinstance(from_, Sym) else from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    of = operand_aval(a)
    if of.ndim:
        return of.dtype
    raise TypeError(f"np.min_scalar_type asks for the value of a traced scalar\n  at:    {user_line()}")


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*[np.empty(0, operand_aval(a).dtype) for a in arrays])
