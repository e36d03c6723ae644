"""Cotangents of slices, added up in one pass: the same sums as part by part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import wengert as wg
from wengert.api.call import Call
from wengert.run.interpreter import Program as Interpreted
from wengert.run.llvm import padding
from wengert.run.llvm.program import NativeProgram
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from ..random_programs import Program, programs
from ..test_random_programs import close, examples, is_single


@pytest.fixture(scope="module", autouse=True)
def everything_is_large() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(padding, "_LARGE", 1)
    yield
    patch.undo()


FUNCTIONS = {
    "differences": lambda x: x[1:] - x[:-1],
    "products": lambda x: x[1:] * x[:-1] ** 2,
    "second differences": lambda x: x[2:] - 2.0 * x[1:-1] + x[:-2],
    "far apart": lambda x: np.sum(x[:2]) * np.sum(x[-2:] ** 2),
    "overlap in the middle": lambda x: np.sum(x[:4] ** 2) + np.sum(x[2:] ** 3),
    "costly": lambda x: np.exp(np.sin(x[1:])) * np.tanh(x[:-1]) ** x[1:],
    "sums": lambda x: np.sum(x[1:] * x[:-1]) * x[1:] + x[:-1],
    "used twice": lambda x: (x[1:] - x[:-1])[1:] * (x[1:] - x[:-1])[:-1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(5,), (4,), (40,), (6, 3), (7, 1)])
def test_gradients_of_slices(name: str, shape: Any) -> None:
    function = FUNCTIONS[name]
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape)

    def loss(x: Any) -> Any:
        y = function(x)
        return np.sum(y * y)

    recording = Call(loss, (x,), {}, (0,), "trace", promote=False).record()
    values = [x, *recording.constants()]
    graph = simplify(gradient(recording.graph(), [True] + [False] * (len(values) - 1)))
    for a, b in zip(NativeProgram(graph)(values), Interpreted(graph)(values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_columns() -> None:
    def loss(x: Any) -> Any:
        return np.sum((x[:, 1:] - x[:, :-1]) ** 2)

    x = np.random.default_rng(0).standard_normal((5, 6))
    found = wg.jit(wg.grad(loss))(x)
    np.testing.assert_allclose(found, wg.grad(loss)(x), rtol=1e-12)
    lowered = wg.jit(wg.grad(loss)).lower(x)
    assert not any("add into" in step for step in lowered.steps), lowered.steps


@given(programs())
@examples(40)
def test_random_gradients(program: Program) -> None:
    n = len(program.args)
    recording = Call(program.function(), tuple(program.args), {}, tuple(range(n)), "trace", promote=False).record()
    values = [*program.args, *recording.constants()]
    graph = simplify(gradient(recording.graph(), [True] * n + [False] * len(recording.constants())))
    for a, b in zip(NativeProgram(graph)(values), Interpreted(graph)(values), strict=True):
        close(a, b, is_single(program))
