"""Functions of single entries that are no ufuncs; the methods and keywords of ufuncs.  A row per call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

from .harness import check

_rng = np.random.default_rng(4)
X, W = _rng.normal(size=(2, 3, 4))
P = np.abs(X) + 0.5
X32 = X.astype(np.float32)
Z = X + 1j * W
T = _rng.normal(size=(2, 3, 4))
V, U = _rng.normal(size=7), _rng.normal(size=5)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5])

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]
ENTRIES: list[Row] = [
    ("clip", lambda x: np.clip(x, -0.5, 0.7), (X,)),
    ("clip low", lambda x: x.clip(min=-0.1), (X,)),
    ("clip by limits", lambda x, a, b: np.clip(x, a, b), (X, -0.4, W[0] + 2)),
    ("clip float32", lambda x: np.clip(x, -0.5, 0.7), (X32,)),
    ("clip out", lambda x: np.clip(x, None, 0.2, out=np.empty_like(x)), (X,)),
    ("sinc", lambda x: np.sinc(x), (X,)),
    ("sinc near 0", lambda x: np.sinc(x), (np.array([0.0, 1e-9, -1e-4, 0.01, 3.0]),)),
    ("sinc complex", lambda x: np.sinc(x), (Z,)),
    ("i0", lambda x: np.i0(x * 3), (X,)),
    ("nan_to_num", lambda x: np.nan_to_num(x), (X,)),
    ("nan_to_num complex", lambda z: np.nan_to_num(z), (Z,)),
    ("nan_to_num values", lambda x, a: np.nan_to_num(x / x[0, 0], nan=a, posinf=a**2) + a, (X, 2.5)),
    ("heaviside", lambda x, y: np.heaviside(x * np.array([1, 0, 1, 0]), y), (X, W)),
    ("angle", lambda z: np.angle(z), (Z,)),
    ("angle deg", lambda z: np.angle(z, deg=True), (Z,)),
    ("angle real", lambda x: np.angle(x) + x, (P,)),
    ("real imag", lambda z: np.real(z) * np.imag(z), (Z,)),
    ("real of real", lambda x: np.real(x) + np.imag(x), (X,)),
    ("conj", lambda z: np.conj(z) * z.conjugate(), (Z,)),
    ("abs complex", lambda z: np.abs(z), (Z,)),
    ("abs2", lambda z: z.real**2 + z.imag**2, (Z,)),
    ("sign complex", lambda z: np.sign(z), (Z,)),
    ("ldexp", lambda x: np.ldexp(x, np.array([1, -2, 0, 5])), (X,)),
    ("frexp", lambda x: np.frexp(x)[0], (X,)),
    ("modf", lambda x: np.modf(x * 3), (X,)),
    ("divmod", lambda x, y: np.divmod(x, y)[1], (X, P)),
    ("fmax", lambda x, y: np.fmax(x, y), (X, W)),
    ("float_power", lambda x, y: np.float_power(x, y), (P, W)),
]

METHODS: list[Row] = [
    ("out", lambda x, y: np.add(x, y, out=np.zeros((3, 4))), (X, W)),
    ("out of another dtype", lambda x, y: np.multiply(x, y, out=np.zeros((3, 4))), (X32, X32 + 1)),
    ("out positional", lambda x: np.sin(x, np.empty((3, 4))), (X,)),
    ("out twice", lambda x: np.modf(x, out=(np.empty((3, 4)), np.empty((3, 4)))), (X,)),
    ("out is an operand", lambda x: np.multiply(x, x + 1, out=x), (X,)),
    ("out is a view", lambda x: (np.sqrt(x[0] ** 2 + 1, out=x[1]), x * 2)[1], (X,)),
    ("where", lambda x, y: np.log(x, where=MASK, out=np.copy(y)), (P, W)),
    ("where traced", lambda x: np.log(x, where=x > 0, out=np.zeros_like(x)), (X,)),
    ("where row", lambda x: np.divide(1.0, x, where=np.array([True, True, False, True]), out=x * 0), (P,)),
    ("dtype", lambda x: np.multiply(x, 2.0, dtype=np.float64), (X32,)),
    ("add.reduce", lambda x: np.add.reduce(x), (X,)),
    ("add.reduce axes", lambda x: np.add.reduce(x, axis=(0, 2), keepdims=True), (T,)),
    ("add.reduce initial", lambda x: np.add.reduce(x, axis=None, initial=2.0), (X,)),
    ("add.reduce where", lambda x: np.add.reduce(x, 1, where=MASK), (X,)),
    ("add.reduce dtype", lambda x: np.add.reduce(x, dtype=np.float64), (X32,)),
    ("add.reduce out", lambda x: np.add.reduce(x, 1, out=np.zeros(3)), (X,)),
    ("multiply.reduce", lambda x: np.multiply.reduce(x, axis=-1), (X,)),
    ("multiply.reduce axes", lambda x: np.multiply.reduce(x, axis=(0, 1), initial=3.0), (T,)),
    ("multiply.reduce where", lambda x: np.multiply.reduce(x, 0, where=MASK), (X,)),
    ("maximum.reduce", lambda x: np.maximum.reduce(x, axis=1, keepdims=True), (X,)),
    ("maximum.reduce where", lambda x: np.maximum.reduce(x, axis=1, where=MASK, initial=-9.0), (X,)),
    ("minimum.reduce", lambda x: np.minimum.reduce(x, axis=(0, 2), initial=0.1), (T,)),
    ("logaddexp.reduce", lambda x: np.logaddexp.reduce(x), (X,)),
    ("logaddexp.reduce axes", lambda x: np.logaddexp.reduce(x, axis=(0, 2), keepdims=True), (T,)),
    ("logaddexp.reduce initial", lambda x: np.logaddexp.reduce(x, axis=None, initial=0.3), (X,)),
    ("logaddexp2.reduce", lambda x: np.logaddexp2.reduce(x, axis=1), (X,)),
    ("fmax.reduce", lambda x: np.fmax.reduce(x, axis=1), (X,)),
    ("subtract.reduce", lambda x: np.subtract.reduce(x, axis=1), (X,)),
    ("divide.reduce", lambda x: np.divide.reduce(x, keepdims=True), (P,)),
    ("hypot.reduce", lambda x: np.hypot.reduce(x, axis=(0, 1)), (T,)),
    ("divide.reduce initial", lambda x: np.divide.reduce(x, axis=1, initial=2.0), (P,)),
    ("add.reduceat", lambda x: np.add.reduceat(x, [0, 4, 1, 5]), (V,)),
    ("multiply.reduceat", lambda x: np.multiply.reduceat(x, [0, 2], axis=1), (X,)),
    ("maximum.reduceat", lambda x: np.maximum.reduceat(x, np.array([0, 1, 3]), 1), (X,)),
    ("logaddexp.reduceat", lambda x: np.logaddexp.reduceat(x, [0, 3]), (V,)),
    ("logaddexp.outer", lambda a, b: np.logaddexp.outer(a, b), (U, X)),
    ("power.outer", lambda a, b: np.power.outer(a, b), (P, U)),
    ("outer of a number", lambda a: np.multiply.outer(3.0, a), (X,)),
    ("logaddexp of many", lambda x: np.logaddexp.reduce(np.stack([x, x * 2, x - 1])), (X,)),
]


@pytest.mark.parametrize(("f", "args"), [pytest.param(f, args, id=name) for name, f, args in [*ENTRIES, *METHODS]])
def test_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def _at(ufunc: Any, index: Any) -> Callable[..., Any]:
    def f(x: Any, v: Any) -> Any:
        y = x * 1.0
        ufunc.at(y, index, v)
        return y

    return f


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum", "logaddexp"])
@pytest.mark.parametrize(
    ("index", "v"),
    [
        (np.array([0, 2, 0]), P[:3, 0] + 1.3),
        (np.array([2, 2, 1, 2]), 1.7),
        (slice(1, 5, 2), P[0, :2]),
        (np.array([True, False, True, False, True, False, False]), P[0, :3]),
    ],
    ids=["repeated", "one value", "slice", "mask"],
)
def test_at(name: str, index: Any, v: Any) -> None:
    check(_at(getattr(np, name), index), V, v)


def test_at_of_one_operand_and_pairs_of_indices() -> None:
    check(lambda x: _write(x, lambda y: np.negative.at(y, [0, 1])), V)
    check(lambda x, v: _write(x, lambda y: np.add.at(y, (np.array([0, 0, 2]), np.array([1, 1, 3])), v)), X, U[:3])
    check(lambda x, v: _write(x, lambda y: np.add.at(y, (slice(None), np.array([1, 1, 3])), v)), X, U[:3])


def _write(x: Any, action: Callable[[Any], None]) -> Any:
    y = x * 2.0
    action(y)
    return y


def test_at_into_a_new_array() -> None:
    def histogram(x: Any) -> Any:
        counts = np.zeros(4)
        np.add.at(counts, np.array([0, 3, 3, 1, 0]), x)
        best = np.full(4, -9.0)
        np.maximum.at(best, np.array([0, 3, 3, 1, 0]), x)
        return counts, best

    check(histogram, U)


ROUGH: list[tuple[str, Callable[..., Any]]] = [
    ("round", lambda x: np.round(x)),
    ("round decimals", lambda x: np.round(x * 100, 1)),
    ("round negative", lambda x: np.around(x * 1e4, -2)),
    ("round method", lambda x: x.round(2)),
    ("round complex", lambda x: np.round(x + 2j * x, 1)),
    ("round int", lambda x: np.round((x * 1e3).astype(int), -1)),
    ("fix", lambda x: np.fix(x * 3)),
    ("sign", lambda x: np.sign(x)),
    ("heaviside", lambda x: np.heaviside(x, 0.5)),
    ("heaviside float32", lambda x: np.heaviside(x.astype(np.float32), np.float32(0.5))),
    ("iscomplex", lambda x: np.iscomplex(x + 1j * (x > 0))),
    ("isreal", lambda x: np.isreal(x)),
    ("isposinf", lambda x: np.isposinf(x / 0.0)),
    ("isneginf", lambda x: np.isneginf(x / 0.0)),
    ("isclose", lambda x: np.isclose(x, x + 1e-9)),
    ("isclose nan", lambda x: np.isclose(x / x * np.nan, np.nan, equal_nan=True)),
    ("isclose inf", lambda x: np.isclose(x / 0.0, np.inf)),
    ("spacing", lambda x: np.spacing(x)),
    ("frexp", lambda x: np.frexp(x)[1]),
    ("logical_and.reduce", lambda x: np.logical_and.reduce(x > 0, axis=1)),
    ("logical_xor.reduce", lambda x: np.logical_xor.reduce(x > 0, axis=1)),
    ("logical_or.accumulate", lambda x: np.logical_or.accumulate(x > 0, axis=1)),
    ("bitwise_or.reduce", lambda x: np.bitwise_or.reduce((x * 9).astype(int), axis=1)),
    ("greater.outer", lambda x: np.greater.outer(x, x[0])),
]


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in ROUGH])
def test_constant_almost_everywhere(f: Callable[..., Any]) -> None:
    check(f, X, smooth=False)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nan_to_num(x),
        lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=3.0),
        lambda x: np.nan_to_num(x.astype(np.float32)),
        lambda x: np.nan_to_num(x + 1j * x[::-1]),
        lambda x: np.heaviside(x, 0.25),
        lambda x: np.modf(x),
        lambda x: np.fmax.reduce(x),
        lambda x: np.logaddexp.reduce(x[:4]),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.round(x, 1),
        lambda x: np.isclose(x, x[::-1], equal_nan=True),
    ],
)
def test_special_values(f: Callable[..., Any]) -> None:
    check(f, SPECIAL, smooth=False)


def test_answers_are_pythons() -> None:
    """``if np.allclose(...)`` sees a value; the program is then the one for that answer."""

    def f(x: Any, y: Any) -> Any:
        if np.allclose(x, y):
            return x * 2
        return x * 3 if np.array_equal(x, -y) or np.array_equiv(x[0], y) else x * 4

    for other, factor in ((X, 2.0), (-X, 3.0), (X + 2, 4.0)):
        value, tangent = wg.jvp(lambda x, y=other: f(x, y), (X,), (W,))
        np.testing.assert_array_equal(value, f(X, other))
        np.testing.assert_array_equal(tangent, factor * W)
    assert wg.grad(lambda x: x.sum() * (not np.array_equal(x, x[:2])))(X)[0, 0] == 1


def test_real_if_close() -> None:
    check(lambda x: np.real_if_close(x + 0j), X, batch=False)  # an answer that could differ between entries of a batch
    check(lambda z: np.real_if_close(z), Z, batch=False)


def test_questions_about_dtypes() -> None:
    def f(x: Any) -> Any:
        assert np.iscomplexobj(x * 1j)
        assert np.isrealobj(x)
        assert np.result_type(x, np.float64) == np.float64
        assert np.result_type(x, 1.0) == np.float32
        assert np.can_cast(x, np.float64)
        assert np.common_type(x, x) == np.float32
        return x * 2

    check(f, X32)


def test_sinc_at_zero() -> None:
    """Value 1, slope 0, second derivative -pi^2 / 3, third 0, fourth pi^4 / 5."""
    found, f = [], np.sinc
    for _ in range(5):
        found.append(float(f(0.0)))
        f = wg.grad(f)
    np.testing.assert_allclose(found, [1, 0, -(np.pi**2) / 3, 0, np.pi**4 / 5], rtol=1e-14, atol=1e-14)


def test_logaddexp_reduce_of_nothing_much() -> None:
    f = np.logaddexp.reduce
    np.testing.assert_array_equal(wg.grad(lambda x: f(x))(np.array([-np.inf, -np.inf])), 0)
    np.testing.assert_array_equal(wg.grad(lambda x: f(x))(np.array([-np.inf, 800.0, 0.0])), [0, 1, 0])
    assert wg.jvp(lambda x: f(x), (np.empty(0),), (np.empty(0),))[0] == -np.inf


def test_where_without_out_leaves_the_rest_at_zero() -> None:
    gradient = wg.grad(lambda x: np.sum(np.log(x, where=x > 0)))(np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(gradient, [0, 0, 0.5])


def test_clip_between_equal_sides() -> None:
    """At a limit the gradient is shared between the entry and the limit."""
    gradient = wg.grad(lambda x: np.clip(x, 0.0, 1.0).sum())(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(gradient, [0.5, 1, 0.5])


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.add(x, x, out=np.zeros(2)), ValueError),
        (lambda x: np.add(x, x, out=np.zeros((3, 4), int)), TypeError),
        (lambda x: np.maximum.reduce(x, where=x > 0), ValueError),
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), ValueError),
        (lambda x: np.add.reduceat(x, [0, 9]), IndexError),
        (lambda x: np.add.reduce(x, axis=2), np.exceptions.AxisError),
    ],
)
def test_errors_are_numpys(f: Callable[..., Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        f(X)
    with pytest.raises(error):
        wg.jvp(f, (X,), (X,))
