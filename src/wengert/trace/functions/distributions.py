"""Logarithms of densities and distribution functions in their standard form: location 0, scale 1.

Each is a few lines of NumPy on traced values.  What lies outside of the support never reaches them (see ``stats``).
The formulas are those in the documentation of ``scipy.stats``; the forms chosen neither overflow nor cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import scipy

Function = Callable[..., Any]


# Supports are written so that nan lies inside: the formula then makes nan of it, as SciPy does.


def _always(y: Any, *shapes: Any) -> Any:
    return ~np.isinf(y)


def _positive(y: Any, *shapes: Any) -> Any:
    return ~(y <= 0) & ~np.isinf(y)


def _half_line(y: Any, *shapes: Any) -> Any:
    return ~(y < 0) & ~np.isinf(y)


def _unit(y: Any, *shapes: Any) -> Any:
    return ~(y < 0) & ~(y > 1)


def _shapes_positive(*shapes: Any) -> Any:
    valid = True
    for shape in shapes:
        valid = np.logical_and(valid, np.greater(shape, 0))
    return valid


@dataclass(frozen=True)
class Model:
    """One distribution.

    Attributes
    ----------
    log_density : callable(y, *shapes)
        For y in the support; of a discrete distribution, the logarithm of the probability.
    shapes : tuple of str
        Names of its shape parameters, in SciPy's order.
    support : callable(y, *shapes) -> bool
    inner : float
        A point that lies in the support whatever the shape, to stand in for points outside.
    valid : callable(*shapes) -> bool
    discrete : bool
    others : mapping of str to callable(y, *shapes)
        cdf, sf, logcdf and logsf, where there is a formula.
    """

    log_density: Function
    shapes: tuple[str, ...] = ()
    support: Function = _always
    inner: float = 0.5
    valid: Function = _shapes_positive
    discrete: bool = False
    others: Mapping[str, Function] = field(default_factory=dict)


_LOG_ROOT_TWO_PI: Final = math.log(2 * math.pi) / 2
_ROOT_HALF: Final = math.sqrt(0.5)


def _t(y: Any, df: Any) -> Any:
    ln = scipy.special.gammaln
    return ln((df + 1) / 2) - ln(df / 2) - np.log(df * np.pi) / 2 - (df + 1) / 2 * np.log1p(y * y / df)


def _beta(y: Any, a: Any, b: Any) -> Any:
    s = scipy.special
    return s.xlogy(a - 1, y) + s.xlog1py(b - 1, -y) - s.betaln(a, b)


def _lognorm(y: Any, s: Any) -> Any:
    z = np.log(y) / s
    return -z * z / 2 - np.log(s) - np.log(y) - _LOG_ROOT_TWO_PI


def _chi2(y: Any, df: Any) -> Any:
    return scipy.special.xlogy(df / 2 - 1, y) - y / 2 - scipy.special.gammaln(df / 2) - df / 2 * math.log(2)


def _laplace_cdf(y: Any) -> Any:
    tail = np.exp(-np.abs(y)) / 2
    return np.where(y < 0, tail, 1 - tail)


CONTINUOUS: Final[Mapping[str, Model]] = {
    "norm": Model(
        lambda y: -y * y / 2 - _LOG_ROOT_TWO_PI,
        others={
            "cdf": lambda y: scipy.special.ndtr(y),
            "sf": lambda y: scipy.special.ndtr(-y),
            "logcdf": lambda y: scipy.special.log_ndtr(y),
            "logsf": lambda y: scipy.special.log_ndtr(-y),
        },
    ),
    "t": Model(_t, ("df",)),
    "gamma": Model(
        lambda y, a: scipy.special.xlogy(a - 1, y) - y - scipy.special.gammaln(a),
        ("a",),
        _half_line,
        others={
            "cdf": lambda y, a: scipy.special.gammainc(a, y),
            "sf": lambda y, a: scipy.special.gammaincc(a, y),
        },
    ),
    "beta": Model(
        _beta,
        ("a", "b"),
        _unit,
        others={
            "cdf": lambda y, a, b: scipy.special.betainc(a, b, y),
            "sf": lambda y, a, b: scipy.special.betaincc(a, b, y),
        },
    ),
    "expon": Model(
        lambda y: -y,
        (),
        _half_line,
        others={
            "cdf": lambda y: -np.expm1(-y),
            "sf": lambda y: np.exp(-y),
            "logcdf": lambda y: np.log(-np.expm1(-y)),
            "logsf": lambda y: -y,
        },
    ),
    "laplace": Model(
        lambda y: -np.abs(y) - math.log(2), others={"cdf": _laplace_cdf, "sf": lambda y: _laplace_cdf(-y)}
    ),
    "cauchy": Model(
        lambda y: -np.log1p(y * y) - math.log(math.pi),
        others={"cdf": lambda y: 0.5 + np.arctan(y) / np.pi, "sf": lambda y: 0.5 - np.arctan(y) / np.pi},
    ),
    # Not -|y| - 2 log(1 + exp(-|y|)), whose second derivative is wrong at 0.
    "logistic": Model(
        lambda y: scipy.special.log_expit(y) + scipy.special.log_expit(-y),
        others={
            "cdf": lambda y: scipy.special.expit(y),
            "sf": lambda y: scipy.special.expit(-y),
            "logcdf": lambda y: scipy.special.log_expit(y),
            "logsf": lambda y: scipy.special.log_expit(-y),
        },
    ),
    "lognorm": Model(
        _lognorm,
        ("s",),
        _positive,
        others={
            "cdf": lambda y, s: scipy.special.ndtr(np.log(y) / s),
            "sf": lambda y, s: scipy.special.ndtr(-np.log(y) / s),
            "logcdf": lambda y, s: scipy.special.log_ndtr(np.log(y) / s),
            "logsf": lambda y, s: scipy.special.log_ndtr(-np.log(y) / s),
        },
    ),
    "uniform": Model(lambda y: 0 * y, (), _unit, others={"cdf": lambda y: y, "sf": lambda y: 1 - y}),
    "weibull_min": Model(
        lambda y, c: np.log(c) + scipy.special.xlogy(c - 1, y) - np.power(y, c),
        ("c",),
        _half_line,
        others={
            "cdf": lambda y, c: -np.expm1(-np.power(y, c)),
            "sf": lambda y, c: np.exp(-np.power(y, c)),
            "logsf": lambda y, c: -np.power(y, c),
        },
    ),
    "chi2": Model(
        _chi2,
        ("df",),
        _half_line,
        others={
            "cdf": lambda y, df: scipy.special.gammainc(df / 2, y / 2),
            "sf": lambda y, df: scipy.special.gammaincc(df / 2, y / 2),
        },
    ),
    "invgamma": Model(
        lambda y, a: -(a + 1) * np.log(y) - scipy.special.gammaln(a) - 1 / y,
        ("a",),
        _positive,
        others={
            "cdf": lambda y, a: scipy.special.gammaincc(a, 1 / y),
            "sf": lambda y, a: scipy.special.gammainc(a, 1 / y),
        },
    ),
    "halfnorm": Model(
        lambda y: math.log(2 / math.pi) / 2 - y * y / 2,
        (),
        _half_line,
        others={"cdf": lambda y: scipy.special.erf(y * _ROOT_HALF), "sf": lambda y: scipy.special.erfc(y * _ROOT_HALF)},
    ),
    "pareto": Model(
        lambda y, b: np.log(b) - (b + 1) * np.log(y),
        ("b",),
        lambda y, b: ~(y < 1) & ~np.isinf(y),
        inner=1.5,
        others={
            "cdf": lambda y, b: -np.expm1(-b * np.log(y)),
            "sf": lambda y, b: np.exp(-b * np.log(y)),
            "logsf": lambda y, b: -b * np.log(y),
        },
    ),
}


# -- discrete distributions -------------------------------------------------------------------------------------------


def _whole(k: Any, *shapes: Any) -> Any:
    return ((k >= 0) & (np.floor(k) == k)) | np.isnan(k)


def _probability(p: Any) -> Any:
    return np.logical_and(np.greater_equal(p, 0), np.less_equal(p, 1))


def _binom(k: Any, n: Any, p: Any) -> Any:
    s = scipy.special
    ways = s.gammaln(n + 1) - s.gammaln(k + 1) - s.gammaln(n - k + 1)
    return ways + s.xlogy(k, p) + s.xlog1py(n - k, -p)


def _nbinom(k: Any, n: Any, p: Any) -> Any:
    s = scipy.special
    return s.gammaln(n + k) - s.gammaln(k + 1) - s.gammaln(n) + s.xlogy(n, p) + s.xlog1py(k, -p)


DISCRETE: Final[Mapping[str, Model]] = {
    "poisson": Model(
        lambda k, mu: scipy.special.xlogy(k, mu) - scipy.special.gammaln(k + 1) - mu,
        ("mu",),
        _whole,
        inner=0,
        valid=lambda mu: np.greater_equal(mu, 0),
        discrete=True,
        others={
            "cdf": lambda k, mu: scipy.special.gammaincc(k + 1, mu),
            "sf": lambda k, mu: scipy.special.gammainc(k + 1, mu),
        },
    ),
    "binom": Model(
        _binom,
        ("n", "p"),
        lambda k, n, p: _whole(k) & ~np.greater(k, n),
        inner=0,
        valid=lambda n, p: np.logical_and(np.greater_equal(n, 0), _probability(p)),
        discrete=True,
    ),
    "bernoulli": Model(
        lambda k, p: scipy.special.xlogy(k, p) + scipy.special.xlog1py(1 - k, -p),
        ("p",),
        lambda k, p: (k == 0) | (k == 1) | np.isnan(k),
        inner=0,
        valid=_probability,
        discrete=True,
    ),
    "nbinom": Model(
        _nbinom,
        ("n", "p"),
        _whole,
        inner=0,
        valid=lambda n, p: np.logical_and(np.greater(n, 0), np.logical_and(np.greater(p, 0), np.less_equal(p, 1))),
        discrete=True,
        others={
            "cdf": lambda k, n, p: scipy.special.betainc(n, k + 1, p),
            "sf": lambda k, n, p: scipy.special.betaincc(n, k + 1, p),
        },
    ),
}
