"""Rows of a sweep that run side by side compute what they do one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled

from .test_nests import repeats

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
_WIDTH = 16


def shifts(function: Any, *args: Any) -> list[int]:
    """Return for each loop by how many points its iterations lag behind each other, 0 where they run one by one."""
    jitted = function if hasattr(function, "lower") else wg.jit(function)
    return [step.skew.shift if step.skew else 0 for step in repeats(jitted.lower(*args)._program.steps)]


# -- programs ---------------------------------------------------------------------------------------------------------


def sweep(m: Any) -> Any:
    m = m.copy()
    for i in range(1, len(m) - 1):
        for j in range(1, len(m) - 1):
            m[i, j] = 0.2 * (m[i, j] + m[i - 1, j] + m[i + 1, j] + m[i, j - 1] + m[i, j + 1])
    return np.sum(m * m)


def upwards(m: Any) -> Any:
    m = m.copy()
    for i in range(len(m) - 2, 0, -1):
        for j in range(len(m) - 2, 0, -1):
            m[i, j] = np.sin(m[i + 1, j + 1]) + 0.3 * m[i, j + 1]
    return np.sum(m * m)


def behind_what_is_ahead(m: Any) -> Any:
    m = m.copy()
    for i in range(1, len(m)):
        for j in range(1, len(m) - 2):
            m[i, j] = 0.5 * m[i, j - 1] + np.sin(m[i - 1, j + 2])
    return np.sum(m * m)


def warped(m: Any) -> Any:
    a, b = np.sin(m[0]), np.cos(m[1])
    table = np.full((len(a) + 1, len(b) + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return table[len(a), len(b)]


def with_sums_of_rows(m: Any) -> Any:
    m, total = m.copy(), np.zeros(len(m))
    for i in range(1, len(m)):
        part = 0.0
        for j in range(1, len(m)):
            m[i, j] = 0.4 * m[i, j - 1] + np.cos(m[i - 1, j])
            part += m[i, j] * m[i, j]
        total[i] = part
    return np.sum(total * total)


def back_to_the_first_column(m: Any) -> Any:
    """The last point of a row is what the next row begins with."""
    m = m.copy()
    for i in range(1, len(m)):
        m[i, 0] = 0.5 * m[i - 1, len(m) - 1]
        for j in range(1, len(m)):
            m[i, j] = 0.4 * m[i, j - 1] + m[i - 1, j]
    return np.sum(m * m)


def one_sum(m: Any) -> Any:
    total = 0.0
    m = m.copy()
    for i in range(1, len(m)):
        for j in range(1, len(m)):
            total = np.sin(total) + m[i, j]
            m[i, j] = 0.4 * m[i, j - 1] + total
    return np.sum(m * m)


def triangle(m: Any) -> Any:
    m = m.copy()
    for i in range(1, len(m)):
        for j in range(1, i):
            m[i, j] = 0.4 * m[i, j - 1] + m[i - 1, j]
    return np.sum(m * m)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (sweep, [1, 0]),
        (upwards, [1, 0]),
        (behind_what_is_ahead, [3, 0]),  # what is written goes out one point later
        (warped, [1, 0]),
        (with_sums_of_rows, [1, 0]),
        (back_to_the_first_column, [0, 0]),
        (one_sum, [0, 0]),
        (triangle, [0, 0]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_which_rows_run_side_by_side(function: Any, expected: list[int]) -> None:
    rng = np.random.default_rng(6)
    m = rng.random((11, 11))
    assert shifts(function, m) == expected
    if any(expected) and function is not warped:  # whose backward pass skips what is zero instead
        assert any(shifts(wg.grad(function), m)[2:]), "backwards too"
    for n in (11, 9, 4):
        m = rng.random((n, n))
        np.testing.assert_allclose(wg.jit(function)(m), function(m), rtol=1e-13)
        slope = wg.jit(wg.grad(function))
        np.testing.assert_allclose(slope(m), wg.grad(function)(m), rtol=1e-11, atol=1e-13)


def test_entries_are_the_same_to_the_last_bit() -> None:
    def swept(m: Any) -> Any:
        m = m.copy()
        for i in range(1, len(m) - 1):
            for j in range(1, len(m) - 1):
                m[i, j] = np.sqrt(m[i, j] * m[i - 1, j + 1]) + 0.5 * m[i, j - 1]
        return m

    m = np.random.default_rng(2).random((40, 40))
    assert shifts(swept, m) == [2, 0]
    np.testing.assert_array_equal(wg.jit(swept)(m), swept(m))


@st.composite
def sources(draw: Any) -> str:
    """Sweeps over a square, in all directions, with places of neighbours."""

    def entry(far: bool) -> str:
        row, column = draw(st.integers(-1, 1)), draw(st.integers(-2, 2))
        kind = draw(st.sampled_from(["m", "m", "m", "u", "x" if far else "m"]))
        return f"x[j + {column}]" if kind == "x" else f"{kind}[i + {row}, j + {column}]"

    def statement() -> str:
        value = draw(st.sampled_from(["0.4 * {a} + 0.3 * {b}", "np.sin({a}) - 0.3 * {b}", "0.5 * {a} * np.cos({b})"]))
        kind = draw(st.sampled_from(["m", "m", "m", "sum"]))
        if kind == "sum":
            return f"t += {value.format(a=entry(True), b=entry(True))}"
        target = draw(st.sampled_from(["m[i, j]", "m[i, j]", "m[i, j + 1]", "u[i, j]", "x[j]"]))
        return f"{target} {draw(st.sampled_from(['=', '=', '+=']))} {value.format(a=entry(True), b=entry(True))}"

    outer = draw(st.sampled_from(["range(2, 10)", "range(9, 1, -1)", "range(2, s)"]))
    inner = draw(
        st.sampled_from(["range(2, 11)", "range(11, 1, -1)", "range(2, s)", "range(s, 1, -1)", "range(2, 14, 2)"])
    )
    body = [statement() for _ in range(draw(st.integers(1, 3)))]
    summed = any(line.startswith("t ") for line in body)
    return "\n".join(
        [
            "def f(m, u, x):",
            "    m, u, x = m.copy(), u.copy(), x.copy()",
            "    sums = np.zeros(len(x))",
            f"    for s in range({'0, 10, 2' if 's' in outer + inner else '1'}):",
            f"        for i in {outer}:",
            *(["            t = 0.1 * x[i]"] if summed else []),
            f"            for j in {inner}:",
            *[f"                {line}" for line in body],
            *(["            sums[i] = t"] if summed else []),
            "    return np.sum(np.sin(m)) + np.sum(u * u) + np.sum(x * x * x) + np.sum(sums)",
        ]
    )


def compare(source: str) -> bool:
    """Compare a program and its gradient with what they are without capture; say whether rows run side by side."""
    f = compiled(source)
    rng = np.random.default_rng(4)
    args = rng.random((_WIDTH, _WIDTH)), rng.random((_WIDTH, _WIDTH)), rng.random(_WIDTH)
    with np.errstate(all="ignore"):
        expected = f(*args)
    if not abs(expected) < 1e6:
        return False
    np.testing.assert_allclose(wg.jit(f)(*args), expected, rtol=1e-10)
    slope = wg.jit(wg.grad(f, argnums=(0, 1, 2)))
    for found, wanted in zip(slope(*args), wg.grad(f, argnums=(0, 1, 2))(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10 * max(1.0, np.abs(wanted).max()))
    return any(shifts(slope, *args))


@settings(max_examples=6, **_OPTIONS)
@given(sources())
def test_random_sweeps(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(sources())
def test_many_random_sweeps(source: str) -> None:
    compare(source)
