"""Zero wins over inf in vectors too, in their rest, and in scalar loops; vectors may run backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg


def rooted(x: Any, steps: int) -> Any:
    total = 0.0
    for _ in range(steps):
        x = np.where(x > 0, np.sqrt(x), 0.0)
        total += np.sum(x)
    return total


def rooted_one_by_one(x: Any, steps: int) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = np.where(x[i] > 0, np.sqrt(x[i]), 0.0) * steps
    return np.sum(y * y)


def chained(x: Any, steps: int) -> Any:
    last = 0.0
    for i in range(len(x)):
        last = 0.5 * last + np.where(x[i] > 0, np.sqrt(x[i]), last)
    return last * steps


@pytest.mark.parametrize("n", [5, 8, 13, 67])
@pytest.mark.parametrize("zeros", [(), (0,), (4,), (1, 3, 4)], ids=str)
@pytest.mark.parametrize("function", [rooted, rooted_one_by_one, chained])
def test_zero_wins(function: Any, zeros: tuple[int, ...], n: int) -> None:
    x = np.linspace(0.5, 2.0, n)
    x[list(zeros)] = 0.0
    expected = wg.grad(function)(x, 6)
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(wg.jit(wg.grad(function), static_argnums=1)(x, 6), expected, rtol=1e-12)


def test_what_is_nan_stays_nan() -> None:
    x = np.linspace(0.5, 2.0, 13)
    x[[2, 11]] = np.nan
    found = wg.jit(wg.grad(lambda x: np.sum(x * x * x)))(x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(x))


def turned(x: Any, steps: int) -> Any:
    y = np.zeros(len(x))
    for _ in range(steps):
        y[::-1] += 0.5 * x + x[::-1] * y
        y[1:] = y[:-1][::-1] - x[1:]
    return y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [2, 7, 8, 13, 67])
def test_vectors_that_run_backwards(n: int, dtype: Any) -> None:
    x = np.cos(np.arange(n)).astype(dtype)
    tolerance = 1e-12 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(wg.jit(turned, static_argnums=1)(x, 5), turned(x, 5), rtol=tolerance, atol=tolerance)
    flip = wg.jit(lambda x: (x > 0)[::-1] & (x[::-1] < 0.5))
    np.testing.assert_array_equal(flip(x), (x > 0)[::-1] & (x[::-1] < 0.5))
