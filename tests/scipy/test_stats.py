"""scipy.stats in unmodified user code: densities and distribution functions, in the point and in every parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.stats import multivariate_normal, norm

import wengert as wg
import wengert.scipy.stats as wst
from wengert.api.differences import directional
from wengert.trace.functions.distributions import CONTINUOUS, DISCRETE
from wengert.trace.functions.stats import METHODS

SHAPES: dict[str, tuple[float, ...]] = {
    "norm": (),
    "t": (3.5,),
    "gamma": (2.5,),
    "beta": (1.5, 2.5),
    "expon": (),
    "laplace": (),
    "cauchy": (),
    "logistic": (),
    "lognorm": (0.7,),
    "uniform": (),
    "weibull_min": (1.7,),
    "chi2": (3.2,),
    "invgamma": (2.2,),
    "halfnorm": (),
    "pareto": (2.5,),
    "poisson": (2.5,),
    "binom": (5.0, 0.3),
    "bernoulli": (0.3,),
    "nbinom": (3.0, 0.4),
}
POINTS = np.array([-0.5, 0.25, 0.3, 0.45, 1.9, 3.0])
COUNTS = np.array([-1.0, 0.0, 1.0, 2.0, 1.5, 5.0, 7.0])


def cases() -> Iterator[tuple[str, str]]:
    """Yield each distribution with each method that has a meaning for traced values."""
    for name in (*CONTINUOUS, *DISCRETE):
        for method in METHODS[name]:
            yield name, method


def test_every_distribution_has_a_case() -> None:
    assert set(SHAPES) == {*CONTINUOUS, *DISCRETE}


def by_everything(name: str, method: str) -> tuple[Callable[[Any], Callable[..., Any]], list[Any]]:
    """Return ``with_method -> function`` and the arguments to differentiate it by."""
    shapes = SHAPES[name]
    if name in DISCRETE:
        # The last parameter is a mean or a probability; the one before, if any, counts trials or successes.
        return lambda function: lambda p: function(COUNTS, *shapes[:-1], p), [shapes[-1]]
    if method in ("logpdf", "pdf"):
        return lambda function: lambda x, loc, scale, *s: function(x, *s, loc, scale), [POINTS, 0.1, 0.8, *shapes]
    return lambda function: lambda x, loc, scale: function(x, *shapes, loc, scale), [POINTS, 0.1, 0.8]


@pytest.mark.parametrize(("name", "method"), list(cases()))
def test_distribution(name: str, method: str) -> None:
    """Values are SciPy's; slopes are right where it is finite, 0 where it is not."""
    original = getattr(getattr(stats, name), method)
    make, start = by_everything(name, method)
    tangents = [np.random.default_rng(1).uniform(0.5, 1, np.shape(v)) for v in start]
    value, slope = wg.jvp(make(getattr(getattr(wst, name), method)), tuple(start), tuple(tangents))
    with np.errstate(all="ignore"):
        expected = make(original)(*start)
        args = [np.asarray(v) for v in start]
        differences, _ = directional(lambda xs: [make(original)(*xs)], args, [np.asarray(t) for t in tangents])
    finite = np.isfinite(expected)
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(slope[finite], differences[0][finite], rtol=1e-6, atol=1e-6)
    assert not slope[~finite].any()


@pytest.mark.parametrize("name", CONTINUOUS)
def test_gradients_outside_of_the_support_and_for_invalid_parameters(name: str) -> None:
    f = getattr(wst, name)
    shapes = SHAPES[name]
    value, slopes = wg.value_and_grad(lambda x, s: f.logpdf(x, *shapes, 0.0, s), argnums=(0, 1))(-np.inf, 1.0)
    assert value == -np.inf
    assert slopes == (0.0, 0.0)
    assert np.isnan(wg.value_and_grad(lambda s: f.logpdf(0.5, *shapes, 0.0, s))(-1.0)[0])
    assert np.isnan(wg.value_and_grad(lambda x: f.logpdf(x, *shapes))(np.nan)[0])


def test_second_order_and_batches() -> None:
    hessian = wg.hessian(lambda p: norm.logpdf(1.5, p[0], p[1]))(np.array([0.5, 2.0]))
    np.testing.assert_allclose(hessian, [[-0.25, -0.25], [-0.25, 0.25 - 3 / 16]], rtol=1e-14)
    assert wg.grad(wg.grad(lambda x: stats.logistic.logpdf(x)))(0.0) == pytest.approx(-0.5)
    out = wg.vmap(lambda m: stats.t.logpdf(POINTS, 3.0, m))(np.zeros(2))
    np.testing.assert_allclose(out, [stats.t.logpdf(POINTS, 3.0)] * 2, rtol=1e-13)


def test_tails() -> None:
    assert wg.grad(lambda x: norm.logcdf(x))(-1e5) == pytest.approx(1e5)
    assert wg.grad(lambda x: norm.logsf(x))(1e5) == pytest.approx(-1e5)
    assert wg.grad(lambda x: stats.logistic.logpdf(x))(800.0) == -1.0
    assert wg.grad(lambda x: stats.laplace.cdf(x))(-800.0) == 0.0


def test_frozen_distributions() -> None:
    outside = norm(1.0, 2.0)
    assert wg.grad(lambda m: norm(m, 2.0).logpdf(1.0))(0.0) == 0.25
    assert wg.grad(lambda x: outside.logpdf(x))(0.0) == 0.25
    assert wg.grad(lambda x: x * norm(0.0, 2.0).mean())(1.0) == 0.0
    assert wg.grad(lambda x: x * outside.std())(1.0) == 2.0
    bivariate = multivariate_normal(np.zeros(2), np.eye(2))
    np.testing.assert_array_equal(wg.grad(lambda x: bivariate.logpdf(x))(np.array([1.0, 2.0])), [-1.0, -2.0])


def test_ways_to_call() -> None:
    assert wg.grad(lambda m: stats.norm.logpdf(1.0, loc=m, scale=2.0))(0.0) == 0.25
    assert wg.grad(lambda m: wst.norm.logpdf(1.0, loc=m, scale=2.0))(0.0) == 0.25
    assert wg.grad(lambda a: stats.gamma.logpdf(1.0, a=a))(1.0) == pytest.approx(np.euler_gamma)
    # What is not in the table is SciPy's own.
    assert wst.norm.rvs(random_state=0) == norm.rvs(random_state=0)
    assert wst.norm.ppf(0.5) == 0.0
    assert wst.levy is stats.levy
    assert wst.linregress is stats.linregress
    with pytest.raises(TypeError, match="loc, scale"):
        wg.grad(lambda m: norm.logpdf(1.0, locus=m))(0.0)
    with pytest.raises(TypeError, match="a, loc, scale"):
        wg.grad(lambda x: stats.gamma.logpdf(x))(1.0)
    with pytest.raises(wg.WengertError, match=r"scipy\.stats\.norm\.ppf"):
        wg.grad(lambda q: norm.ppf(q))(0.5)


# -- several variables ------------------------------------------------------------------------------------------------

MEAN = np.array([0.1, 0.2])
COV = np.array([[2.0, 0.3], [0.3, 1.0]])
ROWS = np.random.default_rng(0).normal(size=(4, 2))


@pytest.mark.parametrize(
    ("x", "mean", "cov"),
    [
        (ROWS, MEAN, COV),
        (ROWS[0], MEAN, COV),
        (ROWS[None], MEAN, COV),
        (ROWS[:1], MEAN, COV),
        (np.array([1.0, 2.0, 3.0]), 0.5, 2.0),
        (1.0, 0.5, 2.0),
        (ROWS, MEAN, np.array([1.0, 2.0])),
        (ROWS, MEAN, 3.0),
    ],
)
def test_multivariate_normal(x: Any, mean: Any, cov: Any) -> None:
    f = multivariate_normal.logpdf
    value, slope = wg.jvp(lambda x, m, c: wst.multivariate_normal.logpdf(x, m, c), (x, mean, cov), (x, mean, cov))
    assert np.shape(value) == np.shape(f(x, mean, cov))
    np.testing.assert_allclose(value, f(x, mean, cov), rtol=1e-13)
    step = 1e-6
    up, down = (f(*[np.multiply(v, 1 + s) for v in (x, mean, cov)]) for s in (step, -step))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-7, atol=1e-8)


def test_dirichlet_and_multinomial() -> None:
    alpha, x = np.array([1.5, 2.0, 3.0]), np.array([0.2, 0.3, 0.5])
    for point in (x, x[:2], np.stack([x, x[::-1]], axis=1)):
        value, slope = wg.jvp(lambda a, p=point: stats.dirichlet.logpdf(p, a), (alpha,), (alpha,))
        f = stats.dirichlet.logpdf
        np.testing.assert_allclose(value, f(point, alpha), rtol=1e-13)
        np.testing.assert_allclose(slope, (f(point, alpha * 1.00001) - f(point, alpha * 0.99999)) / 2e-5, rtol=1e-6)
    counts = np.array([1, 2, 2])
    gradient = wg.grad(lambda p: stats.multinomial.logpmf(counts, 5, p))(x)
    np.testing.assert_allclose(gradient, counts / x)
    value, gradient = wg.value_and_grad(lambda p: stats.multinomial.logpmf(counts, 6, p))(x)
    assert value == -np.inf
    assert not gradient.any()
