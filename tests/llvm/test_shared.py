"""Loop nests within loops that threads share: the same results, however many threads there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import wengert as wg
from wengert.run.llvm import shared
from wengert.run.llvm.loops import Buffer, Const, Load, Loop, Op, Store, View, whole

from ..test_random_programs import examples
from .comparison import said
from .test_windows import run, stencils


@pytest.fixture(scope="module", autouse=True)
def everything_pays() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(shared, "WORTHWHILE", 0.0)
    yield
    patch.undo()


@pytest.mark.parametrize("shape", [(4, 16), (4, 15), (8, 8), (5, 12)])
def test_few_rows(shape: tuple[int, int]) -> None:
    """Threads take fewer rows each than are computed side by side."""

    def value(a: Any, v: Any, times: Any) -> Any:
        s = np.zeros(shape[0])
        for _ in range(times):
            s = s + np.sum(a * v[None, :], axis=1)
            v = v * 0.9
        return np.sum(s * s)

    rng = np.random.default_rng(1)
    args = rng.standard_normal(shape), rng.standard_normal(shape[1]), 30
    found, slopes = wg.jit(wg.value_and_grad(value, argnums=(0, 1)))(*args)
    expected, wanted = wg.value_and_grad(lambda a, v: value(a, v, 30), argnums=(0, 1))(*args[:2])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    for slope, other in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(slope, other, rtol=1e-9, atol=1e-9)


@given(stencils())
@examples(8)
def test_random_stencils(case: Any) -> None:
    shape, steps, seed = case
    rng = np.random.default_rng(seed)
    args = rng.standard_normal(shape), rng.standard_normal(shape)

    def value(a: Any, b: Any, times: Any) -> Any:
        return run(steps, times, a, b)

    found = wg.jit(wg.value_and_grad(value, argnums=(0, 1)))
    expected, slopes = wg.value_and_grad(lambda a, b: run(steps, 6, a, b), argnums=(0, 1))(*args)
    for _ in range(3):
        got, mine = found(*args, 6)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
        for a, b in zip(mine, slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


PROGRAM = """
import numpy as np, wengert as wg
def burgers(u, nu, steps):
    for _ in range(steps):
        u[1:-1] = u[1:-1] - 0.1 * u[1:-1] * (u[1:-1] - u[:-2]) + nu * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)
u = np.random.default_rng(0).random((150, 100))
value, slopes = wg.jit(wg.value_and_grad(burgers, argnums=(0, 1)))(u, 0.02, 30)
print(float(value).hex(), float(slopes[1]).hex(), float(np.sum(slopes[0])).hex())
"""


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    assert said(PROGRAM, "1") == said(PROGRAM, "2") == said(PROGRAM, "3")


def test_what_tasks_would_write_to_at_once_is_not_shared() -> None:
    double = np.dtype(float)

    def memory(size: int) -> Buffer:
        return Buffer(size, double)

    def nest(target: Any, how: str, place: Any = ()) -> bool:
        source = whole(memory(64), (8, 8))
        body = [Load(0), Const(0, np.dtype(np.int64)), Op("neg", (0,), (), (double,), double)]
        loop = Loop((8, 8), [source, target], body, [Store(1, 2, how, place)])
        return shared.is_shared(loop, (8, 8), [view.strides for view in loop.accesses])

    assert nest(whole(memory(64), (8, 8)), "set")
    assert nest(View(memory(1), 0, (0, 0), (8, 8)), "add")
    assert not nest(View(memory(8), 0, (0, 1), (8, 8)), "add")
    assert not nest(View(memory(16), 0, (1, 1), (8, 8)), "add")
    assert not nest(View(memory(1), 0, (0, 0), (8, 8)), "max")
    assert not nest(View(memory(64), 0, (8, 1), (8, 8)), "set", (1,))
