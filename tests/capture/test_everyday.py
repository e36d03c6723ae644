"""Everyday code, captured: sorting, flags, objects with methods, functions inside, vmap and grad inside."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg

from .compare import check

X = np.array([0.3, -1.2, 0.8, 2.0])


class Model:
    def __init__(self):
        self.k = 0.5
        self.w = np.array([1.0, 2.0, 3.0, 4.0])

    def step(self, x, i):
        if x[i] > 0:
            return x * self.k + self.w[i]
        return x - 1.0

    def run(self, x):
        for i in range(len(x)):
            x = self.step(x, i)
        return x


MODEL = Model()


def method(x):
    return MODEL.run(x)


def inner_function(x):
    def add(a, b):
        for k in range(3):
            a = a + b * k
        return a

    for i in range(4):
        x = add(x, x[i])
    return x


def dictionary(x):
    state = {"a": x, "n": 0}
    for i in range(3):
        state["a"] = state["a"] * 0.5 + i
        state["n"] += 1
    return state["a"] * state["n"]


def two_counters(x):
    a = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            a[i, j] = x[0] * i - j if i != j else x[1]  # two Python numbers are compared
            a[i][j] += 1
    return a


def bubble_sort(x):
    x = x.copy()
    n = len(x)
    for i in range(n):
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return x


def insertion_sort(x):
    x = x.copy()
    for i in range(1, len(x)):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key
    return x


def best(x):
    found = None
    for i in range(len(x)):
        if found is None or x[i] > found:
            found = x[i]
    return found


def flag(x):
    value, done, count = x[3], False, 0
    while not done and count < 50:
        value = 0.5 * (value + 2 / value)
        count += 1
        done = abs(value * value - 2) < 1e-10
    return value + count


def gradient_descent(x):
    for i in range(3):
        x = x - 0.1 * wg.grad(lambda z, i=i: np.sum(z**4) * (i + 1))(x)
    return x


def while_with_swap(x):
    u, v = x.copy(), np.zeros_like(x)
    change = 1.0
    while change > 0.1:
        v[:] = u * 0.5
        change = np.max(np.abs(v - u))
        u, v = v, u
    return u


def kept_in_try(x):
    total = 0.0
    for i in range(4):
        try:
            total += x[i]
        finally:
            total *= 1.1
    return total


@pytest.mark.parametrize(
    "f",
    [
        method,
        inner_function,
        dictionary,
        two_counters,
        bubble_sort,
        insertion_sort,
        best,
        flag,
        gradient_descent,
        while_with_swap,
        kept_in_try,
    ],
)
def test_everyday(f):
    check(f, X)


def test_single_precision_stays():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i] * i
            x[i] = total
        return x

    assert wg.jit(f)(X.astype(np.float32)).dtype == np.float32
    check(f, X.astype(np.float32), grad=None)


def test_branches_on_batch_entries_under_vmap():
    def one(v):
        for i in range(3):
            if v[i] > 0:
                v = v * 2
            else:
                v = v + 1
        return v

    batch = np.stack([X, -X])
    np.testing.assert_allclose(wg.jit(wg.vmap(one))(batch), [one(X), one(-X)])


def test_what_is_set_on_objects_is_set_each_time():
    class Counter:
        n = 0

    def f(x):
        counter = Counter()
        for _ in range(5):
            x = x * 1.5
            counter.n += 1
        return x * counter.n

    lines = check(f, X)
    assert "sets the attribute n" in lines[0]


def straight_on(x):
    return np.sum(np.sin(x) * x)


def entries(x):
    y = np.zeros(3)
    y[0] = x[0] * 2.0
    return y


def test_only_functions_with_something_to_capture_are_looked_up_in_their_source(monkeypatch):
    from wengert.trace.capture import source

    asked = []
    read = source._definition
    monkeypatch.setattr(source, "_definition", lambda function: asked.append(function.__name__) or read(function))
    source._REWRITTEN.clear()
    assert source.rewritten(straight_on) is None
    assert source.rewritten(entries) is not None
    assert source.rewritten(inner_function) is not None
    assert asked == ["entries", "inner_function"]
