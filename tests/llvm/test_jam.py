"""Several rows at a time: products with vectors, and sums over rows and along them, whatever is left over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.jam import jams
from wengert.run.llvm.layout import emission
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Store, View, canonical, whole

from ..test_random_programs import examples

F8 = np.dtype(np.float64)


def by_rows(a: Any, x: Any, y: Any) -> Any:
    return a @ x


def by_columns(a: Any, x: Any, y: Any) -> Any:
    return y @ a


def both(a: Any, x: Any, y: Any) -> Any:
    product = a * x
    return np.sum(product, axis=0), np.sum(product, axis=1), np.sum(a + y[:, np.newaxis], axis=0)


def turned(a: Any, x: Any, y: Any) -> Any:
    return a.T @ y, x @ a.T


def in_a_loop(a: Any, x: Any, y: Any) -> Any:
    for _ in range(3):
        x = 0.5 * x + y @ a
        y = np.tanh(a @ x)
    return np.sum(x * x) + np.sum(y)


def with_steps(a: Any, x: Any, y: Any) -> Any:
    return y[::-1] @ a, a @ x[::-1], np.sum(a[:, ::2] * x[::2], axis=0), np.sum(a[::2].T * y[::2], axis=1)


def extremes(a: Any, x: Any, y: Any) -> Any:
    product = a * x
    return (
        np.max(product, axis=0),
        np.min(a + y[:, np.newaxis], axis=0),
        np.max(product, axis=1),
        np.sum(product, axis=0),
    )


def functions(a: Any, x: Any, y: Any) -> Any:
    shifted = a + y[:, np.newaxis]
    return (
        np.sum(np.exp(shifted), axis=0),
        np.sum(np.log(shifted * shifted + x * x), axis=0),
        np.max(np.sin(shifted) * np.tanh(np.exp(x)), axis=0),
        np.sum(np.arctan2(shifted, np.exp(x)), axis=0),
        np.exp(shifted) @ np.cos(x),
    )


def functions_in_a_loop(a: Any, x: Any, y: Any) -> Any:
    for _ in range(3):
        terms = np.exp(-((a + y[:, np.newaxis]) ** 2))
        x = np.tanh(x + np.mean(terms * np.sin(x), axis=0))
        y = np.cos(y + np.mean(terms, axis=1))
    return x, y


FUNCTIONS = [functions, functions_in_a_loop, by_rows, by_columns, both, turned, in_a_loop, with_steps, extremes]
SIZES = st.one_of(st.integers(1, 9), st.integers(10, 140))


@given(seed=st.integers(0, 1 << 30), m=SIZES, n=SIZES, single=st.booleans(), function=st.sampled_from(FUNCTIONS))
@examples(120)
def test_sums_and_products(seed: int, m: int, n: int, single: bool, function: Any) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    a, x, y = (rng.standard_normal(shape).astype(dtype) for shape in ((m, n), (n,), (m,)))
    if function is in_a_loop:
        a = (a / (m + n)).astype(dtype)
    found, expected = wg.jit(function)(a, x, y), function(a, x, y)
    for f, e in zip(_all(found), _all(expected), strict=True):
        size = max(float(np.max(np.abs(e))), 1.0)
        np.testing.assert_allclose(f / size, e / size, atol=1e-4 if single else 1e-12)


def _all(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple) else [values]


@pytest.mark.parametrize("m", [1, 3, 4, 5, 7, 8, 103])
def test_a_row_has_the_same_sum_wherever_it_stands(m: int) -> None:
    """Rows that are taken together, and those that are left, are rounded alike."""
    row, x = np.random.default_rng(0).standard_normal((2, 101))
    found = wg.jit(by_rows)(np.tile(row, (m, 1)), x, x[:m])
    assert len(set(found.tolist())) == 1


NEGATED = [np.exp, lambda x: x * x, lambda x: x + 1.0, lambda x: np.where(x > 0.0, x, 0.5), np.negative, lambda x: x]


@pytest.mark.parametrize("term", NEGATED)
@pytest.mark.parametrize("axis", [0, 1])
def test_sums_of_what_is_negated(term: Any, axis: int) -> None:
    """A negated product is rounded together with the sum, any other negated term is added as it is."""
    x = np.random.default_rng(0).normal(size=(9, 11))

    def total(x: Any) -> Any:
        return np.sum(-term(x), axis=axis)

    def slope(x: Any) -> Any:  # the cotangent of what is broadcast is such a sum
        return np.sum(np.exp(term(x) - np.mean(x, axis=axis, keepdims=True)) * 0.5)

    np.testing.assert_allclose(wg.jit(total)(x), total(x), rtol=1e-14)
    step = 1e-6 * np.random.default_rng(1).normal(size=x.shape)
    along = (slope(x + step) - slope(x - step)) / 2
    np.testing.assert_allclose(np.sum(wg.jit(wg.grad(slope))(x) * step), along, rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.0])
def test_special_numbers(bad: float) -> None:
    a = np.zeros((6, 37))
    a[2, 5], a[5, 36] = bad, bad
    x = np.full(37, -0.0 if bad == 0 else 1.0)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(wg.jit(by_rows)(a, x, x[:6]), a @ x)
        np.testing.assert_array_equal(wg.jit(by_columns)(a, x, x[:6]), x[:6] @ a)
        for found, expected in zip(wg.jit(extremes)(a, x, x[:6]), extremes(a, x, x[:6]), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 800.0, -800.0])
@pytest.mark.parametrize("m", [1, 2, 4, 6, 9])
def test_rare_arguments_of_functions_in_single_rows(m: int, bad: float) -> None:
    """Rows that share a vector with one that takes a function's slow path come out as they do by themselves."""
    rng = np.random.default_rng(m)
    for row in range(m):
        a = rng.standard_normal((m, 37))
        a[row, [3, 36]] = bad
        x, y = rng.standard_normal(37), np.zeros(m)
        with np.errstate(all="ignore"):
            for f, e in zip(wg.jit(functions)(a, x, y), functions(a, x, y), strict=True):
                np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-12)


def product(a: Any, b: Any) -> Any:
    out = np.zeros((len(a), b.shape[1]))
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for k in range(i + 1):
                out[i, j] += a[i, k] * b[k, j]
    return np.sum(out * out)


def in_place(a: Any, b: Any) -> Any:
    """Rows are subtracted from other rows of one array, from top to bottom."""
    a = a.copy()
    for i in range(1, len(a)):
        for k in range(i):
            for j in range(a.shape[1]):
                a[i, j] -= a[k, j] * b[k, k]
    return np.sum(a * a)


def sums_of_rows(a: Any, b: Any) -> Any:
    total, along = np.zeros(b.shape[1]), np.zeros(len(b))
    for t in range(2):
        for k in range(len(b)):
            for j in range(b.shape[1]):
                total[j] += a[t, k] * b[k, j]
                along[k] += b[k, j] * b[k, j]
    return np.sum(total * total) + np.sum(along)


@given(seed=st.integers(0, 1 << 30), m=st.integers(2, 7), n=st.integers(1, 22))
@examples(8)
def test_loops_of_the_program(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, m)) / m, rng.standard_normal((m, n))
    for function, args in ((product, (a, b)), (in_place, (b, a)), (sums_of_rows, (a, b))):
        value, slopes = wg.jit(wg.value_and_grad(function, argnums=(0, 1)))(*args)
        expected, gradients = wg.value_and_grad(function, argnums=(0, 1))(*args)
        np.testing.assert_allclose(value, function(*args), rtol=1e-11)
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        for slope, gradient in zip(slopes, gradients, strict=True):
            np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-9 * np.max(np.abs(gradient)))


def matrix_loop(over: bool, name: str = "mul", load_target: bool = False) -> tuple[Loop, Any, Any]:
    a, x, out = Buffer(20 * 30, F8), Buffer(30, F8), Buffer(30, F8)
    shape = (20, 30)
    target = View(out, 0, (0, 1) if over else (1, 0), shape)
    loop = Loop(shape, [whole(a, shape), View(x, 0, (0, 1), shape), target])
    loop.body = [Load(0), Load(2 if load_target else 1), Op(name, (0, 1), (), (F8, F8), F8)]
    loop.stores = [Store(2, 2, "add")]
    return loop, *canonical(shape, loop.accesses)[:2]


def test_which_loops_take_several_rows() -> None:
    for over in (False, True):
        assert any(emission(*matrix_loop(over))[5])
        assert not emission(*matrix_loop(over, load_target=True))[5]
    loop, _, _ = matrix_loop(True)
    assert jams(loop, [1, 1, 1], [False, True, True])
    assert not jams(loop, [1, 1, 1], [False, False, False])  # another place for each point: nothing adds up
    assert not jams(loop, [1, 0, 1], [False, True, False])
    assert not jams(loop, [1, 1, 0], [False, True, True])  # one number: all rows go into it
    for how in ("add", "max", "min", "mul"):
        loop.stores = [Store(2, 2, how)]
        assert jams(loop, [1, 1, 1], [False, True, True]) == (how != "mul")
        assert jams(loop, [1, 1, 0], [False, True, False]) == (how == "add")
    loop, sizes, strides = matrix_loop(True)
    loop.accesses[0] = View(loop.accesses[2].buffer, 30, (30, 1), (20, 30))  # memory that is written, seen otherwise
    assert not emission(loop, sizes, strides)[5]
