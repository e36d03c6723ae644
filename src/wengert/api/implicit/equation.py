"""Solutions of equations F(x, p) = 0, and their derivatives by the implicit-function theorem.

Where the Jacobian of F in x is regular, x is a function of p near the solution, and from F(x(p), p) = 0 follows

    dx = -(dF/dx)⁻¹ (dF/dp) dp

(A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition, SIAM 2008, chapter 15).  The pushforward of F in p and
the linear system are recorded as equations, so that reverse mode, second derivatives and batches follow from theirs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from ...core.aval import Aval
from ...core.builder import inline
from ...core.graph import Graph, prune
from ...core.source import Source
from ...errors import ConvergenceError, explain
from ...ops.arithmetic import neg
from ...ops.solvers import Levels, linear_solve, spread
from ...ops.subgraph import SubGraph
from ...transforms.batch import batch
from ...transforms.forward import forward, push
from ...transforms.linearize import Linearized, linearize
from .linear import DENSE, LinearSystem, lifted, program, select

_POLISH: Final = 5
"""Newton steps at most after the solver has finished."""


@dataclass(frozen=True)
class Equation:
    """F(x, p) = 0 and how it is solved; operands are where to start, and the parameters.

    Attributes
    ----------
    graph : SubGraph
        (x, parameters) -> F, of flat vectors of one length.
    method : str
    tol : float or None
    options : tuple of pairs
        For SciPy's solver.
    linear : str
        Method for the linear systems of derivatives.
    source : Source or None
        The user's line.
    """

    graph: SubGraph
    method: str
    tol: float | None
    options: tuple[tuple[str, Any], ...]
    linear: str = "auto"
    source: Source | None = field(default=None, compare=False)

    name: ClassVar[str] = "root"
    what: ClassVar[str] = "|f(x)|"
    rule: ClassVar[str] = "wg.root returns a root or fails."
    symmetric: ClassVar[bool] = False

    def __repr__(self) -> str:
        return f"{self.name}({self.method})"

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        return (self.graph.in_avals[0],)

    # -- the solution -------------------------------------------------------------------------------------------------

    def run(self, start: Any, *parameters: Any) -> tuple[Any]:
        """Solve the equation."""
        of = self.graph.in_avals[0]
        given = [self._ready(p, a) for p, a in zip(parameters, self.graph.in_avals[1:], strict=True)]
        start = np.array(start, of.dtype)
        if not start.size:
            return (start,)
        before = self.residual(start, given)
        if not np.isfinite(before).all():
            raise self._failed("inf or nan at the starting point", start, before)
        x, ok, message = self.find(start, given)
        x = self.polished(np.ascontiguousarray(x, of.dtype), given)
        after = self.residual(x, given)
        # A solver that gives up because of rounding may well have arrived; one that says it has, may not.
        scale = 1.0 + float(np.linalg.norm(before))
        eps = float(np.finfo(of.dtype).eps)
        if not float(np.linalg.norm(after)) <= scale * (eps**0.25 if ok else eps**0.5):
            raise self._failed("the solver stopped, but not there" if ok else message, x, after)
        return (x,)

    @staticmethod
    def _ready(value: Any, of: Aval) -> Any:
        return np.ascontiguousarray(value, of.dtype) if of.shape else of.dtype.type(value)

    def find(self, start: Any, given: Sequence[Any]) -> tuple[Any, bool, str]:
        """Return a solution, whether the solver is content, and what it says."""
        raise NotImplementedError

    def residual(self, x: Any, given: Sequence[Any]) -> Any:
        """Return F."""
        return program("product", self.graph)([self._vector(x), *given])[0]

    def jacobian(self, x: Any, given: Sequence[Any]) -> Any:
        """Return dF/dx."""
        unit = np.eye(x.size, dtype=self.graph.in_avals[0].dtype)
        return program("jacobian", self.graph, jacobian_graph)([self._vector(x), *given, unit])[0].T

    def _vector(self, x: Any) -> Any:
        of = self.graph.in_avals[0]
        return np.ascontiguousarray(x, of.dtype).reshape(of.shape)

    def polished(self, x: Any, given: Sequence[Any]) -> Any:
        """Take Newton steps as long as they bring F closer to zero.

        Solvers stop at their tolerance; the derivative is as accurate as the solution is.
        """
        if x.size > DENSE:
            return x
        f = self.residual(x, given)
        for _ in range(_POLISH):
            size = np.linalg.norm(f)
            jacobian = self.jacobian(x, given)
            if size == 0 or not np.isfinite(jacobian).all():
                break
            try:
                new = x - np.linalg.solve(jacobian, f)
            except np.linalg.LinAlgError:
                break
            f = self.residual(new, given)
            if not np.linalg.norm(f) < size:
                break
            x = new
        return x

    def _failed(self, message: str, x: Any, f: Any) -> ConvergenceError:
        return ConvergenceError(
            explain(
                self.rule,
                found=f"{' '.join(message.split()).rstrip('.')}; {self.what} = {np.linalg.norm(f):.3g} at "
                f"x = {_short(x)} (method {self.method!r})",
                line=str(self.source or ""),
                fix="start closer to the solution, scale the equations, take another method, or give the solver more "
                "iterations (options)",
            )
        )

    # -- its derivative -----------------------------------------------------------------------------------------------

    @functools.cached_property
    def parts(self) -> Linearized:
        """F split into what is computed once at the solution and its pushforward in x."""
        return linearize(self.graph, [k == 0 for k in range(len(self.graph.inputs))])

    @functools.cached_property
    def system(self) -> LinearSystem:
        """The matrix dF/dx."""
        graph = SubGraph.of(self.parts.linear, ("linear", self.graph.key))
        return LinearSystem(graph, self.name, self.linear, symmetric=self.symmetric, source=self.source)

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], levels: Levels) -> Any:
        """Record the tangent of the solution; where the solver starts does not move it."""
        if all(t is None for t in tangents[1:]):
            return (None,)
        builder = next(t.builder for t in tangents[1:] if t is not None)
        inputs = [outs[0], *primals[1:]]
        at = select(levels, lambda flags: (True, *flags[1:]))
        moving, out_levels = lifted(self.graph, at)
        _, dots = push(moving, builder, inputs, [None, *tangents[1:]], apart=True)
        moved = dots[moving.outputs[0]]
        if moved is None:
            return (None,)
        moved = spread(moved, out_levels, 0)
        primal, out_levels = lifted(self.parts.primal, at)
        residuals = inline(primal, builder, inputs)[1:]
        known = select(out_levels, lambda flags: (*flags[1:], True))
        return (linear_solve(*residuals, neg(moved), system=self.system, levels=known),)


def pushforward_graph(graph: Graph) -> Graph:
    """Return the graph (x, parameters, tangent of x) -> its pushforward."""
    both = forward(graph, [k == 0 for k in range(len(graph.inputs))])
    return Graph(both.avals, both.inputs, tuple(prune(both.equations, both.outputs[1:])), both.outputs[1:])


def jacobian_graph(graph: Graph) -> Graph:
    """Return the graph (x, parameters, tangents of x as rows) -> the pushforward of each."""
    axes = (*(None,) * len(graph.inputs), 0)
    return batch(pushforward_graph(graph), graph.in_avals[0].size, axes, (0,))


def _short(x: Any) -> str:
    with np.printoptions(precision=4, threshold=6, edgeitems=2):
        return str(x)
