"""check_grads: hold the derivatives of a function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from ..core.source import user_line
from ..core.tree import flatten, paths, unflatten
from ..errors import ArgumentError, GradientCheckError, explain
from ..trace.context import current
from ..trace.rebind import rebound
from .differences import directional, random_like
from .differentiate import jvp, vjp

_MODES: Final = {"forward": "forward", "fwd": "forward", "reverse": "reverse", "rev": "reverse"}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check the derivatives of a function against numerical differences, in random directions.

    Parameters
    ----------
    f : callable
        A function of arrays, numbers or nested containers of them; its result need not be a scalar.
    args : sequence
        Where to check.  ``f`` should be smooth there: on a kink, differences and derivative disagree.
    order : int
        Up to which order.  Order 2 checks the first derivatives and the derivatives of those.
    modes : sequence of {"forward", "reverse"}
        Which modes to check, nested in every order, such as forward over reverse.  "fwd" and "rev" are understood too.
    atol, rtol : float, optional
        Absolute and relative tolerance; without them 1e-6 for float64 and 2e-2 for float32, and in both cases the
        estimated error of the differences on top.
    eps : float, optional
        Step of the differences.  Without it, several steps are extrapolated to step 0.

    Raises
    ------
    GradientCheckError
        At the first derivative that disagrees: mode, order, argument, and the two numbers.
    ArgumentError
        For an unknown mode, an order below 1, or ``args`` that are no sequence.

    Returns
    -------
    None

    Examples
    --------
    >>> import numpy as np, wengert as wg
    >>> wg.check_grads(lambda x, y: np.sin(x) * y, (np.ones(3), 2.0))
    >>> def wrong(x):
    ...     return x * wg.stop_gradient(x)
    >>> wg.check_grads(wrong, (3.0,))
    Traceback (most recent call last):
        ...
    wengert.errors.GradientCheckError: A derivative equals the numerical one.
      found: forward, order 1: by argument 0: 3.0, differences give 6.0 (tolerances atol=1e-06, rtol=1e-06)
      ...
    """
    if not isinstance(args, (tuple, list)):
        raise ArgumentError(
            explain(
                "check_grads takes the arguments of the function as a tuple or list.",
                found=type(args).__name__,
                line=user_line(),
                fix="wg.check_grads(f, (x, y)); for one argument wg.check_grads(f, (x,))",
            )
        )
    unknown = [mode for mode in modes if mode not in _MODES]
    if unknown or not modes or order < 1:
        raise ArgumentError(
            explain(
                'check_grads takes order >= 1 and modes out of "forward" and "reverse".',
                found=f"order={order!r}, modes={modes!r}",
                line=user_line(),
            )
        )
    leaves, tree = flatten(tuple(args))
    names = [_argument(path) for path in paths(tuple(args))]
    point = [np.asarray(x, float) if isinstance(x, int) else np.array(x) for x in leaves]

    def flat(*xs: Any) -> list[Any]:
        # Under a trace the function runs as the copy that knows about traces; and what it writes into is its own.
        run = f if current() is None else rebound(f)[0]
        return flatten(run(*unflatten(tree, [np.copy(x) if np.ndim(x) else x for x in xs])))[0]

    chosen = tuple(dict.fromkeys(_MODES[mode] for mode in modes))
    tolerance = max(map(_tolerance, point), default=0.0)
    _Check(names, atol, rtol, eps, chosen, tolerance).run(flat, point, order, ())


def _tolerance(x: Any) -> float:
    return 2e-2 if x.dtype in (np.float16, np.float32, np.complex64) else 1e-6


def _argument(path: str) -> str:
    """Turn ``[0]['weight']`` into ``argument 0['weight']``."""
    number, _, rest = path.removeprefix("[").partition("]")
    return f"argument {number}{rest}"


class _Check:
    """What stays the same while the orders are gone through."""

    def __init__(
        self,
        names: list[str],
        atol: float | None,
        rtol: float | None,
        eps: float | None,
        modes: tuple[str, ...],
        tolerance: float,
    ) -> None:
        self.names = names
        self.atol = atol
        self.rtol = rtol
        self.eps = eps
        self.modes = modes
        self.tolerance = tolerance
        self.rng = np.random.default_rng(0)

    def run(self, f: Callable[..., list[Any]], point: list[Any], order: int, path: tuple[str, ...]) -> None:
        """Check the first derivatives of f, then those of its pushforward and of its pullback."""
        tangents = [self.direction(x) for x in point]
        values = [np.asarray(v) for v in f(*_scalars(point))]
        floating = [v.dtype.kind in "fc" for v in values]

        def smooth(xs: list[Any]) -> list[Any]:
            return [v for v, on in zip(f(*_scalars(xs)), floating, strict=True) if on]

        weights = [random_like(np.ones_like(v), self.rng) for v, on in zip(values, floating, strict=True) if on]
        for mode in self.modes:
            inner = (mode, *path)
            if mode == "forward":
                self.forward(f, smooth, floating, point, tangents, inner)
            else:
                self.reverse(smooth, point, weights, inner)
            if order > 1:
                derivative = _pushforward(f, tangents) if mode == "forward" else _pullback(smooth, weights)
                self.run(derivative, point, order - 1, inner)

    def forward(self, f: Any, smooth: Any, floating: list[bool], point: list[Any], ts: list[Any], path: Any) -> None:
        for name, alone in self.each(ts):
            moved = _pushforward(f, [np.zeros_like(x) if t is None else t for x, t in zip(point, alone, strict=True)])
            along = _along(alone)
            found = [t for t, on in zip(moved(*_scalars(point)), floating, strict=True) if on]
            expected, errors = directional(smooth, point, alone, self.eps)
            for k, (a, b, error) in enumerate(zip(found, expected, errors, strict=True)):
                result = f" (result {k})" if len(found) > 1 else ""
                self.compare(a, b, error, f"{' over '.join(path)}, order {len(path)}: by {name}{along}{result}")

    def reverse(self, smooth: Any, point: list[Any], weights: list[Any], path: Any) -> None:
        """Compare the gradient of a random weighting of the results, argument by argument, along random directions."""
        gradients = _pullback(smooth, weights)(*_scalars(point))
        ts = [self.direction(x) for x in point]
        for k, (name, alone) in enumerate(self.each(ts)):
            expected, errors = directional(smooth, point, alone, self.eps)
            found = np.real(np.sum(np.asarray(gradients[k]) * ts[k]))
            weighted = sum(float(np.real(np.sum(w * d))) for w, d in zip(weights, expected, strict=True))
            unsure = sum(float(np.sum(np.abs(w) * e)) for w, e in zip(weights, errors, strict=True))
            shape = np.shape(gradients[k])
            if shape != point[k].shape:
                self.refuse(f"{' over '.join(path)}: shape {shape} by {name}, which has shape {point[k].shape}")
            self.compare(
                found.astype(point[k].real.dtype),
                np.asarray(weighted),
                np.asarray(unsure),
                f"{' over '.join(path)}, order {len(path)}: by {name}{_along(alone)}",
            )

    def direction(self, x: Any) -> Any:
        """Return a random direction; for a real number 1, so that a message shows the derivative itself."""
        return np.ones_like(x) if x.dtype.kind == "f" and x.size == 1 else random_like(x, self.rng)

    def each(self, ts: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        """Yield each argument's name with the tangents in which it alone moves."""
        for k, name in enumerate(self.names):
            if ts[k].size:
                yield name, [t if j == k else None for j, t in enumerate(ts)]
            else:
                yield name, [None] * len(ts)

    def compare(self, found: Any, expected: Any, error: Any, what: str) -> None:
        found, expected = np.asarray(found), np.asarray(expected)
        default = max(self.tolerance, _tolerance(found))
        finite = np.abs(expected[np.isfinite(expected)])
        scale = float(finite.max()) if finite.size else 0.0
        atol = default if self.atol is None else self.atol
        rtol = default if self.rtol is None else self.rtol
        with np.errstate(all="ignore"):
            # Differences that do not converge prove nothing, so their doubt may excuse only so much.
            doubt = np.minimum(10 * np.asarray(error), (1e-3 if default < 1e-3 else 0.1) * max(scale, 1.0))
            good = (np.abs(found - expected) <= atol + rtol * scale + doubt) | (found == expected)
        if good.all():
            return
        worst = tuple(int(i) for i in np.argwhere(~good)[0])
        at = f" at {list(worst)}" if worst else ""
        estimate = float(np.asarray(error)[worst])
        unsure = f"; the differences are unsure by {estimate:.1g}" if not estimate <= 0.01 * scale else ""
        numbers = f"{what}{at}: {found[worst]}, differences give {_short(expected[worst])}{unsure}"
        self.refuse(numbers + f" (tolerances atol={atol:g}, rtol={rtol:g})")

    def refuse(self, numbers: str) -> None:
        raise GradientCheckError(
            explain(
                "A derivative equals the numerical one.",
                found=numbers,
                line=user_line(),
                fix="look for stop_gradient, a custom rule, or a jump or kink at this point; "
                "where the function itself is imprecise, give atol, rtol or eps",
            )
        )


def _along(tangents: list[Any]) -> str:
    return "" if all(t is None or t.size == 1 for t in tangents) else " along a random direction"


def _short(number: Any) -> str:
    """Return a number without the digits that differences cannot know."""
    return f"{complex(number):.10g}" if np.iscomplexobj(number) else repr(float(f"{float(number):.10g}"))


def _scalars(point: list[Any]) -> list[Any]:
    """Return 0-d arrays as NumPy scalars, which is what plain code computes with."""
    return [x if np.ndim(x) else x[()] for x in point]


def _pushforward(f: Callable[..., list[Any]], tangents: list[Any]) -> Callable[..., list[Any]]:
    return lambda *xs: jvp(f, xs, tuple(_scalars(tangents)))[1]


def _pullback(smooth: Callable[[list[Any]], list[Any]], weights: list[Any]) -> Callable[..., list[Any]]:
    def gradient(*xs: Any) -> list[Any]:
        _, pull = vjp(lambda *ys: smooth(list(ys)), *xs)
        return list(pull([np.asarray(w) for w in weights]))

    return gradient
