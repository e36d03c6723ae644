"""wg.checkpoint: the same derivatives of every order, from less memory."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg

RNG = np.random.default_rng(4)
X = RNG.normal(size=3)
WEIGHTS = [RNG.normal(size=(3, 3)) for _ in range(4)]


def network(wrap):
    @wrap
    def block(x, w, *, shift=0.0):
        return np.tanh(w @ x + shift), x[0] * 2.0

    def loss(x, weights):
        total = 0.0
        for w in weights:
            x, extra = block(x, w, shift=0.1)
            total = total + extra
        return np.sum(x**2) + total

    return loss


checked, plain = network(wg.checkpoint), network(lambda f: f)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f,
        wg.grad,
        wg.hessian,
        lambda f: wg.grad(lambda x: np.sum(wg.grad(f)(x) ** 2)),
        lambda f: lambda x: wg.jvp(f, (x,), (np.ones(3),))[1],
        lambda f: wg.jacfwd(wg.grad(f)),
        lambda f: lambda x: wg.vmap(wg.grad(f))(np.stack([x, 2 * x])),
        lambda f: wg.jit(wg.grad(f)),
        lambda f: wg.jit(wg.hessian(f)),
    ],
    ids=["value", "grad", "hessian", "grad of grad", "jvp", "jacfwd", "vmap", "jit", "jit hessian"],
)
def test_every_transform_gives_the_same(transform):
    f, g = (transform(lambda x, h=h: h(x, WEIGHTS)) for h in (checked, plain))
    np.testing.assert_allclose(f(X), g(X), rtol=1e-12, atol=1e-12)


def test_parameters_in_containers():
    for a, b in zip(wg.grad(checked, 1)(X, WEIGHTS), wg.grad(plain, 1)(X, WEIGHTS), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_captured_values_and_nesting():
    def f(a):
        @wg.checkpoint
        def inner(x):
            return np.sin(a * x)

        return wg.checkpoint(lambda x: inner(x) * inner(inner(x)))(2.0 * a)

    def g(a):
        inner = lambda x: np.sin(a * x)
        return inner(2.0 * a) * inner(inner(2.0 * a))

    assert wg.grad(f)(0.7) == pytest.approx(wg.grad(g)(0.7), rel=1e-13)
    assert wg.grad(wg.grad(f))(0.7) == pytest.approx(wg.grad(wg.grad(g))(0.7), rel=1e-12)
    assert f(0.7) == g(0.7)


def test_python_may_branch_and_arguments_need_not_be_arrays():
    @wg.checkpoint
    def f(x, kind, n=1):
        y = x
        for _ in range(n):
            y = y * x
        return np.sin(y) if kind == "sine" and x > 0 else y

    for x in (0.8, -0.8):
        expected = np.cos(x**3) * 3 * x**2 if x > 0 else 3 * x**2
        assert wg.grad(lambda x: f(x, "sine", n=2))(x) == pytest.approx(expected)
    h = wg.jit(wg.grad(lambda x: f(x, "sine", n=2)))
    assert h(0.8) == pytest.approx(np.cos(0.8**3) * 3 * 0.64)
    assert h(-0.8) == pytest.approx(3 * 0.64)


def test_in_loops():
    def f(wrap):
        step = wrap(lambda c, k: np.sin(c) * np.exp(-c * c) + k)
        return lambda x: wg.scan(lambda c, k: (step(c, k), c), x, np.arange(4.0))[0]

    assert wg.grad(f(wg.checkpoint))(0.3) == pytest.approx(wg.grad(f(lambda f: f))(0.3), rel=1e-13)
    assert wg.hessian(f(wg.checkpoint))(0.3) == pytest.approx(wg.hessian(f(lambda f: f))(0.3), rel=1e-12)


def test_memory_falls_and_operations_rise():
    """Eight blocks of four layers: 32 saved arrays become 8 and those of one block."""
    n, m = 50, 16
    weights = [RNG.normal(size=(m, m)) / 4 for _ in range(32)]

    def deep(wrap):
        @wrap
        def block(x, ws):
            for w in ws:
                x = np.tanh(x @ w)
            return x

        def loss(x):
            for k in range(0, 32, 4):
                x = block(x, weights[k : k + 4])
            return np.sum(x**2)

        return wg.jit(wg.grad(loss)).lower(np.ones((n, m)))

    less, more = deep(wg.checkpoint), deep(lambda f: f)
    assert less.arena < 0.5 * more.arena
    assert more.operations < less.operations < 1.5 * more.operations


def test_writing_into_an_argument_is_refused():
    def f(x):
        x[0] = 1.0
        return np.sum(x)

    with pytest.raises(wg.WengertError, match="does not write into its arguments"):
        wg.grad(wg.checkpoint(f))(np.ones(2))
    assert wg.checkpoint(f)(np.ones(2)) == 2.0
