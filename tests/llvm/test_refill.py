"""What a loop overwrites in each iteration is not filled before, and only where that is certain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.loops import Choice, Fill, Repeat

from ..test_random_programs import examples

N = 40


def filled(steps: Any, within: bool = False) -> Iterator[int]:
    """Yield how many entries each larger fill within loops has."""
    for step in steps:
        if isinstance(step, Fill) and within and step.length > 4:
            yield step.length
        elif isinstance(step, Repeat):
            yield from filled(step.body, True)
        elif isinstance(step, Choice):
            for branch in step.branches:
                yield from filled(branch, within)


def written(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        new[0] = u[1]
        for i in range(1, len(u) - 1):
            new[i] = np.sin(u[i + 1]) - u[i - 1]
        u = new
    return u


def read_before(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        new[1] += u[1]
        for i in range(1, len(u) - 1):
            new[i] = np.sin(u[i + 1]) + new[i] - u[i - 1]
        u = new
    return u


def added_to(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        new[3] = u[2]
        for i in range(1, len(u) - 1):
            new[i] += np.sin(u[i + 1])
        u = new
    return u


def read_between(u: Any, k: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        new[k] = u[2]
        first = new[k + 1] + new[k]
        for i in range(1, len(u) - 1):
            new[i] = np.sin(u[i + 1]) + first
        u = new
    return u


def twice(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        for i in range(len(u) // 2):
            new[i + i] = np.sin(u[i + 1]) - u[i]
        u = new
    return u


def some(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        new = np.zeros(len(u))
        for i in range(N // 4):
            new[i] = np.sin(u[i + 1]) - u[i]
        u = new
    return u


CASES = [(written, []), (read_before, [N]), (added_to, [N]), (read_between, [N]), (twice, [N]), (some, [N])]


@pytest.mark.parametrize(("function", "expected"), CASES)
def test_what_is_filled(function: Any, expected: list[int]) -> None:
    u = np.random.default_rng(0).standard_normal(N)
    args = (u, 3, 3) if function is read_between else (u, 3)
    compiled = wg.jit(function)
    assert list(filled(compiled.lower(*args)._program.steps)) == expected
    for _ in range(2):
        np.testing.assert_allclose(compiled(*args), function(*args), rtol=1e-12)


@st.composite
def assignments(draw: Any) -> Any:
    """Draw what is assigned to single entries, and in loops, and what array it begins with."""
    how = st.sampled_from(["set", "add"])
    single = st.tuples(st.just("one"), how, st.integers(0, N - 1), st.integers(0, N - 1))
    bounds = st.tuples(st.integers(2, 6), st.integers(-6, -2))
    loop = st.tuples(st.just("loop"), how, bounds, st.integers(-2, 2), st.integers(-2, 2), st.booleans())
    return draw(st.sampled_from([0.0, 0.0, 1.5])), draw(st.lists(st.one_of(single, loop, loop), min_size=1, max_size=4))


def run(spec: Any, u: Any, w: Any, steps: Any) -> Any:
    value, found = spec
    for _ in range(steps):
        new = np.full(len(u), value)
        for kind, how, where, *rest in found:
            if kind == "one":
                if how == "set":
                    new[where] = u[rest[0]] * w[where]
                else:
                    new[where] += u[rest[0]] * w[where]
                continue
            to, of, reads = rest
            for i in range(where[0], len(u) + where[1]):
                term = np.sin(u[i + of]) * w[i]
                if reads:
                    term = term + 0.5 * new[i]
                if how == "set":
                    new[i + to] = term
                else:
                    new[i + to] += term
        u = new
    return np.sum(u * u)


@given(assignments())
@examples(20)
def test_assignments(spec: Any) -> None:
    rng = np.random.default_rng(0)
    u, w = 0.5 * rng.standard_normal(N), rng.standard_normal(N)

    def value(u: Any, w: Any, steps: Any) -> Any:
        return run(spec, u, w, steps)

    found, slopes = wg.jit(wg.value_and_grad(value, argnums=(0, 1)))(u, w, 3)
    np.testing.assert_allclose(found, value(u, w, 3), rtol=1e-9)
    wanted = wg.grad(lambda u, w: value(u, w, 3), argnums=(0, 1))(u, w)
    for mine, slope in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(mine, slope, rtol=1e-9, atol=1e-9)
