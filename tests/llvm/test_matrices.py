"""Determinants, factorisations and spectra in compiled programs are the interpreter's, which are NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as wg
from tests.llvm.test_compiled import assert_close, one_equation
from tests.llvm.test_forms import compare
from wengert.core.primitive import PRIMITIVES, Sample
from wengert.run.interpreter import Program
from wengert.run.llvm.lapack import SMALL
from wengert.run.llvm.loops import Call, Python, Repeat
from wengert.run.llvm.program import NativeProgram
from wengert.run.llvm.region import inside

RNG = np.random.default_rng(17)
SIZES = [1, 2, 3, 4, 5, 12]
BATCHES = [(), (3,), (2, 1)]


def random(*shape: int, dtype: Any = np.float64) -> Any:
    """Entries of both signs, so that rows are exchanged."""
    return RNG.normal(size=shape).astype(dtype)


def compare_up_to_signs(name: str, a: Any, *vectors: tuple[int, int], **params: Any) -> None:
    """Compare with the interpreter; ``vectors`` are outputs with their axis of entries.

    NumPy and SciPy bring a LAPACK each, perhaps of another version, and which of two signs a vector has depends on
    rounding.  What is outside of the span is any basis: only whether it is orthonormal is looked at.
    """
    graph = one_equation(PRIMITIVES[name], Sample((a,), params))
    program = NativeProgram(graph)
    assert all(isinstance(step, Call) for step in program.steps)
    found, expected = program([a]), Program(graph)([a])
    tolerance = 500 * float(np.finfo(a.dtype).eps)
    k = min(a.shape[-2:])
    for j, axis in vectors:
        x, y = (np.moveaxis(np.asarray(o[j]), axis, -1) for o in (found, expected))
        np.testing.assert_allclose(
            x @ np.swapaxes(x, -1, -2),
            np.broadcast_to(np.eye(x.shape[-2]), x.shape[:-1] + x.shape[-2:-1]),
            atol=tolerance,
        )
        x, y = x[..., :k, :], y[..., :k, :]
        signs = np.sign(np.sum(x * y, axis=-1, keepdims=True))
        np.testing.assert_allclose(signs * x, y, atol=20 * tolerance)  # divided by gaps between values
    for j in {*range(len(found))} - {j for j, _ in vectors}:
        assert_close(found[j], expected[j], 200)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("n", SIZES)
def test_square_matrices(n: int, batch: tuple[int, ...], dtype: Any) -> None:
    a = random(*batch, n, n, dtype=dtype)
    for name in ("det", "slogdet", "lu", "cofactors"):
        compare(name, a, ulps=200)
    apart = a + np.diag(np.arange(n) * 3).astype(dtype)
    compare_up_to_signs("eigh", apart, (1, -2), driver="evd")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 4), (3, 1), (4, 4), (5, 3), (3, 7), (40, 33)])
def test_rectangular_matrices(m: int, n: int, batch: tuple[int, ...], dtype: Any) -> None:
    a = random(*batch, m, n, dtype=dtype)
    compare("lu", a, ulps=200)
    for full in (False, True):
        compare_up_to_signs("svd", a + np.eye(m, n, dtype=dtype), (0, -2), (2, -1), full=full)
        if m >= n:
            compare("qr", a, ulps=200, full=full)


SPECTRA: list[Callable[..., Any]] = [lambda a: np.linalg.svd(a)[2], lambda a: np.linalg.svd(a, compute_uv=False)]


def program_of(function: Callable[..., Any], *args: Any) -> Any:
    return wg.jit(function).lower(*args)._program


FUNCTIONS: list[Callable[..., Any]] = [
    np.linalg.det,
    lambda a: np.linalg.slogdet(a)[1],
    lambda a: np.linalg.eigh(a)[1],
    np.linalg.eigvalsh,
    *SPECTRA,
    lambda a: np.linalg.qr(a)[0],
    lambda a: scipy.linalg.lu(a)[2],
    np.linalg.inv,
    np.linalg.cholesky,
    lambda a: np.linalg.solve(a, a),
]


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_nan_and_infinity_give_what_numpy_gives(function: Callable[..., Any], n: int) -> None:
    def outcome(f: Any, a: Any) -> Any:
        try:
            with np.errstate(all="ignore"):
                return np.asarray(f(a.copy()))
        except np.linalg.LinAlgError as error:
            return str(error)
        except ValueError as error:  # SciPy refuses them
            return type(error).__name__

    for bad in (np.nan, np.inf):
        a = np.eye(n) + 0.1
        if np.isinf(bad) and function in SPECTRA:
            continue
        a[0, 0] = bad
        expected, found = outcome(function, a), outcome(wg.jit(function), a)
        if isinstance(found, str) or isinstance(expected, str):
            assert isinstance(expected, str)
            assert expected in ("ValueError", found)
        elif np.isnan(bad):  # which entries an infinity spoils depends on the order of additions
            assert np.isnan(found).any() == np.isnan(expected).any()  # where depends on the pivots


@pytest.mark.parametrize("function", SPECTRA)
def test_singular_values_of_an_infinity_do_not_converge(function: Callable[..., Any]) -> None:
    # NumPy's call of LAPACK never returns.
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        wg.jit(function)(np.diag([np.inf, 1.0]))


@pytest.mark.parametrize("n", [3, 6])
def test_values_without_vectors_are_computed_without_them(n: int) -> None:
    a = random(n, n)
    for values, vectors in (
        (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[1]),
        (lambda a: np.linalg.svd(a, compute_uv=False), lambda a: np.linalg.svd(a)[0]),
    ):
        less, more = program_of(values, a), program_of(vectors, a)
        (fewer,), (all_of_them,) = ([s for s in p.steps if isinstance(s, Call)] for p in (less, more))
        assert fewer.form != all_of_them.form
        assert {b.size for b in fewer.outputs} == {0, n}
        np.testing.assert_allclose(less([a])[0], values(a), rtol=1e-12)


@pytest.mark.parametrize("n", [4, 6])
def test_determinants_whose_products_overflow(n: int) -> None:
    rest = [1.0] * (n - 4)
    for entries, expected in (
        ([1e200, 1e200, 1e-200, 1e-200], 1.0),
        ([-1e-200, 1e-200, 1e200, 1e200], -1.0),
        ([1e-160, 1e-160, 1e200, 1e100], 1e-20),
        ([1e200, 1e200, 1e200, 1.0], np.inf),
        ([1e-200, 1e-200, 1e-200, -1.0], -0.0),
        ([1e200, 0.0, 1e200, 1e200], 0.0),
    ):
        a = np.diag([*entries, *rest])
        assert wg.jit(np.linalg.det)(a) == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(wg.jit(np.linalg.slogdet)(a), np.linalg.slogdet(a), rtol=1e-14)


@pytest.mark.parametrize("n", range(1, SMALL + 3))
def test_singular_matrices(n: int) -> None:
    singular = [np.zeros((n, n))]
    if n > 1:
        twice = np.arange(1.0, n * n + 1).reshape(n, n) % 7
        twice[-1] = 2 * twice[0]
        singular += [twice, np.ones((n, n)), np.eye(n) * (np.arange(n) != n - 1)]
    for a in singular:
        assert wg.jit(np.linalg.det)(a) == np.linalg.det(a) == 0
        assert wg.jit(np.linalg.slogdet)(a) == (0, -np.inf)
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            wg.jit(np.linalg.inv)(a)
        compare("cofactors", a, ulps=50)
        compare("lu", a, ulps=50)
    np.testing.assert_allclose(
        wg.jit(wg.grad(np.linalg.det))(singular[-1]), wg.grad(np.linalg.det)(singular[-1]), atol=1e-15
    )


@given(st.integers(1, SMALL), st.integers(0, 10_000), st.floats(-320, 300), st.sampled_from([0.0, 0.3]))
@settings(max_examples=60)
def test_small_systems_of_every_size_of_numbers(n: int, seed: int, exponent: float, zeros: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n)) * (rng.random((n, n)) >= zeros)
    if np.linalg.cond(a) > 1e4:
        return
    b, scale = rng.normal(size=(n, 2)), 10.0**exponent
    close = {"rtol": 1e-10, "atol": 0.0} if exponent > -300 else {"rtol": 1e-2, "atol": 0.0}
    with np.errstate(all="ignore"):
        expected = np.linalg.solve(a * scale, b * scale)
        if exponent > -300:  # numbers that have lost digits may well be singular
            np.testing.assert_allclose(wg.jit(np.linalg.solve)(a * scale, b * scale), expected, **close)
        wg.jit(np.linalg.det)(a * scale)


class TestInLoops:
    """The same within native loops, without returning to Python."""

    def every(self, a: Any, b: Any) -> Any:
        total = 0.0
        for _ in range(5):
            total += np.linalg.det(a) + np.linalg.slogdet(a)[1] + np.sum(np.linalg.inv(a) @ b)
            w, v = np.linalg.eigh(a @ a.T)
            u, s, vh = np.linalg.svd(a)
            q, r = np.linalg.qr(a)
            total += (
                w[0] + np.sum(v**2 * b) + np.sum(u @ vh) + s[0] + np.sum(q @ r) + np.sum(np.linalg.cholesky(a @ a.T))
            )
            a = 0.9 * a + 0.1 * b
        return total

    @pytest.mark.parametrize("n", [2, 3, 6])
    def test_values_and_derivatives(self, n: int) -> None:
        a, b = random(n, n) + 3 * np.diag(np.arange(1.0, n + 1)), random(n, n)
        compiled = wg.jit(wg.value_and_grad(self.every, (0, 1)))
        value, gradients = compiled(a, b)
        assert value == pytest.approx(self.every(a, b), rel=1e-10)
        for found, expected in zip(gradients, wg.grad(self.every, (0, 1))(a, b), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7 * np.max(np.abs(expected)))
        steps = compiled.lower(a, b)._program.steps
        loops = [step for step in steps if isinstance(step, Repeat)]
        assert loops
        assert not [s for loop in loops for s in inside(loop) if isinstance(s, Python) and not isinstance(s, Call)]

    @pytest.mark.parametrize("n", [2, 6])
    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda a: np.linalg.inv(a), "Singular matrix"),
            (lambda a: np.linalg.cholesky(a), "not positive definite"),
            (lambda a: np.linalg.svd(a + np.log(a[0, 0]))[0], "SVD did not converge"),
        ],
    )
    def test_errors_are_numpys_and_leave_nothing_behind(self, function: Any, message: str, n: int) -> None:
        def f(a: Any) -> Any:
            total = 0.0
            for k in range(6):
                total += np.sum(function(a * (4.0 - k)))
            return total

        def g(a: Any) -> Any:
            total = 0.0
            for k in range(6):
                total += np.sum(function(a * (k + 1.0)))
            return total

        a = np.eye(n) + 0.25
        for _ in range(2):
            np.testing.assert_allclose(wg.jit(g)(a), g(a), rtol=1e-12)
            with np.errstate(all="ignore"), pytest.raises(np.linalg.LinAlgError, match=message):
                wg.jit(f)(a)

    def test_a_while_loop_ends_when_there_is_something_to_raise(self) -> None:
        def f(a: Any) -> Any:
            x = np.ones(2)
            while x[0] < 2:  # 0.0 * nan is never 2
                x = 0.0 * np.linalg.solve(a, x)
            return x

        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            wg.jit(f)(np.zeros((2, 2)))

    def test_a_while_loop_with_a_form_that_cannot_fail(self) -> None:
        def f(x: Any) -> Any:
            while np.sum(x) < 1000:
                x = np.cumsum(x)
            return x

        np.testing.assert_allclose(wg.jit(f)(np.ones(4)), f(np.ones(4)))
