"""Programs with one mistake each, for tests/test_errors.py: name -> a function that raises.

The lines are part of the snapshot (tests/errors.txt), so that a message which points to the wrong line is noticed.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import math
import pickle
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import scipy.integrate
import scipy.interpolate

import wengert as wg
from wengert.core.aval import aval
from wengert.core.graph import Equation, Graph, schedule
from wengert.core.primitive import PRIMITIVES, primitive
from wengert.core.verify import verify
from wengert.train.checkpoint import load_checkpoint

CASES: dict[str, Callable[[], Any]] = {}
kept: list[Any] = []
ones = np.ones(3)


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enter a program in the list."""
    CASES[function.__name__] = function
    return function


def differentiated(f: Callable[[Any], Any], x: Any = None) -> Any:
    return wg.grad(f)(ones.copy() if x is None else x)


# -- what grad is given -----------------------------------------------------------------------------------------------


@case
def grad_of_an_array():
    return differentiated(lambda x: x**2)


@case
def grad_of_two_results():
    return differentiated(lambda x: (x[0], x[1]))


@case
def grad_of_nothing():
    return differentiated(lambda x: None)


@case
def grad_of_a_complex_result():
    return wg.grad(lambda x: x * 1j)(1.0)


@case
def grad_of_an_integer_result():
    return differentiated(lambda x: np.argmax(x))


@case
def integer_array():
    return differentiated(np.sum, np.array([1, 2, 3]))


@case
def boolean_array():
    return differentiated(np.sum, np.array([True, False]))


@case
def list_of_numbers_and_text():
    return differentiated(lambda x: x[0], [1.0, "two"])


@case
def object_array():
    return differentiated(np.sum, np.array([1.0, None]))


@case
def argnums_out_of_range():
    return wg.grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)


@case
def argument_by_keyword():
    return wg.grad(lambda x: x)(x=1.0)


@case
def argnums_of_the_wrong_kind():
    return wg.grad(lambda x: x, argnums="x")(1.0)  # type: ignore[arg-type]


@case
def not_a_function():
    return wg.grad(3.0)(1.0)  # type: ignore[arg-type]


@case
def has_aux_without_aux():
    return wg.grad(lambda x: x, has_aux=True)(1.0)


@case
def has_aux_with_three():
    return wg.grad(lambda x: (x, x, x), has_aux=True)(1.0)


@case
def unregistered_class():
    class Params:
        weight = 1.0

    return wg.grad(lambda p: p.weight)(Params())


# -- jvp, vjp, jacobian, linearize ------------------------------------------------------------------------------------


@case
def jvp_without_tuples():
    return wg.jvp(np.sin, 1.0, 1.0)  # type: ignore[arg-type]


@case
def jvp_with_too_few_tangents():
    return wg.jvp(np.add, (1.0, 2.0), (1.0,))


@case
def jvp_with_a_tangent_of_another_shape():
    return wg.jvp(np.sin, (ones,), (np.ones(2),))


@case
def jvp_with_a_tangent_in_other_containers():
    return wg.jvp(lambda p: p["a"], ({"a": 1.0},), ([1.0],))


@case
def vjp_with_a_cotangent_of_another_shape():
    return wg.vjp(np.sin, ones)[1](1.0)


@case
def vjp_with_a_cotangent_in_other_containers():
    return wg.vjp(lambda x: (x, x), ones)[1](ones)


@case
def linearize_with_a_tangent_too_many():
    return wg.linearize(np.sin, ones)[1](ones, ones)


@case
def jacobian_with_an_unknown_mode():
    return wg.jacobian(np.sin, mode="backward")(1.0)


# -- vmap -------------------------------------------------------------------------------------------------------------


@case
def vmap_of_different_sizes():
    return wg.vmap(np.add)(np.ones(3), np.ones(4))


@case
def vmap_of_nothing():
    return wg.vmap(np.sin, in_axes=None)(ones)


@case
def vmap_over_an_axis_that_is_not_there():
    return wg.vmap(np.sin, in_axes=1)(ones)


@case
def vmap_of_a_number():
    return wg.vmap(np.sin)(1.0)


@case
def vmap_with_too_few_axes():
    return wg.vmap(np.add, in_axes=(0,))(ones, ones)


@case
def vmap_of_a_branch():
    return wg.vmap(lambda x: x if x > 0 else -x)(ones)


@case
def vmap_with_out_axes_none():
    return wg.vmap(np.sin, out_axes=None)(ones)


@case
def vmap_of_a_function_that_writes():
    def f(x):
        x[0] = 0.0
        return x

    return wg.vmap(f)(np.ones((2, 3)))


# -- what cannot be traced --------------------------------------------------------------------------------------------


@case
def python_float():
    return differentiated(lambda x: float(x[0]))


@case
def python_complex():
    return differentiated(lambda x: complex(x[0]).real)


@case
def math_function():
    return differentiated(lambda x: math.sin(x[0]))


@case
def plain_array():
    return differentiated(lambda x: scipy.interpolate.CubicSpline(np.arange(3.0), x)(0.5))


@case
def c_function():
    return differentiated(lambda x: ctypes.c_double(x[0]).value)


@case
def function_of_scipy():
    return differentiated(lambda x: scipy.integrate.quad(lambda y: y - x[0], 0.0, 2.0)[0])


@case
def function_without_meaning():
    return differentiated(lambda x: np.busday_count(x, x))


@case
def ufunc_without_meaning():
    return differentiated(lambda x: np.sum(np.frompyfunc(abs, 1, 1)(x)))


@case
def write_into_an_outer_array():
    outer = np.zeros(3)

    def f(x):
        outer[0] = x[0]
        return outer[0]

    return differentiated(f)


@case
def write_a_part_into_an_outer_array():
    outer = np.zeros(3)

    def f(x):
        outer[:] = x
        return outer.sum()

    return differentiated(f)


@case
def out_is_an_outer_array():
    outer = np.zeros(3)
    return differentiated(lambda x: np.sum(np.multiply(x, 2, out=outer)))


@case
def add_in_place_to_an_outer_array():
    outer = np.zeros(3)

    def f(x):
        nonlocal outer
        outer += x
        return outer.sum()

    return differentiated(f)


@case
def write_from_an_inner_function():
    def f(x):
        y = x * 1.0

        def inner(z):
            y[0] = z
            return z

        wg.grad(inner)(x[0])
        return np.sum(y)

    return differentiated(f)


@case
def index_by_a_float():
    return differentiated(lambda x: ones[x[0]])


@case
def range_of_a_float():
    return differentiated(lambda x: sum(x[i] for i in range(x[0])))


@case
def truth_of_an_array():
    return differentiated(lambda x: x[0] if x > 0 else x[1])


@case
def pickled():
    return differentiated(lambda x: pickle.dumps(x))


@case
def deep_copied_and_then_a_float():
    return differentiated(lambda x: float(copy.deepcopy(x[0])))


@case
def assignment_to_a_scalar():
    def f(x):
        s = x[0]
        s[...] = 1.0
        return s

    return differentiated(f)


# -- leaked -----------------------------------------------------------------------------------------------------------


@case
def leaked_through_a_list():
    kept.clear()
    differentiated(lambda x: (kept.append(x * 2), np.sum(x))[1])
    return kept[0] + 1


@case
def leaked_and_asked_for_its_value():
    kept.clear()
    differentiated(lambda x: (kept.append(x[0] > 0), np.sum(x))[1])
    return 1 if kept[0] else 2


@case
def leaked_into_another_trace():
    kept.clear()
    differentiated(lambda x: (kept.append(x), np.sum(x))[1])
    return differentiated(lambda x: np.sum(x * kept[0]))


@case
def leaked_and_returned():
    kept.clear()
    differentiated(lambda x: (kept.append(x[0]), np.sum(x))[1])
    return differentiated(lambda x: kept[0])


@case
def leaked_and_printed_as_a_number():
    kept.clear()
    differentiated(lambda x: (kept.append(x[0]), np.sum(x))[1])
    return float(kept[0])


@case
def leaked_as_an_argument():
    kept.clear()
    differentiated(lambda x: (kept.append(x), np.sum(x))[1])
    return wg.grad(np.sum)(kept[0])


# -- shapes and dtypes ------------------------------------------------------------------------------------------------


@case
def shapes_that_do_not_broadcast():
    return differentiated(lambda x: np.sum(x + np.ones(4)))


@case
def product_of_shapes_that_do_not_fit():
    return differentiated(lambda x: np.sum(np.ones((2, 4)) @ x))


@case
def assignment_of_another_shape():
    def f(x):
        y = np.zeros(2)
        y[:] = x
        return y.sum()

    return differentiated(f)


@case
def index_out_of_bounds():
    return differentiated(lambda x: x[3])


@case
def too_many_indices():
    return differentiated(lambda x: x[0, 0])


@case
def reshape_to_another_size():
    return differentiated(lambda x: np.sum(x.reshape(2, 2)))


@case
def axis_out_of_bounds():
    return differentiated(lambda x: np.sum(np.sum(x, axis=1)))


@case
def rows_of_different_lengths():
    return differentiated(lambda x: np.sum(np.array([[x[0]], [x[1], x[2]]])))


@case
def concatenate_of_different_shapes():
    return differentiated(lambda x: np.sum(np.concatenate([x[None], np.ones((1, 4))])))


@case
def bits_of_a_float():
    return differentiated(lambda x: np.sum(x & 1))


@case
def write_a_complex_into_a_float():
    def f(x):
        y = np.zeros(3)
        y += x * 1j
        return y.sum()

    return differentiated(f)


@case
def unknown_attribute():
    return differentiated(lambda x: x.summ())


# -- graphs and records -----------------------------------------------------------------------------------------------

scalar = aval((), np.float64)
sin, add = PRIMITIVES["sin"], PRIMITIVES["add"]


@case
def cycle():
    return schedule([Equation(add, (0, 2), (1,)), Equation(sin, (1,), (2,))], [0])


@case
def equation_that_reads_itself():
    return verify(Graph((scalar, scalar), (0,), (Equation(add, (0, 1), (1,)),), (1,)))


@case
def value_that_nothing_makes():
    return verify(Graph((scalar, scalar, scalar), (0,), (Equation(add, (0, 2), (1,)),), (1,)))


@case
def value_made_twice():
    return verify(Graph((scalar, scalar), (0,), (Equation(sin, (0,), (1,)),) * 2, (1,)))


@case
def aval_that_the_shape_rule_denies():
    return verify(Graph((scalar, aval((3,), np.float64)), (0,), (Equation(sin, (0,), (1,)),), (1,)))


@case
def record_without_a_rule():
    return primitive("half", "half of x", evaluate=lambda x: x / 2, infer=lambda x: x)


@case
def record_made_twice():
    rules = {name: lambda *_: None for name in ("evaluate", "infer", "jvp", "transpose", "batch", "samples")}
    return primitive("sin", "sine", **rules)


@case
def graph_from_another_json():
    return Graph.from_json('{"schema": "other"}')


# -- others -----------------------------------------------------------------------------------------------------------


@case
def wrong_derivative():
    @wg.custom_jvp
    def f(x):
        return x**2

    f.defjvp(lambda p, t: (f(*p), 3 * p[0] * t[0]))
    return wg.check_grads(f, (2.0,))


@case
def missing_extra():
    with mock.patch.dict(sys.modules, {"safetensors": None}):  # as if it were not installed
        return load_checkpoint("net.safetensors")


@case
def missing_checkpoint():
    return load_checkpoint("net.safetensors")


# -- custom rules -----------------------------------------------------------------------------------------------------


@case
def custom_function_without_a_rule():
    @wg.custom_jvp
    def f(x):
        return x

    return wg.grad(f)(1.0)


@case
def custom_rule_with_a_branch():
    @wg.custom_jvp
    def f(x):
        return x

    f.defjvp(lambda p, t: (f(*p), t[0] if p[0] > 0 else -t[0]))
    return wg.grad(f)(1.0)


@case
def custom_rule_that_forgets_the_tangent():
    @wg.custom_jvp
    def f(x):
        return x**2

    f.defjvp(lambda p, t: (f(*p), 2 * p[0]))
    return wg.grad(f)(1.0)


@case
def custom_rule_with_another_shape():
    @wg.custom_vjp
    def f(x):
        return np.sum(x)

    f.defvjp(lambda x: (f(x), None), lambda _, ct: (ct,))
    return differentiated(f)


@case
def custom_function_of_a_captured_value():
    def outer(c):
        @wg.custom_jvp
        def f(x):
            return c * x

        f.defjvp(lambda p, t: (f(*p), 2.0 * t[0]))
        return f(c)

    return wg.grad(outer)(1.0)


@case
def custom_vjp_in_forward_mode():
    @wg.custom_vjp
    def f(x):
        return x

    f.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1, 1),))
    return wg.jvp(f, (1.0,), (1.0,))


@case
def nondiff_argument_that_is_traced():
    @functools.partial(wg.custom_jvp, nondiff_argnums=1)
    def f(x, n):
        return x * n

    f.defjvp(lambda n, p, t: (f(*p, n), n * t[0]))
    return wg.grad(lambda x: f(x, x))(1.0)


# -- implicit functions -----------------------------------------------------------------------------------------------


@case
def root_that_does_not_exist():
    return wg.root(lambda x: 0 * x + 1, 0.5)


@case
def root_from_a_point_outside_of_the_domain():
    return wg.root(lambda x: np.log(x), -1.0)


@case
def root_with_a_singular_jacobian():
    def f(x, p):
        return np.array([x[0] + x[1] - p, 2 * x[0] + 2 * x[1] - 2 * p])

    return wg.grad(lambda p: wg.root(f, np.array([0.5, 0.5]), p)[0])(1.0)


@case
def root_with_fewer_equations_than_unknowns():
    return wg.root(lambda x: x[:1], np.ones(2))


@case
def root_in_other_containers():
    return wg.root(lambda x: (x["a"], x["b"]), {"a": 1.0, "b": 1.0})


@case
def root_with_an_if_on_the_unknown():
    return wg.root(lambda x: x if x > 0 else -x, 0.5)


@case
def root_of_complex_unknowns():
    return wg.root(lambda x: x, 1j)


@case
def root_by_an_unknown_method():
    return wg.root(lambda x: x, 1.0, method="newton")


@case
def root_that_writes_into_the_unknowns():
    def f(x):
        x[0] = 1.0
        return x

    return wg.root(f, np.ones(2))


@case
def fixed_point_of_a_map_that_has_none():
    return wg.fixed_point(lambda x: x + 1, 1.0, maxiter=20, method="iteration")


@case
def minimum_at_a_flat_place():
    return wg.grad(lambda p: wg.minimize(lambda x: p * (x[0] - 1) ** 2, np.ones(2))[0])(1.0)


@case
def minimum_of_a_line():
    return wg.minimize(lambda x: x, 1.0)


@case
def minimum_of_an_array():
    return wg.minimize(lambda x: x**2, np.ones(2))


@case
def minimum_with_one_bound():
    return wg.minimize(lambda x: x**2, 1.0, bounds=3.0)


@case
def linear_solve_of_a_square():
    return wg.linear_solve(lambda x: x * x, np.ones(2))


@case
def linear_solve_of_a_singular_matrix():
    return wg.linear_solve(lambda x: np.array([[1.0, 2.0], [2.0, 4.0]]) @ x, np.ones(2))


@case
def linear_solve_that_does_not_converge():
    return wg.linear_solve(lambda x: np.ones((2, 2)) @ x, np.array([1.0, 0.0]), method="gmres")


@case
def linear_solve_by_conjugate_gradients_of_any_matrix():
    return wg.linear_solve(lambda x: x, np.ones(2), method="cg")


@case
def differential_equation_whose_solution_explodes():
    return wg.odeint(lambda y, t: y**2, 1.0, np.array([0.0, 2.0]), method="RK23", rtol=1e-3)


@case
def differential_equation_with_times_out_of_order():
    return wg.odeint(lambda y, t: y, 1.0, np.array([0.0, 2.0, 1.0]))


@case
def differential_equation_at_a_single_time():
    return wg.odeint(lambda y, t: y, 1.0, 2.0)


@case
def event_that_does_not_occur():
    return wg.odeint(lambda y, t: y, 1.0, [0.0, 2.0], event=lambda y, t: y + 1)


@case
def event_with_two_numbers():
    return wg.odeint(lambda y, t: y, np.ones(2), [0.0, 2.0], event=lambda y, t: y)


# -- nan and inf ------------------------------------------------------------------------------------------------------


@case
def nan_under_debug_nans():
    with wg.debug_nans():
        return wg.grad(lambda x: np.sum(np.log(x - 1.0)))(np.array([3.0, 0.5]))


@case
def find_nan_of_a_traced_value():
    return wg.grad(lambda x: (wg.find_nan(np.log)(x), x)[1])(1.0)


# -- memory -----------------------------------------------------------------------------------------------------------


@case
def budget_that_is_too_small():
    def f(x):
        return np.sum(wg.fori_loop(0, 100, lambda k, u: np.sin(u), x))

    return wg.grad(f, memory="1kB")(np.ones(50))


@case
def budget_of_apples():
    return wg.grad(np.sum, memory="10 apples")(np.ones(3))
