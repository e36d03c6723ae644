"""Long sums are as accurate as NumPy's, and right at infinities and nan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wengert as wg


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 100, 2048, 2049, 1_000_000])
def test_accuracy(dtype: str, size: int) -> None:
    x = np.random.default_rng(0).uniform(0.0, 1.0, size).astype(dtype)
    exact = math.fsum(x.astype(float))
    found = wg.jit(np.sum)(x)
    assert found.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    ours, numpys = abs(float(found) - exact) / exact, abs(float(np.sum(x)) - exact) / exact
    assert ours <= max(numpys, 1.5 * eps), (ours / eps, numpys / eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("special", "expected"),
    [
        ([np.inf], np.inf),
        ([-np.inf], -np.inf),
        ([np.inf, -np.inf], np.nan),
        ([np.nan], np.nan),
        ([np.nan, np.inf], np.nan),
    ],
)
def test_specials(dtype: str, special: Any, expected: float) -> None:
    x = np.ones(10_000, dtype)
    x[[17, 6000][: len(special)]] = special
    np.testing.assert_equal(float(wg.jit(np.sum)(x)), expected)


def test_several_reductions_in_one_loop() -> None:
    x = np.random.default_rng(0).standard_normal(5000)
    found = wg.jit(lambda x: (np.sum(x), np.max(x), np.prod(1 + 1e-3 * x), np.sum(x * x), np.any(x > 4)))(x)
    expected = (np.sum(x), np.max(x), np.prod(1 + 1e-3 * x), np.sum(x * x), np.any(x > 4))
    np.testing.assert_allclose(np.array(found, float), np.array(expected, float), rtol=1e-12)
