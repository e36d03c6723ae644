"""Functions with derivative rules of the user's own: every order, every mixture of modes, and what goes wrong."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.errors import ArgumentError, BatchedBranchError, DtypeError, MissingRuleError, ShapeError, UntraceableError


@wg.custom_jvp
def quartic(x):
    return x**4


@quartic.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return quartic(x), 4 * x**3 * t


@wg.custom_vjp
def quartic_back(x):
    return x**4


quartic_back.defvjp(lambda x: (quartic_back(x), x), lambda x, ct: (4 * x**3 * ct,))


def forward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: wg.jvp(f, (x,), (1.0,))[1]


def backward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: wg.vjp(f, x)[1](1.0)[0]


MODES = {"F": forward, "R": wg.grad, "V": backward}
MIXTURES = ["".join(m) for n in (1, 2, 3) for m in itertools.product("FR", repeat=n)] + ["V", "VF", "FV", "VV"]


@pytest.mark.parametrize("modes", MIXTURES)
@pytest.mark.parametrize("f", [quartic, quartic_back], ids=["jvp", "vjp"])
def test_every_order_in_every_mixture_of_modes(f, modes):
    derivative = f
    for mode in modes:
        derivative = MODES[mode](derivative)
    for _ in range(3):  # the first run is interpreted, the second compiled
        assert float(derivative(3.0)) == {1: 108.0, 2: 108.0, 3: 72.0}[len(modes)]


@pytest.mark.parametrize("f", [quartic, quartic_back], ids=["jvp", "vjp"])
def test_arrays_hessian_vmap_and_jit(f):
    x = np.array([0.0, 1.0, -2.0])
    total = lambda x: np.sum(f(x))
    np.testing.assert_array_equal(wg.grad(total)(x), 4 * x**3)
    np.testing.assert_array_equal(wg.hessian(total)(x), np.diag(12 * x**2))
    np.testing.assert_array_equal(wg.hvp(total, (x,), (np.ones(3),)), 12 * x**2)
    np.testing.assert_array_equal(wg.jacobian(f, mode="forward")(x), np.diag(4 * x**3))
    np.testing.assert_array_equal(wg.jacobian(f, mode="reverse")(x), np.diag(4 * x**3))
    np.testing.assert_array_equal(wg.vmap(wg.grad(f))(x), 4 * x**3)
    np.testing.assert_array_equal(wg.grad(lambda x: np.sum(wg.vmap(f)(x)))(x), 4 * x**3)
    np.testing.assert_array_equal(wg.vmap(wg.vmap(wg.grad(wg.grad(f))))(x.reshape(3, 1)).ravel(), 12 * x**2)
    np.testing.assert_array_equal(wg.jit(wg.grad(total))(x), 4 * x**3)
    np.testing.assert_array_equal(wg.grad(wg.jit(total))(x), 4 * x**3)


def test_called_with_plain_arrays_it_is_the_function():
    assert quartic(3.0) == 81.0
    assert type(quartic(3)) is int
    assert quartic.__name__ == "quartic"


# -- the classics -----------------------------------------------------------------------------------------------------


def test_log1pexp():
    @wg.custom_jvp
    def log1pexp(x):
        return np.log1p(np.exp(x))

    @log1pexp.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return log1pexp(x), (1 - 1 / (1 + np.exp(x))) * t

    assert wg.grad(log1pexp)(0.0) == 0.5
    assert wg.grad(log1pexp)(100.0) == 1.0
    assert wg.jvp(log1pexp, (100.0,), (1.0,))[1] == 1.0
    assert wg.grad(wg.grad(log1pexp))(0.0) == 0.25


def test_gradient_clipping_and_its_second_derivative():
    @wg.custom_vjp
    def clipped(x, low, high):
        return x

    clipped.defvjp(
        lambda x, low, high: (x, (low, high)), lambda bounds, ct: (np.clip(ct, bounds[0], bounds[1]), None, None)
    )
    loss = lambda x: np.sum(clipped(x, -0.75, 0.75) ** 2)
    np.testing.assert_array_equal(wg.grad(loss)(np.array([0.1, 2.0, -3.0])), [0.2, 0.75, -0.75])
    # What was clipped is constant.
    np.testing.assert_array_equal(wg.hessian(loss)(np.array([0.1, 2.0, -3.0])), np.diag([2.0, 0.0, 0.0]))
    with pytest.raises(MissingRuleError, match="linear in the cotangent"):
        wg.jvp(loss, (np.ones(2),), (np.ones(2),))


def test_gradient_reversal():
    @wg.custom_vjp
    def reverse(x):
        return x

    reverse.defvjp(lambda x: (x, None), lambda _, ct: (-ct,))
    f = lambda x: np.sin(reverse(x) * 2.0)
    assert wg.grad(f)(0.3) == -2 * np.cos(0.6)
    assert wg.jvp(f, (0.3,), (1.0,))[1] == -2 * np.cos(0.6)


def test_straight_through_estimator():
    @wg.custom_vjp
    def rounded(x):
        return np.round(x)

    rounded.defvjp(lambda x: (rounded(x), None), lambda _, ct: (ct,))
    x = np.array([0.2, 1.7])
    np.testing.assert_array_equal(wg.grad(lambda x: np.sum(rounded(x) ** 2))(x), 2 * np.round(x))
    np.testing.assert_array_equal(rounded(x), [0.0, 2.0])


def test_implicit_differentiation_of_a_solver_with_a_while_loop():
    @wg.custom_jvp
    def square_root(a):
        x = a
        while abs(x * x - a) > 1e-13 * a:
            x = 0.5 * (x + a / x)
        return x

    @square_root.defjvp
    def rule(primals, tangents):
        x = square_root(*primals)  # the result that is known already: the loop cannot run here
        return x, tangents[0] / (2 * x)

    for a in (2.0, 3.0, 50.0):
        np.testing.assert_allclose(wg.grad(square_root)(a), 0.5 / np.sqrt(a), rtol=1e-14)
        np.testing.assert_allclose(wg.grad(wg.grad(square_root))(a), -0.25 * a**-1.5, rtol=1e-14)
        np.testing.assert_allclose(forward(wg.grad(square_root))(a), -0.25 * a**-1.5, rtol=1e-14)


def test_the_function_runs_once_where_its_rule_asks_for_it():
    calls = []

    @wg.custom_vjp
    def f(x):
        calls.append(1)
        return np.exp(x)

    f.defvjp(lambda x: (y := f(x), y), lambda y, ct: (ct * y,))
    assert wg.grad(f)(0.0) == 1.0
    assert len(calls) == 1


# -- arguments --------------------------------------------------------------------------------------------------------


@wg.custom_jvp
def power(x, n=2, name="power"):
    return x**n


@power.defjvp
def _(primals, tangents):
    x, n, name = primals
    assert isinstance(name, str)
    assert isinstance(n, int)
    assert tangents[1:] == (0.0, None)
    return power(x, n, name), n * x ** (n - 1) * tangents[0]


def test_keywords_and_defaults():
    assert wg.grad(power)(3.0) == 6.0
    assert wg.grad(lambda x: power(x, n=3))(3.0) == 27.0
    assert wg.grad(lambda x: power(name="other", n=3, x=x))(3.0) == 27.0
    assert wg.grad(wg.grad(lambda x: power(x, 3)))(3.0) == 18.0
    with pytest.raises(TypeError, match="unexpected keyword"):
        power(2.0, m=3)


def test_nondiff_arguments_come_first():
    @functools.partial(wg.custom_jvp, nondiff_argnums=(0, 2))
    def apply(f, x, factor):
        return factor * f(x)

    @apply.defjvp
    def rule(f, factor, primals, tangents):
        return apply(f, *primals, factor), 10 * factor * tangents[0]

    assert wg.grad(lambda x: apply(np.sin, x, 2.0))(1.0) == 20.0
    assert wg.grad(lambda x: apply(lambda y: y * y, x, 3.0))(1.0) == 30.0
    with pytest.raises(ArgumentError, match="is not traced"):
        wg.grad(lambda x: apply(np.sin, x, x))(1.0)

    @functools.partial(wg.custom_vjp, nondiff_argnums=1)
    def clipped(x, limit):
        return x

    clipped.defvjp(lambda x, limit: (x, None), lambda limit, _, ct: (np.clip(ct, -limit, limit),))
    assert [wg.grad(lambda x: 5 * clipped(x, limit=n))(1.0) for n in (2.0, 3.0)] == [2.0, 3.0]  # noqa: B023


def test_containers_in_and_out():
    @wg.custom_vjp
    def layer(p, x):
        return {"a": p["w"] * x, "b": (p["v"] + x,)}

    def layer_forward(p, x):
        return layer(p, x), (p, x, "text")

    def layer_backward(residuals, ct):
        p, x, text = residuals
        assert text == "text"
        return {"w": ct["a"] * x, "v": ct["b"][0]}, ct["a"] * p["w"] + ct["b"][0]

    layer.defvjp(layer_forward, layer_backward)
    loss = lambda p, x: np.sum(layer(p, x)["a"]) + 3 * np.sum(layer(p, x)["b"][0])
    p = {"w": np.array([1.0, 2.0]), "v": np.array([3.0, 4.0])}
    x = np.array([5.0, 6.0])
    dp, dx = wg.grad(loss, (0, 1))(p, x)
    np.testing.assert_array_equal(dp["w"], x)
    np.testing.assert_array_equal(dp["v"], [3.0, 3.0])
    np.testing.assert_array_equal(dx, p["w"] + 3)
    assert wg.jvp(loss, (p, x), (p, x))[1] == 88.0
    # A batch shares p: its gradient is the sum over the batch.
    total = lambda p, x: np.sum(wg.vmap(loss, in_axes=(None, 0))(p, x))
    dp, dx = wg.grad(total, (0, 1))(p, np.stack([x, 2 * x]))
    np.testing.assert_array_equal(dp["w"], 3 * x)
    np.testing.assert_array_equal(dp["v"], [6.0, 6.0])
    np.testing.assert_array_equal(dx, [p["w"] + 3] * 2)


def test_containers_with_a_forward_rule():
    @wg.custom_jvp
    def product(p):
        return {"out": p["a"] * p["b"]}

    @product.defjvp
    def rule(primals, tangents):
        (p,), (t,) = primals, tangents
        return product(p), {"out": p["a"] * t["b"] + t["a"] * p["b"]}

    g = wg.grad(lambda p: product(p)["out"])({"a": 2.0, "b": 5.0})
    assert (g["a"], g["b"]) == (5.0, 2.0)


def test_defjvps():
    @wg.custom_jvp
    def f(x, y, z):
        return x * y + z

    f.defjvps(lambda t, out, x, y, z: t * y, None, lambda t, out, x, y, z: 7 * t)
    assert wg.grad(f, (0, 1, 2))(2.0, 3.0, 4.0) == (3.0, 0.0, 7.0)
    assert wg.jvp(f, (2.0, 3.0, 4.0), (1.0, 1.0, 1.0))[1] == 10.0
    f.defjvps(None, None, None)
    assert wg.grad(f)(2.0, 3.0, 4.0) == 0.0
    f.defjvps(None)
    with pytest.raises(ArgumentError, match="1 rules for 3 arguments"):
        wg.grad(f)(2.0, 3.0, 4.0)


def test_methods():
    class Scaling:
        def __init__(self, factor):
            self.factor = factor

        @functools.partial(wg.custom_jvp, nondiff_argnums=0)
        def f(self, x):
            return self.factor * x

        @f.defjvp
        def _(self, primals, tangents):
            return self.f(*primals), self.factor * tangents[0]

    scaling = Scaling(4.0)
    assert wg.grad(scaling.f)(1.0) == 4.0
    scaling.factor = 7.0
    assert wg.grad(scaling.f)(1.0) == 7.0


def test_integer_arguments_have_no_tangent():
    @wg.custom_jvp
    def pick(x, index):
        return x[index]

    @pick.defjvp
    def rule(primals, tangents):
        assert not np.any(tangents[1])
        return pick(*primals), 2 * tangents[0][primals[1]]

    assert wg.grad(lambda x: np.sum(pick(x, np.array([0, 2, 2]))))(np.ones(3)).tolist() == [2.0, 0.0, 4.0]


def test_float32_and_complex():
    x = np.array([1.0, 2.0], np.float32)
    assert wg.grad(lambda x: np.sum(quartic(x)))(x).dtype == np.float32
    assert wg.grad(lambda x: np.sum(quartic_back(x)))(x).dtype == np.float32
    assert wg.grad(lambda z: quartic(z).real)(1j) == wg.grad(lambda z: (z**4).real)(1j) == 4 * 1j**3


def test_creation_and_writing_inside():
    @wg.custom_jvp
    def f(x):
        out = np.zeros(3)
        out[1:] = x * 2
        return out

    @f.defjvp
    def rule(primals, tangents):
        t = np.empty(3)
        t[0] = 0.0
        t[1:] = 2 * tangents[0]
        return f(*primals), t

    for _ in range(2):
        np.testing.assert_array_equal(wg.jacobian(f)(np.ones(2)), [[0, 0], [2, 0], [0, 2]])


# -- closures ---------------------------------------------------------------------------------------------------------

FACTOR: Any = 2.0


@wg.custom_jvp
def scaled(x):
    return FACTOR * x


@scaled.defjvp
def _(primals, tangents):
    return scaled(*primals), FACTOR * tangents[0]


def test_what_a_rule_reads_may_change_between_calls(monkeypatch):
    for value in (2.0, 3.0, np.float32(4.0), np.array(5.0)):
        monkeypatch.setitem(globals(), "FACTOR", value)
        assert wg.grad(scaled)(1.0) == float(value)
    array = np.array(6.0)
    monkeypatch.setitem(globals(), "FACTOR", array)
    assert wg.grad(scaled)(1.0) == 6.0
    array[...] = 7.0
    assert wg.grad(scaled)(1.0) == 7.0


def test_rules_made_by_one_function_do_not_mix():
    def make(c):
        @wg.custom_vjp
        def f(x):
            return c * x

        f.defvjp(lambda x: (f(x), None), lambda _, ct: (c * ct,))
        return f

    for c in (1.0, 2.0, np.array([3.0, 4.0]), np.array([5.0, 4.0])):
        np.testing.assert_array_equal(wg.grad(lambda x: np.sum(make(c)(x)))(np.ones(2)), c * np.ones(2))  # noqa: B023


def test_a_variable_that_changes_before_the_derivative_is_made_is_an_error():
    def f(x):
        total = 0.0
        for k in (1.0, 2.0):

            @wg.custom_jvp
            def g(x):
                return k * x  # noqa: B023

            g.defjvp(lambda p, t: (g(*p), k * t[0]))  # noqa: B023
            total = total + g(x)
        return total

    with pytest.raises(MissingRuleError, match="stays as it is"):
        wg.grad(f)(1.0)


def test_a_derivative_by_a_captured_value_is_an_error():
    def outer(c, x):
        @wg.custom_jvp
        def f(x):
            return c * x

        f.defjvp(lambda p, t: (f(*p), c * t[0]))
        return f(x)

    assert wg.grad(outer, 1)(3.0, 2.0) == 3.0
    with pytest.raises(MissingRuleError, match="not for what it captures"):
        wg.grad(outer, (0, 1))(3.0, 2.0)
    with pytest.raises(MissingRuleError, match="from its arguments only"):
        wg.grad(lambda c: wg.grad(outer, 1)(c, 2.0))(3.0)


def test_a_captured_value_may_be_traced_where_it_is_constant():
    def outer(c, x):
        @wg.custom_jvp
        def f(x):
            return c * np.sin(x)

        f.defjvp(lambda p, t: (f(*p), 5.0 * t[0]))
        return f(x)

    # c is a value of the outer trace, and the rule does not read it.
    assert wg.grad(lambda x: outer(wg.stop_gradient(x), x))(2.0) == 5.0


# -- errors -----------------------------------------------------------------------------------------------------------


def jvp_rule(rule: Callable[..., Any]) -> Callable[[], Any]:
    @wg.custom_jvp
    def f(x):
        return x * 2

    f.defjvp(rule)
    return lambda: wg.grad(lambda x: np.sum(f(x)))(np.ones(3))


JVP_ERRORS = {
    "no pair": (lambda p, t: t[0], ArgumentError, "returns \\(result, tangent of the result\\)"),
    "shape": (lambda p, t: (p[0] * 2, np.sum(t[0])), ShapeError, "float64\\[\\], expected float64\\[3\\]"),
    "result": (lambda p, t: (p[0][:2], t[0]), ShapeError, "float64\\[2\\], expected float64\\[3\\]"),
    "dtype": (lambda p, t: (p[0], t[0].astype(np.float32)), DtypeError, "float32\\[3\\], expected float64\\[3\\]"),
    "containers": (lambda p, t: (p[0] * 2, (t[0],)), ArgumentError, "same containers"),
    "square": (lambda p, t: (p[0] * 2, t[0] * t[0]), ArgumentError, "linear in the tangents"),
    "sign": (lambda p, t: (p[0] * 2, np.sign(t[0])), ArgumentError, "linear in the tangents"),
    "clip": (lambda p, t: (p[0] * 2, np.clip(t[0], 0, 1)), ArgumentError, "linear in the tangents"),
    "forgotten": (lambda p, t: (p[0] * 2, 2 + 0 * p[0]), ArgumentError, "does not depend on them"),
    "branch": (lambda p, t: (p[0], t[0] if p[0][0] > 0 else -t[0]), UntraceableError, "recorded once for all values"),
}


@pytest.mark.parametrize("name", JVP_ERRORS)
def test_what_a_forward_rule_returns_is_checked(name):
    rule, error, message = JVP_ERRORS[name]
    with pytest.raises(error, match=message) as caught:
        jvp_rule(rule)()
    assert "test_custom_rules.py" in str(caught.value)


def test_a_zero_tangent_is_allowed():
    assert jvp_rule(lambda p, t: (p[0] * 2, np.zeros_like(p[0])))().tolist() == [0.0] * 3
    assert jvp_rule(lambda p, t: (p[0] * 2, np.zeros(3)))().tolist() == [0.0] * 3


def vjp_rule(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[[], Any]:
    @wg.custom_vjp
    def f(x, y):
        return x * 2 + y

    f.defvjp(forward, backward)
    return lambda: wg.grad(lambda x: np.sum(f(x, x)))(np.ones(3))


def ok(x, y):
    return x * 2 + y, None


VJP_ERRORS = {
    "no tuple": (ok, lambda r, ct: ct, ArgumentError, "one cotangent for each"),
    "count": (ok, lambda r, ct: (ct,), ArgumentError, "expected 2 entries"),
    "shape": (ok, lambda r, ct: (ct, np.sum(ct)), ShapeError, "float64\\[\\], expected float64\\[3\\]"),
    "dtype": (ok, lambda r, ct: (ct, ct.astype(np.float32)), DtypeError, "float32\\[3\\], expected float64\\[3\\]"),
    "forward": (lambda x, y: x, lambda r, ct: (ct, ct), ArgumentError, "returns \\(result, residuals\\)"),
    "forward shape": (lambda x, y: (x[0], None), lambda r, ct: (ct, ct), ShapeError, "expected float64\\[3\\]"),
}


@pytest.mark.parametrize("name", VJP_ERRORS)
def test_what_a_backward_rule_returns_is_checked(name):
    forward, backward, error, message = VJP_ERRORS[name]
    with pytest.raises(error, match=message) as caught:
        vjp_rule(forward, backward)()
    assert "test_custom_rules.py" in str(caught.value)


def test_none_is_a_zero_cotangent():
    assert vjp_rule(ok, lambda r, ct: (2 * ct, None))().tolist() == [2.0] * 3


def test_other_misuses():
    @wg.custom_jvp
    def unruly(x):
        return x

    assert unruly(1.0) == 1.0
    with pytest.raises(MissingRuleError, match="needs a derivative rule"):
        wg.grad(unruly)(1.0)

    @wg.custom_jvp
    def writes(x):
        x[0] = 1.0
        return x

    writes.defjvp(lambda p, t: (p[0], t[0]))
    with pytest.raises(ArgumentError, match="write into its arguments"):
        wg.grad(lambda x: np.sum(writes(x)))(np.ones(3))

    @wg.custom_jvp
    def keyword_only(x, *, n=2):
        return x

    keyword_only.defjvp(lambda p, t: (p[0], t[0]))
    with pytest.raises(ArgumentError, match="by position"):
        wg.grad(keyword_only)(1.0)

    @functools.partial(wg.custom_jvp, nondiff_argnums=4)
    def few(x):
        return x

    with pytest.raises(ArgumentError, match="few has 1 arguments"):
        wg.grad(few)(1.0)


def test_branches_on_a_value_work_and_are_refused_under_vmap():
    @wg.custom_jvp
    def f(x):
        return x * x if x > 0 else -x

    f.defjvp(lambda p, t: (f(*p), np.where(p[0] > 0, 2 * p[0], -1.0) * t[0]))
    assert (wg.grad(f)(3.0), wg.grad(f)(-3.0), wg.grad(wg.grad(f))(3.0)) == (6.0, -1.0, 2.0)
    with pytest.raises(BatchedBranchError):
        wg.vmap(f)(np.ones(3))


def test_an_exception_inside_a_rule_leaves_nothing_behind():
    fail = True

    @wg.custom_jvp
    def f(x):
        return 2 * x

    @f.defjvp
    def rule(primals, tangents):
        if fail:
            raise RuntimeError("inside the rule")
        return f(*primals), 2 * tangents[0]

    with pytest.raises(RuntimeError, match="inside the rule"):
        wg.grad(f)(1.0)
    fail = False
    assert wg.grad(f)(1.0) == 2.0


def test_a_graph_shows_the_call():
    graph = wg.trace(quartic)(2.0)
    assert [e.primitive.name for e in graph.equations] == ["custom_call"]
    assert "v0 ** 4" in str(graph)


def test_a_loop_in_a_rule_is_transposed():
    @wg.custom_jvp
    def f(x):
        return np.sin(x)

    @f.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), wg.fori_loop(0, 3, lambda k, c: c * np.cos(x), t)

    assert wg.jvp(f, (0.3,), (1.0,))[1] == pytest.approx(np.cos(0.3) ** 3)
    assert wg.grad(f)(0.3) == pytest.approx(np.cos(0.3) ** 3)
    assert wg.grad(wg.grad(f))(0.3) == pytest.approx(-3 * np.cos(0.3) ** 2 * np.sin(0.3))
