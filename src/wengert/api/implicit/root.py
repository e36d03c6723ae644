"""Roots and fixed points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import scipy

from ...core.source import user_line, user_source
from ...errors import ArgumentError, explain
from ...ops.solvers import solver_call
from .containers import Parameters, Unknowns, apply, calling, record_flat
from .equation import Equation
from .linear import check_method

_QUASI: Final = ("broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden", "excitingmixing", "krylov")
ROOT_METHODS: Final = ("hybr", "lm", *_QUASI, "df-sane")
_MEMORY: Final = 5
"""Earlier steps that Anderson's acceleration combines."""


@dataclass(frozen=True, repr=False)
class Root(Equation):
    """F(x, p) = 0 by ``scipy.optimize.root``."""

    def find(self, start: Any, given: Sequence[Any]) -> tuple[Any, bool, str]:
        """Return a solution, whether the solver is content, and what it says."""
        jacobian = (lambda x: self.jacobian(x, given)) if self.method in ("hybr", "lm") else None
        tol, options = self.tol, dict(self.options)
        if self.method in _QUASI:
            # SciPy would take tol as the relative size of the last step, which says little: these take small steps when
            # they are lost, too.
            options.setdefault("fatol", np.finfo(start.dtype).eps ** (2 / 3) if tol is None else tol)
            tol = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of steps that lead nowhere; what counts is the result
            found = scipy.optimize.root(
                lambda x: self.residual(x, given), start, jac=jacobian, method=self.method, tol=tol, options=options
            )
        return found.x, bool(found.success), str(found.message)


def root(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    method: str = "hybr",
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    linear: str = "auto",
) -> Any:
    """Find x with ``f(x, *args) = 0``.

    The value comes from ``scipy.optimize.root`` (with exact Jacobians for the methods that use them), followed, up to
    500 unknowns, by Newton steps as long as they improve it.  Derivatives with respect to ``args`` and to traced values
    that ``f`` captures follow from the implicit-function theorem: one linear system with the Jacobian of ``f`` in x,
    whatever the number of iterations was.  Where the solver starts has no influence on them.

    Parameters
    ----------
    f : callable
        Returns one value for each unknown, in the containers and shapes of x.  It is recorded once: Python's ``if`` and
        ``while`` may ask for values of parameters, not of x.
    x0 : array, number or nested container of them
        Where to start; real.
    *args
        Parameters: arrays, numbers and containers of them; anything else is handed through.
    method : str
        One of ``scipy.optimize.root``.
    tol : float, optional
        Tolerance of the solver: as in SciPy for ``"hybr"``, ``"lm"`` and ``"df-sane"``, for the others the largest
        entry of f (by default 4e-11 in float64).
    options : dict, optional
        Options of the solver, as in SciPy.
    linear : str
        Method for the linear systems of derivatives, as in :func:`linear_solve`.

    Returns
    -------
    array, number or nested container of them
        The root, of the containers and shapes of ``x0``.

    Raises
    ------
    ConvergenceError
        If no root is found; the message has the residual.
    SingularSystemError
        For a derivative at a root where the Jacobian is singular (a double root).
    ArgumentError, ShapeError, UntraceableError
        If ``x0`` is complex, ``f`` returns something of another shape, or asks for values of x.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def kepler(e, mean_anomaly, eccentricity):
    ...     return e - eccentricity * np.sin(e) - mean_anomaly
    >>> def anomaly(m):
    ...     return wg.root(kepler, m, m, 0.5)
    >>> round(float(anomaly(1.0)), 6), round(float(wg.grad(anomaly)(1.0)), 6)
    (1.498701, 1.037362)
    """
    if method not in ROOT_METHODS:
        raise unknown_method("root", method, ROOT_METHODS)
    unknowns = Unknowns(x0, "root")
    parameters = Parameters(args)
    call = calling(f)

    def body(heads: Sequence[Any], values: Sequence[Any]) -> Any:
        out = call(unknowns.unpack(heads[0]), *parameters.args(values))
        return unknowns.pack(out, "What the function given to wg.root returns", f)

    graph, captured = record_flat("root", f, body, [unknowns.aval], parameters.operands)
    equation = Root(graph, method, tol, frozen(options), check_method(linear, "root"), user_source())
    (x,) = apply(solver_call, [unknowns.vector, *parameters.operands, *captured], solver=equation, levels=())
    return unknowns.unpack(x)


def frozen(options: dict[str, Any] | None) -> tuple[tuple[str, Any], ...]:
    """Return options as something that can be compared."""
    return tuple(sorted((options or {}).items()))


def unknown_method(name: str, method: Any, known: Sequence[str]) -> ArgumentError:
    """Return the error for a method that does not exist."""
    return ArgumentError(
        explain(
            f"wg.{name} uses one of the methods {', '.join(map(repr, known))}.",
            found=repr(method),
            line=user_line(),
            fix="choose one of them",
        )
    )


# -- fixed points -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class FixedPoint(Equation):
    """f(x, p) - x = 0 by iteration."""

    name: ClassVar[str] = "fixed_point"
    what: ClassVar[str] = "|f(x) - x|"
    rule: ClassVar[str] = "wg.fixed_point returns a fixed point or fails."

    def find(self, start: Any, given: Sequence[Any]) -> tuple[Any, bool, str]:
        """Return a solution, whether the iteration has come to rest, and what it says."""
        # SciPy's fixed_point compares entry by entry and relative to the entry, so that it does not end where a fixed
        # point has entries 0; the norm of the whole vector is compared here.
        options = dict(self.options)
        most = options["maxiter"]
        tol = np.finfo(start.dtype).eps ** 0.75 if self.tol is None else self.tol
        memory = _MEMORY if self.method == "anderson" else 0
        x, steps, residuals = start, [], []
        last: Any = None
        for count in range(most):
            r = self.residual(x, given)
            if not np.isfinite(r).all():
                return x, False, f"the iteration left the numbers after {count} steps"
            if np.linalg.norm(r) <= tol * (1.0 + np.linalg.norm(x)):
                return x, True, "at rest"
            step = r
            if memory and last is not None:
                # H. F. Walker, P. Ni, "Anderson acceleration for fixed-point iterations", SIAM J. Numer. Anal. 49(4),
                # 2011: the combination of the last steps that makes the residual smallest.
                steps.append(x - last[0])
                residuals.append(r - last[1])
                del steps[:-memory], residuals[:-memory]
                dx, dr = np.array(steps).T, np.array(residuals).T
                weights = np.linalg.lstsq(dr, r, rcond=None)[0]
                step = r - (dx + dr) @ weights
            last = (x, r)
            x = x + step
        return x, False, f"not at rest after {most} steps"


FIXED_POINT_METHODS: Final = ("anderson", "iteration")


def fixed_point(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    method: str = "anderson",
    tol: float | None = None,
    maxiter: int = 1000,
    linear: str = "auto",
) -> Any:
    """Find x with ``f(x, *args) = x``.

    Derivatives do not go through the iterations: they follow from the implicit-function theorem, as for :func:`root`.

    Parameters
    ----------
    f : callable
        Returns the next x, in the containers and shapes of x.  It is recorded once, as for :func:`root`.
    x0 : array, number or nested container of them
        Where to start; real.
    *args
        Parameters, as for :func:`root`.
    method : str
        ``"iteration"`` applies f again and again; ``"anderson"`` combines the last five steps, which takes far fewer of
        them.  Up to 500 unknowns Newton steps follow as long as they improve the result.
    tol : float, optional
        The iteration ends where the norm of f(x) - x is at most ``tol`` times 1 + the norm of x; by default 2e-12 in
        float64.
    maxiter : int
        Applications of f at most.
    linear : str
        Method for the linear systems of derivatives, as in :func:`linear_solve`.

    Returns
    -------
    array, number or nested container of them
        The fixed point, of the containers and shapes of ``x0``.

    Raises
    ------
    ConvergenceError
        If the iteration does not come to rest.
    SingularSystemError
        For a derivative where 1 is an eigenvalue of the Jacobian of f.
    ArgumentError, ShapeError, UntraceableError
        As for :func:`root`.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def square_root(a):
    ...     return wg.fixed_point(lambda x: 0.5 * (x + a / x), 1.0)
    >>> round(float(square_root(2.0)), 6), round(float(wg.grad(square_root)(2.0)), 6)
    (1.414214, 0.353553)
    """
    if method not in FIXED_POINT_METHODS:
        raise unknown_method("fixed_point", method, FIXED_POINT_METHODS)
    unknowns = Unknowns(x0, "fixed_point")
    parameters = Parameters(args)
    call = calling(f)

    def body(heads: Sequence[Any], values: Sequence[Any]) -> Any:
        out = call(unknowns.unpack(heads[0]), *parameters.args(values))
        return unknowns.pack(out, "What the function given to wg.fixed_point returns", f) - heads[0]

    graph, captured = record_flat("fixed_point", f, body, [unknowns.aval], parameters.operands)
    options = (("maxiter", int(maxiter)),)
    equation = FixedPoint(graph, method, tol, options, check_method(linear, "fixed_point"), user_source())
    (x,) = apply(solver_call, [unknowns.vector, *parameters.operands, *captured], solver=equation, levels=())
    return unknowns.unpack(x)
