"""For and while statements, captured: results, effects on arguments and gradients are those of plain Python."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg

from .compare import check

X = np.array([0.3, -1.2, 0.8, 2.0, -0.4])


def power(x, n):
    p = 1.0
    for _ in range(n):
        p = p * x
    return p


def weighted(x):
    total = 0.0
    for i in range(len(x)):
        total += i * x[i]
    return total


def recurrence(x):
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = 0.5 * y[i - 1] + np.sin(x[i])
    return y


def backwards(x):
    y = x.copy()
    for i in range(len(x) - 2, -1, -1):
        y[i] += 0.3 * y[i + 1] ** 2
    return y


def in_place(x, n):
    for _ in range(n):
        x[1:-1] += 0.1 * (x[2:] - 2 * x[1:-1] + x[:-2])
    return np.sum(x**2)


def doubled(x, n):
    x = np.array(x)
    for _ in range(n):
        x *= 1.1
        x += 0.1
    return x


def swapped(x, n):
    u, un = x.copy(), np.zeros_like(x)
    for _ in range(n):
        un[1:-1] = 0.25 * u[:-2] + 0.5 * u[1:-1] + 0.25 * u[2:]
        u, un = un, u
    return u, un


def swapped_argument(x, n):
    other = np.zeros_like(x)
    for _ in range(n):
        other[:] = np.sin(x)
        x, other = other, x
    return x


def triangle(a):
    n = len(a)
    total = 0.0
    for i in range(n):
        for j in range(i + 1):
            for k in range(j, i):
                total += a[i] * a[j] - a[k]
    return total


def last_value(x):
    for i in range(len(x)):
        y = x[i] ** 2
    return y + i


def rows(a):
    total = 0.0
    for row in a:
        total += row[0] * row[1]
        row[0] = 0.0
    return total, a


def paired(x, y):
    total = 0.0
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        total += i * a * b
    for a in reversed(x):
        total = total * a + 1.0
    return total


def broken(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 1.5:
            break
        if x[i] < 0:
            continue
        total += x[i]
    return total, i


def found(x):
    for i in range(len(x)):
        if x[i] > 1.0:
            return x[i] * i
    return 0.0 * x[0]


def root(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def counted(x):
    i = 0
    total = 0.0
    while i < len(x) and x[i] < 1.0:
        total += x[i]
        i += 1
    return total


def forever(x):
    steps = 0
    while True:
        x = 0.5 * x
        steps += 1
        if x < 0.1:
            break
    return x * steps


def state_tuple(x, n):
    state = (x, 0.0)
    for _ in range(n):
        u, t = state
        state = (u * 0.9, t + np.sum(u))
    return state


def fill(a, i, value):
    a[i] = value
    return a


def helper_writes(x):
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        fill(out, i, x[i])
        row = out[i]
        row[1] = x[i] ** 2
    return out


def row_writes(x):
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        row = out[i]  # nothing but this view tells that the array is written into
        row[1] = x[i] ** 2
    return out


def alias(x, n):
    y = x.copy()
    view = y[1:3]
    for _ in range(n):
        y[:] = y * 0.5 + 1.0
        view += 0.1
    return y, view


def kept(x, n):
    previous = x
    for _ in range(n):
        previous = x
        x = np.cos(x)
    return x - previous


TABLE = np.array([3.0, 1.0, 4.0, 1.0, 5.0])


def table(x):
    total = 0.0
    for i in range(len(TABLE)):
        total += TABLE[i] * x[i] + [1.0, 2.0, 3.0, 4.0, 5.0][i]
    return total


@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("f", [in_place, doubled, swapped, swapped_argument, alias, state_tuple])
def test_trip_counts(f, n):
    check(f, X, n, static=1, captured=1 if n else None)


@pytest.mark.parametrize(
    "f",
    [weighted, recurrence, backwards, triangle, last_value, broken, found, counted, table, helper_writes, row_writes],
)
def test_arrays(f):
    lines = check(f, X)
    assert all(line.startswith("captured") for line in lines) and lines, lines


def test_power_of_a_scalar():
    for n in (0, 1, 2, 7):
        check(power, 1.3, n, static=1)


def test_previous_value():
    for n in (1, 2, 3):
        check(kept, X, n, static=1)


def test_items():
    check(rows, np.arange(6.0).reshape(3, 2), captured=1)
    check(paired, X, X[::-1].copy(), grad=(0, 1), captured=2)


def test_while():
    check(root, 2.0, captured=1)
    lines = check(forever, 3.0)
    assert any("loop while" in line for line in lines)


def test_traced_trip_count():
    f = wg.jit(power)
    assert [float(f(1.5, n)) for n in (0, 1, 4)] == [1.0, 1.5, 1.5**4]
    assert len(f._cache) == 1
    assert float(wg.jit(wg.grad(power))(1.5, 4)) == pytest.approx(4 * 1.5**3)


def halve_into(a, k, x):
    a[k] = a[k] * 0.5 + x
    return a[k] * 2.0


def written_by_a_helper_and_assigned(u, s):
    count = 0
    while count < 6 and s < 5.0:
        count += 1
        s = s + halve_into(u, 0, u[1])
        u, u = u, u
    return s + np.sum(u)


def test_a_name_given_to_its_own_array_stays_its_name():
    check(written_by_a_helper_and_assigned, X, 0.6, grad=(0, 1), captured=1)


def taking_turns_with_a_helper(u, v, s):
    w = np.ones(len(u)) * s
    for i in range(3):
        count = 0
        while count < 3 and i % 2 == 0:
            count += 1
            s = halve_into(u, 0, u[1])
            u, v = v, u
            w[1:-1] += 0.3 * u[2:] - 0.2 * w[:-2]
    return s + np.sum(u) + 2.0 * np.sum(v) + np.sum(w)


def test_what_is_refused_in_the_end_has_changed_nothing():
    """Two arrays that take turns, as often as a condition says, and are written into: who is who is not known."""
    lines = check(taking_turns_with_a_helper, X, X[::-1].copy(), 0.6, grad=(0, 1, 2))
    assert "variables take turns" in " ".join(lines)


def another_name_from_an_inner_loop(u, v, s, n):
    for _ in range(n):
        for _ in range(n):
            s = s * 0.9
            u = v
    s = s + halve_into(u, 0, u[1])
    return s + np.sum(u) + 2.0 * np.sum(v)


def another_name_from_a_choice_in_a_loop(u, v, s, n):
    for _ in range(n):
        if s > 0.1:
            u = v
        s = s * 0.9
    s = s + halve_into(u, 0, u[1])
    return s + np.sum(u) + 2.0 * np.sum(v)


@pytest.mark.parametrize("f", [another_name_from_an_inner_loop, another_name_from_a_choice_in_a_loop])
@pytest.mark.parametrize("n", [1, 3, 6])
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_another_name_of_an_array_is_not_lost(f, n):
    check(f, X, X[::-1].copy(), 0.6, n, static=3, grad=(0, 1, 2))


@pytest.mark.parametrize("stop", ["i", "1"])
def test_a_view_that_a_loop_may_leave_alone_is_still_a_view(stop):
    """The loop within may run not at all; then v is a part of m, which is written into later."""

    def view(m):
        m, v = m.copy(), np.ones(9)
        for i in range(6, 0, -1):
            v = m[:, i + 1]
            for _ in range(i if stop == "i" else 1, 1, -1):
                v = np.sum(m, 0)
        for i in range(1, 8, 2):
            m[i] += 0.4
        return np.sum(v)

    m = np.random.default_rng(0).random((9, 9))
    np.testing.assert_allclose(wg.jit(view)(m), view(m), rtol=1e-12)


def test_a_view_of_an_array_that_the_body_makes_is_still_a_view():
    def view(m):
        c, v = np.zeros((9, 9)), np.ones(9)
        m = m.copy()
        for i in range(1, 7):
            m[:, 1:] = 0.5 * m[:, :-1]
            c = np.exp(m) - m
            v = c[i, ::-1]
        v[1:] = 0.5
        return np.sum(c) + np.sum(v)

    m = np.random.default_rng(0).random((9, 9))
    np.testing.assert_allclose(wg.jit(view)(m), view(m), rtol=1e-12)
