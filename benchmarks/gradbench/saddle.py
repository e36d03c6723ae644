"""saddle: min over x of max over y of a simple function, both found by gradient descent."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

import wengert as wg
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


def saddle_point(modes):
    """The descent over x in the first mode, the ascent over y within it in the second."""
    outer, inner = modes
    objective = wg.jit(lambda x, start: worst(x, start, inner))
    slope = wg.jit(gradient(lambda x, start: worst(x, start, inner), outer))
    answer = wg.jit(lambda x, start: best_answer(x, start, outer))

    def run(start):
        x = argmin(lambda x: objective(x, start), lambda x: slope(x, start), start)
        return np.concatenate([x, answer(x, start)])

    return run


FUNCTIONS = {
    modes: Function(saddle_point(modes), lambda data: (array(data["start"]),), as_list)
    for modes in ("rr", "rf", "fr", "ff")
}
