"""Compiled code in odd moments: freed functions, forks, the end of the interpreter, too little memory, wrong input."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import wengert as wg

X = np.linspace(0.1, 1.0, 7)


def run(source: str) -> subprocess.CompletedProcess[str]:
    """Run Python source in a process of its own."""
    code = "import numpy as np, wengert as wg\n" + textwrap.dedent(source)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_freed_functions_leave_the_others_alone() -> None:
    kept = wg.jit(lambda x: np.sum(np.sin(x) * x))
    expected = float(kept(X))
    for k in range(20):
        passing = wg.jit(lambda x, k=k: np.sum(np.cos(x * k)))
        assert np.isfinite(passing(X))
        del passing
    gc.collect()
    assert float(kept(X)) == expected


def test_a_program_outlives_the_cache_of_kernels() -> None:
    from wengert.run.llvm.kernels import KERNELS

    f = wg.jit(lambda x: np.exp(x) * 2 - x)
    expected = f(X)
    KERNELS.clear()
    gc.collect()
    np.testing.assert_array_equal(f(X), expected)


def test_other_dtypes_and_shapes_get_programs_of_their_own() -> None:
    f = wg.jit(lambda x: np.sum(x * x, axis=0))
    for x in (X, X.astype(np.float32), np.arange(6).reshape(3, 2), X[::2], X[::-1], np.empty((0, 4)), X + 1j):
        np.testing.assert_allclose(f(x), np.sum(x * x, axis=0), rtol=1e-6)
        assert f(x).dtype == np.sum(x * x, axis=0).dtype


def test_indices_outside_are_errors_also_in_loops() -> None:
    def take(x: Any, i: Any) -> Any:
        return wg.fori_loop(0, 3, lambda k, s: s + x[i + k], 0.0)

    f = wg.jit(take)
    assert float(f(X, 1)) == pytest.approx(float(X[1] + X[2] + X[3]))
    assert float(f(X, -3)) == pytest.approx(float(X[-3] + X[-2] + X[-1]))
    for i in (5, -8, 2**40):
        with pytest.raises(IndexError, match="outside"):
            f(X, i)
    assert float(f(X, 0)) == pytest.approx(float(X[0] + X[1] + X[2]))  # nothing was spoilt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_computes() -> None:
    done = run(
        """
        import os, warnings
        warnings.simplefilter("ignore")
        f = wg.jit(wg.grad(lambda x: np.sum(np.sin(x) ** 2)))
        x = np.linspace(0, 1, 300_000)
        expected = f(x)
        child = os.fork()
        if child == 0:
            again = f(x)
            other = wg.jit(lambda x: np.cumsum(x) * 2)(x)
            os._exit(0 if np.array_equal(again, expected) and np.isfinite(other).all() else 3)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
        assert np.array_equal(f(x), expected)
        print("both are well")
        """
    )
    assert done.stdout.strip() == "both are well", done.stderr


def test_the_interpreter_ends_while_threads_compute() -> None:
    done = run(
        """
        import threading
        f = wg.jit(wg.grad(lambda x: np.sum(np.tanh(x) ** 2)))
        x = np.linspace(0, 1, 200_000)
        f(x)
        def work():
            while True:
                f(x)
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        keep = wg.jit(lambda x: x + 1)
        print("end", float(np.sum(keep(x))) > 0)
        """
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout.strip() == "end True"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of address space are Linux's")
def test_too_little_memory_is_a_memory_error_and_nothing_is_lost() -> None:
    done = run(
        """
        import resource
        f = wg.jit(wg.grad(lambda x: np.sum(np.sin(np.outer(x, x)) @ np.cos(np.outer(x, x)))))
        small = f(np.ones(10))
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        try:
            f(np.ones(40_000))
        except MemoryError:
            print("memory error")
        assert np.array_equal(f(np.ones(10)), small)
        print("and on")
        """
    )
    assert done.stdout.split("\n")[:2] == ["memory error", "and on"], (done.returncode, done.stdout, done.stderr)
