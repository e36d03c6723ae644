"""Products with few terms are computed in loops; largest and smallest entries in vector registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.loops import Product

SHAPES = st.tuples(*[st.integers(1, 9)] * 4)


def products(fun: Any, *args: Any) -> int:
    """How many products BLAS computes."""
    return sum(isinstance(step, Product) for step in wg.jit(fun).lower(*args)._program.steps)


@given(SHAPES, st.booleans(), st.booleans(), st.sampled_from([np.float64, np.float32]))
@settings(max_examples=40)
def test_matrix_products(sizes: tuple[int, ...], turn_x: bool, turn_y: bool, dtype: Any) -> None:
    b, m, k, n = sizes
    rng = np.random.default_rng(m * 1000 + n * 100 + k * 10 + b)
    x = rng.normal(size=(b, k, m) if turn_x else (b, m, k)).astype(dtype)
    y = rng.normal(size=(b, n, k) if turn_y else (b, k, n)).astype(dtype)

    def product(x: Any, y: Any) -> Any:
        x = np.swapaxes(x, 1, 2) if turn_x else x
        y = np.swapaxes(y, 1, 2) if turn_y else y
        return np.minimum(x @ y, 0.5)

    np.testing.assert_allclose(wg.jit(product)(x, y), product(x, y), rtol=1e-4 if dtype == np.float32 else 1e-12)


def test_several_axes_are_contracted() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 2, 4, 5)), rng.normal(size=(4, 6, 2, 7))

    def product(x: Any, y: Any) -> Any:
        return np.tensordot(x, y, axes=((1, 2), (2, 0)))

    np.testing.assert_allclose(wg.jit(product)(x, y), product(x, y), rtol=1e-12)
    assert products(product, x, y) == 0


def test_long_sums_are_left_to_blas() -> None:
    assert products(np.matmul, np.ones((20, 30)), np.ones((30, 20))) == 1


def test_a_product_is_fused_with_what_follows() -> None:
    def nearest(x: Any, y: Any) -> Any:
        return np.min(x @ y.T, axis=1)

    steps = wg.jit(nearest).lower(np.ones((50, 3)), np.ones((40, 3))).steps
    assert sum("madd" in step and "min into" in step for step in steps) == 1


@pytest.mark.parametrize("extreme", [np.max, np.min])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("place", [0, 7, 36])
def test_nan_is_largest_and_smallest(extreme: Any, dtype: Any, place: int) -> None:
    x = np.linspace(-1, 1, 3 * 37, dtype=dtype).reshape(3, 37)
    x[1, place] = np.nan
    x[2, place] = np.inf
    for axis in (0, 1, None):
        np.testing.assert_array_equal(
            wg.jit(lambda x, axis=axis: extreme(x * 2, axis=axis))(x), extreme(x * 2, axis=axis)
        )


def test_extremes_of_infinities() -> None:
    for value in (np.inf, -np.inf):
        x = np.full(19, value)
        assert wg.jit(np.max)(x) == value
        assert wg.jit(np.min)(x) == value
