"""Nests that threads share one after the other without waiting: cut between the same rows, or not together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm import region, shared, team
from wengert.run.llvm.loops import Buffer, Load, Loop, Store, View
from wengert.run.llvm.team import teams
from wengert.run.llvm.threads import POOL

from ..test_random_programs import examples

ROWS, COLUMNS = 12, 11
FLOAT = np.dtype(np.float64)


@pytest.fixture(scope="module", autouse=True)
def everything_is_worth_it() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(shared, "WORTHWHILE", 0.0)
    patch.setattr(team, "JOINING", 0.0)
    yield
    patch.undo()


def moves(target: Buffer, source: Buffer, rows: int, to: int, of: int, step: int = COLUMNS, columns: int = 5) -> Loop:
    """Return a nest that copies some columns of rows of an array to other rows of another one."""
    shape = (rows, columns)
    views = [View(source, of, (step, 1), shape), View(target, to, (step, 1), shape)]
    return Loop(shape, views, [Load(0)], [Store(1, 0)])


def array() -> Buffer:
    return Buffer(ROWS * COLUMNS, FLOAT)


def test_nests_meet_in_the_rows_of_arrays() -> None:
    a, b, c = array(), array(), array()
    first = moves(b, a, 10, 2 * COLUMNS, 0)  # its row i is row i + 2 of b
    found = teams([first, moves(c, b, 12, 0, 0), moves(b, c, 9, 3 * COLUMNS, 3 * COLUMNS + 6)])
    assert [[later for _, later in group] for group in found] == [[0, 2, -1]]


def test_nests_that_touch_nothing_in_common_go_together() -> None:
    a, b, c = array(), array(), array()
    (group,) = teams([moves(b, a, 10, 0, COLUMNS), moves(c, a, 9, 0, 0)])
    assert [later for _, later in group] == [0, 0]


def test_other_rows_are_waited_for() -> None:
    a, b, c = array(), array(), array()
    first = moves(b, a, 10, COLUMNS, COLUMNS)
    for second in (
        Loop(
            (10, 5),
            [View(b, r, (COLUMNS, 1), (10, 5)) for r in (0, COLUMNS)] + [View(c, 0, (COLUMNS, 1), (10, 5))],
            [Load(0), Load(1)],
            [Store(2, 1)],
        ),
        moves(a, b, 10, 0, COLUMNS),  # row by row what was made, but over other rows than those that were read
        moves(c, b, 10, 0, COLUMNS + 8),  # from one row into the next
        moves(c, b, 5, 0, 0, 2 * COLUMNS),  # every other row
    ):
        assert len(teams([first, second])) == 2


def test_what_lies_where_something_else_did_is_waited_for() -> None:
    a, b, c, d = array(), array(), array(), array()
    loops = [moves(b, a, 10, 0, 0), moves(d, c, 10, 0, 0)]
    a.offset, b.offset, c.offset, d.offset = 0, 8000, 16000, 24000
    assert len(teams(loops)) == 1
    for other in (a, b):  # written where another thread may still read, or write
        d.offset = other.offset + 8 * COLUMNS
        assert len(teams(loops)) == 2
    d.offset, c.offset = 24000, b.offset
    assert len(teams(loops)) == 2


def test_sums_over_the_first_axis_are_not_cut_along_it() -> None:
    a, b, c, d = Buffer(6 * 7 * 9, FLOAT), Buffer(7 * 9, FLOAT), Buffer(6 * 7 * 9, FLOAT), Buffer(6 * 7 * 9, FLOAT)
    shape = (6, 7, 9)
    views = [View(a, 0, (9, 54, 1), shape), View(b, 0, (0, 9, 1), shape)]
    added = Loop(shape, views, [Load(0)], [Store(1, 0, "add")])
    copied = Loop(shape, [View(x, 0, (63, 9, 1), shape) for x in (c, d)], [Load(0)], [Store(1, 0)])
    assert len(teams([added, copied])) == len(teams([copied, added])) == 2


@st.composite
def fields(draw: Any) -> Any:
    """Draw updates of windows of three arrays from windows of the others, of about the same rows."""
    row, column = st.integers(0, 2), st.integers(0, 2)
    update = st.tuples(st.integers(0, 2), row, column, st.integers(0, 2), row, column, st.booleans())
    return draw(st.lists(update, min_size=2, max_size=6))


def run(updates: Any, arrays: Any, times: Any) -> Any:
    arrays = [x.copy() for x in arrays]
    n, m = ROWS - 2, COLUMNS - 2
    for _ in range(times):
        for target, i, j, source, r, s, fresh in updates:
            value = 0.3 * np.sin(arrays[source][r : r + n, s : s + m])
            if fresh:
                arrays[target][i : i + n, j : j + m] = value
            else:
                arrays[target][i : i + n, j : j + m] += value * arrays[target][i : i + n, j : j + m]
    return np.sum(arrays[0] * arrays[1] + arrays[2])


@given(fields())
@examples(12)
def test_updates_of_windows(updates: Any) -> None:
    rng = np.random.default_rng(0)
    args = [rng.standard_normal((ROWS, COLUMNS)) for _ in range(3)]

    def value(a: Any, b: Any, c: Any, times: Any) -> Any:
        return run(updates, (a, b, c), times)

    found = wg.jit(wg.value_and_grad(value, argnums=(0, 1, 2)))
    expected, slopes = wg.value_and_grad(lambda a, b, c: value(a, b, c, 6), argnums=(0, 1, 2))(*args)
    for _ in range(3):
        got, mine = found(*args, 6)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
        for a, b in zip(mine, slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(POOL.size == 1, reason="there is one thread")
def test_the_fields_of_a_wave_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def wave(ex: Any, ey: Any, hz: Any, steps: Any) -> Any:
        for _ in range(steps):
            ey[1:] -= 0.5 * (hz[1:] - hz[:-1])
            ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
            hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
        return np.sum(hz * hz)

    groups: list[int] = []

    def noted(loops: Any) -> Any:
        found = teams(loops)
        groups.extend(len(group) for group in found if group)
        return found

    monkeypatch.setattr(region, "teams", noted)
    args = [np.random.default_rng(k).standard_normal((ROWS, COLUMNS)) for k in range(3)]
    mine = wg.jit(wg.grad(lambda a, b, c, steps: wave(a.copy(), b.copy(), c.copy(), steps), argnums=(0, 1, 2)))
    slopes = wg.grad(lambda a, b, c: wave(a.copy(), b.copy(), c.copy(), 7), argnums=(0, 1, 2))(*args)
    for a, b in zip(mine(*args, 7), slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert sorted(groups) == [1, 1, 1, 2, 3]
