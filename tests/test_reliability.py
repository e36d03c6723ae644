"""What must not happen: state left by an exception, threads that meet, growing memory, stale answers."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import importlib.util
import pickle
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import zeros

import wengert as wg
from wengert.errors import UntraceableError, WengertError
from wengert.run.cache import PROGRAMS
from wengert.trace.context import current

_spec = importlib.util.spec_from_file_location("helper_module", Path(__file__).parent / "helper_module.py")
assert _spec is not None
assert _spec.loader is not None
helper_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(helper_module)

POINT = np.array([1.0, 2.0, 3.0])


def square(x):
    return np.sum(x**2)


def is_clean() -> bool:
    """Say whether nothing of a trace is left: no current builder, NumPy unpatched, and right answers."""
    return (
        current() is None
        and type(np.zeros(2)) is np.ndarray
        and wg.grad(square)(POINT).tolist() == [2.0, 4.0, 6.0]
        and wg.jvp(square, (POINT,), (POINT,))[1] == 28.0
    )


# -- exceptions -------------------------------------------------------------------------------------------------------


class Failure(BaseException):
    """Neither an Exception nor one of ours."""


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "grad": lambda f: wg.grad(f)(POINT),
    "jvp": lambda f: wg.jvp(f, (POINT,), (POINT,)),
    "vjp": lambda f: wg.vjp(f, POINT),
    "linearize": lambda f: wg.linearize(f, POINT),
    "hessian": lambda f: wg.hessian(f)(POINT),
    "vmap": lambda f: wg.vmap(f)(POINT),
    "trace": lambda f: wg.trace(f)(POINT),
    "jit": lambda f: wg.jit(f)(POINT),
    "grad of jit": lambda f: wg.grad(wg.jit(f))(POINT),
    "jit of grad": lambda f: wg.jit(wg.grad(f))(POINT),
    "grad of grad": lambda f: wg.grad(lambda x: np.sum(wg.grad(f)(x)))(POINT),
}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, Failure, RecursionError])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_an_exception_inside_the_function_leaves_nothing_behind(transform, error):
    def f(x):
        x = np.sin(x) * 2
        raise error("inside")

    for _ in range(2):
        with pytest.raises(error, match="inside"):
            TRANSFORMS[transform](f)
        assert is_clean()


def test_endless_recursion_is_a_recursion_error():
    def f(x):
        return f(x * 1.5)

    with pytest.raises(RecursionError):
        wg.grad(f)(1.0)
    assert is_clean()


def test_an_inner_transform_may_fail_and_be_caught():
    def f(x):
        with contextlib.suppress(WengertError):
            wg.grad(lambda y: y * float(y))(x)
        try:
            wg.grad(lambda y: 1 / 0)(x)
        except ZeroDivisionError:
            return x**3
        return x

    assert wg.grad(f)(2.0) == 12.0
    assert wg.grad(wg.grad(f))(2.0) == 12.0
    assert is_clean()


def test_an_exception_of_numpy_inside_is_numpys():
    with pytest.raises(np.exceptions.AxisError):
        wg.grad(lambda x: np.sum(x, axis=3))(POINT)
    with pytest.raises(IndexError):
        wg.grad(lambda x: x[7])(POINT)
    assert is_clean()


# -- threads, generators, tasks ---------------------------------------------------------------------------------------


def test_two_threads_at_once():
    wrong: list[Any] = []
    start = threading.Barrier(4)

    def work(n: int) -> None:
        rng = np.random.default_rng(n)
        start.wait()
        for k in range(150):
            x = rng.normal(size=1 + (k + n) % 5)  # structures that are new in this thread, known to another
            c = float(rng.normal())
            y = np.zeros(3)

            def f(x):
                out = np.zeros(len(x))
                out[:] = np.sin(x) * c  # noqa: B023
                if len(x) > 2:
                    out[0] = out[1]
                return np.sum(out * out)

            def plain(x):
                out = np.sin(x) * c  # noqa: B023
                slope = 2 * out * np.cos(x) * c  # noqa: B023
                if len(x) > 2:
                    slope[1] *= 2
                    slope[0] = 0
                return slope

            g = wg.grad(f)(x)
            if not np.allclose(g, plain(x), rtol=1e-12, atol=1e-14) or type(y) is not np.ndarray:
                wrong.append((n, k))
            if current() is not None:
                wrong.append("state")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_one_thread_traces_while_another_is_inside_a_trace():
    inside, go = threading.Event(), threading.Event()
    results: list[Any] = []

    def slow(x):
        inside.set()
        assert go.wait(10)
        return x**3

    t = threading.Thread(target=lambda: results.append(wg.grad(slow)(2.0)))
    t.start()
    assert inside.wait(10)
    assert is_clean()  # another trace is open, but not here
    go.set()
    t.join()
    assert results == [12.0]


def test_a_jitted_function_from_several_threads():
    f = wg.jit(lambda x: np.sum(np.exp(x) * x))
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append([f(POINT * k) for k in range(20)])) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expected = [np.sum(np.exp(POINT * k) * POINT * k) for k in range(20)]
    for found in results:
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_generator_suspended_inside_a_trace():
    def terms(x):
        for k in range(1, 4):
            yield x**k

    suspended = []

    def f(x):
        gen = terms(x)
        suspended.append(gen)
        return next(gen) + next(gen)

    assert wg.grad(f)(3.0) == 7.0
    assert is_clean()
    with pytest.raises(WengertError):  # it goes on with a value whose trace has ended
        next(suspended[0])
    assert is_clean()


def test_a_generator_that_opens_traces_and_is_left():
    def gradients(x):
        while True:
            x = x - 0.1 * wg.grad(square)(x)
            yield x

    first, second = gradients(POINT), gradients(-POINT)
    for _ in range(3):
        np.testing.assert_array_equal(next(first), -next(second))
    first.close()
    assert is_clean()


def test_tasks():
    async def descend(x, n):
        for _ in range(n):
            x = x - 0.1 * wg.grad(square)(x)
            await asyncio.sleep(0)
        return x

    async def main():
        return await asyncio.gather(*[descend(POINT * k, 5) for k in range(3)])

    for k, x in enumerate(asyncio.run(main())):
        np.testing.assert_allclose(x, POINT * k * 0.8**5)


def test_a_copied_context_does_not_carry_a_trace_on():
    saved = []

    def f(x):
        saved.append(contextvars.copy_context())
        return x * x

    assert wg.grad(f)(3.0) == 6.0
    # In the copy the trace still looks open; what starts there must work all the same.
    assert saved[0].run(lambda: wg.grad(lambda x: x**3)(2.0)) == 12.0


# -- sizes ------------------------------------------------------------------------------------------------------------


def test_a_chain_of_100000_operations():
    def chain(n):
        def f(x):
            for _ in range(n):
                x = np.sin(x)
            return x

        return f

    assert np.isfinite(wg.grad(chain(100_000))(1.0))
    assert np.isfinite(wg.jvp(chain(100_000), (1.0,), (1.0,))[1])


def test_a_fan_out_of_10000():
    assert wg.grad(lambda x: sum(x * k for k in range(10_000)))(1.0) == sum(range(10_000))
    assert wg.grad(lambda x: sum([x] * 10_000))(1.0) == 10_000.0
    g = wg.grad(lambda x: sum(x[k] * k for k in range(10_000)))(np.ones(10_000))
    np.testing.assert_array_equal(g, np.arange(10_000))


@pytest.mark.parametrize("kind", ["chain", "fan out", "reads of entries", "writes of entries"])
def test_time_is_linear_in_the_number_of_operations(kind):
    def program(n):
        def f(x):
            if kind == "chain":
                for _ in range(n):
                    x = x * 1.0001
                return x[0]
            if kind == "fan out":
                return sum([x[0] * 2.0 for _ in range(n)])
            if kind == "reads of entries":
                return sum([x[k % 50] for k in range(n)])
            y = np.zeros(50)
            for k in range(n):
                y[k % 50] = x[k % 50] * 2.0
            return np.sum(y)

        return f

    def seconds(n):
        x = np.ones(50)
        times = []
        for k in range(3):
            start = time.perf_counter()
            wg.grad(program(n + k))(x)  # a structure that is not in the cache
            times.append(time.perf_counter() - start)
        return min(times)

    seconds(100)
    n = 1_000
    # 4 times the work; a quadratic pass would take 16 times as long.
    ratio = min(seconds(4 * n) / seconds(n) for _ in range(3))
    assert ratio < 9


def test_deep_containers():
    tree: Any = 1.0
    for _ in range(200):
        tree = [tree]

    def innermost(t):
        while isinstance(t, list):
            t = t[0]
        return t

    assert innermost(wg.grad(lambda t: innermost(t) ** 2)(tree)) == 2.0


# -- memory -----------------------------------------------------------------------------------------------------------


def growth(step: Callable[[], Any], warm: int, count: int) -> int:
    """Return by how many bytes Python's memory grows over ``count`` steps, after ``warm`` ones."""
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(warm):
            step()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(count):
            step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_1000_gradients_of_one_function_do_not_grow_the_process():
    x = np.ones(1000)
    assert growth(lambda: wg.grad(square)(x), 20, 1000) < 50_000


def test_1000_gradients_of_fresh_lambdas_do_not_grow_the_process():
    x = np.ones(1000)

    def step():
        c = float(np.random.default_rng().normal())
        wg.grad(lambda x: np.sum(np.sin(x) * c))(x)

    assert growth(step, 20, 1000) < 50_000


def test_gradients_of_fresh_custom_functions_do_not_grow_the_process():
    x = np.ones(100)

    def step():
        c = float(np.random.default_rng().normal())

        @wg.custom_jvp
        def f(x):
            return c * x

        f.defjvp(lambda p, t: (f(*p), c * t[0]))
        wg.grad(lambda x: np.sum(f(x)))(x)

    # Every one of them is another program, and only so many programs are kept.
    assert growth(step, 1100, 100) < 200_000
    assert len(PROGRAMS) <= 1024


def test_new_structures_replace_old_ones():
    def step(n: list[int] = [0]):  # noqa: B006
        n[0] += 1
        wg.grad(lambda x: x ** (2 + n[0] % 3000))(1.0)

    for _ in range(1100):
        step()
    assert len(PROGRAMS) <= 1024


def test_what_a_call_used_is_given_back():
    def call():
        given, captured = np.ones(10), np.ones(10)
        for _ in range(2):
            wg.grad(lambda y: np.sum(np.sin(y) * captured))(given)
            wg.jit(lambda y: np.sum(np.sin(y) * captured))(given)
        return weakref.ref(given), weakref.ref(captured)

    given, captured = call()
    gc.collect()
    assert given() is None
    assert captured() is None


# -- what the function reads ------------------------------------------------------------------------------------------

COEFFICIENT: Any = 2.0
COUNTER = 0


def with_global(x):
    return np.sum(COEFFICIENT * x)


def test_globals_closures_and_defaults_may_change_between_calls(monkeypatch):
    for value in (2.0, 3.0, np.array([1.0, 2.0, 3.0]), 5, np.float32(7)):
        monkeypatch.setitem(globals(), "COEFFICIENT", value)
        np.testing.assert_array_equal(wg.grad(with_global)(POINT), np.broadcast_to(value, 3))

    k: Any = 1.0

    def closure(x, power=2):
        return np.sum(k * x**power)

    g = wg.grad(closure)
    np.testing.assert_array_equal(g(POINT), 2 * POINT)
    k = 10.0
    np.testing.assert_array_equal(g(POINT), 20 * POINT)
    k = np.array([1.0, 0.0, 2.0])
    np.testing.assert_array_equal(g(POINT), 2 * k * POINT)
    closure.__defaults__ = (3,)
    np.testing.assert_array_equal(g(POINT), 3 * k * POINT**2)
    array = np.ones(3)
    h = wg.grad(lambda x: np.sum(array * x))
    assert h(POINT).tolist() == [1.0] * 3
    array[1] = 5.0
    assert h(POINT).tolist() == [1.0, 5.0, 1.0]


def test_python_branches_and_loops_may_go_another_way():
    def f(x, n):
        for _ in range(n):
            x = x * x if x > 1 else x + 1
        return x

    g = wg.grad(f)
    for _ in range(2):
        assert [g(2.0, n) for n in range(4)] == [1.0, 4.0, 32.0, 1024.0]
        assert g(0.5, 1) == 1.0
        assert g(0.5, 2) == 3.0


def test_a_function_that_writes_globals_and_nonlocals():
    global COUNTER
    COUNTER = 0
    calls = 0

    def f(x):
        global COUNTER
        nonlocal calls
        COUNTER = COUNTER + 1
        calls += 1
        y = np.zeros(2)  # so that the function runs as a copy
        y[0] = x
        return y[0] * x

    for n in range(1, 4):
        assert wg.grad(f)(3.0) == 6.0
        assert (COUNTER, calls) == (n, n)

    def fails(x):
        global COUNTER
        COUNTER = 99
        y = np.zeros(2)
        y[0] = x
        raise ValueError("after the write")

    with pytest.raises(ValueError, match="after the write"):
        wg.grad(fails)(3.0)
    assert COUNTER == 99


def bump():
    global COUNTER
    COUNTER += 1
    return np.zeros(1)


def test_a_helper_that_writes_a_global():
    global COUNTER
    COUNTER = 5

    def f(x):
        y = bump()
        y[0] = x
        return y[0] * COUNTER

    assert wg.grad(f)(3.0) == 6.0
    assert wg.grad(f)(3.0) == 7.0
    assert COUNTER == 7


class Simulation:
    """Methods that call each other and keep state on the object."""

    steps = 0

    def __init__(self):
        self.rate = 0.1
        self.history = []

    def empty(self, n):
        return np.zeros(n)

    def step(self, u):
        new = self.empty(len(u))
        new[1:-1] = u[1:-1] + self.rate * (u[2:] - 2 * u[1:-1] + u[:-2])
        self.steps += 1
        return new

    def run(self, u, n):
        for _ in range(n):
            u = self.step(u)
        self.last = len(u)
        return np.sum(u**2)


class Fast(Simulation):
    registered: list[str] = []  # noqa: RUF012

    def __init_subclass__(cls):
        Fast.registered.append(cls.__name__)

    def step(self, u):
        assert isinstance(self, Fast)
        assert self.__class__ is Fast
        return super().step(u) * 2.0


@pytest.mark.parametrize("cls", [Simulation, Fast])
def test_objects_whose_methods_call_each_other(cls):
    u = np.array([0.0, 1.0, 2.0, 0.5, 0.0])
    simulation = cls()
    matrix = np.array([[0, 0, 0, 0, 0], [1, 8, 1, 0, 0], [0, 1, 8, 1, 0], [0, 0, 1, 8, 1], [0, 0, 0, 0, 0]]) / 10
    matrix = np.linalg.matrix_power(matrix * (2 if cls is Fast else 1), 3)
    for k in (1, 2):
        np.testing.assert_allclose(wg.grad(simulation.run)(u, 3), 2 * matrix.T @ matrix @ u, rtol=1e-13)
        assert simulation.steps == 3 * k
        assert simulation.last == 5
    np.testing.assert_allclose(wg.grad(lambda u: simulation.run(u, 3))(u), 2 * matrix.T @ matrix @ u, rtol=1e-13)
    assert Fast.registered == []
    assert type(simulation) is cls


def test_printing_inside(capsys):
    def f(x):
        print("x is", x)
        print(f"half of it: {x / 2:}")
        return x * x

    assert wg.grad(f)(3.0) == 6.0
    out = capsys.readouterr().out
    assert "x is Tracer<float64[]>" in out


# -- kinds of functions -----------------------------------------------------------------------------------------------


def creates(x, scale=1.0):
    y = zeros(3)
    y[:] = x
    return np.sum(y * y) * scale


class Model:
    factor = 2.0

    def __init__(self, offset):
        self.offset = offset

    def method(self, x):
        y = np.zeros(3)
        y[:] = self.factor * x + self.offset
        return np.sum(y * y)

    def __call__(self, x):
        return self.method(x)

    @staticmethod
    def static(x):
        y = np.empty(3)
        y[:] = x
        return np.sum(y * y)

    @classmethod
    def of_class(cls, x):
        y = np.ones(3)
        y *= x
        return cls.factor * np.sum(y * y)

    @property
    def function(self):
        return lambda x: self.method(x)


def decorated(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs)

    return wrapper


def recursive(x, n):
    if n == 0:
        return np.sum(np.array([x[0], x[1] * x[2]]))
    y = np.zeros(3)
    y[:] = x * 2
    return recursive(y, n - 1)


def with_local_import(x):
    import numpy
    from numpy import empty as make

    y = make(3)
    y[:] = x
    z = numpy.zeros(3)
    z[:] = y
    return numpy.sum(y * z)


KINDS: dict[str, tuple[Callable[..., Any], Any]] = {
    "function": (creates, 2 * POINT),
    "imported name": (lambda x: creates(x), 2 * POINT),
    "partial": (functools.partial(creates, scale=3.0), 6 * POINT),
    "bound method": (Model(1.0).method, 4 * (2 * POINT + 1)),
    "callable object": (Model(1.0), 4 * (2 * POINT + 1)),
    "static method": (Model.static, 2 * POINT),
    "static method of an instance": (Model(1.0).static, 2 * POINT),
    "class method": (Model.of_class, 4 * POINT),
    "property": (Model(1.0).function, 4 * (2 * POINT + 1)),
    "decorated": (decorated(creates), 2 * POINT),
    "twice decorated": (decorated(decorated(creates)), 2 * POINT),
    "partial of a method": (functools.partial(Model.method, Model(0.0)), 8 * POINT),
    "cached": (functools.lru_cache(creates), 2 * POINT),
    "cached method": (functools.lru_cache(Model(1.0).method), 4 * (2 * POINT + 1)),
    "recursive": (lambda x: recursive(x, 2), np.array([4.0, 16 * 3.0, 16 * 2.0])),
    "local import": (with_local_import, 2 * POINT),
    "another module": (lambda x: np.sum(helper_module.filled(x) ** 2), 8 * POINT),
    "function of another module": (lambda x: np.sum(helper_module.through_numpy(x) ** 2), 2 * POINT),
    "passed on": (lambda x: (lambda g: g(x))(creates), 2 * POINT),
    "map": (lambda x: sum(map(np.square, x)), 2 * POINT),
    "comprehension": (lambda x: np.sum(np.array([y * y for y in x])), 2 * POINT),
    "dictionary of functions": (lambda x: {"f": creates}["f"](x), 2 * POINT),
    "unpacked": (lambda x: (lambda a, b, c: a * b * c)(*x), np.array([6.0, 3.0, 2.0])),
    "builtin": (sum, np.ones(3)),
    "ufunc reduce": (np.add.reduce, np.ones(3)),
    "numpy function": (np.sum, np.ones(3)),
    "jitted": (wg.jit(creates), 2 * POINT),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_function(kind):
    f, expected = KINDS[kind]
    for _ in range(2):
        np.testing.assert_allclose(wg.grad(f)(POINT), expected, rtol=1e-14)
        np.testing.assert_allclose(wg.jacobian(f, mode="forward")(POINT), expected, rtol=1e-14)


def test_every_kind_of_argument():
    def f(x, /, y, *rest, scale=2.0, **options):
        z = np.zeros(3)
        z[:] = x * y + sum(rest)
        return scale * np.sum(z) + options.get("extra", 0.0)

    x, y = POINT, 2 * POINT
    np.testing.assert_array_equal(wg.grad(f)(x, y), 2 * y)
    np.testing.assert_array_equal(wg.grad(f, 1)(x, y, scale=3.0), 3 * x)
    np.testing.assert_array_equal(wg.grad(f, 2)(x, y, x, 1.0, scale=3.0), [3.0] * 3)
    np.testing.assert_array_equal(wg.grad(f, -1)(x, y, x, extra=np.ones(3).sum()), [2.0] * 3)
    np.testing.assert_array_equal(wg.grad(f)(x, y=y, extra=7.0), 2 * y)
    g = wg.grad(f, (0, 1))(x, y)
    np.testing.assert_array_equal(g, (2 * y, 2 * x))
    assert wg.grad(f).__name__ == "f"


def test_keyword_arguments_are_constants_of_outer_traces_too():
    def f(x, scale):
        return scale * x * x

    assert wg.grad(lambda s: wg.grad(f)(3.0, scale=s))(2.0) == 6.0


def test_copies_of_traced_values():
    def f(x):
        y = copy.copy(x)
        z = copy.deepcopy({"x": x})["x"]
        y[0] = 0.0
        z[1] = 0.0
        return np.sum(x * y * z)

    np.testing.assert_array_equal(wg.grad(f)(POINT), [0.0, 0.0, 3 * 9.0])
    with pytest.raises(UntraceableError, match="pickled"):
        wg.grad(lambda x: pickle.dumps(x))(1.0)
    assert is_clean()


def test_traced_values_in_sets_dictionaries_and_identity():
    def f(x):
        a, b = x[0], x[1]
        names = {a: "a", b: "b"}
        assert names[a] == "a"
        assert a in [a]
        return a * b

    np.testing.assert_array_equal(wg.grad(f)(POINT), [2.0, 1.0, 0.0])
