"""What NumPy's ufuncs mean for traced operands: a primitive, or a composition of primitives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.primitive import Primitive
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import UntraceableError, explain
from ..ops import arithmetic as ar
from ..ops import compare as cmp
from ..ops import elementary as el
from . import libraries, promote
from .dispatch import ACCUMULATIONS, FUNCTIONS, REDUCTIONS, UFUNCS, F
from .indexing import Pick, parse
from .tracer import Tracer, fitted, is_traced, lift_fresh, plain, wrap_result


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


def composed(ufunc: Any) -> Callable[[F], F]:
    """Enter a ufunc that is a composition: ``@composed(np.square)``."""

    def enter(function: F) -> F:
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
        builder = x.builder
        if x.aval.dtype == np.float64 and not builder.finished:
            number = builder.emit(ar.integer_pow, (x.id,), (("n", n),))
            return builder.output(number)
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
    avals = (promote.operand_aval(x), promote.operand_aval(y))
    dtype = promote.loop_dtypes(np.heaviside, avals)[0]
    x, y = promote.as_dtype(x, dtype), promote.as_dtype(y, dtype)
    zero, one, nan = dtype.type(0), dtype.type(1), dtype.type(np.nan)
    return np.where(np.isnan(x), nan, np.where(x == 0, y, np.where(x > 0, one, zero)))


@composed(np.divmod)
def _divmod(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


@composed(np.modf)
def _modf(x: Any) -> Any:
    x = _as_float(x, np.modf)
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), x.aval.dtype.type(0), x - whole), x), whole


@composed(np.ldexp)
def _ldexp(x: Any, n: Any) -> Any:
    dtype = promote.loop_dtypes(np.ldexp, (promote.operand_aval(x), promote.operand_aval(n)))[0]
    x, n = promote.as_dtype(x, dtype), np.clip(n, -4200, 4200)
    # In three steps: 2 ** n itself may overflow where x 2 ** n does not.
    third = np.floor_divide(n, 3)
    for part in (third, third, n - 2 * third):
        x = x * np.exp2(promote.as_dtype(part, dtype))
    return x


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
        if handler is None and libraries.load():
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
        places = ("axis", "dtype", "out")
        given = {"axis": 0} | dict(zip(places, inputs[1:], strict=False)) | kwargs
        axis, dtype = given["axis"], given.get("dtype") if dtype is None else dtype
        if handler is not None:
            return handler(inputs[0], axis=axis, dtype=None if dtype is None else np.dtype(dtype))
        return _scan(ufunc, inputs[0] if dtype is None else promote.as_dtype(inputs[0], np.dtype(dtype)), axis)
    if method == "outer":
        x, y = inputs
        if np.ndim(y):
            x = np.reshape(x, np.shape(x) + (1,) * np.ndim(y))
        return general(ufunc, "__call__", (x, y), {"dtype": dtype, "where": where})
    if method == "reduceat":
        if dtype is not None:
            inputs = [promote.as_dtype(inputs[0], np.dtype(dtype)), *inputs[1:]]
        return _reduceat(ufunc, *inputs[:3], **kwargs)
    raise _unknown(ufunc, method)


_REORDERABLE = (np.hypot, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.logical_xor, np.gcd, np.lcm)


def _fold(
    ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    """Reduce with any binary ufunc, one entry after the other."""
    if where is not True:
        raise _unknown(ufunc, "reduce with where=")
    x = x if dtype is None else promote.as_dtype(x, np.dtype(dtype))
    shape, ndim = np.shape(x), np.ndim(x)
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % ndim for a in axes)
    if len(axes) > 1 and ufunc not in _REORDERABLE:
        raise ValueError(f"reduction operation '{ufunc.__name__}' is not reorderable, so at most one axis may be "
                         f"specified\n  at:    {user_line()}")  # fmt: skip
    rest = tuple(a for a in range(ndim) if a not in axes)
    rows = np.reshape(np.transpose(x, (*axes, *rest)), (-1, *(shape[a] for a in rest)))
    entries = [rows[i] for i in range(rows.shape[0])]
    if initial is not None and initial is not np._NoValue:
        entries.insert(0, initial)
    if not entries:
        raise _unknown(ufunc, "reduce of no entries")
    found = functools.reduce(ufunc, entries)
    return np.reshape(found, tuple(1 if a in axes else n for a, n in enumerate(shape))) if keepdims is True else found


def _scan(ufunc: Any, x: Any, axis: int) -> Any:
    """Accumulate with any binary ufunc, one entry after the other."""
    turned = np.moveaxis(x, axis, 0)
    rows = [turned[i] for i in range(np.shape(turned)[0])]
    for i in range(1, len(rows)):
        rows[i] = ufunc(rows[i - 1], rows[i])
    return np.stack(rows, axis) if rows else np.copy(x)


def _reduceat(ufunc: Any, x: Any, indices: Any, axis: int = 0) -> Any:
    """Reduce over the stretches between indices."""
    starts = [int(i) for i in np.asarray(plain(indices))]
    x = np.moveaxis(x, axis, 0)
    n = np.shape(x)[0]
    parts = []
    for k, start in enumerate(starts):
        if not 0 <= start < n:
            raise IndexError(
                f"index {start} out-of-bounds in {ufunc.__name__}.reduceat [0, {n})\n  at:    {user_line()}"
            )
        stop = starts[k + 1] if k + 1 < len(starts) else n
        parts.append(ufunc.reduce(x[start : max(stop, start + 1)], axis=0))
    return np.moveaxis(np.stack(parts), 0, axis)


def _at(ufunc: Any, inputs: Any) -> None:
    """``ufunc.at``: unbuffered, so that repeated indices act repeatedly."""
    target, index, *values = inputs
    if not isinstance(target, Tracer):
        raise not_traced_array(f"np.{ufunc.__name__}.at writes", target)
    if target.builder is None:
        lift_fresh(target, [*values, index])
    if ufunc in (np.add, np.subtract) and target.aval.dtype.kind in "fc":
        _add_at(target, index, values[0] if ufunc is np.add else np.negative(values[0]))
        return
    # Any other ufunc: entry by entry, in NumPy's order.
    picked = np.arange(target.aval.size).reshape(target.aval.shape)[plain(index)]
    flat = np.reshape(np.copy(target), -1)
    operands = [np.reshape(np.broadcast_to(v, picked.shape), -1) for v in values]
    for k, i in enumerate(picked.reshape(-1)):
        flat[int(i)] = ufunc(flat[int(i)], *[v[k] for v in operands])
    target[...] = np.reshape(flat, target.aval.shape)


def _add_at(target: Tracer, index: Any, value: Any) -> None:
    where = parse(index, target.aval.shape)
    part = where.read(target)
    value = fitted(value, part.shape, target)
    target.assign(where.add(target, value) if isinstance(where, Pick) else where.write(target, part + value))


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
            found=f"an array of shape {np.shape(target)} that is not traced",
            line=user_line(),
            fix="make the array inside the function (np.zeros, np.empty ... work there), or pass it as an argument "
            "that is differentiated (argnums)",
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
