"""What loops read that is still there at the end is not saved, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.core.bounds import Affine, Counter
from wengert.core.graph import Graph
from wengert.transforms.dependence import _has_solution
from wengert.transforms.reread import _reads, lean

N = 60


def saved(graph: Graph) -> int:
    """Count the bytes that loops at the top of a graph stack."""
    total = 0
    for equation in graph.equations:
        if equation.primitive.name == "loop":
            total += sum(graph.avals[i].nbytes for i in equation.outputs[dict(equation.params)["carry"] :])
    return total


def lowered(function: Any, *args: Any) -> Any:
    return wg.jit(wg.grad(function)).lower(*args)


def cholesky(a: Any) -> Any:
    a = a.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(a[i, i])
    return np.sum(np.tril(a) ** 2)


def forward_substitution(lower: Any, b: Any) -> Any:
    x = b.copy()
    for i in range(len(x)):
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    return np.sum(x * x)


def backwards(x: Any) -> Any:
    x = x.copy()
    for i in range(len(x) - 2, -1, -1):
        x[i] = 0.5 * x[i + 1] * x[i + 1] + x[i]
    return x[0]


def rows(a: Any) -> Any:
    a = a.copy()
    for i in range(1, len(a)):
        for j in range(i):
            a[i] -= np.sum(a[i] * a[j]) * a[j]
    return np.sum(a**3)


def overwritten(x: Any) -> Any:
    x = x.copy()
    for _ in range(30):
        for i in range(1, len(x)):
            x[i] = x[i] * x[i - 1]
    return np.sum(x)


def relaxed(x: Any) -> Any:
    x = x.copy()
    for i in range(1, len(x) - 1):
        x[i] = x[i - 1] * x[i] * x[i + 1]
    return np.sum(x)


POSITIVE = np.eye(6) * 3 + 0.1 * np.arange(36.0).reshape(6, 6) % 0.5
VECTOR = np.linspace(0.5, 1.2, 6)
LONG = np.linspace(0.9, 1.1, 40)


@pytest.mark.parametrize(
    ("function", "args", "everything"),
    [
        (cholesky, (POSITIVE,), False),
        (forward_substitution, (POSITIVE, VECTOR), False),
        (backwards, (LONG,), False),
        (rows, (POSITIVE,), False),
        (overwritten, (LONG,), True),
        (relaxed, (LONG,), False),
    ],
)
def test_programs(function: Any, args: Any, everything: bool) -> None:
    compiled = wg.jit(wg.grad(function, tuple(range(len(args)))))
    for found, expected in zip(compiled(*args), wg.grad(function, tuple(range(len(args))))(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    graph = lowered(function, *args).simplified
    assert bool(_reads(graph)) != everything
    assert (saved(lean(graph)) < saved(graph)) or everything


def test_an_in_place_factorisation_saves_nothing_for_its_inner_loops() -> None:
    n = 40
    assert lowered(cholesky, np.eye(n)).arena < 20 * 8 * n * n


FACTOR = st.sampled_from([0, 1, 2, -1])
READ, WRITE = (st.tuples(FACTOR, FACTOR, st.integers(start, start + 6)) for start in (14, 20))
FOUND: list[bool] = []


@given(st.tuples(READ, READ, WRITE, WRITE), st.integers(0, 2), st.booleans(), st.integers(0, 100))
@settings(max_examples=60)
def test_random_indices(places: Any, trips: int, reverse: bool, seed: int) -> None:
    (a, b, c), (d, e, f), (g, h, m), (o, p, q) = places

    def program(x: Any) -> Any:
        def inner(i: Any) -> Any:
            def step(j: Any, x: Any) -> Any:
                new = x[a * i + b * j + c] * x[d * i + e * j + f]
                x[g * i + h * j + m] += 0.1 * new
                return x

            return step

        def outer(k: Any, x: Any) -> Any:
            i = 5 - k if reverse else k
            bounds = [(0, 6), (0, i), (i, 6)][trips]
            x = wg.fori_loop(*bounds, inner(i), x)
            x[o * i + p + q] *= 0.9
            return x

        return np.sum(wg.fori_loop(0, 6, outer, x.copy()) ** 2)

    x = np.random.default_rng(seed).normal(size=N)
    expected = plain(places, trips, reverse, x)
    gradient = wg.jit(wg.grad(program))
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-10, atol=1e-12)
    FOUND.append(bool(_reads(gradient.lower(x).simplified)))


def plain(places: Any, trips: int, reverse: bool, x: Any) -> Any:
    """Return the gradient of the same program, unrolled."""
    (a, b, c), (d, e, f), (g, h, m), (o, p, q) = places

    def program(x: Any) -> Any:
        x = x.copy()
        for k in range(6):
            i = 5 - k if reverse else k
            for j in range(*[(0, 6), (0, i), (i, 6)][trips]):
                x[g * i + h * j + m] += 0.1 * (x[a * i + b * j + c] * x[d * i + e * j + f])
            x[o * i + p + q] *= 0.9
        return np.sum(x**2)

    return wg.grad(program)(x)


def test_random_indices_were_of_both_kinds() -> None:
    if len(FOUND) < 60:
        pytest.skip("needs the examples of the test before")
    assert 3 < sum(FOUND) < len(FOUND) - 3


def test_inequalities() -> None:
    assert _has_solution([{"x": 1, None: 0}, {"x": -1, None: 3}])
    assert not _has_solution([{"x": 1, None: -4}, {"x": -1, None: 3}])
    assert not _has_solution([{"x": 1, "y": -1, None: -1}, {"y": 1, "z": -1, None: 0}, {"z": 1, "x": -1, None: 0}])
    assert _has_solution([{"x": 1, "y": -1, None: -1}, {"y": 1, None: 0}])
    assert Affine(1, ((Counter(0, None), 1),)).constant == 1
