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


def reflected(x, y, limit):
    """Branches that leave arrays alone, replace one by another, or let them change places."""
    x, y = x.copy(), y.copy()
    for k in range(12):
        if k % 3 < limit:
            x = np.sin(x[::-1]) + 0.5 * y
        if k % 4 == 1:
            x, y = y, x
        elif k % 4 == 3:
            x, y = 0.5 * y, x + y[::-1]
        if k < 9:
            y = y + x * np.sum(y[:k])
    return np.sum(x * x) + np.sum(x * y)


def test_what_a_branch_leaves_alone_is_not_copied():
    def halves(x):
        x = x.copy()
        for k in range(20):
            if k % 3 < 2:
                x = 0.5 * x[::-1] + np.sin(x)
        return np.sum(x * x)

    lines = inside_loops(wg.jit(halves).lower(np.ones(400)).steps)
    left_alone, replaced = lines.index("        branch 0:"), lines.index("        branch 1:")
    assert replaced == left_alone + 1
    assert ["copy" in line for line in lines[replaced + 1 :]] == [True]


def test_branches_that_exchange_arrays():
    rng = np.random.default_rng(5)
    x, y = 0.3 * rng.standard_normal((2, 70))
    for limit in range(4):
        value, slopes = wg.jit(wg.value_and_grad(reflected, argnums=(0, 1)))(x, y, limit)
        expected_value, expected = wg.value_and_grad(reflected, argnums=(0, 1))(x, y, limit)
        np.testing.assert_allclose(value, expected_value, rtol=1e-10)
        for found, wanted in zip(slopes, expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
