"""Ufuncs of scipy.special under trace: SciPy's values and dtypes, right derivatives, a reason where there is none."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import special

import wengert as wg
from wengert.core.primitive import NoRule
from wengert.errors import DtypeError, MissingRuleError, UntraceableError
from wengert.trace.functions.special import COMPOSED, DIRECT, NOT_SUPPORTED, ZERO

UFUNCS = {name for name in special.__all__ if isinstance(getattr(special, name), np.ufunc)}


def test_every_ufunc_is_in_exactly_one_list() -> None:
    listed = [*DIRECT, *ZERO, *[name for name in COMPOSED if name in UFUNCS], *NOT_SUPPORTED]
    assert sorted(listed) == sorted(set(listed))
    # What another release of SciPy has or lacks is no fault here; this one's are all listed.
    assert sorted(UFUNCS - set(listed)) == []
    assert all(len(reason) > 20 for reason in NOT_SUPPORTED.values())


@pytest.mark.parametrize("name", [name for name in DIRECT if DIRECT[name].elementwise])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_dtypes_are_those_of_scipy(name: str, dtype: type) -> None:
    ufunc, record = getattr(special, name), DIRECT[name]
    args = [np.asarray(a) for a in record.samples()[0].args]
    args = [a.astype(dtype) if a.dtype.kind in "fi" else a for a in args]
    expected = ufunc(*args)
    if any(a.dtype.kind == "c" for a in args):
        pytest.skip("complex only")
    # Traced by the last operand: the ones before may be orders.
    found, _ = wg.jvp(lambda x: ufunc(*args[:-1], x), (args[-1],), (np.ones_like(args[-1]),))
    assert found.dtype == expected.dtype
    # A few are NumPy's functions under another name, which differ from SciPy's in the last digit.
    np.testing.assert_allclose(found, expected, rtol=2 * np.finfo(dtype).eps)


def test_operands_broadcast_and_python_numbers_adapt() -> None:
    x = np.linspace(0.5, 2, 3, dtype=np.float32)
    value, slope = wg.jvp(lambda x: special.huber(2.0, x[:, None] + x), (x,), (np.ones_like(x),))
    assert value.shape == slope.shape == (3, 3)
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(slope, 2 * np.minimum(x[:, None] + x, 2), rtol=1e-6)
    # Where SciPy itself goes to float64 (its table of loops for xlogy begins with it), so does a trace.
    expected = special.xlogy(2.0, x).dtype
    assert wg.jvp(lambda x: special.xlogy(2.0, x), (x,), (x,))[0].dtype == expected


@pytest.mark.parametrize(
    ("name", "reference", "points"),
    [
        ("erf", mpmath.erf, [-6.0, -0.3, 2.0, 5.5]),
        ("erfc", mpmath.erfc, [-3.0, 0.3, 5.0, 25.0]),
        ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), [-2.0, 0.5, 10.0, 19.9, 20.1, 1e4]),
        ("ndtr", mpmath.ncdf, [-37.0, -5.0, 0.0, 8.0]),
        ("log_ndtr", lambda x: mpmath.log(mpmath.ncdf(x)), [-200.0, -37.0, -1.0, 0.0, 5.0]),
        ("dawsn", lambda x: mpmath.exp(-x * x) * mpmath.erfi(x) * mpmath.sqrt(mpmath.pi) / 2, [0.3, 5.0, 19.0, 30.0]),
        ("gammaln", mpmath.loggamma, [1e-3, 0.7, 12.0, 1e5]),
        ("digamma", mpmath.digamma, [0.01, 0.7, 12.0, 1e5]),
        ("rgamma", mpmath.rgamma, [-3.0, -1.0, 0.0, 0.3, 4.0]),
        ("j1", lambda x: mpmath.besselj(1, x), [0.0, 1e-8, 0.5, 30.0]),
        ("i1", lambda x: mpmath.besseli(1, x), [0.0, 1e-8, 0.5, 30.0]),
        ("k0e", lambda x: mpmath.exp(x) * mpmath.besselk(0, x), [0.1, 2.0, 50.0]),
        ("ellipk", mpmath.ellipk, [-5.0, 0.0, 1e-9, 0.5, 0.95]),
        ("ellipe", mpmath.ellipe, [-5.0, 0.0, 1e-9, 0.5, 0.95]),
        ("ellipkm1", lambda p: mpmath.ellipk(1 - p), [1e-9, 0.1, 0.49, 0.51, 1.0, 3.0]),
        ("exprel", lambda x: mpmath.expm1(x) / x, [-30.0, -1.0, -1e-9, 1e-5, 0.99, 1.01, 30.0]),
        ("spence", lambda z: mpmath.polylog(2, 1 - z), [0.05, 0.999, 1.0001, 1.8]),
        ("expit", lambda x: 1 / (1 + mpmath.exp(-x)), [-300.0, -2.0, 0.0, 40.0]),
        ("exp1", mpmath.e1, [0.01, 1.0, 50.0]),
    ],
)
def test_derivative_keeps_its_accuracy(name: str, reference: object, points: list[float]) -> None:
    """First and second derivative to 1e-9 of mpmath's, also where a formula's terms cancel."""
    ufunc = getattr(special, name)
    first = wg.grad(ufunc)
    with mpmath.workdps(50):
        for x in points:
            assert first(x) == pytest.approx(float(mpmath.diff(reference, mpmath.mpf(x))), rel=2e-10), x


@pytest.mark.parametrize(
    ("name", "reference", "x"),
    [
        ("rgamma", mpmath.rgamma, -1.0),
        ("rgamma", mpmath.rgamma, 0.0),
        ("j1", lambda x: mpmath.besselj(1, x), 0.0),
        ("exprel", lambda x: mpmath.quad(lambda t: mpmath.exp(t * x), [0, 1]), 0.0),
        ("ellipk", mpmath.ellipk, 0.0),
        ("log_ndtr", lambda x: mpmath.log(mpmath.ncdf(x)), -30.0),
        ("expit", lambda x: 1 / (1 + mpmath.exp(-x)), 0.0),
    ],
)
def test_second_derivative_at_special_points(name: str, reference: object, x: float) -> None:
    second = wg.grad(wg.grad(getattr(special, name)))(x)
    with mpmath.workdps(50):
        assert second == pytest.approx(float(mpmath.diff(reference, mpmath.mpf(x), 2)), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("name", ["expit", "log_expit", "erf", "erfc", "ndtr", "log_ndtr", "gammaln", "i0e", "dawsn"])
@pytest.mark.parametrize("x", [-800.0, 800.0])
def test_far_out_both_modes_are_finite_and_agree(name: str, x: float) -> None:
    ufunc = getattr(special, name)
    if name == "gammaln" and x < 0:
        pytest.skip("a pole")
    (forward, backward) = wg.jvp(ufunc, (x,), (1.0,))[1], wg.grad(ufunc)(x)
    assert np.isfinite(forward)
    assert forward == backward


def test_limits() -> None:
    assert wg.grad(special.log_expit)(-800.0) == 1.0
    assert wg.grad(special.log_expit)(800.0) == 0.0
    assert wg.grad(special.log_ndtr)(-1e6) == pytest.approx(1e6)
    assert wg.grad(lambda x: np.sum(special.erf(x)))(np.array([np.inf, -np.inf])).tolist() == [0.0, 0.0]


def test_zero_times_log_zero() -> None:
    by_x, by_y = wg.grad(special.xlogy, argnums=(0, 1))(0.0, 0.0)
    assert (by_x, by_y) == (0.0, 0.0)
    assert wg.grad(special.xlogy, argnums=(0, 1))(0.0, 2.0) == (np.log(2.0), 0.0)
    assert wg.grad(special.xlog1py, argnums=(0, 1))(0.0, -1.0) == (0.0, 0.0)
    # The entropy has a vertical tangent at 0, and what does not depend on it stays 0.
    assert wg.grad(special.entr)(0.0) == np.inf
    assert wg.grad(special.entr)(-1.0) == 0.0
    np.testing.assert_array_equal(
        wg.grad(lambda p: np.sum(np.where(p > 0, special.entr(p), 0.0)))(np.array([0.0, 1.0])), [0.0, -1.0]
    )
    assert wg.grad(special.rel_entr, argnums=(0, 1))(0.0, 0.5) == (-np.inf, 0.0)
    assert wg.grad(special.kl_div, argnums=(0, 1))(-1.0, 0.5) == (0.0, 0.0)


def test_functions_with_several_outputs() -> None:
    values, slopes = wg.jvp(special.airy, (0.7,), (1.0,))
    np.testing.assert_allclose(values, special.airy(0.7), rtol=1e-15)
    ai, ai_slope, bi, bi_slope = special.airy(0.7)
    np.testing.assert_allclose(slopes, [ai_slope, 0.7 * ai, bi_slope, 0.7 * bi], rtol=1e-14)
    assert wg.grad(lambda x: special.sici(x)[0])(0.0) == 1.0
    assert wg.grad(lambda x: special.fresnel(x)[1])(1.0) == pytest.approx(0.0, abs=1e-15)


def test_orders_have_no_derivative_and_say_so() -> None:
    with pytest.raises(MissingRuleError, match="derivative of jv by its order"):
        wg.grad(special.jv)(1.5, 2.0)
    with pytest.raises(MissingRuleError, match="gammainc"):
        wg.grad(special.gammainc)(1.5, 2.0)
    # As a constant an order may be anything: whole, a fraction, traced and stopped.
    assert wg.grad(special.jv, argnums=1)(2, 0.5) == wg.grad(special.jv, argnums=1)(2.0, 0.5)
    assert wg.grad(lambda v: special.jv(wg.stop_gradient(v), v))(1.5) == pytest.approx(special.jvp(1.5, 1.5))
    assert isinstance(DIRECT["jv"].transpose, NoRule)


def test_functions_without_a_rule_say_so() -> None:
    with pytest.raises(UntraceableError, match="elliptic") as caught:
        wg.grad(lambda x: special.ellipj(x, 0.3)[0])(1.0)
    assert "scipy.special.ellipj" in str(caught.value)
    assert "test_ufuncs.py" in str(caught.value)


def test_dtypes_without_a_loop_are_refused() -> None:
    with pytest.raises(DtypeError):
        wg.jvp(special.ndtri, (np.array([0.5 + 1j]),), (np.array([1.0 + 0j]),))


def test_ufunc_keywords() -> None:
    def f(x: object) -> object:
        out = np.zeros(3)
        special.expit(x, out=out, where=np.array([True, False, True]))
        return np.sum(out)

    x = np.array([0.0, 1.0, 2.0])
    slope = special.expit(x) * special.expit(-x)
    np.testing.assert_allclose(wg.grad(f)(x), slope * [1, 0, 1])


def test_zero_derivative() -> None:
    np.testing.assert_array_equal(
        wg.grad(lambda x: np.sum(special.gammasgn(x) + special.round(x)))(np.array([0.3, 1.7])), 0
    )
