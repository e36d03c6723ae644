"""Small arrays of loops are kept entry by entry in registers, and are the same as in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled
from wengert.run.llvm import entries
from wengert.run.llvm.loops import Buffer, Const, Fill, Load, Loop, Op, Pick, Repeat, Store, View

from .comparison import compare_gradients
from .nested_programs import indented
from .test_nests import repeats

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
_STEPS = 9


def shapes(function: Any, *args: Any) -> list[list[tuple[int, ...]]]:
    """Return for each loop of a compiled function the shapes of what is done in an iteration."""
    jitted = function if hasattr(function, "lower") else wg.jit(function)
    found = repeats(jitted.lower(*args)._program.steps)
    return [[part.shape for part in step.body if isinstance(part, Loop)] for step in found]


# -- programs ---------------------------------------------------------------------------------------------------------


def pendulum(y: Any, steps: int) -> Any:
    """Two numbers, moved by Runge's method of second order."""
    h, total = 0.05, 0.0
    for _ in range(steps):
        half = y + 0.5 * h * np.array([y[1], -np.sin(y[0])])
        y = y + h * np.array([half[1], -np.sin(half[0])])
        total += np.sum(y * y)
    return total


def rotated(points: Any, axis: Any) -> Any:
    """The sum of what points become that are turned one after the other, each with what became of the one before."""
    at = np.zeros(3)
    for i in range(len(points)):
        moved = points[i] + 0.5 * at
        at = moved - 0.3 * np.sum(axis * moved) * axis
        at[0] += 0.1 * at[2]
    return np.sum(at * at)


def looked_up(y: Any, order: Any) -> Any:
    """An entry at a place that only the numbers tell."""
    y = y.copy()
    for k in range(len(order)):
        y[order[k]] = np.sin(y[order[k]]) + 0.5 * y[0]
        y *= 0.9
    return np.sum(y)


@pytest.mark.parametrize("steps", [0, 1, 2, 50])
def test_a_state_of_two_numbers(steps: int) -> None:
    y = np.array([1.0, 0.3])
    gradient = wg.jit(wg.value_and_grad(lambda y: pendulum(y, steps)))
    value, slope = wg.value_and_grad(lambda y: pendulum(y, steps))(y)
    found, slopes = gradient(y)
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(slopes, slope, rtol=1e-10)
    if steps > 4:
        inner = shapes(gradient, y)
        assert len(inner) == 2
        assert {shape for loop in inner for shape in loop} == {()}


def test_rows_of_three() -> None:
    rng = np.random.default_rng(0)
    points, axis = rng.standard_normal((20, 3)), rng.standard_normal(3) / 2
    gradient = wg.jit(wg.value_and_grad(rotated, argnums=(0, 1)))
    value, slopes = wg.value_and_grad(rotated, argnums=(0, 1))(points, axis)
    found = gradient(points, axis)
    np.testing.assert_allclose(found[0], value, rtol=1e-12)
    for one, slope in zip(found[1], slopes, strict=True):
        np.testing.assert_allclose(one, slope, rtol=1e-10)
    assert all(shape == () for shape in shapes(gradient, points, axis)[0])


def test_entries_that_are_looked_up_stay_in_memory() -> None:
    y, order = np.array([0.3, 0.5, -0.2]), np.array([2, 1, 1, 0, 2, -1, 0])
    gradient = wg.jit(wg.value_and_grad(looked_up))
    value, slope = wg.value_and_grad(looked_up)(y, order)
    found = gradient(y, order)
    np.testing.assert_allclose(found[0], value, rtol=1e-12)
    np.testing.assert_allclose(found[1], slope, rtol=1e-10)


def test_other_dtypes() -> None:
    def shifted(x: Any, n: Any) -> Any:
        flags = np.zeros(4, np.bool_)
        for k in range(len(x)):
            n = n[::-1] + np.array([k, 1, 2, 3])
            flags = flags | (n > 7)
            x = x * np.where(flags[:2], np.float32(0.5), np.float32(1.5))
        return x, n, flags

    x, n = np.array([1.5, 0.25], np.float32), np.array([1, 2, 3, 4])
    for found, wanted in zip(wg.jit(shifted)(x, n), shifted(x, n), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)

    def many(x: Any) -> Any:
        for _ in range(6):
            x = np.array([x[1] + 0.5j, 0.5 * x[0]])
        return x

    x = np.array([1.0 + 2.0j, 0.5j])
    np.testing.assert_allclose(wg.jit(many)(x), many(x))


# -- what is written out ----------------------------------------------------------------------------------------------


def _repeat(*body: Any) -> Repeat:
    counter = Buffer(1, np.dtype(np.int64))
    return Repeat(counter, None, 9, False, [], None, list(body), Buffer(0, np.dtype(np.uint8)), [], [], 0, 0)


def _view(buffer: Buffer, *strides: int, offset: int = 0, shape: tuple[int, ...] = (3,), indexed: Any = ()) -> View:
    return View(buffer, offset, strides, shape, indexed)


def test_a_sum_and_a_fill() -> None:
    kind = np.dtype(np.float64)
    x, total = Buffer(3, kind), Buffer(1, kind)
    doubled = Op("add", (0, 0), (), (kind, kind), kind)
    step = _repeat(
        Fill(x, 2.0), Loop((3,), [_view(x, 1), _view(total, 0)], [Load(0), doubled], [Store(0, 1), Store(1, 1, "add")])
    )
    entries.write_out(step)
    fill, loop = step.body
    assert fill.shape == loop.shape == ()
    assert [view.offset for view in fill.accesses] == [0, 1, 2]
    assert [store.how for store in loop.stores] == ["set", "set", "set", "add"]
    assert [item.name for item in loop.body if isinstance(item, Op)] == ["add"] * 5


def test_stores_to_computed_places_that_differ_stay() -> None:
    kind, index = np.dtype(np.float64), np.dtype(np.int64)
    x, at, table = Buffer(3, kind), Buffer(3, index), Buffer(3, kind)
    views = [_view(x, 1), _view(at, 1), _view(table, 1, indexed=((3, 1),))]
    scatter = Loop((3,), views, [Load(0), Load(1)], [Store(2, 0, "add", (1,))])
    step = _repeat(Fill(x, 1.0), scatter)
    entries.write_out(step)
    assert step.body[1] is scatter
    assert isinstance(step.body[0], Fill)  # what else touches the array would find it in memory


def test_rows_at_computed_places_are_written_out() -> None:
    kind, index = np.dtype(np.float64), np.dtype(np.int64)
    x, k, table = Buffer(3, kind), Buffer(1, index), Buffer(60, kind)
    views = [_view(k, 0), _view(table, 1, indexed=((20, 3),)), _view(x, 1)]
    step = _repeat(
        Loop((3,), views, [Load(0), Pick(1, (0,)), Const(2.0, kind)], [Store(2, 1), Store(1, 2, "set", (0,))])
    )
    entries.write_out(step)
    (loop,) = step.body
    assert loop.shape == ()
    picks = [item for item in loop.body if isinstance(item, Pick)]
    assert [loop.accesses[item.access].offset for item in picks] == [0, 1, 2]
    assert [loop.accesses[store.access].offset for store in loop.stores] == [0, 1, 2] * 2
    assert all(view.indexed == ((20, 3),) for view in loop.accesses if view.buffer is table)


# -- random programs --------------------------------------------------------------------------------------------------

_VECTORS = ("u", "v", "w")
_VALUES = (
    "0.5 * {x} - 0.4 * {y}",
    "0.7 * {x} * {y}",
    "np.sin({x}) + 0.1",
    "{x} / (2.0 + {y} * {y})",
    "np.where({x} > {y}, 0.5 * {x}, 0.3)",
    "np.maximum({x}, 0.6 * {y})",
    "{x}[::-1] + {y}",
    "{x} + np.sum({x} * {y})",
    "{x} - 0.2 * np.max({y})",
    "np.array([{x}[1], 0.5 * {y}[2], {x}[0] * {y}[0]])",
    "0.3 * {x} + m[i]",
    "0.3 * {x} + 0.2 * m[{k}] @ np.outer({y}, {y})",
    "{x} * m[i, {k}]",
)
_STATEMENTS = (
    "{t} = {value}",
    "{t} = {value}",
    "{t} = {value}",
    "{t}[{k}] = np.cos({x}[{k}]) * {y}[{l}]",
    "{t}[1:] += 0.3 * {x}[:-1]",
    "{t}[i % 3] = 0.5 * {x}[{k}]",
    "m[i] = {value}",
    "m[i, {k}] += 0.2 * {x}[{l}]",
    "total += np.sum({x} * {y})",
    "total += {x}[{k}] * m[{l}, {k}]",
)


@st.composite
def small_sources(draw: Any) -> str:
    """Return a program whose loops work on arrays of three entries."""

    def pick(options: Any) -> str:
        return str(draw(st.sampled_from(list(options))))

    def statements(most: int) -> list[str]:
        found = []
        for _ in range(draw(st.integers(1, most))):
            names = {"x": pick(_VECTORS), "y": pick(_VECTORS), "k": pick("012"), "l": pick("012")}
            value = f"({pick(_VALUES).format(**names)})"
            found.append(pick(_STATEMENTS).format(t=pick(_VECTORS), value=value, **names))
        return found

    body = statements(5)
    if draw(st.booleans()):
        body += ["for _ in range(5):", *indented(statements(3))]
    if draw(st.booleans()):
        body += [f"if {pick(_VECTORS)}[{pick('012')}] > 0.2:", *indented(statements(2))]
    copies = ["u, v, w, m = u.copy(), v.copy(), w.copy(), m.copy()", "total = 0.0"]
    lines = [*copies, "for i in range(len(m)):", *indented(body), "return total + np.sum(u * v) + np.sum(w + m[1])"]
    return "\n".join(["def f(u, v, w, m):", *indented(lines)])


def compare(source: str) -> None:
    """Compare a program and its gradient with what they are without capture."""
    f = compiled(source)
    rng = np.random.default_rng(4)
    args = [rng.standard_normal(shape) / 2 for shape in [(3,)] * 3 + [(_STEPS, 3)]]
    compare_gradients(f, args)


@settings(max_examples=5, derandomize=True, **_OPTIONS)
@given(small_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_small_arrays(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(small_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_small_arrays(source: str) -> None:
    compare(source)
