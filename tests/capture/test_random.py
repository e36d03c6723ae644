"""Random programs: plain Python, captured, and differentiated with and without capture say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg
from wengert.errors import MemoryBudgetError

from .programs import compiled, sources

U = np.array([0.3, -0.7, 1.1, 0.4])
V = np.array([-0.2, 0.9, 0.5, -1.3])
_OPTIONS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def arguments():
    return U.copy(), V.copy(), 0.6


def compare(source, native):
    f = compiled(source)
    plain = arguments()
    try:
        expected = f(*plain, 3)
    except (NameError, IndexError):
        return  # no program
    if not np.isfinite(expected):
        return
    slope = wg.grad(f, argnums=(0, 1, 2))(*arguments(), 3)
    captured = wg.jit(f, static_argnums=3)
    given_ = arguments()
    value, found = wg.value_and_grad(captured, argnums=(0, 1, 2))(*given_, 3)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for k in range(2):
        np.testing.assert_allclose(given_[k], plain[k], rtol=1e-9, err_msg="an argument that is written into")
    if native:
        given_ = arguments()
        np.testing.assert_allclose(captured(*given_, 3), expected, rtol=1e-9)
        for k in range(2):
            np.testing.assert_allclose(given_[k], plain[k], rtol=1e-9)
    for a, b in zip(found, slope, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@settings(max_examples=30, **_OPTIONS)
@given(sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_programs(source):
    compare(source, native=False)


@pytest.mark.nightly
@settings(max_examples=500, **_OPTIONS)
@given(sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_programs(source):
    compare(source, native=True)


def compare_within_budgets(source):
    """Whatever is stored and whatever is computed again, the gradient is the same, or it is refused."""
    f = compiled(source)
    try:
        expected = f(*arguments(), 3)
    except (NameError, IndexError):
        return
    if not np.isfinite(expected):
        return
    slope = wg.grad(f, argnums=(0, 1, 2))(*arguments(), 3)
    need = wg.jit(wg.grad(f, argnums=(0, 1, 2)), static_argnums=3).lower(*arguments(), 3).arena
    for part in (0.8, 0.5):
        within = wg.jit(wg.grad(f, argnums=(0, 1, 2), memory=max(1, int(need * part))), static_argnums=3)
        given_ = arguments()
        try:
            found = within(*given_, 3)
        except MemoryBudgetError:
            continue
        for a, b in zip(found, slope, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@settings(max_examples=5, **_OPTIONS)
@given(sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_random_programs_within_budgets(source):
    compare_within_budgets(source)


@pytest.mark.nightly
@settings(max_examples=200, **_OPTIONS)
@given(sources())
@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_many_random_programs_within_budgets(source):
    compare_within_budgets(source)


VIEW_BESIDE_A_RETURN = """
def f(u, v, s, n):
    w = np.ones(4) * s
    m = np.zeros((4, 4)) + u
    t = 0.2
    if -1.0 < u[1] < 0.9:
        w[-1] = 0.4 * 1.2
        u, v = v, u
    elif t > clipped(w[-1]):
        w = w
    else:
        if s > (w[1] if 1 % 2 == 1 else s):
            if v[-1] < (1.2 + 0.5):
                return s
            w[0] += 0.4 * clipped(0.5)
            s = (1.2 if v[-1] > min(u[0], w[-1]) else max(v[-1], -0.3))
        elif (w[0] > np.sin(-0.3)) or (t > -0.3):
            v = 0.5 * u + 0.25 * v
            row = m[0]
            row[1] = 0.2 * t
            v[0] = 0.4 * min(w[-1], s)
    return s + 0.5 * t + np.sum(u) + np.sum(v * v) + np.sum(w) * 0.3 + np.sum(m * m) * 0.1
"""


@pytest.mark.filterwarnings("ignore:Under wg.jit:RuntimeWarning")
def test_a_view_that_is_written_into_beside_an_early_return():
    compare(VIEW_BESIDE_A_RETURN.lstrip(), native=True)
    compare_within_budgets(VIEW_BESIDE_A_RETURN.lstrip())
