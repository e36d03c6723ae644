"""Arrays stored with their axes in another order, inside of programs: nobody notices but the clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm import turned
from wengert.run.llvm.loops import View

from ..test_random_programs import examples


@pytest.fixture(scope="module", autouse=True)
def everything_pays() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(turned, "_SMALL", 0.0)
    patch.setattr(turned, "_COPIED", 0.0)
    yield
    patch.undo()


def sweep(p: Any, q: Any, steps: Any) -> Any:
    """Walk through one array by columns, through the other by rows and columns, some of them backwards."""
    p, q = p.copy(), q.copy()
    n, m = p.shape
    for _ in range(steps):
        for j in range(1, m):
            p[1:, j] = 0.5 * np.sin(p[:-1, j - 1]) * q[1:, j]
            p[0, j] += p[n - 1, j - 1] * q[0, j]
        for j in range(m - 2, -1, -1):
            q[:, j] = q[:, j + 1] - 0.1 * p[::-1, j] * q[:, j]
        q[1] *= 0.9
    return np.sum(p * q) + np.sum(p[::2, 1] * q[::2, 0])


def columns(p: Any, q: Any, steps: Any) -> Any:
    """Leave one array as it comes, which is read in every step, and make another by columns."""
    made = np.zeros(p.shape)
    for _ in range(steps):
        for j in range(p.shape[1]):
            made[:, j] = made[:, j] * q[:, j] + p[:, j]
    return np.sum(made**2)


def deep(p: Any, q: Any, steps: Any) -> Any:
    p = np.stack([p, 0.5 * p, p * p])
    for _ in range(steps):
        for j in range(1, p.shape[2]):
            p[:, :, j] = np.cos(p[:, :, j - 1]) * q[:, j] + p[::-1, :, j]
        for i in range(1, p.shape[1]):
            p[:, i, 1:] = p[:, i, 1:] * 0.5 + p[:, i - 1, :-1]
    return np.sum(p * p)


@pytest.mark.parametrize("function", [sweep, columns, deep])
@pytest.mark.parametrize("shape", [(6, 7), (11, 5)])
def test_gradients(function: Any, shape: Any) -> None:
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal(shape), rng.standard_normal(shape)
    found = wg.jit(wg.value_and_grad(function, argnums=(0, 1)))
    value, slopes = wg.value_and_grad(lambda p, q: function(p, q, 7), argnums=(0, 1))(p, q)
    for _ in range(2):
        got, mine = found(p, q, 7)
        np.testing.assert_allclose(got, value, rtol=1e-10)
        for a, b in zip(mine, slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_columns_are_walked_along_in_memory() -> None:
    n = 12
    steps = wg.jit(lambda p, q: columns(p, q, 9)).lower(np.ones((n, n)), np.ones((n, n))).steps
    (loop,) = [step for step in steps if step.startswith("repeat")]
    assert f"strides {n}]" not in loop, loop


@given(st.lists(st.integers(2, 4), min_size=2, max_size=4), st.data())
@examples(60)
def test_a_turned_view_sees_the_same_entries(sizes: list[int], data: Any) -> None:
    shape = tuple(sizes)
    order = data.draw(st.permutations(range(len(shape))))
    array = np.arange(np.prod(shape)).reshape(shape)
    turned_array = np.ascontiguousarray(array.transpose(order))
    cuts = []
    for n in shape:
        if data.draw(st.booleans()):
            start = data.draw(st.integers(0, n - 1))
            cuts.append(slice(start, data.draw(st.integers(start + 1, n))))
        else:
            cuts.append(slice(None, None, -1))
    part = array[tuple(cuts)]
    size = array.itemsize
    offset = (part.__array_interface__["data"][0] - array.__array_interface__["data"][0]) // size
    buffer = turned.Buffer(array.size, array.dtype)
    view = View(buffer, offset, tuple(s // size for s in part.strides), part.shape)
    strides = turned._strides(shape, list(order))
    found = turned._turned(view, shape, strides)
    assert found is not None
    flat = turned_array.reshape(-1)
    places = found.offset + sum(
        np.arange(n).reshape([-1 if k == a else 1 for k in range(part.ndim)]) * found.strides[a]
        for a, n in enumerate(part.shape)
    )
    np.testing.assert_array_equal(flat[places], part)
