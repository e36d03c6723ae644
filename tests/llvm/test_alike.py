"""Rows made of rows of the same array, which may be the same one, are written where they are to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.alike import alike
from wengert.run.llvm.loops import Buffer, Load, Loop, Op, Pick, Store, View
from wengert.run.llvm.merge import merge

from ..test_random_programs import examples

FLOAT, INDEX = np.dtype(np.float64), np.dtype(np.int64)
N = 67
"""More than 64 entries, with which loops have their sizes in the code and are left alone."""
PLACES = [
    lambda s, t, order: s,
    lambda s, t, order: t,
    lambda s, t, order: 4 - t,
    lambda s, t, order: 2,
    lambda s, t, order: order[t],
]
FORMS = [
    lambda a, b, e: np.minimum(a, e + b),
    lambda a, b, e: np.sin(a) * e + 0.2 * b,
    lambda a, b, e: np.where(a > b, 0.3 * a, b * e),
    lambda a, b, e: a[::-1] - 0.5 * b,
]


@st.composite
def statements(draw: Any) -> Any:
    """Draw statements: by rows or columns, which one, set or added to, made of which two and which entry, how."""
    place = st.integers(0, len(PLACES) - 1)
    one = st.tuples(
        st.booleans(), place, st.booleans(), place, place, place, place, st.integers(0, 3), st.integers(0, 1)
    )
    return draw(st.lists(one, min_size=1, max_size=4))


def run(d: Any, w: Any, order: Any, program: Any) -> Any:
    d = d.copy()
    total = 0.0
    for s in range(5):
        for t in range(5):
            for by_rows, i, adding, p, q, r, c, form, shift in program:
                i, p, q, r, c = (PLACES[k](s, t, order) for k in (i, p, q, r, c))
                if by_rows:
                    v = FORMS[form](d[p, : N - shift], d[q, shift:], d[r, c])
                    total += np.sum(v * w[: N - shift])
                    if adding:
                        d[i, shift:] += 0.25 * v
                    else:
                        d[i, : N - shift] = 0.5 * v
                else:
                    v = FORMS[form](d[: N - shift, p], d[shift:, q], d[r, c])
                    if adding:
                        d[shift:, i] += 0.25 * v
                    else:
                        d[: N - shift, i] = 0.5 * v
    return np.sum(d * d) + total


@given(statements())
@examples(8)
def test_rows_made_of_rows(program: Any) -> None:
    rng = np.random.default_rng(0)
    order = np.array([3, 0, 3, 1, 2])
    d, w = rng.standard_normal((N, N)), rng.standard_normal(N)
    found = wg.jit(wg.value_and_grad(run, argnums=(0, 1)), static_argnums=3)
    expected = wg.grad(run, argnums=(0, 1))(d, w, order, program)
    for _ in range(2):
        value, slopes = found(d, w, order, tuple(program))
        np.testing.assert_allclose(value, run(d, w, order, program), rtol=1e-9, atol=1e-9)
        for a, b in zip(slopes, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_shortest_paths_take_one_loop_for_each_row() -> None:
    def paths(length: Any) -> Any:
        d = length.copy()
        for k in range(5):
            for i in range(5):
                d[i, :] = np.minimum(d[i, :], d[i, k] + d[k, :])
        return np.sum(d)

    length = 0.1 + np.random.default_rng(1).random((5, N))
    lowered = wg.jit(wg.value_and_grad(paths)).lower(length)
    assert sum(f"loop {N}:" in line for line in lowered.steps) == 2  # one in each direction
    value, slope = wg.jit(wg.value_and_grad(paths))(length)
    np.testing.assert_allclose(value, paths(length), rtol=1e-12)
    np.testing.assert_allclose(slope, wg.grad(paths)(length))


# -- step by step -----------------------------------------------------------------------------------------------------


class Rows:
    """An array of nine rows, the numbers of two of them, and an array beside it."""

    def __init__(self) -> None:
        self.array, self.kept = Buffer(9 * N, FLOAT), Buffer(N, FLOAT)
        self.numbers = [View(Buffer(1, INDEX), 0, (0,), (N,)) for _ in range(2)]
        self.row = View(self.array, 0, (1,), (N,), ((9, N),))
        self.entry = View(self.array, 0, (0,), (N,), ((9, N), (N, 1)))
        self.beside = View(self.kept, 0, (1,), (N,))

    def making(self, which: int = 0) -> Loop:
        """Return a loop that makes a row of a row and of an entry of it."""
        body = [Load(0), Load(1), Pick(2, (which,), True), Pick(3, (0, 1), True), _sum(2, 3)]
        return Loop((N,), [*self.numbers, self.row, self.entry, self.beside], body, [Store(4, 4)])

    def writing(self, which: int = 1, how: str = "set", row: View | None = None) -> Loop:
        """Return a loop that writes it, or adds it."""
        views = [self.beside, self.numbers[which], row or self.row]
        return Loop((N,), views, [Load(0), Load(1)], [Store(2, 0, how, (1,), True)])


def _sum(j: int, k: int) -> Op:
    return Op("add", (j, k), (), (FLOAT, FLOAT), FLOAT)


@pytest.mark.parametrize("how", ["set", "add"])
def test_a_row_is_written_where_it_is_to_be(how: str) -> None:
    rows = Rows()
    entry, loop = merge([rows.making(), rows.writing(how=how)], {rows.array})
    assert entry.shape == ()  # may be written by the loop: it is read before
    assert [loop.accesses[s.access].buffer for s in loop.stores] == [rows.array]
    assert sum(view.buffer is rows.array for view in loop.accesses) == 1  # those of different ones do not overlap
    assert rows.kept not in [view.buffer for view in loop.accesses]


def test_what_is_written_first_and_read_later_stays_apart() -> None:
    rows = Rows()
    assert len(merge([rows.writing(), rows.making()], {rows.array, rows.kept})) == 2


def test_a_row_that_is_written_twice_is_written_in_order() -> None:
    rows = Rows()
    steps = [rows.writing(0), rows.writing(1), rows.writing(0)]
    found = [s for step in merge(steps, {rows.array, rows.kept}) for s in step.stores]
    assert len(found) == 3


def test_other_windows_of_rows_stay_apart() -> None:
    rows = Rows()
    later = replace(rows.row, offset=1, indexed=((8, N),))
    assert len(merge([rows.making(), rows.writing(row=later)], {rows.array})) == 2
    assert not alike(rows.row, later)
    assert not alike(rows.row, replace(rows.row, indexed=((9, N - 1),)))
    assert alike(rows.row, replace(rows.row))
    column = View(rows.array, 0, (9,), (N,), ((9, 1),))
    assert alike(column, column)
    assert not alike(replace(column, strides=(8,)), replace(column, strides=(8,)))


def test_threads_do_not_mind() -> None:
    """Rows long enough for threads to share them."""

    def program(d: Any) -> Any:
        d = d.copy()
        for k in range(5):
            for i in range(5):
                d[i, :] = np.sin(d[i, :]) * d[i, k] + np.cos(d[k, :])
        return np.sum(d * d)

    d = np.random.default_rng(2).random((5, 20_000))
    np.testing.assert_allclose(wg.jit(wg.grad(program))(d), wg.grad(program)(d), rtol=1e-9, atol=1e-9)
