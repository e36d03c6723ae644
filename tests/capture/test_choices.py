"""If statements, conditional expressions and jumps, captured."""

from __future__ import annotations

import math

import numpy as np
import pytest

import wengert as wg

from .compare import check

X = np.array([0.3, -1.2, 0.8, 2.0, -0.4])
POINTS = (-2.0, -0.5, 0.0, 0.4, 1.5, 3.0)


def nested(x):
    if x > 1:
        y = x**2 if x < 2 else 3.0 * x
    elif x > 0 and not x > 0.3:
        y = np.sin(x)
    else:
        y = -x
        y += 1.0
    return y


def early(x):
    if x > 1:
        return x**2
    if x < -1:
        x = -x
    elif x < 0:
        return 5.0 * x
    return np.exp(x)


def helpers(x):
    return early(x) + early(2.0 - x) * nested(x)


def arrays(x, c):
    y = x.copy()
    if c > 0:
        y[1:] += x[:-1]
        z = y * 2.0
    else:
        y[0] = 7.0 * c
        z = x
    return y, np.sum(z)


def chained(x):
    total = 0.0
    for i in range(len(X)):
        if -1.0 < X[i] * x < 1.0 or x > 2.5:
            total += min(x, X[i], 0.5) - max(x, X[i])
        total = abs(total) if total < -3.0 else total
    return total


def mathematical(x):
    total = 0.0
    for i in range(1, 4):
        total += math.sin(x * i) + math.exp(-abs(x)) + math.floor(x * i) + float(i) * int(x) + round(x)
    return total


def first_above(x):
    index = -1
    value = 0.0
    for i in range(len(x)):
        if x[i] > 0.5:
            index = i
            value = x[i]
            break
    return value * (index + 1)


def bisect(x):
    low, high = 0.0, 4.0
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if middle**2 < x:
            low = middle
        else:
            high = middle
    return low


def defined_in_a_branch(x):
    found = False
    for i in range(len(X)):
        if X[i] > x:
            where, found = i, True
            break
    return where * x if found else -x


@pytest.mark.parametrize("f", [nested, early, helpers, chained, mathematical, defined_in_a_branch])
def test_scalars(f):
    compiled, slope = wg.jit(f), wg.jit(wg.grad(f))
    for x in POINTS:
        assert float(compiled(x)) == pytest.approx(float(f(x)), rel=1e-12)
        expected = _slope(x) if f is mathematical else wg.grad(f)(x)
        assert float(slope(x)) == pytest.approx(float(expected), rel=1e-6)


def _slope(x):
    """Return the derivative of what math.sin and the like compute, which only captured code differentiates."""
    return sum(i * math.cos(x * i) for i in range(1, 4)) - 3 * np.sign(x) * math.exp(-abs(x))


def test_one_program_for_all_branches():
    f = wg.jit(nested)
    assert not f.variant((0.5,), {}).guards
    assert [float(f(x)) for x in POINTS] == [float(nested(x)) for x in POINTS]


def test_arrays_in_branches():
    for c in (1.0, -1.0):
        check(arrays, X, c, grad=(0, 1), captured=1)


def test_search():
    check(first_above, X, captured=2)
    check(first_above, -np.abs(X), captured=2)
    lines = check(bisect, 2.0, grad=None)
    assert sum(line.startswith("captured") for line in lines) == 2


def test_branches_that_cannot_be_joined_are_guarded():
    def f(x):
        y = x if x[0] > 0 else x[1:]
        if x[0] > 0:
            y = y[:2]
        return np.sum(y * y)

    lines = check(f, X)
    assert [line.partition(":")[0] for line in lines] == ["guarded"]
    check(f, -X)


def test_exceptions_are_raised_where_python_raises_them():
    def f(x):
        for i in range(len(x)):
            if x[i] > 100:
                raise ValueError("too large")
        return np.sum(x)

    check(f, X)
    with pytest.raises(ValueError, match="too large"):
        wg.jit(f)(X * 1000)


def test_a_name_that_is_an_alias_in_one_branch_only():
    def f(x, c):
        y = np.zeros(5)
        if c > 0:
            y = x
        change(y)
        return np.sum(x * x) + np.sum(y)

    def change(y):
        y[0] = 3.0

    for c in (1.0, -1.0):
        check(f, X, c, grad=(0, 1))


def test_list_that_grows_is_unrolled():
    def f(x):
        parts = []
        for i in range(3):
            parts.insert(0, x[i] * i)
        return np.sum(np.array(parts))

    lines = check(f, X)
    assert "parts, a list, dict or set, is changed in place" in lines[0]


def test_long_unrolled_loops_say_so_once():
    def f(x):
        parts = []
        for i in range(150):
            parts.insert(0, x * i)
        return sum(parts)

    compiled = wg.jit(f)
    with pytest.warns(RuntimeWarning, match=r"ran 150 times.*parts"):
        compiled(1.0)
    compiled(np.float32(1.0))


def test_asserts_and_prints_are_left_out(capsys):
    def f(x):
        for i in range(3):
            assert x > -100
            print(x)
            x = x * 0.5 + i
        return x

    with pytest.warns(RuntimeWarning) as caught:
        assert float(wg.jit(f)(1.0)) == 2.625
    text = " ".join(str(w.message) for w in caught)
    assert "does not print" in text and "does not check" in text
    assert not capsys.readouterr().out


def test_pure_python_loops_stay_python():
    def f(x):
        sizes = [0, 0, 0]
        for i in range(3):
            sizes[i] = i + 1
        return np.sum(np.ones(sizes[2]) * x)

    check(f, 2.0)


def test_branches_whose_writes_do_not_settle_are_python_s_own():
    def f(u, s):
        m = np.zeros((4, 4)) + u
        if s > u[0]:
            if u[1] < 5:
                return s
            s = s * 2
        elif u[0] > -0.3:
            v = 0.5 * u
            row = m[0]
            row[1] = 0.2 * s
            v[0] = 0.4 * s
        return s + np.sum(m * m) * 0.1

    for u, s in ((np.array([0.3, -0.7, 1.1, 0.4]), 0.6), (np.array([0.9, -0.7, 1.1, 0.4]), 0.6)):
        np.testing.assert_allclose(wg.jit(f)(u.copy(), s), f(u.copy(), s), rtol=1e-12)


def either_array(x):
    y = np.sin(x)
    one = y if x[0] > 0 else np.cos(x)
    one[:2] = 3.0
    return np.sum(y * y) + np.sum(one)


def either_pair(x):
    y = np.sin(x)
    pair = (y, y[1:]) if x[0] > 0 else (2 * y, y[1:])
    pair[1][:] = 3.0
    return np.sum(pair[0]) * np.sum(pair[1])


@pytest.mark.parametrize("function", [either_array, either_pair])
def test_what_a_conditional_expression_chooses_may_be_another_variable_s_array(function):
    for x in (X, -X):
        check(function, x)
