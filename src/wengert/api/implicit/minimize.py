"""Minima: the argument at which a function is smallest, as a function of its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import scipy

from ...core.builder import Builder, inline
from ...core.graph import Graph, prune
from ...core.source import user_line, user_source
from ...core.tree import flatten, unflatten
from ...errors import ArgumentError, NonScalarOutputError, explain
from ...ops.compare import maximum, minimum
from ...ops.solvers import solver_call
from ...ops.subgraph import SubGraph
from ...transforms.reverse import gradient
from ..rulecheck import where
from .containers import Parameters, Unknowns, apply, calling, record_flat
from .equation import Equation, jacobian_graph, pushforward_graph
from .linear import DENSE, check_method, program
from .root import frozen, unknown_method

_FREE: Final = ("Nelder-Mead", "Powell")
_SECOND: Final = ("Newton-CG", "dogleg", "trust-ncg", "trust-exact", "trust-krylov", "trust-constr")
_BOUNDED: Final = ("L-BFGS-B", "TNC", "SLSQP", "Nelder-Mead", "Powell", "trust-constr")
MINIMIZE_METHODS: Final = ("BFGS", "L-BFGS-B", "CG", "TNC", "SLSQP", *_SECOND, *_FREE)


@dataclass(frozen=True, repr=False)
class Minimum(Equation):
    """The gradient of f is zero: x by ``scipy.optimize.minimize``."""

    name: ClassVar[str] = "minimize"
    what: ClassVar[str] = "|gradient|"
    rule: ClassVar[str] = "wg.minimize returns a minimum at which the gradient is zero, or fails."
    symmetric: ClassVar[bool] = True

    objective: SubGraph | None = None
    slope: SubGraph | None = None

    def find(self, start: Any, given: Sequence[Any]) -> tuple[Any, bool, str]:
        """Return a minimum, whether the solver is content, and what it says."""
        return self._search(start, given, None)

    def _search(self, start: Any, given: Sequence[Any], bounds: Any) -> tuple[Any, bool, str]:
        assert self.objective is not None
        assert self.slope is not None
        value = program("product", self.objective)
        both = program("gradient", self.objective, _gradient)
        how: dict[str, Any] = {"method": self.method, "tol": self.tol, "options": dict(self.options), "bounds": bounds}
        if self.method not in _FREE:
            how["jac"] = True
        if self.method in _SECOND:
            how |= self._second(self.slope, given, start.size <= DENSE or self.method in ("dogleg", "trust-exact"))

        def objective(x: Any) -> Any:
            if self.method in _FREE:
                return float(value([self._vector(x), *given])[0])
            y, slope = both([self._vector(x), *given])
            return float(y), np.asarray(slope, float)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of line searches that leave the domain; what counts is the result
            found = scipy.optimize.minimize(objective, start, **how)
        return found.x, bool(found.success), str(found.message)

    def _second(self, slope: SubGraph, given: Sequence[Any], dense: bool) -> dict[str, Any]:
        """Return the Hessian, or its products with vectors, for SciPy."""
        if dense:
            run = program("jacobian", slope, jacobian_graph)
            unit = np.eye(slope.in_avals[0].size, dtype=slope.in_avals[0].dtype)
            return {"hess": lambda x: run([self._vector(x), *given, unit])[0]}
        product = program("pushforward", slope, pushforward_graph)
        return {"hessp": lambda x, v: product([self._vector(x), *given, self._vector(v)])[0]}


@dataclass(frozen=True, repr=False)
class BoundedMinimum(Minimum):
    """x equals x - gradient, cut off at the bounds; the first two parameters are the bounds."""

    what: ClassVar[str] = "|projected gradient|"
    rule: ClassVar[str] = "wg.minimize returns a minimum at which the projected gradient is zero, or fails."
    symmetric: ClassVar[bool] = False

    def find(self, start: Any, given: Sequence[Any]) -> tuple[Any, bool, str]:
        """Return a minimum, whether the solver is content, and what it says."""
        low, high, *rest = given
        inside = np.clip(start, low, high)
        x, ok, message = self._search(inside, rest, scipy.optimize.Bounds(low, high))
        return np.clip(x, low, high), ok, message


def _gradient(graph: SubGraph) -> Graph:
    return gradient(graph, [k == 0 for k in range(len(graph.inputs))])


def _stationary(slope: Graph, bounded: bool) -> Graph:
    """Return the graph (x, parameters) -> gradient, or (x, bounds, parameters) -> x - clip(x - gradient)."""
    if not bounded:
        return slope
    builder = Builder(reuse=True)
    first, *rest = slope.in_avals
    x, low, high = builder.input(first), builder.input(first), builder.input(first)
    (g,) = inline(slope, builder, [x, *[builder.input(of) for of in rest]])
    return builder.build([x - minimum(maximum(x - g, low), high)])


# -- the public function ----------------------------------------------------------------------------------------------


def minimize(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    method: str | None = None,
    bounds: tuple[Any, Any] | None = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    linear: str = "auto",
) -> Any:
    """Find the x at which ``f(x, *args)`` is smallest (a local minimum).

    The value comes from ``scipy.optimize.minimize`` with exact gradients (and Hessians for the methods that use them),
    followed, up to 500 unknowns, by Newton steps as long as they bring the gradient closer to zero.  Derivatives with
    respect to ``args``, to ``bounds`` and to traced values that ``f`` captures follow from the stationarity condition
    by the implicit-function theorem: one linear system with the Hessian of ``f``, whatever the number of iterations.

    Parameters
    ----------
    f : callable
        Returns a real scalar.  It is recorded once, as for :func:`root`.
    x0 : array, number or nested container of them
        Where to start; real.
    *args
        Parameters, as for :func:`root`.
    method : str, optional
        One of ``scipy.optimize.minimize``; ``"BFGS"`` by default, ``"L-BFGS-B"`` with bounds.
    bounds : tuple of two, optional
        Lower and upper bounds: each a number for all unknowns, a container like ``x0``, or None.
    tol : float, optional
        Tolerance of the solver, as in SciPy.
    options : dict, optional
        Options of the solver, as in SciPy.
    linear : str
        Method for the linear systems of derivatives, as in :func:`linear_solve`.

    Returns
    -------
    array, number or nested container of them
        The minimiser, of the containers and shapes of ``x0``.

    Raises
    ------
    ConvergenceError
        If no minimum is found, or the gradient is not zero there (a kink).
    SingularSystemError
        For a derivative at a minimum whose Hessian is singular (a flat minimum).
    NonScalarOutputError, ArgumentError, UntraceableError
        If ``f`` does not return a real scalar; as for :func:`root`.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> X, y = np.vander([0.0, 1.0, 2.0, 3.0], 2), np.array([0.0, 1.0, 1.0, 3.0])
    >>> def ridge(penalty):
    ...     loss = lambda w: np.sum((X @ w - y) ** 2) + penalty * np.sum(w**2)
    ...     return wg.minimize(loss, np.zeros(2))
    >>> ridge(1.0).round(6)
    array([0.769231, 0.076923])
    >>> wg.jacobian(ridge)(1.0).round(6)
    array([-0.086785,  0.088757])
    """
    method = ("BFGS" if bounds is None else "L-BFGS-B") if method is None else method
    if method not in MINIMIZE_METHODS:
        raise unknown_method("minimize", method, MINIMIZE_METHODS)
    if bounds is not None and method not in _BOUNDED:
        raise unknown_method("minimize with bounds", method, _BOUNDED)
    unknowns = Unknowns(x0, "minimize")
    parameters = Parameters(args)
    call = calling(f)

    def body(heads: Sequence[Any], values: Sequence[Any]) -> Any:
        out = call(unknowns.unpack(heads[0]), *parameters.args(values))
        _check_scalar(out, f)
        return out

    objective, captured = record_flat("minimize", f, body, [unknowns.aval], parameters.operands)
    whole = _gradient(objective)
    slope = SubGraph.of(
        Graph(whole.avals, whole.inputs, tuple(prune(whole.equations, whole.outputs[1:])), whole.outputs[1:]),
        ("slope", objective.key),
    )
    limits = [] if bounds is None else [_bound(side, unknowns, k) for k, side in enumerate(_pair(bounds))]
    graph = SubGraph.of(_stationary(slope, bool(limits)), ("stationary", bool(limits), objective.key))
    kind = BoundedMinimum if limits else Minimum
    equation = kind(
        graph, method, tol, frozen(options), check_method(linear, "minimize"), user_source(), objective, slope
    )
    operands = [unknowns.vector, *limits, *parameters.operands, *captured]
    (x,) = apply(solver_call, operands, solver=equation, levels=())
    return unknowns.unpack(x)


def _check_scalar(value: Any, f: Any) -> None:
    leaves = flatten(value)[0]
    if len(leaves) != 1 or np.shape(leaves[0]) != () or np.result_type(leaves[0]).kind != "f":
        raise NonScalarOutputError(
            explain(
                "wg.minimize needs a function with one real, floating-point scalar as its result.",
                found=", ".join(f"shape {np.shape(leaf)}" for leaf in leaves) or "no array",
                line=where(f),
                fix="sum or average the result",
            )
        )


def _pair(bounds: Any) -> Any:
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise ArgumentError(
            explain(
                "bounds are a pair (lower, upper).",
                found=repr(bounds),
                line=user_line(),
                fix="give a number, a container like x0, or None for each: bounds=(0.0, None)",
            )
        )
    return bounds


def _bound(side: Any, unknowns: Unknowns, k: int) -> Any:
    """Return one of the two bounds as a vector."""
    if side is None:
        return np.full(unknowns.size, np.inf if k else -np.inf, unknowns.aval.dtype)
    leaves, tree = flatten(side)
    if len(leaves) == 1 and np.shape(leaves[0]) == ():
        leaves, tree = [np.broadcast_to(leaves[0], shape) for shape in unknowns.shapes], unknowns.tree
    return unknowns.pack(unflatten(tree, leaves), "A bound", None)
