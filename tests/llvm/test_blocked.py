"""Iterations that share what their nests have in common compute what they do one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.run.llvm.jam import ROWS
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Store, whole
from wengert.run.llvm.vectors import lanes

from .test_nests import repeats

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def blocks(function: Any, *args: Any) -> list[bool | None]:
    """Return for each loop in blocks whether the common part comes early."""
    jitted = function if hasattr(function, "lower") else wg.jit(function)
    return [step.blocks.early for step in repeats(jitted.lower(*args)._program.steps) if step.blocks]


# -- which loops ------------------------------------------------------------------------------------------------------


def factor(a: Any) -> Any:
    a = a.copy()
    for i in range(a.shape[0]):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
    return np.sum(a * a)


def upper_and_lower(a: Any) -> Any:
    a = a.copy()
    for i in range(a.shape[0]):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, a.shape[0]):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * a)


def product(a: Any) -> Any:
    b = np.sin(a)
    out = np.zeros((len(a), len(a)))
    for i in range(len(a)):
        for j in range(len(a)):
            for k in range(i + 1):
                out[i, j] += a[i, k] * b[k, j]
    return np.sum(out * out)


def of_all_before(a: Any) -> Any:
    """The last term of a row is made in the row before: that is behind the common part, which reads it."""
    x = np.zeros(len(a))
    a = a.copy()
    for j in range(len(a)):
        for k in range(j):
            a[j, k] += 0.5 * a[len(a) - 1, k] * x[j]
        x[j] = a[j, 0]
        a[len(a) - 1, 0] = np.sin(a[len(a) - 1, len(a) // 2])
    return np.sum(a)


def with_a_number(a: Any) -> Any:
    """Each row has a number of its own."""
    a = a.copy()
    for i in range(len(a)):
        for j in range(i):
            c = np.sin(a[i, j])
            for k in range(j):
                a[i, j] -= c * a[i, k] * a[j, k]
            a[i, j] += 1.0
    return np.sum(a * a)


@pytest.mark.parametrize(
    ("function", "forward", "gradient"),
    [
        (factor, [True], [True, False]),
        (upper_and_lower, [True], [True, False]),
        (product, [], [True]),
        (of_all_before, [], []),
        (with_a_number, [], []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_which_loops_share(function: Any, forward: list[bool], gradient: list[bool]) -> None:
    if function is upper_and_lower and _width() != ROWS:
        pytest.skip("four columns side by side do not fill a vector here")
    a = np.random.default_rng(1).standard_normal((11, 11)) / 8 + np.eye(11)
    assert blocks(function, a) == forward
    assert blocks(wg.value_and_grad(function), a) == gradient


def _width() -> int:
    """Return how many numbers fill a vector."""
    views = [whole(Buffer(64, np.dtype(float)), (64,)) for _ in range(2)]
    double = Op("add", (0, 0), (), (np.dtype(float),) * 2, np.dtype(float))
    return lanes(Loop((64,), views, [Load(0), double], [Store(1, 1)]), [1, 1], [False, False])


@pytest.mark.parametrize(("n", "dtype"), [(1, np.float64), (6, np.float64), (9, np.float64), (9, np.float32)], ids=str)
@pytest.mark.parametrize("function", [factor, upper_and_lower, product, of_all_before, with_a_number])
def test_any_size(function: Any, n: int, dtype: Any) -> None:
    a = (np.random.default_rng(n).standard_normal((n, n)) / 8 + 2 * np.eye(n)).astype(dtype)
    value, slope = wg.value_and_grad(function)(a)
    found = wg.jit(wg.value_and_grad(function))(a)
    tolerance = 1e-10 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(found[0], value, rtol=tolerance)
    np.testing.assert_allclose(found[1], slope, rtol=tolerance, atol=tolerance)


# -- products in which zero wins --------------------------------------------------------------------------------------


def weighted(a: Any, b: Any, w: Any) -> Any:
    out = np.zeros(w.shape)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            for k in range(i + 1):
                out[i, j] += a[i, k] * b[k, j]
    return np.sum(np.where(w > 0.0, out, 0.0) * w)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("places", [[(5, 3)], [(6, 2), (2, 12)]], ids=str)
@pytest.mark.parametrize("where", ["a", "b"])
def test_zero_wins(where: str, places: list[tuple[int, int]], bad: float) -> None:
    rng = np.random.default_rng(2)
    n, m = 9, 13
    a, b, w = rng.standard_normal((n, n)), rng.standard_normal((n, m)), rng.random((n, m))
    array = a if where == "a" else b
    for i, j in places:
        j = min(j, i)
        array[i, j] = bad
        if where == "a":
            w[i] = 0.0  # what is not finite is not asked for
            w[i, 1:3] = 0.5  # but for a few
        else:
            w[:, j] = 0.0
            w[n - 1, j] = 0.5
    a[4, 1] = a[5, 0] = 0.0
    expected = wg.grad(weighted, argnums=(0, 1))(a, b, w)
    found = wg.jit(wg.grad(weighted, argnums=(0, 1)))(a, b, w)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
    assert any(np.isnan(x).any() or np.isinf(x).any() for x in expected)
    assert all(np.isfinite(x).any() for x in expected)


# -- random programs --------------------------------------------------------------------------------------------------

_PLACES = ["m[i, j]", "m[j, i]", "m[j, j]", "m[i, i]", "m[i, j - 1]", "v[j]", "v[i]", "u[j]", "v[j - 1]", "m[j, j - 1]"]
_WITHIN = ["m[i, k]", "m[k, j]", "m[j, k]", "m[k, i]", "v[k]", "u[k]", "m[k, k]", "v[j - k]", "w[i, k]", "w[k, j]"]


@st.composite
def shared_sources(draw: Any) -> str:
    """Return a program of loops the innermost one of which is as long as the counter around it."""

    def pick(options: Any) -> Any:
        return draw(st.sampled_from(options))

    def statement(places: list[str]) -> str:
        target, a, b = pick(places), pick(places), pick(places)
        forms = [
            "{t} += 0.1 * {a}",
            "{t} = 0.5 * {a} - 0.1 * {b}",
            "{t} = {t} / (2.0 + {a} * {a})",
            "{t} = np.sin({a})",
        ]
        target = target if target[0] in "mv" else "m[i, j]"
        return pick(forms).format(t=target, a=a, b=b)

    target = pick(_PLACES[:6] + _WITHIN[:5])
    factors = [pick(_WITHIN + _PLACES[:8]), pick(_WITHIN)]
    nest = f"{target} {pick(['+=', '-='])} 0.2 * {factors[0]} * {factors[1]}"
    inner = pick(["range(j)", "range(j + 1)"])
    outer = pick(["range(i)", "range(n)", "range(i + 1)"])
    wide = pick([False, False, True])
    body = [statement(_PLACES) for _ in range(pick([0, 0, 1]))]
    if wide:
        nest = nest.replace("m[i, j]", pick(["w[j, l]", "w[i, l]"]))
        if "[k" in nest:
            nest = nest.replace("v[k]", "w[k, l]")
        body += ["for l in range(n):", f"    for k in {inner}:", f"        {nest}"]
    else:
        body += [f"for k in {inner}:", f"    {nest}"]
    body += [statement(_PLACES) for _ in range(pick([0, 1, 1, 2]))]
    lines = ["m, v, w = m.copy(), v.copy(), 0.5 * m", "for i in range(n):", f"    for j in {outer}:"]
    lines += ["        " + line for line in body]
    lines += ["return np.sum(m * m) + np.sum(v) + np.sum(w * w)"]
    return "def f(u, v, m, n):\n" + "".join(f"    {line}\n" for line in lines)


def compare(source: str, n: int) -> None:
    """Compare a program with what Python does, and its gradient with differences of that."""
    f = compiled(source)
    rng = np.random.default_rng(3)
    args = rng.standard_normal(n), rng.standard_normal(n), rng.standard_normal((n, n)) / 3
    way = [rng.standard_normal(x.shape) for x in args]

    def along(h: float) -> Any:
        return f(*[x + h * d for x, d in zip(args, way, strict=True)], n)

    with np.errstate(all="ignore"):
        expected = along(0.0)
        slopes = [(along(h) - along(-h)) / (2 * h) for h in (1e-5, 2e-5)]
    if not np.all(np.isfinite([expected, *slopes])) or abs(expected) > 1e4:
        return
    value, gradient = wg.jit(wg.value_and_grad(f, argnums=(0, 1, 2)), static_argnums=3)(*args, n)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    found = sum(np.sum(g * d) for g, d in zip(gradient, way, strict=True))
    size = sum(np.sum(abs(g * d)) for g, d in zip(gradient, way, strict=True))
    error = abs(slopes[0] - slopes[1]) + 1e-12 * (abs(expected) + size) / 1e-5
    assert abs(found - slopes[0]) <= 2 * error, (found, slopes)


@settings(max_examples=10, **_OPTIONS)
@given(shared_sources(), st.sampled_from([9, 10, 13]))
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_programs(source: str, n: int) -> None:
    compare(source, n)


@pytest.mark.nightly
@settings(max_examples=1000, **_OPTIONS)
@given(shared_sources(), st.sampled_from([9, 10, 13]))
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_programs(source: str, n: int) -> None:
    compare(source, n)
