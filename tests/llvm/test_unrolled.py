"""Short innermost axes are written out; see ``run/llvm/unrolled.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Rows, Store, View
from wengert.run.llvm.unrolled import written_out


def loops(fun: Any, *args: Any) -> list[Any]:
    steps = wg.jit(fun).lower(*args)._program.steps
    both = [loop for step in steps for loop in (step.loops if isinstance(step, Rows) else [step])]
    return [loop for loop in both if isinstance(loop, Loop)]


def pooled(x: Any) -> Any:
    """The largest of each block of 2 x 2."""
    rows, columns = x.shape
    return np.max(x.reshape(rows // 2, 2, columns // 2, 2), axis=(1, 3))


def test_pooling_runs_along_the_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(20, 30))
    found = [loop for loop in loops(pooled, x) if len(loop.body) > 1]
    assert [loop.shape for loop in found] == [(10, 15)]
    assert len(found[0].accesses) == 5
    np.testing.assert_array_equal(wg.jit(pooled)(x), pooled(x))


def test_axes_that_go_on_in_the_next_one_stay() -> None:
    assert [len(loop.accesses) for loop in loops(lambda x: 2 * x, np.ones((50, 3)))] == [2]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "?"])
@pytest.mark.parametrize("reduce", [np.max, np.min, np.sum, np.prod, np.any, np.all])
def test_reductions(reduce: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, size=(11, 3, 40, 2)).astype(dtype)
    for axis in ((1, 3), (0, 3), (3,), (1,), (2, 3), None):

        def fun(x: Any, axis: Any = axis) -> Any:
            return reduce(x, axis=axis)

        found, right = wg.jit(fun)(x), fun(x)
        assert found.dtype == right.dtype
        np.testing.assert_allclose(found, right, rtol=1e-5)


def test_entries_that_are_read_and_written_have_one_access() -> None:
    """Pointers of a loop are said not to overlap."""
    kind, shape = np.dtype(np.float64), (40, 2)
    x, y = (View(Buffer(120, kind), 0, (1, 40), shape) for _ in range(2))
    swap = Loop(shape, [x, y], [Load(0), Load(1), Op("neg", (1,), (), (kind,), kind)], [Store(0, 2), Store(1, 0)])
    along = Loop(shape, [View(v.buffer, 0, (3, 1), shape) for v in (x, y)], swap.body, swap.stores)
    made = written_out(along)
    assert made.shape == (40,)
    places = [(view.buffer, view.offset) for view in made.accesses]
    assert len(places) == len(set(places)) == 4


def test_nan_wins_in_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(20, 30))
    x[3, 7], x[8, 8], x[9, 9] = np.nan, np.inf, -np.inf
    np.testing.assert_array_equal(wg.jit(pooled)(x), pooled(x))


SIZES = st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 4), st.integers(1, 20))


@given(SIZES, st.permutations(range(4)), st.sets(st.integers(0, 3)), st.booleans())
@settings(max_examples=60)
def test_blocks_in_any_order(sizes: Any, order: Any, axes: Any, looped: bool) -> None:
    """Sums, largest entries, entries without the axis and results of full size, with derivatives, in loops or not."""
    rng = np.random.default_rng(sum(sizes))
    x, y = rng.normal(size=sizes), rng.normal(size=sizes[2:])

    def part(x: Any) -> Any:
        turned = np.transpose(np.sin(x) * y, order)
        largest = np.max(turned, axis=tuple(axes), keepdims=True)
        return np.sum(np.exp(turned - largest) * 0.5, axis=tuple(axes), keepdims=True) + turned

    def fun(x: Any) -> Any:
        if not looped:
            return np.sum(part(x) ** 2)
        back = np.argsort(order)
        for _ in range(12):
            x = x + 0.01 * np.transpose(part(x), back)
        return np.sum(x**2)

    value, slope = wg.jit(wg.value_and_grad(fun))(x)
    expected, right = wg.value_and_grad(fun)(x)
    np.testing.assert_allclose(value, fun(x), rtol=1e-12)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(slope, right, rtol=1e-8, atol=1e-10)
