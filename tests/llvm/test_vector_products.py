"""Products with vectors run as loops: right in every layout, fused where they share a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.loops import Product
from wengert.run.llvm.program import NativeProgram

CASES: dict[str, Any] = {
    "matrix vector": lambda a, v, w: a @ v,
    "vector matrix": lambda a, v, w: w @ a,
    "transposed": lambda a, v, w: a.T @ w,
    "vector vector": lambda a, v, w: v @ v,
    "quadratic form": lambda a, v, w: w @ (a @ v),
    "of computed values": lambda a, v, w: np.exp(a) @ np.sin(v),
    "reversed": lambda a, v, w: a[::-1] @ v[::-1],
    "one column": lambda a, v, w: a @ v[:, None],
    "batch": lambda a, v, w: np.stack([a, 2.0 * a]) @ v,
    "einsum": lambda a, v, w: np.einsum("ij,j,i->", a, v, w),
    "two contracted": lambda a, v, w: np.tensordot(a, np.outer(w, v), 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shape", [(20, 30), (1, 9), (40, 1), (3, 3000)])
def test_values(name: str, dtype: str, shape: Any) -> None:
    rng = np.random.default_rng(0)
    arguments = [rng.standard_normal(s).astype(dtype) for s in (shape, shape[1:], shape[:1])]
    function = CASES[name]
    expected = function(*arguments)
    found = wg.jit(function)(*arguments)
    assert np.asarray(found).dtype == dtype
    tolerance = 1e-3 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_no_blas_for_vectors() -> None:
    rng = np.random.default_rng(0)
    a, v, w = rng.standard_normal((20, 30)), rng.standard_normal(30), rng.standard_normal(20)
    program = NativeProgram(wg.jit(CASES["quadratic form"]).lower(a, v, w).simplified)
    assert not any(isinstance(step, Product) for step in program.steps)


def test_gradients() -> None:
    rng = np.random.default_rng(0)
    a, v = rng.standard_normal((20, 30)), rng.standard_normal(30)
    loss = lambda v: np.sum(np.tanh(a @ v) ** 2)
    expected = a.T @ (2 * np.tanh(a @ v) * (1 - np.tanh(a @ v) ** 2))
    np.testing.assert_allclose(wg.jit(wg.grad(loss))(v), expected, rtol=1e-11)
