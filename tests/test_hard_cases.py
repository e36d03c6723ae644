"""Cases in which libraries for automatic differentiation are known to differ or to fail, and the answers given here.

Where mathematics leaves the answer open, the rule is: a finite value from the generalised derivative, 0 at a local
optimum, never nan because of a branch that was not taken.  :func:`derivative` compares the modes with each other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special

import wengert as wg
from wengert.errors import IntegerInputError

inf, nan = np.inf, np.nan


def derivative(f: Callable[..., Any], x: Any) -> Any:
    """Return the derivative of a function of one argument with a scalar result, the same in both modes, interpreted
    and compiled.
    """
    x = np.asarray(x, float)[()]
    reverse = wg.grad(f)(x)
    forward = wg.jacobian(f, mode="forward")(x)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-14)
    value, pull = wg.vjp(f, x)
    np.testing.assert_allclose(pull(np.ones_like(value))[0], reverse, rtol=1e-12, atol=1e-14)
    if not np.ndim(x):
        np.testing.assert_allclose(wg.jvp(f, (x,), (1.0,))[1], reverse, rtol=1e-12, atol=1e-14)
    for compiled in wg.jit(lambda x: (wg.grad(f)(x), wg.jacobian(f, mode="forward")(x)))(x):
        np.testing.assert_allclose(compiled, reverse, rtol=1e-11, atol=1e-14)
    assert np.shape(reverse) == np.shape(x)
    return reverse


def hessian(f: Callable[..., Any], x: Any) -> Any:
    """Return the second derivatives, the same in all four combinations of modes."""
    x = np.asarray(x, float)[()]
    found = [
        wg.jacobian(wg.jacobian(f, mode=inner), mode=outer)(x)
        for inner in ("forward", "reverse")
        for outer in ("forward", "reverse")
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-10, atol=1e-12)
    return found[0]


def differences(f: Callable[..., Any], x: Any, h: float = 1e-5) -> Any:
    """Return the Jacobian by central differences."""
    columns = []
    for i in np.ndindex(np.shape(x)):
        e = np.zeros(np.shape(x))
        e[i] = h
        columns.append((np.asarray(f(x + e)) - np.asarray(f(x - e))) / (2 * h))
    return np.stack(columns, -1).reshape(columns[0].shape + np.shape(x))


MODES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "grad": wg.grad,
    "jvp": lambda f: lambda x: wg.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: wg.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: wg.linearize(f, x)[1](1.0),
    "jacfwd": wg.jacfwd,
    "jacrev": wg.jacrev,
}


# -- nesting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_perturbations_are_not_confused(outer: str, inner: str) -> None:
    d_outer, d_inner = MODES[outer], MODES[inner]
    assert d_outer(lambda x: x * d_inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert d_outer(lambda x: x * d_inner(lambda y: x * y)(2.0))(3.0) == 6.0


@pytest.mark.parametrize("mode", MODES)
def test_a_derivative_taken_twice_by_one_function_has_a_perturbation_each_time(mode: str) -> None:
    d = MODES[mode]

    def slope_of_shift(f: Any) -> Any:
        return lambda x: d(lambda u: f(x + u))(0.0)

    np.testing.assert_allclose(slope_of_shift(slope_of_shift(np.sin))(1.0), -np.sin(1.0))
    once = d(lambda x: x**3)
    np.testing.assert_allclose(d(lambda x: once(x) * once(2 * x))(1.0), 144.0)  # 3x² · 12x² = 36x⁴


def test_a_custom_rule_under_nested_forward_mode() -> None:
    @wg.custom_jvp
    def fourth(x: Any) -> Any:
        return x**4

    @fourth.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return fourth(x), 4 * x**3 * t

    for d in MODES.values():
        assert [float(df(3.0)) for df in (d(fourth), d(d(fourth)), d(d(d(fourth))))] == [108.0, 108.0, 72.0]


# -- branches ---------------------------------------------------------------------------------------------------------


def test_where_differentiates_only_the_chosen_branch() -> None:
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(derivative(lambda x: np.sum(np.where(x > 0, np.log(x), 0)), x), [0, 0, 0.5])
    np.testing.assert_array_equal(derivative(lambda x: np.where(x != 0, np.sin(x) / x, 1), 0.0), 0)
    np.testing.assert_allclose(derivative(lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), x), [1, 1, 0.125**0.5])
    assert np.isfinite(hessian(lambda x: np.where(x != 0, np.sin(x) / x, 1), 0.0))
    np.testing.assert_array_equal(hessian(lambda x: np.sum(np.where(x > 0, np.log(x), 0)), x)[2], [0, 0, -0.25])


def test_reverse_through_a_while_loop_whose_trip_count_depends_on_the_data() -> None:
    def halved(x: Any) -> Any:
        n = 0
        while x > 1:
            x = x / 2 + 0.01 * x * x
            n += 1
        return x * n

    for x in (0.5, 1.5, 3.0, 7.0):
        np.testing.assert_allclose(derivative(halved, x), differences(halved, np.asarray(x)), rtol=1e-6)
    slope = wg.jit(wg.grad(halved))
    assert "loop while" in slope.lower(3.0).captured[0]  # one program for all trip counts
    for x in (0.5, 1.5, 3.0, 7.0, 40.0):
        np.testing.assert_allclose(slope(x), wg.grad(halved)(x), rtol=1e-11)


# -- kinks, poles, ties -----------------------------------------------------------------------------------------------


def test_abs_at_zero() -> None:
    for f in (np.abs, abs, np.fabs):
        assert derivative(f, 0.0) == 0
    np.testing.assert_array_equal(derivative(lambda x: np.sum(np.abs(x)), [-2.0, -0.0, 0.0, 3.0]), [-1, 0, 0, 1])


def test_norm_at_zero() -> None:
    for f in (np.linalg.norm, lambda x: np.sqrt(x @ x), lambda x: np.linalg.norm(x, 2), lambda x: np.hypot(x[0], x[1])):
        np.testing.assert_array_equal(derivative(f, np.zeros(2)), [0, 0])
    np.testing.assert_allclose(derivative(np.linalg.norm, [3.0, 4.0]), [0.6, 0.8])
    np.testing.assert_array_equal(derivative(np.linalg.norm, np.zeros((2, 3))), np.zeros((2, 3)))
    rows = np.array([[3.0, 4.0], [0.0, 0.0]])
    for f in (
        lambda x: np.linalg.norm(x, axis=1),
        lambda x: np.sqrt(np.sum(x**2, axis=1)),
        lambda x: np.sqrt(np.einsum("ij,ij->i", x, x)),
        lambda x: np.sqrt(np.sum((x[:, None] - x) ** 2, axis=-1))[0],
    ):
        assert np.isfinite(derivative(lambda x, f=f: np.sum(f(x)), rows)).all()
    np.testing.assert_allclose(derivative(lambda x: np.sum(np.linalg.norm(x, axis=1)), rows), [[0.6, 0.8], [0, 0]])


def test_sqrt_at_zero() -> None:
    assert derivative(np.sqrt, 0.0) == inf
    np.testing.assert_array_equal(derivative(lambda x: np.sqrt(np.sum(x**2)), np.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(derivative(lambda x: np.sqrt(np.sum(x * x)), np.zeros(3)), np.zeros(3))


def test_std_of_a_constant_array() -> None:
    np.testing.assert_array_equal(derivative(np.std, np.full(4, 2.5)), np.zeros(4))
    columns = np.array([[1.0, 1.0], [1.0, 3.0]])
    np.testing.assert_array_equal(derivative(lambda x: np.sum(np.std(x, axis=0)), columns), [[0, -0.5], [0, 0.5]])


def test_ties_split_the_gradient_evenly() -> None:
    tied = np.array([3.0, 1.0, 3.0, 1.0])
    for f in (np.max, np.amax, lambda x: x.max(), np.maximum.reduce):
        np.testing.assert_array_equal(derivative(f, tied), [0.5, 0, 0.5, 0])
    for f in (np.min, np.amin, lambda x: x.min()):
        np.testing.assert_array_equal(derivative(f, tied), [0, 0.5, 0, 0.5])
    for pick in (np.maximum, np.minimum, np.fmax, np.fmin):
        both = wg.grad(pick, argnums=(0, 1))(2.0, 2.0)
        assert both == (0.5, 0.5)
        assert [wg.jvp(pick, (2.0, 2.0), t)[1] for t in ((1.0, 0.0), (0.0, 1.0))] == [0.5, 0.5]
        assert derivative(lambda x, pick=pick: pick(x, x), 2.0) == 1
    # A fair share of a tie lies in the subdifferential: the weights are not negative and add up to 1.
    assert derivative(lambda x: np.max(np.stack([x, -x])), 0.0) == 0


def test_a_kink_that_cancels() -> None:
    def relu(x: Any) -> Any:
        return np.maximum(x, 0)

    assert derivative(lambda x: relu(x) - relu(-x), 0.0) == 1


def test_powers_at_zero() -> None:
    at = {0.0: 0.0, 1.0: 1.0, 2.0: 0.0, 2.5: 0.0, 3.0: 0.0}
    for y, slope in at.items():
        assert derivative(lambda x, y=y: x**y, 0.0) == slope  # a Python number
        assert derivative(lambda x, y=y: np.power(x, np.array([y]))[0], 0.0) == slope  # an array, so a run-time value
        assert wg.grad(lambda x, y: x**y)(0.0, y) == slope  # a traced value
    for y in (0.5, 1.0, 2.0):
        assert wg.grad(lambda x, y: x**y, argnums=1)(0.0, y) == 0
        assert wg.jvp(lambda x, y: x**y, (0.0, y), (0.0, 1.0))[1] == 0
    np.testing.assert_array_equal(derivative(lambda x: np.sum(x ** np.array([0.0, 1.0, 2.0])), np.zeros(3)), [0, 1, 0])
    assert hessian(lambda x: x**2, 0.0) == 2
    assert hessian(lambda x: np.power(x, np.array(2.0)), 0.0) == 2


def test_sinc_at_zero() -> None:
    assert derivative(np.sinc, 0.0) == 0
    np.testing.assert_allclose(hessian(np.sinc, 0.0), -(np.pi**2) / 3)
    x = np.array([-0.3, 0.0, 0.7, 1.0])
    np.testing.assert_allclose(derivative(lambda x: np.sum(np.sinc(x)), x), np.diag(differences(np.sinc, x)), atol=1e-9)


# -- overflow and underflow -------------------------------------------------------------------------------------------


def logsumexp(x: Any) -> Any:
    top = np.max(x)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(np.sum(np.exp(x - top))) + top


@pytest.mark.parametrize(
    "f", [lambda x: scipy.special.logsumexp(x), np.logaddexp.reduce, logsumexp], ids=["scipy", "ufunc", "user"]
)
def test_logsumexp_of_minus_infinity(f: Any) -> None:
    np.testing.assert_allclose(derivative(f, [0.0, -inf, 0.0]), [0.5, 0, 0.5])
    np.testing.assert_allclose(derivative(f, [-inf, 3.0]), [0, 1])
    np.testing.assert_allclose(derivative(f, [800.0, 800.0]), [0.5, 0.5])
    if f is not logsumexp:
        assert not np.isnan(derivative(f, [-inf, -inf])).any()
        np.testing.assert_array_equal(derivative(f, [-inf, -inf]), [0, 0])


def test_forms_that_tend_to_overflow() -> None:
    x = np.array([-800.0, -20.0, 0.0, 20.0, 800.0])
    sigmoid = np.array([0.0, 1 / (1 + np.exp(20.0)), 0.5, 1 / (1 + np.exp(-20.0)), 1.0])

    def softmax(x: Any) -> Any:
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    for softplus in (
        lambda x: np.log1p(np.exp(x)),
        lambda x: np.log(1 + np.exp(x)),
        lambda x: np.logaddexp(x, 0),
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    ):
        np.testing.assert_allclose(derivative(lambda x, f=softplus: np.sum(f(x)), x), sigmoid, rtol=1e-12)
        assert np.isfinite(hessian(lambda x, f=softplus: np.sum(f(x)), x)).all()
    weights = softmax(x)
    expected = weights[4] * ((np.arange(5) == 4) - weights)
    np.testing.assert_allclose(derivative(lambda x: softmax(x)[4], x), expected, atol=1e-15)
    for big in (400.0, -400.0):
        assert derivative(np.tanh, big) == 0
        assert hessian(np.tanh, big) == 0
        assert np.isfinite(derivative(lambda x: np.expm1(-np.abs(x)), big))
    np.testing.assert_allclose(derivative(np.expm1, 1e-20), 1)
    np.testing.assert_allclose(derivative(np.log1p, 1e-20), 1)


# -- products ---------------------------------------------------------------------------------------------------------


def test_prod_with_zeros() -> None:
    np.testing.assert_array_equal(derivative(np.prod, [0.0, 2.0, 3.0]), [6, 0, 0])
    np.testing.assert_array_equal(derivative(np.prod, [0.0, 0.0, 3.0]), [0, 0, 0])
    np.testing.assert_array_equal(hessian(np.prod, [0.0, 2.0, 3.0]), [[0, 3, 2], [3, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(hessian(np.prod, [0.0, 0.0, 3.0]), [[0, 3, 0], [3, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(hessian(np.prod, [0.0, 0.0, 0.0]), np.zeros((3, 3)))


def test_cumprod_with_zeros() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.cumprod(x))

    np.testing.assert_array_equal(derivative(f, [0.0, 2.0, 3.0]), [9, 0, 0])
    np.testing.assert_array_equal(derivative(f, [2.0, 0.0, 3.0]), [1, 8, 0])
    np.testing.assert_array_equal(derivative(f, [0.0, 0.0, 3.0]), [1, 0, 0])
    np.testing.assert_array_equal(hessian(f, [0.0, 2.0, 3.0]), [[0, 4, 2], [4, 0, 0], [2, 0, 0]])


# -- linear algebra ---------------------------------------------------------------------------------------------------


def test_det_of_a_singular_matrix_gives_the_adjugate() -> None:
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(derivative(np.linalg.det, a), [[4, -2], [-2, 1]], atol=1e-12)
    rank_two = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    np.testing.assert_allclose(derivative(np.linalg.det, rank_two), differences(np.linalg.det, rank_two), atol=1e-8)
    np.testing.assert_allclose(derivative(np.linalg.det, np.zeros((3, 3))), np.zeros((3, 3)))


def test_repeated_eigenvalues() -> None:
    a = np.diag([2.0, 2.0, 5.0])

    def symmetric(x: Any) -> Any:
        return (x + x.T) / 2

    trace = derivative(lambda x: np.sum(np.linalg.eigvalsh(symmetric(x))), a)
    np.testing.assert_allclose(trace, np.eye(3), atol=1e-12)

    def rebuilt(x: Any) -> Any:
        w, v = np.linalg.eigh(symmetric(x))
        return np.sum((v * w**2) @ v.T * np.arange(9.0).reshape(3, 3))

    def squared(x: Any) -> Any:
        return np.sum(symmetric(x) @ symmetric(x) * np.arange(9.0).reshape(3, 3))

    np.testing.assert_allclose(derivative(rebuilt, a), derivative(squared, a), atol=1e-10)


def test_repeated_singular_values() -> None:
    weights = np.arange(9.0).reshape(3, 3)

    def rebuilt(x: Any) -> Any:
        u, s, vt = np.linalg.svd(x)
        return np.sum((u * s) @ vt * weights)

    for a in (np.eye(3), np.diag([2.0, 2.0, 1.0]), np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 3]])):
        np.testing.assert_allclose(derivative(rebuilt, a), weights, atol=1e-10)
        nuclear = derivative(lambda x: np.sum(np.linalg.svd(x, compute_uv=False)), a)
        np.testing.assert_allclose(nuclear, differences(lambda x: np.sum(np.linalg.svd(x)[1]), a), atol=1e-8)


@pytest.mark.parametrize("name", ["det", "slogdet", "inv", "solve", "cholesky"])
def test_second_derivatives_of_linear_algebra(name: str) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(3, 3))
    a = a @ a.T + 2 * np.eye(3)
    b, weights = rng.normal(size=3), rng.normal(size=(3, 3))
    f: Callable[..., Any] = {
        "det": np.linalg.det,
        "slogdet": lambda x: np.linalg.slogdet(x)[1],
        "inv": lambda x: np.sum(np.linalg.inv(x) * weights),
        "solve": lambda x: np.sum(np.linalg.solve(x, b) * weights[0]),
        "cholesky": lambda x: np.sum(np.linalg.cholesky((x + x.T) / 2) * weights),
    }[name]
    np.testing.assert_allclose(derivative(f, a), differences(f, a), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(hessian(f, a), differences(wg.grad(f), a), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["sort", "partition", "median", "top"])
def test_second_derivatives_through_an_order(name: str) -> None:
    x = np.array([3.0, -1.0, 2.0, 0.5, 7.0])
    weights = np.arange(1.0, 6.0)
    f: Callable[..., Any] = {
        "sort": lambda x: np.sum(np.sort(x) ** 3 * weights),
        "partition": lambda x: np.sum(np.partition(x, 2)[:3] ** 3),
        "median": lambda x: np.median(x) ** 3,
        "top": lambda x: np.sum(x[np.argsort(x)[-2:]] ** 3),
    }[name]
    np.testing.assert_allclose(derivative(f, x), differences(f, x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hessian(f, x), differences(wg.grad(f), x), rtol=1e-6, atol=1e-6)


# -- shapes and dtypes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x_shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1), (4, 1, 1)])
@pytest.mark.parametrize("y_shape", [(), (3,), (2, 1), (1, 1), (4, 2, 3)])
def test_broadcast_operands_get_gradients_of_their_own_shape(x_shape: Any, y_shape: Any) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=x_shape), rng.normal(size=y_shape)

    def f(x: Any, y: Any) -> Any:
        return np.sum(np.sin(x) * y + x / (2 + y * y))

    gx, gy = wg.grad(f, argnums=(0, 1))(x, y)
    assert np.shape(gx) == x_shape
    assert np.shape(gy) == y_shape
    np.testing.assert_allclose(gx, differences(lambda x: f(x, y), x), atol=1e-8)
    np.testing.assert_allclose(gy, differences(lambda y: f(x, y), y), atol=1e-8)
    tx, ty = rng.normal(size=x_shape), rng.normal(size=y_shape)
    pushed = wg.jvp(f, (x, y), (tx, ty))[1]
    np.testing.assert_allclose(pushed, np.sum(gx * tx) + np.sum(gy * ty))


def test_integer_arrays_are_refused_with_the_way_to_convert_them() -> None:
    forward, reverse = lambda f: lambda x: wg.jvp(f, (x,), (x,)), lambda f: lambda x: wg.vjp(f, x)
    for transform in (wg.grad, wg.jacobian, forward, reverse):
        with pytest.raises(IntegerInputError, match=r"astype\(float\)") as caught:
            transform(lambda x: np.sum(x * x))(np.array([1, 2, 3]))
        assert isinstance(caught.value, TypeError)
    assert wg.grad(lambda x: x * x)(3) == 6  # a Python int is promoted


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_empty_arrays_have_empty_gradients(shape: Any) -> None:
    for f in (np.sum, lambda x: np.sum(np.sin(x) ** 2), np.prod, lambda x: np.sum(x @ x.T), lambda x: np.sum(x[:0])):
        if shape == (0,) or f is not np.prod:
            g = derivative(f, np.zeros(shape))
            assert g.shape == shape
            assert g.dtype == np.float64
    assert wg.jacobian(np.sin)(np.zeros(0)).shape == (0, 0)
    assert wg.hessian(np.sum)(np.zeros(0)).shape == (0, 0)


def test_the_gradient_of_a_squared_modulus() -> None:
    for f in (lambda z: np.abs(z) ** 2, lambda z: np.real(z * np.conj(z)), lambda z: z.real**2 + z.imag**2):
        np.testing.assert_allclose(wg.grad(f)(3 + 4j), 6 - 8j)
        np.testing.assert_allclose(wg.jvp(f, (3 + 4j,), (1 + 0j,))[1], 6)
        np.testing.assert_allclose(wg.jvp(f, (3 + 4j,), (1j,))[1], 8)


# -- assignment -------------------------------------------------------------------------------------------------------


def test_views_and_repeated_indices_are_numpys() -> None:
    def through_a_view(x: Any) -> Any:
        x = x * 1.0
        y = x[1:]
        y[0] = 3.0 * x[0]
        y *= 2
        return np.sum(x * np.array([1.0, 10.0, 100.0]))

    x = np.array([1.0, 2.0, 4.0])
    assert wg.value_and_grad(through_a_view)(x)[0] == through_a_view(x) == 861
    np.testing.assert_array_equal(derivative(through_a_view, x), [61, 0, 200])

    index = np.array([0, 2, 0, 0])

    def repeated(v: Any) -> Any:
        out = np.zeros(3)
        np.add.at(out, index, v)
        return np.sum(out**2)

    def last_wins(v: Any) -> Any:
        out = np.zeros(3)
        out[index] += v
        return np.sum(out**2)

    v = np.array([1.0, 2.0, 3.0, 5.0])
    for f, expected in ((repeated, [18, 4, 18, 18]), (last_wins, [0, 4, 0, 10])):
        assert wg.value_and_grad(f)(v)[0] == f(v)
        np.testing.assert_array_equal(derivative(f, v), expected)


def test_the_callers_array_is_changed_exactly_as_by_the_function() -> None:
    def f(x: Any) -> Any:
        x[0] = x[1] * x[2]
        x[1:] += 1
        return np.sum(x**2)

    def no_write(x: Any) -> Any:
        y = x.copy()
        y[0] = 0
        return np.sum(y)

    plain = np.array([1.0, 2.0, 3.0])
    f(plain)
    for call in (wg.grad(f), wg.jacobian(f), lambda x: wg.vjp(f, x), lambda x: wg.jvp(f, (x,), (np.ones(3),))):
        x = np.array([1.0, 2.0, 3.0])
        call(x)
        np.testing.assert_array_equal(x, plain)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(wg.grad(f)(x), [0, 6 + 36, 8 + 24])
    x = np.array([1.0, 2.0, 3.0])
    wg.grad(no_write)(x)
    np.testing.assert_array_equal(x, [1, 2, 3])


# -- the machinery ----------------------------------------------------------------------------------------------------


def test_an_exception_leaves_no_state() -> None:
    def broken(x: Any) -> Any:
        raise RuntimeError("the user's own")

    for transform in (wg.grad, wg.jacobian, wg.vmap, lambda f: lambda x: wg.jvp(f, (x,), (x,)), wg.trace):
        with pytest.raises(RuntimeError, match="the user's own"):
            transform(broken)(np.ones(2))
        with pytest.raises(RuntimeError, match="the user's own"):
            wg.grad(lambda x, transform=transform: np.sum(transform(broken)(x)))(np.ones(2))
        np.testing.assert_array_equal(wg.grad(lambda x: np.sum(x**2))(np.ones(2)), [2, 2])
        assert type(np.sin(np.ones(2))) is np.ndarray


def test_threads_do_not_see_each_other() -> None:
    results: dict[int, float] = {}
    failures: list[BaseException] = []

    def work(k: int) -> None:
        def f(x: Any) -> Any:
            total = x
            for _ in range(10):
                total = np.sin(total * x) + wg.grad(lambda y, total=total: y * total)(x)
                time.sleep(0.0005)
            return total * k

        try:
            for _ in range(3):
                results[k] = float(wg.grad(f)(0.3 + k))
        except BaseException as error:  # noqa: BLE001  (reported below, in the test's own thread)
            failures.append(error)

    def alone(k: int) -> float:
        def f(x: Any) -> Any:
            total = x
            for _ in range(10):
                total = np.sin(total * x) + total
            return total * k

        return float(wg.grad(f)(0.3 + k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for k, found in results.items():
        np.testing.assert_allclose(found, alone(k), rtol=1e-12)


def test_a_generator_suspended_inside_a_trace() -> None:
    suspended: list[Iterator[float]] = []

    def numbers(x: Any) -> Iterator[Any]:
        for k in range(3):
            yield x**k

    def inner_gradient() -> Iterator[float]:
        for k in (1.0, 2.0, 3.0):
            yield float(wg.grad(lambda x, k=k: x**2 * k)(5.0))

    def f(x: Any) -> Any:
        values = numbers(x)
        total = next(values)
        steps = inner_gradient()
        next(steps)
        suspended.append(steps)
        return total + sum(values)

    assert derivative(f, 2.0) == 5
    # The generators were begun inside traces that have ended; they go on outside, and interleaved.
    assert [next(steps) for steps in suspended] == [20.0] * len(suspended)
    assert [next(steps) for steps in suspended] == [30.0] * len(suspended)
    assert derivative(f, 2.0) == 5


def test_a_long_chain() -> None:
    n = 100_000

    def chain(x: Any) -> Any:
        for _ in range(n // 2):
            x = x * 1.00001 + 1e-6
        return x

    np.testing.assert_allclose(wg.grad(chain)(0.5), 1.00001 ** (n // 2), rtol=1e-9)
    np.testing.assert_allclose(wg.jit(wg.grad(chain))(0.5), 1.00001 ** (n // 2), rtol=1e-9)  # as a loop
    np.testing.assert_allclose(wg.jvp(chain, (0.5,), (1.0,))[1], 1.00001 ** (n // 2), rtol=1e-9)


def test_a_wide_fan_out() -> None:
    n = 10_000

    def fan(x: Any) -> Any:
        y = np.sin(x)
        total = 0.0
        for k in range(n):
            total = total + y * k
        return total

    np.testing.assert_allclose(wg.grad(fan)(0.5), np.cos(0.5) * n * (n - 1) / 2)
    np.testing.assert_allclose(wg.jit(wg.grad(fan))(0.5), np.cos(0.5) * n * (n - 1) / 2)
    np.testing.assert_allclose(wg.jvp(fan, (0.5,), (1.0,))[1], np.cos(0.5) * n * (n - 1) / 2)


def test_work_grows_linearly_with_the_number_of_operations() -> None:
    """Counted in equations, not in seconds: the derivative has a fixed number of them for each of the function's."""

    def chain(n: int) -> Callable[..., Any]:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = np.sin(x) * x
            return x

        return f

    small, large = (len(wg.trace(wg.grad(chain(n)))(0.5).equations) for n in (100, 1000))
    assert large <= 10.5 * small
