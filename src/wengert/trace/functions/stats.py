"""``scipy.stats`` for traced values: densities and distribution functions, differentiable in point and parameters.

A distribution such as ``scipy.stats.norm`` is an object with methods; traced code sees a :class:`Distribution` in its
place, which computes what ``distributions`` has a formula for, and hands everything else on to SciPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import scipy

from ...core.source import user_line
from ...errors import UntraceableError, explain
from ..creation import NAMES, replace_instances
from ..libraries import version, when_imported
from ..tracer import is_traced, plain
from .common import as_dtype, traced
from .distributions import CONTINUOUS, DISCRETE, Model

MODULE: Final = "scipy.stats"
_FLOAT: Final = np.dtype(float)

# -- distributions of one variable ------------------------------------------------------------------------------------


def _bound(model: Model, args: Any, kwargs: Any) -> tuple[list[Any], Any, Any]:
    """Sort arguments into shapes, location and scale."""
    names = (*model.shapes, "loc") if model.discrete else (*model.shapes, "loc", "scale")
    given = {"loc": 0.0, "scale": 1.0, **dict(zip(names, args, strict=False))}
    doubled = [name for name in kwargs if name in names[: len(args)]]
    unknown = [name for name in kwargs if name not in names]
    given |= kwargs
    missing = [name for name in model.shapes if name not in given]
    if len(args) > len(names) or doubled or unknown or missing:
        found = ", ".join([f"{len(args)} positional", *kwargs])
        raise TypeError(f"the parameters are {', '.join(names)}; found: {found}")
    return [given[name] for name in model.shapes], given["loc"], given["scale"]


def _wide(value: Any, like: Any) -> Any:
    """Return an operand as a symbol of float64, in which SciPy computes densities of every dtype."""
    return as_dtype(traced(value, like), _FLOAT)


def _number(value: Any) -> Any:
    """Return an operand in float64; what is not traced stays NumPy's and is computed with at once."""
    return _wide(value, value) if is_traced(value) else np.asarray(plain(value), _FLOAT)


def _standard(model: Model, x: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any], Any, Any, Any]:
    """Return the standardised point, shapes, scale; where the point is in the support; where parameters are valid."""
    shapes, loc, scale = _bound(model, args, kwargs)
    x, loc, scale, *shapes = map(_number, (x, loc, scale, *shapes))
    y = (x - loc) / scale
    return y, shapes, scale, model.support(y, *shapes), np.logical_and(scale > 0, model.valid(*shapes))


def _where(condition: Any, x: Any, y: Any) -> Any:
    """Return ``np.where(condition, x, y)``; just x where the condition is known to hold everywhere."""
    return x if not is_traced(condition) and np.all(condition) else np.where(condition, x, y)


def _log_density(model: Model, x: Any, *args: Any, **kwargs: Any) -> Any:
    with np.errstate(all="ignore"):
        y, shapes, scale, inside, valid = _standard(model, x, args, kwargs)
        # Outside of the support the formula sees a point inside: what is not chosen has no influence, and no nan.
        found = model.log_density(_where(inside, y, model.inner), *shapes)
        found = found if model.discrete else found - np.log(scale)
        return _where(valid, _where(inside, found, -np.inf), np.nan)


def _density(model: Model, x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.exp(_log_density(model, x, *args, **kwargs))


def _distribution_function(model: Model, name: str) -> Callable[..., Any]:
    """Return cdf, sf, logcdf or logsf: constant beyond the ends of the support."""
    formula = model.others[name]
    beyond = {"cdf": (0.0, 1.0), "sf": (1.0, 0.0), "logcdf": (-np.inf, 0.0), "logsf": (0.0, -np.inf)}[name]

    def evaluate(x: Any, *args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            y, shapes, _, inside, valid = _standard(model, x, args, kwargs)
            if model.discrete:
                y = np.floor(y)
                inside = model.support(y, *shapes)
            found = formula(_where(inside, y, model.inner), *shapes)
            below, above = beyond
            return _where(valid, _where(inside, found, np.where(y < model.inner, below, above)), np.nan)

    return evaluate


def _methods(model: Model) -> dict[str, Callable[..., Any]]:
    """Return what the traced version of a distribution computes itself."""
    log_name, name = ("logpmf", "pmf") if model.discrete else ("logpdf", "pdf")
    found: dict[str, Callable[..., Any]] = {
        log_name: lambda x, *args, **kwargs: _log_density(model, x, *args, **kwargs),
        name: lambda x, *args, **kwargs: _density(model, x, *args, **kwargs),
    }
    for other in model.others:
        found[other] = _distribution_function(model, other)
    for other in ("cdf", "sf"):
        if other in model.others:
            found.setdefault("log" + other, _logarithm(found[other]))
    return found


def _logarithm(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *args, **kwargs: np.log(function(x, *args, **kwargs))


# -- distributions of several variables -------------------------------------------------------------------------------


def _normal_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """By the Cholesky factor of the covariance, which must be positive definite."""
    if allow_singular:
        raise TypeError(
            "allow_singular=True is not supported for traced values: the covariance is factored by Cholesky"
        )
    every = [x, mean, cov]
    x, cov = _wide(x, every), _wide(cov, every)
    center = None if mean is None else np.reshape(_wide(mean, every), (-1,))
    size = max(1 if center is None else center.shape[0], cov.shape[0] if cov.ndim else 1)
    if cov.ndim < 2:
        cov = np.eye(size) * cov
    deviation = x if x.ndim and (size > 1 or x.shape[-1] == 1 or x.ndim > 1) else x[..., None]
    deviation = deviation if center is None else deviation - center
    factor = np.linalg.cholesky(cov)
    flat = np.reshape(deviation, (-1, size))
    z = np.linalg.solve(factor, flat.T)
    half_log_det = np.sum(np.log(np.diagonal(factor)))
    found = -np.sum(z * z, axis=0) / 2 - half_log_det - size * np.log(2 * np.pi) / 2
    # SciPy drops every axis of size 1 from the result.
    return np.reshape(found, tuple(n for n in deviation.shape[:-1] if n != 1))


def _normal_pdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    return np.exp(_normal_logpdf(x, mean, cov, allow_singular))


def _dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    """The points are the columns of x and sum to 1 (not checked); the last entry may be left out."""
    x, alpha = _wide(x, [x, alpha]), _wide(alpha, [x, alpha])
    if x.shape[0] + 1 == alpha.shape[0]:
        x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
    weights = np.reshape(alpha, (-1,) + (1,) * (x.ndim - 1))
    norm = np.sum(scipy.special.gammaln(alpha)) - scipy.special.gammaln(np.sum(alpha))
    return np.sum(scipy.special.xlogy(weights - 1, x), axis=0) - norm


def _dirichlet_pdf(x: Any, alpha: Any) -> Any:
    return np.exp(_dirichlet_logpdf(x, alpha))


def _multinomial_logpmf(x: Any, n: Any, p: Any) -> Any:
    every = [x, n, p]
    x, n, p = (_wide(v, every) for v in every)
    ways = scipy.special.gammaln(n + 1) - np.sum(scipy.special.gammaln(x + 1), axis=-1)
    inside = (np.sum(x, axis=-1) == n) & np.all((x >= 0) & (np.floor(x) == x), axis=-1)
    return np.where(inside, ways + np.sum(scipy.special.xlogy(x, p), axis=-1), -np.inf)


def _multinomial_pmf(x: Any, n: Any, p: Any) -> Any:
    return np.exp(_multinomial_logpmf(x, n, p))


# -- the objects ------------------------------------------------------------------------------------------------------

METHODS: Final[dict[str, dict[str, Callable[..., Any]]]] = {
    **{name: _methods(model) for name, model in {**CONTINUOUS, **DISCRETE}.items()},
    "multivariate_normal": {"logpdf": _normal_logpdf, "pdf": _normal_pdf},
    "dirichlet": {"logpdf": _dirichlet_logpdf, "pdf": _dirichlet_pdf},
    "multinomial": {"logpmf": _multinomial_logpmf, "pmf": _multinomial_pmf},
}
"""Name of a distribution -> method -> its meaning for traced arguments."""

_OTHER_METHODS: Final = frozenset(
    "pdf logpdf pmf logpmf cdf sf logcdf logsf ppf isf moment stats entropy median mean var std interval expect".split()
)


def _name(original: Any) -> str:
    return str(getattr(original, "name", type(original).__name__.removesuffix("_gen")))


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise UntraceableError(
            explain(
                f"scipy.stats.{name} has no meaning for traced values yet.",
                line=user_line(),
                fix="write its formula with NumPy and scipy.special, or give it a derivative with wg.custom_jvp",
            )
        )

    return refuse


_MADE: Final[dict[int, Distribution]] = {}


class Distribution:
    """A distribution of ``scipy.stats`` as traced code sees it.

    Parameters
    ----------
    original
        SciPy's object, which everything that is not in the table goes to.
    methods
        What is computed here where an argument is traced.
    """

    def __init__(self, original: Any, methods: dict[str, Callable[..., Any]]) -> None:
        self._original = original
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._original, name)
        if name in self._methods:
            found = self.__dict__[name] = version(found, self._methods[name])
        elif name in _OTHER_METHODS:
            found = self.__dict__[name] = version(found, _refusal(f"{_name(self._original)}.{name}"))
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(map(is_traced, args)) or any(map(is_traced, kwargs.values())):
            return Frozen(self, args, kwargs)
        return Frozen(self, args, kwargs, self._original(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<{self._original!r}, as traced code sees it>"


class Frozen:
    """A distribution with fixed parameters, ``norm(loc, scale)``, as traced code sees it."""

    def __init__(self, distribution: Distribution, args: Any, kwargs: Any, original: Any = None) -> None:
        self._distribution = distribution
        self._parameters = (args, kwargs)
        self._original = original

    def __getattr__(self, name: str) -> Any:
        args, kwargs = self._parameters
        if name not in self._distribution._methods and self._original is not None:
            return getattr(self._original, name)
        method = getattr(self._distribution, name)
        return lambda *x: method(*x, *args, **kwargs)


def _version_of(name: str, original: Any) -> Distribution:
    """Return the traced version of one of SciPy's distributions; SciPy's objects live as long as the program."""
    found = _MADE.get(id(original))
    if found is None or found._original is not original:
        found = _MADE[id(original)] = Distribution(original, METHODS[name])
    return found


def _enter(stats: Any) -> None:
    for name, methods in METHODS.items():
        original = getattr(stats, name)
        replace_instances(type(original), functools.partial(_version_of, name))
        NAMES.update(methods)
    kinds = {type(getattr(stats, name)): name for name in METHODS}

    def frozen(found: Any) -> Any:
        name = kinds.get(type(found.dist))
        return found if name is None else Frozen(_version_of(name, getattr(stats, name)), found.args, found.kwds, found)

    for example in (stats.norm(), stats.poisson(1)):
        replace_instances(type(example), frozen)
    normal = stats.multivariate_normal
    replace_instances(
        type(normal(np.zeros(1))),
        lambda found: Frozen(_version_of("multivariate_normal", normal), (found.mean, found.cov), {}, found),
    )


when_imported(MODULE, _enter)
