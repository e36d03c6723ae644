"""Interpreted equations called from native code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.callback import FAILED, callback, describe_callback, raise_failure
from wengert.run.llvm.loops import Buffer, Python, View, whole

FLOAT = np.dtype(float)


class Setting:
    """One callback with memory: base 0 holds the operands, base 1 the results, base 2 the status word."""

    def __init__(self, run: Callable[..., Any], source: np.ndarray, views: list[Any], shapes: list[Any]) -> None:
        buffer = Buffer(source.size, source.dtype)
        inputs = [View(buffer, *view) for view in views]
        outputs = [Buffer(int(np.prod(shape)), FLOAT) for shape in shapes]
        self.step = Python(run, inputs, outputs, shapes, len(shapes) > 1, 0)
        sizes = np.cumsum([0, *(b.size for b in outputs)])
        self.memory = np.zeros(int(sizes[-1]) + 1)
        self.results = [self.memory[a : a + b.size].reshape(s) for a, b, s in zip(sizes, outputs, shapes, strict=False)]
        self.status = np.zeros(1, np.int64)
        starts = {id(b): int(8 * a) for a, b in zip(sizes, outputs, strict=False)}
        self.source = source
        self.bases = np.array([source.ctypes.data, self.memory.ctypes.data, self.status.ctypes.data])
        self.numbers = np.array(
            describe_callback(self.step, lambda b: (0, 0) if b is buffer else (1, starts[id(b)]), (2, 0))
        )
        self.address, self.keep = callback(self.step)

    def __call__(self) -> None:
        self.keep(self.bases.ctypes.data, self.numbers.ctypes.data)


def test_operands_may_have_any_strides() -> None:
    source = np.arange(24.0)
    views = [(23, (-6, -1), (4, 6)), (2, (0, 3), (4, 6))]  # reversed twice; a broadcast row with a step
    setting = Setting(np.subtract, source, views, [(4, 6)])
    setting()
    expected = source.reshape(4, 6)[::-1, ::-1] - source[2:20:3]
    np.testing.assert_array_equal(setting.results[0], expected)
    assert setting.status[0] == 0


def test_several_results_scalars_and_empty_arrays() -> None:
    source = np.arange(3.0)
    run = lambda x: (x.sum(), x[:0], x + 1)
    setting = Setting(run, source, [(0, (1,), (3,))], [(), (0,), (3,)])
    setting()
    assert setting.results[0] == 3
    np.testing.assert_array_equal(setting.results[2], [1, 2, 3])


def test_an_exception_is_kept_and_later_callbacks_do_nothing() -> None:
    def fail(x: Any) -> Any:
        raise np.linalg.LinAlgError("singular")

    setting = Setting(fail, np.ones(2), [(0, (1,), (2,))], [(2,)])
    setting()
    assert setting.status[0] == FAILED
    other = Setting(np.negative, np.ones(2), [(0, (1,), (2,))], [(2,)])
    other.bases[2] = setting.status.ctypes.data
    other()
    np.testing.assert_array_equal(other.results[0], [0, 0])
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        raise_failure(setting.status.ctypes.data)


def test_threads_keep_their_own_exceptions() -> None:
    found: dict[int, BaseException] = {}

    def work(k: int) -> None:
        def fail(x: Any) -> Any:
            raise ValueError(str(k))

        setting = Setting(fail, np.ones(2), [(0, (1,), (2,))], [(2,)])
        for _ in range(50):
            setting.status[0] = 0
            setting()
            try:
                raise_failure(setting.status.ctypes.data)
            except ValueError as error:
                found[k] = error

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {k: str(error) for k, error in found.items()} == {k: str(k) for k in range(4)}


def test_whole_views_are_the_common_case() -> None:
    view = whole(Buffer(6, FLOAT), (2, 3))
    setting = Setting(np.exp, np.arange(6.0), [(view.offset, view.strides, view.shape)], [(2, 3)])
    setting()
    np.testing.assert_array_equal(setting.results[0], np.exp(np.arange(6.0)).reshape(2, 3))


def test_an_interpreted_equation_is_all_that_a_loop_has() -> None:
    # Nothing else of the program needs a status word.
    def f(x: Any) -> Any:
        def step(k: Any, u: Any) -> Any:
            w = np.linalg.svd(np.reshape(u, (2, 2)) + k, compute_uv=False)
            return u + 0.01 * np.concatenate([w, w])

        return np.sum(wg.fori_loop(0, 5, step, x))

    x = np.array([1.0, 2.0, 3.0, 5.0])
    assert wg.jit(f)(x) == pytest.approx(f(x))
