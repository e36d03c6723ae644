"""Sorting, searching, averages, quantiles, covariances, and reductions that leave nan out.  A row per call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

from .harness import check

_rng = np.random.default_rng(3)


def _apart(*shape: int) -> Any:
    """Return numbers in random order that are so far apart that no difference changes their order."""
    n = int(np.prod(shape))
    return _rng.permutation(0.8 * np.arange(n) - 0.37 * n + _rng.uniform(-0.1, 0.1, n)).reshape(shape)


X, W = _apart(3, 4), _rng.uniform(0.5, 1.5, size=(3, 4))
X32 = X.astype(np.float32)
Z = X + 1j * W
T = _apart(2, 3, 4)
V, U = _apart(9), _apart(6)
R = _apart(9, 2)
HOLES = X.copy()
HOLES[0, 1] = HOLES[2, 0] = HOLES[2, 3] = np.nan
METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
    "median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
Q = [0.0, 0.13, 0.5, 0.875, 1.0]

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]
SORTING: list[Row] = [
    ("sort", lambda x: np.sort(x), (X,)),
    ("sort axis", lambda x: np.sort(x, axis=0, kind="stable"), (X,)),
    ("sort flat", lambda x: np.sort(x, axis=None), (X,)),
    ("sort n-d", lambda x: np.sort(x, 1), (T,)),
    ("sort complex", lambda x: np.sort(x), (Z,)),
    ("sort float32", lambda x: np.sort(x), (X32,)),
    ("sort_complex", lambda x: np.sort_complex(x), (V,)),
    ("partition", lambda x: np.partition(x, 4), (V,)),
    ("partition places", lambda x: np.partition(x, (1, -2), axis=0), (R,)),
    ("topk", lambda x: np.sort(x)[-3:] * np.arange(3.0), (V,)),
    ("take by argsort", lambda x: x[np.argsort(x)] ** 2, (V,)),
    ("take by argpartition", lambda x: x[np.argpartition(x, 3)[3]], (V,)),
    ("lexsort", lambda x, y: x[np.lexsort((y, np.round(x)))], (V, V**2)),
    ("searchsorted", lambda x, y: x[np.searchsorted(np.sort(y), x[:3])], (V, U + 0.4)),
]
AVERAGES: list[Row] = [
    ("average", lambda x: np.average(x), (X,)),
    ("average axis", lambda x: np.average(x, axis=1), (X,)),
    ("average weights", lambda x, w: np.average(x, weights=w), (X, W)),
    ("average returned", lambda x, w: np.average(x, axis=1, weights=w, returned=True), (X, W)),
    ("average 1-d weights", lambda x, w: np.average(x, axis=0, weights=w, keepdims=True), (X, W[:, 0])),
    ("average int weights", lambda x: np.average(x, 1, [1, 2, 3, 4]), (X,)),
    ("average axes", lambda x, w: np.average(x, axis=(2, 0), weights=w), (T, np.abs(T[:, 0, :].T))),
    ("ptp", lambda x: np.ptp(x, 1), (X,)),
    ("ptp keepdims", lambda x: np.ptp(x, axis=0, keepdims=True), (X,)),
    ("median odd", lambda x: np.median(x), (V,)),
    ("median even", lambda x: np.median(x), (X,)),
    ("median axis", lambda x: np.median(x, axis=1, keepdims=True), (X,)),
    ("median axes", lambda x: np.median(x, axis=(0, 2)), (T,)),
    ("median float32", lambda x: np.median(x, 0), (X32,)),
    ("median out", lambda x: np.median(x, 0, out=np.zeros_like(x[0])), (X,)),
    ("quantile", lambda x: np.quantile(x, 0.3), (V,)),
    ("quantile axes", lambda x: np.quantile(x, [0.2, 0.7], axis=(0, 2), keepdims=True), (T,)),
    ("quantile 2-d q", lambda x: np.quantile(x, np.array([[0.1, 0.2], [0.3, 0.99]]), axis=1), (X,)),
    ("quantile by q", lambda x, q: np.quantile(x, q), (V, 0.33)),
    ("quantile float32", lambda x: np.quantile(x, 0.3, axis=0), (X32,)),
    ("quantile float32 q array", lambda x: np.quantile(x, [0.3], axis=0), (X32,)),
    ("quantile weights", lambda x, w: np.quantile(x, Q, weights=w, method="inverted_cdf"), (V, W.ravel()[:9])),
    ("quantile weights axis", lambda x, w: np.quantile(x, 0.4, 1, weights=w, method="inverted_cdf"), (X, W)),
    ("percentile", lambda x: np.percentile(x, [10, 50.0, 100], axis=1), (X,)),
    ("percentile weights", lambda x: np.percentile(x, 30, 0, weights=[1, 2, 0], method="inverted_cdf"), (X,)),
    ("cov", lambda x: np.cov(x), (X,)),
    ("cov y", lambda x, y: np.cov(x, y, rowvar=False, ddof=0), (X, W)),
    ("cov 1-d", lambda x: np.cov(x), (V,)),
    ("cov bias", lambda x: np.cov(x, bias=True), (X,)),
    ("cov weights", lambda x, w: np.cov(x, aweights=w, fweights=[1, 2, 1, 3]), (X, W[0])),
    ("cov weights bias", lambda x, w: np.cov(x, aweights=w, bias=True), (X, W[0])),
    ("cov fweights", lambda x: np.cov(x, fweights=np.array([1, 2, 1, 3])), (X,)),
    ("cov complex", lambda x: np.cov(x), (Z,)),
    ("corrcoef", lambda x: np.corrcoef(x)[0, 1:], (X,)),
    ("corrcoef y", lambda x, y: np.corrcoef(x, y)[0, 1], (V, V**2)),
    ("corrcoef columns", lambda x: np.corrcoef(x, rowvar=False)[0, 1:], (X,)),
]
AVERAGES += [(f"quantile {m}", lambda x, m=m: np.quantile(x, Q, axis=0, method=m), (R,)) for m in METHODS]


@pytest.mark.parametrize(("f", "args"), [pytest.param(f, args, id=name) for name, f, args in [*SORTING, *AVERAGES]])
def test_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


MISSING: list[tuple[str, Callable[..., Any]]] = [
    ("nansum", lambda x: np.nansum(x)),
    ("nansum axis", lambda x: np.nansum(x, axis=1, keepdims=True)),
    ("nansum where", lambda x: np.nansum(x, 0, where=np.array([True, True, False, True]), initial=2.0)),
    ("nanprod", lambda x: np.nanprod(x, axis=0)),
    ("nanmean", lambda x: np.nanmean(x)),
    ("nanmean axis", lambda x: np.nanmean(x, axis=1, keepdims=True)),
    ("nanvar", lambda x: np.nanvar(x, axis=1)),
    ("nanvar ddof", lambda x: np.nanvar(x, ddof=1, keepdims=True)),
    ("nanstd", lambda x: np.nanstd(x, axis=1)),
    ("nanmax", lambda x: np.nanmax(x, axis=0)),
    ("nanmin", lambda x: np.nanmin(x)),
    ("nanmax initial", lambda x: np.nanmax(x, axis=0, initial=0.3)),
    ("nanmedian", lambda x: np.nanmedian(x)),
    ("nanmedian axis", lambda x: np.nanmedian(x, axis=1, keepdims=True)),
    ("nancumsum", lambda x: np.nancumsum(x, axis=1)),
    ("nanpercentile", lambda x: np.nanpercentile(x, [20, 50.0], axis=1)),
    ("nanquantile float32", lambda x: np.nanquantile(x.astype(np.float32), 0.3, axis=1)),
    ("nanquantile keepdims", lambda x: np.nanquantile(x, [[0.2, 0.9]], axis=0, keepdims=True)),
    (
        "nanquantile weights",
        lambda x: np.nanquantile(x, Q, axis=1, weights=W, method="inverted_cdf"),
    ),
]
MISSING += [(f"nanquantile {m}", lambda x, m=m: np.nanquantile(x, Q, axis=1, method=m)) for m in METHODS]


@pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in MISSING])
def test_missing(f: Callable[..., Any]) -> None:
    """With nan in the array: NumPy's value, no gradient for nan, and otherwise the derivative by what is there."""
    present = np.isfinite(HOLES)

    def of_present(v: Any) -> Any:
        x = np.full(HOLES.shape, np.nan)
        x[present] = v
        return f(x)

    check(of_present, HOLES[present], batch=False)
    check(f, HOLES, smooth=False)
    check(f, X)
    gradient = wg.grad(lambda x: np.sum(np.sin(f(x))))(HOLES)
    assert np.all(np.isfinite(gradient))
    assert np.all(gradient[~present] == 0)


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty", "ignore:Degrees of freedom")
@pytest.mark.parametrize("name", ["nanmean", "nanvar", "nanmax", "nanmin", "nanmedian", "nansum"])
def test_rows_of_nothing_but_nan(name: str) -> None:
    x = np.array([[np.nan, np.nan, np.nan], [1.0, 2.5, np.nan]])
    f = lambda x: getattr(np, name)(x, axis=1)
    check(f, x, smooth=False)
    gradient = wg.grad(lambda x: f(x)[1])(x)
    assert np.all(np.isfinite(gradient[1]))
    assert np.all(gradient[0] == 0)


FLAT: list[tuple[str, Callable[..., Any]]] = [
    ("argsort", lambda x: np.argsort(x)),
    ("argsort flat", lambda x: x.argsort(axis=None)),
    ("argpartition", lambda x: np.argpartition(x, 2, axis=1)[:, 2]),
    ("lexsort", lambda x: np.lexsort(x)),
    ("searchsorted", lambda x: np.searchsorted([-1.0, 0.0, 0.5], x, side="right")),
    ("searchsorted sorter", lambda x: np.searchsorted(x[0], x[1:], sorter=np.argsort(x[0]))),
    ("digitize", lambda x: np.digitize(x, [-1.0, 0.0, 0.5])),
    ("digitize falling", lambda x: np.digitize(x, [0.5, 0.0, -1.0], right=True)),
    ("argmax", lambda x: np.argmax(x, axis=1)),
    ("nanargmax", lambda x: np.nanargmax(x, axis=0)),
    ("nanargmin", lambda x: np.nanargmin(x)),
]


@pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in FLAT])
def test_positions(f: Callable[..., Any]) -> None:
    check(f, X, smooth=False)
    check(f, np.round(X / 2), smooth=False, batch=False)  # ties


def test_nan_in_a_quantile_is_the_result() -> None:
    for f in (np.median, lambda x, axis: np.quantile(x, 0.2, axis=axis)):
        check(lambda x, f=f: f(x, axis=1), HOLES, smooth=False)
        np.testing.assert_array_equal(wg.grad(lambda x, f=f: f(x, axis=1)[1])(HOLES)[[0, 2]], 0)


def test_sorting_in_place() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        y.sort(axis=0)
        z = y + 1
        z.partition(1)
        return y, z[:, 1]

    check(f, X)


def test_correlation_is_constant_with_itself() -> None:
    np.testing.assert_allclose(wg.jacobian(lambda x: np.corrcoef(x)[np.arange(3), np.arange(3)])(X), 0, atol=1e-15)


def test_std_of_a_constant_and_ties() -> None:
    np.testing.assert_array_equal(wg.grad(np.nanstd)(np.ones(4)), 0)
    np.testing.assert_array_equal(wg.grad(np.nanmax)(np.array([1.0, np.nan, 3.0, 3.0])), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(wg.grad(np.ptp)(np.array([1.0, 3.0, 3.0])), [-1, 0.5, 0.5])


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.sort(x, axis=2), np.exceptions.AxisError),
        (lambda x: np.partition(x, 9), ValueError),
        (lambda x: np.quantile(x, 1.5), ValueError),
        (lambda x: np.percentile(x, -1), ValueError),
        (lambda x: np.quantile(x, 0.5, method="none"), ValueError),
        (lambda x: np.quantile(x, 0.5, weights=x * x), ValueError),
        (lambda x: np.quantile(x + 1j, 0.5), TypeError),
        (lambda x: np.average(x, weights=[0, 0, 0, 0], axis=1), ZeroDivisionError),
        (lambda x: np.average(x, weights=[1, 2, 3]), TypeError),
        (lambda x: np.cov(x, ddof=0.5), ValueError),
        (lambda x: np.searchsorted(x, 1.0), ValueError),
    ],
)
def test_errors_are_numpys(f: Callable[..., Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        f(X)
    with pytest.raises(error):
        wg.jvp(f, (X,), (X,))
