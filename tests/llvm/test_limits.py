"""Index arrays that are known to point inside need no check; all others are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.core.limits import inside

X = np.linspace(1.0, 2.0, 7)


def checks(function: Any, *args: Any) -> bool:
    """Say whether a compiled function has something to report."""
    return wg.jit(function).lower(*args)._program._status >= 0


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 99))
@settings(max_examples=40)
def test_clipped_indices(low: int, high: int, seed: int) -> None:
    i = np.random.default_rng(seed).integers(-20, 20, 11)

    def pick(x: Any, i: Any) -> Any:
        return x[np.clip(i, low, high)] * 2

    try:
        expected = pick(X, i)
    except IndexError:
        with pytest.raises(IndexError):
            wg.jit(pick)(X, i)
    else:
        np.testing.assert_array_equal(wg.jit(pick)(X, i), expected)
    if low <= high:  # NumPy takes the upper limit where they cross
        assert checks(pick, X, i) == (low < 0 or high > 6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, i: x[np.clip(i, 0, 6)[::-1]],
        lambda x, i: x[np.minimum(np.maximum(i, 0), 6).reshape(2, 2)],
        lambda x, i: x[np.where(i > 2, 3, np.clip(i, 0, 6))],
        lambda x, i: x[np.clip(i, 0, 6)[np.clip(i, 0, 3)]],
    ],
)
def test_what_moves_entries_about_keeps_their_limits(function: Any) -> None:
    i = np.array([-3, 2, 5, 9])
    np.testing.assert_array_equal(wg.jit(function)(X, i), function(X, i))
    assert not checks(function, X, i)


@pytest.mark.parametrize("function", [lambda x, i: x[np.clip(i, 0, 7)], lambda x, i: x[np.clip(i, 0, 6) + 1]])
def test_what_may_point_outside_is_checked(function: Any) -> None:
    with pytest.raises(IndexError):
        wg.jit(function)(X, np.array([9]))


def test_limits() -> None:
    assert inside((0, 3), 4)
    assert not inside((0, 4), 4)
    assert not inside((-1, 3), 4)
    assert not inside(None, 4)
