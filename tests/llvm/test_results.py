"""Large results lie in memory that is used again, but never while somebody can see it."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm import program, results


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LARGE", 1000)
    results._blocks.clear()


def test_results_are_kept_apart_while_they_live() -> None:
    double = wg.jit(lambda x: x * 2.0)
    x = np.arange(1000.0)
    first = double(x)
    view = first[::2]
    address = first.ctypes.data
    assert type(first) is np.ndarray
    assert address % 64 == 0
    second = double(x + 1.0)
    assert not np.shares_memory(first, second)
    del first
    gc.collect()
    assert not np.shares_memory(double(x), view)
    np.testing.assert_array_equal(view, 2.0 * x[::2])
    del view
    gc.collect()
    third = double(x)
    assert third.ctypes.data == address or double(x).ctypes.data == address
    np.testing.assert_array_equal(second, 2.0 * (x + 1.0))


def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "KEPT", 500_000)
    monkeypatch.setattr(results, "SIZES", 3)

    def kept() -> int:
        return sum(block.nbytes for alike in results._blocks.values() for block in alike)

    first = [results.fresh((10_000,), np.dtype(np.float64)) for _ in range(20)]
    assert 80_000 < kept() <= 500_000 + results.ALIKE * 4096
    second = results.fresh((20_000,), np.dtype(np.float64))
    assert second.base is None, "there is no room while the others are in use"
    del first
    third = results.fresh((20_000,), np.dtype(np.float64))
    assert type(third.base) is results.Block
    for n in range(100, 120):
        results.fresh((n,), np.dtype(np.float64))
    assert len(results._blocks) <= 3
    assert results.fresh((20_000,), np.dtype(np.float64)).ctypes.data != third.ctypes.data


def test_results_begin_at_different_places_of_a_page() -> None:
    made = [results.fresh((1000,), np.dtype(np.float64)) for _ in range(results.ALIKE)]
    places = {x.ctypes.data % 4096 for x in made}
    assert len(places) == results.ALIKE
    assert all(place % 64 == 0 for place in places)


def test_a_donated_result_is_updated_in_place() -> None:
    step = wg.jit(lambda x: x + 1.0, donate_argnums=0)
    x = step(np.zeros(1000).reshape(10, 100)[:, ::-1])
    address = x.ctypes.data
    for _ in range(3):
        x = step(x)
    assert x.ctypes.data == address
    np.testing.assert_array_equal(x, np.full((10, 100), 4.0))


TRACED = """
import sys
sys.settrace(lambda frame, event, argument: (frame.f_locals, None)[1])
from wengert.run.llvm import results
sys.settrace(None)
import numpy as np
made = [results.fresh((100,), np.dtype(np.float64)) for _ in range(3)]
assert not any(np.shares_memory(a, b) for k, a in enumerate(made) for b in made[:k])
"""


def test_a_debugger_during_the_import_does_not_matter() -> None:
    """It holds what it looks at: variables count once more than they do later."""
    subprocess.run([sys.executable, "-c", TRACED], check=True)


def test_several_threads() -> None:
    scale = wg.jit(lambda x, k: x * k)
    x = np.arange(2000.0)
    scale(x, 1.0)
    wrong = []

    def run(k: float) -> None:
        for _ in range(300):
            if not np.array_equal(scale(x, k), x * k):
                wrong.append(k)

    threads = [threading.Thread(target=run, args=(float(k),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
