"""Loops over whole arrays that are merged, computed again, or written in place are the same as without all that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg
from tests.capture.programs import compiled

from .array_programs import SIDE, array_sources

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def compare(source: str) -> None:
    """Compare a program and its gradient with NumPy, and with what it is without capture."""
    f = compiled(source)
    rng = np.random.default_rng(5)
    args = [rng.standard_normal(shape) for shape in [(SIDE, SIDE)] * 2 + [(SIDE,)] * 2]
    with np.errstate(all="ignore"):
        plain = f(*args)
        expected, slopes = wg.value_and_grad(f, argnums=(0, 1, 2, 3))(*args)
    if not all(np.all(np.abs(value) < 1e6) for value in (plain, *slopes)):
        return  # squares of squares grow beyond all bounds
    np.testing.assert_allclose(expected, plain, rtol=1e-10)
    np.testing.assert_allclose(wg.jit(f)(*args), expected, rtol=1e-9)
    value, found = wg.jit(wg.value_and_grad(f, argnums=(0, 1, 2, 3)))(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for one, slope in zip(found, slopes, strict=True):
        np.testing.assert_allclose(one, slope, rtol=1e-7, atol=1e-9 * (1 + np.max(np.abs(slope))))


@settings(max_examples=3, derandomize=True, **_OPTIONS)
@given(array_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_arrays(source: str) -> None:
    compare(source)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(array_sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_arrays(source: str) -> None:
    compare(source)
