"""Arithmetic: the primitives that every derivative is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Primitive, Sample, primitive
from .family import (
    Linear,
    elementwise,
    full_like,
    grid,
    is_linear,
    linear_jvp,
    pairs,
    scaled,
    total,
)

inf, nan = np.inf, np.nan
_EDGES = [0.0, -0.0, inf, -inf, nan, 1.0]
_PAIR_EDGES = [(0.0, 0.0), (inf, 0.0), (0.0, -inf), (nan, 1.0), (1.0, nan), (-0.0, 2.0)]


def complex_samples(n: int) -> list[Sample]:
    """Return samples with complex operands."""
    rng = np.random.default_rng(n)
    return [Sample(tuple(rng.normal(size=(2, 4)) + 1j * rng.normal(size=(2, 4)) for _ in range(n)))]


# -- constants --------------------------------------------------------------------------------------------------------


def _full_evaluate(value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return np.full(shape, value, dtype)


full: Primitive = primitive(
    "full",
    "an array filled with one number",
    evaluate=_full_evaluate,
    infer=lambda value, shape, dtype: aval(shape, dtype),
    jvp=lambda primals, tangents, out, **_: None,
    transpose=NoRule("full has no operands"),
    batch=NoRule("full has no operands"),
    samples=lambda: [Sample((), {"value": 2.0, "shape": (2, 3), "dtype": np.dtype(float)})],
    label="constant",
    explanation="depends on nothing, so no gradient flows through it",
)

room: Primitive = primitive(
    "room",
    "an array to be written into before anything is read from it; compiled code leaves its memory as it is",
    evaluate=lambda shape, dtype, number: np.zeros(shape, dtype),
    infer=lambda shape, dtype, number: aval(shape, dtype),
    jvp=lambda primals, tangents, out, **_: None,
    transpose=NoRule("room has no operands"),
    batch=NoRule("room has no operands"),
    samples=lambda: [Sample((), {"shape": (0, 3), "dtype": np.dtype(float), "number": 0}, smooth=False)],
    label="gradient stop",
    explanation="depends on nothing, so no gradient flows through it",
)

# -- add, sub, neg: linear in all operands ----------------------------------------------------------------------------


def _add_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    return total(tangents)


add: Primitive = elementwise(
    "add",
    "x + y",
    np.add,
    None,
    lambda: pairs((-2, -2), (2, 2), _PAIR_EDGES)() + complex_samples(2),
    jvp=_add_jvp,
    transpose=lambda ct, x, y: (ct if is_linear(x) else None, ct if is_linear(y) else None),
    label="gradient distributor",
    explanation="hands the incoming gradient unchanged to each of its inputs",
    commutes=True,
    weak=True,
    lower="add",
)


def _sub_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    tx, ty = tangents
    if ty is None:
        return tx
    return neg(ty) if tx is None else sub(tx, ty)


sub: Primitive = elementwise(
    "sub",
    "x - y",
    np.subtract,
    None,
    lambda: pairs((-2, -2), (2, 2), _PAIR_EDGES)() + complex_samples(2),
    jvp=_sub_jvp,
    transpose=lambda ct, x, y: (ct if is_linear(x) else None, neg(ct) if is_linear(y) else None),
    label="gradient distributor",
    explanation="hands the incoming gradient to its first input and its negative to the second",
    weak=True,
    lower="sub",
)

neg: Primitive = elementwise(
    "neg",
    "-x",
    np.negative,
    None,
    lambda: grid(-2, 2, edges=_EDGES)() + complex_samples(1),
    jvp=linear_jvp(lambda: neg),
    transpose=lambda ct, x: (neg(ct),),
    label="sign changer",
    explanation="hands back the incoming gradient with its sign changed",
    weak=True,
    lower="neg",
)

# -- products ---------------------------------------------------------------------------------------------------------

mul: Primitive = elementwise(
    "mul",
    "x * y",
    np.multiply,
    (lambda x, y, out: y, lambda x, y, out: x),
    lambda: pairs((-2, -2), (2, 2), _PAIR_EDGES)() + complex_samples(2),
    label="gradient switcher",
    explanation="hands to each input the incoming gradient times the value of the other input",
    commutes=True,
    weak=True,
    lower="mul",
)


def _scale_evaluate(c: Any, t: Any) -> Any:
    with np.errstate(all="ignore"):
        product = np.multiply(c, t)
        if np.isnan(product).any():
            product = np.where((np.equal(c, 0)) | (np.equal(t, 0)), np.zeros((), product.dtype), product)
    return product


def _scale_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    (c, t), (dc, dt) = primals, tangents
    return total([None if dc is None else scale(dc, t), None if dt is None else scale(c, dt)])


scale: Primitive = elementwise(
    "scale",
    "a partial derivative times a tangent or cotangent: c * t, where an exact zero wins over inf and nan",
    _scale_evaluate,
    None,
    lambda: pairs((-2, -2), (2, 2), _PAIR_EDGES)() + complex_samples(2),
    jvp=_scale_jvp,
    transpose=lambda ct, c, t: (scale(t, ct) if is_linear(c) else None, scale(c, ct) if is_linear(t) else None),
    stage=lambda *avals: np.multiply,
    label="gradient switcher",
    explanation="multiplies by a local derivative; zero wins over inf and nan, so that a branch that was not taken, or "
    "an inner derivative that vanishes, contributes nothing",
    commutes=True,
    lower="scale",
)
# ``stage`` is the optimistic version: plain multiplication.  The interpreter checks its results for nan and, where
# there is one, runs the exact version.


div: Primitive = elementwise(
    "div",
    "x / y",
    np.divide,
    (lambda x, y, out: reciprocal(y), lambda x, y, out: neg(mul(out, reciprocal(y)))),
    lambda: pairs((-2, 0.5), (2, 2), _PAIR_EDGES)() + complex_samples(2),
    label="gradient switcher",
    explanation="like mul by 1/y: the gradient of x is divided by y",
    weak=True,
    lower="div",
)

reciprocal: Primitive = elementwise(
    "reciprocal",
    "1 / x",
    lambda x: np.divide(1, x),
    (lambda x, out: neg(mul(out, out)),),
    lambda: grid(0.5, 3, edges=_EDGES)() + complex_samples(1),
    lower="reciprocal",
)


def _integer_pow_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, n: int) -> Any:
    (x,), (t,) = primals, tangents
    if t is None or n == 0:
        return None
    if n == 1:
        return t
    if n == 2:
        return scaled(x + x, t)
    return scaled(integer_pow(x, n=n - 1) * n, t)


def _integer_pow(x: Any, n: int) -> Any:
    if n == 2:
        return np.multiply(x, x)
    return np.power(x, n)


def _integer_pow_stage(x: Aval, n: int) -> Any:
    if n == 2:
        return np.square
    if n == 3:
        return lambda x: x * x * x
    return lambda x: _integer_pow(x, n)


integer_pow: Primitive = elementwise(
    "integer_pow",
    "x ** n for a fixed integer n",
    _integer_pow,
    None,
    lambda: (
        [Sample(s.args, {"n": n}, s.smooth) for n in (-2, -1, 0, 1, 2, 3, 5) for s in grid(0.5, 2, edges=_EDGES)()]
        + [Sample((np.array([0.0, -1.5, 2.0]),), {"n": n}) for n in (0, 1, 2, 3, 4)]
    ),
    jvp=_integer_pow_jvp,
    stage=_integer_pow_stage,
    flops=lambda x, n: x.size * max(1, abs(n).bit_length()),
    weak=True,
    lower="integer_pow",
)

power: Primitive = elementwise(
    "pow",
    "x ** y",
    np.power,
    (
        lambda x, y, out: scale(y, power(x, y - 1)),
        lambda x, y, out: scale(out, _log(x)),
    ),
    lambda: (
        pairs((0.5, -2), (2, 2), [(0.0, 0.0), (0.0, 1.0), (0.0, 2.5), (inf, 0.5), (2.0, -inf), (nan, 1.0)])()
        + complex_samples(2)
    ),
    weak=True,
    lower="pow",
)


def _log(x: Any) -> Any:
    return x.builder.apply_named("log", x)


# -- dtype and complex parts ------------------------------------------------------------------------------------------


def _convert_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, dtype: Any) -> Any:
    return None if tangents[0] is None or dtype.kind not in "fc" else convert(tangents[0], dtype=dtype)


def _convert_transpose(ct: Any, x: Linear, dtype: Any) -> Any:
    if dtype.kind == "c" and x.dtype.kind == "f":
        ct = real(ct)
    return (ct if ct.dtype == x.dtype else convert(ct, dtype=x.dtype),)


def _convert(x: Any, dtype: Any) -> Any:
    if dtype.kind not in "cO" and np.asarray(x).dtype.kind == "c":
        x = np.real(x)
    return np.asarray(x).astype(dtype)[()]


convert: Primitive = elementwise(
    "convert",
    "x in another dtype",
    _convert,
    None,
    lambda: [
        Sample((np.linspace(-2, 2, 5),), {"dtype": np.dtype(np.float32)}),
        Sample((np.arange(5),), {"dtype": np.dtype(np.float64)}),
        Sample((np.linspace(-2, 2, 5, dtype=np.float32),), {"dtype": np.dtype(np.float64)}),
        Sample((np.linspace(-2, 2, 4),), {"dtype": np.dtype(complex)}),
        Sample((np.array([0.0, 1.0, nan]),), {"dtype": np.dtype(bool)}, smooth=False),
        Sample((np.array([0.5, 1.5, -2.5]),), {"dtype": np.dtype(int)}, smooth=False),
    ],
    infer=lambda x, dtype: aval(x.shape, dtype),
    jvp=_convert_jvp,
    transpose=_convert_transpose,
    label="gradient converter",
    explanation="hands the gradient back in its input's dtype; whole numbers get none",
    lower="convert",
)


def _real_dtype(dtype: Any) -> Any:
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _complex_dtype(dtype: Any) -> Any:
    return np.dtype(f"c{max(8, dtype.itemsize * 2)}")


real: Primitive = elementwise(
    "real",
    "the real part",
    lambda x: np.array(np.real(x))[()],
    None,
    lambda: complex_samples(1),
    dtype=_real_dtype,
    jvp=linear_jvp(lambda: real),
    transpose=lambda ct, x: (make_complex(ct, full_like(ct, 0)),),
    label="gradient router",
    explanation="hands the gradient to the real part; the imaginary part gets zero",
)

imag: Primitive = elementwise(
    "imag",
    "the imaginary part",
    lambda x: np.array(np.imag(x))[()],
    None,
    lambda: complex_samples(1),
    dtype=_real_dtype,
    jvp=linear_jvp(lambda: imag),
    # As a linear map over the complex numbers, imag(z) = Re(-i z); its transpose is multiplication by -i.
    transpose=lambda ct, x: (make_complex(full_like(ct, 0), neg(ct)),),
    label="gradient router",
    explanation="hands the gradient to the imaginary part; the real part gets zero",
)


def _make_complex_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    tx, ty = tangents
    if tx is None and ty is None:
        return None
    return make_complex(full_like(primals[0], 0) if tx is None else tx, full_like(primals[1], 0) if ty is None else ty)


def _make_complex(x: Any, y: Any) -> Any:
    out = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), _complex_dtype(np.asarray(x).dtype))
    out.real, out.imag = x, y
    return out[()]


make_complex: Primitive = elementwise(
    "complex",
    "x + i y",
    _make_complex,
    None,
    pairs((-2, -2), (2, 2)),
    dtype=_complex_dtype,
    jvp=_make_complex_jvp,
    transpose=lambda ct, x, y: (real(ct) if is_linear(x) else None, neg(imag(ct)) if is_linear(y) else None),
    label="gradient distributor",
    explanation="hands each input its part of the incoming gradient",
)

conj: Primitive = elementwise(
    "conj",
    "the complex conjugate",
    np.conj,
    None,
    lambda: complex_samples(1),
    jvp=linear_jvp(lambda: conj),
    transpose=lambda ct, x: (conj(ct),),
    label="gradient mirror",
    explanation="hands back the complex conjugate of the incoming gradient",
)

# -- copy and stop ----------------------------------------------------------------------------------------------------

copy: Primitive = elementwise(
    "copy",
    "x, as a value of its own",
    lambda x: np.array(x)[()],
    None,
    grid(-2, 2, edges=_EDGES),
    jvp=linear_jvp(lambda: copy),
    transpose=lambda ct, x: (ct,),
    label="branch",
    explanation="a value that is used several times: the gradients of its uses add up",
    lower="copy",
)

stop_gradient: Primitive = elementwise(
    "stop_gradient",
    "x, treated as a constant by derivatives",
    lambda x: x,
    (None,),
    lambda: [Sample((np.linspace(-1, 1, 4),), smooth=False)],
    view=True,
    label="gradient stop",
    explanation="lets the value through and no gradient back",
    lower="stop_gradient",
)
