"""Loops over whole arrays that are merged, computed again, or written in place are the same as without all that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.capture.programs import compiled

from .array_programs import SIDE, array_sources
from .comparison import compare_gradients

_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def compare(source: str) -> None:
    """Compare a program and its gradient with NumPy, and with what it is without capture."""
    f = compiled(source)
    rng = np.random.default_rng(5)
    args = [rng.standard_normal(shape) for shape in [(SIDE, SIDE)] * 2 + [(SIDE,)] * 2]
    compare_gradients(f, args)


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
