"""Gradient descent with the step size that the suite prescribes for particle and saddle."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg


def gradient(fun, mode):
    """The gradient of a function of a vector in forward ("f") or reverse mode ("r")."""
    return wg.jacobian(fun, mode="forward") if mode == "f" else wg.grad(fun)


def argmin(fun, slope, x):
    """Descend from x until the gradient or the step is short.

    The step size grows after ten steps that went down, and shrinks after one that did not.
    """
    value, direction = fun(x), slope(x)
    rate, successes = 1e-5, 0
    done = np.sqrt(np.sum(direction * direction)) <= 1e-5
    while not done:
        if successes == 10:
            rate = rate * 2.0
            successes = 0
        else:
            ahead = x - rate * direction
            away = x - ahead
            if np.sqrt(np.sum(away * away)) <= 1e-5:
                done = True
            else:
                found = fun(ahead)
                if found < value:
                    x, value = ahead, found
                    direction = slope(x)
                    successes = successes + 1
                    done = np.sqrt(np.sum(direction * direction)) <= 1e-5
                else:
                    rate = rate / 2.0
                    successes = 0
    return x
