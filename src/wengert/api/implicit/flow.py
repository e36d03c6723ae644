"""Initial-value problems as functions of their initial value, times and parameters, and the derivatives of those.

With y' = f(y, t, p), y(t_0) = y_0, and Y_k = y(t_k):

* The pushforward solves the variational equations s' = f_y s + f_p dp along with y, from s(t_0) = dy_0 - f dt_0; then
  dY_k = s(t_k) + f(Y_k) dt_k (E. Hairer, S. Nørsett, G. Wanner, "Solving Ordinary Differential Equations I", 2nd
  edition, Springer 1993, section I.14).
* The pullback solves the adjoint equation a' = -f_yᵀ a backwards in time, to which the cotangent of Y_k is added at
  t_k, and gathers the gradient of p as the integral of f_pᵀ a (Y. Cao, S. Li, L. Petzold, R. Serban, "Adjoint
  sensitivity analysis for differential-algebraic equations", SIAM J. Sci. Comput. 24(3), 2003).

Both are linear maps that are each other's transpose, which ``linear_call`` is told.  The solution that the adjoint
equation needs is taken from the dense output of a second forward run, not from running y backwards, which would be
unstable for every problem whose solutions approach each other.

The derivative of the pullback is a Hessian, hence its own transpose: the gradient, by y_0 and p, of the cotangents
times the pushforward.  That is the pullback of the variational equations, so that derivatives of every order exist.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.aval import Aval, aval
from ...core.builder import inline
from ...core.graph import Graph, prune
from ...ops.index import slice_
from ...ops.linear_call import batched_pair, linear_call
from ...ops.reduce import reduce_sum
from ...ops.shape import broadcast, concatenate, reshape
from ...ops.solvers import Levels, solver_call, spread
from ...ops.subgraph import SubGraph, sub_graph
from ...transforms.batch import batch
from ...transforms.forward import instantiate, push, tangent_aval
from ...transforms.reverse import reverse
from .ode_solving import Settings, adjoint, check_times, ready, solution

Flags = tuple[bool, ...]


@dataclass(frozen=True)
class Flow:
    """The map (y_0, t, p) -> Y.

    Attributes
    ----------
    graph : SubGraph
        (y, t, parameters) -> y', of flat vectors.
    count : int
        Number of times.
    settings : Settings
    """

    graph: SubGraph
    count: int
    settings: Settings

    def __repr__(self) -> str:
        return f"odeint({self.settings.method})"

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        of = self.graph.in_avals[0]
        return (aval((self.count, *of.shape), of.dtype),)

    def run(self, y0: Any, t: Any, *parameters: Any) -> tuple[Any]:
        """Solve."""
        t = check_times(t, self.settings.source)
        y0 = np.asarray(y0)
        if len(t) < 2 or not y0.size:
            return (np.broadcast_to(y0, (self.count, *y0.shape)),)
        given = ready(parameters, self.graph)
        return (solution(self.graph, self.settings, y0, (t[0], t[-1]), given, t_eval=t).y.T,)

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], levels: Levels) -> Any:
        """Record the tangent of the solution."""
        active = tuple([t is not None for t in tangents])
        if not any(active):
            return (None,)
        moving = [spread(t, levels, k) for k, t in enumerate(tangents) if t is not None]
        return record_map(push_graph(self, active), pull_graph(self, active), primals, moving, levels)


def record_map(
    forward: SubGraph, backward: SubGraph, residuals: Sequence[Any], moving: Sequence[Any], levels: Levels
) -> Any:
    """Record a linear map of tangents, which have all batch axes, for each problem of a batch."""
    for size, flags in reversed(levels):
        forward, backward = batched_pair(forward, backward, size, flags)
    return linear_call(*residuals, *moving, forward=forward, backward=backward, residuals=len(residuals))


@dataclass(frozen=True)
class Adjoint:
    """The map (y_0, t, p, cotangent of Y) -> cotangents of y_0 and of the active parameters.

    Attributes
    ----------
    flow : Flow
    active : tuple of bool
    """

    flow: Flow
    active: Flags

    def __repr__(self) -> str:
        return f"adjoint of {self.flow!r}"

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        y, _, *rest = _avals(self.flow)
        return (y, *[of for of, on in zip(rest, self.active, strict=True) if on])

    def run(self, y0: Any, t: Any, *others: Any) -> Sequence[Any]:
        """Solve the adjoint equation."""
        *parameters, cts = others
        graph, settings = self.flow.graph, self.flow.settings
        t = check_times(t, settings.source)
        start, sums = adjoint(graph, settings, self.active, np.asarray(y0), t, ready(parameters, graph), cts)
        return [start, *sums]

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], levels: Levels) -> Any:
        """Record the tangents: linear in that of the cotangent, by the Hessian in those of all others."""
        wanted = (True, False, *self.active)
        given = tuple([t is not None for t in tangents[:-1]])
        moved: list[Any] = [None] * len(outs)
        if tangents[-1] is not None:
            maps = pull_graph(self.flow, wanted), push_graph(self.flow, wanted)
            known = tuple([(size, flags[:-1]) for size, flags in levels])
            moved = list(record_map(*maps, primals[:-1], [spread(tangents[-1], levels, -1)], known))
        if any(given):
            maps = hessian_graph(self.flow, given, wanted), hessian_graph(self.flow, wanted, given)
            moving = [spread(t, levels, k) for k, t in enumerate(tangents[:-1]) if t is not None]
            more = record_map(*maps, primals, moving, levels)
            moved = [y if x is None else x + y for x, y in zip(moved, more, strict=True)]
        return tuple(moved)


# -- graphs -----------------------------------------------------------------------------------------------------------


def part(x: Any, start: int, stop: int) -> Any:
    """Record x[..., start:stop]."""
    lead = x.shape[:-1]
    return slice_(x, starts=(*(0,) * len(lead), start), stops=(*lead, stop), steps=(1,) * x.ndim)


def at(x: Any, k: int) -> Any:
    """Record x[k]."""
    rest = x.shape[1:]
    row = slice_(x, starts=(k, *(0,) * len(rest)), stops=(k + 1, *rest), steps=(1,) * x.ndim)
    return reshape(row, shape=rest)


def _over(t: Any, shape: tuple[int, ...]) -> Any:
    """Record a value for each time spread over the entries of the solution."""
    return broadcast(t, shape=shape, axes=tuple(range(t.ndim)))


def _along(flow: Flow, ys: Any, t: Any, parameters: Sequence[Any]) -> Any:
    """Record f(Y_k, t_k) for all k."""
    many = batch(flow.graph, flow.count, (0, 0, *(None,) * len(parameters)), (0,))
    return inline(many, ys.builder, [ys, t, *parameters])[0]


def _avals(flow: Flow) -> list[Aval]:
    """Avals of y_0, t and the parameters."""
    y, t, *rest = [tangent_aval(of) for of in flow.graph.in_avals]
    return [y, aval((flow.count,), t.dtype), *rest]


@functools.lru_cache(maxsize=256)
def variational(flow: Flow, active: Flags) -> Flow:
    """Return the flow of (y, s), with tangents of the active parameters as further parameters."""
    n = flow.graph.in_avals[0].size
    y, t, *rest = [tangent_aval(of) for of in flow.graph.in_avals]
    moving = [of for of, on in zip(rest, active, strict=True) if on]

    def write(both: Any, t: Any, *others: Any) -> list[Any]:
        parameters, given = others[: len(rest)], iter(others[len(rest) :])
        ts = [next(given) if on else None for on in active]
        builder = both.builder
        primals = [part(both, 0, n), t, *parameters]
        env, dots = push(flow.graph, builder, primals, [part(both, n, 2 * n), None, *ts], apart=True)
        (out,) = flow.graph.outputs
        return [concatenate(env[out], instantiate(builder, dots[out], flow.graph.avals[out]), axis=0)]

    graph = sub_graph([aval((2 * n,), y.dtype), t, *rest, *moving], write)
    return Flow(graph, flow.count, flow.settings)


@functools.lru_cache(maxsize=256)
def push_graph(flow: Flow, active: Flags) -> SubGraph:
    """Return the pushforward: (y_0, t, parameters, tangents of the active ones of these) -> dY."""
    n = flow.graph.in_avals[0].size
    avals = _avals(flow)
    moving = [of for of, on in zip(avals, active, strict=True) if on]

    def write(*args: Any) -> list[Any]:
        y0, t, *parameters = args[: len(avals)]
        given = iter(args[len(avals) :])
        dy0, dt, *ts = [next(given) if on else None for on in active]
        start = instantiate(y0.builder, dy0, avals[0])
        if dt is not None:
            (f0,) = inline(flow.graph, y0.builder, [y0, at(t, 0), *parameters])
            start = start - f0 * _over(at(dt, 0), f0.shape)
        both = concatenate(y0, start, axis=0)
        given_ts = [x for x in ts if x is not None]
        solver = variational(flow, active[2:])
        (found,) = solver_call(both, t, *parameters, *given_ts, solver=solver, levels=())
        moved = part(found, n, 2 * n)
        if dt is not None:
            moved = moved + _along(flow, part(found, 0, n), t, parameters) * _over(dt, moved.shape)
        return [moved]

    return sub_graph([*avals, *moving], write)


@functools.lru_cache(maxsize=256)
def pull_graph(flow: Flow, active: Flags) -> SubGraph:
    """Return the pullback: (y_0, t, parameters, cotangent of Y) -> cotangents of the active ones of these."""
    avals = _avals(flow)

    def write(y0: Any, t: Any, *others: Any) -> list[Any]:
        *parameters, ct = others
        start, *rest = solver_call(y0, t, *parameters, ct, solver=Adjoint(flow, active[2:]), levels=())
        made = [start] if active[0] else []
        if active[1]:
            (ys,) = solver_call(y0, t, *parameters, solver=flow, levels=())
            of_times = reduce_sum(ct * _along(flow, ys, t, parameters), axes=(1,))
            (f0,) = inline(flow.graph, y0.builder, [y0, at(t, 0), *parameters])
            first = reshape(reduce_sum(start * f0, axes=(0,)), shape=(1,))
            made.append(concatenate(part(of_times, 0, 1) - first, part(of_times, 1, flow.count), axis=0))
        return [*made, *rest]

    return sub_graph([*avals, *[tangent_aval(of) for of in flow.out_avals]], write)


@functools.lru_cache(maxsize=256)
def hessian_graph(flow: Flow, given: Flags, wanted: Flags) -> SubGraph:
    """Return the second derivative of the cotangent times Y: (y_0, t, parameters, cotangent, directions given) ->
    entries wanted."""
    first = push_graph(flow, given)
    n = len(given)
    directions = len(first.inputs) - n
    whole = reverse(first, [*wanted, *[False] * directions])
    graph = Graph(whole.avals, whole.inputs, tuple(prune(whole.equations, whole.outputs[1:])), whole.outputs[1:])
    avals = [*_avals(flow), *[tangent_aval(of) for of in flow.out_avals], *first.in_avals[n:]]

    def write(*args: Any) -> list[Any]:
        ct = args[n]
        return inline(graph, ct.builder, [*args[:n], *args[n + 1 :], ct])

    return sub_graph(avals, write)
