"""Lengths of loops whose number of iterations is computed: known ahead where it can be, and never too short."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.core.bounds import Affine, Counter
from wengert.ops.subgraph import SubGraph


def loops(graph, depth=0):
    for equation in graph.equations:
        params = dict(equation.params)
        if equation.primitive.name == "loop":
            yield depth, params
        for inner in params.values():
            if isinstance(inner, SubGraph):
                yield from loops(inner, depth + 1)


def nested(outer, inner):
    """Return a function with a loop in a loop that runs ``inner(i)`` times, and how Python computes it."""

    def looped(x):
        def row(i, total):
            return wg.fori_loop(0, inner(i), lambda j, t: t * np.cos(x * j) + np.sin(t + i), total)

        return wg.fori_loop(0, outer, row, x)

    def plain(x):
        total = x
        for i in range(outer):
            for j in range(max(0, inner(i))):
                total = total * np.cos(x * j) + np.sin(total + i)
        return total

    return looped, plain


BOUNDS = [
    (lambda i: i, 4),
    (lambda i: 5 - i, 5),
    (lambda i: 2 * i - 3, 5),
    (lambda i: i - 7, 0),
    (lambda i: (i + 1) - (i - 2), 3),
    (lambda i: 3 + 0 * i, 3),
]


@pytest.mark.parametrize(("inner", "most"), BOUNDS)
def test_computed_numbers_of_iterations_have_their_largest_value_as_length(inner, most):
    looped, plain = nested(5, inner)
    graph = wg.trace(wg.value_and_grad(looped))(0.7)
    lengths = {params["length"] for depth, params in loops(graph) if depth}
    assert lengths == {most}
    value, slope = wg.value_and_grad(looped)(0.7)
    assert value == pytest.approx(plain(0.7), rel=1e-13)
    assert slope == pytest.approx(wg.grad(plain)(0.7), rel=1e-12)


def test_what_is_known_of_outer_loops_reaches_the_inner_ones():
    def f(x):
        def one(i, t):
            def two(j, t):
                return wg.fori_loop(0, j + 1, lambda k, t: np.sin(t) + x * k, t)

            return wg.fori_loop(0, i, two, t)

        return wg.fori_loop(0, 4, one, x)

    graph = wg.trace(wg.value_and_grad(f))(0.3)
    assert {(depth, params["length"]) for depth, params in loops(graph)} == {(0, 4), (1, 3), (2, 3)}


def test_a_number_of_iterations_that_nobody_knows_keeps_growing_room():
    def f(x, n):
        return wg.fori_loop(0, n, lambda k, t: np.sin(t) + x, x)

    graph = wg.trace(wg.value_and_grad(f))(0.3, 5)
    assert any(params["grows"] is not None for _, params in loops(graph))

    def plain(x, n):
        t = x
        for _ in range(n):
            t = np.sin(t) + x
        return t

    assert wg.grad(f)(0.3, 1500) == pytest.approx(wg.grad(plain)(0.3, 1500), rel=1e-12)


def test_extremes_of_affine_expressions():
    i = Counter(0, Affine(9))
    j = Counter(1, Affine(-1, ((i, 1),)))  # j < i
    unknown = Counter(0, None)
    assert Affine(2, ((i, 3),)).extreme(True) == 29
    assert Affine(0, ((i, 1), (j, -1))).extreme(False) == 1, "i - j is at least 1 because j < i"
    assert Affine(0, ((i, 1), (j, -1))).extreme(True) == 9
    assert Affine(0, ((unknown, 1),)).extreme(True) is None
    assert Affine(0, ((unknown, 1),)).extreme(False) == 0
