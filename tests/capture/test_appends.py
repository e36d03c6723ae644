"""Lists that loops append to: captured where that is sound, and the same as in Python where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg

N = 7
CAPTURED, UNROLLED = True, False


def check(f: Any, *args: Any, captured: bool | None = None) -> None:
    """Compare a function under jit with itself, its gradient with that without capture, and say what became of it."""
    copies = [[np.copy(x) for x in args] for _ in range(3)]
    expected = f(*copies[0])
    jitted = wg.jit(f)
    for found, wanted in zip(_flat(jitted(*args)), _flat(expected), strict=True):
        assert np.shape(found) == np.shape(wanted)
        assert np.asarray(found).dtype == np.asarray(wanted).dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-6 if np.asarray(args[0]).dtype == np.float32 else 1e-12)
    if captured is not None:
        lines = jitted.lower(*args).captured
        assert any(line.startswith("captured") and "for " in line for line in lines) is captured, lines

    def total(*xs: Any) -> Any:
        return sum(np.sum(np.sin(part)) for part in _flat(f(*xs)))

    floats = tuple(k for k, x in enumerate(args) if np.asarray(x).dtype.kind == "f")
    slopes = wg.grad(total, argnums=floats)(*copies[1])
    for found, wanted in zip(wg.jit(wg.grad(total, argnums=floats))(*copies[2]), slopes, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5 if found.dtype == np.float32 else 1e-10, atol=1e-12)


def _flat(value: Any) -> list[Any]:
    return [part for x in value for part in _flat(x)] if isinstance(value, (list, tuple)) else [value]


def trajectory(y: Any) -> Any:
    found = []
    for k in range(N):
        y = 0.9 * y + 0.1 * k
        found.append(y)
    return np.array(found)


def losses(y: Any) -> Any:
    found = [np.sum(y)]
    for _ in range(N):
        y = np.sin(y)
        loss = np.mean(y * y)
        found.append(loss)
    return np.array(found), sum(found), max(found), found[-1], len(found)


def both(y: Any) -> Any:
    states, sums = [], []
    for k in range(N):
        y = y * 1.1 - 0.01 * k
        states.append(y)
        sums.append(y.sum())
    return np.stack(states), np.stack(states, axis=1), np.mean(sums), np.concatenate(states), np.vstack(states)


def as_python_numbers(y: Any) -> Any:
    found = []
    x = 1.0
    for _ in range(N):
        x = 0.5 * x + float(2)
        found.append(x)
    return np.array(found, np.float32) * y[0]


def before_it_moves(y: Any) -> Any:
    found = []
    for _ in range(N):
        found.append(y)
        y = np.cos(y)
    return np.array(found)


def listed(y: Any) -> Any:
    found = []
    for _ in range(N):
        y = y * y
        found.append(y)
    return [*found[::2], found[-1][0], [x[1] for x in found[1:3]]]


def items_of_arrays(y: Any, z: Any) -> Any:
    found = []
    for k, (a, b) in enumerate(zip(y, z, strict=True)):
        found.append(a * b + k)
    return np.array(found)


def entries(y: Any, z: Any) -> Any:
    found = []
    for a in z:
        found.append(a)
    return np.array(found) * y[0]


def rows_of_rows(y: Any) -> Any:
    found = []
    for k in range(6):
        row = []
        for j in range(5):
            y = 0.8 * y + 0.1 * j
            row.append(y[0] * k)
        found.append(np.array(row))
    return np.array(found)


def made_by_hand(y: Any) -> Any:
    found = []
    for k in range(N):
        part = np.zeros(3)
        part[0] = y[0] * k
        part[1:] += y[1]
        found.append(part)
    return np.array(found)


def first_is_unlike(y: Any) -> Any:
    found = []
    x = 0.0
    for _ in range(N):
        found.append(np.sum(x * y) + x)
        x = x + y
    return found


@pytest.mark.parametrize(
    "f", [trajectory, losses, both, as_python_numbers, before_it_moves, listed, rows_of_rows, made_by_hand]
)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_lists(f: Any, dtype: str) -> None:
    check(f, np.array([0.7, 0.4], dtype), captured=CAPTURED if f is not as_python_numbers else None)


def test_of_items() -> None:
    rng = np.random.default_rng(0)
    check(items_of_arrays, rng.random(N), rng.random(N), captured=CAPTURED)
    check(items_of_arrays, rng.random((N, 2)), rng.random((N, 2)), captured=CAPTURED)
    check(entries, rng.random(N), rng.random(N), captured=CAPTURED)
    check(first_is_unlike, rng.random(3))


@pytest.mark.parametrize("kind", ["i8", "?", "c16"])
def test_other_dtypes(kind: str) -> None:
    def f(y: Any) -> Any:
        found = []
        for k in range(N):
            y = y[::-1] if kind != "?" else y ^ (k % 2 == 0)
            found.append(y)
        return np.array(found)

    y = np.array([1, 0, 1]).astype(kind)
    found = wg.jit(f)(y)
    assert found.dtype == y.dtype
    np.testing.assert_array_equal(found, f(y))


def test_the_array_is_made_once_and_not_row_by_row() -> None:
    def f(y: Any) -> Any:
        found = []
        for _ in range(300):
            y = 0.99 * y
            found.append(y)
        return np.sum(np.array(found) ** 2) + np.sum(np.stack(found[10:])) + np.mean([np.sum(y), 1.0])

    y = np.array([0.7, 0.4])
    lowered = wg.jit(wg.value_and_grad(f)).lower(y)
    assert len(lowered.graph.equations) < 60
    check(f, y, captured=CAPTURED)


# -- what must not be captured ----------------------------------------------------------------------------------------


def updated_in_place(y: Any) -> Any:
    y = y.copy()
    found = []
    for _ in range(N):
        y *= 0.9
        found.append(y)
    return np.array(found)


def written_behind(y: Any) -> Any:
    found = []
    for _ in range(N):
        y = y + 1.0
        found.append(y)
        y[0] = 5.0
    return np.array(found)


def carried_and_written(y: Any) -> Any:
    y = y.copy()
    found = []
    for k in range(N):
        found.append(y)
        y[0] = k
        y = y + 1.0
    return np.array(found)


def view_of_an_argument(y: Any) -> Any:
    y = np.outer(np.ones(N), y)
    found = []
    for k in range(N):
        found.append(y[k])
    y[0] = 7.0
    return np.array(found)


def always_the_same(y: Any) -> Any:
    found = []
    z = 2.0 * y
    x = z
    for _ in range(N):
        x = x * 0.5
        found.append(z)
    z[0] = 3.0
    return np.array(found), x


def looked_at(y: Any) -> Any:
    found = [y]
    for _ in range(N):
        found.append(found[-1] * 0.5)
    return np.array(found)


def counted(y: Any) -> Any:
    found: list[Any] = []
    for _ in range(N):
        y = y * 0.5 + len(found)
        found.append(y)
    return np.array(found)


def of_two_names(y: Any) -> Any:
    found: list[Any] = []
    same = found
    for _ in range(N):
        y = y * 0.5 + len(same)
        found.append(y)
    return np.array(found), len(same)


def held_by_an_object(y: Any) -> Any:
    class Log:
        lines: list[Any]

    log = Log()
    found: list[Any] = []
    log.lines = found

    def seen() -> int:
        return len(log.lines)

    for _ in range(N):
        y = y * 0.5 + seen()
        found.append(y)
    return np.array(found)


def through_a_closure(y: Any) -> Any:
    found: list[Any] = []

    def last() -> Any:
        return found[-1] if found else 1.0

    for _ in range(N):
        y = y * 0.5 + last()
        found.append(y)
    return np.array(found)


def twice(y: Any) -> Any:
    found = []
    for _ in range(N):
        y = y * 0.5
        found.append(y)
        found.append(2.0 * y)
    return np.array(found)


def growing_rows(y: Any) -> Any:
    found = []
    for k in range(N):
        found.append(np.sum(y) * np.ones(k + 1))
    return np.concatenate(found)


def other_dtype_later(y: Any) -> Any:
    found = []
    x = 1
    for _ in range(N):
        found.append(x)
        x = x + y[0]
    return np.array(found)


def sometimes(y: Any) -> Any:
    found = []
    for k in range(N):
        y = y * 0.5
        if k % 2:
            found.append(y)
    return np.array(found)


def until(y: Any) -> Any:
    found = []
    for _ in range(N):
        y = y * 0.5
        if y[0] < 0.1:
            break
        found.append(y)
    return np.array(found)


def written_when_it_has_another_name(y: Any) -> Any:
    y = y.copy()
    found = []
    last = y
    for k in range(N):
        y[0] = k
        last = y
        y = y * 2.0
        found.append(y)
    return np.array(found), last


def written_two_iterations_later(y: Any) -> Any:
    found = []
    before = y * 3.0
    oldest = before
    for _ in range(N):
        found.append(y)
        before[0] = 9.0
        oldest = before
        before = y
        y = y * 2.0
    return np.array(found), oldest, before


def in_two_lists(y: Any) -> Any:
    found, other = [], []
    for k in range(N):
        z = y * k
        found.append(z)
        other.append(z)
    found[2][0] = 5.0
    other[3][1] = 6.0
    return np.array(found), np.array(other)


def twice_in_the_list(y: Any) -> Any:
    found = []
    z = y * 1.0
    for k in range(N):
        found.append(z)
        if k % 2:
            z = z * 2.0
    found[0][0] = 5.0
    found[2][1] = 6.0
    return np.array(found)


def written_behind_by_an_older_name(y: Any) -> Any:
    found = []
    first = before = z = y * 1.0
    for k in range(N):
        found.append(before)
        before = z
        z = y * k
    first[0] = 3.0
    before[1] = 4.0
    return np.array(found), z


def of_no_dimension(y: Any) -> Any:
    found, other = [], []
    for k in range(N):
        z = np.zeros(())
        z += y[0] * k
        found.append(z)
        other.append(z)
    found[2][...] = 5.0
    return np.array(found), np.array(other)


def buffers_in_turn(y: Any) -> Any:
    """Nothing that is appended is written into here."""
    a, b = y.copy(), np.zeros(2)
    found = []
    for k in range(N):
        b[:] = a * 1.5
        b[0] += k
        a, b = b, a
        found.append(a.copy())
    return np.array(found), a, b


def of_words(y: Any) -> Any:
    found = []
    for k in range(N):
        y = 0.5 * y
        found.append(str(k))
    return y, len("".join(found))


def of_pairs(y: Any) -> Any:
    found = []
    for k in range(N):
        y = 0.5 * y
        found.append((y, k))
    return np.array([a for a, _ in found]), found[-1][1]


@pytest.mark.parametrize(
    "f",
    [
        updated_in_place,
        written_behind,
        carried_and_written,
        view_of_an_argument,
        always_the_same,
        looked_at,
        counted,
        of_two_names,
        held_by_an_object,
        through_a_closure,
        twice,
        growing_rows,
        other_dtype_later,
        sometimes,
        until,
        written_when_it_has_another_name,
        written_two_iterations_later,
        in_two_lists,
        twice_in_the_list,
        written_behind_by_an_older_name,
        of_no_dimension,
        of_words,
        of_pairs,
    ],
)
def test_what_is_not_captured_is_right(f: Any) -> None:
    check(f, np.array([0.7, 0.4]), captured=UNROLLED)


def test_the_last_element_is_the_variable() -> None:
    """Writing into one of them is seen in the other; the loop is then not captured."""

    def through_the_variable(y: Any) -> Any:
        found = []
        for _ in range(N):
            y = y * 0.5
            found.append(y)
        y[0] = 3.0
        return np.array(found)

    def through_the_list(y: Any) -> Any:
        found = []
        for _ in range(N):
            y = y * 0.5
            found.append(y)
        found[-1][0] = 3.0
        return np.array(found), y

    def through_its_first(y: Any) -> Any:
        found = []
        for _ in range(N):
            y = y * 0.5
            found.append(y)
        found[0][1] = 3.0
        found[2][0] = 4.0
        return np.array(found), y

    for f in (through_the_variable, through_the_list, through_its_first):
        check(f, np.array([0.7, 0.4]))


def test_elements_can_be_written_into() -> None:
    def f(y: Any) -> Any:
        found = []
        for k in range(N):
            found.append(y * k)
        found[2][0] = 3.0
        found[3] += found[2]
        return np.array(found)

    check(f, np.array([0.7, 0.4]), captured=UNROLLED)


def test_buffers_that_take_turns_are_captured() -> None:
    check(buffers_in_turn, np.array([0.7, 0.4]), captured=CAPTURED)


def test_elements_that_another_loop_replaces() -> None:
    def f(y: Any) -> Any:
        found = [y]
        for _ in range(N):
            y = y * 2.0
            found.append(y)
        for k in range(N):
            found[k] = found[k + 1] * 2.0
        return np.array(found)

    check(f, np.array([0.7, 0.4]))


def test_a_list_that_is_handed_in_grows() -> None:
    def f(y: Any, found: list[Any]) -> Any:
        for _ in range(N):
            y = y * 0.5
            found.append(y)
        return y

    def g(y: Any) -> Any:
        mine = [y]
        last = f(y, mine)
        return np.array(mine), last

    check(g, np.array([0.7, 0.4]), captured=UNROLLED)


def test_a_number_of_iterations_that_is_not_known() -> None:
    def f(y: Any, n: Any) -> Any:
        found = []
        for _ in range(n):
            y = y * 0.5
            found.append(y)
        return np.array(found)

    y = np.array([0.7, 0.4])
    g = wg.jit(f)
    for n in (6, 8):
        np.testing.assert_allclose(g(y, n), f(y, n))
    (line,) = g.lower(y, 6).captured
    assert "how many elements are appended to found is not known beforehand" in line


def test_other_runs_take_other_values() -> None:
    g = wg.jit(trajectory)
    for seed in range(3):
        y = np.random.default_rng(seed).random(2)
        np.testing.assert_allclose(g(y), trajectory(y))


def test_under_vmap_and_twice_differentiated() -> None:
    def f(y: Any) -> Any:
        found = []
        for _ in range(N):
            y = np.sin(y)
            found.append(y)
        return np.sum(np.array(found) ** 2)

    ys = np.random.default_rng(0).random((4, 2))
    np.testing.assert_allclose(wg.jit(wg.vmap(f))(ys), [f(y) for y in ys])
    np.testing.assert_allclose(wg.jit(wg.hessian(f))(ys[0]), wg.hessian(f)(ys[0]), rtol=1e-10)
