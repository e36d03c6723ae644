"""Values that a numerical solver finds: solutions of equations, of differential equations, of linear systems.

What a solver does step by step is not differentiated.  The derivative follows from the equation that the value
fulfils: ``solver_call`` has a rule that records it, with linear systems and linear maps in it; ``linear_solve`` is a
linear equation whose transpose is the system with the transposed matrix.

Solvers work on one problem at a time.  A batch of problems is a loop over them; ``levels`` says which operands have a
batch axis: a pair (size, flags) for each enclosing ``vmap``, the outermost first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Sample, primitive
from .arithmetic import neg
from .family import full_like, is_linear, scaled, with_batch

Levels = tuple[tuple[int, tuple[bool, ...]], ...]


def sizes(levels: Levels) -> tuple[int, ...]:
    """Return the batch sizes, outermost first."""
    return tuple([size for size, _ in levels])


def spread(x: Any, levels: Levels, k: int) -> Any:
    """Give operand k the batch axes that it lacks."""
    present = [j for j, (_, flags) in enumerate(levels) if flags[k]]
    if len(present) == len(levels):
        return x
    own = x.shape[len(present) :]
    axes = (*present, *range(len(levels), len(levels) + len(own)))
    return x.builder.apply_named("broadcast", x, shape=(*sizes(levels), *own), axes=axes)


def _each(levels: Levels, args: Sequence[Any], outs: Sequence[Aval], run: Callable[..., Sequence[Any]]) -> list[Any]:
    """Solve one problem after the other and stack the results."""
    if not levels:
        return [np.asarray(out, of.dtype) for out, of in zip(run(*args), outs, strict=True)]
    (size, flags), rest = levels[0], levels[1:]
    made = [_each(rest, [a[k] if on else a for a, on in zip(args, flags, strict=True)], outs, run) for k in range(size)]
    if not made:
        return [np.empty((*sizes(levels), *of.shape), of.dtype) for of in outs]
    return [np.stack(parts) for parts in zip(*made, strict=True)]


# -- solver_call ------------------------------------------------------------------------------------------------------


class Solver(Protocol):
    """How a value is found, and which equation its derivative follows from."""

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        """What is found, for one problem."""

    def run(self, *operands: Any) -> Sequence[Any]:
        """Find it."""

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], levels: Levels) -> Any:
        """Record the tangents of what was found, with equations linear in ``tangents``, of which None is zero."""


def _call_infer(*avals: Aval, solver: Solver, levels: Levels) -> tuple[Aval, ...]:
    return tuple([aval((*sizes(levels), *of.shape), of.dtype) for of in solver.out_avals])


def _call_batch(size: int, args: Sequence[Any], batched: Sequence[bool], solver: Solver, levels: Levels) -> Any:
    return solver_call(*args, solver=solver, levels=((size, tuple(batched)), *levels))


solver_call = primitive(
    "solver_call",
    "what a numerical solver finds",
    evaluate=lambda *args, solver, levels: tuple(_each(levels, args, solver.out_avals, solver.run)),
    infer=_call_infer,
    jvp=lambda primals, tangents, outs, solver, levels: solver.push(primals, tangents, outs, levels),
    transpose=NoRule("a solver_call is not linear; its pushforward is made of linear equations"),
    batch=_call_batch,
    samples=lambda: [
        Sample((np.array([4.0, 9.0]),), {"solver": _Root((2,)), "levels": ()}),
        Sample((np.array([[1.0, 2.0], [3.0, 4.0]]),), {"solver": _Root((2,)), "levels": ((2, (True,)),)}),
        Sample((np.array(4.0),), {"solver": _Root(()), "levels": ()}),
        Sample((np.empty(0),), {"solver": _Root((0,)), "levels": ()}),
    ],
    multiple=True,
    remember=False,
    label="implicit function",
    explanation="the derivative follows from the equation that the result fulfils, not from the steps of the solver",
)


class _Root:
    """The solution x > 0 of x² = p, for the generated tests."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.out_avals = (aval(shape, np.float64),)

    def run(self, p: Any) -> Any:
        return (np.sqrt(p),)

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], levels: Levels) -> Any:
        return (scaled(full_like(outs[0], 0.5) / outs[0], spread(tangents[0], levels, 0)),)


# -- linear_solve -----------------------------------------------------------------------------------------------------


class System(Protocol):
    """A matrix A that depends on residuals, and a way to solve A x = b."""

    def solve(self, residuals: Sequence[Any], rights: Any) -> Any:
        """Solve for several right-hand sides, the rows of ``rights``; return the solutions as rows."""

    def transposed(self) -> System:
        """Return the system with the transposed matrix."""

    def push_matrix(self, residuals: Sequence[Any], tangents: Sequence[Any], x: Any, levels: Levels) -> Any:
        """Record (dA) x, linear in the tangents of the residuals; None is zero."""


def _solve(*args: Any, system: System, levels: Levels) -> Any:
    *residuals, b = args
    b = np.asarray(b)
    if not any(any(flags[:-1]) for _, flags in levels):  # one matrix for all
        return system.solve(residuals, b.reshape(-1, b.shape[-1])).reshape(b.shape) if b.size else b.copy()
    (size, flags), rest = levels[0], levels[1:]
    out = np.empty_like(b)
    for k in range(size):
        one = [a[k] if on else a for a, on in zip(args, flags, strict=True)]
        out[k] = _solve(*one, system=system, levels=rest)
    return out


def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, system: System, levels: Levels) -> Any:
    # From A x = b follows A dx = db - (dA) x.
    *residuals, _ = primals
    *moving, right = tangents
    if any(t is not None for t in moving):
        moved = system.push_matrix(residuals, moving, out, levels)
        if moved is not None:
            right = neg(moved) if right is None else right - moved
    return None if right is None else linear_solve(*residuals, right, system=system, levels=levels)


def _solve_transpose(ct: Any, *operands: Any, system: System, levels: Levels) -> Any:
    *residuals, b = operands
    assert is_linear(b), "a linear_solve is linear in its right-hand side"
    return (*(None,) * len(residuals), linear_solve(*residuals, ct, system=system.transposed(), levels=levels))


def _solve_batch(size: int, args: Sequence[Any], batched: Sequence[bool], system: System, levels: Levels) -> Any:
    # The right-hand side always has all batch axes; what is batched is then all there is to solve.
    right = with_batch(size, args[-1], batched[-1])
    return linear_solve(*args[:-1], right, system=system, levels=((size, (*batched[:-1], True)), *levels))


linear_solve = primitive(
    "linear_solve",
    "the solution of a linear system whose matrix is known by its products",
    evaluate=_solve,
    infer=lambda *avals, system, levels: aval(avals[-1].shape, avals[-1].dtype),
    jvp=_solve_jvp,
    transpose=_solve_transpose,
    batch=_solve_batch,
    samples=lambda: [
        Sample((np.array([2.0, -3.0]), np.array([1.0, 5.0])), {"system": _Diagonal(), "levels": ()}),
        Sample(
            (np.array([2.0, -3.0]), np.array([[1.0, 5.0], [0.5, 2.0]])),
            {"system": _Diagonal(), "levels": ((2, (False, True)),)},
        ),
        Sample((np.array([2.0], np.float32), np.array([3.0], np.float32)), {"system": _Diagonal(), "levels": ()}),
        Sample((np.empty(0), np.empty(0)), {"system": _Diagonal(), "levels": ()}),
    ],
    remember=False,
    label="implicit function",
    explanation="solves a system with the transposed matrix for the gradient of the right-hand side",
)


class _Diagonal:
    """A diagonal matrix, for the generated tests."""

    def solve(self, residuals: Sequence[Any], rights: Any) -> Any:
        return rights / residuals[0]

    def transposed(self) -> System:
        return self

    def push_matrix(self, residuals: Sequence[Any], tangents: Sequence[Any], x: Any, levels: Levels) -> Any:
        return scaled(x, spread(tangents[0], levels, 0))
