"""Loops that run as nests compute what they do one iteration after the other; what must not become one does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg
from tests.capture.programs import compiled
from wengert.core.bounds import Affine, Counter
from wengert.run.llvm.loops import Buffer, Choice, Nest, Repeat
from wengert.run.llvm.meeting import Place, Relation, injective, relation

from .nested_programs import nested_sources

N = 11
_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def repeats(steps: list[Any]) -> Iterator[Repeat]:
    for step in steps:
        if isinstance(step, Repeat):
            yield step
            yield from repeats(step.body)
        elif isinstance(step, Choice):
            for branch in step.branches:
                yield from repeats(branch)


def nests(function: Any, *args: Any, static: tuple[int, ...] = ()) -> list[list[Nest]]:
    """Return the nests of each loop of a compiled function, loops around before those within."""
    jitted = function if hasattr(function, "lower") else wg.jit(function, static_argnums=static)
    lowered = jitted.lower(*args)
    return [step.nests for step in repeats(lowered._program.steps)]


def compare(source: str) -> int:
    """Compare a program and its gradient with what they are without capture; return how many loops are nests."""
    f = compiled(source)
    rng = np.random.default_rng(3)
    u, v, m = rng.standard_normal(N), rng.standard_normal(N), rng.standard_normal((N, N)) / 3
    with np.errstate(all="ignore"):
        expected = f(u, v, m, N)
    if not np.isfinite(expected) or abs(expected) > 1e6:
        return 0
    np.testing.assert_allclose(wg.jit(f, static_argnums=3)(u, v, m, N), expected, rtol=1e-9)
    slope = wg.grad(f, argnums=(0, 1, 2))(u, v, m, N)
    gradient = wg.jit(wg.grad(f, argnums=(0, 1, 2)), static_argnums=3)
    for found, wanted in zip(gradient(u, v, m, N), slope, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(wanted).max()))
    return sum(map(bool, nests(gradient, u, v, m, N, static=())))


@settings(max_examples=10, **_OPTIONS)
@given(nested_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_nests(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=1000, **_OPTIONS)
@given(nested_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_nests(source: str) -> None:
    compare(source)


def triangular(a: Any, x: Any) -> Any:
    out = np.zeros(len(x))
    for i in range(len(x)):
        for j in range(i):
            out[i] += a[i, j] * x[j]
    return np.sum(out * out)


def flipped(x: Any, c: Any) -> Any:
    z = np.zeros(len(x))
    for i in range(len(x)):
        z[i] = x[i] + c * x[len(x) - 1 - i]
    return np.sum(z * z)


def product(a: Any, b: Any) -> Any:
    out = np.zeros((len(a), len(a)))
    for i in range(len(a)):
        for j in range(len(a)):
            for k in range(i + 1):
                out[i, j] += a[i, k] * b[k, j]
    return np.sum(out * out)


def chosen(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        if x[i] > x[i - 1]:
            y[i] = x[i]
        else:
            y[i] = 2.0 * x[i - 1]
    return np.sum(y * y)


def recurrence(x: Any) -> Any:
    x = x.copy()
    for i in range(1, len(x)):
        x[i] = 0.5 * x[i] + np.sin(x[i - 1])
    return np.sum(x)


def shifted(x: Any) -> Any:
    x = x.copy()
    for i in range(len(x) - 1):
        x[i] = x[i + 1] * x[i + 1]
    return np.sum(x)


def running(x: Any) -> Any:
    total = 0.0
    y = np.zeros(len(x))
    for i in range(len(x)):
        total += x[i]
        y[i] = total * x[i]
    return np.sum(y)


def by_counter(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = x[i] * i
    return np.sum(y)


def twice_to_one_place(x: Any) -> Any:
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = x[i]
        y[0] = 2.0 * x[i]
    return np.sum(y * y)


def beside(x: Any) -> Any:
    total = 0.0
    y = np.zeros(len(x))
    for i in range(len(x)):
        total += x[i]
        for j in range(len(x)):
            y[j] += 0.1 * x[i]
    return total + np.sum(y * y)


def compensated(x: Any) -> Any:
    total, lost = 0.0, 0.0
    for i in range(len(x)):
        term = x[i] - lost
        larger = total + term
        lost = (larger - total) - term
        total = larger
    return total


VECTOR = np.linspace(-1.0, 2.0, 23) ** 2
SQUARE = np.cos(np.add.outer(np.arange(9.0), np.arange(9.0) ** 2))


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (triangular, (SQUARE, VECTOR[:9]), [False, True]),
        (flipped, (VECTOR, 0.3), [True]),
        (product, (SQUARE, SQUARE.T), [False, True, True]),
        (chosen, (VECTOR,), [True]),
        (recurrence, (VECTOR,), [False]),
        (shifted, (VECTOR,), [False]),
        (running, (VECTOR,), [False]),
        (by_counter, (VECTOR,), [False]),
        (twice_to_one_place, (VECTOR,), [False]),
        (beside, (VECTOR,), [False, True]),
        (compensated, (VECTOR,), [False]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_which_loops_are_nests(function: Any, args: Any, expected: list[bool]) -> None:
    assert [bool(found) for found in nests(function, *args)] == expected
    np.testing.assert_allclose(wg.jit(function)(*args), function(*args), rtol=1e-12)
    slope = wg.jit(wg.grad(function))(*args)
    np.testing.assert_allclose(slope, wg.grad(function)(*args), rtol=1e-10, atol=1e-12)


def test_two_ways_to_one_sum_are_two_nests() -> None:
    """The cotangent of ``x`` in ``flipped`` gets two contributions, from both ends."""
    assert max(map(len, nests(wg.grad(flipped), VECTOR, 0.3))) == 2


def added_twice(x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total = total + x[i]
        total = total + x[i]
    return total


def added_twice_to_one_entry(x: Any) -> Any:
    z = np.zeros(3)
    for i in range(len(x)):
        z[1] += x[i] * x[i]
        z[1] += x[i] * x[i]
    return np.sum(z * z)


@pytest.mark.parametrize("function", [added_twice, added_twice_to_one_entry])
def test_what_is_added_twice_counts_twice(function: Any) -> None:
    x = np.random.default_rng(3).standard_normal(50)
    assert any(nests(function, x))
    np.testing.assert_allclose(wg.jit(function)(x), function(x), rtol=1e-12)
    np.testing.assert_allclose(wg.jit(wg.grad(function))(x), wg.grad(function)(x), rtol=1e-12)


def test_a_sum_is_as_exact_as_its_loop() -> None:
    """What compensates for rounding is left alone."""
    many = np.full(1000, 0.1)
    assert abs(float(wg.jit(compensated)(many)) - 100.0) <= 1e-14 * 100.0


def test_places() -> None:
    n = 10
    i, j = Counter(0, Affine(n - 1)), Counter(1, Affine(-1, ((Counter(0, Affine(n - 1)), 1),)))
    buffer = Buffer(n * n, np.dtype(float))

    def at(*forms: Affine) -> Place:
        return Place(buffer, 0, ((n, n), (n, 1))[-len(forms) :], forms)

    one_i, one_j = Affine(0, ((i, 1),)), Affine(0, ((j, 1),))
    assert relation(at(one_i), at(one_j), [j]) is Relation.APART  # j < i
    assert relation(at(one_j), at(one_j), [j]) is Relation.EQUAL
    assert relation(at(one_j), at(one_j.plus(Affine(1))), [j]) is Relation.CROSS
    assert relation(at(one_i, one_j), at(one_j, one_j), [j]) is Relation.APART
    assert relation(at(one_i), at(one_j), [i, j]) is Relation.CROSS  # j < i, but also less than other i
    assert relation(at(one_i.times(-1).plus(Affine(n - 1))), at(one_i), [i]) is Relation.CROSS
    assert relation(at(one_j), Place(Buffer(4, np.dtype(float)), 0, ((4, 1),), (one_j,)), [j]) is Relation.APART
    unknown = Affine(0, ((Counter(-1, None), 1),))
    assert relation(at(unknown), at(one_j), [j]) is Relation.CROSS
    assert relation(at(unknown), at(unknown.plus(Affine(1))), [j]) is Relation.APART
    assert injective(at(one_i, one_j), [i, j])
    assert not injective(at(one_i.plus(one_j)), [i, j])
    assert not injective(at(one_i), [j])


def overwritten_twice(m: Any, u: Any) -> Any:
    """Backwards, an entry is cleared, and read again after something was added elsewhere: then it is 0."""
    m = m.copy()
    total = 0.0
    for i in range(2, len(m) - 1):
        for j in range(2, len(m) - 1):
            total += 0.4 * m[i + 1, j] + 0.3 * m[i + 1, j]
            m[i, j] = 0.4 * m[i + 1, j + 1] + 0.3 * m[i + 1, j + 1]
            m[i, j] = 0.4 * m[i + 1, j] + 0.3 * u[i, j]
    return np.sum(np.sin(m)) + total


def test_what_is_read_after_a_write_is_what_was_written() -> None:
    rng = np.random.default_rng(4)
    m, u = rng.random((9, 9)), rng.random((9, 9))
    slopes = wg.grad(overwritten_twice, argnums=(0, 1))(m, u)
    for found, wanted in zip(wg.jit(wg.grad(overwritten_twice, argnums=(0, 1)))(m, u), slopes, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
