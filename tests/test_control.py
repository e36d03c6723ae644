"""scan, fori_loop, while_loop, cond, switch, associative_scan: values, both modes, second order, vmap, jit, nesting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.errors import ArgumentError, ShapeError, UntraceableError

U = np.linspace(0.2, 1.4, 6) ** 2


def root(a: Any) -> Any:
    return wg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a)


def heat(c: Any, u: Any) -> Any:
    def step(i: Any, v: Any) -> Any:
        v[1:-1] += c * (v[2:] - 2 * v[1:-1] + v[:-2]) * v[1:-1]
        return v

    return np.sum(wg.fori_loop(0, 7, step, u) ** 2)


def heat_unrolled(c: Any, u: Any) -> Any:
    v = u.copy()
    for _ in range(7):
        v[1:-1] += c * (v[2:] - 2 * v[1:-1] + v[:-2]) * v[1:-1]
    return np.sum(v**2)


def piecewise(x: Any) -> Any:
    return wg.cond(x > 1, lambda x: np.sin(x) * x, lambda x: x**3, x)


def recurrence(w: Any, xs: Any) -> Any:
    def step(state: Any, x: Any) -> Any:
        h, t = state["h"], state["t"]
        h = np.tanh(w @ h + x)
        return {"h": h, "t": t + np.sum(h)}, h[0]

    last, firsts = wg.scan(step, {"h": np.zeros(3), "t": 0.0}, xs)
    return last["t"] + np.sum(firsts**2)


def recurrence_unrolled(w: Any, xs: Any) -> Any:
    h, t, firsts = np.zeros(3), 0.0, 0.0
    for x in xs:
        h = np.tanh(w @ h + x)
        t = t + np.sum(h)
        firsts = firsts + h[0] ** 2
    return t + firsts


W, XS = np.random.default_rng(0).normal(size=(3, 3)), np.random.default_rng(1).normal(size=(5, 3))


def test_a_loop_equals_the_unrolled_program_in_every_transform() -> None:
    for rolled, unrolled, args in ((heat, heat_unrolled, (0.1, U)), (recurrence, recurrence_unrolled, (W, XS))):
        expected = wg.grad(unrolled, (0, 1))(*args)
        for transform in (wg.grad, lambda f, n: wg.jit(wg.grad(f, n)), lambda f, n: wg.grad(wg.jit(f), n)):
            for found, wanted in zip(transform(rolled, (0, 1))(*args), expected, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(wg.hessian(rolled, 1)(*args), wg.hessian(unrolled, 1)(*args), rtol=1e-10, atol=1e-12)
        ts = tuple(np.ones_like(a) for a in args)
        assert wg.jvp(rolled, args, ts)[1] == pytest.approx(wg.jvp(unrolled, args, ts)[1], rel=1e-12)
        batch = np.stack([args[1], args[1] * 0.5])
        np.testing.assert_allclose(
            wg.vmap(wg.grad(rolled, 1), (None, 0))(args[0], batch),
            wg.vmap(wg.grad(unrolled, 1), (None, 0))(args[0], batch),
            rtol=1e-12,
        )


def test_while_loops_are_differentiated_in_both_modes() -> None:
    for a in (2.0, 50.0):
        assert float(root(a)) == pytest.approx(np.sqrt(a), rel=1e-12)
        for slope in (wg.grad(root)(a), wg.jit(wg.grad(root))(a), wg.jvp(root, (a,), (1.0,))[1]):
            assert float(slope) == pytest.approx(0.5 / np.sqrt(a), rel=1e-9)
    many = np.array([2.0, 50.0, 1e6])
    np.testing.assert_allclose(wg.vmap(root)(many), np.sqrt(many), rtol=1e-12)
    np.testing.assert_allclose(wg.vmap(wg.grad(root))(many), 0.5 / np.sqrt(many), rtol=1e-9)
    np.testing.assert_allclose(wg.jacobian(wg.vmap(root))(many), np.diag(0.5 / np.sqrt(many)), rtol=1e-9)


def test_a_while_loop_longer_than_there_was_room_for() -> None:
    def f(x: Any, n: Any) -> Any:
        return wg.while_loop(lambda s: s[1] < n, lambda s: (np.sin(s[0]) + x, s[1] + 1), (x, 0))[0]

    def by_hand(x: float, n: int) -> tuple[float, float]:
        value, slope = x, 1.0
        for _ in range(n):
            value, slope = np.sin(value) + x, np.cos(value) * slope + 1
        return value, slope

    for n in (10, 3000, 20000):
        for g in (wg.grad(f), wg.jit(wg.grad(f))):
            assert float(g(0.3, n)) == pytest.approx(by_hand(0.3, n)[1], rel=1e-9)


def test_number_of_iterations_from_data() -> None:
    def power(x: Any, n: Any) -> Any:
        return wg.fori_loop(0, n, lambda i, v: v * x, 1.0)

    assert float(wg.grad(power)(2.0, np.int64(6))) == 6 * 2.0**5
    f = wg.jit(wg.grad(power))
    assert [float(f(2.0, n)) for n in (0, 1, 2, 9)] == [0.0, 1.0, 4.0, 9 * 2.0**8]
    np.testing.assert_array_equal(wg.vmap(power, (None, 0))(2.0, np.arange(5)), 2.0 ** np.arange(5))
    np.testing.assert_allclose(
        wg.vmap(wg.grad(power), (None, 0))(2.0, np.arange(1, 5)), [n * 2.0 ** (n - 1) for n in range(1, 5)]
    )


def test_choices() -> None:
    for x in (0.5, 2.0):
        slope = np.sin(x) + x * np.cos(x) if x > 1 else 3 * x**2
        for g in (wg.grad(piecewise), wg.jit(wg.grad(piecewise)), wg.grad(wg.jit(piecewise))):
            assert float(g(x)) == pytest.approx(slope)
    xs = np.array([0.5, 2.0, -1.0])
    np.testing.assert_allclose(wg.vmap(wg.grad(piecewise))(xs), [wg.grad(piecewise)(x) for x in xs])
    assert [float(wg.switch(k, [np.sin, np.cos, np.exp], 0.0)) for k in (-3, 0, 1, 2, 9)] == [0, 0, 1, 1, 1]
    # What was not chosen has no influence, not even where it is not finite.
    assert float(wg.grad(lambda x: wg.cond(x > 0, np.log, lambda x: x * 0, x))(0.0)) == 0.0


def test_a_choice_without_operands_in_a_batch() -> None:
    def f(x: Any) -> Any:
        s = 1.0
        for i in range(1):
            if x[0] > 0.4:
                s = np.tanh(s) - x[i + 1]
            else:
                s = np.tanh(s) - x[i + 2]
            if s > 3.0:
                break
        return s

    xs = np.random.default_rng(0).random((4, 3))
    np.testing.assert_allclose(wg.jit(wg.vmap(f))(xs), [f(x) for x in xs])


def test_a_choice_inside_a_loop_reads_a_large_array_in_place() -> None:
    data = np.random.default_rng(2).normal(size=50)

    def f(x: Any) -> Any:
        def step(i: Any, s: Any) -> Any:
            return wg.cond(x[i] > 0, lambda s: s + x[i] ** 2, lambda s: s, s)

        return wg.fori_loop(0, 50, step, 0.0)

    expected = np.where(data > 0, 2 * data, 0)
    np.testing.assert_allclose(wg.grad(f)(data), expected)
    np.testing.assert_allclose(wg.jit(wg.grad(f))(data), expected)


def test_prefixes() -> None:
    rng = np.random.default_rng(3)
    for n in (0, 1, 2, 3, 8, 13):
        x = rng.normal(size=(2, n))
        np.testing.assert_allclose(wg.associative_scan(np.add, x, axis=1), np.cumsum(x, 1))
        np.testing.assert_allclose(
            wg.associative_scan(np.add, x, axis=1, reverse=True), np.cumsum(x[:, ::-1], 1)[:, ::-1]
        )
    a, b = rng.normal(size=7), rng.normal(size=7)

    def linear(p: Any, q: Any) -> Any:
        return p[0] * q[0], q[0] * p[1] + q[1]

    state, expected = 0.0, []
    for k in range(7):
        state = a[k] * state + b[k]
        expected.append(state)
    np.testing.assert_allclose(wg.associative_scan(linear, (a, b))[1], expected)
    wg.check_grads(lambda a, b: np.sum(wg.associative_scan(linear, (a, b))[1]), (a, b))


def test_a_carry_settles_on_a_dtype() -> None:
    def total(start: Any) -> Any:
        return wg.jit(lambda x: wg.fori_loop(0, 4, lambda i, s: s + x[i], start))

    x = np.arange(4, dtype=np.float32)
    assert [total(start)(x).dtype for start in (0.0, 0, np.float64(0))] == [np.float32, np.float32, np.float64]
    assert wg.fori_loop(0, 4, lambda i, s: s + 1, 0).dtype == np.int64
    assert wg.fori_loop(0, 4, lambda i, s: s + i * 0.5, np.float32(0)).dtype == np.float64


def test_mistakes_are_explained() -> None:
    with pytest.raises(ShapeError, match="returns a carry of the shapes"):
        wg.fori_loop(0, 3, lambda i, v: np.concatenate([v, v]), U)
    with pytest.raises(ArgumentError, match="returns a pair"):
        wg.scan(lambda c, x: c, 0.0, U)
    with pytest.raises(ShapeError, match="one common length"):
        wg.scan(lambda c, x: (c, x), 0.0, (U, U[:2]))
    with pytest.raises(UntraceableError, match="recorded once"):
        wg.fori_loop(0, 3, lambda i, v: v if v > 0 else -v, 1.0)
    with pytest.raises(ShapeError, match="same shapes and dtypes"):
        wg.cond(True, lambda x: x, lambda x: x[:2], U)
    with pytest.raises(ShapeError, match="single bool"):
        wg.cond(U > 0, lambda x: x, lambda x: x, U)
