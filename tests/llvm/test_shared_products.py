"""Large products are cut into tasks for the pool of threads; see ``run/llvm/blas.py``."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm import blas, program, region
from wengert.run.llvm.loops import Buffer, Product, whole
from wengert.run.llvm.pointers import blas_threads
from wengert.run.llvm.threads import POOL

SHAPES = [
    ((300, 90), (90, 110)),  # by rows
    ((70, 150), (150, 260)),  # by columns
    ((1000, 5), (5, 1001)),  # few terms
    ((33, 800), (800, 17)),  # hardly more rows than one task has
    ((16, 3000), (3000, 15)),  # too few rows and columns for two tasks, but long
    ((16, 2048), (2048, 16)),  # the same, and in single precision BLAS is not needed
    ((12, 2048), (2048, 16)),
    ((9, 20003), (20003, 8)),  # so long that its sums are cut
    ((31, 5000), (5000, 30)),
    ((7, 80, 90), (7, 90, 60)),  # by the batch
    ((2, 300, 90), (2, 90, 50)),
]
needs_threads = pytest.mark.skipif(POOL.size == 1 or blas_threads() == (0, 0), reason="there is nobody to share with")


def told() -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(blas_threads()[0])())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_are_right_however_they_are_cut(left, right, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=left).astype(dtype), rng.normal(size=right).astype(dtype)
    expected = x @ y
    close = {"rtol": 1e-3, "atol": 1e-3} if dtype == "f4" else {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(wg.jit(lambda x, y: x @ y)(x, y), expected, **close)

    def turned(x, y):
        return np.swapaxes(np.swapaxes(y, -1, -2) @ np.swapaxes(x, -1, -2), -1, -2)

    np.testing.assert_allclose(wg.jit(turned)(x, y), expected, **close)
    p = np.ones_like(expected)
    np.testing.assert_allclose(wg.jit(lambda p, x, y: p - 0.5 * (x @ y))(p, x, y), p - 0.5 * expected, **close)
    slope = wg.jit(wg.grad(lambda x, y: np.sum((x @ y) ** 2)))(x, y)
    wide = 2 * expected.astype("f8") @ np.swapaxes(y, -1, -2).astype("f8")
    np.testing.assert_allclose(slope, wide, rtol=close["rtol"], atol=close["atol"] * np.max(np.abs(wide)))


@needs_threads
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_tasks_cover_the_result_once(left, right):
    b, m, k, n = [1, *left][-3], left[-2], left[-1], right[-1]
    views = [whole(Buffer(int(np.prod(s)), np.dtype("f8")), s) for s in ((b, m, k), (b, k, n), (b, m, n))]
    for threads in (2, 3, 8, 64):
        found = blas.cut(Product(*views), threads)
        assert found.count == {"batch": b, "rows": m, "columns": n}[found.axis]
        assert (found.tasks - 1) * found.part < found.count <= found.tasks * found.part
        assert 1 <= found.tasks <= threads


def test_few_entries_of_many_terms_are_sums_of_products():
    x, y = np.ones((9, 20003)), np.ones((20003, 8))
    steps = wg.jit(lambda x, y: 2 * (x @ y)).lower(x, y).steps
    assert [step.split(" x ")[0] for step in steps if step.startswith("product")] == ["product 4", "product 1"]


@pytest.fixture
def notes(monkeypatch):
    """Note what BLAS is told, which says that it had seven threads."""
    found = []
    tell = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7)
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(found.append)
    both = [ctypes.cast(function, ctypes.c_void_p).value for function in (tell, put)]
    for module in (program, region):
        monkeypatch.setattr(module, "blas_threads", lambda: both)
    POOL.start()
    yield found
    del tell, put


@needs_threads
@pytest.mark.parametrize(("left", "right"), [((64, 1024), (1024, 10)), *SHAPES[:2], *SHAPES[3:]])
def test_blas_is_told_to_take_one_thread(notes, left, right):
    """A thread of BLAS that has had work looks for more for a while, and takes a core from ours."""
    x, y = np.ones(left), np.ones(right)
    product = wg.jit(lambda x, y: x @ y)
    for _ in range(2):
        np.testing.assert_array_equal(product(x, y), x @ y)
    assert notes == [1, 7, 1, 7]


def recurrent(w, x):
    h = x
    for _ in range(5):
        h = np.tanh(h @ w)
    return np.sum(h * h)


@pytest.mark.parametrize(("rows", "width"), [(40, 90), (300, 40), (15, 200)])
def test_products_in_loops_are_shared(rows, width):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(width, width)) / width**0.5, rng.normal(size=(rows, width))
    both = wg.jit(wg.value_and_grad(recurrent, argnums=(0, 1)))
    assert both.lower(w, x).captured
    value, slopes = both(w, x)
    expected, right = wg.value_and_grad(recurrent, argnums=(0, 1))(w, x)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, slope in zip(slopes, right, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-11)


@needs_threads
def test_blas_is_told_in_loops_too(notes):
    x = np.random.default_rng(0).normal(size=(80, 80)) / 9
    assert np.isfinite(wg.jit(recurrent)(x, x))
    assert notes == [1, 7] * 5


@needs_threads
def test_blas_has_its_threads_back_afterwards():
    x = np.random.default_rng(0).normal(size=(400, 400))
    before = told()
    product = wg.jit(lambda x: x @ x)
    assert "tasks" in product.lower(x).steps[-1]
    failed = []

    def run() -> None:
        for _ in range(20):
            if not np.allclose(product(x), x @ x):
                failed.append(1)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert told() == before
