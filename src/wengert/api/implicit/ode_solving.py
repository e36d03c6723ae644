"""Solving initial-value problems, and their adjoint equations, with SciPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import scipy

from ...core.graph import Graph, prune
from ...core.source import Source
from ...errors import ArgumentError, ConvergenceError, explain
from ...ops.subgraph import SubGraph
from ...transforms.batch import batch
from ...transforms.reverse import reverse
from .equation import jacobian_graph
from .linear import DENSE, program

STIFF: Final = ("Radau", "BDF", "LSODA")
ODE_METHODS: Final = ("DOP853", "RK45", "RK23", *STIFF)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_CHUNK: Final = 64
"""Nodes of the quadrature that are evaluated at once; a fixed number, so that their program is compiled once."""


@dataclass(frozen=True)
class Settings:
    """How a differential equation is solved.

    Attributes
    ----------
    method : str
    rtol, atol : float
    options : tuple of pairs
        Further ones for SciPy's solver.
    source : Source or None
        The user's line.
    """

    method: str
    rtol: float
    atol: float
    options: tuple[tuple[str, Any], ...] = ()
    source: Source | None = field(default=None, compare=False)

    def solve(self, f: Any, span: tuple[float, float], y0: Any, jacobian: Any, dtype: Any, **how: Any) -> Any:
        """Call ``scipy.integrate.solve_ivp``."""
        floor = 100 * float(np.finfo(dtype).eps)  # below that, rounding looks like an error of the method
        if self.method in STIFF and jacobian is not None:
            how["jac"] = jacobian
        return scipy.integrate.solve_ivp(
            f,
            span,
            np.asarray(y0, float),
            self.method,
            rtol=max(self.rtol, floor),
            atol=max(self.atol, floor if dtype.itemsize < 8 else 0.0),
            **dict(self.options),
            **how,
        )

    def failed(self, found: str) -> ConvergenceError:
        """Return the error for a solver that did not reach the end."""
        return ConvergenceError(
            explain(
                "wg.odeint returns the solution at the times asked for, or fails.",
                found=f"{found} (method {self.method!r})",
                line=str(self.source or ""),
                fix="see whether the solution grows without bound; for stiff equations take method 'Radau' or 'BDF'; "
                "or allow larger tolerances",
            )
        )


def check_times(t: Any, source: Source | None) -> Any:
    """Return times as floats, in one direction."""
    t = np.asarray(t, float)
    steps = np.diff(t)
    if not np.isfinite(t).all() or not (np.all(steps > 0) or np.all(steps < 0)):
        raise ArgumentError(
            explain(
                "The times of wg.odeint go in one direction, without repetition.",
                found=str(t),
                line=str(source or ""),
                fix="sort them (np.unique)",
            )
        )
    return t


# -- forward ----------------------------------------------------------------------------------------------------------


def ready(parameters: Sequence[Any], graph: Graph) -> list[Any]:
    """Return parameters as a program takes them."""
    avals = graph.in_avals[2:]
    return [
        np.ascontiguousarray(p, of.dtype) if of.shape else of.dtype.type(p)
        for p, of in zip(parameters, avals, strict=True)
    ]


def solution(
    graph: SubGraph, settings: Settings, y0: Any, span: tuple[float, float], given: Sequence[Any], **how: Any
) -> Any:
    """Solve y' = f(y, t, p) from one time to another; ``graph`` is f."""
    run = program("product", graph)
    of, time = graph.in_avals[:2]

    reached = span[0]

    def f(t: float, y: Any) -> Any:
        nonlocal reached
        reached = t
        return run([np.ascontiguousarray(y, of.dtype), time.dtype.type(t), *given])[0]

    found = settings.solve(f, span, y0, _jacobian(graph, settings, given), of.dtype, **how)
    if not found.success:
        raise settings.failed(f"{found.message.rstrip('.')}, at t = {reached:.4g} on the way to {span[1]:.4g}")
    return found


def _jacobian(graph: SubGraph, settings: Settings, given: Sequence[Any]) -> Callable[[float, Any], Any] | None:
    of, time = graph.in_avals[:2]
    if of.size > DENSE or settings.method not in STIFF:
        return None
    slopes = program("jacobian", graph, jacobian_graph)
    unit = np.eye(of.size, dtype=of.dtype)

    def jacobian(t: float, y: Any) -> Any:
        return slopes([np.ascontiguousarray(y, of.dtype), time.dtype.type(t), *given, unit])[0].T

    return jacobian


# -- backward ---------------------------------------------------------------------------------------------------------


def adjoint(
    graph: SubGraph, settings: Settings, active: tuple[bool, ...], y0: Any, t: Any, given: Sequence[Any], cts: Any
) -> tuple[Any, list[Any]]:
    """Return the cotangents of y_0 and of the active parameters.

    Parameters
    ----------
    graph, settings
        The differential equation.
    active
        Which parameters have a cotangent.
    y0, t, given
        Initial value, times, parameters.
    cts
        The cotangent of the solution at each time.
    """
    avals = [of for of, on in zip(graph.in_avals[2:], active, strict=True) if on]
    sums = [np.zeros(of.shape, of.dtype) for of in avals]
    a = np.array(cts[-1], float)
    # Where nothing is added, nothing has to stop.
    stops = [k for k in range(len(t) - 1, -1, -1) if k in (0, len(t) - 1) or np.any(cts[k])]
    if len(t) < 2 or not a.size:
        return a, sums
    ys = solution(graph, settings, y0, (t[0], t[-1]), given, dense_output=True).sol
    of, time = graph.in_avals[:2]
    pull = program("pullback", graph, lambda g: _pullback(g, (True, *(False,) * len(active))))
    slopes = _jacobian(graph, settings, given)

    def f(tau: float, a: Any) -> Any:
        y, ct = np.asarray(ys(tau), of.dtype), np.ascontiguousarray(a, of.dtype)
        return -pull([y, time.dtype.type(tau), *given, ct])[0]

    def jacobian(tau: float, a: Any) -> Any:
        assert slopes is not None
        return -slopes(tau, ys(tau)).T

    for later, earlier in itertools.pairwise(stops):
        if np.any(a):
            span = (t[later], t[earlier])
            found = settings.solve(f, span, a, slopes and jacobian, of.dtype, dense_output=any(active))
            if not found.success:
                reason = found.message.rstrip(".")
                raise settings.failed(f"{reason} in the adjoint equation, between t = {span[1]:.6g} and {span[0]:.6g}")
            if any(active):
                _integrate(graph, active, given, found.t, ys, found.sol, sums)
            a = found.y[:, -1]
        a = a + cts[earlier]
    return a, sums


def _pullback(graph: Graph, active: Sequence[bool]) -> Graph:
    """Return the graph (y, t, parameters, a) -> f_yᵀ a or f_pᵀ a."""
    whole = reverse(graph, [active[0], False, *active[1:]])
    return Graph(whole.avals, whole.inputs, tuple(prune(whole.equations, whole.outputs[1:])), whole.outputs[1:])


def _integrate(
    graph: SubGraph, active: tuple[bool, ...], given: Sequence[Any], steps: Any, ys: Any, adjoints: Any, sums: list[Any]
) -> None:
    """Add the integral of f_pᵀ a over the steps of the backward run, by five Gauss-Legendre nodes in each."""
    of, time = graph.in_avals[:2]
    axes = (0, 0, *(None,) * len(given), 0)
    run = program(
        f"sensitivities {active}",
        graph,
        lambda g: batch(_pullback(g, (False, *active)), _CHUNK, axes, (0,) * len(sums)),
    )
    half = np.diff(steps)[:, None] / 2
    nodes = (steps[:-1, None] + half * (1 + _NODES)).ravel()
    weights = -(half * _WEIGHTS).ravel()  # minus: the steps lead backwards
    for start in range(0, len(nodes), _CHUNK):
        some, weight = nodes[start : start + _CHUNK], weights[start : start + _CHUNK]
        missing = _CHUNK - len(some)
        some = np.concatenate([some, np.full(missing, some[-1])])
        weight = np.concatenate([weight, np.zeros(missing)])
        y = np.ascontiguousarray(ys(some).T, of.dtype)
        a = np.ascontiguousarray(adjoints(some).T, of.dtype)
        made = run([y, some.astype(time.dtype), *given, a])
        for k, values in enumerate(made):
            sums[k] += np.tensordot(weight, values, 1).astype(sums[k].dtype)
