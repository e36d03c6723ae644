"""ode: Runge-Kutta steps of the system y_0' = x_0, y_i' = x_i y_(i-1)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def slope(x, y):
    z = np.zeros(len(x))
    z[0] = x[0]
    z[1:] = x[1:] * y[:-1]
    return z


def runge_kutta(x, steps):
    h = 2.0 / steps
    y = np.zeros(len(x))
    for _ in range(steps):
        k1 = slope(x, y)
        k2 = slope(x, y + h / 2 * k1)
        k3 = slope(x, y + h / 2 * k2)
        k4 = slope(x, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def last(x, steps):
    return runge_kutta(x, steps)[-1]


def _parse(data):
    return array(data["x"]), int(data["s"])


FUNCTIONS = {
    "primal": Function(runge_kutta, _parse, as_list, static=(1,)),
    "gradient": Function(wg.grad(last), _parse, as_list, static=(1,)),
}
