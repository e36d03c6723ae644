"""Carries updated in place: rows are read and written without copies of the whole array, and values stay right."""

from __future__ import annotations

import numpy as np

import wengert as wg


def columns(p, q, u):
    u = u.copy()
    n = u.shape[0]
    for j in range(n - 2, 0, -1):
        u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return np.sum(u * u)


def arguments():
    rng = np.random.default_rng(3)
    return tuple(rng.random((3, 40, 40)))


def inside_loops(steps):
    """The lines of steps that belong to the body of a loop."""
    return [line for text in steps for line in str(text).splitlines() if line.startswith(" ")]


def test_reverse_sweeps_by_columns_copy_columns_only():
    lowered = wg.jit(wg.value_and_grad(columns, argnums=(0, 1, 2))).lower(*arguments())
    lines = inside_loops(lowered.steps)
    assert lines
    assert not [line for line in lines if "40x40" in line]


def test_their_gradients_are_those_of_numpy_code():
    given = arguments()
    value, gradients = wg.jit(wg.value_and_grad(columns, argnums=(0, 1, 2)))(*given)
    expected_value, expected = wg.value_and_grad(columns, argnums=(0, 1, 2))(*given)
    np.testing.assert_allclose(value, expected_value, rtol=1e-13)
    for found, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def test_room_for_residuals_is_not_filled():
    def steps(x, n):
        for _ in range(n):
            x = np.sin(x)
        return np.sum(x)

    lowered = wg.jit(wg.value_and_grad(steps)).lower(np.ones(16), 50)
    fills = [line for text in lowered.steps for line in str(text).splitlines() if "fill" in line]
    assert not [line for line in fills if int(line.split(" of ")[1].split()[0]) > 16], fills
    value, gradient = wg.jit(wg.value_and_grad(steps))(np.linspace(0.1, 1.6, 16), 50)
    expected_value, expected = wg.value_and_grad(steps)(np.linspace(0.1, 1.6, 16), 50)
    np.testing.assert_allclose(value, expected_value, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)
