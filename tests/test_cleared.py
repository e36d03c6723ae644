"""Rows that are assigned to, and what flows back to them: set once instead of cleared and added to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.graph import Graph
from wengert.run.interpreter import Program
from wengert.run.tiers import as_it_runs
from wengert.transforms.cleared import without_clearing


def shortest(d: Any) -> Any:
    d = d.copy()
    for k in range(len(d)):
        for i in range(len(d)):
            d[i, :] = np.minimum(d[i, :], d[i, k] + d[k, :])
    return np.sum(d * d)


def damped(d: Any) -> Any:
    d = d.copy()
    for k in range(5):
        d[k] = np.sin(d[k]) * d[4 - k] + d[k, 1]
        d[1:3] = d[1:3] * d[2:4] + d[0:2]
    return np.sum(d * d)


def entries(d: Any) -> Any:
    d = d.copy()
    for k in range(5):
        d[k, 2] = d[k, 2] * d[k, 3] + d[2, 2]
    return np.sum(d**3)


FUNCTIONS = [shortest, damped, entries]


def names(graph: Graph) -> list[str]:
    """Return the names of all equations, in the order in which they stand, sub-graphs included."""
    found = []
    for equation in graph.equations:
        found.append(equation.primitive.name)
        for _, value in equation.params:
            if isinstance(value, Graph):
                found += names(value)
    return found


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_are_what_they_were(function: Any, ties: bool) -> None:
    rng = np.random.default_rng(3)
    d = rng.integers(1, 4, (5, 5)).astype(float) if ties else 0.1 + rng.random((5, 5))
    expected = wg.grad(function)(d)  # without jit: unrolled, and interpreted
    compiled = wg.jit(wg.grad(function))
    np.testing.assert_allclose(compiled(d), expected, rtol=1e-12, atol=1e-14)
    (found,) = Program(as_it_runs(compiled.lower(d).graph))([d])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_rows_are_set_in_one_go_and_two_masks_are_remembered() -> None:
    graph = as_it_runs(wg.jit(wg.grad(shortest)).lower(np.ones((5, 5))).graph)
    forward, backward = [e for e in graph.equations if e.primitive.name == "loop"]
    inner = names(dict(backward.params)["body"])
    assert (inner.count("gather_set"), inner.count("gather_add")) == (1, 2)
    assert sum(graph.avals[i].dtype == bool for i in forward.outputs) == 2


def test_what_is_read_in_between_stays_cleared() -> None:
    def body(x: Any, v: Any) -> Any:
        x[1] = 0.0
        seen = x.sum()
        x[1] += v
        return x.sum() * seen

    graph = wg.trace(body)(np.ones(3), 2.0)
    assert without_clearing(graph) is graph
