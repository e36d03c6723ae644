"""Loops that are written with vectors: every number of entries, every function, and which loops they are."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.run.llvm.compiler import compiled, emit_module
from wengert.run.llvm.kernels import NAME, Kernel
from wengert.run.llvm.library import loaded
from wengert.run.llvm.loops import Buffer, Const, Load, Loop, Op, Pick, Store, View, whole
from wengert.run.llvm.mathlib import FUNCTIONS
from wengert.run.llvm.vectors import AUTOMATIC, COPY, abreast, lanes

from ..test_random_programs import examples

_LENGTHS = [*range(20), 31, 32, 33, 63, 64, 65, 100, 127]


def elementwise(name: str, dtype: Any, arity: int = 1) -> Loop:
    """Return a loop that applies an operation."""
    dtype = np.dtype(dtype)
    views = [View(Buffer(8, dtype), 0, (1,), (8,)) for _ in range(arity + 1)]
    op = Op(name, tuple(range(arity)), (), (dtype,) * arity, dtype)
    return Loop((8,), views, [*(Load(k) for k in range(arity)), op], [Store(arity, arity)])


def make(loop: Loop) -> Kernel:
    count = len(loop.accesses)
    return Kernel(loaded(compiled([(loop, 1, [1] * count, [False] * count)])[0], [NAME]), NAME)


def run(kernel: Kernel, *arrays: Any) -> None:
    """Run a one-dimensional loop on arrays, one for each access."""
    numbers = [len(arrays[0])]
    for k in range(len(arrays)):
        numbers += [k, 0, 1]
    bases = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    description = (ctypes.c_int64 * len(numbers))(*numbers)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)
    call(ctypes.addressof(bases), ctypes.addressof(description), 0, len(arrays[0]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_rest_of_a_loop_has_the_bits_of_its_vectors(dtype: str) -> None:
    # 37 equal numbers: 32 or 36 go through vectors, the rest through functions that are called.
    for name, definition in sorted(FUNCTIONS.items()):
        if name == "softplus":  # not an operation of loops
            continue
        kernel = make(elementwise(name, dtype, definition.arity))
        for number in (0.7, -0.3, 3.5, 1e6, 1e300, 0.0, -0.0, np.inf, -np.inf, np.nan):
            with np.errstate(over="ignore"):
                operands = [np.full(37, number, dtype) for _ in range(definition.arity)]
            out = np.empty(37, dtype)
            run(kernel, *operands, out)
            assert np.all((out.view(f"u{out.itemsize}") == out[:1].view(f"u{out.itemsize}")) | np.isnan(out)), name
            assert np.isnan(out).all() or not np.isnan(out).any(), name


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "int16", "int8", "uint8"])
def test_every_length(dtype: str) -> None:
    def f(x: Any, y: Any) -> Any:
        chosen = np.where((x > y) & (y != 2), x, y + 1)
        return chosen * x, np.sum(x), np.max(x), np.min(x * y), np.any(x > 5), np.all(x < 90), x > y

    rng = np.random.default_rng(0)
    compiled_f = wg.jit(f)
    for n in _LENGTHS[1:]:
        x, y = rng.integers(0, 9, (2, n)).astype(dtype)
        for got, expected in zip(compiled_f(x, y), f(x, y), strict=True):
            np.testing.assert_array_equal(got, expected)
            assert np.asarray(got).dtype == np.asarray(expected).dtype


def test_rows_of_every_length() -> None:
    def f(x: Any) -> Any:
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    softmax = wg.jit(f)
    for n in _LENGTHS[1:]:
        x = np.random.default_rng(n).normal(size=(3, n))
        np.testing.assert_allclose(softmax(x), f(x), rtol=1e-13)


def test_only_loops_with_independent_neighbours_have_vectors() -> None:
    loop = elementwise("exp", "float64")
    width = lanes(loop, [1, 1], [False, False])
    assert width in (2, 4, 8)
    assert lanes(elementwise("exp", "float32"), [1, 1], [False, False]) == 2 * width
    assert lanes(loop, [2, 1], [False, False]) == width, "entries with gaps"
    assert lanes(loop, [1, 0], [False, False]) == AUTOMATIC, "one place is written again and again"
    assert lanes(loop, [0, 0], [True, True]) == 1, "nothing moves"
    picked = [replace(loop.accesses[0], indexed=((8, 1),)), loop.accesses[1]]
    assert lanes(Loop((8,), picked, loop.body, loop.stores), [1, 1], [False, False]) == width, "computed places"
    copy = Loop((8,), loop.accesses, loop.body[:1], [Store(1, 0)])
    assert lanes(copy, [1, 1], [False, False]) == COPY
    assert lanes(copy, [2, 1], [False, False]) == width
    constant = Loop((8,), loop.accesses[1:], [Const(1.0, np.dtype("float64"))], [Store(0, 0)])
    assert lanes(constant, [1], [False]) == width
    text = str(emit_module((loop, 1, [1, 1], [False, False])))
    assert f"load <{width} x double>" in text
    assert "load double" in text, "the rest"


def test_zeros_of_both_signs_are_different_numbers() -> None:
    dtype = np.dtype("float64")
    zero, negative, nan = Const(0.0, dtype), Const(-0.0, dtype), Const(np.nan, dtype)
    assert zero != negative
    assert hash(zero) == hash(Const(0.0, dtype))
    assert zero == Const(0.0, dtype) != Const(0.0, np.dtype("float32"))
    assert nan == Const(float("nan"), dtype)
    # Structures of kernels hold numbers: one with the other sign is another kernel.
    x = np.array([1.0, -1.0])
    for number in (0.0, -0.0):
        constant = np.full(2, number)
        got = wg.jit(lambda x, constant=constant: np.copysign(x, constant))(x)
        np.testing.assert_array_equal(got, np.copysign(x, constant))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", _LENGTHS[1:])
def test_gaps_and_computed_places_of_every_length(n: int, dtype: str) -> None:
    rng = np.random.default_rng(n)
    x, m = rng.normal(size=2 * n).astype(dtype), rng.normal(size=(n, n + 2)).astype(dtype)
    rows, columns = rng.integers(-n, n, n), rng.integers(0, n + 2, n).astype(np.int32)

    def added(v: Any) -> Any:
        y = np.zeros_like(m)
        np.add.at(y, rows, v * v)  # places may be the same
        return y

    def written(v: Any) -> Any:
        y = v.copy()
        y[np.arange(n)[::-1], columns] = np.exp(v[:, 0])
        return y

    functions = {
        "every other": lambda x, m: x[::2] * np.cos(x[1::2]) + x[::-1][::2],
        "transposed": lambda x, m: (np.tanh(m.T), m.T.copy(), np.where(m.T > 0, m.T, -m.T)),
        "entries": lambda x, m: np.exp(x[rows]) * m[rows, columns],
        "rows": lambda x, m: (np.exp(m[rows]), np.sum(m[rows], axis=1), (m > 0)[rows]),
        "columns": lambda x, m: m[:, columns] + m[:, ::-1][:, columns],
        "added": lambda x, m: added(m),
        "written": lambda x, m: written(m),
    }
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-13}
    for name, f in functions.items():
        got, expected = wg.jit(f)(x, m), f(x, m)
        pairs = zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]
        for a, b in pairs:
            np.testing.assert_allclose(a, b, err_msg=name, **close)


@pytest.mark.parametrize("place", [5, -6])
def test_places_outside_are_reported_by_vectors(place: int) -> None:
    x, m, at = np.arange(5.0), np.ones((5, 9)), np.arange(5)
    at[3] = place
    functions = (
        lambda x, m, at: np.exp(x[at]),
        lambda x, m, at: np.exp(m[at]),
        lambda x, m, at: np.exp(m[at, 2 * (at > 0)]),
    )
    for f in functions:
        with pytest.raises(IndexError):
            wg.jit(f)(x, m, at)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [3, 8, 37, 100])
def test_masks_are_bytes_of_zero_and_one(n: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.integers(0, 3, (2, n)).astype(dtype)
    x[0], y[-1] = np.nan, np.nan
    compare = wg.jit(lambda x, y: (x < y, x == y, np.minimum(x, y), np.maximum(y, x)))
    less, equal, least, most = compare(x, y)
    np.testing.assert_array_equal(less, x < y)
    np.testing.assert_array_equal(equal, x == y)
    np.testing.assert_array_equal(least, np.minimum(x, y))
    np.testing.assert_array_equal(most, np.maximum(y, x))
    for mask in (less, equal):
        np.testing.assert_array_equal(mask.view(np.uint8), mask.astype(np.uint8))


@pytest.mark.parametrize("n", [7, 40])
def test_rows_are_written_over_what_was_read(n: int) -> None:
    def relax(a: Any, steps: int) -> Any:
        a = a.copy()
        for k in range(steps):
            a[k] = np.where(a[k] > 0, np.sqrt(a[k]), 0.0) * a[k] + k
        return np.sum(a * a)

    a = np.random.default_rng(0).random((6, n))
    a[2, 3] = 0.0
    compiled = wg.jit(wg.value_and_grad(relax), static_argnums=1)
    value, slope = compiled(a, 6)
    expected, wanted = wg.value_and_grad(relax)(a, 6)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(slope, wanted, rtol=1e-12)


def upwind(u: Any, c: float, steps: int) -> Any:
    """The cotangent of an entry that is assigned to is read and cleared in one loop, which adds to others, too."""
    for _ in range(steps):
        new = np.zeros(len(u))
        new[0] = u[0]
        for i in range(1, len(u)):
            new[i] = u[i] - c * (u[i] * u[i] - u[i - 1] * u[i - 1])
        u = new
    return np.sum(u**2)


@pytest.mark.parametrize("n", [6, 9, 67])
def test_entries_are_cleared_where_they_are_read(n: int) -> None:
    u = np.random.default_rng(n).random(n)
    value, slopes = wg.jit(wg.value_and_grad(upwind, argnums=(0, 1)), static_argnums=2)(u, 0.3, 5)
    expected, wanted = wg.value_and_grad(upwind, argnums=(0, 1))(u, 0.3, 5)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, slope in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-10)


def test_places_that_are_computed_from_constants_are_steady() -> None:
    f8, i8 = np.dtype(np.float64), np.dtype(np.int64)
    x = Buffer(100, f8)
    row = View(x, 0, (1,), (90,), ((100, 1),))
    body = [
        Const(1, i8),
        Op("add", (0, 0), (), (i8, i8), i8),
        Pick(0, (1,), True),
        Op("neg", (2,), (), (f8,), f8),
    ]
    still = Loop((90,), [row], body, [Store(0, 3, "set", (1,), True)])
    assert lanes(still, [1], [False]) > 1
    moving = Loop((90,), [row, View(Buffer(90, i8), 0, (1,), (90,))], [Load(1), *body[1:]], still.stores)
    assert lanes(moving, [1, 1], [False, False]) == AUTOMATIC


def test_rows_are_written_from_other_rows() -> None:
    f8, i8 = np.dtype(np.float64), np.dtype(np.int64)
    views = [View(Buffer(100, f8), 0, (1,), (9,), ((10, 10),)), *(View(Buffer(9, i8), k, (0,), (9,)) for k in range(2))]
    body = [Load(1), Load(2), Pick(0, (0,), True), Op("neg", (2,), (), (f8,), f8)]
    loop = Loop((9,), views, body, [Store(0, 3, "set", (1,), True)])
    assert lanes(loop, [1, 0, 0], [False, True, True]) > 1
    assert lanes(loop, [2, 0, 0], [False, True, True]) > 1
    assert lanes(loop, [1, 0, 1], [False, True, False]) == AUTOMATIC, "each entry goes to a place of its own"
    assert lanes(loop, [1, 1, 0], [False, False, True]) == AUTOMATIC, "each entry comes from a place of its own"


_LINE = 14


def line(x: Any, j: Any, kind: str, where: int, start: int) -> Any:
    """Return entries of a row, of a column, or of what moves along a row, as a view."""
    if kind == "row":
        return x[j + where, start : start + _LINE]
    if kind == "column":
        return x[start : start + _LINE, j + where]
    return x[where, j + start : j + start + _LINE]


def sweeps(assignments: Any, arrays: Any, steps: Any) -> Any:
    arrays = [x.copy() for x in arrays]
    for _ in range(steps):
        for j in range(1, 6):
            for target, kind, (to, at), (p, of), (q, other), how in assignments:
                a, b = line(arrays[p], j, kind, *of), line(arrays[q], j, kind, *other)
                part = line(arrays[target], j, kind, to, at)
                if how == "add":
                    part += 0.3 * np.sin(a) * b
                else:
                    part[:] = 0.5 * a - 0.4 * b
    return np.sum(arrays[0] * arrays[1])


@st.composite
def assignments(draw: Any) -> Any:
    place = st.tuples(st.integers(0, 1), st.integers(0, 2))
    source = st.tuples(st.integers(0, 1), place)
    kind, how = st.sampled_from(["row", "column", "along"]), st.sampled_from(["set", "add"])
    return draw(st.lists(st.tuples(st.integers(0, 1), kind, place, source, source, how), min_size=1, max_size=4))


@given(assignments())
@examples(20)
def test_lines_from_lines_beside_them(found: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((24, 24)) for _ in range(2)]

    def value(a: Any, b: Any, steps: Any) -> Any:
        return sweeps(found, (a, b), steps)

    compiled = wg.jit(wg.value_and_grad(value, argnums=(0, 1)))
    mine, slopes = compiled(*arrays, 2)
    np.testing.assert_allclose(mine, value(*arrays, 2), rtol=1e-9, atol=1e-9)
    expected = wg.grad(lambda a, b: value(a, b, 2), argnums=(0, 1))(*arrays)
    for a, b in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_functions_with_long_chains_take_two_vectors_at_a_time() -> None:
    single, width = elementwise("exp", "float64"), lanes(elementwise("exp", "float64"), [1, 1], [False, False])
    dtype = np.dtype("float64")
    both = replace(single, body=[*single.body, Op("tanh", (1,), (), (dtype,), dtype)], stores=[Store(1, 2)])
    for loop, count in (
        (single, 1),
        (elementwise("log", "float64"), 2),
        (elementwise("sqrt", "float64"), 1),
        (both, 2),
    ):
        assert abreast(loop) == count
        text = str(emit_module((loop, 1, [1, 1], [False, False])))
        assert (f"load <{2 * width} x double>" in text) == (count == 2)
        assert f"load <{width} x double>" in text, "what is left over from two"
    assert abreast(replace(both, body=[*both.body, *both.body[1:] * 20])) == 1, "registers are few"


def test_bits_beside_wide_numbers_take_two_vectors_at_a_time() -> None:
    for dtype, count in (("float64", 2), ("float32", 1)):
        views = [whole(Buffer(64, np.dtype(name)), (64,)) for name in (dtype, "bool")]
        compared = Op("le", (0, 0), (), (np.dtype(dtype),) * 2, np.dtype("bool"))
        assert abreast(Loop((64,), views, [Load(0), compared], [Store(1, 1)])) == count


def test_two_vectors_at_a_time_of_every_length() -> None:
    def f(x: Any, y: Any) -> Any:
        z = np.log(x) * np.sin(y)
        return z, np.sum(z, axis=1), np.sum(z, axis=0), np.max(z, axis=1), np.sum(z > 0.1, axis=1), z[:, ::-2] + 1.0

    compiled_f = wg.jit(f)
    for n in _LENGTHS[1:]:
        rng = np.random.default_rng(n)
        for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
            x, y = (1 + rng.random((5, n))).astype(dtype), rng.standard_normal(2 * n).astype(dtype)[::2]
            for got, expected in zip(compiled_f(x, y), f(x, y), strict=True):
                np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
