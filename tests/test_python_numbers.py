"""Arithmetic of Python's numbers keeps adapting to the dtypes that it meets, traced as not (NEP 50)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "a product": lambda x, c: 0.5 * c * x,
    "a difference": lambda x, c: (1 - c) * x,
    "a difference the other way round": lambda x, c: (c - 1) * x,
    "a quotient": lambda x, c: x / (3 - c / 2),
    "a quotient of whole numbers": lambda x, c: x * (1 / (c + 1)),
    "two of them": lambda x, c: (c + c * c) * x,
    "a power": lambda x, c: c**2 * x,
    "a power with a traced exponent": lambda x, c: 2**c * x,
    "a whole quotient and its rest": lambda x, c: (c // 2) * x + c % 2,
    "a whole quotient the other way round": lambda x, c: (7 // (c + 1)) * x + 7 % (c + 1),
    "signs": lambda x, c: abs(-c) * x + (+c),
    "a sum": lambda x, c: sum([c, 2 * c]) * x,
    "a whole quotient with its rest": lambda x, c: divmod(c, 2)[0] * x + divmod(7, c + 1)[1] * x,
    "the larger of traced ones": lambda x, c: max(c, 2 * c) * x,
    "the smaller one": lambda x, c: min(c * 2, 0.7) * x,
    "chosen": lambda x, c: np.where(x > 0, c * 2, x),
    "chosen by Python": lambda x, c: (2 * c if c > 1 else c) * x,
    "updated": lambda x, c: _updated(x, c),
    "alone": lambda x, c: 2 * c,
    "in a list": lambda x, c: np.array([c, 0.5 * c]),
    "of a sum": lambda x, c: np.sum(x) * (c * 2),
    # What NumPy makes is a NumPy number, which does not adapt.
    "a ufunc": lambda x, c: np.multiply(c, 0.5) * x,
    "a root": lambda x, c: np.sqrt(c) * x,
    "beside NumPy's number": lambda x, c: (2 * c + np.float64(1.0)) * x,
    "beside an entry": lambda x, c: (c * 2 * x[0]) * x,
}


def _updated(x: Any, c: Any) -> Any:
    total = c
    total += 1
    total *= 0.5
    total /= c + 1
    total -= c
    return total * x


NOT_OF_COMPLEX = (
    "a whole quotient and its rest",
    "a whole quotient with its rest",
    "a whole quotient the other way round",
    "chosen",
)


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "c8"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes_are_those_of_numpy(name: str, dtype: str) -> None:
    f = FUNCTIONS[name]
    if dtype == "c8" and name in NOT_OF_COMPLEX:
        return  # NumPy has none of complex numbers
    x = np.array([0.5, -1.0, 2.0]).astype(dtype)
    for c in (0.25, 3):
        expected = np.asarray(f(x, c))
        jitted = wg.jit(f)
        for found in (jitted(x, c), jitted(x, c), wg.jit(lambda x: f(x, c))(x)):  # noqa: B023
            assert found.dtype == expected.dtype, (c, found.dtype, expected.dtype)
            np.testing.assert_allclose(found, expected, rtol=1e-2 if dtype == "f2" else 1e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes_while_a_number_is_differentiated(name: str) -> None:
    """Recorded, and recorded again, which finds what came next before."""
    f = FUNCTIONS[name]
    x = np.array([0.5, 1.0, 2.0], np.float32)
    seen = []

    def total(c: Any) -> Any:
        out = f(x, c)
        seen.append(np.dtype(out.dtype))
        return np.sum(out)

    expected = np.asarray(f(x, 0.25)).dtype
    if name == "alone":
        expected = np.dtype(np.float64)
    gradient = wg.grad(total)
    slopes = [gradient(0.25), gradient(0.25)]
    assert set(seen) == {expected}
    assert slopes[0] == slopes[1]
    step = 1e-2
    differences = (np.sum(f(x, 0.25 + step), dtype=np.float64) - np.sum(f(x, 0.25 - step), dtype=np.float64)) / 2 / step
    if "whole" not in name:
        np.testing.assert_allclose(slopes[0], differences, rtol=2e-2)


def test_loops_of_float32_stay_loops() -> None:
    def decayed(x: Any, rate: Any) -> Any:
        for k in range(20):
            x = x * (1 - 0.5 * rate) + 0.1 * k / (k + 1)
        return x

    x = np.array([0.5, 1.5], np.float32)
    jitted = wg.jit(decayed)
    assert jitted(x, 0.1).dtype == np.float32
    np.testing.assert_allclose(jitted(x, 0.1), decayed(x, 0.1), rtol=1e-6)
    (line,) = jitted.lower(x, 0.1).captured
    assert line.startswith("captured")


def test_numbers_that_a_loop_hands_on_adapt_behind_it() -> None:
    def counted(x: Any, limit: Any) -> Any:
        k, t = 0, 0.0
        while t < limit:
            k, t = k + 1, t + 0.1
        return k * x, t * x

    def decayed(x: Any, rate: Any) -> Any:
        weight, steps, last = 1.0, 0, 0.0
        for _ in range(20):
            weight = weight * (1 - rate)
            steps += 1
            x = weight * x + steps
            last = last + x[0]
            made = rate * steps
        return x, weight * x, steps * x, last, made * x

    x = np.array([0.5, 1.5], np.float32)
    for f in (counted, decayed):
        jitted = wg.jit(f)
        for found, expected in zip(jitted(x, 0.45), f(x, 0.45), strict=True):
            assert found.dtype == expected.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        (line,) = jitted.lower(x, 0.45).captured
        assert line.startswith("captured")


def test_functions_of_math_make_python_floats() -> None:
    def f(x: Any, c: Any) -> Any:
        return math.exp(c) * x + math.sin(x[0]) * x + math.floor(c) * x

    x = np.array([0.5, 1.5], np.float32)
    found, expected = wg.jit(f)(x, 2.5), f(x, 2.5)
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_whole_numbers_adapt_to_small_ones() -> None:
    def f(x: Any, n: Any) -> Any:
        return x + n * 2 - (n // 2), x * (n + 1)

    x = np.array([1, 2, 3], np.int8)
    for found, expected in zip(wg.jit(f)(x, 5), f(x, 5), strict=True):
        assert found.dtype == expected.dtype == np.int8
        np.testing.assert_array_equal(found, expected)
