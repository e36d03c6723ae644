"""Choices that are made again from entries that are final are the same choices, and others are noted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.transforms.reread import _reads, lean

from .test_reread import READ, WRITE, N, saved


def warping(a: Any, b: Any) -> Any:
    n, m = len(a), len(b)
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            table[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return table[n, m]


def alignment(a: Any, b: Any) -> Any:
    """A local alignment: choices between four, one of them a constant, of which one reads an argument."""
    n, m = len(a), len(b)
    table = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            both = table[i - 1, j - 1] + a[i - 1] * b[j - 1]
            table[i, j] = max(both, table[i - 1, j] - 0.3, table[i, j - 1] - 0.2, 0.0)
    return np.max(table) + 0.1 * np.sum(table)


def overwritten(a: Any, b: Any) -> Any:
    """Each row takes the place of the one before, so that what was compared is gone."""
    row = a.copy()
    for i in range(len(b)):
        for j in range(1, len(a)):
            row[j] = b[i] * row[j] + min(row[j - 1], row[j])
    return np.sum(row)


A, B = np.random.default_rng(0).normal(size=(2, 12))


@pytest.mark.parametrize(("function", "again"), [(warping, True), (alignment, True), (overwritten, False)])
def test_programs(function: Any, again: bool) -> None:
    gradient = wg.jit(wg.grad(function, (0, 1)))
    for found, expected in zip(gradient(A, B), wg.grad(function, (0, 1))(A, B), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert any(len(row.items) > 1 for row in _reads(gradient.lower(A, B).simplified).values()) == again


def test_a_finished_table_is_all_that_the_backward_pass_reads() -> None:
    graph = wg.jit(wg.grad(warping, (0, 1))).lower(A, B).simplified
    assert saved(graph) == 2 * len(A) * len(B)  # a byte for each choice
    assert saved(lean(graph)) == 0


FOUND: list[bool] = []


@given(st.tuples(READ, READ, WRITE, WRITE), st.integers(0, 2), st.booleans(), st.integers(0, 100))
@settings(max_examples=60)
def test_random_indices(places: Any, trips: int, reverse: bool, seed: int) -> None:
    (a, b, c), (d, e, f), (g, h, m), (o, p, q) = places

    def program(x: Any, y: Any) -> Any:
        x = x.copy()
        for k in range(6):
            i = 5 - k if reverse else k
            for j in range(*[(0, 6), (0, i), (i, 6)][trips]):
                one, other = x[a * i + b * j + c], x[d * i + e * j + f]
                x[g * i + h * j + m] = x[g * i + h * j + m] + 0.3 * np.where(other < one + y[j], other, 0.5 * one)
            x[o * i + p + q] *= 0.9
        return np.sum(x**2)

    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=N), rng.normal(size=6)
    gradient = wg.jit(wg.grad(program, (0, 1)))
    for found, expected in zip(gradient(x, y), wg.grad(program, (0, 1))(x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    FOUND.append(any(len(row.items) > 1 for row in _reads(gradient.lower(x, y).simplified).values()))


def test_random_indices_were_of_both_kinds() -> None:
    if len(FOUND) < 60:
        pytest.skip("needs the examples of the test before")
    assert 3 < sum(FOUND) < len(FOUND) - 3
