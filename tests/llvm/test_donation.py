"""Donated arguments: results take over their memory, and only theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg


def update(parameters: Any, gradients: Any) -> Any:
    return [p - 0.1 * g for p, g in zip(parameters, gradients, strict=True)]


def test_an_update_happens_in_place() -> None:
    step = wg.jit(update, donate_argnums=0)
    parameters = [np.arange(6.0).reshape(2, 3), np.ones(4, np.float32)]
    gradients = [np.ones((2, 3)), np.ones(4, np.float32)]
    expected = update(parameters, gradients)
    for _ in range(2):  # the recording call, and a later one
        kept = [p.copy() for p in parameters]
        result = step(kept, gradients)
        for new, old, right in zip(result, kept, expected, strict=True):
            assert new is old
            np.testing.assert_allclose(new, right, rtol=1e-6)


def test_what_is_not_donated_stays() -> None:
    step = wg.jit(update)
    parameters, gradients = [np.ones(3)], [np.ones(3)]
    assert step(parameters, gradients)[0] is not parameters[0]
    np.testing.assert_array_equal(parameters[0], np.ones(3))


def test_memory_that_is_still_read_is_not_taken() -> None:
    def turned(x: Any, y: Any) -> Any:
        return x[::-1] + y, x * 2.0

    x, y = np.arange(4.0), np.ones(4)
    expected = turned(x, y)
    for _ in range(2):
        for a, b in zip(wg.jit(turned, donate_argnums=(0, 1))(x.copy(), y.copy()), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x[::-1],
        lambda x: np.cumsum(x, axis=0) + x,
        lambda x: x @ np.ones((5, 5)) if x.ndim == 2 else x,
        lambda x: x / np.sum(x),
        lambda x: np.concatenate([x[1:], x[:1]]),
        lambda x: x - np.max(x),
        lambda x: x,
        lambda x: np.sort(x) + x,
    ],
)
def test_results_are_those_without_donation(function: Any) -> None:
    for x in (np.arange(1.0, 6.0), np.arange(1.0, 26.0).reshape(5, 5)):
        donated = wg.jit(function, donate_argnums=0)
        for _ in range(2):
            np.testing.assert_allclose(donated(x.copy()), function(x), rtol=1e-14)


def test_arguments_that_share_memory() -> None:
    step = wg.jit(lambda x, y: (x + 1.0, x * y), donate_argnums=0)
    base = np.arange(8.0)
    for x, y in [(base, base), (base[:4], base[2:6]), (base[::2], np.ones(4)), (base, base[::-1])]:
        before = x.copy(), y.copy()
        for _ in range(2):
            found = step(x.copy() if x is y else x, y)
            np.testing.assert_array_equal(found[0], before[0] + 1.0)
            np.testing.assert_array_equal(found[1], before[0] * before[1])
            x, y = before[0].copy(), before[1].copy()
    twice = wg.jit(lambda x, y: (x + 1.0, y + 2.0), donate_argnums=(0, 1))
    for _ in range(2):
        x = np.zeros(3)
        a, b = twice(x, x)
        np.testing.assert_array_equal(a, np.ones(3))
        np.testing.assert_array_equal(b, np.full(3, 2.0))
    locked = np.zeros(3)
    locked.flags.writeable = False
    assert step(locked, np.ones(3))[0] is not locked


def test_branches_keep_the_arguments() -> None:
    def signed(x: Any) -> Any:
        return x + 1.0 if x[0] > 0 else x - 1.0

    jitted = wg.jit(signed, donate_argnums=0)
    for start in (1.0, -1.0, 1.0, -1.0):
        x = np.full(3, start)
        np.testing.assert_array_equal(jitted(x), signed(np.full(3, start)))


def test_inside_a_transform() -> None:
    step = wg.jit(lambda x: x * 2.0, donate_argnums=0)
    x = np.ones(3)
    np.testing.assert_array_equal(wg.grad(lambda y: np.sum(step(y) * y))(x), np.full(3, 4.0))
    np.testing.assert_array_equal(wg.grad(lambda y: np.sum(step(x) * y))(x), np.full(3, 2.0))
    np.testing.assert_array_equal(x, np.ones(3))
