"""Roots, fixed points, minima and linear systems: values and derivatives, in every mixture of transforms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import wengert as wg

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
B = RNG.normal(size=4)
P = RNG.uniform(0.5, 1.5, 4)


def cubic(x, p):
    """A system with one real root, close to linear in no part."""
    return A @ x + 0.1 * x**3 - p * B


def root(p):
    return wg.root(cubic, np.zeros(4), p)


def contraction(p):
    return wg.fixed_point(lambda x: 0.3 * np.tanh(A @ x / 4) + p, np.zeros(4))


def minimum(p):
    return wg.minimize(lambda x: np.sum((x - p) ** 4) + np.sum(p * x**2) + x @ A @ x / 8, np.zeros(4))


def bounded(p):
    return wg.minimize(lambda x: np.sum((x - 2 * p) ** 2) + x[0] * x[1], np.zeros(4), bounds=(-p, 1.2))


def linear(p):
    return wg.linear_solve(lambda x: A @ x + p * x, B * p)


def iterated(p):
    return wg.linear_solve(lambda x: A @ x + p * x, B * p, method="gmres", rtol=1e-13)


def symmetric(p):
    return wg.linear_solve(lambda x: A @ (x @ A) + p * x, B * p, method="cg", symmetric=True, rtol=1e-13)


FUNCTIONS = [root, contraction, minimum, bounded, linear, iterated, symmetric]
every = pytest.mark.parametrize("f", FUNCTIONS)


def weighted(f):
    return lambda p: np.sum(f(p) * np.array([1.0, -2.0, 0.5, 3.0])) ** 2


def differences(f, x, step=1e-5):
    """Fourth-order central differences of an array function."""
    columns = []
    for k in range(x.size):
        e = np.zeros_like(x)
        e[k] = step
        columns.append((8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * step))
    return np.stack(columns, axis=-1)


# -- values and first derivatives -------------------------------------------------------------------------------------


def test_values_fulfil_their_equations():
    assert np.abs(cubic(root(P), P)).max() < 1e-13
    x = contraction(P)
    assert np.abs(0.3 * np.tanh(A @ x / 4) + P - x).max() < 1e-13
    x = minimum(P)
    assert np.abs(4 * (x - P) ** 3 + 2 * P * x + (A + A.T) @ x / 8).max() < 1e-12
    np.testing.assert_allclose(linear(P), np.linalg.solve(A + np.diag(P), B * P), rtol=1e-12)
    np.testing.assert_allclose(iterated(P), linear(P), rtol=1e-10)


@every
def test_both_modes_equal_differences(f):
    expected = differences(f, P)
    np.testing.assert_allclose(wg.jacfwd(f)(P), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(wg.jacrev(f)(P), expected, rtol=1e-7, atol=1e-8)


@every
def test_second_derivatives_in_every_mixture_of_modes(f):
    g = weighted(f)
    expected = differences(wg.grad(g), P)
    for hessian in (
        wg.hessian(g),
        wg.jacfwd(wg.grad(g)),
        wg.jacrev(wg.grad(g)),
        wg.jacrev(wg.jacfwd(g)),
        wg.jacfwd(wg.jacfwd(g)),
    ):
        np.testing.assert_allclose(hessian(P), expected, rtol=2e-6, atol=1e-7)


def test_third_derivative():
    def f(m):
        return wg.root(lambda e: e - 0.5 * np.sin(e) - m, m)

    third = wg.grad(wg.grad(wg.grad(f)))
    e = f(1.0)
    u = 1 - 0.5 * np.cos(e)
    # e' = 1/u, e'' = -sin(e) / (2 u³), and once more.
    expected = -0.5 * np.cos(e) / u**4 + 0.75 * np.sin(e) ** 2 / u**5
    assert third(1.0) == pytest.approx(expected, rel=1e-10)


@every
def test_jit_equals_plain_calls(f):
    g = weighted(f)
    for q in (P, 1.1 * P):
        np.testing.assert_allclose(wg.jit(f)(q), f(q), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(wg.jit(wg.grad(g))(q), wg.grad(g)(q), rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(wg.jit(wg.hessian(g))(P), wg.hessian(g)(P), rtol=1e-7, atol=1e-9)


@every
def test_vmap_equals_a_loop(f):
    batch = P * np.array([[1.0], [0.9], [1.05]])
    g = weighted(f)
    for h in (f, wg.grad(g), wg.jacfwd(f), wg.hessian(g)):
        loop = np.stack([h(p) for p in batch])
        np.testing.assert_allclose(wg.vmap(h)(batch), loop, rtol=1e-6, atol=1e-9)
    total = wg.grad(lambda ps: np.sum(wg.vmap(g)(ps)))(batch)
    np.testing.assert_allclose(total, np.stack([wg.grad(g)(p) for p in batch]), rtol=1e-7, atol=1e-10)


def test_vmap_in_vmap_and_empty_batches():
    def f(p, b):
        return wg.root(lambda x: A @ x + 0.1 * x**3 - p * b, np.zeros(4))

    ps, bs = P * np.array([[1.0], [0.9]]), B * np.array([[1.0], [0.5], [2.0]])
    outer = wg.vmap(wg.vmap(f, (None, 0)), (0, None))
    loop = np.array([[f(p, b) for b in bs] for p in ps])
    np.testing.assert_allclose(outer(ps, bs), loop, rtol=1e-9)
    slope = wg.grad(lambda ps, bs: np.sum(outer(ps, bs) ** 2), argnums=(0, 1))(ps, bs)
    single = wg.grad(lambda p, b: np.sum(f(p, b) ** 2), argnums=(0, 1))
    np.testing.assert_allclose(slope[0], [sum(single(p, b)[0] for b in bs) for p in ps], rtol=1e-9)
    np.testing.assert_allclose(slope[1], [sum(single(p, b)[1] for p in ps) for b in bs], rtol=1e-9)
    assert wg.vmap(root)(np.empty((0, 4))).shape == (0, 4)
    assert wg.vmap(wg.jacfwd(linear))(np.empty((0, 4))).shape == (0, 4, 4)


# -- analytic answers -------------------------------------------------------------------------------------------------


def test_matrices_are_differentiated_as_by_solve():
    def free(a, b):
        return np.sum(wg.linear_solve(lambda x: a @ x, b) ** 3)

    def direct(a, b):
        return np.sum(np.linalg.solve(a, b) ** 3)

    for transform in (lambda f: wg.grad(f, (0, 1)), lambda f: wg.jacfwd(f, (0, 1))):
        for x, y in zip(transform(free)(A, B), transform(direct)(A, B), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9)
    np.testing.assert_allclose(wg.hessian(free)(A, B), wg.hessian(direct)(A, B), rtol=1e-8, atol=1e-10)


def test_a_complex_system():
    a = A + 1j * A[::-1]
    b = B + 1j * P

    def free(a, b):
        return np.sum(np.abs(wg.linear_solve(lambda x: a @ x, b)) ** 2)

    def direct(a, b):
        return np.sum(np.abs(np.linalg.solve(a, b)) ** 2)

    for x, y in zip(wg.grad(free, (0, 1))(a, b), wg.grad(direct, (0, 1))(a, b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_one_matrix_for_many_right_sides():
    inverse = wg.vmap(lambda b: wg.linear_solve(lambda x: A @ x, b))(np.eye(4)).T
    np.testing.assert_allclose(inverse, np.linalg.inv(A), rtol=1e-11, atol=1e-13)


def test_an_affine_function_is_solved_as_it_stands():
    x = wg.linear_solve(lambda x: A @ x + P, B)
    np.testing.assert_allclose(A @ x + P, B, rtol=1e-12, atol=1e-13)
    slope = wg.jacobian(lambda p: wg.linear_solve(lambda x: A @ x + p, B))(P)
    np.testing.assert_allclose(slope, -np.linalg.inv(A), rtol=1e-10, atol=1e-12)


def test_active_bounds_hold_unknowns_and_are_differentiated():
    target = np.array([2.0, 0.5, -2.0])

    def f(low, high):
        return wg.minimize(lambda x: np.sum((x - target) ** 2), np.zeros(3), bounds=(low, high))

    np.testing.assert_allclose(f(-1.0, 1.0), [1.0, 0.5, -1.0])
    low, high = wg.jacobian(f, argnums=(0, 1))(-1.0, 1.0)
    np.testing.assert_allclose(low, [0, 0, 1])
    np.testing.assert_allclose(high, [1, 0, 0])


def test_bilevel_optimisation():
    """The best penalty of a ridge regression on held-out data: a minimum over a minimum, by its exact gradient."""
    x, y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
    held, truth = RNG.normal(size=(8, 3)), RNG.normal(size=8)

    def weights(penalty):
        return wg.minimize(lambda w: np.sum((x @ w - y) ** 2) + np.exp(penalty) * np.sum(w**2), np.zeros(3))

    def loss(penalty):
        return np.sum((held @ weights(penalty) - truth) ** 2)

    best = wg.minimize(loss, 1.0, bounds=(-3.0, 6.0))
    grid = np.linspace(-3, 6, 91)
    assert loss(best) <= min(loss(p) for p in grid) + 1e-9


# -- methods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "anderson", "krylov", "df-sane", "diagbroyden"])
def test_methods_for_roots(method):
    np.testing.assert_allclose(wg.root(cubic, np.zeros(4), P, method=method), root(P), rtol=1e-10)


@pytest.mark.parametrize(
    "method",
    ["BFGS", "L-BFGS-B", "CG", "TNC", "SLSQP", "Newton-CG", "trust-ncg", "trust-constr", "Nelder-Mead", "Powell"],
)
def test_methods_for_minima(method):
    def f(x, p):
        return np.sum((x - p) ** 4) + np.sum(p * x**2) + x @ A @ x / 8

    np.testing.assert_allclose(wg.minimize(f, np.zeros(4), P, method=method), minimum(P), rtol=1e-8)


@pytest.mark.parametrize("method", ["anderson", "iteration"])
def test_methods_for_fixed_points(method):
    # The last entry of the fixed point is 0: a test of convergence relative to each entry would never end.
    x = wg.fixed_point(lambda x: np.array([0.5, 0.9]) * np.sin(x) + np.array([1.0, 0.0]), np.ones(2), method=method)
    np.testing.assert_allclose(x[0], 0.5 * np.sin(x[0]) + 1)
    assert abs(x[1]) < 1e-9


def test_many_unknowns_take_iterative_methods():
    n = 700

    def laplace(u):
        padded = np.concatenate([np.zeros(1), u, np.zeros(1)])
        return 2 * u - padded[2:] - padded[:-2]

    def f(c):
        return np.mean(wg.root(lambda u: laplace(u) + c * u**3 + u - 1, np.zeros(n), method="krylov", tol=1e-12))

    def g(c):
        e = lambda u: np.sum(u * laplace(u)) / 2 + c * np.sum(u**4) / 4 + np.sum(u**2) / 2 - np.sum(u)
        return np.mean(wg.minimize(e, np.zeros(n), method="Newton-CG", tol=1e-10))

    assert f(2.0) == pytest.approx(g(2.0), rel=1e-8)
    slope = (f(2.001) - f(1.999)) / 0.002
    assert wg.grad(f)(2.0) == pytest.approx(slope, rel=1e-5)
    assert wg.grad(g)(2.0) == pytest.approx(slope, rel=1e-5)


# -- containers, parameters, captured values --------------------------------------------------------------------------


@wg.register_dataclass
@dataclasses.dataclass
class State:
    position: object
    speed: object


def test_containers_of_unknowns_and_parameters():
    def f(state, p):
        return State(state.position**3 - p["a"] * state.speed, state.speed + np.sum(state.position) - p["b"])

    def solve(p):
        return wg.root(f, State(np.ones((1, 2)), 1.0), p)

    p = {"a": 1.3, "b": 2.4}
    found = solve(p)
    assert found.position.shape == (1, 2)
    assert np.shape(found.speed) == ()
    assert np.abs(f(found, p).position).max() < 1e-12
    slope = wg.grad(lambda p: solve(p).speed)(p)
    for key in p:
        up, down = {**p, key: p[key] + 1e-5}, {**p, key: p[key] - 1e-5}
        assert slope[key] == pytest.approx((solve(up).speed - solve(down).speed) / 2e-5, rel=1e-6)


def test_what_a_function_captures_is_differentiated_on_every_level():
    def outer(a):
        def inner(b):
            x = wg.root(lambda x: x**3 + a * x - b * a, 1.0)
            return x * b

        return wg.grad(inner)(2.0 * a) * a

    step = 1e-5
    assert wg.grad(outer)(0.7) == pytest.approx((outer(0.7 + step) - outer(0.7 - step)) / (2 * step), rel=1e-7)
    assert wg.jit(wg.grad(outer))(0.7) == pytest.approx(wg.grad(outer)(0.7), rel=1e-10)


def test_parameters_may_steer_python():
    def f(x, p, n, kind):
        for _ in range(n):
            x = x * 1.0
        return x - p if kind == "plain" else x**3 - p if p > 0 else x + p

    assert wg.grad(lambda p: wg.root(f, 1.0, p, 2, "plain"))(3.0) == pytest.approx(1.0)
    g = wg.jit(wg.grad(lambda p: wg.root(f, 1.0, p, 1, "cubic")))
    assert g(8.0) == pytest.approx(1 / 12)
    assert g(-8.0) == pytest.approx(-1.0)


def test_arrays_made_in_the_function():
    def f(x, p):
        out = np.zeros(2)
        out[0] = x[0] ** 2 + x[1] - p
        out[1] = x[0] - x[1]
        return out

    assert wg.grad(lambda p: wg.root(f, np.ones(2), p)[0])(2.0) == pytest.approx(1 / 3)


def test_where_the_solver_starts_has_no_derivative():
    assert wg.grad(lambda x0: wg.root(lambda x: x**2 - 2, x0))(1.0) == 0.0


def test_single_precision_and_integers():
    x = wg.root(lambda x, p: x**2 - p, np.ones(2, np.float32), np.array([2, 3], np.float32))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, np.sqrt([2, 3]), rtol=1e-6)
    assert wg.root(lambda x: x - 3, 1) == 3.0
    assert wg.root(lambda x: x, np.empty((0, 2))).shape == (0, 2)


def test_results_are_plain():
    assert type(wg.root(lambda x: x - 3, 1.0)) is np.float64
    assert type(wg.minimize(lambda x: np.sum((x - 3) ** 2), np.ones(2))) is np.ndarray


def test_changed_constants_are_seen():
    target = np.array([1.0])
    f = lambda p: np.sum(wg.root(lambda x: x - p * target, np.zeros(1)))
    assert wg.grad(f)(1.0) == 1.0
    target[0] = 5.0
    assert wg.grad(f)(1.0) == 5.0


def test_an_error_in_the_function_leaves_nothing_behind():
    def bad(x):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        wg.grad(lambda p: wg.root(bad, p))(1.0)
    assert wg.grad(lambda p: wg.root(lambda x: x - p, 0.0))(1.0) == 1.0


def test_the_graph_shows_one_equation():
    graph = wg.trace(lambda p: wg.root(lambda x: x**2 - p, 1.0))(2.0)
    assert [e.primitive.name for e in graph.equations if e.primitive.name == "solver_call"] == ["solver_call"]
    assert "root(hybr)" in str(graph)


def test_loops_and_choices_in_the_equation():
    def f(x, p):
        total, _ = wg.scan(lambda c, k: (np.sin(c) + p * k, None), x, np.arange(3.0))
        return wg.cond(p > 0, lambda t: t - 1.5, lambda t: t + 10 * x, total) + x**3

    def g(p):
        return wg.root(f, 0.5, p)

    def step(k, c):
        return np.sin(c) + P[0] * k

    assert abs(step(2, step(1, step(0, g(P[0])))) - 1.5 + g(P[0]) ** 3) < 1e-12
    expected = (g(P[0] + 1e-5) - g(P[0] - 1e-5)) / 2e-5
    assert wg.grad(g)(P[0]) == pytest.approx(expected, rel=1e-7)
    assert wg.jacfwd(g)(P[0]) == pytest.approx(expected, rel=1e-7)
    second = (wg.grad(g)(P[0] + 1e-5) - wg.grad(g)(P[0] - 1e-5)) / 2e-5
    assert wg.grad(wg.grad(g))(P[0]) == pytest.approx(second, rel=1e-6)
    assert wg.hessian(g)(P[0]) == pytest.approx(second, rel=1e-6)
    assert wg.jit(wg.grad(g))(P[0]) == pytest.approx(expected, rel=1e-7)


def test_solutions_inside_loops():
    def f(p):
        def step(x, k):
            return wg.root(lambda y: y + 0.1 * y**3 - x - p * k, x), None

        return wg.scan(step, 0.5, np.array([0.3, 0.2, 0.1]))[0]

    expected = (f(1.0 + 1e-5) - f(1.0 - 1e-5)) / 2e-5
    assert wg.grad(f)(1.0) == pytest.approx(expected, rel=1e-8)
    assert wg.jacfwd(f)(1.0) == pytest.approx(expected, rel=1e-8)
    assert wg.jit(wg.grad(f))(1.0) == pytest.approx(expected, rel=1e-8)
    second = (wg.grad(f)(1.0 + 1e-5) - wg.grad(f)(1.0 - 1e-5)) / 2e-5
    assert wg.grad(wg.grad(f))(1.0) == pytest.approx(second, rel=1e-6)
