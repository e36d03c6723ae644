"""Loops of an iteration that become one: results do not notice, and what nobody reads is not stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm import control
from wengert.run.llvm.loops import Buffer, Fill, Load, Loop, Op, Repeat, Store, View, whole
from wengert.run.llvm.merge import merge

from ..test_random_programs import examples

FLOAT = np.dtype(np.float64)
N = 9
"""More than 64 entries, with which loops have their sizes in the code and are left alone."""


@st.composite
def updates(draw: Any) -> Any:
    """Draw assignments to levels of three arrays: which level of which, how, and what from."""
    place = st.tuples(st.integers(0, 2), st.integers(-1, 1))
    how = st.sampled_from(["set", "add", "window"])
    return draw(st.lists(st.tuples(place, how, place, place, st.integers(0, 3)), min_size=2, max_size=6))


def run(steps: Any, arrays: Any) -> Any:
    """Update levels of arrays, one level after the other, from levels beside them, and from what was just written."""
    arrays = [x.copy() for x in arrays]
    for k in range(1, len(arrays[0]) - 1):
        for (i, below), how, (p, left), (q, right), kind in steps:
            a, b = arrays[p][k + left], arrays[q][k + right]
            v = [lambda a, b: 0.5 * a - b, lambda a, b: a * b, lambda a, b: np.sin(a), lambda a, b: a + 0.1][kind](a, b)
            if how == "set":
                arrays[i][k + below] = 0.5 * v
            elif how == "add":
                arrays[i][k + below] += 0.3 * v
            else:
                arrays[i][k + below, 1:, :-1] += 0.2 * v[:-1, 1:]
    return np.sum(arrays[0] * arrays[1] + arrays[2])


@given(updates())
@examples(12)
def test_levels(steps: Any) -> None:
    rng = np.random.default_rng(0)
    given_arrays = [0.5 * rng.standard_normal((9, N, N)) for _ in range(3)]

    def value(a: Any, b: Any, c: Any) -> Any:
        return run(steps, (a, b, c))

    found = wg.jit(wg.value_and_grad(value, argnums=(0, 1, 2)))
    slopes = wg.grad(value, argnums=(0, 1, 2))(*given_arrays)
    for _ in range(2):
        got, gradient = found(*given_arrays)
        np.testing.assert_allclose(got, value(*given_arrays), rtol=1e-9, atol=1e-9)
        for a, b in zip(gradient, slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_columns_that_are_written_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def eliminate(c: Any, d: Any, w: Any) -> Any:
        c, d = c.copy(), d.copy()
        for k in range(1, c.shape[2]):
            c[:, :, k] = c[:, :, k] * w[:, :, k]
            d[:, :, k] = d[:, :, k] - d[:, :, k - 1] * c[:, :, k]
            c[:, :, k] = c[:, :, k] / (2.0 + d[:, :, k] ** 2)
        return np.sum(d * d) + np.sum(c)

    kept: list[Any] = []

    def noted(steps: Any, outer: Any) -> Any:
        kept.append(merge(steps, outer))
        return kept[-1]

    monkeypatch.setattr(control, "merge", noted)
    rng = np.random.default_rng(1)
    args = [rng.standard_normal((N, N, 6)) for _ in range(3)]
    value, slope = wg.jit(wg.value_and_grad(eliminate, argnums=(0, 1, 2)))(*args)
    np.testing.assert_allclose(value, eliminate(*args))
    expected = wg.grad(eliminate, argnums=(0, 1, 2))(*args)
    for a, b in zip(slope, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    large = [[s for s in steps if isinstance(s, Loop) and len(s.shape) == 2] for steps in kept]
    assert [len(steps) for steps in large if steps] == [1, 1]


# -- step by step -----------------------------------------------------------------------------------------------------


def array(kind: str = "arena") -> Buffer:
    return Buffer(100, FLOAT, kind)


def part(buffer: Buffer, offset: int = 0) -> View:
    return View(buffer, offset, (10, 1), (9, 9))


def adds(out: View, *given: View, how: str = "set") -> Loop:
    """Return a loop that writes a sum."""
    body: list[Any] = [Load(0)]
    for k in range(1, len(given)):
        body += [Load(k), Op("add", (len(body) - 1, len(body)), (), (FLOAT, FLOAT), FLOAT)]
    return Loop(out.shape, [*given, out], body, [Store(len(given), len(body) - 1, how)])


def loops(steps: list[Any]) -> list[Loop]:
    return [step for step in steps if isinstance(step, Loop)]


def test_a_value_between_two_loops_is_not_stored() -> None:
    a, between, out = array(), array(), array()
    steps = merge([adds(part(between), part(a)), adds(part(out), part(between), part(a, 1))], {a, out})
    (loop,) = steps
    assert [loop.accesses[s.access].buffer for s in loop.stores] == [out]
    assert between not in [view.buffer for view in loop.accesses]


def test_what_others_read_is_stored() -> None:
    a, between, out, more = array(), array(), array(), array()
    first = [adds(part(between), part(a)), adds(part(out), part(between))]
    for kept, last in (({a, out, between}, []), ({a, out, more}, [adds(part(more), part(between, 1))])):
        steps = merge([*first, *last], kept)
        assert between in [steps[0].accesses[s.access].buffer for s in steps[0].stores]
        assert len(steps) == 1 + len(last)


def test_what_is_read_after_an_addition_is_the_sum() -> None:
    a, total, out = array(), array(), array()
    (loop,) = merge([adds(part(total), part(a), how="add"), adds(part(out), part(total))], {a, total, out})
    assert [s.how for s in loop.stores] == ["set", "set"]
    assert loop.stores[0].item == loop.stores[1].item
    assert isinstance(loop.body[loop.stores[0].item], Op)


@pytest.mark.parametrize("how", ["max", "min", "mul"])
def test_what_is_read_after_another_reduction_is_not_known(how: str) -> None:
    """Along an axis of one entry, the largest is stored entry by entry, over what the buffer was filled with."""
    a, top, out = array(), array(), array()
    steps = [adds(part(top), part(a), how=how), adds(part(out), part(top))]
    assert len(merge(steps, {a, top, out})) == 2
    assert len(merge([adds(part(out), part(top)), adds(part(top), part(a), how=how)], {a, top, out})) == 2


def extremes(x: Any) -> Any:
    for _ in range(3):
        top = np.max(np.sin(x)[:, :, np.newaxis], axis=2)
        x = 0.5 * top + np.prod(np.cos(x)[:, np.newaxis], axis=1) * top
    return np.sum(x * x)


def test_reductions_along_an_axis_of_one() -> None:
    x = np.random.default_rng(2).standard_normal((N, N))
    value, slope = wg.jit(wg.value_and_grad(extremes))(x)
    np.testing.assert_allclose(value, extremes(x), rtol=1e-12)
    np.testing.assert_allclose(slope, wg.grad(extremes)(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shift", [1, 10, 11])
def test_entries_beside_keep_loops_apart(shift: int) -> None:
    a, b = array(), array()
    for later in (adds(part(b), part(a, shift)), adds(part(a, shift), part(b))):
        steps = merge([adds(part(a), part(b)), later], {a, b})
        assert len(steps) == 2


def test_a_step_between_that_is_in_the_way() -> None:
    a, b, out = array(), array(), array()
    first, last = adds(part(a), part(b)), adds(part(out), part(a), part(b, 1))
    across = Loop((10,), [View(b, 0, (1,), (10,)), View(a, 5, (1,), (10,))], [Load(0)], [Store(1, 0)])
    assert len(merge([first, across, last], {a, b, out})) == 3
    aside = Fill(array(), 0.0)
    assert len(loops(merge([first, aside, last], {a, b, out}))) == 1
    counter = Buffer(1, np.dtype(np.int64))
    nested = Repeat(counter, None, 3, False, [], None, [across], Buffer(0, FLOAT), [], [a, b], 0, 0)
    assert len(merge([first, nested, last], {a, b, out})) == 3


def test_sums_over_everything_stay_alone() -> None:
    a, total, out = array(), Buffer(1, FLOAT), array()
    still = View(total, 0, (0, 0), (9, 9))
    steps = merge([adds(still, part(a), how="add"), adds(part(out), part(a), still)], {a, total, out})
    assert len(steps) == 2


def test_loops_along_different_axes_stay_apart() -> None:
    a, b, out = array(), array(), array()
    turned_a, turned_b = View(a, 0, (1, 10), (9, 9)), View(b, 0, (1, 10), (9, 9))
    steps = [adds(part(out), part(a), part(a, 1)), adds(turned_b, turned_a, View(a, 1, (1, 10), (9, 9)))]
    assert len(merge(steps, {a, b, out})) == 2


def test_axes_of_one_entry_do_not_matter() -> None:
    a, between, out = Buffer(80, FLOAT), Buffer(80, FLOAT), Buffer(80, FLOAT)
    first = Loop((80, 1), [whole(a, (80, 1)), whole(between, (80, 1))], [Load(0)], [Store(1, 0)])
    second = Loop((1, 80), [whole(between, (1, 80)), whole(out, (1, 80))], [Load(0)], [Store(1, 0)])
    (loop,) = merge([first, second], {a, out})
    assert [view.buffer for view in loop.accesses] == [a, out]
