"""Nothing flows to what is taken from all terms of a sum of exponentials and added to its logarithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.graph import Graph

Function = Callable[[Any, Any], Any]
"""Of an array and of what is subtracted from it."""


def columns(x: Any, m: Any) -> Any:
    return m + np.log(np.sum(np.exp(x - m), axis=0))


def columns_the_other_way(x: Any, m: Any) -> Any:
    return np.log(np.sum(np.exp(x - m), axis=0)) + m


def rows(x: Any, m: Any) -> Any:
    return np.log(np.sum(np.exp(x - m[:, np.newaxis]), axis=1)) + m


def rows_that_stay(x: Any, m: Any) -> Any:
    m = m[:, np.newaxis]
    return m + np.log(np.sum(np.exp(x - m), axis=1, keepdims=True))


def everything(x: Any, m: Any) -> Any:
    top = m[0]
    return top + np.log(np.sum(np.exp(x - top)))


def one_for_all_rows(x: Any, m: Any) -> Any:
    top = m[0]
    return top + np.log(np.sum(np.exp(x - top), axis=1))


def two_axes(x: Any, m: Any) -> Any:
    y = np.stack([x, 0.5 * x, -x])
    return m + np.log(np.sum(np.exp(y - m[:, np.newaxis]), axis=(0, 2)))


def middle_axis(x: Any, m: Any) -> Any:
    y, m = np.stack([x, 0.5 * x]), np.stack([m, 2 * m])
    return m + np.log(np.sum(np.exp(y - m[:, np.newaxis]), axis=1))


SHIFTED: list[Function] = [
    columns,
    columns_the_other_way,
    rows,
    rows_that_stay,
    everything,
    one_for_all_rows,
    two_axes,
    middle_axis,
]


def along_the_wrong_axis(x: Any, m: Any) -> Any:
    return m + np.log(np.sum(np.exp(x - m[:, np.newaxis]), axis=0))


def in_another_order(x: Any, m: Any) -> Any:
    return m + np.log(np.sum(np.exp(x - m[::-1]), axis=0))


def turned(x: Any, m: Any) -> Any:
    outer = np.stack([m, 2 * m, -m, m + 1])
    return outer.T + np.log(np.sum(np.exp(np.stack([x, -x]) - outer), axis=0))


def laid_out_anew(x: Any, m: Any) -> Any:
    pairs = np.concatenate([m, 2 * m]).reshape(2, 4)
    return pairs.reshape(4, 2) + np.log(np.sum(np.exp(x[:2] - pairs), axis=0))[:, np.newaxis]


def spread_otherwise(x: Any, m: Any) -> Any:
    down, across = np.broadcast_to(m[:, np.newaxis], (4, 4)), np.broadcast_to(m, (4, 4))
    return down + np.log(np.sum(np.exp(np.stack([x, -x]) - across), axis=0))


def another_one(x: Any, m: Any) -> Any:
    return 2 * m + np.log(np.sum(np.exp(x - m), axis=0))


def more_than_a_sum(x: Any, m: Any) -> Any:
    return m + np.log(1 + np.sum(np.exp(x - m), axis=0))


def less(x: Any, m: Any) -> Any:
    return np.log(np.sum(np.exp(x - m), axis=0)) - m


def added(x: Any, m: Any) -> Any:
    return m + np.log(np.sum(np.exp(m - x), axis=0))


OTHERS: list[Function] = [
    along_the_wrong_axis,
    in_another_order,
    turned,
    laid_out_anew,
    spread_otherwise,
    another_one,
    more_than_a_sum,
    less,
    added,
]


def squares(f: Function) -> Function:
    return lambda x, m: np.sum(f(x, m) ** 2)


def differences(f: Function, x: Any, m: Any) -> list[Any]:
    """Return the gradients by central differences."""
    found = []
    for k, of in enumerate((x, m)):
        gradient = np.empty_like(of)
        for i in np.ndindex(of.shape):
            moved = [x.copy(), m.copy()]
            moved[k][i] += 1e-6
            above = f(*moved)
            moved[k][i] -= 2e-6
            gradient[i] = (above - f(*moved)) / 2e-6
        found.append(gradient)
    return found


@pytest.mark.parametrize("f", SHIFTED + OTHERS, ids=lambda f: f.__name__)
def test_gradients(f: Function) -> None:
    rng = np.random.default_rng(3)
    x, m = rng.standard_normal((4, 4)), rng.standard_normal(4)
    expected = differences(squares(f), x, m)
    found = wg.grad(squares(f), argnums=(0, 1))(x, m)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("f", SHIFTED, ids=lambda f: f.__name__)
def test_nothing_flows_to_the_shift(f: Function) -> None:
    rng = np.random.default_rng(0)
    x, m = rng.standard_normal((4, 4)), rng.standard_normal(4)
    np.testing.assert_array_equal(wg.grad(lambda m: np.sum(f(x, m)))(m), np.zeros(4))
    _, tangent = wg.jvp(f, (x, m), (np.zeros_like(x), np.ones_like(m)))
    assert not np.any(tangent)


@pytest.mark.parametrize("f", OTHERS, ids=lambda f: f.__name__)
def test_something_flows_to_others(f: Function) -> None:
    rng = np.random.default_rng(0)
    x, m = rng.standard_normal((4, 4)), rng.standard_normal(4)
    assert np.any(np.abs(wg.grad(lambda m: np.sum(f(x, m) ** 3))(m)) > 1e-3)


@pytest.mark.parametrize("f", SHIFTED, ids=lambda f: f.__name__)
def test_second_derivatives(f: Function) -> None:
    rng = np.random.default_rng(1)
    x, m = rng.standard_normal((4, 4)), rng.standard_normal(4)
    slope = wg.grad(squares(f))
    direction = rng.standard_normal((4, 4))
    found = wg.jvp(lambda x: slope(x, m), (x,), (direction,))[1]
    expected = (slope(x + 1e-6 * direction, m) - slope(x - 1e-6 * direction, m)) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    mixed = wg.jacobian(lambda m: slope(x, m))(m)
    np.testing.assert_allclose(mixed, 0, atol=1e-12)


def names(graph: Graph) -> set[str]:
    """Return the primitives of a graph, those within loops too."""
    found = {equation.primitive.name for equation in graph.equations}
    for equation in graph.equations:
        if "body" in dict(equation.params):
            found |= names(dict(equation.params)["body"])
    return found


def test_where_the_largest_entry_was_need_not_be_known() -> None:
    def forward(alpha: Any, transition: Any) -> Any:
        for _ in range(9):
            joint = alpha[:, np.newaxis] + transition
            top = np.max(joint, axis=0)
            alpha = top + np.log(np.sum(np.exp(joint - top), axis=0))
        return np.sum(alpha)

    rng = np.random.default_rng(2)
    alpha, transition = rng.standard_normal(4), rng.standard_normal((4, 4))
    gradient = wg.jit(wg.grad(forward, argnums=(0, 1)))
    assert "eq" not in names(gradient.lower(alpha, transition).graph)
    for one, other in zip(gradient(alpha, transition), differences(forward, alpha, transition), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_exponentials_that_would_overflow() -> None:
    x = np.array([[800.0, -800.0], [800.0, -810.0]])
    gradient = wg.grad(lambda x: np.sum(columns(x, np.max(x, axis=0))))(x)
    np.testing.assert_allclose(gradient, np.exp(x - [[800.0, -800.0]]) / np.exp(x - [[800.0, -800.0]]).sum(axis=0))
    x = np.array([[-np.inf, 0.0], [0.0, -np.inf]])
    np.testing.assert_array_equal(wg.grad(lambda x: np.sum(columns(x, np.max(x, axis=0))))(x), [[0, 1], [1, 0]])
