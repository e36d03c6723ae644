"""What is added once to zeros is written, and only where that is certain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.run.llvm import once
from wengert.run.llvm.loops import Fill

from .nested_programs import nested_sources


def filled(function: Any, *args: Any) -> int:
    """Count the entries of results that are filled in front of loops."""
    steps = wg.jit(function).lower(*args)._program.steps
    return sum(step.length for step in steps if isinstance(step, Fill) and step.buffer.kind == "output")


def inner(x: Any, y: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(2, len(x) - 1):
        z[i] = np.sin(z[i - 1]) + x[i] * y[i]
    return np.sum(z)


def backwards(x: Any, y: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(len(x) - 2, 0, -1):
        z[i] = np.sin(z[i + 1]) + x[len(x) - 1 - i] * y[i]
    return np.sum(z)


def twice(x: Any, y: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(2, len(x) - 1):
        z[i] = np.sin(z[i - 1]) + x[i] * x[i - 1] * y[i]
    return np.sum(z)


def triangle(m: Any, x: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(len(x)):
        total = x[i]
        for j in range(i):
            total -= m[i, j] * z[j]
        z[i] = total / m[i, i]
    return np.sum(z * z)


def both_sides(m: Any, x: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(len(x)):
        total = x[i]
        for j in range(i):
            total -= m[i, j] * z[j] + m[j, i]
        z[i] = total / m[i, i]
    return np.sum(z * z)


def crossing(m: Any, x: Any) -> Any:
    """A column and a row, which meet where one counter is not the other one."""
    total = x[0]
    for i in range(6):
        down, along = m[i, 3:4], m[5:6, i]
        total = total + np.sum(down * down) + np.sum(along * along * along)
    return total


def mirrored(m: Any, x: Any) -> Any:
    """Entries beside the diagonal are read a second time, in another row of the triangle."""
    total = 0.0
    n = len(x)
    for i in range(n):
        for j in range(i):
            total += m[i, j] * x[j] + np.sin(m[j, n - 1 - i]) * x[i]
    return total


def upper(m: Any, x: Any) -> Any:
    """Rows from below, what is right of the diagonal."""
    z = np.zeros(len(x))
    for i in range(len(x) - 1, -1, -1):
        total = x[i]
        for j in range(i + 1, len(x)):
            total -= m[i, j] * z[j]
        z[i] = total / m[i, i]
    return np.sum(z * z)


def turned(m: Any, x: Any) -> Any:
    """Rows in the other order, without the first three and the last two."""
    z = np.zeros(len(x))
    for i in range(2, len(x) - 3):
        total = x[i]
        for j in range(i):
            total -= m[len(x) - 1 - i, j] * z[j]
        z[i] = total
    return np.sum(z * z)


def pairs(m: Any, x: Any) -> Any:
    """Each iteration reads in two rows."""
    z = np.zeros(len(x))
    for i in range(1, len(x)):
        total = x[i]
        for j in range(i):
            total -= m[i, j] * z[j] + m[i - 1, j + 1]
        z[i] = total
    return np.sum(z * z)


def ends(m: Any, x: Any) -> Any:
    """Each iteration reads an entry in one row and another one in another row, and those never meet."""
    z = x[0]
    for i in range(len(x)):
        z = np.sin(z) * m[i, 0] + m[len(x) - 1 - i, 1] * x[i]
    return z


def columns(m: Any, x: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(len(x)):
        total = x[i]
        for j in range(i):
            total -= m[j, i] * z[j]
        z[i] = total
    return np.sum(z * z)


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let matrices of these tests be filled as large ones are."""
    monkeypatch.setattr(once, "LARGE", 0)


VECTOR = np.linspace(-1.0, 2.0, 23)
MATRIX = np.cos(np.add.outer(np.arange(23.0), np.arange(23.0) ** 2)) + 5.0 * np.eye(23)


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (inner, (VECTOR, VECTOR + 0.1), 2 * 3),
        (backwards, (VECTOR, VECTOR + 0.1), 2 * 2),
        (twice, (VECTOR, VECTOR + 0.1), 23 + 3),
        (triangle, (MATRIX, VECTOR), 23),
        (turned, (MATRIX / 9, VECTOR), 5 * 23 + 5),
        (pairs, (MATRIX / 9, VECTOR), 23 * 23 + 1),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_how_much_is_filled(function: Any, args: Any, expected: int) -> None:
    gradient = wg.grad(function, argnums=(0, 1))
    assert filled(gradient, *args) == expected
    for found, wanted in zip(wg.jit(gradient)(*args), gradient(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("function", [triangle, both_sides, crossing, mirrored, columns, upper, ends])
def test_matrices(function: Any) -> None:
    gradient = wg.grad(function, argnums=(0, 1))
    for found, wanted in zip(wg.jit(gradient)(MATRIX, VECTOR), gradient(MATRIX, VECTOR), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(nested_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_loops(source: str) -> None:
    """Results of the same call are the same wherever results lie, and whatever was there before."""
    f = compiled(source)
    rng = np.random.default_rng(3)
    args = rng.standard_normal(11), rng.standard_normal(11), rng.standard_normal((11, 11)) / 3
    gradient = wg.jit(wg.grad(f, argnums=(0, 1, 2)), static_argnums=3)
    first = [x.copy() for x in gradient(*args, 11)]
    for x in [np.full(11, np.nan) for _ in range(8)] + [np.full((11, 11), np.nan) for _ in range(8)]:
        del x
    for found, wanted in zip(gradient(*args, 11), first, strict=True):
        np.testing.assert_array_equal(found, wanted)


@st.composite
def of_rows(draw: Any) -> str:
    """A program whose iterations read entries of one row each, or of several."""
    low, high = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    order = draw(st.sampled_from(["", "[::-1]"]))
    rows = draw(st.lists(st.sampled_from(["i", "n - 1 - i", "i - 1"]), min_size=1, max_size=2))
    reads = [
        "    for j in range(i):\n        total += np.sin(m[{r}, j]) * x[j]",
        "    for j in range(3):\n        total += m[{r}, j] * m[{r}, j]",
        "    for j in range(i):\n        total += m[{r}, j] * x[i]",
        "    total = np.sin(total) * m[{r}, 4]",
        "    total += m[{r}, i] * x[i]",
        "    total += np.sum(m[{r}, 5:] * x[5:])",
    ]
    lines = ["def f(m, x):", "  n = 9", "  total = x[0]", f"  for i in range({low}, n - {high}){order}:"]
    for _ in range(draw(st.integers(1, 2))):
        lines.append("  " + draw(st.sampled_from(reads)).format(r=draw(st.sampled_from(rows))).replace("\n", "\n  "))
    return "\n".join([*lines, "  return total"])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(of_rows())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_rows(source: str) -> None:
    f = compiled(source)
    m, x = MATRIX[:9, :9] / 5, VECTOR[:9] + 0.3
    for _ in range(8):
        np.full((9, 9), np.nan)  # what memory that is used again holds
    gradient = wg.grad(f, argnums=(0, 1))
    for found, wanted in zip(wg.jit(gradient)(m, x), gradient(m, x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
