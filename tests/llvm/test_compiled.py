"""Every primitive: compiled is interpreted, on the registry's own samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert.ops  # noqa: F401
from wengert.core.aval import aval_of
from wengert.core.builder import Builder
from wengert.core.primitive import PRIMITIVES, Primitive, Sample
from wengert.run.interpreter import Program
from wengert.run.llvm.program import NativeProgram

CASES = [
    pytest.param(record, sample, id=f"{name}-{k}")
    for name, record in sorted(PRIMITIVES.items())
    for k, sample in enumerate(record.samples())
]


def one_equation(record: Primitive, sample: Sample) -> Any:
    """Return the graph of a single application."""
    builder = Builder()
    inputs = [builder.input(aval_of(arg)) for arg in sample.args]
    out = builder.apply(record, inputs, tuple(sample.params.items()))
    return builder.build(out if record.multiple else [out])


def assert_close(found: Any, expected: Any, ulps: int = 8) -> None:
    """Compare with a few units in the last place; nan, inf and the signs of infinities exactly."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if found.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected)
        return
    eps = np.finfo(found.dtype).eps
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
    # Sums may be added up in another order, so that what matters is the size of the terms.
    np.testing.assert_allclose(found, expected, rtol=ulps * eps, atol=ulps * eps * scale + np.finfo(found.dtype).tiny)


@pytest.mark.parametrize(("record", "sample"), CASES)
def test_compiled_is_interpreted(record: Primitive, sample: Sample) -> None:
    graph = one_equation(record, sample)
    args = [np.asarray(a)[()] if np.ndim(a) == 0 else a for a in sample.args]
    expected = Program(graph)(args)
    found = NativeProgram(graph)(args)
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)


@pytest.mark.parametrize(("record", "sample"), [c for c in CASES if any(np.ndim(a) for a in c.values[1].args)])
def test_operands_that_are_not_contiguous(record: Primitive, sample: Sample) -> None:
    graph = one_equation(record, sample)

    def spread(a: Any) -> Any:
        if np.ndim(a) == 0:
            return np.asarray(a)[()]
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]

    args = [spread(a) for a in sample.args]
    for a, b in zip(NativeProgram(graph)(args), Program(graph)(args), strict=True):
        assert_close(a, b)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_an_exact_zero_wins_in_compiled_products_of_every_dtype(dtype: str) -> None:
    coefficient, tangent = np.array([np.inf, np.nan, 0, 2], dtype), np.array([0, 0, np.inf, 3], dtype)
    graph = one_equation(PRIMITIVES["scale"], Sample((coefficient, tangent)))
    (found,) = NativeProgram(graph)([coefficient, tangent])
    np.testing.assert_array_equal(found, np.array([0, 0, 0, 6], dtype))
