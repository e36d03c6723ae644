"""Running sums, products, extremes; differences, integrals, interpolation, evenly spaced numbers.  A row per call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

from .harness import check

_rng = np.random.default_rng(1)
X = _rng.normal(size=(3, 4))
X32 = X.astype(np.float32)
Z = X + 1j * _rng.normal(size=(3, 4))
T = _rng.normal(size=(2, 3, 4))
V, U = _rng.normal(size=7), _rng.normal(size=5)
KNOTS = np.sort(_rng.uniform(0, 10, 6))
HEIGHTS = _rng.normal(size=6)
INSIDE = _rng.uniform(KNOTS[0] + 0.1, KNOTS[-1] - 0.1, (2, 3))
HOLES = np.where(np.abs(X) < 0.4, np.nan, X)

RUNNING: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("cumsum", lambda x: np.cumsum(x), (X,)),
    ("cumsum axis", lambda x: np.cumsum(x, axis=1), (X,)),
    ("cumsum method", lambda x: x.cumsum(-2), (X,)),
    ("cumsum dtype", lambda x: np.cumsum(x, axis=0, dtype=np.float64), (X32,)),
    ("cumsum float32", lambda x: np.cumsum(x), (X32,)),
    ("cumsum complex", lambda x: np.cumsum(x, 0), (Z,)),
    ("cumsum out", lambda x: np.cumsum(x, 0, out=x * 0), (X,)),
    ("cumprod", lambda x: np.cumprod(x), (X,)),
    ("cumprod axis", lambda x: np.cumprod(x, axis=-1), (X,)),
    ("cumprod complex", lambda x: np.cumprod(x, 0), (Z,)),
    ("cumprod zero", lambda x: np.cumprod(x), (np.array([0.0, 2.0, 3.0]),)),
    ("cumprod zeros", lambda x: np.cumprod(x, 1), (np.array([[2.0, 0.0, 3.0, 0.0], [0.0, 0.0, 1.0, 2.0]]),)),
    ("nancumsum", lambda x: np.nancumsum(x, 1), (X,)),
    ("nancumprod", lambda x: np.nancumprod(x), (X,)),
    ("add.accumulate", lambda x: np.add.accumulate(x, 1), (X,)),
    ("multiply.accumulate", lambda x: np.multiply.accumulate(x), (X,)),
    ("maximum.accumulate", lambda x: np.maximum.accumulate(x, axis=1), (X,)),
    ("minimum.accumulate", lambda x: np.minimum.accumulate(x), (T,)),
    ("logaddexp.accumulate", lambda x: np.logaddexp.accumulate(x, 1), (X,)),
    ("subtract.accumulate", lambda x: np.subtract.accumulate(x, 1), (X,)),
    ("accumulate dtype", lambda x: np.add.accumulate(x, dtype=np.float64), (X32,)),
    ("diff", lambda x: np.diff(x), (X,)),
    ("diff n axis", lambda x: np.diff(x, 2, 0), (X,)),
    ("diff 0", lambda x: np.diff(x, 0) * 1, (X,)),
    ("diff ends", lambda x: np.diff(x, prepend=0, append=x[:, :1]), (X,)),
    ("ediff1d", lambda x: np.ediff1d(x), (X,)),
    ("ediff1d ends", lambda x: np.ediff1d(x, to_begin=[1, 2.0], to_end=x[0, 0]), (X,)),
    ("gradient", lambda x: np.gradient(x), (X,)),
    ("gradient axis", lambda x: np.gradient(x, 0.5, axis=1), (X,)),
    ("gradient edges", lambda x: np.gradient(x, 2.0, 3.0, edge_order=2), (X,)),
    ("gradient spacing", lambda f, h: np.gradient(f, h, edge_order=2), (U, 0.7)),
    ("gradient points", lambda f, x: np.gradient(f, x), (U, KNOTS[:5])),
    ("gradient points edges", lambda f, x: np.gradient(f, x, edge_order=2), (U, KNOTS[:5])),
    ("gradient float32", lambda x: np.gradient(x, axis=(0, 1)), (X32,)),
    ("trapezoid", lambda x: np.trapezoid(x), (X,)),
    ("trapezoid x", lambda y, x: np.trapezoid(y, x), (X, KNOTS[:4])),
    ("trapezoid x n-d", lambda y, x: np.trapezoid(y, x, axis=0), (X, X**2)),
    ("trapezoid dx", lambda y, d: np.trapezoid(y, dx=d, axis=0), (X, 0.3)),
    ("unwrap", lambda x: np.unwrap(x * 5), (V,)),
    ("unwrap period", lambda x: np.unwrap(x * 5, period=3.0, axis=0, discont=2), (X,)),
    ("interp", lambda x, a, b: np.interp(x, a, b), (INSIDE, KNOTS, HEIGHTS)),
    ("interp outside", lambda x, b: np.interp(x, KNOTS, b), (np.array([-3.0, 20.0, 5.0]), HEIGHTS)),
    ("interp ends", lambda x, b: np.interp(x, KNOTS, b, left=1, right=b[0]), (np.array([-3.0, 20.0]), HEIGHTS)),
    ("interp period", lambda x, b: np.interp(x, KNOTS, b, period=11.0), (_rng.uniform(-25, 25, 8), HEIGHTS)),
    ("interp complex", lambda x, b: np.interp(x, KNOTS, b * (1 + 2j)), (INSIDE, HEIGHTS)),
    ("interp one point", lambda x, b: np.interp(x, [1.0], b[:1]) * x, (INSIDE, HEIGHTS)),
    ("linspace", lambda a, b: np.linspace(a, b, 5), (1.0, 2.5)),
    ("linspace open", lambda a, b: np.linspace(a, b, 4, endpoint=False, retstep=True, axis=1), (U, U**2)),
    ("linspace one", lambda a, b: np.linspace(a, b, 1) * b, (1.0, 2.5)),
    ("linspace float32", lambda a: np.linspace(a, 1, 3), (X32,)),
    ("logspace", lambda a, b: np.logspace(a, b, 5), (0.1, 0.5)),
    ("logspace base", lambda a, b, c: np.logspace(a, b, 5, base=c), (0.1, 0.5, 2.0)),
    ("geomspace", lambda a, b: np.geomspace(a, b, 5), (1.0, 20.0)),
    ("geomspace negative", lambda a, b: np.geomspace(a, b, 5, endpoint=False), (-1.0, -20.0)),
    ("geomspace arrays", lambda a, b: np.geomspace(a, b, 5, axis=1), (np.abs(U), np.abs(U) + 2)),
]
RUNNING += [
    ("full", lambda a: np.full((2, 3), a), (1.5,)),
    ("full row", lambda x: np.full((2, 4), x[0], dtype=np.float64), (X32,)),
    ("kaiser", lambda b: np.kaiser(6, b), (2.5,)),
    ("fftfreq", lambda d: np.fft.fftfreq(5, d), (0.3,)),
    ("fromfunction", lambda a: np.fromfunction(lambda i, j: np.sin(i * a) + j, (2, 3)), (0.7,)),
]
if hasattr(np, "cumulative_sum"):
    RUNNING += [
        ("cumulative_sum", lambda x: np.cumulative_sum(x), (V,)),
        ("cumulative_sum initial", lambda x: np.cumulative_sum(x, axis=1, include_initial=True), (X,)),
        ("cumulative_prod", lambda x: np.cumulative_prod(x, axis=0, include_initial=True), (X,)),
    ]


@pytest.mark.parametrize(("f", "args"), [pytest.param(f, args, id=name) for name, f, args in RUNNING])
def test_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def test_arange_of_traced_numbers() -> None:
    # How many entries there are depends on the values: not under vmap.
    check(lambda a: np.arange(a, 3.0), 0.4, batch=False)
    check(lambda a, b, c: np.arange(a, b, c), 0.4, 5.1, 1.3, batch=False)
    check(lambda a, b: np.arange(a, stop=b, step=-0.7), 2.0, -1.0, batch=False)
    check(lambda a: np.arange(a) * a, 3.3, batch=False)


def test_nan_is_left_out() -> None:
    check(lambda x: np.nancumsum(x, axis=1), HOLES, smooth=False)
    check(lambda x: np.nancumprod(x), HOLES, smooth=False)
    gradient = wg.grad(lambda x: np.sum(np.nancumsum(x)))(np.array([1.0, np.nan, 2.0]))
    np.testing.assert_array_equal(gradient, [3.0, 0.0, 1.0])


def test_integers_keep_numpys_dtypes() -> None:
    for dtype in (np.int8, np.uint16, np.int64, np.bool_):
        x = np.array([1.0, 0.0, 3.0])

        def total(x: Any, dtype: Any = dtype) -> Any:
            return np.cumsum(x.astype(dtype))

        def accumulated(x: Any, dtype: Any = dtype) -> Any:
            return np.add.accumulate(x.astype(dtype))

        for one in (total, accumulated):
            value = wg.jvp(one, (x,), (x,))[0]
            assert value.dtype == one(x).dtype
            np.testing.assert_array_equal(value, one(x))


def test_cumprod_with_a_zero() -> None:
    """One zero leaves a gradient to itself alone; the Hessian is right too (see the check above)."""
    np.testing.assert_array_equal(wg.grad(lambda x: np.sum(np.cumprod(x)))(np.array([0.0, 2.0, 3.0])), [9.0, 0.0, 0.0])


def test_running_extremes_split_ties() -> None:
    x = np.array([1.0, 3.0, 3.0, 2.0])
    slopes = wg.jacobian(np.maximum.accumulate)(x)
    np.testing.assert_array_equal(slopes, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]])


def test_running_logaddexp_far_out() -> None:
    x = np.array([-np.inf, -np.inf, 800.0, 0.0, -800.0])
    gradient = wg.grad(lambda x: np.logaddexp.accumulate(x)[-1])(x)
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 1.0, 0.0, 0.0])


def test_equal_steps_have_derivatives_of_their_own() -> None:
    """NumPy takes equally spaced points for one spacing; the derivative by each point is another matter."""
    points = np.arange(5.0)
    check(lambda f, x: np.gradient(f, x), U, points)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.cumsum(x, axis=2), np.exceptions.AxisError),
        (lambda x: np.diff(x, -1), ValueError),
        (lambda x: np.gradient(x, [1.0, 2.0], axis=1), ValueError),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0]), ValueError),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0), ValueError),
        (lambda x: np.linspace(x, 1, -1), ValueError),
    ],
)
def test_errors_are_numpys(f: Callable[..., Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        f(X)
    with pytest.raises(error):
        wg.jvp(f, (X,), (X,))
