"""Updates of arrays that loops do not read wait for each other, and only those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.run.llvm import delayed
from wengert.run.llvm.loops import Choice, Repeat

from .nested_programs import indented

N = 9
"""Matrices have 81 entries, so that loops over them are not unrolled; nine times as many as the vectors."""
_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(autouse=True)
def _small_arrays_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delayed, "_LARGE", 0)


def waiting(function: Any, *args: Any) -> int:
    """Count the updates that wait in loops."""

    def count(steps: Any) -> int:
        found = 0
        for step in steps:
            if isinstance(step, Choice):
                found += (step.turns > 1) + sum(map(count, step.branches))
            elif isinstance(step, Repeat):
                found += count(step.body)
        return found

    return count(wg.jit(function).lower(*args)._program.steps)


def outer(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for _ in range(steps):
        u = 0.9 * np.sin(u) + 0.1 * v
        m = m + u[:, None] * v
    return m


def decays(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for i in range(steps):
        u = np.cos(u) * v
        m = 0.9 * m - u * i
    return m


def part(m: Any, u: Any, v: Any, steps: Any) -> Any:
    m = m.copy()
    for _ in range(steps):
        u = np.cos(u) * v
        m[1:] += u[1:, None] * v
    return m


def two(m: Any, u: Any, v: Any, steps: Any) -> Any:
    w = 0.5 * m
    for _ in range(steps):
        u = np.cos(u) * v
        m = m + u[:, None] * v
        w = w - v[:, None] * u
    return m @ w


def nested(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for i in range(5):
        for _ in range(i * steps // 4):
            u = np.cos(u) * v
            m = m + u[:, None] * v
        v = v + 0.1 * m[i]
    return m


def entry_is_read(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for i in range(steps):
        u = np.cos(u) * v + 0.1 * m[i % 3, 2]
        m = m + u[:, None] * v
    return m


def row_is_read(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for i in range(steps):
        u = np.cos(u) + 0.1 * m[i % 3]
        m = m + u[:, None] * v
    return m


def row_is_written(m: Any, u: Any, v: Any, steps: Any) -> Any:
    m = m.copy()
    for i in range(steps):
        u = np.cos(u) * v
        m[i % 3] = u
        m += u[:, None] * v
    return m


def nothing_is_thin(m: Any, u: Any, v: Any, steps: Any) -> Any:
    w = m
    for _ in range(steps):
        w = np.cos(w) * v
        m = m + w
    return m


def entries_are_read_beside(m: Any, u: Any, v: Any, steps: Any) -> Any:
    w = 0.1 * m
    for _ in range(steps):
        w = np.sin(w + m)
        m = u[:, None] * v - m
    return m + w


def turned(m: Any, u: Any, v: Any, steps: Any) -> Any:
    for _ in range(steps):
        u = np.cos(u) * v
        m = m.T + u[:, None] * v
    return m


def may_end(m: Any, u: Any, v: Any, steps: Any) -> Any:
    while u[0] < steps:
        u = u + 0.5 * np.sin(u) + 1.0
        m = m + u[:, None] * v
    return m


CASES = [
    *[(function, 1) for function in (outer, decays, part, nested)],
    (two, 2),
    *[(function, 0) for function in (entry_is_read, row_is_read, row_is_written, nothing_is_thin)],
    *[(function, 0) for function in (entries_are_read_beside, turned, may_end)],
]


@pytest.mark.parametrize("steps", [8, 21])
@pytest.mark.parametrize(("function", "expected"), CASES)
def test_what_waits(function: Any, expected: int, steps: int) -> None:
    rng = np.random.default_rng(0)
    args = (rng.standard_normal((N, N)), rng.standard_normal(N), 0.3 * rng.standard_normal(N), steps)
    assert waiting(function, *args) == expected
    np.testing.assert_allclose(wg.jit(function)(*args), function(*args), rtol=1e-12, atol=1e-13)


def test_gradient_of_a_matrix() -> None:
    def power(a: Any, v: Any, steps: Any) -> Any:
        for _ in range(steps):
            v = a @ v
            v = v / np.linalg.norm(v)
        return v @ (a @ v)

    rng = np.random.default_rng(0)
    args = (rng.random((N, N)), rng.random(N), 21)
    gradient = wg.value_and_grad(power, argnums=(0, 1))
    assert waiting(gradient, *args) == 1
    value, slopes = wg.jit(gradient)(*args)
    expected, wanted = gradient(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for mine, slope in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(mine, slope, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_zero_wins(bad: float) -> None:
    """Where a factor is not finite, products with zero are zero, and the other updates do not suffer."""

    def f(a: Any, u: Any, weights: Any) -> Any:
        total = 0.0
        for i in range(len(weights)):
            total = total + weights[i] @ (a @ np.where(u > i, u, 0.0))
        return total

    rng = np.random.default_rng(0)
    u, weights = 20 * rng.random(N), rng.standard_normal((20, N))
    weights[11, 3] = bad
    assert waiting(wg.grad(f), np.eye(N), u, weights) == 1
    found = wg.jit(wg.grad(f))(np.eye(N), u, weights)
    thin = [np.where(u > i, u, 0.0) for i in range(20)]
    assert any(x == 0 for x in thin[11])
    with np.errstate(invalid="ignore"):
        products = [np.where(x == 0, 0.0, w[:, None] * x) for w, x in zip(weights, thin, strict=True)]
    wanted = np.sum(products, axis=0)
    assert np.isfinite(wanted).any()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


# -- random programs --------------------------------------------------------------------------------------------------


@st.composite
def sources(draw: Any) -> str:
    """Return the source of ``f(m, w, a, u, v, n)``: loops that update matrices, and now and then look at them."""

    def pick(*options: str) -> str:
        return str(draw(st.sampled_from(options)))

    def vector() -> str:
        return pick("u", "v", "np.sin(u)", "(u * v)", "a[i % 4]", "(0.5 * i + v)", "np.where(u > 0.1, v, 0.0)")

    def thin() -> str:
        down, along = vector() + "[:, None]", vector()
        product = f"{down} * {along}"
        return pick(product, product, f"{product} - {along}", down, along, f"np.maximum({down}, {along})", "s")

    def statement(depth: int) -> list[str]:
        kind = pick("vector", "update", "update", "update", "reading", *["loop", "choice"] * depth)
        m = pick("m", "w")
        if kind == "vector":
            x = pick("u", "v")
            return [pick(f"{x} = 0.5 * np.cos({vector()}) + 0.1 * (a @ {x})", f"{x}[1:] += 0.3 * {vector()}[:-1]")]
        if kind == "update":
            ways = [f"{m} {pick('+=', '-=')} {thin()}", f"{m} = 0.8 * {m} + {thin()}", f"{m} = {thin()} - {m}"]
            ways += [f"{m}[1:, :-1] += (0.0 * a + {thin()})[1:, :-1]", f"{m}[:, ::-1] += {thin()}"]
            ways += [f"{m} = np.maximum({m}, {thin()})", f"{m} *= 0.5 * {thin()}"]
            return [pick(*ways)]
        if kind == "reading":
            place = pick(f"np.sum({m}[i % 5])", f"{m}[2, i % 3]", f"np.sum({m} * a)", f"{m}[:, 1] @ u")
            return [pick("s = np.tanh(s + ", "s = 0.5 * s + 0.1 * np.sin(") + f"{place})"]
        if kind == "choice":
            return ["if u[i % 3] > 0.2:", *indented(statement(0)), "else:", *indented(statement(0))]
        lines = [line for _ in range(draw(st.integers(1, 3))) for line in statement(0)]
        return [f"for j in range({pick('n', 'i', '17')}):", *indented(lines)]

    lines = ["m, w, u, v = m.copy(), w.copy(), u.copy(), v.copy()", "s = 0.1"]
    for _ in range(draw(st.integers(1, 2))):
        body = [line for _ in range(draw(st.integers(1, 4))) for line in statement(1)]
        lines += [f"for i in {pick('range(n)', 'range(n, 2, -1)', 'range(17)')}:", *indented(body)]
    lines.append("return s + np.sum(np.sin(m)) + np.sum(w * np.cos(w)) + np.sum(u * v)")
    return "def f(m, w, a, u, v, n):\n" + "\n".join(indented(lines)) + "\n"


def compare(source: str, n: int) -> None:
    f = compiled(source)
    rng = np.random.default_rng(5)
    args = [0.4 * rng.standard_normal(shape) for shape in [(N, N)] * 3 + [(N,)] * 2]
    with np.errstate(all="ignore"):
        plain = f(*args, n)
        expected, slopes = wg.value_and_grad(f, argnums=(0, 1, 2, 3, 4))(*args, n)
    if not all(np.all(np.abs(value) < 1e6) for value in (plain, *slopes)):
        return
    np.testing.assert_allclose(wg.jit(f)(*args, n), plain, rtol=1e-9)
    value, found = wg.jit(wg.value_and_grad(f, argnums=(0, 1, 2, 3, 4)))(*args, n)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for one, slope in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, slope, rtol=1e-7, atol=1e-9 * (1 + np.max(np.abs(slope))))


@settings(max_examples=5, derandomize=True, **_OPTIONS)
@given(sources(), st.integers(6, 20))
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_programs(source: str, n: int) -> None:
    compare(source, n)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(sources(), st.integers(6, 20))
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_programs(source: str, n: int) -> None:
    compare(source, n)
