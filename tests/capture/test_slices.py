"""Slices with computed bounds in captured loops."""

from __future__ import annotations

import numpy as np
import pytest

from .compare import check

X = np.array([0.3, -1.2, 0.8, 2.0, -0.4, 1.1])
A = np.add.outer(X, X[::-1]) / 9 + 2.0 * np.eye(6)


def windows(x):
    y = x.copy()
    for i in range(1, len(x) - 1):
        y[i - 1 : i + 2] += 0.1 * x[i] * x[i - 1 : i + 2]
        y[i] += np.sum(y[i : i + 2])
    return y


def blocks(a):
    out = np.zeros((3, 6))
    for i in range(3):
        out[i] = a[2 * i : 2 * i + 2, 1:].sum(axis=0).mean() + a[2 * i]
        part = out[i, i : i + 3]
        part *= 2.0
    return out


def levinson(r, b):
    n = len(b)
    y, x = np.zeros(n), np.zeros(n)
    y[0], x[0] = -r[0], b[0]
    alpha, beta = -r[0], 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        mu = (b[k] - np.dot(r[:k], x[:k][::-1])) / beta
        x[:k] += mu * y[:k][::-1]
        x[k] = mu
        if k < n - 1:
            alpha = -(r[k] + np.dot(r[:k], y[:k][::-1])) / beta
            y[:k] += alpha * y[:k][::-1]
            y[k] = alpha
    return np.sum(x * x)


def back_substitution(a, b):
    n = len(b)
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


def running(x):
    out = np.zeros(len(x))
    for i in range(1, len(x) + 1):
        out[i - 1] = np.max(x[:i]) - x[:i].min() + np.mean(np.sin(x[:i]) * 2.0) + x[:i][-1]
        x[i - 1 :] = x[i - 1 :] * 0.9
    return out


@pytest.mark.parametrize(
    ("f", "args", "grad"),
    [
        (windows, (X,), 0),
        (blocks, (A,), 0),
        (levinson, (0.2 * X, X), (0, 1)),
        (back_substitution, (A, X), (0, 1)),
        (running, (X,), 0),
    ],
)
def test_slices(f, args, grad):
    lines = check(f, *args, grad=grad)
    assert all(line.startswith("captured") for line in lines), lines


def test_what_may_lie_outside_is_unrolled():
    def f(x):
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = np.sum(x[i - 1 : i + 2])
        return y

    lines = check(f, X)
    assert "bounds that may lie outside" in lines[0]
