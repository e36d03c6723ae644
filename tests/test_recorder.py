"""Recording with the tree of earlier recordings: the same structure and the same values as without."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import wengert as wg
from wengert.api.call import Call
from wengert.errors import LeakedTracerError
from wengert.trace import recorder

from .random_programs import Program, programs
from .test_mutation import PROGRAMS
from .test_random_programs import examples


def recorded(f: Callable[..., Any], args: Any, kept: bool) -> Any:
    copies = [np.array(a, float) for a in args]
    return Call(f, tuple(copies), {}, tuple(range(len(args))), "test").record(kept=kept)


def content(recording: Any) -> tuple[Any, ...]:
    """Structure without lines, and the captured values."""
    inputs, code, outcome = recording.key()
    entries = [entry[:3] if len(entry) == 4 and entry[0] != "guard" else entry for entry in code]
    return inputs, entries, outcome, [np.asarray(value).tolist() for value in recording.constants()]


def agree(f: Callable[..., Any], args: Any) -> None:
    alone = recorded(f, args, kept=False)
    first, second, third = (recorded(f, args, kept=True) for _ in range(3))
    assert content(first) == content(second) == content(alone)
    if all(len(entry) == 2 or entry[0] == "guard" or entry[0].remember for entry in alone.builder.code):
        assert second.builder.end is third.builder.end


@given(programs())
@examples(100)
def test_random_programs_are_recognised(program: Program) -> None:
    agree(program.function(), program.args)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_write_are_recognised(name: str) -> None:
    agree(*PROGRAMS[name])


X = np.array([1.0, 2.0, 4.0])


def twice(f: Callable[..., Any], *args: Any) -> Any:
    """Return what the second call returns, which recognises the first."""
    f(*args)
    return f(*args)


# -- what belongs to the structure, and what to the run ---------------------------------------------------------------


@pytest.mark.parametrize("factor", [3, 2.5, True, np.float64(1.5), np.float32(0.5), np.int64(7), np.array(2.0), 1j])
def test_numbers_are_not_confused(factor: Any) -> None:
    def f(x: Any, c: Any) -> Any:
        return np.sum(np.real(c * x * c + x / c - c))

    for other in (2.0, 2, np.float32(3), factor, np.array([1.0, 2.0, 3.0])):
        value, slope = wg.value_and_grad(f)(X, other)
        assert np.isclose(value, f(X, other))
        np.testing.assert_allclose(slope, np.real(np.asarray(other) ** 2 + 1 / np.asarray(other)) * np.ones(3))


def test_exponents_are_structure() -> None:
    def f(x: Any, n: Any) -> Any:
        return np.sum(x**n)

    for n in (2, 3, 2.0, 0.5, True, 2, -1, np.float64(2), np.int64(3), 3):
        np.testing.assert_allclose(twice(wg.grad(f), X, n), float(n) * X ** (float(n) - 1))


def test_integer_arrays_keep_integer_powers() -> None:
    assert twice(wg.vmap(lambda k: k**2), np.array([1, 2])).dtype.kind == "i"
    assert twice(wg.vmap(lambda k: k**2.0), np.array([1, 2])).dtype.kind == "f"


def test_indices_are_not_confused() -> None:
    def f(x: Any, i: Any) -> Any:
        return np.sum(x[i]) * 2

    indices = (1, slice(1, None), slice(True, None), (1,), slice(None, 1), -1, True, None, ..., [1], (slice(1), None))
    for index in indices:
        assert np.isclose(twice(wg.value_and_grad(f), X, index)[0], f(X, index))
    with pytest.raises(TypeError):
        wg.grad(f)(X, slice(1.0, None))


def test_options_are_not_confused() -> None:
    def f(x: Any, **options: Any) -> Any:
        return np.sum(np.sum(x, **options) ** 2)

    x = np.arange(6.0).reshape(2, 3)
    for options in ({"axis": 0}, {"axis": 1}, {"axis": None}, {"axis": (0, 1)}, {"axis": 0, "keepdims": True}, {}):
        value, _ = twice(wg.value_and_grad(functools.partial(f, **options)), x)
        assert np.isclose(value, f(x, **options))
    with pytest.raises(TypeError):
        wg.grad(functools.partial(f, axis=1.0))(x)


def test_captured_arrays_are_those_of_the_run() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        return np.sum(a * x + b * x + x @ a)

    g = wg.grad(f)
    a, b = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    for _ in range(2):
        np.testing.assert_allclose(g(X, a, b), 4 * a + b)
        np.testing.assert_allclose(g(X, a, a), 5 * a)  # one captured array, not two
        np.testing.assert_allclose(g(X, b, a), 4 * b + a)


def test_captured_arrays_that_are_overwritten() -> None:
    def f(x: Any) -> Any:
        a = np.ones(3)
        first = a * x
        a[:] = 2.0
        return np.sum(first + a * x)

    np.testing.assert_allclose(twice(wg.grad(f), X), [3.0, 3.0, 3.0])


def test_an_integer_that_does_not_fit_raises_again() -> None:
    def f(x: Any, n: int) -> Any:
        try:
            return x * n
        except OverflowError:
            return x * 0

    k = np.array([1, 2])

    def fixed(n: int) -> Any:
        return wg.vmap(lambda x: f(x, n))(k).tolist()

    assert [fixed(3), fixed(2**70), fixed(5), fixed(2**70)] == [[3, 6], [0, 0], [5, 10], [0, 0]]


# -- control flow and views -------------------------------------------------------------------------------------------


def test_branches() -> None:
    def f(x: Any) -> Any:
        return x * x if x > 0 else -3.0 * x

    g = wg.grad(f)
    assert [float(g(v)) for v in (2.0, -1.0, 5.0, -2.0, 3.0)] == [4.0, -3.0, 10.0, -3.0, 6.0]


def test_a_view_of_an_array_that_was_written_to() -> None:
    def f(x: Any, write: bool) -> Any:
        y = x * 1.0
        head = y[:2]
        if write:
            y[0] = 0.0
        return np.sum(head * head)

    for write in (False, True, False, True):
        np.testing.assert_allclose(wg.grad(f)(X, write), [0.0 if write else 2.0, 4.0, 0.0])


def test_nested_traces() -> None:
    def f(x: Any) -> Any:
        return wg.grad(lambda y: x * y**3 + y * x)(x)

    assert float(twice(wg.grad(f), 2.0)) == 3 * 3 * 2.0**2 + 1


def test_values_do_not_outlive_their_trace() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return x * 2.0 + 1.0

    twice(wg.grad(f), 1.0)
    for x in kept:
        with pytest.raises(LeakedTracerError):
            x + x
        with pytest.raises(LeakedTracerError):
            x * 2.0


# -- the tree itself --------------------------------------------------------------------------------------------------


def test_it_is_dropped_when_it_has_grown_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.forget()
    monkeypatch.setattr(recorder, "_MAX_NODES", 50)
    g = wg.grad(lambda x, n: functools.reduce(lambda y, _: y * x, range(n), x))
    for n in (5, 40, 5, 100, 7):
        assert np.isclose(g(1.0, n), n + 1)
    assert recorder._kept <= 50


def test_it_keeps_no_arrays_and_no_closures() -> None:
    class Array(np.ndarray):
        pass

    big = np.ones(1000)

    def make() -> Any:
        data = big * 2.0
        gone = weakref.ref(data.view(Array).base)
        return (lambda x: np.sum(data * x)), gone

    f, gone = make()
    twice(wg.grad(f), big)
    del f
    gc.collect()
    assert gone() is None


def test_threads() -> None:
    def f(x: Any, n: int) -> Any:
        for k in range(n):
            x = np.sin(x) * float(k + 1) + x[::-1]
        return np.sum(x)

    expected = {n: wg.grad(f)(X, n) for n in range(1, 6)}
    recorder.forget()
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for n, slope in expected.items():
                if not np.allclose(wg.grad(f)(X, n), slope):
                    wrong.append(n)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_lines_are_the_functions_own() -> None:
    def f(x: Any) -> Any:
        return np.sin(x)

    def g(x: Any) -> Any:
        return np.sin(x)

    wg.grad(f)(1.0)
    wg.grad(g)(1.0)
    for function in (f, g):
        assert recorder.root(wg.grad(wg.jit(functools.partial(function)))) is recorder.root(function)
        (equation,) = wg.trace(function)(1.0).equations
        assert equation.source is not None
        assert equation.source.code is function.__code__
