"""What NumPy's ufuncs mean for traced operands: a primitive, or a composition of primitives."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import UntraceableError, explain
from ..ops import arithmetic as ar
from ..ops import compare as cmp
from ..ops import elementary as el
from . import promote
from .dispatch import ACCUMULATIONS, FUNCTIONS, REDUCTIONS, UFUNCS
from .tracer import Tracer, fitted, is_traced, plain, wrap_result


def direct(ufunc: Any, record: Primitive) -> None:
    """Enter a ufunc that is one elementwise primitive."""
    UFUNCS[ufunc] = lambda *operands: promote.elementwise(record, ufunc, operands)


for _ufunc, _record in {
    np.add: ar.add,
    np.subtract: ar.sub,
    np.multiply: ar.mul,
    np.divide: ar.div,
    np.negative: ar.neg,
    np.conjugate: ar.conj,
    np.sqrt: el.sqrt,
    np.cbrt: el.cbrt,
    np.exp: el.exp,
    np.exp2: el.exp2,
    np.expm1: el.expm1,
    np.log: el.log,
    np.log2: el.log2,
    np.log10: el.log10,
    np.log1p: el.log1p,
    np.logaddexp: el.logaddexp,
    np.logaddexp2: el.logaddexp2,
    np.sin: el.sin,
    np.cos: el.cos,
    np.tan: el.tan,
    np.arcsin: el.arcsin,
    np.arccos: el.arccos,
    np.arctan: el.arctan,
    np.arctan2: el.arctan2,
    np.hypot: el.hypot,
    np.sinh: el.sinh,
    np.cosh: el.cosh,
    np.tanh: el.tanh,
    np.arcsinh: el.arcsinh,
    np.arccosh: el.arccosh,
    np.arctanh: el.arctanh,
    np.absolute: el.absolute,
    np.fabs: el.absolute,
    np.equal: cmp.eq,
    np.not_equal: cmp.ne,
    np.less: cmp.lt,
    np.less_equal: cmp.le,
    np.greater: cmp.gt,
    np.greater_equal: cmp.ge,
    np.isnan: cmp.isnan,
    np.isinf: cmp.isinf,
    np.isfinite: cmp.isfinite,
    np.signbit: cmp.signbit,
    np.floor: cmp.floor,
    np.ceil: cmp.ceil,
    np.trunc: cmp.trunc,
    np.rint: cmp.rint,
    np.sign: cmp.sign,
    np.bitwise_and: cmp.bitwise_and,
    np.bitwise_or: cmp.bitwise_or,
    np.bitwise_xor: cmp.bitwise_xor,
    np.invert: cmp.bitwise_not,
    np.left_shift: cmp.left_shift,
    np.right_shift: cmp.right_shift,
    np.maximum: cmp.maximum,
    np.minimum: cmp.minimum,
    np.floor_divide: cmp.floor_divide,
    np.remainder: cmp.remainder,
    np.fmod: cmp.fmod,
    np.copysign: cmp.copysign,
    np.nextafter: cmp.nextafter,
}.items():
    direct(_ufunc, _record)


def composed(ufunc: Any) -> Any:
    """Enter a ufunc that is a composition: ``@composed(np.square)``."""

    def enter(function: Any) -> Any:
        UFUNCS[ufunc] = function
        return function

    return enter


def _as_float(x: Any, ufunc: Any) -> Any:
    """Convert an operand to the dtype that the ufunc computes in."""
    return promote.as_dtype(x, promote.loop_dtypes(ufunc, (promote.operand_aval(x),))[0])


@composed(np.positive)
def _positive(x: Any) -> Any:
    return ar.copy(x)


@composed(np.square)
def _square(x: Any) -> Any:
    return ar.integer_pow(x, n=2)


@composed(np.reciprocal)
def _reciprocal(x: Any) -> Any:
    return ar.reciprocal(x)


def _fixed_exponent(y: Any) -> int | None:
    """Return an exponent that is a small whole number known now; it becomes part of the structure."""
    if type(y) is int:
        return y if -64 <= y <= 64 else None
    if isinstance(y, Sym) or np.ndim(y) or isinstance(y, (bool, np.bool_, complex, np.complexfloating)):
        return None
    if isinstance(y, np.ndarray):
        y = y[()]
    return int(y) if float(y).is_integer() and abs(float(y)) <= 64 else None


@composed(np.power)
def _power(x: Any, y: Any) -> Any:
    n = _fixed_exponent(y)
    if n is not None and isinstance(x, Sym):
        if x.aval.dtype == np.float64:
            return x.builder.apply(ar.integer_pow, (x,), (("n", n),))
        wanted = promote.loop_dtypes(np.power, (x.aval, promote.operand_aval(y)))[0]
        if wanted.kind in "fc":
            return ar.integer_pow(x if x.aval.dtype == wanted else promote.as_dtype(x, wanted), n=n)
    return promote.elementwise(ar.power, np.power, (x, y))


@composed(np.float_power)
def _float_power(x: Any, y: Any) -> Any:
    x, y = (promote.as_dtype(v, np.result_type(promote.operand_aval(v).dtype, np.float64)) for v in (x, y))
    return np.power(x, y)


@composed(np.deg2rad)
@composed(np.radians)
def _deg2rad(x: Any) -> Any:
    x = _as_float(x, np.deg2rad)
    return x * x.aval.dtype.type(np.pi / 180)


@composed(np.rad2deg)
@composed(np.degrees)
def _rad2deg(x: Any) -> Any:
    x = _as_float(x, np.rad2deg)
    return x * x.aval.dtype.type(180 / np.pi)


@composed(np.logical_not)
def _logical_not(x: Any) -> Any:
    return cmp.logical_not(truth(x))


def truth(x: Any) -> Any:
    """Return ``x != 0``, as a boolean array."""
    if not isinstance(x, Sym):
        return np.asarray(x).astype(bool)
    return x if x.aval.dtype == np.bool_ else ar.convert(x, dtype=np.dtype(bool))


def _logical(ufunc: Any, record: Primitive) -> None:
    UFUNCS[ufunc] = lambda x, y: promote.elementwise(record, ufunc, (truth(x), truth(y)))


for _ufunc, _record in (
    (np.logical_and, cmp.logical_and),
    (np.logical_or, cmp.logical_or),
    (np.logical_xor, cmp.logical_xor),
):
    _logical(_ufunc, _record)


@composed(np.fmax)
def _fmax(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.maximum(x, y)))


@composed(np.fmin)
def _fmin(x: Any, y: Any) -> Any:
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.minimum(x, y)))


@composed(np.heaviside)
def _heaviside(x: Any, y: Any) -> Any:
    at_zero = np.where(x == 0, y, np.where(x > 0, 1.0, 0.0))
    return np.where(np.isnan(x), np.nan, at_zero)


@composed(np.divmod)
def _divmod(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


@composed(np.modf)
def _modf(x: Any) -> Any:
    whole = np.trunc(x)
    return np.where(np.isinf(x), 0.0, x - whole), whole


@composed(np.ldexp)
def _ldexp(x: Any, n: Any) -> Any:
    return x * np.exp2(promote.as_dtype(n, promote.operand_aval(x).dtype))


@composed(np.frexp)
def _frexp(x: Any) -> Any:
    x = _as_float(x, np.frexp)
    # The exponent is constant almost everywhere; found from log2, mended where rounding put it one off.
    safe = np.where((x == 0) | ~np.isfinite(x), 1.0, np.abs(x))
    exponent = np.floor(np.log2(safe)) + 1
    exponent = np.where(safe * np.exp2(-exponent) >= 1, exponent + 1, exponent)
    exponent = np.where(safe * np.exp2(-exponent) < 0.5, exponent - 1, exponent)
    exponent = np.where((x == 0) | ~np.isfinite(x), 0.0, exponent)
    return x * np.exp2(-exponent), exponent.astype(np.int32)


@composed(np.spacing)
def _spacing(x: Any) -> Any:
    return np.copysign(np.abs(np.nextafter(x, np.copysign(np.inf, x)) - x), x)


@composed(np.clip if isinstance(np.clip, np.ufunc) else np._core.umath.clip)  # type: ignore[attr-defined]
def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


# -- ufunc methods and keywords ---------------------------------------------------------------------------------------


def general(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """Handle every call of a ufunc that is not a plain one on traced operands."""
    inputs = [_nested(x) for x in inputs]
    if not any(map(is_traced, inputs)) and not any(map(is_traced, kwargs.values())):
        return _concrete(ufunc, method, inputs, kwargs)
    kwargs = dict(kwargs)
    out = _single_out(kwargs.pop("out", None))
    where = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    kwargs.pop("casting", None)
    for harmless in ("order", "subok"):
        kwargs.pop(harmless, None)
    if method == "at":
        return _at(ufunc, inputs)
    result = _result(ufunc, method, inputs, dtype, where if method == "reduce" else True, kwargs)
    if where is not True and method == "__call__":
        result = _masked(result, where, out)
    return result if out is None else _write(out, result, ufunc)


FUNCTIONS["ufunc"] = general


def _nested(x: Any) -> Any:
    return FUNCTIONS[np.array](x) if type(x) in (list, tuple) and is_traced(x) else x


def _concrete(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """All operands are fresh arrays: NumPy computes."""
    out = kwargs.get("out")
    plain_kwargs = {k: plain(v) for k, v in kwargs.items()}
    if out is not None:
        plain_kwargs["out"] = tuple(o.writable() if isinstance(o, Tracer) else o for o in out)
    if method == "at":
        getattr(ufunc, method)(inputs[0].writable(), *[plain(x) for x in inputs[1:]], **plain_kwargs)
        return None
    result = getattr(ufunc, method)(*[plain(x) for x in inputs], **plain_kwargs)
    return (out[0] if len(out) == 1 else out) if out is not None else wrap_result(result)


def _single_out(out: Any) -> Any:
    if isinstance(out, tuple) and len(out) == 1:
        out = out[0]
    return out


def _result(ufunc: Any, method: str, inputs: Any, dtype: Any, where: Any, kwargs: Any) -> Any:
    if method == "__call__":
        handler = UFUNCS.get(ufunc)
        if handler is None:
            raise _unknown(ufunc, method)
        if dtype is not None:
            inputs = [promote.as_dtype(x, np.dtype(dtype)) for x in inputs]
        if not any(map(is_traced, inputs)):
            return ufunc(*[plain(x) for x in inputs], **kwargs)
        return handler(*inputs, **kwargs)
    if method == "reduce":
        names = ("axis", "dtype", "out", "keepdims", "initial", "where")
        given = dict(zip(names, inputs[1:], strict=False)) | kwargs
        given.setdefault("axis", 0)
        if dtype is not None:
            given["dtype"] = dtype
        if where is not True:
            given["where"] = where
        handler = REDUCTIONS.get(ufunc)
        return handler(inputs[0], **given) if handler else _fold(ufunc, inputs[0], **given)
    if method == "accumulate":
        handler = ACCUMULATIONS.get(ufunc)
        axis = kwargs.get("axis", inputs[1] if len(inputs) > 1 else 0)
        x = inputs[0] if dtype is None else promote.as_dtype(inputs[0], np.dtype(dtype))
        return handler(x, axis=axis) if handler else _scan(ufunc, x, axis)
    if method == "outer":
        x, y = inputs
        return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)
    if method == "reduceat":
        return _reduceat(ufunc, *inputs, **kwargs)
    raise _unknown(ufunc, method)


def _fold(ufunc: Any, x: Any, axis: Any = 0, keepdims: bool = False, **kwargs: Any) -> Any:
    """Reduce with any binary ufunc, one entry after the other."""
    if kwargs or axis is None or isinstance(axis, tuple):
        raise _unknown(ufunc, "reduce with " + ", ".join([*kwargs, f"axis={axis}"]))
    rows = [np.take(x, i, axis) for i in range(np.shape(x)[axis])]
    out = functools.reduce(ufunc, rows)
    return np.expand_dims(out, axis) if keepdims else out


def _scan(ufunc: Any, x: Any, axis: int) -> Any:
    """Accumulate with any binary ufunc, one entry after the other."""
    rows = [np.take(x, i, axis) for i in range(np.shape(x)[axis])]
    for i in range(1, len(rows)):
        rows[i] = ufunc(rows[i - 1], rows[i])
    return np.stack(rows, axis)


def _reduceat(ufunc: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    """Reduce over the stretches between indices."""
    indices = [int(i) for i in np.asarray(indices)]
    x = np.moveaxis(x, axis, 0)
    parts = []
    for k, start in enumerate(indices):
        stop = indices[k + 1] if k + 1 < len(indices) else len(x)
        parts.append(ufunc.reduce(x[start:stop], axis=0) if start < stop else x[start])
    return np.moveaxis(np.stack(parts), 0, axis)


def _at(ufunc: Any, inputs: Any) -> None:
    """``ufunc.at``: unbuffered, so that repeated indices act repeatedly."""
    target, index, *values = inputs
    if not isinstance(target, Tracer):
        raise not_traced_array(f"np.{ufunc.__name__}.at writes", target)
    if ufunc in (np.add, np.subtract):
        FUNCTIONS["add_at"](target, index, values[0] if ufunc is np.add else -values[0])
        return
    # Any other ufunc: entry by entry, in NumPy's order.
    picked = np.arange(target.aval.size).reshape(target.aval.shape)[plain(index)]
    flat = np.reshape(np.array(target), -1)
    operands = [np.broadcast_to(v, picked.shape).reshape(-1) for v in values]
    for k, i in enumerate(picked.reshape(-1)):
        flat[int(i)] = ufunc(flat[int(i)], *[v[k] for v in operands])
    target[...] = flat.reshape(target.aval.shape)


def _masked(result: Any, where: Any, out: Any) -> Any:
    """``where=``: entries outside keep what ``out`` held; without ``out`` NumPy leaves them undefined, here 0."""
    if isinstance(result, tuple):
        outs = out if isinstance(out, tuple) else (None,) * len(result)
        return tuple(_masked(r, where, o) for r, o in zip(result, outs, strict=True))
    return np.where(where, result, np.zeros((), np.dtype(result.dtype)) if out is None else out)


def _write(out: Any, result: Any, ufunc: Any) -> Any:
    if isinstance(out, tuple):
        return tuple(_write(o, r, ufunc) for o, r in zip(out, result, strict=True))
    if out is None:
        return result
    write_out(out, result, f"np.{ufunc.__name__}")
    return out


def write_out(out: Any, result: Any, what: str) -> None:
    """Write a result into an ``out=`` array, with NumPy's checks of shape and casting."""
    if not isinstance(out, Tracer):
        raise not_traced_array(f"{what} with out= writes", out)
    dtype = promote.operand_aval(result).dtype
    if not np.can_cast(dtype, out.aval.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast {what} output from {dtype!r} to {out.aval.dtype!r} with casting rule 'same_kind'\n"
            f"  at:    {user_line()}"
        )
    if (
        np.shape(result) != out.aval.shape
        and promote.broadcast_shape("out=", (promote.operand_aval(result), out.aval)) != out.aval.shape
    ):
        raise ValueError(
            f"non-broadcastable output operand with shape {out.aval.shape} doesn't match the broadcast shape "
            f"{np.shape(result)}\n  at:    {user_line()}"
        )
    out.refresh()
    if out.builder is None:
        if not is_traced(result):
            out.writable()[...] = plain(result)
            return
        out[...] = result
        return
    out.assign(fitted(result, out.aval.shape, out))


def not_traced_array(what: str, target: Any) -> UntraceableError:
    """Return the error for writing a traced value into a plain array."""
    return UntraceableError(
        explain(
            f"{what} into a plain NumPy array, which cannot hold a traced value.",
            found=f"an array of shape {np.shape(target)} made outside of the function",
            line=user_line(),
            fix="make the array inside the function (np.zeros, np.empty ... work there), or pass it as an argument",
        )
    )


def _unknown(ufunc: Any, method: str) -> UntraceableError:
    return UntraceableError(
        explain(
            f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method} has no meaning for traced values yet.",
            line=user_line(),
            fix="write it with other NumPy functions, or give it a derivative with wg.custom_jvp or wg.custom_vjp",
        )
    )
