"""The functions of the lecture.

To try the commands on them::

    wengert explain examples/lecture.py:f --at 2 3 --manual df
    wengert explain examples/lecture.py:simple --at 1 2 0
    wengert trace examples/lecture.py:network --at '[0.5, -1]' 1 '{"w": [[0.3, -0.2], [0.1, 0.4]], "v": [1, -1]}'
"""

import numpy as np


def f(x1, x2):
    return np.sin(x1) + x1 * x2


def df(x1, x2):
    """Return the derivatives of ``f``, worked out by hand."""
    return np.cos(x1) + x2, x1


def simple(x, y, z):
    s = x + y
    m = np.maximum(y, z)
    return s * m


def network(x, target, p):
    hidden = np.maximum(x @ p["w"], 0)
    return (hidden @ p["v"] - target) ** 2


def logistic_map(x, steps=6):
    for _ in range(steps):
        x = 4 * x * (1 - x)
    return x


def xor_loss(x, target, w1, b1, w2, b2):
    hidden = np.maximum(x @ w1 + b1, 0)
    output = hidden @ w2 + b2
    return np.mean((output - target) ** 2)


def xor_point():
    """Return a mini-batch of the exclusive-or problem, with some noise, and first parameters."""
    rng = np.random.default_rng(7)
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    x = np.round(np.repeat(corners, 3, axis=0) + 0.08 * rng.standard_normal((12, 2)), 3)
    target = np.repeat([[0.0], [1.0], [1.0], [0.0]], 3, axis=0)
    w1, b1 = np.round(rng.standard_normal((2, 6)), 3), np.round(0.1 * rng.standard_normal(6), 3)
    w2, b2 = np.round(0.6 * rng.standard_normal((6, 1)), 3), np.zeros(1)
    return x, target, w1, b1, w2, b2


def relaxation(u, rate):
    for _ in range(8):
        for _ in range(5):
            u = u - rate * (u**3 - u)
        u = np.tanh(2 * u)
    return np.sum(u)
