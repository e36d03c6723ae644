"""particle: the place of a charge that lets a particle, driven by two charges, fly through the origin."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import functools

import numpy as np

from benchmarks.gradbench.descent import argmin, gradient
from benchmarks.gradbench.function import Function


def potential(x, w):
    """The potential of charges at (10, 10 - w) and (10, 0)."""
    first = np.sqrt((x[0] - 10.0) ** 2 + (x[1] - 10.0 + w) ** 2)
    second = np.sqrt((x[0] - 10.0) ** 2 + x[1] ** 2)
    return 1.0 / first + 1.0 / second


def miss(w, mode, dt=0.1):
    """The squared distance from the origin at which the particle crosses the x axis, by steps of Euler's method."""
    force = gradient(potential, mode)
    x, v = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    ahead = x + dt * v
    while ahead[1] > 0.0:
        v = v - dt * force(x, w[0])
        x = ahead
        ahead = x + dt * v
    crossing = ahead[0] - ahead[1] / v[1] * v[0]
    return crossing**2


def control(start, modes):
    """The argmin of `miss`: the first mode for the descent, the second for the force."""
    outer, inner = modes

    def objective(w):
        return miss(w, inner)

    return argmin(objective, gradient(objective, outer), start)[0]


def _parse(data):
    return (np.array([data["w"]]),)


FUNCTIONS = {modes: Function(functools.partial(control, modes=modes), _parse) for modes in ("rr", "rf", "fr", "ff")}
