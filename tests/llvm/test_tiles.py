"""Tiles turned in registers: copies and arithmetic between arrays and transposed ones, whatever is left over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.layout import emission
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Store, View, canonical, whole

from ..test_random_programs import examples

F8 = np.dtype(np.float64)


def copied(a: Any, b: Any) -> Any:
    return np.ascontiguousarray(a.T)


def added(a: Any, b: Any) -> Any:
    return a.T + b, a - b.T


def both_ways(a: Any, b: Any) -> Any:
    return a.T * 2 - b, b * 3


def with_rows_and_columns(a: Any, b: Any) -> Any:
    return a.T * b + b[:, :1] - a[:1].T * b[0]


def of_parts(a: Any, b: Any) -> Any:
    c = b.copy()
    c[1:, 1:] += a.T[1:, 1:]
    c[:-1] -= a[:, 1:].T
    return c


def in_a_loop(a: Any, b: Any) -> Any:
    for _ in range(3):
        a = a // 2 + b.T
        b = np.ascontiguousarray(a.T) - b
    return a, b


def three_axes(a: Any, b: Any) -> Any:
    c = a[:, np.newaxis, :] + np.arange(3).reshape(1, 3, 1).astype(a.dtype)
    return (
        np.ascontiguousarray(c.transpose(1, 2, 0)),
        np.ascontiguousarray(c.T),
        c.transpose(2, 1, 0) * b[:, np.newaxis, :],
    )


FUNCTIONS = [copied, added, both_ways, with_rows_and_columns, of_parts, in_a_loop, three_axes]
SIZES = st.one_of(st.integers(2, 13), st.integers(14, 150))


@given(
    seed=st.integers(0, 1 << 30),
    m=SIZES,
    n=SIZES,
    kind=st.sampled_from(["f8", "f4", "i8", "i4"]),
    function=st.sampled_from(FUNCTIONS),
)
@examples(120)
def test_transposed_operands(seed: int, m: int, n: int, kind: str, function: Any) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-9, 9, shape).astype(kind) for shape in ((m, n), (n, m)))
    found, expected = wg.jit(function)(a, b), function(a, b)
    for f, e in zip(_all(found), _all(expected), strict=True):
        np.testing.assert_array_equal(f, e)


def _all(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple) else [values]


@given(seed=st.integers(0, 1 << 30), m=SIZES, n=SIZES)
@examples(40)
def test_gradients(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, n)), rng.standard_normal((n, m))

    def function(a: Any, b: Any) -> Any:
        return np.sum(np.tanh(a.T * b) * np.ascontiguousarray(a.T))

    for f, e in zip(wg.jit(wg.grad(function, (0, 1)))(a, b), wg.grad(function, (0, 1))(a, b), strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-13)


def test_many_threads() -> None:
    a = np.arange(700.0 * 500).reshape(700, 500)
    np.testing.assert_array_equal(wg.jit(lambda a: np.ascontiguousarray(a.T))(a), a.T)


def _copy(shape: tuple[int, ...], given: tuple[int, ...], taken: tuple[int, ...], how: str = "set") -> Loop:
    buffers = [Buffer(10**6, F8), Buffer(10**6, F8)]
    views = [View(buffer, 0, strides, shape) for buffer, strides in zip(buffers, (given, taken), strict=True)]
    return Loop(shape, views, [Load(0)], [Store(1, 0, how)])


def _turned(loop: Loop) -> Any:
    sizes, strides, _ = canonical(loop.shape, loop.accesses)
    return emission(loop, sizes, strides)[-1]


@pytest.mark.parametrize(
    ("shape", "given", "taken"),
    [((20, 30), (30, 1), (1, 20)), ((20, 30), (1, 20), (30, 1)), ((5, 20, 30), (600, 30, 1), (600, 1, 20))],
)
def test_what_is_turned(shape: Any, given: Any, taken: Any) -> None:
    assert sum(_turned(_copy(shape, given, taken))) == 1
    assert sum(_turned(_copy(shape, given, taken, "add"))) == 1


@pytest.mark.parametrize(
    ("shape", "given", "taken"),
    [
        ((20, 30), (30, 1), (30, 1)),  # side by side in both
        ((6, 30), (30, 1), (1, 6)),  # too small
        ((20, 30), (60, 2), (1, 20)),  # not side by side in one of them
        ((20, 30), (30, 1), (1, 5)),  # several points in one place
    ],
)
def test_what_is_not_turned(shape: Any, given: Any, taken: Any) -> None:
    found = _turned(_copy(shape, given, taken, "add"))
    assert not any(found)


def test_memory_that_is_touched_otherwise() -> None:
    buffer = Buffer(900, F8)
    straight, turned = View(buffer, 0, (30, 1), (30, 30)), View(buffer, 0, (1, 30), (30, 30))
    loop = Loop((30, 30), [straight, turned], [Load(0)], [Store(1, 0)])
    assert not _turned(loop)
    other = whole(Buffer(900, F8), (30, 30))
    body = [Load(0), Load(1), Op("add", (0, 1), (), (F8, F8), F8)]
    assert any(_turned(Loop((30, 30), [straight, turned, other], body, [Store(2, 2)])))
