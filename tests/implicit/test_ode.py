"""Differential equations: pushforward against variational equations, adjoint against both, events, every order."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.integrate

import wengert as wg

Y0 = np.array([1.0, 0.8])
TIMES = np.array([0.0, 0.7, 1.1, 2.0])
P = np.array([1.5, 1.0, 3.0, 1.0])
WEIGHTS = np.random.default_rng(2).normal(size=(4, 2))
TIGHT = {"rtol": 1e-12, "atol": 1e-12}


def predators(y, t, p):
    """Lotka and Volterra's equations, driven."""
    return np.array([y[0] * (p[0] - p[1] * y[1]), -y[1] * (p[2] - p[3] * y[0])]) + 0.2 * np.sin(t)


def solve(z, **how):
    """The solution as a function of initial value, times and parameters in one vector."""
    return wg.odeint(predators, z[:2], z[2:6], z[6:], **(how or TIGHT))


def loss(z, **how):
    return np.sum(WEIGHTS * solve(z, **how) ** 2)


Z = np.concatenate([Y0, TIMES, P])


def differences(f, x, step=2e-3):
    """Sixth-order central differences."""
    columns = []
    for k in range(x.size):
        e = np.zeros_like(x)
        e[k] = step
        near, far, farthest = (f(x + m * e) - f(x - m * e) for m in (1, 2, 3))
        columns.append((45 * near - 9 * far + farthest) / (60 * step))
    return np.stack(columns, axis=-1)


def test_values_are_scipys():
    found = scipy.integrate.solve_ivp(
        lambda t, y: predators(y, t, P), (0, 2), Y0, "DOP853", TIMES, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(solve(Z), found.y.T, rtol=1e-12)


def test_pushforward_solves_the_variational_equations():
    """The variational equations, written down by hand for the parameters and solved by SciPy."""

    def both(t, u):
        (x, y), s = u[:2], u[2:].reshape(2, 4)
        jacobian = np.array([[P[0] - P[1] * y, -P[1] * x], [P[3] * y, -P[2] + P[3] * x]])
        direct = np.array([[x, -x * y, 0, 0], [0, 0, -y, x * y]])
        return np.concatenate([predators(u[:2], t, P), (jacobian @ s + direct).ravel()])

    start = np.concatenate([Y0, np.zeros(8)])
    expected = scipy.integrate.solve_ivp(both, (0, 2), start, "DOP853", TIMES, rtol=1e-12, atol=1e-12).y[2:]
    expected = expected.T.reshape(4, 2, 4)
    f = lambda p: wg.odeint(predators, Y0, TIMES, p, **TIGHT)
    np.testing.assert_allclose(wg.jacfwd(f)(P), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(wg.jacrev(f)(P), expected, rtol=1e-9, atol=1e-10)


def test_both_modes_equal_differences_in_initial_value_times_and_parameters():
    expected = differences(loss, Z)
    np.testing.assert_allclose(wg.grad(loss)(Z), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(wg.jacfwd(loss)(Z), expected, rtol=1e-8, atol=1e-8)


def small(u):
    """The loss as a function of one initial value, one time and two parameters."""
    y0, times = np.array([u[0], 0.8]), np.array([0.0, u[1], 1.0])
    p = np.array([u[2], 1.0, u[3], 1.0])
    return np.sum(wg.odeint(predators, y0, times, p, rtol=1e-11, atol=1e-11)[1:] ** 2)


SMALL = np.array([1.0, 0.6, 1.5, 3.0])


@functools.cache
def curvature():
    """The Hessian by differences of the gradient, which is checked elsewhere."""
    return differences(wg.grad(small), SMALL)


@pytest.mark.parametrize(
    "second",
    [
        lambda f: wg.jacfwd(wg.grad(f)),
        lambda f: wg.jacrev(wg.grad(f)),
        lambda f: wg.jacrev(wg.jacfwd(f)),
        lambda f: wg.jacfwd(wg.jacfwd(f)),
        lambda f: wg.jit(wg.hessian(f)),
    ],
    ids=["forward over reverse", "reverse over reverse", "reverse over forward", "forward over forward", "jit"],
)
def test_second_derivatives(second):
    np.testing.assert_allclose(second(small)(SMALL), curvature(), rtol=1e-6, atol=1e-6)


def test_orders_of_the_exponential():
    def f(rate):
        return wg.odeint(lambda y, t: rate * y, 1.0, np.array([0.0, 0.5]), **TIGHT)[-1]

    g = f
    for order in range(4):
        assert g(1.2) == pytest.approx(0.5**order * np.exp(0.6), rel=1e-9)
        g = wg.grad(g)


def test_error_follows_the_tolerance():
    exact = wg.grad(loss)(Z)
    for tol in (1e-4, 1e-7, 1e-10):
        found = wg.grad(lambda z, tol=tol: loss(z, rtol=tol, atol=tol))(Z)
        assert np.abs(found - exact).max() < 2000 * tol


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA"])
def test_methods(method):
    how = {"method": method, "rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(solve(Z, **how), solve(Z), rtol=1e-3)
    np.testing.assert_allclose(wg.grad(lambda z: loss(z, **how))(Z), wg.grad(loss)(Z), rtol=1e-3, atol=1e-2)


def test_a_stiff_equation_cannot_be_run_backwards_and_need_not_be():
    """Solutions approach each other like exp(-1000 t): run backwards, y would grow by exp(5000)."""

    def f(p):
        return wg.odeint(lambda y, t: -1000 * (y - p[0] * np.cos(p[1] * t)), 2.0, np.array([0.0, 5.0]), method="Radau")[
            -1
        ]

    p = np.array([1.5, 0.7])
    # After the transient y follows (a² cos(b t) + a b sin(b t)) / (a² + b²) with a = 1000.
    exact = lambda p: p[0] * (1e6 * np.cos(5 * p[1]) + 1e3 * p[1] * np.sin(5 * p[1])) / (1e6 + p[1] ** 2)
    assert f(p) == pytest.approx(exact(p), rel=1e-6)
    np.testing.assert_allclose(wg.grad(f)(p), wg.grad(exact)(p), rtol=1e-5)
    np.testing.assert_allclose(wg.jacfwd(f)(p), wg.grad(exact)(p), rtol=1e-5)


def test_vmap_and_jit():
    batch = SMALL * np.array([[1.0], [1.02]])
    for f in (small, wg.grad(small), lambda u: wg.hvp(small, (u,), (np.ones(4),))):
        loop = np.stack([f(u) for u in batch])
        np.testing.assert_allclose(wg.vmap(f)(batch), loop, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(wg.jit(f)(SMALL), loop[0], rtol=1e-9, atol=1e-9)
    batch = Z * np.array([[1.0], [1.02]])
    shared = wg.grad(lambda p: np.sum(wg.vmap(lambda y: wg.odeint(predators, y, TIMES, p, **TIGHT))(batch[:, :2]) ** 2))
    single = wg.grad(lambda p, y: np.sum(wg.odeint(predators, y, TIMES, p, **TIGHT) ** 2))
    np.testing.assert_allclose(shared(P), sum(single(P, y) for y in batch[:, :2]), rtol=1e-8)
    both = wg.vmap(wg.vmap(lambda y, p: wg.odeint(predators, y, TIMES, p), (0, None)), (None, 0))(
        batch[:, :2], batch[:, 6:]
    )
    np.testing.assert_allclose(both[1, 0], wg.odeint(predators, batch[0, :2], TIMES, batch[1, 6:]), rtol=1e-9)


def test_captured_values_and_containers():
    def f(a, b):
        def motion(y, t, k):
            return {"x": y["v"], "v": -k["stiffness"] * y["x"] - a * y["v"]}

        ys = wg.odeint(
            motion, {"x": b * np.ones((2, 1)), "v": np.zeros((2, 1))}, [0.0, 1.0, 2.0], {"stiffness": b}, **TIGHT
        )
        assert ys["x"].shape == (3, 2, 1)
        return np.sum(ys["x"][-1] ** 2) + np.sum(ys["v"][1])

    slope = wg.grad(f, argnums=(0, 1))(0.3, 1.2)
    expected = differences(lambda z: f(z[0], z[1]), np.array([0.3, 1.2]))
    np.testing.assert_allclose(slope, expected, rtol=1e-9)


def test_backwards_in_time_and_single_times():
    there = wg.odeint(predators, Y0, TIMES, P, **TIGHT)
    back = lambda y: wg.odeint(predators, y, TIMES[::-1], P, **TIGHT)
    np.testing.assert_allclose(back(there[-1])[-1], Y0, rtol=1e-9)
    np.testing.assert_allclose(wg.jacrev(back)(there[-1]), wg.jacfwd(back)(there[-1]), rtol=1e-8, atol=1e-9)
    assert wg.odeint(predators, Y0, np.array([1.0]), P).tolist() == [Y0.tolist()]
    once = wg.jacrev(lambda y: wg.odeint(predators, y, np.array([1.0]), P))(Y0)
    np.testing.assert_array_equal(once, np.eye(2)[None])
    assert wg.odeint(lambda y, t: -y, np.ones(3, np.float32), [0, 1]).dtype == np.float32


def test_many_parameters():
    """A small neural differential equation: a gradient of 354 entries by one backward run."""
    rng = np.random.default_rng(0)
    w = {
        "a": rng.normal(size=(2, 50)) / 2,
        "b": rng.normal(size=(50, 2)) / 7,
        "c": np.zeros(50),
        "d": rng.normal(size=(50, 2)),
    }

    def f(w):
        field = lambda y, t, w: np.tanh((y**3) @ w["a"] + w["c"]) @ w["b"] + 0 * np.sum(w["d"])
        return np.sum(wg.odeint(field, Y0, np.linspace(0, 1, 5), w, rtol=1e-10, atol=1e-10) ** 2)

    slope = wg.grad(f)(w)
    direction = {k: rng.normal(size=v.shape) for k, v in w.items()}
    step = 1e-4
    up, down = ({k: w[k] + s * direction[k] for k in w} for s in (step, -step))
    expected = (f(up) - f(down)) / (2 * step)
    assert sum(np.sum(slope[k] * direction[k]) for k in w) == pytest.approx(expected, rel=1e-6)
    assert not slope["d"].any()


# -- events -----------------------------------------------------------------------------------------------------------


def dropped(height, speed=0.0, gravity=9.81):
    """When a ball hits the ground, and its speed then."""
    motion = lambda y, t: np.array([y[1], -gravity])
    t, y = wg.odeint(motion, np.array([height, speed]), [0.0, 10.0], event=lambda y, t: y[0], direction=-1, **TIGHT)
    return t, y[1]


def exact(height, speed=0.0, gravity=9.81):
    t = (speed + np.sqrt(speed**2 + 2 * gravity * height)) / gravity
    return t, speed - gravity * t


@pytest.mark.parametrize("k", [0, 1])
def test_events_to_second_order(k):
    args = (2.0, 0.5, 9.81)
    found, expected = (lambda *a: dropped(*a)[k]), (lambda *a: exact(*a)[k])
    assert found(*args) == pytest.approx(expected(*args), rel=1e-11)
    for mode in (wg.jacrev, wg.jacfwd):
        np.testing.assert_allclose(mode(found, (0, 1, 2))(*args), wg.grad(expected, (0, 1, 2))(*args), rtol=1e-9)
    np.testing.assert_allclose(wg.hessian(found)(*args), wg.hessian(expected)(*args), rtol=1e-8)
    np.testing.assert_allclose(wg.grad(wg.grad(found))(*args), wg.hessian(expected)(*args), rtol=1e-8)
    np.testing.assert_allclose(wg.jit(wg.grad(found))(*args), wg.grad(expected)(*args), rtol=1e-9)
    heights = np.array([1.0, 2.0])
    np.testing.assert_allclose(wg.vmap(wg.grad(found))(heights), [wg.grad(expected)(h) for h in heights], rtol=1e-9)


def test_a_bouncing_ball():
    def third_bounce(restitution):
        now, y = 0.0, np.array([1.0, 0.0])
        for _ in range(3):
            t, y = wg.odeint(
                lambda y, t: np.array([y[1], -9.81]), y, np.array([now, now + 5]), event=lambda y, t: y[0], direction=-1
            )
            now, y = t, np.array([0.0, -restitution * y[1]])
        return now

    first = np.sqrt(2 / 9.81)
    assert third_bounce(0.8) == pytest.approx(first * (1 + 2 * 0.8 + 2 * 0.64), rel=1e-7)
    assert wg.grad(third_bounce)(0.8) == pytest.approx(first * (2 + 4 * 0.8), rel=1e-6)


def test_an_event_that_depends_on_time_and_parameters():
    def f(p):
        t, _ = wg.odeint(lambda y, t, p: 1.0, 0.0, [0.0, 10.0], p, event=lambda y, t, p: y * p + t - 3.0)
        return t

    # y = t, hence t (1 + p) = 3.
    assert f(0.5) == pytest.approx(2.0)
    assert wg.grad(f)(0.5) == pytest.approx(-3 / 1.5**2)
