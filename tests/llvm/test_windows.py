"""Windows added to one array in one pass: the same as one window after the other, in place and not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.api.call import Call
from wengert.run.interpreter import Program as Interpreted
from wengert.run.llvm import windows
from wengert.run.llvm.program import NativeProgram
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from ..test_random_programs import examples


@pytest.fixture(scope="module", autouse=True)
def everything_is_large() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(windows, "_LEAST", 1)
    yield
    patch.undo()


@st.composite
def stencils(draw: Any) -> Any:
    """Draw a shape, and steps: what is written where, from which windows of which array, multiplied by what."""
    shape = tuple(draw(st.lists(st.integers(5, 7), min_size=1, max_size=3)))
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        width = tuple(draw(st.integers(n // 2 + 1, n)) for n in shape)
        places = st.tuples(*[st.integers(0, n - w) for n, w in zip(shape, width, strict=True)])
        terms = draw(st.lists(st.tuples(places, st.sampled_from("lqsn"), st.booleans()), min_size=2, max_size=6))
        steps.append((width, terms, draw(places), draw(st.sampled_from(["set", "add", "new"])), draw(st.booleans())))
    return shape, steps, draw(st.integers(0, 99))


FORMS = {"l": lambda x: 0.3 * x, "q": lambda x: 0.2 * x * x, "s": np.sin, "n": lambda x: -x}


def run(steps: Any, times: int, a: Any, b: Any) -> Any:
    """Take steps in which windows of two arrays are added up, and written into them."""
    a, b = a.copy(), b.copy()
    for _ in range(times):
        for width, terms, where, how, into_a in steps:
            total = 0.1
            for start, form, from_a in terms:
                part = (a if from_a else b)[tuple(slice(i, i + w) for i, w in zip(start, width, strict=True))]
                total = total + FORMS[form](part)
            target = a if into_a else b
            place = tuple(slice(i, i + w) for i, w in zip(where, width, strict=True))
            if how == "set":
                target[place] = 0.2 * total
            elif how == "add":
                target[place] += 0.1 * total
            elif into_a:
                a = a + 0.1 * np.sum(total)
            else:
                b = b * np.cos(0.1 * np.sum(total))
    return np.sum(a * b)


@given(stencils())
@examples(8)
def test_straight(case: Any) -> None:
    shape, steps, seed = case
    rng = np.random.default_rng(seed)
    args = rng.standard_normal(shape), rng.standard_normal(shape)
    recording = Call(lambda a, b: run(steps, 1, a, b), args, {}, (0, 1), "trace", promote=False).record()
    graph = simplify(gradient(recording.graph(), [True, True] + [False] * len(recording.constants())))
    values = [*args, *recording.constants()]
    for a, b in zip(NativeProgram(graph)(values), Interpreted(graph)(values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@given(stencils())
@examples(8)
def test_in_loops(case: Any) -> None:
    shape, steps, seed = case
    rng = np.random.default_rng(seed)
    args = rng.standard_normal(shape), rng.standard_normal(shape)
    times = 6

    def value(a: Any, b: Any, times: Any) -> Any:
        return run(steps, times, a, b)

    found = wg.jit(wg.grad(value, argnums=(0, 1)))
    expected = wg.grad(lambda a, b: run(steps, times, a, b), argnums=(0, 1))(*args)
    for _ in range(2):
        for a, b in zip(found(*args, times), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def by_rows(a: Any, b: Any, steps: Any) -> Any:
    """Read windows of rows and columns at computed places, those of one place and of several, while others change."""
    a, b = a.copy(), b.copy()
    for _ in range(steps):
        for j in range(1, a.shape[0]):
            b[j, 1:-1] = 0.3 * a[j, :-2] + np.sin(a[j, 1:-1]) * b[j, 1:-1] - a[j, 2:] * a[j - 1, 2:] * b[j - 1, :-2]
            a[j, 2:] += 0.1 * b[j, 2:] * (b[j, :-2] - b[j, 1:-1])
            a[j - 1] = a[j - 1] * b[j]
        for i in range(a.shape[1]):
            b[1:, i] = b[1:, i] - 0.2 * (a[1:, i] - a[:-1, i] * b[:-1, i])
    return np.sum(a * b)


@pytest.mark.parametrize("shape", [(4, 6), (7, 5)])
def test_rows_at_computed_places(shape: Any) -> None:
    rng = np.random.default_rng(0)
    args = rng.standard_normal(shape), rng.standard_normal(shape)
    found = wg.jit(wg.grad(by_rows, argnums=(0, 1)))
    expected = wg.grad(lambda a, b: by_rows(a, b, 6), argnums=(0, 1))(*args)
    for _ in range(2):
        for a, b in zip(found(*args, 6), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_one_pass_adds_all_windows() -> None:
    def heat(u: Any, steps: Any) -> Any:
        for _ in range(steps):
            u[1:-1, 1:-1] += 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])
        return np.sum(u**2)

    u = np.random.default_rng(0).standard_normal((9, 8))
    (back,) = [step for step in wg.jit(wg.grad(heat)).lower(u, 10).steps if "backwards" in step]
    assert back.count("loop") == 2, back


def test_one_cotangent_for_two_fields_and_both_signs_is_written_once() -> None:
    def waves(a: Any, b: Any, c: Any, steps: Any) -> Any:
        a, b, c = a.copy(), b.copy(), c.copy()
        for _ in range(steps):
            c[:-1, :-1] -= 0.7 * (a[:-1, 1:] - a[:-1, :-1] + b[1:, :-1] - b[:-1, :-1])
            a *= np.cos(c)
            b *= np.sin(c)
        return np.sum(c * c) + np.sum(a) + np.sum(b)

    args = tuple(np.random.default_rng(0).standard_normal((3, 6, 7)) * 0.5)
    found = wg.jit(wg.grad(waves, argnums=(0, 1, 2)))
    expected = wg.grad(lambda a, b, c: waves(a, b, c, 6), argnums=(0, 1, 2))(*args)
    for a, b in zip(found(*args, 6), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    lowered = found.lower(*args, 6).steps
    assert sum(step.startswith(f"fill arena of {7 * 8} ") for step in lowered) == 1, lowered


def test_infinities_at_the_border_stay_there() -> None:
    def far(u: Any) -> Any:
        return np.sum((u[2:, 1:-1] - 2.0 * u[1:-1, 1:-1] + u[:-2, 1:-1]) * u[1:-1, 2:])

    u = np.random.default_rng(0).standard_normal((7, 6))
    u[3, 3] = np.inf
    expected = wg.grad(far)(u)
    np.testing.assert_array_equal(np.isfinite(wg.jit(wg.grad(far))(u)), np.isfinite(expected))
