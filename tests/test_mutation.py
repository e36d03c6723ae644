"""Code that writes into arrays: derivatives of what NumPy computes, and the same arrays afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.errors import ArgumentError, UntraceableError, WengertError

VECTOR = np.array([1.0, 2.0, 3.0])
MATRIX = np.arange(12.0).reshape(3, 4) + 1
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}


def program(*args: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function in the list, with the arguments to try it at."""

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[f.__name__] = (f, args or (VECTOR,))
        return f

    return enter


def copies(args: Any) -> list[Any]:
    return [np.array(a, float) for a in args]


def differences(f: Callable[..., Any], args: Any, k: int) -> Any:
    """Return the derivative by argument k by central differences, each on copies of its own."""
    slope = np.zeros(args[k].shape)
    for i in np.ndindex(args[k].shape):
        ends = []
        for h in (1e-6, -1e-6):
            moved = copies(args)
            moved[k][i] += h
            ends.append(f(*moved))
        slope[i] = (ends[0] - ends[1]) / 2e-6
    return slope


# -- assigning --------------------------------------------------------------------------------------------------------


@program()
def set_an_entry(x):
    x[0] = 5.0
    return np.sum(x**2)


@program()
def set_from_itself(x):
    x[0] = x[1] * x[2]
    x[1] = x[0] ** 2
    return np.sum(x**2)


@program()
def add_to_a_slice(x):
    x[1:] += x[:-1]
    x[0] = np.sin(x[2])
    return np.sum(x**3)


@program()
def multiply_a_slice_that_overlaps(x):
    x[1:] *= x[:-1]
    return np.sum(x**2)


@program()
def assign_reversed(x):
    x[...] = x[::-1]
    x[:] = x * x
    return np.sum(x * np.arange(3))


@program()
def scalar_augmented(x):
    x[0] += x[1]
    x[0] *= x[0]
    x[0] -= 1
    x[0] /= x[2]
    x[0] **= 2
    return x[0] * x[2]


@program()
def a_number_is_not_a_view(x):
    s = x[0]
    s += 5
    return s * x[0]


@program()
def a_slice_of_one_is_a_view(x):
    s = x[0:1]
    s += 5
    return s[0] * x[0]


@program()
def mask_and_repeated_index(x):
    x[x > 1.5] = 0
    x[np.array([0, 0])] += 1
    return np.sum(x**2)


@program()
def index_arrays(x):
    x[[0, 2]] = x[[2, 0]]
    x[[0, 0]] = x[1:]
    return np.sum(x * np.arange(1, 4))


@program(MATRIX)
def swap_rows_and_columns(m):
    m[0], m[1] = m[1].copy(), m[0].copy()
    m[:, 0], m[:, 1] = m[:, 1], m[:, 0]
    return np.sum(m**2 * np.arange(12).reshape(3, 4))


@program(MATRIX)
def chained_indices(m):
    m[np.ix_([0, 1], [1, 2])] *= 2
    m[1][2] = m[0, 0]
    m[0:2][:, 1][:] = 3
    return np.sum(m**2)


@program(VECTOR, VECTOR + 1)
def two_arguments(x, y):
    x += y
    y *= x
    x[0] = y[1]
    return np.sum(x * y)


# -- two names for one array ------------------------------------------------------------------------------------------


@program()
def alias(x):
    y = x
    y += 1
    y[0] = x[1]
    return np.sum(x * y)


@program()
def views_of_views(x):
    v = x[1:]
    w = v[1:]
    w[0] = x[0] * 2
    v[0] *= 3
    return np.sum(x**2) + np.sum(v) * np.sum(w)


@program(MATRIX)
def transposed_and_reshaped(m):
    t = m.T
    t[0] = t[1] * 2
    r = m.reshape(-1)
    r[::3] = r[1]
    m.ravel()[2] = m[0, 0] ** 2
    return np.sum(m**2)


@program(MATRIX)
def swapped_squeezed_and_broadcast(m):
    y = np.swapaxes(m, 0, 1)
    y[0, 0] = m[1, 1] * 2
    z = np.squeeze(m[None])
    z[2] = 0
    return np.sum(np.broadcast_to(m, (2, 3, 4)) ** 2)


@program()
def new_axes(x):
    x[:, None][0] = 3
    np.atleast_2d(x)[0, 1] = x[2] ** 2
    return np.sum(x**2)


@program(MATRIX)
def loop_over_rows(m):
    for row in m:
        row *= row[0]
    return np.sum(m)


@program(MATRIX**1.5)
def normalise_rows(m):
    for row in m:
        row -= row.mean()
        row /= np.sqrt(np.sum(row**2))
    return np.sum(m**3)


@program()
def copies_are_not_views(x):
    y, z, w = x.copy(), np.array(x), x.astype(float)
    y[0] = 0
    z[1] = 5
    w[2] = 7
    return np.sum(x * y * z * w) + np.sum(x[[0, 1]])


@program()
def asarray_is_the_same_array(x):
    y = np.asarray(x)
    y[0] = 4
    z = x.astype(float, copy=False)
    z[1] = 2
    return np.sum(x**2)


@program()
def in_a_function_that_is_called(x):
    def double(z):
        z[0] = 2 * z[1]
        return z

    y = double(x)
    return np.sum(y * x)


# -- arrays made inside -----------------------------------------------------------------------------------------------


@program()
def zeros_filled(x):
    y = np.zeros(5)
    y[1:4] = x
    y[1:4] += y[0:3]
    return np.dot(y, y)


@program()
def empty_rows(x):
    a = np.empty((2, 3))
    a[0] = x
    a[1, :] = x[::-1] * a[0]
    a[:, 1] = 7
    return np.sum(a**2)


@program()
def array_of_numbers(x):
    a = np.array([x[0], x[1] * x[2]])
    a[0] *= a[1]
    return np.sum(a**2)


@program()
def view_of_a_fresh_array(x):
    y = np.zeros((2, 3))
    v = y[1]
    y[1] = x
    v[0] = x[1] ** 2
    return np.sum(y**2) + v[0] * v[1]


@program()
def alias_of_a_fresh_array(x):
    y = np.zeros(3)
    z = y
    y[0] = x[0]
    z[1] = x[1] * z[0]
    y += z
    return np.sum(y * z)


@program()
def operators_on_a_fresh_array(x):
    y = np.ones(3)
    y *= x
    y -= 1
    y **= 2
    y /= 3
    return np.sum(y)


@program()
def recurrence(x):
    buffer = np.zeros(3)
    for i in range(1, 3):
        buffer[i] = buffer[i - 1] + x[i] ** 2
    return buffer[-1] * buffer[1]


@program()
def copies_of_a_buffer_in_a_list(x):
    buffer, kept = np.zeros(3), []
    for i in range(3):
        buffer[i] = x[i] * 2
        kept.append(buffer.copy())
    return np.sum(np.array(kept) ** 2)


@program()
def whole_numbers_stay_whole(x):
    d = np.zeros(3, dtype=int)
    d[0] = 2
    return x[d[0]] * d[0]


@program(VECTOR / 10)
def heat_equation(x):
    u = np.linspace(0, 1, 5)
    old = u.copy()
    for _ in range(3):
        old[:] = u
        u[1:-1] = old[1:-1] + x[0] * (old[2:] - 2 * old[1:-1] + old[:-2])
        u[0] = x[1]
    return np.sum(u**2)


# -- out= and at ------------------------------------------------------------------------------------------------------


@program()
def out(x):
    y = np.empty_like(x)
    np.multiply(x, x, out=y)
    np.sin(y, out=y)
    np.add(y, x, out=x)
    return np.sum(x * y)


@program()
def out_of_a_fresh_array(x):
    y = np.zeros(3)
    np.multiply(x, 2, out=y)
    y[0] += x[1]
    np.cumsum(y, out=y)
    return np.sum(y**2)


@program()
def out_with_where(x):
    np.negative(x, out=x, where=np.array([True, False, True]))
    return np.sum(x**3)


@program()
def out_into_a_view(x):
    y = np.zeros((2, 3))
    np.exp(x, out=y[1])
    return np.sum(y**2) + x.clip(1.5, 2.5, out=x)[0]


@program()
def add_at(x):
    y = np.zeros(4)
    np.add.at(y, [0, 0, 2], x)
    np.subtract.at(y, np.array([1, 1]), x[:2])
    np.add.at(x, [1, 1], y[0])
    return np.sum(y**2) + np.sum(x**2)


@program()
def sort_and_fill(x):
    x[0] = 10.0
    x.sort()
    y = x * 1.0
    y.fill(x[1])
    return np.sum(x * y)


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives(name):
    f, args = PROGRAMS[name]
    everything = tuple(range(len(args)))
    value = f(*copies(args))
    for _ in range(2):  # interpreted, then compiled
        found, slopes = wg.value_and_grad(f, everything)(*copies(args))
        np.testing.assert_allclose(found, value, rtol=1e-13)
        for k, slope in enumerate(slopes):
            np.testing.assert_allclose(slope, differences(f, args, k), rtol=2e-6, atol=1e-7)
    forward = wg.jacobian(f, everything, mode="forward")(*copies(args))
    for k, slope in enumerate(slopes):
        np.testing.assert_allclose(forward[k], slope, rtol=1e-12, atol=1e-12)
    tangents = [np.cos(np.arange(a.size)).reshape(a.shape) for a in args]
    pushed = wg.jvp(f, copies(args), tangents)[1]
    np.testing.assert_allclose(pushed, sum(np.sum(s * t) for s, t in zip(slopes, tangents, strict=True)), rtol=1e-12)


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "grad": lambda f, args: wg.grad(f, tuple(range(len(args))))(*args),
    "jvp": lambda f, args: wg.jvp(f, args, copies(args)),
    "vjp": lambda f, args: wg.vjp(f, *args),
    "linearize": lambda f, args: wg.linearize(f, *args),
    "jacobian": lambda f, args: wg.jacobian(f, tuple(range(len(args))))(*args),
    "jit": lambda f, args: wg.jit(f)(*args),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_callers_arrays_end_as_after_the_function_itself(name, transform):
    f, args = PROGRAMS[name]
    expected = copies(args)
    f(*expected)
    given = copies(args)
    TRANSFORMS[transform](f, given)
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives_are_symmetric_and_right(name):
    f, args = PROGRAMS[name]

    def pure(x):
        return f(x.copy(), *[a.copy() for a in copies(args)[1:]]) if len(args) == 1 else f(x.copy(), x + 1)

    hessian = wg.hessian(pure)(copies(args)[0]).reshape(args[0].size, -1)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9)
    slopes = []
    for i in np.ndindex(args[0].shape):
        h = np.zeros(args[0].shape)
        h[i] = 1e-6
        slopes.append((wg.grad(pure)(args[0] + h) - wg.grad(pure)(args[0] - h)).ravel() / 2e-6)
    np.testing.assert_allclose(hessian, slopes, rtol=1e-5, atol=1e-5)


# -- the caller's arrays ----------------------------------------------------------------------------------------------


def test_views_and_strides_of_the_caller():
    whole = np.arange(8.0)
    wg.grad(set_an_entry)(whole[1::3])
    expected = np.arange(8.0)
    set_an_entry(expected[1::3])
    np.testing.assert_array_equal(whole, expected)
    columns = np.asfortranarray(MATRIX)
    wg.grad(transposed_and_reshaped)(np.ascontiguousarray(columns))
    np.testing.assert_array_equal(columns, MATRIX)


def test_an_exception_leaves_the_callers_array_alone():
    def f(x):
        x[0] = 99.0
        x *= 2
        raise ValueError("midway")

    x = VECTOR.copy()
    with pytest.raises(ValueError, match="midway"):
        wg.grad(f)(x)
    np.testing.assert_array_equal(x, VECTOR)


def test_a_copy_spares_the_callers_array():
    def f(x):
        x = x.copy()
        x[:] = 0.0
        x += 1
        return np.sum(x)

    x = VECTOR.copy()
    np.testing.assert_array_equal(wg.grad(f)(x), np.zeros(3))
    np.testing.assert_array_equal(x, VECTOR)


def test_containers_of_arrays_that_are_written_into():
    def f(p):
        p["w"][0] = p["b"] * 2
        p["w"] *= p["b"]
        return np.sum(p["w"])

    p = {"w": VECTOR.copy(), "b": np.array(3.0)}
    g = wg.grad(f)(p)
    np.testing.assert_allclose(g["w"], [0.0, 3.0, 3.0])
    np.testing.assert_allclose(g["b"], 12.0 + 5.0)
    np.testing.assert_allclose(p["w"], [18.0, 6.0, 9.0])


def test_results_do_not_share_memory_with_arguments_or_each_other():
    x = VECTOR.copy()
    (value, same), _ = wg.vjp(lambda x: (x, x), x)
    value[0] = 7.0
    assert same[0] == 1.0
    assert x[0] == 1.0
    g = wg.grad(lambda x, y: np.sum(x * y), (0, 1))(x, x)
    g[0][0] = 9.0
    assert g[1][0] == 1.0
    assert x[0] == 1.0


def test_the_same_array_twice():
    def f(x, y):
        return np.sum(x * y)

    x = VECTOR.copy()
    np.testing.assert_array_equal(wg.grad(f)(x, x), x)
    np.testing.assert_array_equal(wg.grad(f, (0, 1))(x, x), (x, x))


# -- arrays captured from outside -------------------------------------------------------------------------------------


def test_a_captured_array_counts_with_its_value_at_the_time_of_use():
    buffer = np.ones(3)

    def f(x):
        y = x * buffer
        buffer[:] = 5.0
        z = x * buffer
        buffer[1] += 1
        return np.sum(y) + 10 * np.sum(z) + 100 * np.sum(x * buffer)

    for _ in range(2):
        buffer[:] = 1.0
        np.testing.assert_array_equal(wg.grad(f)(VECTOR), [551.0, 651.0, 551.0])
        np.testing.assert_array_equal(buffer, [5.0, 6.0, 5.0])


def test_a_captured_array_written_by_a_helper():
    buffer = np.ones(3)

    def refill(value):
        buffer.fill(value)

    def f(x):
        y = x * buffer
        refill(3.0)
        return np.sum(y + x * buffer)

    np.testing.assert_array_equal(wg.grad(f)(VECTOR), [4.0] * 3)
    np.testing.assert_array_equal(wg.grad(f)(VECTOR), [6.0] * 3)


def test_a_pullback_keeps_the_values_of_its_call():
    weights = np.ones(3)
    _, pull = wg.vjp(lambda x: weights * x, VECTOR)
    x = VECTOR.copy()
    _, pull_square = wg.vjp(lambda x: x * x, x)
    weights[:] = 100.0
    x[:] = 100.0
    np.testing.assert_array_equal(pull_square(np.ones(3))[0], 2 * VECTOR)
    np.testing.assert_array_equal(pull(np.ones(3))[0], np.ones(3))


OUTER_WRITES: dict[str, Callable[..., Any]] = {
    "entry": lambda a, x: a.__setitem__(0, x[0]),
    "slice": lambda a, x: a.__setitem__(slice(None), x),
    "out": lambda a, x: np.multiply(x, 2, out=a),
    "in place": lambda a, x: a.__iadd__(x),
    "add.at": lambda a, x: np.add.at(a, [0], x[:1]),
    "copyto": lambda a, x: np.copyto(a, x),
    "put": lambda a, x: np.put(a, [0], x[:1]),
}


@pytest.mark.parametrize("way", OUTER_WRITES)
def test_a_traced_value_cannot_be_written_into_a_captured_array(way):
    outer = np.zeros(3)

    def f(x):
        OUTER_WRITES[way](outer, x)
        return np.sum(x)

    with pytest.raises(UntraceableError, match="inside the function"):
        wg.grad(f)(VECTOR)
    np.testing.assert_array_equal(outer, np.zeros(3))


def test_an_inner_function_cannot_write_into_an_array_of_the_outer_one():
    def f(x):
        y = x * 1.0

        def inner(z):
            y[0] = z
            return z

        return wg.grad(inner)(x[0]) + np.sum(y)

    with pytest.raises(WengertError, match="array of the outer function"):
        wg.grad(f)(VECTOR)


def test_an_outer_array_may_be_written_between_inner_gradients():
    def f(x):
        y = np.zeros(3)
        for k in range(3):
            y[k] = wg.grad(lambda z: z**3 * x[k])(x[k])  # noqa: B023
        return np.sum(y)

    np.testing.assert_allclose(wg.grad(f)(VECTOR), 9 * VECTOR**2)


@pytest.mark.parametrize("copied", [lambda a: np.array(a), lambda a: np.copy(a), lambda a: a.copy()])
def test_a_copy_of_an_outer_array_belongs_to_the_inner_function(copied):
    def f(x, state):
        def inner(z):
            here = copied(state)
            here[0] = z * z
            here[1] += z
            return np.sum(here * here)

        return wg.grad(inner)(x) + np.sum(state)

    state = np.array([5.0, 2.0])
    found = wg.jit(wg.grad(f, argnums=(0, 1)))(1.5, state)
    # d/dz of z^4 + (s + z)^2 is 4 z^3 + 2 (s + z)
    np.testing.assert_allclose(found[0], 12 * 1.5**2 + 2)
    np.testing.assert_allclose(found[1], [1, 1 + 2])


def test_an_array_made_by_an_inner_function_takes_outer_values_and_its_own():
    def f(x):
        def inner(y):
            z = np.zeros(3)
            z[0] = x[0]
            z[1:] = x[1:] * y
            return np.sum(z * z)

        return wg.grad(inner)(x[0])

    # d/dy of x0^2 + (x1 y)^2 + (x2 y)^2 at y = x0 is 2 x0 (x1^2 + x2^2)
    x = np.array([1.5, 2.0, -1.0])
    np.testing.assert_allclose(f(x), 15.0)
    np.testing.assert_allclose(wg.grad(f)(x), [10.0, 12.0, -6.0])
    np.testing.assert_allclose(wg.jit(wg.grad(f))(x), [10.0, 12.0, -6.0])


def test_an_array_made_in_a_captured_loop_takes_outer_values():
    def f(x):
        y = np.zeros(3)
        for _ in range(20):
            z = np.zeros(3)
            z[0] = x[0]
            z[1:] = x[1:] * y[:-1]
            y = y + 0.1 * z
        return y

    x = np.array([1.5, 2.0, -1.0])
    lowered = wg.jit(f).lower(x)
    assert "unrolled" not in str(lowered)
    np.testing.assert_allclose(wg.jit(f)(x), f(x))


def pushed(a, b):
    a[0] *= 2.0
    for i in range(len(b)):
        b[i] += 0.5 * a[i]
    return np.sum(a * b)


@pytest.mark.parametrize("transform", [wg.jit, wg.grad, lambda f: wg.jit(wg.grad(f))])
def test_arguments_that_share_memory_are_not_written_into(transform):
    def wrapped(pair):
        return pushed(*pair)

    x = np.linspace(0.0, 1.0, 10)
    for pair in ((x, x), (x[:-1], x[1:]), (x[1:], x[:-1]), (x, x[::-1])):
        with pytest.raises(ArgumentError, match="share memory"):
            transform(wrapped)(pair)
    np.testing.assert_array_equal(x, np.linspace(0.0, 1.0, 10))
    transform(wrapped)((x[::2], x[1::2]))  # side by side, not the same
    assert x[1] == 0.1111111111111111
