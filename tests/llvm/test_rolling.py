"""What iterations hand to each other in arrays is kept in registers, and is the same as through memory."""

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
_WIDTH = 26


def rolled(function: Any, *args: Any) -> list[int]:
    """Return for each loop how many steps stand around its iterations, loops around before those within."""
    jitted = function if hasattr(function, "lower") else wg.jit(function)
    return [len(step.before) + len(step.after) for step in repeats(jitted.lower(*args)._program.steps)]


# -- programs ---------------------------------------------------------------------------------------------------------


def recurrence(x: Any) -> Any:
    x = x.copy()
    for i in range(1, len(x)):
        x[i] = 0.5 * x[i] + np.sin(x[i - 1])
    return np.sum(x)


def of_two(x: Any) -> Any:
    x = x.copy()
    for i in range(len(x) - 3, -1, -1):
        x[i] += 0.3 * x[i + 2] * x[i]
    return np.sum(x * x)


def sweep(m: Any) -> Any:
    m = m.copy()
    for i in range(1, len(m) - 1):
        for j in range(1, len(m) - 1):
            m[i, j] = 0.2 * (m[i, j] + m[i - 1, j] + m[i + 1, j] + m[i, j - 1] + m[i, j + 1])
    return np.sum(m * m)


def of_one_entry(x: Any) -> Any:
    y = np.zeros(3)
    for i in range(len(x)):
        y[1] = np.sin(y[1]) + x[i]
    return np.sum(y)


def at_looked_up_places(x: Any) -> Any:
    x = x.copy()
    order = np.arange(len(x))[::-1] // 2
    for i in range(1, len(x)):
        x[order[i]] = 0.5 * x[i] + np.sin(x[i - 1])
    return np.sum(x)


def towards_each_other(x: Any) -> Any:
    x = x.copy()
    for i in range(1, len(x)):
        x[i] = 0.5 * x[len(x) - 1 - i] + np.sin(x[i - 1])
    return np.sum(x)


def up_to_what_is_written(x: Any) -> Any:
    x = x.copy()
    for i in range(len(x)):
        for j in range(i):
            x[j] = 0.5 * x[j] + np.sin(x[j + 1])
            x[i] = 0.5 * x[i] + 0.1 * x[j]
    return np.sum(x)


VECTOR = np.linspace(-1.0, 2.0, 23) ** 2
SQUARE = np.cos(np.add.outer(np.arange(9.0), np.arange(9.0) ** 2))


@pytest.mark.parametrize(
    ("function", "argument", "expected"),
    [
        (recurrence, VECTOR, [True]),
        (of_two, VECTOR, [True]),
        (sweep, SQUARE, [False, True]),
        (of_one_entry, VECTOR, [True]),
        (at_looked_up_places, VECTOR, [False]),
        (towards_each_other, VECTOR, [False]),
        (up_to_what_is_written, VECTOR, [False, False]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_which_loops_keep_entries(function: Any, argument: Any, expected: list[bool]) -> None:
    assert [bool(found) for found in rolled(function, argument)] == expected
    np.testing.assert_allclose(wg.jit(function)(argument), function(argument), rtol=1e-13)
    slope = wg.jit(wg.grad(function))
    np.testing.assert_allclose(slope(argument), wg.grad(function)(argument), rtol=1e-10, atol=1e-12)
    if any(expected):
        assert sum(map(bool, rolled(slope, argument))) > 1, "forwards and backwards"


@st.composite
def sources(draw: Any) -> str:
    """Loops, possibly in a loop, over entries some of which earlier iterations have written."""
    nested = draw(st.booleans())

    def entry() -> str:
        shift = draw(st.integers(-2, 2))
        place = draw(st.sampled_from([f"i + {shift}"] * 4 + ["3", "24 - i" if not nested else f"j + {shift}"]))
        if nested and draw(st.booleans()):
            return f"m[{draw(st.sampled_from(['j', 'j + 1', 'j - 1', 'i']))}, {place}]"
        return f"{draw(st.sampled_from(['x', 'x', 'y']))}[{place}]"

    def statement() -> str:
        value = draw(st.sampled_from(["0.4 * {a} + {b}", "np.sin({a}) - 0.3 * {b}", "0.5 * {a} * np.cos({b})", "0.7"]))
        return f"{entry()} {draw(st.sampled_from(['=', '=', '+=']))} {value.format(a=entry(), b=entry())}"

    heads = ["range(2, 20)", "range(19, 1, -1)", "range(2, 20, 2)"]
    head = draw(st.sampled_from([*heads, "range(2, j)", "range(j, 1, -1)", "range(3, j - 2)"] if nested else heads))
    body = [statement() for _ in range(draw(st.integers(1, 3)))]
    indent = "    " * (2 if nested else 1)
    return "\n".join(
        [
            "def f(x, y, m):",
            "    x, y, m = x.copy(), y.copy(), m.copy()",
            *(["    for j in range(1, 9):"] if nested else []),
            f"{indent}for i in {head}:",
            *[f"{indent}    {line}" for line in body],
            "    return np.sum(np.sin(x)) + np.sum(y * y) + np.sum(m * m * m)",
        ]
    )


def compare(source: str) -> bool:
    """Compare a program and its gradient with what they are without capture; say whether entries are kept."""
    f = compiled(source)
    rng = np.random.default_rng(4)
    args = rng.random(_WIDTH), rng.random(_WIDTH), rng.random((_WIDTH, _WIDTH))
    np.testing.assert_allclose(wg.jit(f)(*args), f(*args), rtol=1e-12)
    slope = wg.jit(wg.grad(f, argnums=(0, 1, 2)))
    for found, wanted in zip(slope(*args), wg.grad(f, argnums=(0, 1, 2))(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
    return any(rolled(slope, *args))


@settings(max_examples=8, **_OPTIONS)
@given(sources())
def test_random_loops(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=1000, **_OPTIONS)
@given(sources())
def test_many_random_loops(source: str) -> None:
    compare(source)
