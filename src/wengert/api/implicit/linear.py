"""Linear systems whose matrix is known by its products: ``linear_solve``, and the systems of implicit derivatives."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import scipy

from ...core.graph import Graph
from ...core.source import Source, user_line, user_source
from ...errors import ArgumentError, ConvergenceError, SingularSystemError, explain
from ...ops.solvers import Levels
from ...ops.solvers import linear_solve as solve_equation
from ...ops.subgraph import SubGraph
from ...run.cache import PROGRAMS
from ...run.tiers import Tiered
from ...transforms.batch import batch, is_batched
from ...transforms.forward import push
from ...transforms.linearize import linearize
from ...transforms.simplify import simplify
from ...transforms.transpose import transpose
from ..call import Derived
from ..rulecheck import is_linear_in, where
from .containers import Unknowns, apply, calling, record_flat

METHODS: Final = ("auto", "dense", "gmres", "cg", "bicgstab")
DENSE: Final = 500
"""Unknowns up to which ``auto`` writes the matrix down and factors it."""


def program(kind: str, graph: SubGraph, make: Callable[[SubGraph], Graph] = lambda graph: graph) -> Tiered:
    """Return the program of a graph made from another one, from the cache where that structure was seen before."""
    return PROGRAMS.get((kind, graph), lambda: Tiered(simplify(make(graph))))


def lifted(graph: Graph, levels: Levels) -> tuple[Graph, Levels]:
    """Return a graph batched as ``levels`` says, with the levels of its outputs."""
    out_levels: list[tuple[int, tuple[bool, ...]]] = []
    for size, flags in reversed(levels):
        axes = [0 if on else None for on in flags]
        outs = is_batched(graph, axes)
        graph = batch(graph, size, axes, [0 if on else None for on in outs])
        out_levels.insert(0, (size, tuple(outs)))
    return graph, tuple(out_levels)


def select(levels: Levels, choose: Callable[[tuple[bool, ...]], Sequence[bool]]) -> Levels:
    """Return levels with other flags, made from the flags of each."""
    return tuple([(size, tuple(choose(flags))) for size, flags in levels])


@dataclass(frozen=True)
class LinearSystem:
    """A matrix A as the graph (residuals, x) -> A x of flat vectors.

    Attributes
    ----------
    graph : SubGraph
    name : str
        Of the public function, for messages.
    method : str
    rtol : float
        Of the iterative methods: where |A x - b| is this small against |b|, they stop.
    symmetric : bool
    source : Source or None
        The user's line.
    untransposed : LinearSystem or None
        What this system is the transpose of.
    """

    graph: SubGraph
    name: str
    method: str = "auto"
    rtol: float = 1e-10
    symmetric: bool = False
    source: Source | None = field(default=None, compare=False)
    untransposed: LinearSystem | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"matrix of {self.name}"

    def transposed(self) -> LinearSystem:
        """Return the system with the transposed matrix."""
        return self if self.symmetric else self._transposed

    @functools.cached_property
    def _transposed(self) -> LinearSystem:
        if self.untransposed is not None:
            return self.untransposed
        graph = transpose(self.graph, len(self.graph.inputs) - 1)
        turned = SubGraph.of(graph, ("transposed", self.graph.key))
        return LinearSystem(turned, self.name, self.method, self.rtol, False, self.source, self)

    def push_matrix(self, residuals: Sequence[Any], tangents: Sequence[Any], x: Any, levels: Levels) -> Any:
        """Record (dA) x."""
        graph, _ = lifted(self.graph, levels)
        builder = next(t.builder for t in tangents if t is not None)
        _, dots = push(graph, builder, [*residuals, x], [*tangents, None], apart=True)
        return dots[graph.outputs[0]]

    # -- solving ------------------------------------------------------------------------------------------------------

    def solve(self, residuals: Sequence[Any], rights: Any) -> Any:
        """Solve for the rows of ``rights``."""
        n = rights.shape[1]
        if not n:
            return np.array(rights)
        method = self.method
        if method == "auto":
            method = "dense" if n <= DENSE else "cg" if self.symmetric else "gmres"
        residuals = [np.asarray(r, of.dtype) for r, of in zip(residuals, self.graph.in_avals, strict=False)]
        return self._factored(residuals, rights) if method == "dense" else self._iterated(method, residuals, rights)

    def matrix(self, residuals: Sequence[Any], n: int) -> Any:
        """Return A: one batched product with all unit vectors."""
        flags = (*(None,) * (len(self.graph.inputs) - 1), 0)
        run = program("matrix", self.graph, lambda graph: batch(graph, n, flags, (0,)))
        return run([*residuals, np.eye(n, dtype=self.graph.out_avals[0].dtype)])[0].T

    def _factored(self, residuals: Sequence[Any], rights: Any) -> Any:
        a = self.matrix(residuals, rights.shape[1])
        if not np.isfinite(a).all():
            return np.full_like(rights, np.nan)  # as the chain rule would: a derivative of nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
            factors = scipy.linalg.lu_factor(a, check_finite=False)
        (condition,) = scipy.linalg.get_lapack_funcs(("gecon",), (a,))
        inverse_condition, _ = condition(factors[0], np.abs(a).sum(axis=0).max())
        if inverse_condition < np.finfo(a.dtype).eps:
            raise self._singular(inverse_condition, a.shape)
        return scipy.linalg.lu_solve(factors, rights.T, check_finite=False).T

    def _iterated(self, method: str, residuals: Sequence[Any], rights: Any) -> Any:
        run = program("product", self.graph)
        n, dtype = rights.shape[1], rights.dtype

        def product(x: Any) -> Any:
            return run([*residuals, np.ascontiguousarray(x.reshape(n), dtype)])[0]

        operator = scipy.sparse.linalg.LinearOperator((n, n), matvec=product, dtype=dtype)
        solver = getattr(scipy.sparse.linalg, method)
        rtol = max(self.rtol, 16 * float(np.finfo(dtype).eps))
        options: dict[str, Any] = {"restart": min(n, 100), "maxiter": 20} if method == "gmres" else {"maxiter": 10 * n}
        out = np.empty_like(rights)
        for k, b in enumerate(rights):
            if not np.isfinite(b).all():
                out[k] = np.nan
                continue
            x, info = solver(operator, b, rtol=rtol, atol=0.0, **options)
            error = float(np.linalg.norm(product(x) - b))
            size = float(np.linalg.norm(b))
            if info or not error <= 100 * rtol * size:
                raise ConvergenceError(
                    explain(
                        f"The linear system of wg.{self.name} is solved to the tolerance asked for.",
                        found=f"|A x - b| = {error:.3g}, |b| = {size:.3g}, rtol = {rtol:.3g}, {n} unknowns, {method}",
                        line=str(self.source or ""),
                        fix="use the method 'dense', scale the equations so that the matrix is better conditioned, or "
                        "allow a larger rtol",
                    )
                )
            out[k] = x
        return out

    def _singular(self, inverse_condition: float, shape: tuple[int, ...]) -> SingularSystemError:
        if self.name == "linear_solve":
            rule = "The matrix of wg.linear_solve is regular."
            fix = "look for unknowns that no equation determines, or minimise |A x - b| (np.linalg.lstsq)"
        else:
            rule = f"wg.{self.name} has a derivative where the Jacobian of its equation in the unknowns is regular."
            fix = (
                "look at the equation there: unknowns that it does not determine, a double root, a flat minimum; fix "
                "those unknowns, or add a small regularising term"
            )
        found = f"a singular matrix of shape {shape}, inverse condition number {inverse_condition:.1e}"
        return SingularSystemError(explain(rule, found=found, line=str(self.source or ""), fix=fix))


# -- the public function ----------------------------------------------------------------------------------------------


def linear_solve(
    matvec: Callable[..., Any],
    b: Any,
    *,
    symmetric: bool = False,
    method: str = "auto",
    rtol: float = 1e-10,
) -> Any:
    """Solve ``matvec(x) = b`` for x, where ``matvec`` is a linear function.

    Derivatives with respect to ``b`` and to traced values that ``matvec`` captures solve one more system with the same
    matrix (forward mode) or the transposed one (reverse mode), whatever the number of iterations was.

    Parameters
    ----------
    matvec : callable
        Takes x, of the containers and shapes of ``b``, and returns A x in the same (or A x + c).
    b : array, number or nested container of them
        The right-hand side, real or complex.
    symmetric : bool
        A equals its transpose (not its conjugate transpose): saves the making of the transposed product.
    method : str
        ``"dense"`` writes the matrix down (one batched call of ``matvec`` with all unit vectors) and factors it.
        ``"gmres"``, ``"bicgstab"`` and ``"cg"`` (for symmetric positive definite A) are SciPy's and only need products.
        ``"auto"`` is dense up to 500 unknowns, else ``"cg"`` where ``symmetric`` and ``"gmres"`` where not.
    rtol : float
        Tolerance of the iterative methods: the norm of A x - b relative to that of b.

    Returns
    -------
    array, number or nested container of them
        x, of the containers and shapes of ``b``.

    Raises
    ------
    ArgumentError, ShapeError
        If ``matvec`` is not linear or returns something of another shape.
    SingularSystemError
        If the matrix is singular to working precision (``"dense"``).
    ConvergenceError
        If an iterative method does not get there.

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> def poisson(u):
    ...     return 2 * u - np.concatenate([u[1:], [0.0]]) - np.concatenate([[0.0], u[:-1]])
    >>> wg.linear_solve(poisson, np.ones(3), symmetric=True)
    array([1.5, 2. , 1.5])
    >>> slope = wg.grad(lambda c: np.sum(wg.linear_solve(lambda u: c * poisson(u), np.ones(3))))(2.0)
    >>> round(float(slope), 10)
    -1.25
    """
    method = check_method(method, "linear_solve")
    if method == "cg" and not symmetric:
        raise ArgumentError(
            explain(
                "The method of conjugate gradients is for symmetric positive definite matrices.",
                found="method='cg' without symmetric=True",
                line=user_line(),
                fix="say symmetric=True if the matrix is, else use 'gmres'",
            )
        )
    unknowns = Unknowns(b, "linear_solve", real=False)
    call = calling(matvec)

    def body(heads: Sequence[Any], _: Sequence[Any]) -> Any:
        return unknowns.pack(call(unknowns.unpack(heads[0])), "What matvec returns", matvec)

    graph, captured = record_flat("linear_solve", matvec, body, [unknowns.aval], [])
    linear, run, count = PROGRAMS.get(("linear part", graph), lambda: _linear_part(graph, matvec))
    constant, *residuals = run.run([np.zeros(unknowns.size, unknowns.aval.dtype), *captured])
    system = LinearSystem(linear, "linear_solve", method, float(rtol), symmetric, user_source())
    x = apply(solve_equation, [*residuals[:count], unknowns.vector - constant], system=system, levels=())
    return unknowns.unpack(x)


def check_method(method: str, name: str) -> str:
    """Refuse methods for linear systems that do not exist."""
    if method not in METHODS:
        raise ArgumentError(
            explain(
                f"A linear system in wg.{name} is solved by one of the methods {', '.join(map(repr, METHODS))}.",
                found=repr(method),
                line=user_line(),
                fix="choose one of them",
            )
        )
    return method


def _linear_part(graph: SubGraph, matvec: Any) -> tuple[SubGraph, Derived, int]:
    """Return the graph (residuals, x) -> A x, made of linear equations, and what computes c and the residuals, for the
    function A x + c."""
    flags = [k == 0 for k in range(len(graph.inputs))]
    if not is_linear_in(graph, flags):
        raise ArgumentError(
            explain(
                "The function given to wg.linear_solve is linear.",
                found="a result that depends on x in another way (a product of two, a comparison, a clip ...)",
                line=where(matvec),
                fix="for an equation that is not linear use wg.root",
            )
        )
    parts = linearize(graph, flags)
    return SubGraph.of(parts.linear, ("linear", graph.key)), Derived(parts.primal), parts.residuals
