"""Repeated eigenvalues and singular values: right wherever the function does not depend on the choice of a basis.

The reference is the same function of the matrix, written without a decomposition or known in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg as sla

import wengert as wg

rng = np.random.default_rng(13)


def orthogonal(n: int, dtype: Any = float, seed: int = 1) -> Any:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, n)) + (1j * r.normal(size=(n, n)) if np.dtype(dtype).kind == "c" else 0)
    return np.linalg.qr(x)[0]


def with_eigenvalues(w: Any, dtype: Any = float) -> Any:
    q = orthogonal(len(w), dtype)
    return (q * np.asarray(w)) @ q.conj().T


def with_singular_values(s: Any, m: int, n: int, dtype: Any = float) -> Any:
    middle = np.zeros((m, n))
    np.fill_diagonal(middle, s)
    return orthogonal(m, dtype) @ middle @ orthogonal(n, dtype, 2)


def both_modes(f: Callable[..., Any], x: Any) -> Any:
    """Return the gradient, the same in both modes."""
    reverse = wg.grad(f)(x)
    for _ in range(3):
        t = rng.normal(size=x.shape) + (1j * rng.normal(size=x.shape) if np.iscomplexobj(x) else 0)
        pushed = wg.jvp(f, (x,), (t,))[1]
        np.testing.assert_allclose(pushed, np.sum(reverse * t).real, rtol=1e-10, atol=1e-11)
    return reverse


def symmetric(x: Any) -> Any:
    return (x + x.conj().T) / 2


def spectral(h: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return V diag(h(w)) Vᴴ as a function of the matrix."""

    def function(x: Any) -> Any:
        w, v = np.linalg.eigh(symmetric(x))
        return (v * h(w)) @ v.conj().T

    return function


SPECTRA = [[2.0, 2.0, 5.0], [1.0, 1.0, 1.0], [3.0, 3.0, 1.0, 1.0], [2.0, 2.0 + 1e-13, 4.0], [0.7], [0.5, 2.0, 3.0]]
FUNCTIONS: list[tuple[str, Callable[..., Any], Callable[..., Any]]] = [
    ("identity", lambda w: w, lambda x: symmetric(x)),
    ("square", lambda w: w**2, lambda x: symmetric(x) @ symmetric(x)),
    ("inverse", lambda w: 1 / w, lambda x: np.linalg.inv(symmetric(x))),
    ("exp", np.exp, lambda x: sla.expm(symmetric(x))),
    ("sqrt", np.sqrt, lambda x: sla.sqrtm(symmetric(x))),
    ("log", np.log, lambda x: sla.logm(symmetric(x))),
    ("one", np.ones_like, lambda x: np.eye(x.shape[0]) + 0 * x),
]


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("w", SPECTRA, ids=str)
@pytest.mark.parametrize(("h", "plain"), [row[1:] for row in FUNCTIONS], ids=[row[0] for row in FUNCTIONS])
def test_spectral_functions(h: Any, plain: Any, w: Any, dtype: Any) -> None:
    a = with_eigenvalues(w, dtype)
    c = rng.normal(size=a.shape)
    found = both_modes(lambda x: np.sum(c * spectral(h)(x).real), a)
    np.testing.assert_allclose(found, wg.grad(lambda x: np.sum(c * plain(x).real))(a), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("w", SPECTRA, ids=str)
def test_functions_of_the_eigenvalues(w: Any) -> None:
    a = with_eigenvalues(w)
    for h, derivative in (
        (np.sum, np.ones_like),
        (lambda w: np.sum(w**3), lambda w: 3 * w**2),
        (lambda w: np.sum(np.log(w)), np.reciprocal),
    ):
        values, vectors = np.linalg.eigh(a)
        expected = (vectors * derivative(values)) @ vectors.T
        found = both_modes(lambda x, h=h: h(np.linalg.eigvalsh(symmetric(x))), a)  # type: ignore[misc]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("w", [[1.0, 2.0, 2.0, 3.0], [1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 1.0, 4.0]], ids=str)
def test_projectors_on_eigenspaces(w: Any) -> None:
    # The projector on the space of all eigenvalues above 1.5, as a polynomial in the matrix.
    a = with_eigenvalues(w)
    c = rng.normal(size=a.shape)
    k = int(np.sum(np.asarray(w) > 1.5))

    def projector(x: Any) -> Any:
        v = np.linalg.eigh(symmetric(x))[1][:, -k:]
        return np.sum(c * (v @ v.T))

    # Daleckii and Krein: divided differences of the step function.
    values, vectors = np.linalg.eigh(a)
    step = (values > 1.5).astype(float)
    gaps = values[:, None] - values[None, :]
    divided = np.where(np.abs(gaps) > 1e-9, (step[:, None] - step[None, :]) / np.where(np.abs(gaps) > 1e-9, gaps, 1), 0)
    expected = vectors @ (divided * (vectors.T @ symmetric(c) @ vectors)) @ vectors.T
    np.testing.assert_allclose(both_modes(projector, a), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("w", SPECTRA, ids=str)
def test_second_derivatives(w: Any) -> None:
    a = with_eigenvalues(w)
    found = wg.hessian(lambda x: np.sum(np.linalg.eigvalsh(symmetric(x)) ** 3))(a)
    expected = wg.hessian(lambda x: np.trace(symmetric(x) @ symmetric(x) @ symmetric(x)))(a)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


# -- singular values --------------------------------------------------------------------------------------------------

CASES = [
    ([1.0, 1.0, 1.0], 3, 3),
    ([2.0, 2.0, 1.0], 3, 3),
    ([2.0, 2.0], 4, 2),
    ([3.0, 3.0], 2, 4),
    ([2.0, 0.0, 0.0], 3, 3),
    ([2.0, 2.0, 0.0], 4, 3),
    ([1.5, 0.0], 2, 4),
    ([0.0, 0.0], 3, 2),
    ([3.0, 2.0, 1.0], 3, 3),
]


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("s", "m", "n"), CASES)
def test_rebuilt_from_the_svd(s: Any, m: int, n: int, full: bool, dtype: Any) -> None:
    a = with_singular_values(s, m, n, dtype)
    c = rng.normal(size=a.shape)
    k = min(m, n)

    def rebuilt(x: Any) -> Any:
        u, s, vh = np.linalg.svd(x, full_matrices=full)
        return np.sum(c * ((u[:, :k] * s) @ vh[:k]).real)

    np.testing.assert_allclose(both_modes(rebuilt, a), c, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("s", "m", "n"), CASES)
def test_functions_of_the_singular_values(s: Any, m: int, n: int) -> None:
    a = with_singular_values(s, m, n)
    found = both_modes(lambda x: np.sum(np.linalg.svdvals(x) ** 4), a)
    np.testing.assert_allclose(found, 4 * a @ a.T @ a, rtol=1e-9, atol=1e-10)
    if min(s) > 0:
        nuclear = both_modes(lambda x: np.linalg.norm(x, "nuc"), a)
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        np.testing.assert_allclose(nuclear, u @ vh, rtol=1e-9, atol=1e-10)


def test_polar_factor_of_a_rotation() -> None:
    # The orthogonal factor U Vᵀ, where all singular values are 1: known from A (Aᵀ A)^(-1/2).
    a = orthogonal(3)
    c = rng.normal(size=(3, 3))

    def factor(x: Any) -> Any:
        u, _, vh = np.linalg.svd(x)
        return np.sum(c * (u @ vh))

    expected = wg.grad(lambda x: np.sum(c * (x @ np.linalg.inv(sla.sqrtm(x.T @ x)))))(a)
    np.testing.assert_allclose(both_modes(factor, a), expected, rtol=1e-9, atol=1e-9)


def test_the_value_is_numpys_and_the_rest_finite() -> None:
    a = np.eye(3)
    value, pull = wg.vjp(lambda x: np.linalg.svd(x)[0], a)
    np.testing.assert_array_equal(value, np.linalg.svd(a)[0])
    assert np.isfinite(pull(rng.normal(size=(3, 3)))[0]).all()
    w, v = wg.jvp(np.linalg.eigh, (a,), (rng.normal(size=(3, 3)),))[1]
    assert np.isfinite(w).all() and np.isfinite(v).all()


def test_under_vmap_and_float32() -> None:
    stack = np.stack([with_eigenvalues(w) for w in ([2.0, 2.0, 5.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0])])
    c = rng.normal(size=(3, 3))
    gradient = wg.grad(lambda x: np.sum(c * spectral(np.exp)(x)))
    np.testing.assert_allclose(wg.vmap(gradient)(stack), np.stack([gradient(a) for a in stack]), rtol=1e-10)
    single = wg.grad(lambda x: np.sum(c.astype(np.float32) * spectral(np.exp)(x)))(stack[0].astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, gradient(stack[0]), rtol=2e-3, atol=2e-3)


# -- singular matrices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_singular_matrices_to_third_order(rank: int) -> None:
    a = rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3))

    def leibniz(x: Any) -> Any:
        return (
            x[0, 0] * (x[1, 1] * x[2, 2] - x[1, 2] * x[2, 1])
            - x[0, 1] * (x[1, 0] * x[2, 2] - x[1, 2] * x[2, 0])
            + x[0, 2] * (x[1, 0] * x[2, 1] - x[1, 1] * x[2, 0])
        )

    for derivative in (wg.grad, wg.hessian, lambda f: wg.jacobian(wg.hessian(f), mode="forward")):
        np.testing.assert_allclose(derivative(np.linalg.det)(a), derivative(leibniz)(a), rtol=1e-9, atol=1e-10)
    reverse = wg.jacobian(wg.jacobian(wg.grad(np.linalg.det), mode="reverse"), mode="reverse")(a)
    np.testing.assert_allclose(reverse, wg.jacobian(wg.hessian(leibniz))(a), rtol=1e-9, atol=1e-10)


def test_pinv_of_a_deficient_matrix() -> None:
    # Along directions that keep the rank, differences are defined.
    u, v = rng.normal(size=(4, 2)), rng.normal(size=(2, 3))
    du, dv = rng.normal(size=(4, 2)), rng.normal(size=(2, 3))
    h = 1e-5
    expected = (
        np.linalg.pinv((u + h * du) @ (v + h * dv), 1e-8) - np.linalg.pinv((u - h * du) @ (v - h * dv), 1e-8)
    ) / (2 * h)
    found = wg.jvp(lambda u, v: np.linalg.pinv(u @ v, 1e-8), (u, v), (du, dv))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_second_derivatives_through_repeated_vectors_are_not_made_up() -> None:
    c = rng.normal(size=(3, 3))
    for w, known in (([2.0, 2.0, 5.0], False), ([1.0, 2.0, 5.0], True)):
        found = wg.hessian(lambda x: np.sum(c * spectral(np.exp)(x)))(with_eigenvalues(w))
        assert np.isfinite(found).all() == known
    expected = wg.hessian(lambda x: np.sum(c * sla.expm(symmetric(x))))(with_eigenvalues([1.0, 2.0, 5.0]))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-8)
