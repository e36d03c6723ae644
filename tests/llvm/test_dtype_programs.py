"""Compiled loops over arrays of other dtypes than float64 are what NumPy computes, and so are their gradients."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.capture.programs import compiled

from .dtype_programs import SIDE, dtype_sources

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
_COUNTS = st.sampled_from([8, 8, 5, 2, 1, 0])


def arguments(kind: str) -> list[Any]:
    rng = np.random.default_rng(7)
    shapes = [(SIDE, SIDE)] * 3 + [(SIDE,)] * 2
    if kind == "int64":
        return [rng.integers(-9, 9, shape) for shape in shapes]
    if kind == "bool":
        return [rng.random(shape) > 0.5 for shape in shapes]
    numbers = [rng.standard_normal(shape) for shape in shapes]
    if kind == "complex128":
        return [0.5 * x + 0.5j * x[::-1] for x in numbers]
    return [x.astype(kind) for x in numbers]


def close(found: Any, wanted: Any, tolerance: float) -> None:
    size = 1.0 + float(np.max(np.abs(wanted)))
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * size)


def within(values: Any) -> bool:
    return all(np.all(np.abs(value) < 1e5) for value in values)


def compare(kind: str, source: str, n: int) -> None:
    """Compare a program with NumPy, and its gradient with what it is without capture."""
    f = compiled(source)
    args = arguments(kind)
    with np.errstate(all="ignore"):
        wanted = f(*args, n)
        if not within(wanted):
            return
        found = wg.jit(f)(*args, n)
    tolerance = 1e-3 if kind == "float32" else 1e-9
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        close(one, other, tolerance) if kind in ("float32", "complex128") else np.testing.assert_array_equal(one, other)
    if kind not in ("float32", "complex128"):
        return

    def total(*args: Any) -> Any:
        s, *arrays = f(*args)
        return np.real(s) + sum(np.sum(np.sin(np.real(x)) + 0.5 * np.imag(x)) for x in arrays)

    with np.errstate(all="ignore"):
        slopes = wg.grad(total, argnums=(0, 1, 2, 3, 4))(*args, n)
        if not within(slopes):
            return
        found = wg.jit(wg.grad(total, argnums=(0, 1, 2, 3, 4)))(*args, n)
    size = max(float(np.max(np.abs(slope))) for slope in slopes)
    for one, slope in zip(found, slopes, strict=True):
        assert one.dtype == slope.dtype
        np.testing.assert_allclose(one, slope, rtol=tolerance, atol=tolerance * (1 + size))


@settings(max_examples=8, derandomize=True, **_OPTIONS)
@given(dtype_sources(), _COUNTS)
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_dtypes(program: tuple[str, str], n: int) -> None:
    compare(*program, n)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(dtype_sources(), _COUNTS)
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_dtypes(program: tuple[str, str], n: int) -> None:
    compare(*program, n)


@pytest.mark.parametrize("kind", ["int64", "bool"])
def test_a_wrong_program_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def f(a, b, c, u, v, n):\n    return u[0], a ^ b, b, c, u, v\n"
    compare(kind, source, 8)
    monkeypatch.setattr(wg, "jit", lambda f: lambda *args: (args[3][0], operator.or_(*args[:2]), *args[1:5]))
    with pytest.raises(AssertionError):
        compare(kind, source, 8)
