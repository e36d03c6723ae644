"""saddle: min over x of max over y of a simple function, both found by gradient descent."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import functools

import numpy as np

from benchmarks.gradbench.descent import argmin, gradient
from benchmarks.gradbench.function import Function, array, as_list


def height(x, y):
    return np.sum(x * x) - np.sum(y * y)


def argmax(fun, slope, start):
    return argmin(lambda y: -fun(y), lambda y: -slope(y), start)


def best_answer(x, start, mode):
    """The y at which the function is largest for a given x."""

    def of_y(y):
        return height(x, y)

    return argmax(of_y, gradient(of_y, mode), start)


def worst(x, start, mode):
    """The largest value for a given x."""
    return height(x, best_answer(x, start, mode))


def saddle_point(start, modes):
    """The descent over x in the first mode, the ascent over y within it in the second."""
    outer, inner = modes

    def objective(x):
        return worst(x, start, inner)

    x = argmin(objective, gradient(objective, outer), start)
    return np.concatenate([x, best_answer(x, start, outer)])


def _parse(data):
    return (array(data["start"]),)


FUNCTIONS = {
    modes: Function(functools.partial(saddle_point, modes=modes), _parse, as_list) for modes in ("rr", "rf", "fr", "ff")
}
