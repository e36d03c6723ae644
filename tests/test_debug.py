"""find_nan and debug_nans: the equation, the pass, the line, the operands, the iteration."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.api.call import Derived
from wengert.api.compile import Jitted
from wengert.errors import BadValueError


def forward_log(x):
    shifted = x - 1.0
    return np.sum(np.log(shifted))


def backward_root(x):
    return np.sum(np.sqrt(x) + 1.0)


def overflow(x):
    e = np.exp(x)
    return np.sum(e / np.sum(e) * np.array([1.0, 2.0]))


def raised(call):
    with pytest.raises(BadValueError) as caught, wg.debug_nans():
        call()
    return caught.value.report


# -- one equation -----------------------------------------------------------------------------------------------------


def test_forward():
    found = wg.find_nan(forward_log)(np.array([3.0, 0.5]))
    assert found
    assert (found.kind, found.pass_, found.primitive) == ("nan", "forward", "log")
    assert found.line.endswith("in forward_log: return np.sum(np.log(shifted))")
    np.testing.assert_array_equal(found.operands[0], [2.0, -0.5])
    np.testing.assert_array_equal(found.value, [np.log(2.0), np.nan])
    assert str(found).split("\n")[0] == "nan in the forward pass"
    assert "1 of 2 entries, the first at [1]" in str(found)


def test_backward():
    found = wg.find_nan(backward_root)(np.array([3.0, 0.0]))
    assert (found.kind, found.pass_) == ("inf", "backward")
    assert "np.sqrt(x)" in found.line
    assert 0.0 in found.operands[0]
    assert not wg.find_nan(backward_root, inf=False)(np.array([3.0, 0.0]))


def test_a_nan_made_of_an_inf_says_where_the_inf_is_from():
    found = wg.find_nan(overflow)(np.array([1000.0, 1.0]))
    assert (found.kind, found.primitive) == ("nan", "div")
    assert found.cause is not None
    assert (found.cause.kind, found.cause.primitive) == ("inf", "exp")
    assert found.cause.line.endswith("in overflow: e = np.exp(x)")
    assert "because of inf in the forward pass" in str(found)


def test_what_reaches_no_result_does_not_count():
    x = np.array([1.0, 0.0, -2.0])
    chosen = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0) * x)
    assert not wg.find_nan(chosen)(x)
    assert str(wg.find_nan(chosen)(x)) == "no nan or inf in results and gradients"
    assert not wg.find_nan(np.linalg.norm)(np.zeros(3))
    with wg.debug_nans():
        np.testing.assert_array_equal(wg.grad(chosen)(x), [1, 0, 0])
        np.testing.assert_array_equal(wg.grad(np.linalg.norm)(np.zeros(3)), np.zeros(3))


def test_only_the_entries_that_were_chosen_are_followed():
    def f(x):
        harmless = np.log(x)
        return np.sum(np.where(x > 0, np.sqrt(x - 2.0), harmless * 0.0))

    found = wg.find_nan(f)(np.array([1.0, 4.0]))
    assert found.primitive == "sqrt"


def test_given_values():
    found = wg.find_nan(lambda x, y: x * y)(np.array([1.0, np.nan]), 2.0)
    assert (found.pass_, found.kind) == ("input", "nan")
    assert str(found) == "nan in x, which was given: 1 of 2 entries, the first at [1]"
    captured = np.array([np.inf])
    assert "inf in a captured value" in str(wg.find_nan(lambda x: np.sum(x * captured))(1.0))


def test_functions_made_by_transforms():
    found = wg.find_nan(wg.grad(backward_root))(np.array([3.0, 0.0]))
    assert (found.kind, found.pass_) == ("inf", "backward")
    found = wg.find_nan(lambda x: wg.jvp(backward_root, (x,), (np.ones(2),))[1])(np.array([3.0, 0.0]))
    assert found.pass_ == "tangent"
    assert "tangent of the forward pass" in str(found)
    assert wg.find_nan(wg.jit(forward_log))(np.array([3.0, 0.5])).primitive == "log"


def test_a_second_derivative():
    found = wg.find_nan(wg.grad(wg.grad(lambda x: x**4.5)))(0.0)
    assert not found
    found = wg.find_nan(wg.grad(wg.grad(lambda x: x**1.5)))(0.0)
    assert found.kind == "inf"


def test_traced_values_are_refused():
    with pytest.raises(wg.WengertError, match="outside of transforms"):
        wg.grad(lambda x: (wg.find_nan(np.log)(x), x)[1])(1.0)


# -- loops and choices ------------------------------------------------------------------------------------------------


def recurrence(x):
    def step(c, k):
        c = c * c - 1.5
        return np.sqrt(c) + 0.0 * k, c

    return wg.scan(step, x, np.arange(5.0))[0]


def test_the_iteration_in_the_forward_pass():
    x, count = 2.0, -1
    while x == x:
        with np.errstate(invalid="ignore"):
            x, count = np.sqrt(x * x - 1.5), count + 1
    found = wg.find_nan(recurrence)(2.0)
    assert (found.kind, found.pass_, found.primitive, found.iteration) == ("nan", "forward", "sqrt", (count,))
    assert f"iteration {count} of" in str(found)
    assert found.operands[0] < 0
    assert raised(lambda: wg.jit(recurrence)(2.0)).iteration == (count,)
    assert raised(lambda: wg.grad(recurrence)(2.0)).iteration == (count,)


def test_the_iteration_in_the_backward_pass():
    """The square root meets zero in iteration 3, where its value is fine and its slope is not."""

    def f(x):
        return wg.scan(lambda c, k: (c + np.sqrt(np.abs(k - 3.0) * x), None), 0.0, np.arange(6.0))[0]

    def g(x):
        return wg.fori_loop(0, 6, lambda k, c: c + np.sqrt(x * np.abs(k - 3.0) + np.where(k == 3, x - 1.0, 0.0)), 0.0)

    assert not wg.find_nan(f)(1.0)  # the slope of sqrt is inf there and meets a zero
    found = wg.find_nan(g)(1.0)
    assert (found.kind, found.pass_, found.iteration) == ("inf", "backward", (3,))
    assert raised(lambda: wg.grad(g)(1.0)).iteration == (3,)
    assert raised(lambda: wg.jit(wg.grad(g))(1.0)).pass_ == "backward"


def test_loops_in_loops_while_and_choices():
    def f(x):
        def inner(c, j):
            return wg.cond(c > 3.5, lambda c: np.log(3.9 - c), lambda c: c + 0.5, c), None

        def outer(c, k):
            return wg.scan(inner, c, np.arange(3.0))[0], None

        return wg.scan(outer, x, np.arange(4.0))[0]

    # 1.0 grows by 0.5 a step: 4.0 is reached after step 5, in iterations (1, 2), and the logarithm taken in (2, 0).
    found = wg.find_nan(f)(1.0)
    assert (found.primitive, found.iteration) == ("log", (2, 0))
    assert "np.log(3.9 - c)" in found.line

    def g(x):
        return wg.while_loop(lambda c: c[0] < 5, lambda c: (c[0] + 1, np.sqrt(c[1] - c[0])), (0, x))[1]

    assert wg.find_nan(g)(3.0).iteration == (2,)


def test_an_inf_in_one_iteration_and_a_nan_of_it_in_another():
    def f(x):
        return wg.scan(lambda c, k: (np.where(k < 4, c * 1e100, c - c), None), x, np.arange(6.0))[0]

    found = wg.find_nan(f)(1.0)
    assert (found.kind, found.iteration, found.primitive) == ("nan", (4,), "sub")
    assert found.cause is not None
    assert (found.cause.kind, found.cause.iteration, found.cause.primitive) == ("inf", (3,), "mul")


# -- at every call ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "primitive", "pass_"),
    [
        (lambda: wg.grad(forward_log)(np.array([3.0, 0.5])), "log", "forward"),
        (lambda: wg.value_and_grad(forward_log)(np.array([3.0, 0.5])), "log", "forward"),
        (lambda: wg.jit(forward_log)(np.array([3.0, 0.5])), "log", "forward"),
        (lambda: wg.vjp(forward_log, np.array([3.0, 0.5])), "log", "forward"),
        (lambda: wg.vmap(lambda x: np.log(x))(np.array([3.0, -0.5])), "log", "forward"),
        (lambda: wg.grad(backward_root)(np.array([3.0, 0.0])), "reciprocal", "backward"),
        (lambda: wg.jit(wg.grad(backward_root))(np.array([3.0, 0.0])), "reciprocal", "backward"),
        (lambda: wg.jacobian(np.sqrt, mode="forward")(np.array([3.0, 0.0])), "reciprocal", "tangent"),
        (lambda: wg.vjp(lambda x: np.sqrt(x), np.zeros(1))[1](np.ones(1)), "reciprocal", "backward"),
        (lambda: wg.hessian(lambda x: np.sum(x**1.5))(np.zeros(1)), "pow", "backward"),
    ],
)
def test_calls_that_raise(call, primitive, pass_):
    found = raised(call)
    assert found.primitive == primitive
    if "of yours" not in str(found):
        assert found.pass_ in (pass_, "tangent")


def test_the_call_where_there_is_no_line_inside():
    with pytest.raises(BadValueError, match=r"called: .*wg\.vmap\(np\.log\)"), wg.debug_nans():
        wg.vmap(np.log)(np.array([-1.0]))


def test_calls_seen_before_and_compiled_raise_too():
    f = wg.grad(backward_root)
    for _ in range(3):
        f(np.array([3.0, 1.0]))
    g = wg.jit(f)
    g(np.array([3.0, 1.0]))
    for h in (f, g):
        assert raised(lambda h=h: h(np.array([3.0, 0.0]))).kind == "inf"


def test_a_jitted_function_that_writes_into_its_argument():
    @wg.jit
    def f(x):
        x[0] = x[0] - 2.0
        return np.sum(np.sqrt(x))

    x = np.array([1.0, 4.0])
    assert raised(lambda: f(x)).operands[0][0] == -1.0


def test_the_switch():
    run, call = Derived.run, Jitted.__call__
    assert np.isinf(wg.grad(backward_root)(np.zeros(1)))
    before = wg.debug_nans()
    try:
        with pytest.raises(FloatingPointError):
            wg.grad(backward_root)(np.zeros(1))
        with wg.debug_nans(False):
            wg.grad(backward_root)(np.zeros(1))
        with wg.debug_nans(inf=False):
            wg.grad(backward_root)(np.zeros(1))
        with pytest.raises(FloatingPointError):
            wg.grad(backward_root)(np.zeros(1))
    finally:
        wg.debug_nans(False)
    del before
    # Off means that nothing is left in the way of a call.
    assert Derived.run is run
    assert Jitted.__call__ is call
    wg.grad(backward_root)(np.zeros(1))


def test_an_error_inside_puts_the_switch_back():
    with pytest.raises(KeyError), wg.debug_nans():
        raise KeyError
    assert np.isinf(wg.grad(backward_root)(np.zeros(1)))


def test_solvers_may_try_bad_points():
    with wg.debug_nans():
        found = wg.grad(lambda p: wg.minimize(lambda x: x - p * np.log(x), 3.0))(1.0)
    assert found == pytest.approx(1.0)
