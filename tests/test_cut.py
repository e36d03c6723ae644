"""What loops save for their derivatives: minimum cuts against brute force, and what that means for programs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.ops.cut import Network
from wengert.ops.subgraph import SubGraph

edges = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9)), max_size=11)


def cost(graph, inside):
    return sum(c for a, b, c in graph if a not in inside and b in inside)


@given(edges)
def test_a_cut_is_as_cheap_as_the_cheapest_of_all_and_closest_to_the_sink(graph):
    network = Network()
    network.join(0, 5, 0)
    for a, b, c in graph:
        network.join(a, b, c)
    found = network.reaching(0, 5)
    assert 5 in found and 0 not in found
    sides = [{5, *chosen} for r in range(5) for chosen in combinations(range(1, 5), r)]
    least = min(cost(graph, side) for side in sides)
    assert cost(graph, found) == least
    assert all(found <= side for side in sides if cost(graph, side) == least)


def saved(f, *args):
    """Bytes per iteration that the loop of a gradient stacks."""
    graph = wg.trace(wg.value_and_grad(f))(*args)
    first = next(e for e in graph.equations if e.primitive.name == "loop")
    params = dict(first.params)
    body = params["body"]
    assert isinstance(body, SubGraph)
    return sum(of.nbytes for of in body.out_avals[params["carry"] :])


def steps(body):
    return lambda x: np.sum(wg.fori_loop(0, 5, lambda k, v: body(v), x))


def test_a_long_chain_of_cheap_operations_saves_what_the_step_began_with():
    assert saved(steps(lambda v: (v * v + 1.0) * v / (2.0 + v * v) - v * v * v), np.ones(7)) == 7 * 8


def test_linear_steps_save_nothing():
    assert saved(steps(lambda v: 0.5 * v + 0.25 * v[::-1]), np.ones(7)) == 0


def test_expensive_operations_are_not_done_again():
    # The derivative reads cos(v); sin(v) only goes into a sum.
    assert saved(steps(lambda v: np.sin(v) + v), np.ones(7)) == 7 * 8


def test_a_choice_between_values_saves_one_byte_each():
    assert saved(steps(lambda v: np.where(v > 0, 2.0 * v, 0.5 * v)), np.ones(7)) == 7


def test_an_entry_is_saved_and_not_the_array_that_it_is_read_from():
    def f(v):
        def body(k, v):
            v = v.copy()
            v[k + 1] = v[k] * v[k]
            return v

        return np.sum(wg.fori_loop(0, 5, body, v))

    assert saved(f, np.ones(7)) == 8


@pytest.mark.parametrize("n", [1, 2, 9])
def test_gradients_of_steps_that_are_done_again(n):
    def step(v):
        w = (v * v + 1.0) / (2.0 + v)
        return np.where(w > 1.2, np.sin(w) * v, w - np.exp(-v) * w)

    def looped(x):
        return np.sum(wg.fori_loop(0, n, lambda k, v: step(v) + 0.1 * k, x))

    def plain(x):
        for k in range(n):
            x = step(x) + 0.1 * k
        return np.sum(x)

    x = np.linspace(0.2, 2.0, 5)
    np.testing.assert_allclose(wg.grad(looped)(x), wg.grad(plain)(x), rtol=1e-12)
    np.testing.assert_allclose(wg.hessian(looped)(x), wg.hessian(plain)(x), rtol=1e-10, atol=1e-12)


def test_choices_inside_loops():
    def step(k, v):
        return wg.cond(np.sum(v) > 2.0, lambda v: v * v / (1.0 + v), lambda v: np.exp(0.3 * v) * v, v)

    def looped(x):
        return np.sum(wg.fori_loop(0, 6, step, x) ** 2)

    def plain(x):
        for _ in range(6):
            x = x * x / (1.0 + x) if np.sum(x) > 2.0 else np.exp(0.3 * x) * x
        return np.sum(x**2)

    x = np.array([0.2, 0.7, 1.4])
    np.testing.assert_allclose(wg.grad(looped)(x), wg.grad(plain)(x), rtol=1e-12)
