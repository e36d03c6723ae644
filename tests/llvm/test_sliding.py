"""Loops that add to neighbours, in one loop: random programs of whole numbers come out as Python computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.core.bounds import Affine, Counter
from wengert.run.llvm import sliding
from wengert.run.llvm.loops import Buffer, Store
from wengert.run.llvm.meeting import Place
from wengert.run.llvm.sliding import as_sliding, slides
from wengert.run.llvm.straight import Unfit, Write

from ..test_random_programs import examples
from .test_nests import nests

MARGIN = 4


def shifted(function: Any, *args: Any) -> list[list[int]]:
    """Return the shifts of the stores of each nest that has some."""
    found = [[store.shift for store in nest.loop.stores] for made in nests(function, *args) for nest in made]
    return [one for one in found if any(one)]


@st.composite
def sources(draw: Any) -> str:
    """Return the source of ``f(u, v, m)``, of two vectors and a matrix with as many columns."""
    lines = ["v = v.copy()", "m = m.copy()", "z = np.zeros_like(u)", "t = np.sum(z)", f"n = len(u) - {MARGIN}"]
    for _ in range(draw(st.integers(1, 2))):
        inner = draw(st.sampled_from(["range({a}, n)", "range({a}, n)", "range({a}, n - 1)", "range(n - 1, {a}, -1)"]))
        inner = inner.format(a=draw(st.sampled_from([MARGIN, MARGIN, MARGIN + 1, MARGIN + 3])))
        body = [f"g = {draw(st.sampled_from(['u[i]', 'u[i + 1] - u[i]', 'u[i] * u[i - 1]', 'abs(u[i])']))}"]
        if draw(st.booleans()):
            body += ["if g > 0.0:", f"    g = {draw(st.sampled_from(['0.0', '-2.0 * g', 'u[i - 2]']))}"]
        target = draw(st.sampled_from(["v[i{d}]", "v[i{d}]", "m[k, i{d}]", "m[1, i{d}]"]))
        near = st.sampled_from(["", " + 1", " - 1", " + 2", " - 2", " + 1", " - 1", " + 3", " - 4", " + 4"])
        adding = []
        for _ in range(draw(st.integers(2, 4))):
            value = draw(st.sampled_from(["g", "3.0 * g", "g + u[i + 1]", "u[i]", "1.0"]))
            adding.append(f"{target.format(d=draw(near))} {draw(st.sampled_from(['+=', '-=']))} {value}")
        more = draw(
            st.sampled_from(["", "", "t += g", "z[i] = g", "z[i] += 2.0 * g", "g = v[i]", "z[i + 1] = v[i + 1]"])
        )
        if more:
            adding.insert(draw(st.integers(0, len(adding))), more)
        body += adding
        loop = [f"for i in {inner}:", *(f"    {line}" for line in body)]
        if "k" in target or draw(st.integers(0, 3)) == 0:
            loop = ["for k in range(6):", *(f"    {line}" for line in loop)]
        lines += loop
    return "def f(u, v, m):\n" + "".join(f"    {line}\n" for line in [*lines, "return v, m, z, t"])


@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding, "_SHARED", 0)
    seen: list[bool] = []

    @given(sources(), st.integers(0, 15), st.sampled_from([np.float64, np.float64, np.float32]))
    @examples(40)
    def check(source: str, n: int, dtype: Any) -> None:
        f = compiled(source)
        rng = np.random.default_rng(n)
        u, v, m = (rng.integers(-4, 5, size).astype(dtype) for size in [n + 8, n + 8, (6, n + 8)])
        jitted = wg.jit(f)
        for _ in range(2):
            for found, expected in zip(jitted(u, v, m), f(u, v, m), strict=True):
                np.testing.assert_array_equal(found, expected, source)
        seen.append(bool(shifted(jitted, u, v, m)))

    check()
    assert sum(seen) >= len(seen) // 10, "hardly any of them has such sums"


def limited(u: Any) -> Any:
    """Differences, each of the smaller of its neighbours' signs."""
    d = np.zeros(len(u))
    for i in range(1, len(u) - 1):
        left = u[i] - u[i - 1]
        right = u[i + 1] - u[i]
        if left * right <= 0.0:
            d[i] = 0.0
        elif abs(left) < abs(right):
            d[i] = left
        else:
            d[i] = right
    return np.sum(d * d)


@pytest.mark.parametrize("n", [3, 4, 6, 9, 30, 67])
def test_what_three_sums_have_in_common_is_computed_once(n: int) -> None:
    u = np.random.default_rng(n).standard_normal(n)
    gradient = wg.jit(wg.grad(limited))
    np.testing.assert_allclose(gradient(u), wg.grad(limited)(u), rtol=1e-12, atol=1e-12)
    if n > 6:  # others are unrolled
        (shifts,) = shifted(gradient, u)
        assert sorted(shifts) == [0, 0, 1, 2]


def test_little_in_common_is_computed_twice() -> None:
    def differences(u: Any) -> Any:
        d = np.zeros(len(u))
        for i in range(len(u) - 1):
            d[i] = u[i + 1] - u[i]
        return np.sum(d * d)

    u = np.random.default_rng(0).standard_normal(30)
    gradient = wg.jit(wg.grad(differences))
    np.testing.assert_allclose(gradient(u), wg.grad(differences)(u), rtol=1e-12, atol=1e-12)
    assert not shifted(gradient, u)


def test_which_places_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding, "_SHARED", 0)
    buffer, counter, other = Buffer(100, np.dtype(np.float64)), Counter(0, Affine(9)), Counter(1, Affine(9))
    whole, axes = Buffer(100, np.dtype(np.int64)), [counter]

    def at(constant: int, *terms: Any, of: Buffer = buffer, how: str = "add") -> Write:
        place = Place(of, 0, ((100, 1),), (Affine(constant, terms),))
        return Write(Store(constant, 7 + constant, how, (constant,), True), place, 0)

    def slide(write: Write, *group: Write, along: Any = axes) -> bool:
        return slides(write, group[0], group, [], along)

    one = (counter, 1)
    assert slide(at(3, one), at(4, one))
    assert slide(at(5, one), at(3, one))
    assert slide(at(5, one), at(3, one), at(4, one))
    assert slide(at(5, one), at(4, one), at(30), at(3, one, of=whole))
    assert not slide(at(3, one), at(6, one))  # too far
    assert not slide(at(3, one), at(2, one), at(5, one))
    assert not slide(at(5, one), at(3, one), at(6, one))
    assert slide(at(3, one), at(4, one), at(20, one))  # which the loop does not reach from the others
    assert not slide(at(3, one), at(9, one), at(4, one))  # with the first of which it is not put together
    assert not slide(at(3, (counter, 2)), at(4, (counter, 2)))  # not side by side
    assert not slide(at(13, (counter, -1)), at(14, (counter, -1)))
    assert not slide(at(3, one), at(4, one, (other, 1)))
    assert not slide(at(3, one), at(4, one), along=[counter, other])
    assert not slide(at(3), at(4))
    assert not slide(at(3, one), at(4, one, of=Buffer(100, buffer.dtype)))
    assert not slide(at(3, one), at(4, one, how="set"))
    assert not slide(at(3, one, of=whole), at(4, one, of=whole))
    group = [at(5, one), at(4, one), at(3, one, of=whole), at(6, one), at(2, one, how="set")]
    expected = [
        Store(4, 12, "add", (4,), True, 1),
        group[1].store,
        group[2].store,
        Store(4, 13, "add", (4,), True, 2),
        group[4].store,
    ]
    assert as_sliding(group, axes) == expected
    far = at(30, one)
    assert as_sliding([*group, far], axes) == [*expected, far.store]
    with pytest.raises(Unfit):
        as_sliding([*group, at(7, one)], axes)


def test_what_meets_those_that_slide_from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """``v[i]`` does not reach ``v[i + 8]``, but ``v[i + 6]``, which is near that: no vector adds to both."""
    monkeypatch.setattr(sliding, "_SHARED", 0)

    def f(u: Any) -> Any:
        v = np.zeros(len(u))
        for i in range(8):
            g = u[i] * u[i] - 3.0
            v[i] += g
            v[i + 8] += 2.0 * g
            v[i + 6] += 3.0 * g
        return v

    u, jitted = np.arange(30.0) ** 2, wg.jit(f)
    np.testing.assert_array_equal(jitted(u), f(u))
    assert [len(nest.loop.stores) for made in nests(jitted, u) for nest in made] == [2, 1]


def test_far_from_those_that_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding, "_SHARED", 0)

    def f(u: Any) -> Any:
        v = np.zeros(len(u))
        for i in range(2, 9):
            g = u[i]
            v[i] += g
            v[i - 1] += 2.0 * g
            v[i + 12] -= g
            v[i + 11] -= 3.0 * g
        return v

    u, jitted = np.arange(30.0) ** 2, wg.jit(f)
    np.testing.assert_array_equal(jitted(u), f(u))
    assert shifted(jitted, u) == [[1, 0, 1, 0]]
