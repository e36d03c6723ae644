"""Products that are added to something are added by BLAS, and give what they gave before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.loops import Product
from wengert.run.llvm.program import NativeProgram


def _folded(function: Any, *args: Any) -> int:
    program = NativeProgram(wg.jit(function).lower(*args).simplified)
    return sum(isinstance(step, Product) and step.accumulate for step in program.steps)


FOLDED = {
    "update": lambda p, x, y: p - 0.5 * (x @ y),
    "sum": lambda p, x, y: p + x @ y,
    "sum, turned": lambda p, x, y: x @ y + p,
    "difference": lambda p, x, y: p - x @ y,
    "transposed": lambda p, x, y: p.T - 2.0 * (y.T @ x.T),
    "two of one shape": lambda p, x, y: (p - 0.5 * (x @ y), p + 2.0 * (x @ (y + 1.0)), p * 2.0),
    "base broadcast": lambda p, x, y: p[:, :1] + x @ y,
}
LEFT = {
    "product minus": lambda p, x, y: x @ y - p,
    "product used twice": lambda p, x, y: (p - x @ y) * (x @ y),
    "sum used further": lambda p, x, y: np.exp(p - x @ y),
    "times inf": lambda p, x, y: p + np.inf * (x @ y),
    "added to itself": lambda p, x, y: x @ y + x @ y,
    "rows": lambda p, x, y: (p - x @ y)[::-1],
}


def _arguments(dtype: str, batch: tuple[int, ...] = ()) -> Any:
    rng = np.random.default_rng(0)
    shapes = [(*batch, 12, 20), (*batch, 12, 30), (*batch, 30, 20)]
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*FOLDED, *LEFT])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_values(name: str, dtype: str) -> None:
    function = FOLDED.get(name) or LEFT[name]
    args = _arguments(dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    donated = wg.jit(function, donate_argnums=0)
    expected = function(*args)
    for found in (wg.jit(function)(*args), donated(args[0].copy(), *args[1:])):
        for a, b in zip(*((v if isinstance(v, tuple) else (v,)) for v in (found, expected)), strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FOLDED)
def test_folded(name: str) -> None:
    assert _folded(FOLDED[name], *_arguments("float64")) >= 1


@pytest.mark.parametrize("name", LEFT)
def test_left_alone(name: str) -> None:
    if name != "rows":
        assert _folded(LEFT[name], *_arguments("float64")) == 0


def test_batches() -> None:
    args = _arguments("float64", (3,))
    function = FOLDED["update"]
    assert _folded(function, *args) == 1
    np.testing.assert_allclose(wg.jit(function)(*args), function(*args), rtol=1e-12, atol=1e-12)


def test_an_operand_that_the_result_takes_over_is_not_written_too_early() -> None:
    function = lambda p, x: p - 0.5 * (p @ x)
    p, x = np.random.default_rng(0).standard_normal((2, 20, 20))
    expected = function(p, x)
    np.testing.assert_allclose(wg.jit(function, donate_argnums=(0, 1))(p.copy(), x.copy()), expected, rtol=1e-12)
