"""Loops before they run: what they are given several times they take once, whatever reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.tiers import as_it_runs


def loops(compiled: Any, args: Any) -> list[Any]:
    graph = as_it_runs(compiled.lower(*args).simplified)
    found = [dict(e.params) | {"ins": e.inputs} for e in graph.equations if e.primitive.name == "loop"]
    assert found
    return found


def constants_of(loop: Any) -> tuple[int, ...]:
    first = int(loop["counted"])
    return tuple(loop["ins"][first : first + loop["consts"]])


def diffusion(u: Any, v: Any, nu: float, steps: int) -> Any:
    dx = 0.1
    for _ in range(steps):
        u = u + nu / dx**2 * (v - 2 * u)
        v = v + nu / dx**2 * (u - 2 * v)
    return np.sum(u * v)


def until(x: Any, rate: float) -> Any:
    y = 2.0
    while y * (rate * 3.0) < 50.0 + rate * 3.0:
        y = y + rate * 3.0 * x
        x = x * (rate * 3.0)
    return x + y


PROGRAMS = [(diffusion, (np.arange(4.0), np.ones(4), 1e-3, 20)), (until, (0.7, 0.4))]


@pytest.mark.parametrize(("function", "args"), PROGRAMS)
def test_the_same_constant_is_taken_once(function: Any, args: Any) -> None:
    compiled = wg.jit(function)
    for loop in loops(compiled, args):
        given = constants_of(loop)
        assert len(set(given)) == len(given)
    np.testing.assert_allclose(compiled(*args), function(*args), rtol=1e-12)


@pytest.mark.parametrize(("function", "args"), PROGRAMS)
def test_gradients(function: Any, args: Any) -> None:
    numbers = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
    compiled = wg.jit(wg.grad(function, numbers))
    for loop in loops(compiled, args):
        assert len(set(constants_of(loop))) == loop["consts"]
    for f, e in zip(compiled(*args), wg.grad(function, numbers)(*args), strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-10)


def test_values_that_are_equal_only_here_stay_apart() -> None:
    def twice(x: Any, a: float, b: float) -> Any:
        for _ in range(5):
            x = x * a + b
        return x

    compiled = wg.jit(twice)
    assert compiled(1.0, 0.5, 0.5) == twice(1.0, 0.5, 0.5)
    assert compiled(1.0, 0.5, 2.0) == twice(1.0, 0.5, 2.0)
