"""Products of a few rows with a matrix that fits into the cache, computed without BLAS."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.blas import product_form
from wengert.run.llvm.loops import Buffer, Product, View

ROWS = (2, 3, 4, 7, 8, 16)
WAYS = {
    "x @ y": (lambda x, y: x @ y, False, False),
    "x @ y.T": (lambda x, y: x @ y.T, False, True),
    "x.T @ y": (lambda x, y: x.T @ y, True, False),
}


def factors(m: int, n: int, k: int, dtype: Any, turn_x: bool, turn_y: bool) -> tuple[Any, Any, Any]:
    """Return two factors as they are handed in, and what their product is."""
    rng = np.random.default_rng(m * n + k)
    x, y = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    given = np.ascontiguousarray(x.T if turn_x else x, dtype), np.ascontiguousarray(y.T if turn_y else y, dtype)
    return (*given, x @ y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
def test_products(way: str, dtype: type) -> None:
    function, turn_x, turn_y = WAYS[way]
    compiled = wg.jit(function)
    for m, n, k in itertools.product(ROWS, (2, 8, 12, 36, 128), (13, 16, 33, 64)):
        x, y, expected = factors(m, n, k, dtype, turn_x, turn_y)
        np.testing.assert_allclose(
            compiled(x, y), expected, rtol=0, atol=1e-13 * k if dtype is np.float64 else 1e-5 * k
        )


def test_what_is_not_finite() -> None:
    x, y, _ = factors(4, 16, 16, np.float64, False, False)
    x[1, 3], x[2, 0], y[5, 7] = np.inf, np.nan, -np.inf
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(wg.jit(lambda x, y: x @ y)(x, y), x @ y, rtol=1e-11, atol=1e-12)


def test_batches_and_sums() -> None:
    rng = np.random.default_rng(0)
    x, y, start = rng.standard_normal((3, 5, 20)), rng.standard_normal((3, 20, 24)), rng.standard_normal((5, 24))
    np.testing.assert_allclose(wg.jit(lambda x, y: x @ y)(x, y), x @ y, rtol=1e-11, atol=1e-12)

    def update(start: Any, x: Any, y: Any) -> Any:
        return start - 0.1 * (x[0] @ y[0])

    np.testing.assert_allclose(wg.jit(update)(start, x, y), update(start, x, y), rtol=1e-11, atol=1e-12)


def recurrent(inputs: Any, weights: Any, out: Any) -> Any:
    h = np.zeros((len(inputs[0]), len(weights)))
    total = 0.0
    for x in inputs:
        h = np.tanh(h @ weights + x)
        total += np.sum((h @ out) ** 2)
    return total


@pytest.mark.parametrize("batch", [3, 8])
def test_a_network_over_time(batch: int) -> None:
    rng = np.random.default_rng(1)
    arguments = rng.standard_normal((9, batch, 20)), rng.standard_normal((20, 20)) / 5, rng.standard_normal((20, 16))
    value, slopes = wg.jit(wg.value_and_grad(recurrent, argnums=(0, 1, 2)))(*arguments)
    expected, wanted = wg.value_and_grad(recurrent, argnums=(0, 1, 2))(*arguments)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, slope in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-10, atol=1e-12)


def product(m: int, n: int, k: int, y_by_rows: bool = True) -> Product:
    f8 = np.dtype(np.float64)
    x, y, out = (Buffer(size, f8) for size in (m * k, k * n, m * n))
    return Product(
        View(x, 0, (m * k, k, 1), (1, m, k)),
        View(y, 0, (k * n, n, 1) if y_by_rows else (k * n, 1, k), (1, k, n)),
        View(out, 0, (m * n, n, 1), (1, m, n)),
    )


@pytest.mark.parametrize(
    ("sizes", "kind"),
    [
        ((8, 128, 32), "narrow_product"),
        ((8, 128, 32, False), "narrow_product"),
        ((8, 128, 33, False), "product"),  # terms that do not fill vectors
        ((8, 127, 32), "product"),
        ((8, 128, 0), "product"),
        ((64, 128, 32), "product"),  # many rows: copying pays
        ((8, 1024, 512), "product"),  # too large for the cache
        ((4, 4, 4), "small_product"),
    ],
)
def test_which_products_are_narrow(sizes: Any, kind: str) -> None:
    assert product_form(product(*sizes))[0] == kind


def test_products_without_terms() -> None:
    """The loop over terms runs once at least, so these are left to BLAS."""
    for function, turn_x, turn_y in WAYS.values():
        x, y, _ = factors(2, 8, 0, np.float64, turn_x, turn_y)
        np.testing.assert_array_equal(wg.jit(function)(x, y), np.zeros((2, 8)))
