"""Is the value that of plain NumPy, and the gradient that of differences?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.api.differences import directional, random_like

VALUE_TOLERANCE = 1e-9
GRADIENT_TOLERANCE = 1e-6
STEP_TOLERANCE = 1e-5
"""Where the step is fixed and short, rounding shows."""
AGREEMENT = 1e-7
"""Between exact gradients of two libraries."""


class WrongResult(Exception):
    """A value or a gradient is not what it has to be."""


def check_value(found: Any, expected: Any) -> None:
    """The value is that of plain NumPy."""
    if np.shape(found) != ():
        raise WrongResult(f"value has shape {np.shape(found)}, not ()")
    if not abs(float(found) - float(expected)) <= VALUE_TOLERANCE * max(abs(float(expected)), 1e-300):
        raise WrongResult(f"value {float(found):.16g}, plain NumPy {float(expected):.16g}")


def check_slopes(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    argnums: Sequence[int],
    gradients: Sequence[Any],
    *,
    lines: int = 2,
    each_entry: bool = False,
    step: float | None = None,
) -> None:
    """The gradient agrees with extrapolated differences of the function: along random lines, or entry by entry.

    Parameters
    ----------
    function
        The program, plain or compiled by something that does not differentiate.
    gradients
        One for each of `argnums`.
    lines
        How many random lines, each moving all differentiated arguments at once.
    each_entry
        Move every entry of every argument by itself instead; for small arguments.
    step
        Take central differences with this one step instead of extrapolating; for functions with kinks, of which long
        steps would cross many.
    """
    point = [arguments[k] for k in argnums]
    for k, x, gradient in zip(argnums, point, gradients, strict=True):
        if np.shape(gradient) != np.shape(x):
            raise WrongResult(f"gradient by argument {k} has shape {np.shape(gradient)}, not {np.shape(x)}")
    rng = np.random.default_rng(5)

    def value(moved: list[Any]) -> list[Any]:
        full = list(arguments)
        for k, x in zip(argnums, moved, strict=True):
            full[k] = x if np.ndim(x) else float(x)
        return [np.asarray(function(*full))]

    directions = _entries(point) if each_entry else ([random_like(x, rng) for x in point] for _ in range(lines))
    scale = max(float(np.max(np.abs(g), initial=0.0)) for g in gradients)
    for direction in directions:
        (expected,), (error,) = directional(value, point, direction, step)
        found = sum(float(np.vdot(g, d)) for g, d in zip(gradients, direction, strict=True))
        length = sum(float(np.linalg.norm(np.ravel(d))) for d in direction)
        # Differences that do not converge prove nothing, so their own doubt is bounded.
        doubt = min(10 * float(error), 1e-5 * scale * length)
        tolerance = GRADIENT_TOLERANCE if step is None else STEP_TOLERANCE
        if not abs(found - float(expected)) <= tolerance * scale * length + doubt:
            raise WrongResult(
                f"slope {found:.10g}, by differences {float(expected):.10g} (unsure by {float(error):.1g})"
            )


def _entries(point: Sequence[Any]) -> Any:
    """Yield a direction for each entry."""
    for k, x in enumerate(point):
        for index in np.ndindex(np.shape(x)):
            direction = [np.zeros(np.shape(y)) for y in point]
            direction[k][index] = 1.0
            yield direction


def check_agreement(name: str, found: Sequence[Any], expected: Sequence[Any]) -> None:
    """Another library's exact gradient is the same.

    A gradient that is nothing beside the others, as that of where an iteration started which has converged, need only
    be nothing in both.
    """
    scales = [float(np.max(np.abs(np.asarray(b)), initial=0.0)) for b in expected]
    nothing = max(1e-300, np.finfo(np.float64).eps * max(scales, default=0.0))
    for k, (a, b, scale) in enumerate(zip(found, expected, scales, strict=True)):
        error = float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))
        if not error <= AGREEMENT * max(scale, nothing):
            raise WrongResult(
                f"gradient {k} differs from {name}'s by {error:.3g} where its largest entry is {scale:.3g}"
            )
