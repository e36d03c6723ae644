"""Zeros that are added to by the next nest are not written, and only where both reach the same entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.core.bounds import Affine, Counter
from wengert.run.llvm.clearing import _Part, _span
from wengert.run.llvm.loops import Buffer, Extent, Loop, Nest, Repeat, View
from wengert.run.llvm.rim import is_zero

from ..test_random_programs import examples
from .test_prefixes import N, check, compare


def cleared(steps: Any) -> Iterator[int]:
    """Yield for each nest how many arrays it sets to zero."""
    for step in steps:
        if isinstance(step, Repeat):
            for nest in step.nests:
                yield sum(s.how == "set" and is_zero(nest.loop.body[s.item]) for s in nest.loop.stores)
            yield from [] if step.nests else cleared(step.body)


def moved(x: Any, c: Any) -> Any:
    y, z, alpha = x.copy(), np.zeros(len(x)), 1.0
    for k in range(1, len(x)):
        alpha = c[k] * np.cos(alpha)
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
    return np.sum(y * y)


def moved_in_part(x: Any, c: Any) -> Any:
    y, z, alpha = x.copy(), np.zeros(len(x)), 1.0
    for k in range(1, len(x)):
        alpha = c[k] * np.cos(alpha)
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k - 1):
            y[i] = z[i]
    return np.sum(y * y) + np.sum(z)


def moved_shorter(x: Any, c: Any) -> Any:
    y, z, alpha = x.copy(), np.zeros(len(x)), 1.0
    for k in range(1, len(x)):
        alpha = c[k] * np.cos(alpha)
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k - 1):
            y[i] = z[i]
    return np.sum(y * y)


def moved_and_read(x: Any, c: Any) -> Any:
    y, z, alpha = x.copy(), np.zeros(len(x)), 1.0
    for k in range(1, len(x)):
        alpha = c[k] * np.cos(alpha) + z[k - 1]
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
    return np.sum(y * y)


CASES = [(moved, 0), (moved_in_part, 2), (moved_shorter, 2), (moved_and_read, 1)]


@pytest.mark.parametrize(("function", "expected"), CASES)
def test_what_is_cleared(function: Any, expected: int) -> None:
    x, c = 0.3 * np.random.default_rng(0).standard_normal((2, N))
    compiled = wg.jit(wg.value_and_grad(function, argnums=(0, 1)))
    assert sum(cleared(compiled.lower(x, c)._program.steps)) == expected
    compare(function, (x, c))


def test_results_are_cleared() -> None:
    def function(x: Any) -> Any:
        y, z = x.copy(), np.zeros(len(x))
        for _ in range(40):
            for i in range(len(x)):
                z[i] += 0.5 * y[i]
            for i in range(len(x)):
                y[i] = z[i] + 1.0
                z[i] = 0.0
        return y, z

    x = np.random.default_rng(0).standard_normal(N)
    compiled = wg.jit(function)
    for _ in range(2):
        y, z = compiled(x)
        np.testing.assert_allclose(y, function(x)[0], rtol=1e-12)
        np.testing.assert_array_equal(z, np.zeros(N))


def test_what_loops_of_unknown_length_reach() -> None:
    """How far a loop counts down is not known if only the most that it counts is."""
    outer, own, number = Counter(0, Affine(9)), Counter(1, Affine(9)), Buffer(1, np.dtype(np.int64))
    short = Counter(1, Affine(-1, ((outer, 1),)))

    def span(counter: Counter, step: int, start: Affine, count: bool) -> Any:
        view = View(Buffer(10, np.dtype(np.float64)), 0, (step,), (10,), ((10, 1),))
        extent = Extent(View(number, 0, (), ()) if count else None, 10)
        forms = [(start.plus(Affine(0, ((counter, step),))),)]
        nest = Nest(Loop((10,), [view], [], []), [extent], [counter], forms)
        step_of = Repeat(number, None, 10, False, [], None, [], number, [], [], 0, -1, nests=[nest])
        return _span(_Part(step_of, 0), 0)

    assert span(own, 1, Affine(0), False) == span(own, -1, Affine(9), False) is not None
    assert span(short, 1, Affine(0), True) == span(short, -1, Affine(-1, ((outer, 1),)), True) is not None
    assert span(own, 1, Affine(0), True) is not None
    assert span(own, -1, Affine(9), True) is None


@st.composite
def moves(draw: Any) -> str:
    """Draw a loop that moves parts of arrays to and fro, more or less as long as each other."""
    bounds = ["range(k)", "range(k)", "range(k)", "range(1, k)", "range(k + 1)", "range(k - 1, -1, -1)"]

    def place(at: str) -> str:
        return draw(st.sampled_from(["i", "i", "k - i"] if at == "range(k + 1)" else ["i", "i", "k - i - 1", "k - i"]))

    lines = ["n = len(x)", "y, z, alpha = x.copy(), np.zeros(len(x)), 1.0"]
    lines += [f"for k in {draw(st.sampled_from(['range(1, n)', 'range(n - 1, 0, -1)']))}:"]
    lines += ["    alpha = c[k] * np.cos(alpha)" + draw(st.sampled_from(["", "", " + z[k - 1]", " + y[k]"]))]
    for to, of in draw(st.sampled_from([["zy", "yz"], ["zy", "yz"], ["zy", "yz", "zy"], ["zy", "zy", "yz"]])):
        at = draw(st.sampled_from(bounds))
        more = draw(st.sampled_from(["", "", f" + alpha * {of}[{place(at)}]"]))
        lines += [f"    for i in {at}:", f"        {to}[i] = {of}[{place(at)}]{more}"]
    lines += draw(st.sampled_from([[], ["    y[k] = alpha"], ["    z[k] += y[0]"]]))
    last = draw(st.sampled_from(["", " + np.sum(z)", " + z[3]"]))
    return (
        "\n".join(["def program(x, c):", *["    " + line for line in [*lines, f"return np.sum(y * y){last}"]]]) + "\n"
    )


@given(moves())
@examples(6)
def test_moves(tmp_path_factory: Any, source: str) -> None:
    check(source, tmp_path_factory)


@pytest.mark.nightly
@given(moves())
@examples(300)
def test_many_moves(tmp_path_factory: Any, source: str) -> None:
    check(source, tmp_path_factory)
