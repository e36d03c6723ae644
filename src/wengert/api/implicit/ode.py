"""Ordinary differential equations, with events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...core.aval import aval
from ...core.source import user_line, user_source
from ...errors import ConvergenceError, ShapeError, explain
from ...ops.shape import concatenate, reshape
from ...ops.solvers import solver_call
from ...ops.subgraph import SubGraph, record_into, sub_graph
from ...trace.record import value_aval
from ..call import array_like
from ..rulecheck import where
from .containers import Parameters, Unknowns, apply, calling, packed, record_flat
from .equation import Equation
from .flow import Flow, at, part
from .linear import program
from .ode_solving import ODE_METHODS, Settings, check_times, ready, solution
from .root import frozen, unknown_method


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    method: str = "DOP853",
    event: Callable[..., Any] | None = None,
    direction: int = 0,
    options: dict[str, Any] | None = None,
) -> Any:
    """Solve the initial-value problem ``y' = func(y, t, *args)``, ``y(t[0]) = y0``.

    Values come from ``scipy.integrate.solve_ivp``.  Derivatives with respect to ``y0``, ``t``, ``args`` and to traced
    values that ``func`` captures do not go through the solver's steps: forward mode solves the variational equations,
    reverse mode the adjoint equation backwards in time, with the same method and tolerances (a continuous adjoint).
    Derivatives are therefore accurate to about the tolerances, and memory does not grow with the number of parameters.

    Parameters
    ----------
    func : callable
        ``func(y, t, *args)`` returns the derivative of y, in its containers and shapes.  It is recorded once: Python's
        ``if`` and ``while`` may ask for values of parameters, not of y and t.
    y0 : array, number or nested container of them
        The initial value; real.
    t : array of one axis
        Times at which the solution is wanted, in one direction; the first belongs to ``y0``.
    *args
        Parameters: arrays, numbers and containers of them; anything else is handed through.
    rtol, atol : float
        Tolerances of the solver.
    method : str
        A method of ``solve_ivp``; for stiff equations ``"Radau"``, ``"BDF"`` or ``"LSODA"``, which are given exact
        Jacobians.
    event : callable, optional
        ``event(y, t, *args)`` returns a real number.  Instead of the solution at all times, the first time after
        ``t[0]`` and up to ``t[-1]`` at which it is zero is returned, and the solution there.
    direction : int
        With ``event``: 1 for zeros at which it grows, -1 for those at which it falls, 0 for both.  Give it where the
        event is zero at the start, as after a bounce.
    options : dict, optional
        Further options of ``solve_ivp``: ``max_step``, ``first_step``.

    Returns
    -------
    array or nested container of arrays
        The solution, in the containers of ``y0``, with an axis for time in front; with ``event`` a pair (time of the
        event, solution there).  With g the event, the derivative of its time is ``-(g_y s + g_p) / (g_y f + g_t)``,
        where s is the pushforward of the solution (R. T. Q. Chen, B. Amos, M. Nickel, "Learning neural event functions
        for ordinary differential equations", ICLR 2021).

    Raises
    ------
    ConvergenceError
        If the solver does not reach the end, or the event does not occur.
    SingularSystemError
        For a derivative of an event time at which the event's own derivative along the solution is zero.
    ArgumentError, ShapeError, UntraceableError
        For times out of order; if ``func`` returns something of another shape, or asks for values of y.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def decay(rate):
    ...     return wg.odeint(lambda y, t: -rate * y, 1.0, np.array([0.0, 1.0]))[-1]
    >>> round(float(decay(2.0)), 6), round(float(wg.grad(decay)(2.0)), 6)
    (0.135335, -0.135335)
    >>> def fall(height):
    ...     motion = lambda y, t: {"height": y["speed"], "speed": -9.81}
    ...     time, _ = wg.odeint(motion, {"height": height, "speed": 0.0}, [0.0, 10.0], event=lambda y, t: y["height"])
    ...     return time
    >>> round(float(fall(4.905)), 6), round(float(wg.grad(fall)(4.905)), 6)
    (1.0, 0.101937)
    """
    if method not in ODE_METHODS:
        raise unknown_method("odeint", method, ODE_METHODS)
    unknowns = Unknowns(y0, "odeint")
    times = _times(t)
    settings = Settings(method, float(rtol), float(atol), frozen(options), user_source())
    parameters = Parameters(args)
    call = calling(func)

    def body(heads: Sequence[Any], values: Sequence[Any]) -> Any:
        out = call(unknowns.unpack(heads[0]), np.reshape(heads[1], ()), *parameters.args(values))
        return unknowns.pack(out, "What the function given to wg.odeint returns", func)

    time = value_aval(times)
    graph, captured = record_flat("odeint", func, body, [unknowns.aval, _scalar(time)], parameters.operands)
    operands = [unknowns.vector, times, *parameters.operands, *captured]
    if event is None:
        flow = Flow(graph, time.shape[0], settings)
        (found,) = apply(solver_call, operands, solver=flow, levels=())
        return unknowns.unpack_rows(found)
    return _first_event(graph, settings, unknowns, parameters, operands, event, int(direction))


def _scalar(of: Any) -> Any:
    return aval((), of.dtype)


def _times(t: Any) -> Any:
    """Return times as a vector of floats."""
    if isinstance(t, (list, tuple)):
        t = packed([np.asarray(x) if not hasattr(x, "dtype") else x for x in t], np.dtype(float))
    of = array_like(t, "odeint")[1]
    if len(of.shape) != 1 or not of.size or of.dtype.kind == "c":
        raise ShapeError(
            explain(
                "The times of wg.odeint are an array of one axis.",
                found=repr(of),
                line=user_line(),
                fix="np.array([t0, t1]); the first time belongs to y0",
            )
        )
    return t.astype(float) if of.dtype.kind in "biu" else t


# -- events -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class EventTime(Equation):
    """g(y(t), t, p) = 0 for t; operands are a guess, y_0, the times, and the parameters of f and g."""

    name: ClassVar[str] = "odeint"
    what: ClassVar[str] = "|event|"
    rule: ClassVar[str] = "wg.odeint returns the first time at which the event is zero, or fails."

    field: SubGraph | None = None
    event: SubGraph | None = None
    settings: Settings | None = None
    direction: int = 0

    def __repr__(self) -> str:
        return f"event({self.method})"

    def run(self, start: Any, *parameters: Any) -> tuple[Any]:
        """Solve the differential equation until the event occurs."""
        assert self.field is not None
        assert self.event is not None
        assert self.settings is not None
        y0, t, *rest = parameters
        t = check_times(t, self.source)
        count = len(self.field.inputs) - 2
        of, time = self.event.in_avals[:2]
        own = ready(rest, self.event)
        run = program("product", self.event)

        def g(tau: float, y: Any) -> float:
            return float(run([np.ascontiguousarray(y, of.dtype), time.dtype.type(tau), *own])[0][0])

        g.terminal = True  # type: ignore[attr-defined]
        g.direction = self.direction  # type: ignore[attr-defined]
        given = ready(rest[:count], self.field)
        found = solution(self.field, self.settings, y0, (t[0], t[-1]), given, events=g)
        if not len(found.t_events[0]):
            first, last = g(t[0], y0), g(found.t[-1], found.y[:, -1])
            ends = f"event = {first:.4g} at t = {t[0]:.6g} and {last:.4g} at t = {t[-1]:.6g}"
            raise ConvergenceError(
                explain(
                    self.rule,
                    found=f"{ends}, direction {self.direction}, no zero noticed between",
                    line=str(self.source or ""),
                    fix="let the last time be later, look at the sign and the direction of the event, or set max_step "
                    "in options so that no pair of zeros is stepped over",
                )
            )
        return (np.array(found.t_events[0][:1]),)


def _first_event(
    field: SubGraph,
    settings: Settings,
    unknowns: Unknowns,
    parameters: Parameters,
    operands: list[Any],
    event: Callable[..., Any],
    direction: int,
) -> Any:
    """Return the time of an event and the solution there."""
    call = calling(event)
    count = len(parameters.operands)

    def body(heads: Sequence[Any], values: Sequence[Any]) -> Any:
        g = call(unknowns.unpack(heads[0]), np.reshape(heads[1], ()), *parameters.args(values[:count]))
        if np.shape(g) != ():
            raise ShapeError(
                explain(
                    "The event of wg.odeint is one number.",
                    found=f"shape {np.shape(g)}",
                    line=where(event),
                    fix="take the entry, sum or product that becomes zero",
                )
            )
        return packed([g], unknowns.aval.dtype)

    y0, times, *rest = operands
    heads = [unknowns.aval, _scalar(value_aval(times))]
    # All parameters of the equation come first, so that both graphs read the same operands.
    graph, captured = record_flat("odeint", event, body, heads, rest)
    flow = Flow(field, 2, settings)

    def equation(tau: Any, y0: Any, times: Any, *others: Any) -> list[Any]:
        span = concatenate(part(times, 0, 1), tau, axis=0)
        (ys,) = solver_call(y0, span, *others[: len(rest)], solver=flow, levels=())
        return record_into(graph, [at(ys, 1), reshape(tau, shape=()), *others])

    given = [*operands, *captured]
    avals = [aval((1,), value_aval(times).dtype), *[value_aval(x) for x in given]]
    whole = sub_graph(avals, equation)
    solver = EventTime(
        whole, settings.method, None, (), source=settings.source, field=field, event=graph, settings=settings,
        direction=direction,
    )  # fmt: skip
    start = times[:1]
    (tau,) = apply(solver_call, [start, *given], solver=solver, levels=())
    (ys,) = apply(solver_call, [y0, np.concatenate([start, tau]), *rest], solver=flow, levels=())
    return np.reshape(tau, ())[()], unknowns.unpack(ys[1])
