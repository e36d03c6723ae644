"""llsq: a polynomial fitted to the sign of n points in [-1, 1]."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
from benchmarks.gradbench.function import Function, array, as_list


def least_squares(x, n):
    """Half the squared residual of the polynomial with coefficients x, the constant one first."""
    t = np.linspace(-1.0, 1.0, n)
    residual = np.sign(t) - np.polyval(x[::-1], t)
    return 0.5 * np.sum(residual * residual)


def _parse(data):
    return array(data["x"]), int(data["n"])


FUNCTIONS = {
    "primal": Function(least_squares, _parse, static=(1,)),
    "gradient": Function(wg.grad(least_squares), _parse, as_list, static=(1,)),
}
