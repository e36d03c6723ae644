"""Loops put together by rows and shared by threads compute what they compute one by one."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import wengert as wg
from wengert.api.call import Call
from wengert.run.interpreter import Program as Interpreted
from wengert.run.llvm import rows
from wengert.run.llvm.program import NativeProgram
from wengert.run.llvm.threads import POOL
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from ..random_programs import Program, programs
from ..test_random_programs import close, examples, is_single
from .test_compiled import CASES, assert_close, one_equation


@pytest.fixture(scope="module", autouse=True)
def everything_is_large() -> Any:
    """Share loops as if every one were large, so that small programs go through all the code."""
    patch = pytest.MonkeyPatch()
    patch.setattr(rows, "WORTHWHILE", 1e-3)
    patch.setattr(rows, "CACHE", 64)
    yield
    patch.undo()


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layer_norm(x: Any) -> Any:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2, axis=0)


FUNCTIONS = {
    "softmax": softmax,
    "layer norm": layer_norm,
    "rosenbrock": rosenbrock,
    "columns": lambda x: np.sum(np.sin(x), axis=0) * np.max(x, axis=0),
    "turned": lambda x: np.sin(x).T + np.cos(x.T),
    "both sums": lambda x: np.sum(x, axis=-1) + np.sum(x),
    "shifted": lambda x: x[1:] - x[:-1] + np.exp(x[1:]),
    "rows of rows": lambda x: softmax(np.reshape(x, (x.shape[0], 2, -1))) * 2.0,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(37, 10), (64, 1), (1, 6), (2, 600), (300, 2)])
def test_functions_and_gradients(name: str, shape: Any) -> None:
    function = FUNCTIONS[name]
    if name == "rows of rows" and shape[1] % 2:
        shape = (shape[0], 2 * shape[1])
    x = np.random.default_rng(0).standard_normal(shape)
    expected = function(x)
    np.testing.assert_allclose(wg.jit(function)(x), expected, rtol=1e-12, atol=1e-12)
    weights = np.random.default_rng(1).standard_normal(np.shape(expected))

    def loss(x: Any) -> Any:
        return np.sum(weights * function(x))

    recording = Call(loss, (x,), {}, (0,), "trace", promote=False).record()
    values = [x, *recording.constants()]
    graph = gradient(recording.graph(), [True] + [False] * (len(values) - 1))
    for a, b in zip(NativeProgram(graph)(values), Interpreted(graph)(values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_loops_are_really_shared() -> None:
    steps = wg.jit(softmax).lower(np.ones((64, 16))).steps
    assert any("64 rows in blocks of" in step and "tasks" in step for step in steps)


@pytest.mark.parametrize(
    ("record", "sample"), [case for case in CASES if case.values[0].lower is None and not case.values[0].elementwise]
)
def test_what_is_not_elementwise(record: Any, sample: Any) -> None:
    graph = one_equation(record, sample)
    args = [np.asarray(a)[()] if np.ndim(a) == 0 else a for a in sample.args]
    for a, b in zip(NativeProgram(graph)(args), Interpreted(graph)(args), strict=True):
        assert_close(a, b)


@given(programs())
@examples(60)
def test_random_gradients(program: Program) -> None:
    n = len(program.args)
    recording = Call(program.function(), tuple(program.args), {}, tuple(range(n)), "trace", promote=False).record()
    values = [*program.args, *recording.constants()]
    graph = simplify(gradient(recording.graph(), [True] * n + [False] * len(recording.constants())))
    native = NativeProgram(graph)
    first, again = native(values), native(values)
    for a, b, c in zip(Interpreted(graph)(values), first, again, strict=True):
        close(b, a, is_single(program))
        np.testing.assert_array_equal(b, c)


def test_largest_entry_and_nan() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    x[700] = np.nan
    assert np.isnan(wg.jit(np.max)(x))
    assert wg.jit(np.max)(x[:700]) == np.max(x[:700])
    assert wg.jit(np.min)(np.full(50, np.inf)) == np.inf


def test_an_index_outside_is_found_by_every_task() -> None:
    taken = wg.jit(lambda x, i: np.sin(x[i]))
    x = np.arange(100.0)
    i = np.arange(100)
    np.testing.assert_allclose(taken(x, i), np.sin(x))
    for bad in (0, 57, 99):
        wrong = i.copy()
        wrong[bad] = 100
        with pytest.raises(IndexError):
            taken(x, wrong)


@pytest.mark.skipif(POOL.size == 1, reason="one core")
def test_several_python_threads_at_once() -> None:
    function = wg.jit(softmax)
    inputs = [np.random.default_rng(k).standard_normal((200, 50)) for k in range(4)]
    expected = [softmax(x) for x in inputs]
    function(inputs[0])
    wrong = []

    def run(k: int) -> None:
        for _ in range(200):
            if not np.allclose(function(inputs[k]), expected[k], rtol=1e-12):
                wrong.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(POOL.size == 1 or not hasattr(os, "fork"), reason="one core, or no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    function = wg.jit(softmax)
    x = np.random.default_rng(0).standard_normal((200, 50))
    expected = function(x)
    child = os.fork()
    if child == 0:  # nothing of pytest's may run here
        try:
            same = np.array_equal(function(x), expected) and POOL.ready
            os._exit(0 if same else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    deadline = threading.Timer(60, os.kill, (child, 9))
    deadline.start()
    _, status = os.waitpid(child, 0)
    deadline.cancel()
    assert status == 0
