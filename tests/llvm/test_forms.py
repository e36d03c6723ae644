"""Native forms: what the registry's samples do not reach, and the errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.llvm.test_compiled import assert_close, one_equation
from wengert.core.primitive import PRIMITIVES, Sample
from wengert.run.interpreter import Program
from wengert.run.llvm.loops import Call, Python
from wengert.run.llvm.program import NativeProgram

RNG = np.random.default_rng(5)


def compare(name: str, *args: Any, ulps: int = 8, **params: Any) -> None:
    graph = one_equation(PRIMITIVES[name], Sample(args, params))
    program = NativeProgram(graph)
    assert any(isinstance(step, Call) for step in program.steps)
    assert not any(type(step) is Python for step in program.steps)
    for found, expected in zip(program(args), Program(graph)(args), strict=True):
        assert_close(found, expected, ulps)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint16", "bool"])
@pytest.mark.parametrize(("name", "axis"), [("cumsum", 0), ("cumsum", 2), ("cumprod", 1), ("cummax", 2), ("cummin", 0)])
def test_running(name: str, axis: int, dtype: str) -> None:
    x = RNG.integers(0, 3, (4, 5, 6)).astype(dtype)
    how = {"reverse": True} if name == "cumsum" else {}
    compare(name, x, axis=axis, **how)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_places(name: str, axis: int, dtype: str) -> None:
    x = RNG.integers(0, 4, (5, 3, 7)).astype(dtype)  # with ties
    if dtype.startswith("float"):
        x[1, 1, 1] = x[2, 1, 1] = np.nan
        x[0] -= np.inf
    compare(name, x, axis=axis)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 3), (40, 7)])
def test_systems(n: int, k: int, batch: tuple[int, ...], dtype: str) -> None:
    a = (RNG.normal(size=(*batch, n, n)) + 4 * n * np.eye(n)).astype(dtype)
    b = RNG.normal(size=(*batch, n, k)).astype(dtype)
    compare("solve", a, b, ulps=32)
    compare("inv", a, ulps=32)
    compare("cholesky", a @ np.swapaxes(a, -1, -2), ulps=32)
    for lower in (True, False):
        for unit in (True, False):
            compare("triangular_solve", a / n if not unit else a / (8 * n * n), b, lower=lower, unit=unit, ulps=64)


def test_operands_that_are_turned_around() -> None:
    f = lambda a, b: np.linalg.solve(a.T, np.cumsum(b[::-1], axis=0))
    a, b = RNG.normal(size=(4, 4)) + 9 * np.eye(4), RNG.normal(size=(4, 2))
    np.testing.assert_allclose(wg.jit(f)(a, b), f(a, b), rtol=1e-13)


@pytest.mark.parametrize(
    ("function", "good", "bad", "message"),
    [
        (np.linalg.cholesky, np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), "not positive definite"),
        (np.linalg.inv, np.eye(2), np.ones((2, 2)), "Singular matrix"),
        (lambda a: np.linalg.solve(a, np.ones(2)), np.eye(2), np.zeros((2, 2)), "Singular matrix"),
    ],
)
def test_errors_are_numpys_and_leave_nothing_behind(function: Any, good: Any, bad: Any, message: str) -> None:
    compiled = wg.jit(function)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(good), function(good))
        with pytest.raises(np.linalg.LinAlgError, match=message):
            compiled(bad)


@pytest.mark.parametrize("function", [np.linalg.cholesky, np.linalg.inv])
def test_nan_gives_what_numpy_gives(function: Any) -> None:
    def outcome(f: Any) -> Any:
        try:
            return f(np.full((3, 3), np.nan))
        except np.linalg.LinAlgError as error:
            return str(error)

    np.testing.assert_array_equal(outcome(wg.jit(function)), outcome(function))


def test_a_singular_triangle_raises() -> None:
    a = np.array([[1.0, 0.0], [1.0, 0.0]])
    graph = one_equation(PRIMITIVES["triangular_solve"], Sample((a, np.ones((2, 1))), {"lower": True, "unit": False}))
    with pytest.raises(np.linalg.LinAlgError, match="zero on its diagonal"):
        NativeProgram(graph)([a, np.ones((2, 1))])
    with pytest.raises(np.linalg.LinAlgError, match="zero on its diagonal"):
        Program(graph)([a, np.ones((2, 1))])


def test_derivatives_of_a_program_of_forms() -> None:
    def f(a: Any, b: Any) -> Any:
        spd = a @ a.T + 3 * np.eye(3)
        return np.sum(np.cumprod(np.linalg.solve(spd, b), axis=0)) + np.sum(np.log(np.diag(np.linalg.cholesky(spd))))

    a, b = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2))
    for found, expected in zip(wg.jit(wg.grad(f, (0, 1)))(a, b), wg.grad(f, (0, 1))(a, b), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod", "left_shift", "right_shift"])
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint32", "float32", "float64"])
def test_divisions_and_shifts_at_their_edges(name: str, dtype: str) -> None:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        if "shift" in name:
            pytest.skip("shifts are for integers")
        edges = [0.0, -0.0, 1.0, -1.0, 0.7, -2.5, 7.0, np.inf, -np.inf, np.nan, 1e30]
    else:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        edges = sorted({low, low + 1, 0, 1, 2, 3, 7, high - 1, high, *([-1, -2, -7] if kind.kind == "i" else [])})
    x, y = (a.ravel() for a in np.meshgrid(np.array(edges, kind), np.array(edges, kind)))
    graph = one_equation(PRIMITIVES[name], Sample((x, y)))
    program = NativeProgram(graph)
    assert not any(isinstance(step, Python) for step in program.steps)
    with np.errstate(all="ignore"):
        (expected,) = Program(graph)([x, y])
    (found,) = program([x, y])
    np.testing.assert_array_equal(found, expected)
    if kind.kind == "f":
        np.testing.assert_array_equal(np.signbit(found)[found == 0], np.signbit(expected)[expected == 0])
