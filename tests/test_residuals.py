"""What the backward pass of a loop computes again: quotients as products, where that cannot change a decision."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

import wengert as wg
from wengert.core.graph import Graph

NUMBERS = np.array([49.0, 98.0, 103.0, 107.0, 161.0, 187.0, 197.0, 196.0])


def continued(x: Any, y: Any) -> Any:
    c = np.zeros(len(x))
    for i in range(1, len(x)):
        c[i] = x[i] / (y[i] - 0.3 * c[i - 1])
    return np.sum(c * c)


def decided(x: Any, y: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        quotient = x[i] / y[i]
        if quotient >= 1.0:
            total += quotient**2 * np.sin(total)
        else:
            total += 3.0 * quotient + 1.0
    return total


def _backwards(function: Any, *args: Any) -> Counter[str]:
    """Count the primitives in loops that run backwards."""

    def count(graph: Graph, within: bool) -> Counter[str]:
        found: Counter[str] = Counter()
        for equation in graph.equations:
            params = dict(equation.params)
            name = equation.primitive.name
            found[name] += within
            inner = [params["body"]] if name == "loop" else params["branches"] if name == "cond" else []
            for body in inner:
                found += count(body, within or bool(params.get("reverse")))
        return found

    return count(wg.jit(wg.grad(function, argnums=(0, 1))).lower(*args).simplified, False)


def _same_as_recorded(function: Any, x: Any, y: Any) -> None:
    gradient = wg.grad(function, argnums=(0, 1))
    for found, wanted in zip(wg.jit(gradient)(x, y), gradient(x, y), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_quotient_is_a_product_with_what_its_derivative_needs() -> None:
    x, y = np.linspace(1.0, 2.0, 9), np.linspace(2.0, 3.0, 9)
    found = _backwards(continued, x, y)
    assert (found["div"], found["reciprocal"]) == (0, 1)
    _same_as_recorded(continued, x, y)


def test_a_quotient_that_decides_is_exact() -> None:
    assert any(NUMBERS * (1.0 / NUMBERS) < 1.0), "as a product, some of these would be less than 1"
    found = _backwards(decided, NUMBERS, NUMBERS)
    assert found["div"] == 1
    _same_as_recorded(decided, NUMBERS, NUMBERS)
