"""The public transforms: arguments, containers, shapes, dtypes, and every way to nest them."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.errors import (
    ArgumentError,
    BatchedBranchError,
    IntegerInputError,
    NonScalarOutputError,
    ShapeError,
)

X = np.array([0.3, -1.2, 2.0])
A = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])


def equal(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def scalar(x: Any) -> Any:
    """A smooth function with a full Hessian."""
    return np.sum(np.sin(x)) * np.prod(x) + np.sum(x[:-1] * x[1:] ** 2)


def vector(x: Any) -> Any:
    return A @ np.sin(x) * np.sum(x)


def differences(f: Callable[..., Any], x: Any, h: float = 1e-6) -> Any:
    x = np.asarray(x)
    columns = []
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        columns.append((np.asarray(f(x + e)) - np.asarray(f(x - e))) / (2 * h))
    return np.stack(columns, -1).reshape(columns[0].shape + x.shape)


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


# -- grad and value_and_grad ------------------------------------------------------------------------------------------


def test_grad_is_an_array_of_the_arguments_shape_and_dtype() -> None:
    for x in (X, X[:1], X.reshape(3, 1), X.astype(np.float32), np.float64(2.0), 2.0, np.array(2.0)):
        g = wg.grad(lambda x: np.sum(x * x))(x)
        assert np.shape(g) == np.shape(x)
        assert np.asarray(g).dtype == np.asarray(x).dtype
        equal(g, 2 * np.asarray(x))
    g = wg.grad(scalar)(X)
    assert type(g) is np.ndarray
    assert g.flags.c_contiguous
    assert g.flags.writeable
    near(g, differences(scalar, X))


def test_value_and_grad() -> None:
    value, g = wg.value_and_grad(scalar)(X)
    equal(value, scalar(X))
    equal(g, wg.grad(scalar)(X))
    (value, aux), g = wg.value_and_grad(lambda x: (scalar(x), {"x2": x * x, "name": 3}), has_aux=True)(X)
    equal(value, scalar(X))
    equal(aux["x2"], X * X)
    assert aux["name"] == 3
    g2, aux2 = wg.grad(lambda x: (scalar(x), x[0]), has_aux=True)(X)
    equal(g2, g)
    equal(aux2, X[0])


def test_argnums() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return np.sum(x * y**2 * z**3)

    args = (2.0, 3.0, 0.5)
    slopes = (9 / 8, 12 / 8, 18 * 0.75)
    for k in (0, 1, 2, -1, -3):
        equal(wg.grad(f, argnums=k)(*args), slopes[k])
    for chosen in itertools.permutations(range(3), 2):
        found = wg.grad(f, argnums=chosen)(*args)
        assert isinstance(found, tuple)
        equal(found, [slopes[k] for k in chosen])
    assert wg.grad(f, argnums=(1,))(*args) == (1.5,)
    assert wg.grad(f, argnums=[0, 2])(*args) == (slopes[0], slopes[2])
    with pytest.raises(ArgumentError, match="argnums=3"):
        wg.grad(f, argnums=3)(*args)
    with pytest.raises(ArgumentError):
        wg.grad(f, argnums=(0, -4))(*args)
    # An argument that is not differentiated may be anything.
    assert wg.grad(lambda x, how: x * len(how))(1.0, "four") == 4
    assert wg.grad(lambda x, n: x * n[0])(1.0, np.array([3, 4])) == 3


def test_keyword_default_and_variable_arguments() -> None:
    def f(x: Any, *rest: Any, power: int = 2, **more: Any) -> Any:
        return x**power + sum(rest) * x + more.get("extra", 0.0)

    assert wg.grad(f)(3.0) == 6
    assert wg.grad(f)(3.0, 1.0, 2.0) == 9
    assert wg.grad(f)(3.0, power=3) == 27
    assert wg.grad(f, argnums=1)(3.0, 5.0, extra=2.0) == 3
    assert wg.grad(lambda x, y=2.0: x * y)(1.0) == 2
    assert wg.grad(lambda x, y=2.0: x * y)(1.0, y=4.0) == 4


@wg.register_dataclass
@dataclass
class Layer:
    weight: Any
    bias: Any


Point = namedtuple("Point", ["x", "y"])


def test_containers() -> None:
    tree = {"a": [X, (2.0, None)], "layer": Layer(A, np.zeros(2)), "point": Point(1.0, 3.0)}

    def f(p: Any) -> Any:
        out = p["layer"].weight @ p["a"][0] + p["layer"].bias
        return np.sum(out**2) * p["a"][1][0] + p["point"].x * p["point"].y

    g = wg.grad(f)(tree)
    assert g["a"][1][1] is None
    assert isinstance(g["layer"], Layer)
    assert isinstance(g["point"], Point)
    equal(g["layer"].bias, 4 * A @ X)
    equal(g["layer"].weight, np.outer(4 * A @ X, X))
    equal(g["a"][0], A.T @ (4 * A @ X))
    equal(g["a"][1][0], np.sum((A @ X) ** 2))
    assert g["point"] == (3.0, 1.0)
    value, pushed = wg.jvp(f, (tree,), (g,))
    equal(value, f(tree))
    sizes = [g["a"][0], g["a"][1][0], g["layer"].weight, g["layer"].bias, g["point"].x, g["point"].y]
    equal(pushed, sum(np.sum(np.square(s)) for s in sizes))


def test_containers_as_results() -> None:
    def f(x: Any) -> Any:
        return {"square": x * x, "both": (x[0], [x[1] * x[2]])}

    jac = wg.jacobian(f)(X)
    equal(jac["square"], np.diag(2 * X))
    equal(jac["both"][0], [1, 0, 0])
    equal(jac["both"][1][0], [0, X[2], X[1]])
    value, pull = wg.vjp(f, X)
    equal(value["square"], X * X)
    (g,) = pull({"square": np.ones(3), "both": (1.0, [2.0])})
    equal(g, 2 * X + [1, 2 * X[2], 2 * X[1]])
    with pytest.raises(ArgumentError):
        pull([np.ones(3), 1.0, 2.0])


def test_what_grad_refuses() -> None:
    for f in (lambda x: x, lambda x: (x[0], x[1]), lambda x: None, lambda x: x[0] + 1j, lambda x: x > 0, lambda x: 3):
        with pytest.raises(NonScalarOutputError):
            wg.grad(f)(X)
    with pytest.raises(IntegerInputError):
        wg.grad(np.sum)(np.arange(3))
    with pytest.raises(IntegerInputError):
        wg.grad(np.sum)(np.array([True, False]))
    with pytest.raises(ArgumentError):
        wg.grad(lambda s: 1.0)("text")
    assert wg.grad(lambda x: 3.0)(X).tolist() == [0, 0, 0]
    assert wg.grad(lambda x, y: y * 2.0)(X[0], 1.0) == 0


def test_integers_are_promoted_where_they_are_numbers() -> None:
    g = wg.grad(lambda x: x**3)(2)
    assert g == 12
    assert isinstance(g, np.float64)
    assert wg.jacobian(lambda x: x * np.ones(2))(3).dtype == np.float64
    assert wg.jvp(lambda x: x * x, (3,), (1,))[1] == 6
    assert wg.vmap(lambda n: n * 2)(np.arange(3)).dtype == np.arange(3).dtype


def test_dtypes_follow_numpy() -> None:
    x = X.astype(np.float32)
    value, g = wg.value_and_grad(lambda x: np.sum(x * 2.0 + np.sin(x)))(x)
    assert value.dtype == g.dtype == np.float32
    value, g = wg.value_and_grad(lambda x: np.sum(x * np.ones(3)))(x)
    assert value.dtype == np.float64
    assert g.dtype == np.float32
    assert wg.jacobian(np.sin)(x).dtype == np.float32
    assert wg.jvp(np.sin, (x,), (np.ones(3),))[1].dtype == np.float32


# -- forward mode -----------------------------------------------------------------------------------------------------


def test_jvp() -> None:
    t = np.array([1.0, -2.0, 0.5])
    value, pushed = wg.jvp(vector, (X,), (t,))
    equal(value, vector(X))
    near(pushed, differences(vector, X) @ t)
    value, pushed, aux = wg.jvp(lambda x: (vector(x), x[0]), (X,), (t,), has_aux=True)
    near(pushed, differences(vector, X) @ t)
    equal(aux, X[0])
    equal(wg.jvp(lambda x, y: x * y, [2.0, 3.0], [1.0, 10.0])[1], 23)
    assert wg.jvp(lambda x: 5.0, (X,), (t,))[1] == 0
    with pytest.raises(ShapeError):
        wg.jvp(vector, (X,), (t[:2],))
    for primals, tangents in ((X, t), ((X,), (t, t)), (({"a": X},), ({"b": t},))):
        with pytest.raises(ArgumentError):
            wg.jvp(vector, primals, tangents)


def test_linearize() -> None:
    value, push = wg.linearize(vector, X)
    equal(value, vector(X))
    jac = differences(vector, X)
    for t in np.eye(3):
        near(push(t), jac @ t)
    calls = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return vector(x)

    _, push = wg.linearize(counted, X)
    push(X), push(X)
    assert len(calls) == 1
    _, push = wg.linearize(lambda x, y: x * y, 2.0, 5.0)
    equal(push(1.0, 10.0), 25)


def test_vjp() -> None:
    value, pull = wg.vjp(vector, X)
    equal(value, vector(X))
    w = np.array([2.0, -1.0])
    near(pull(w)[0], w @ differences(vector, X))
    equal(pull(2 * w)[0], 2 * pull(w)[0])
    value, pull, aux = wg.vjp(lambda x: (vector(x), x * 2), X, has_aux=True)
    near(pull(w)[0], w @ differences(vector, X))
    equal(aux, 2 * X)
    with pytest.raises(ShapeError):
        pull(np.ones(3))
    _, pull = wg.vjp(lambda x, y: x * np.sum(y), 2.0, X)
    gx, gy = pull(3.0)
    equal(gx, 3 * np.sum(X))
    equal(gy, np.full(3, 6.0))


# -- jacobian, hessian, hvp -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobian_shapes(mode: str) -> None:
    def f(x: Any, y: Any) -> Any:
        return x[:, None] * y[None] ** 2

    y = np.array([1.0, 2.0])
    jx, jy = wg.jacobian(f, argnums=(0, 1), mode=mode)(X, y)
    assert jx.shape == (3, 2, 3)
    assert jy.shape == (3, 2, 2)
    near(jx, differences(lambda x: f(x, y), X))
    near(jy, differences(lambda y: f(X, y), y))
    assert wg.jacobian(np.sin, mode=mode)(0.0).shape == ()
    assert wg.jacobian(lambda x: x[0], mode=mode)(X).shape == (3,)
    assert wg.jacobian(lambda x: x * X, mode=mode)(2.0).shape == (3,)
    assert wg.jacobian(lambda x: x.T, mode=mode)(A).shape == (3, 2, 2, 3)
    assert wg.jacobian(lambda x: x, mode=mode)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    with pytest.raises(ArgumentError):
        wg.jacobian(np.sin, mode="both")


def test_jacobian_of_containers_nests_results_outside_and_arguments_inside() -> None:
    for mode in ("forward", "reverse"):
        jac = wg.jacobian(lambda p: {"out": p["a"] * p["b"], "sum": np.sum(p["a"])}, mode=mode)({"a": X, "b": 2.0})
        equal(jac["out"]["a"], 2 * np.eye(3))
        equal(jac["out"]["b"], X)
        equal(jac["sum"]["a"], np.ones(3))
        equal(jac["sum"]["b"], 0)


def test_hessian() -> None:
    h = wg.hessian(scalar)(X)
    near(h, differences(wg.grad(scalar), X))
    equal(h, h.T)
    blocks = wg.hessian(lambda x, y: np.sum(x**2) * y**3, argnums=(0, 1))(X, 2.0)
    equal(blocks[0][0], 16 * np.eye(3))
    equal(blocks[0][1], 24 * X)
    equal(blocks[1][0], 24 * X)
    equal(blocks[1][1], 12 * np.sum(X**2))
    assert wg.hessian(lambda x: np.sum(x**3))(A).shape == (2, 3, 2, 3)


def test_hvp() -> None:
    v = np.array([1.0, 0.5, -2.0])
    equal(wg.hvp(scalar, (X,), (v,)), wg.hessian(scalar)(X) @ v)
    hx, hy = wg.hvp(lambda x, y: np.sum(x**2) * y, (X, 3.0), (v, 1.0))
    equal(hx, 6 * v + 2 * X)
    equal(hy, 2 * X @ v)


# -- vmap -------------------------------------------------------------------------------------------------------------


def test_vmap_axes() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
    equal(wg.vmap(np.dot, in_axes=(0, 1))(x, y), np.sum(x * y.T, axis=1))
    equal(wg.vmap(np.dot, in_axes=(0, -1))(x, y), np.sum(x * y.T, axis=1))
    equal(wg.vmap(lambda a, b: a @ b, in_axes=(0, None))(x, y), x @ y)
    equal(wg.vmap(lambda a, b: a @ b, in_axes=(0, None), out_axes=1)(x, y), (x @ y).T)
    equal(wg.vmap(np.outer, in_axes=(0, None), out_axes=2)(x, X).shape, (3, 3, 4))
    equal(wg.vmap(np.outer, in_axes=(0, None), out_axes=-1)(x, X).shape, (3, 3, 4))
    mixed = {"in_axes": ({"u": 0, "w": None}, None), "out_axes": {"a": 0, "b": None}}
    out = wg.vmap(lambda p, s: {"a": p["u"] * s, "b": s}, **mixed)({"u": x, "w": X}, 2.0)
    equal(out["a"], 2 * x)
    assert out["b"] == 2.0
    equal(wg.vmap(lambda x: 7.0)(x), np.full(4, 7.0))
    for f, axes, args in ((np.dot, 0, (x, y)), (np.sin, 2, (x,)), (np.sin, None, (x,))):
        with pytest.raises(ShapeError):
            wg.vmap(f, in_axes=axes)(*args)
    with pytest.raises(ArgumentError):
        wg.vmap(np.dot, in_axes=(0, 1, 2))(x, y)
    with pytest.raises(ArgumentError):
        wg.vmap(np.sin, out_axes=None)(x)


def test_vmap_of_python_branches_is_refused_with_the_way_out() -> None:
    with pytest.raises(BatchedBranchError, match="where"):
        wg.vmap(lambda x: x if x > 0 else -x)(X)
    equal(wg.vmap(lambda x: np.where(x > 0, x, -x))(X), np.abs(X))


def test_vmap_of_indexing_and_writing() -> None:
    rows, where = np.arange(12.0).reshape(4, 3), np.array([0, 2, 1, 1])

    def f(row: Any, k: Any) -> Any:
        out = np.zeros(3)
        out[1:] = row[:2] * row[k]
        out[0] = row[k]
        return out

    equal(wg.vmap(f)(rows, where), [f(r, k) for r, k in zip(rows, where, strict=True)])
    equal(wg.vmap(f, in_axes=(None, 0))(rows[1], where), [f(rows[1], k) for k in where])


# -- nesting ----------------------------------------------------------------------------------------------------------

BATCH = np.stack([X, X * 0.5, X + 1.0, -X])


def test_grad_of_vmap_and_vmap_of_grad() -> None:
    one = wg.vmap(wg.grad(scalar))(BATCH)
    equal(one, [wg.grad(scalar)(x) for x in BATCH])
    equal(wg.grad(lambda xs: np.sum(wg.vmap(scalar)(xs)))(BATCH), one)
    equal(wg.vmap(wg.hessian(scalar))(BATCH), [wg.hessian(scalar)(x) for x in BATCH])
    equal(wg.vmap(wg.jacobian(vector))(BATCH), [wg.jacobian(vector)(x) for x in BATCH])
    equal(
        wg.vmap(lambda x, t: wg.jvp(vector, (x,), (t,))[1])(BATCH, BATCH[::-1]),
        [wg.jvp(vector, (x,), (t,))[1] for x, t in zip(BATCH, BATCH[::-1], strict=True)],
    )
    pulled = wg.vmap(lambda x: wg.vjp(vector, x)[1](np.ones(2))[0])(BATCH)
    equal(pulled, [wg.jacobian(vector)(x).sum(0) for x in BATCH])


def test_vmap_of_vmap() -> None:
    table = wg.vmap(wg.vmap(lambda x, y: x * y + np.sin(x), in_axes=(None, 0)), in_axes=(0, None))(X, A[0])
    equal(table, X[:, None] * A[0] + np.sin(X)[:, None])
    pairs = wg.vmap(wg.vmap(lambda a, b: a * b**2, in_axes=(0, None)), in_axes=(None, 0))
    g = wg.grad(lambda x: np.sum(pairs(x, x)))(X)
    equal(g, np.sum(X**2) + 2 * X * np.sum(X))


def test_every_pair_of_modes_gives_the_hessian() -> None:
    expected = differences(wg.grad(scalar), X)

    def by_jvp(f: Any) -> Any:
        return lambda x: np.stack([wg.jvp(f, (x,), (e,))[1] for e in np.eye(3)], axis=-1)

    def by_linearize(f: Any) -> Any:
        def columns(x: Any) -> Any:
            _, push = wg.linearize(f, x)
            return np.stack([push(e) for e in np.eye(3)], axis=-1)

        return columns

    def by_vjp(f: Any) -> Any:
        def rows(x: Any) -> Any:
            value, pull = wg.vjp(f, x)
            if value.ndim == 0:
                return pull(1.0)[0]
            return np.stack([pull(e)[0] for e in np.eye(3)])

        return rows

    def by_vmap(f: Any) -> Any:
        return lambda x: wg.vmap(lambda t: wg.jvp(f, (x,), (t,))[1], out_axes=-1)(np.eye(3))

    outer = (wg.jacfwd, wg.jacrev, by_jvp, by_vjp, by_linearize, by_vmap)
    for one, other in itertools.product(outer, (wg.grad, *outer)):
        near(one(other(scalar))(X), expected)


def test_third_and_fourth_derivatives() -> None:
    def f(x: Any) -> Any:
        return x**5 * np.exp(-x)

    x = 1.5
    e = np.exp(-x)
    third = e * (60 * x**2 - 60 * x**3 + 15 * x**4 - x**5)
    for ways in itertools.product((wg.grad, lambda f: lambda x: wg.jvp(f, (x,), (1.0,))[1]), repeat=3):
        g = f
        for way in ways:
            g = way(g)
        equal(g(x), third)
    fourth = e * (120 * x - 240 * x**2 + 120 * x**3 - 20 * x**4 + x**5)
    equal(wg.grad(wg.grad(wg.grad(wg.grad(f))))(x), fourth)
    equal(wg.hessian(wg.hessian(f))(x), fourth)


def test_grad_of_a_function_of_the_jacobian() -> None:
    def penalty(x: Any) -> Any:
        return np.sum(wg.jacobian(vector)(x) ** 2)

    near(wg.grad(penalty)(X), differences(penalty, X))

    def curvature(x: Any) -> Any:
        return np.sum(wg.hessian(scalar)(x) ** 2)

    near(wg.grad(curvature)(X), differences(curvature, X, 1e-5))

    def newton(x: Any) -> Any:
        g = wg.grad(scalar)(x)
        return np.sum(g * wg.hvp(scalar, (x,), (g,)))

    near(wg.grad(newton)(X), differences(newton, X))


def test_inner_derivatives_see_outer_values() -> None:
    def f(x: Any, y: Any) -> Any:
        return wg.grad(lambda u: u**2 * y + wg.grad(lambda v: v**2 * u * x)(y))(x)

    # inner: 2 y u x; its derivative by u: 2 y x; with u²y: 2 x y + 2 x y = 4 x y
    assert f(2.0, 3.0) == 24
    assert wg.grad(f, argnums=(0, 1))(2.0, 3.0) == (12.0, 8.0)
    assert wg.jvp(f, (2.0, 3.0), (1.0, 0.0))[1] == 12


def test_a_closure_over_a_traced_value() -> None:
    def fixed_point(x: Any) -> Any:
        def step(y: Any) -> Any:
            return np.cos(y) * x

        y = x * 0 + 0.5
        for _ in range(60):
            y = step(y)
        return y - wg.grad(step)(y)

    near(wg.grad(fixed_point)(0.7), differences(fixed_point, 0.7))


def test_stop_gradient() -> None:
    assert wg.grad(lambda x: x * wg.stop_gradient(x))(3.0) == 3
    assert wg.jvp(lambda x: wg.stop_gradient(x * x), (3.0,), (1.0,))[1] == 0
    g = wg.grad(lambda p: p["a"] * wg.stop_gradient(p)["b"])({"a": 2.0, "b": 5.0})
    assert g == {"a": 5.0, "b": 0.0}
    equal(wg.vmap(wg.stop_gradient)(X), X)
    assert wg.stop_gradient(4.0) == 4.0


# -- complex ----------------------------------------------------------------------------------------------------------

Z = np.array([1 + 2j, -0.5 + 0.3j])


def test_complex_gradients_are_those_of_the_two_parts() -> None:
    def f(z: Any) -> Any:
        return np.sum(np.abs(z) ** 2 * np.real(np.exp(z)) + z.imag)

    def parts(x: Any, y: Any) -> Any:
        return np.sum((x * x + y * y) * np.exp(x) * np.cos(y) + y)

    gx, gy = wg.grad(parts, argnums=(0, 1))(Z.real, Z.imag)
    g = wg.grad(f)(Z)
    equal(g, gx - 1j * gy)
    for t in (np.ones(2), 1j * np.ones(2), Z):
        equal(wg.jvp(f, (Z,), (t,))[1], np.sum(np.real(g * t)))


@pytest.mark.parametrize("f", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh])
def test_inverse_functions_in_every_quadrant(f: Any) -> None:
    wg.check_grads(
        lambda z: f(z), (np.array([0.4 + 3j, -0.4 + 3j, -0.4 - 3j, 0.4 - 3j, -2 + 0.5j, -2 - 0.5j, 2 - 0.5j]),)
    )


def test_holomorphic_functions() -> None:
    pairs = ((np.exp, np.exp), (np.sin, np.cos), (lambda z: z**3, lambda z: 3 * z**2), (np.log, lambda z: 1 / z))
    for f, slope in pairs:
        value, pushed = wg.jvp(f, (Z,), (np.ones(2),))
        equal(value, f(Z))
        equal(pushed, slope(Z))
        equal(wg.vjp(f, Z)[1](np.ones(2))[0], slope(Z))


def test_real_arguments_of_complex_functions_get_real_gradients() -> None:
    g = wg.grad(lambda x: np.abs(np.exp(1j * x) + x) ** 2)(0.7)
    assert g.dtype == np.float64
    near(g, differences(lambda x: np.abs(np.exp(1j * x) + x) ** 2, 0.7))


# -- against another library ------------------------------------------------------------------------------------------


def test_agrees_with_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    w = np.random.default_rng(1).normal(size=(3, 3))

    def build(np: Any) -> dict[str, Callable[..., Any]]:
        return {
            "network": lambda x: np.sum(np.tanh(w @ np.tanh(w @ x)) ** 2),
            "logsumexp": lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
            "statistics": lambda x: np.std(x) + np.var(x) * np.mean(x**3),
            "shapes": lambda x: np.sum(np.outer(x, x[::-1]).reshape(-1)[2:7] * np.concatenate([x, x[:2]])),
            "where": lambda x: np.sum(np.where(x > 0, x**3, np.sin(x))),
            "products": lambda x: np.prod(x) + np.dot(x, np.cross(x, x * 2 + 1)) + np.einsum("i,ij,j->", x, w, x),
            "trigonometry": lambda x: np.sum(np.arctan2(x, 2.0) * np.sinh(x) + np.arcsin(x / 3) + np.log1p(x * x)),
            "order": lambda x: np.sum(np.sort(x) ** 2 * np.arange(3)) + np.max(x) - np.min(x),
        }

    ours, theirs = build(np), build(anp)
    for name, f in ours.items():
        equal(wg.value_and_grad(f)(X)[0], theirs[name](X))
        equal(wg.grad(f)(X), autograd.grad(theirs[name])(X))
        equal(wg.hessian(f)(X), autograd.hessian(theirs[name])(X))
        equal(wg.jvp(f, (X,), (A[0],))[1], autograd.grad(theirs[name])(X) @ A[0])
