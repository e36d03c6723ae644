"""Learning-rate schedules: functions from the number of the step (0, 1, 2 ...) to the learning rate of that step."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..core.source import user_line
from ..errors import ArgumentError, explain

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Return the same rate for each step.

    Parameters
    ----------
    rate : float

    Returns
    -------
    callable(step) -> rate

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    return lambda step: rate


def step_decay(rate: float, *, every: int, factor: float = 0.1) -> Schedule:
    """Multiply the rate by a factor every so many steps.

    Parameters
    ----------
    rate : float
        The first.
    every : int
        Steps between changes.
    factor : float

    Returns
    -------
    callable(step) -> rate

    Examples
    --------
    >>> [step_decay(1.0, every=10, factor=0.5)(step) for step in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """
    _positive(every=every)
    return lambda step: rate * factor ** (step // every)


def exponential_decay(rate: float, *, every: int, factor: float) -> Schedule:
    """Multiply the rate by a factor over so many steps, a little in each.

    Parameters
    ----------
    rate : float
        The first.
    every : int
        Steps in which the rate is multiplied by the factor.
    factor : float

    Returns
    -------
    callable(step) -> rate

    Examples
    --------
    >>> [exponential_decay(1.0, every=10, factor=0.25)(step) for step in (0, 5, 10)]
    [1.0, 0.5, 0.25]
    """
    _positive(every=every)
    return lambda step: rate * factor ** (step / every)


def cosine_decay(rate: float, *, steps: int, final: float = 0.0) -> Schedule:
    """Go down from ``rate`` to ``final`` along half a cosine, and stay there.

    Parameters
    ----------
    rate : float
        The first.
    steps : int
        Length of the way down.
    final : float
        The last.

    Returns
    -------
    callable(step) -> rate

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", arXiv 1608.03983.

    Examples
    --------
    >>> [round(cosine_decay(1.0, steps=10)(step), 6) for step in (0, 5, 10, 20)]
    [1.0, 0.5, 0.0, 0.0]
    """
    _positive(steps=steps)
    return lambda step: final + 0.5 * (rate - final) * (1 + math.cos(math.pi * min(step, steps) / steps))


def linear_warmup(then: Schedule | float, *, steps: int) -> Schedule:
    """Go up in a straight line to the first rate of another schedule, which then starts.

    Parameters
    ----------
    then : schedule or float
    steps : int
        Length of the way up; step ``k`` of it has ``(k + 1) / (steps + 1)`` of the rate, so none has the rate 0.

    Returns
    -------
    callable(step) -> rate

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD", arXiv 1706.02677.

    Examples
    --------
    >>> schedule = linear_warmup(cosine_decay(1.0, steps=10), steps=3)
    >>> [schedule(step) for step in (0, 1, 2, 3)]
    [0.25, 0.5, 0.75, 1.0]
    """
    _positive(steps=steps)
    follow = as_schedule(then)
    return lambda step: follow(0) * (step + 1) / (steps + 1) if step < steps else follow(step - steps)


def one_cycle(
    rate: float, *, steps: int, rise: float = 0.3, start_factor: float = 0.04, final_factor: float = 1e-4
) -> Schedule:
    """Go up to ``rate`` and down again along two half cosines.

    Parameters
    ----------
    rate : float
        The largest.
    steps : int
        Length of the whole cycle; the last step, number ``steps - 1``, has the final rate.
    rise : float
        Part of the steps that go up, between 0 and 1.
    start_factor, final_factor : float
        The first rate as a part of the largest, and the last one as a part of the first.

    Returns
    -------
    callable(step) -> rate

    References
    ----------
    L. N. Smith, N. Topin, "Super-convergence", arXiv 1708.07120.

    Examples
    --------
    >>> schedule = one_cycle(1.0, steps=11, rise=0.3)
    >>> [round(schedule(step), 6) for step in (0, 2, 10)]
    [0.04, 1.0, 4e-06]
    """
    _positive(steps=steps)
    if not 0 < rise < 1:
        raise ArgumentError(
            explain("The part that rises is between 0 and 1.", found=f"rise={rise}", line=user_line(), fix="rise=0.3")
        )
    first = rate * start_factor
    last = first * final_factor
    peak = max(rise * steps - 1, 0.0)

    def schedule(step: int) -> float:
        step = min(step, steps - 1)
        if step <= peak and peak > 0:
            return _between(first, rate, step / peak)
        return _between(rate, last, (step - peak) / max(steps - 1 - peak, 1.0))

    return schedule


def as_schedule(rate: Schedule | float) -> Schedule:
    """Return a schedule; a number means a constant one."""
    return rate if callable(rate) else constant(float(rate))


def _between(start: float, stop: float, part: float) -> float:
    return stop + 0.5 * (start - stop) * (1 + math.cos(math.pi * part))


def _positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ArgumentError(
                explain(f"{name} is a number of steps, at least 1.", found=f"{name}={value}", line=user_line())
            )
