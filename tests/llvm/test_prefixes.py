"""Of vectors that are kept, the entries that are read are written, and not many more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.loops import Choice, Repeat

from ..test_random_programs import examples
from .test_poison import Poisoned

N = 40


def shortened(steps: Any) -> Iterator[int]:
    """Yield how many arrays each loop writes that was shortened: nobody has asked for the places in it."""
    for step in steps:
        if isinstance(step, Choice):
            for branch in step.branches:
                yield from shortened(branch)
        elif isinstance(step, Repeat):
            if step.equation == -1:
                yield len(step.nests[0].loop.stores)
            yield from shortened(step.body)


def grown(x: Any, c: Any) -> Any:
    y, z = np.zeros(len(x)), np.zeros(len(x))
    y[0], alpha = x[0], 1.0
    for k in range(1, len(x)):
        alpha = c[k] * np.cos(alpha)
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
        y[k] = alpha
    return np.sum(y * y)


def grown_slices(x: Any, c: Any) -> Any:
    y = np.zeros(len(x))
    y[0] = x[0]
    for k in range(1, len(x)):
        alpha = c[k] - np.dot(x[:k], y[:k])
        y[:k] += alpha * y[:k][::-1]
        y[k] = alpha
    return np.sum(y * y)


def read_from_behind(x: Any, c: Any) -> Any:
    y = x.copy()
    n = len(x)
    for k in range(1, n):
        alpha = np.sin(c[k])
        for i in range(k):
            alpha += y[i] * y[n - 1 - i]
        for i in range(n):
            y[i] = 0.5 * y[i] + 0.01 * alpha
    return np.sum(y * y)


def read_as_a_whole(x: Any, c: Any) -> Any:
    y = x.copy()
    for k in range(1, len(x)):
        alpha = c[k] * np.sum(np.sin(y))
        for i in range(k):
            alpha += y[i] * y[k - i - 1]
        y[:k] += 0.01 * alpha * y[:k][::-1]
    return np.sum(y * y)


CASES = [(grown, [1]), (grown_slices, [1, 1]), (read_from_behind, []), (read_as_a_whole, [1])]


@pytest.mark.parametrize(("function", "expected"), CASES)
def test_what_is_shortened(function: Any, expected: list[int]) -> None:
    x, c = 0.1 * np.random.default_rng(0).standard_normal((2, N))
    compiled = wg.jit(wg.value_and_grad(function, argnums=(0, 1)))
    assert list(shortened(compiled.lower(x, c)._program.steps)) == expected
    for _ in range(2):
        compare(function, (x, c))
        x, c = c, x


def compare(function: Any, args: Any) -> None:
    """Compare gradients in memory that is poisoned beforehand with those that are interpreted."""
    jitted = wg.jit(wg.value_and_grad(function, argnums=(0, 1)))
    leaves, _ = jitted.recorded(args, {})
    poisoned = Poisoned(jitted.variant(args, {}).lowered)
    value, slopes = wg.value_and_grad(function, argnums=(0, 1))(*args)
    for found, wanted in zip(poisoned(leaves), (value, *slopes), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


PLACES = {
    "range(k)": ["i", "k - i - 1", "k - i", "i + 1", "n - 1 - i"],
    "range(k + 1)": ["i", "k - i", "n - 1 - i"],
    "range(n - k)": ["i", "n - 1 - i", "k + i", "n - k - 1 - i"],
    "range(3, k)": ["i", "i - 3", "k - i", "i + 1"],
}


@st.composite
def recursions(draw: Any) -> str:
    """Draw a loop whose iterations read parts of a vector, and then change it."""

    def reading(written: bool) -> list[str]:
        bounds = draw(st.sampled_from(list(PLACES)))
        one, other = (f"y[{draw(st.sampled_from(PLACES[bounds]))}]" for _ in range(2))
        if not written:
            return [f"    for i in {bounds}:", f"        alpha += {one} * {other}"]
        return [
            f"    for i in {bounds}:",
            f"        z[i] = {one} + alpha * {other}",
            f"    for i in {bounds}:",
            "        y[i] = 0.5 * z[i]",
        ]

    outer = draw(st.sampled_from(["range(1, n)", "range(n - 1, 0, -1)", "range(2, n - 2)"]))
    lines = ["n = len(x)", "y, z = x.copy(), np.zeros(len(x))", f"for k in {outer}:", "    alpha = 0.3 * c[k]"]
    for written in draw(st.sampled_from([[False, True], [True], [True, True], [False, False, True]])):
        lines += reading(written)
    lines += draw(st.sampled_from([[], ["    y[k] = alpha"], ["    y[n - 1 - k] += alpha * y[0]"]]))
    return "\n".join(["def program(x, c):", *["    " + line for line in [*lines, "return np.sum(y * y)"]]]) + "\n"


def check(source: str, tmp_path_factory: Any) -> None:
    """Compare the gradients of a program that is given as text."""
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text("import numpy as np\n" + source)
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    compare(names["program"], 0.2 * np.random.default_rng(1).standard_normal((2, N)))


@given(recursions())
@examples(6)
def test_recursions(tmp_path_factory: Any, source: str) -> None:
    check(source, tmp_path_factory)


@pytest.mark.nightly
@given(recursions())
@examples(300)
def test_many_recursions(tmp_path_factory: Any, source: str) -> None:
    check(source, tmp_path_factory)
