"""Python functions of scipy.special in unmodified user code, however they were imported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy
import scipy.special as sp
from scipy import special
from scipy.special import (
    comb,
    factorial,
    lambertw,
    log_softmax,
    logsumexp,
    multigammaln,
    perm,
    polygamma,
    softmax,
    zeta,
)

import wengert as wg
import wengert.scipy.special as wsp

from ..numpy.harness import check

INF = np.inf
RNG = np.random.default_rng(5)
X = RNG.normal(size=(2, 3))


# -- logsumexp --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp(axis: object, keepdims: bool) -> None:
    check(lambda x: logsumexp(x, axis=axis, keepdims=keepdims), X)
    check(lambda x, b: logsumexp(x, axis, b, keepdims), X, np.abs(X) + 0.1)


def test_logsumexp_with_signs() -> None:
    weights = np.array([[1.0, -2.0, 0.5], [-1.0, -1.0, -3.0]])
    check(lambda x, b: logsumexp(x, axis=1, b=b, return_sign=True)[0], X, weights)
    found, expected = wg.jvp(lambda x: logsumexp(x, axis=1, b=weights, return_sign=True), (X,), (X,))[0], weights
    np.testing.assert_array_equal(found[1], logsumexp(X, axis=1, b=weights, return_sign=True)[1])
    assert np.isnan(wg.jvp(lambda x: logsumexp(x, axis=1, b=weights), (X,), (X,))[0][1])
    assert expected is weights


def test_logsumexp_of_other_dtypes() -> None:
    single = X.astype(np.float32)
    value, slope = wg.jvp(lambda x: logsumexp(x, axis=0), (single,), (single,))
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(value, logsumexp(single, axis=0), rtol=1e-6)
    check(lambda z: logsumexp(z), X + 0.3j * X[::-1], batch=False)
    check(lambda x: logsumexp(x), np.float64(0.7))


@pytest.mark.parametrize(
    ("x", "weights"),
    [
        ([0.0, -INF, 0.0], [0.5, 0.0, 0.5]),
        ([-INF, -INF], [0.0, 0.0]),
        ([800.0, 800.0, -800.0], [0.5, 0.5, 0.0]),
        ([-800.0, -801.0], [1 / (1 + np.exp(-1.0)), np.exp(-1.0) / (1 + np.exp(-1.0))]),
    ],
)
def test_logsumexp_weights(x: list[float], weights: list[float]) -> None:
    point = np.array(x)
    assert wg.value_and_grad(lambda x: logsumexp(x))(point)[0] == pytest.approx(logsumexp(point))
    np.testing.assert_allclose(wg.grad(lambda x: logsumexp(x))(point), weights, rtol=1e-14)
    for k in range(len(x)):
        assert wg.jvp(lambda x: logsumexp(x), (point,), (np.eye(len(x))[k],))[1] == pytest.approx(weights[k])
    hessian = np.diag(weights) - np.outer(weights, weights)
    np.testing.assert_allclose(wg.hessian(lambda x: logsumexp(x))(point), hessian, atol=1e-15)


def test_zero_weights_switch_entries_off() -> None:
    b = np.array([1.0, 0.0])
    value, slope = wg.value_and_grad(lambda x: logsumexp(x, b=b))(np.array([2.0, INF]))
    assert (value, slope.tolist()) == (2.0, [1.0, 0.0])


# -- softmax ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_softmax(axis: object) -> None:
    check(lambda x: softmax(x, axis=axis), X)
    check(lambda x: log_softmax(x, axis), X)


@pytest.mark.parametrize("scale", [800.0, -800.0])
def test_softmax_far_out(scale: float) -> None:
    point = np.array([1.0, 0.0, -1.0]) * scale
    best = int(np.argmax(point))
    np.testing.assert_array_equal(wg.jacobian(lambda x: softmax(x))(point), np.zeros((3, 3)))
    expected = np.eye(3) - np.eye(3)[best]
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(wg.jacobian(lambda x: log_softmax(x), mode=mode)(point), expected)


def test_softplus() -> None:
    x = np.array([-800.0, 0.0, 800.0])
    if hasattr(special, "softplus"):
        np.testing.assert_array_equal(wg.grad(lambda x: np.sum(special.softplus(x)))(x), [0.0, 0.5, 1.0])


# -- compositions -----------------------------------------------------------------------------------------------------

A = np.array([0.4, 1.3, 2.6])


def test_compositions() -> None:
    check(lambda x: polygamma(2, x), A)
    check(lambda x: polygamma([0, 1, 3], x), A)
    check(lambda x: zeta(2.5, x), A)
    check(lambda x: multigammaln(x[0] + 3, 3), A)
    check(lambda x: comb(x + 5, x + 1), A, rtol=1e-12)
    check(lambda x: perm(x + 5, 2), A, rtol=1e-12)
    check(lambda x: factorial(x), A)
    check(lambda x: lambertw(x).real, A)
    check(lambda x: special.cosm1(x), A)
    check(lambda x: special.powm1(x, x + 1), A)
    check(lambda x: special.kn(2, x), A)
    check(lambda x: special.yn(2, x), A)
    check(lambda x: special.expn(3, x), A)
    check(lambda x: special.chdtr(3, x) + special.chdtrc(4, x), A)
    check(lambda x: special.gdtr(x, 2.0, 0.7) + special.gdtrc(0.5, 2.0, x), A)
    check(lambda x: special.pdtr(2, x) + special.pdtrc(3, x), A)


def test_edges_of_combinatorics() -> None:
    np.testing.assert_array_equal(wg.grad(lambda n: np.sum(comb(n, 2)))(np.array([-1.0, 1.0])), [0.0, 0.0])
    assert wg.grad(lambda n: comb(n, 2))(5.0) == pytest.approx(4.5)
    assert wg.grad(lambda x: factorial(x))(-2.0) == 0.0
    with pytest.raises(wg.WengertError, match="exact=True"):
        wg.grad(lambda n: comb(n, 2, exact=True))(5.0)


# -- how user code gets at them ---------------------------------------------------------------------------------------


def test_every_way_to_import() -> None:
    def inside(x: object) -> object:
        from scipy.special import logsumexp as lse

        return lse(x)

    def default(x: object, f: object = logsumexp) -> object:
        return wsp.logsumexp(x)

    closed_over = special.logsumexp
    ways = [
        lambda x: logsumexp(x),
        lambda x: sp.logsumexp(x),
        lambda x: special.logsumexp(x),
        lambda x: scipy.special.logsumexp(x),
        lambda x: wsp.logsumexp(x),
        lambda x: closed_over(x),
        inside,
        default,
        wsp.logsumexp,
    ]
    for way in ways:
        np.testing.assert_allclose(wg.grad(way)(np.zeros(2)), [0.5, 0.5])


def test_outside_of_a_trace_and_on_constants_they_are_scipy_s() -> None:
    seen = []

    def f(x: object) -> object:
        seen.append(logsumexp([1.0, 2.0]))
        return x * logsumexp(np.zeros(2))

    assert wg.grad(f)(1.0) == pytest.approx(np.log(2))
    assert type(seen[0]) is np.float64
    assert wsp.logsumexp([0.0, 0.0]) == np.log(2)
    assert wsp.gamma is special.gamma
    assert set(dir(special)) == set(dir(wsp))


def test_the_user_s_line_is_kept() -> None:
    graph = wg.trace(lambda x: logsumexp(x))(np.zeros(2))
    assert any("test_functions.py" in str(equation.source) for equation in graph.equations)


def test_import_wengert_does_not_import_scipy_s_large_modules() -> None:
    code = (
        "import sys, wengert, wengert.scipy\n"
        "large = ('special', 'linalg', 'stats', 'optimize', 'integrate', 'sparse')\n"
        "print([m for m in large if 'scipy.' + m in sys.modules])\n"
        "import numpy as np, scipy.special\n"  # imported after the library: entered when first used
        "print(wengert.grad(lambda x: scipy.special.gammaln(x))(2.0) > 0, 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True False"]
