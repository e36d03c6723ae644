"""scipy.linalg in unmodified code: agrees with SciPy in values, both modes, second order and under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg as sla
from scipy.linalg import expm as exponential

import wengert as wg
import wengert.scipy.linalg as wla

from ..numpy.harness import check

rng = np.random.default_rng(11)
A = rng.normal(size=(3, 3)) + 3 * np.eye(3)
Z = A + 1j * rng.normal(size=(3, 3))
SPD = A @ A.T + np.eye(3)
HPD = Z @ Z.conj().T + np.eye(3)
TALL = rng.normal(size=(4, 2)) + 2 * np.eye(4, 2)
B, B2, C = rng.normal(size=3), rng.normal(size=(3, 2)), rng.normal(size=(2, 2)) + 2 * np.eye(2)
SMALL = A / 4

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]

SYSTEMS: list[Row] = [
    ("solve", lambda a, b: sla.solve(a, b), (A, B)),
    ("solve pos", lambda a, b: sla.solve(a, b, assume_a="pos"), (SPD, B2)),
    ("solve her", lambda a, b: sla.solve(a, b, assume_a="her", lower=True), (HPD, B)),
    ("solve sym", lambda a, b: sla.solve(a, b, assume_a="sym"), (SPD, B)),
    ("solve transposed", lambda a, b: sla.solve(a, b, transposed=True), (A, B2)),
    *(
        (
            f"solve_triangular {trans} {lower} {unit}",
            lambda a, b, how=(trans, lower, unit): sla.solve_triangular(
                a, b, how[0], lower=how[1], unit_diagonal=how[2]
            ),
            (Z if trans == "C" else A, B2 if lower else B),
        )
        for trans in (0, "T", "C")
        for lower in (False, True)
        for unit in (False, True)
    ),
    ("inv", lambda a: sla.inv(a), (A,)),
    ("det", lambda a: sla.det(a), (A,)),
    ("lstsq", lambda a, b: sla.lstsq(a, b)[0], (TALL, rng.normal(size=4))),
    ("pinv", lambda a: sla.pinv(a), (TALL,)),
    ("pinv atol", lambda a: sla.pinv(a, atol=1e-3), (TALL,)),
    ("pinvh", lambda a: sla.pinvh(a), (SPD,)),
    ("solve_sylvester", lambda a, b, q: sla.solve_sylvester(a, b, q), (A, C, B2)),
    ("solve_continuous_lyapunov", lambda a, q: sla.solve_continuous_lyapunov(a, q), (A, SPD)),
    ("solve_discrete_lyapunov", lambda a, q: sla.solve_discrete_lyapunov(a, q), (SMALL / 2, SPD)),
]
DECOMPOSITIONS: list[Row] = [
    ("cholesky", lambda a: sla.cholesky(a), (SPD,)),
    ("cholesky lower", lambda a: sla.cholesky(a, lower=True), (HPD,)),
    ("cho_factor", lambda a: sla.cho_factor(a)[0], (SPD,)),
    ("cho_solve", lambda a, b: sla.cho_solve(sla.cho_factor(a), b), (SPD, B)),
    ("cho_solve lower", lambda a, b: sla.cho_solve(sla.cho_factor(a, lower=True), b), (HPD, B2)),
    ("lu", lambda a: sla.lu(a), (A[::-1].copy(),)),
    ("lu permuted", lambda a: sla.lu(a, permute_l=True), (TALL[::-1].copy(),)),
    ("lu indices", lambda a: sla.lu(a, p_indices=True), (TALL.T[:, ::-1].copy(),)),
    ("lu_factor", lambda a: sla.lu_factor(a), (A[::-1].copy(),)),
    *(
        (f"lu_solve {trans}", lambda a, b, trans=trans: sla.lu_solve(sla.lu_factor(a), b, trans), (Z[::-1].copy(), B2))
        for trans in (0, 1, 2)
    ),
    ("qr", lambda a: sla.qr(a), (A,)),
    ("qr economic", lambda a: sla.qr(a, mode="economic"), (TALL,)),
    ("qr r", lambda a: np.abs(sla.qr(a, mode="r")[0]), (TALL,)),
    ("svd", lambda a: sla.svd(a, full_matrices=False), (TALL,)),
    ("svd full", lambda a: sla.svd(a), (A,)),
    ("svdvals", lambda a: sla.svdvals(a), (TALL,)),
    ("polar", lambda a: sla.polar(a), (A,)),
    ("polar left", lambda a: sla.polar(a, side="left"), (TALL.T.copy(),)),
    ("eigh values", lambda a: sla.eigh(a)[0], (SPD,)),
    ("eigh vectors", lambda a: np.abs(sla.eigh(a)[1]), (SPD,)),
    ("eigh driver", lambda a: np.abs(sla.eigh(a, driver="evd")[1]), (SPD,)),
    ("eigh upper", lambda a: sla.eigh(a, lower=False, eigvals_only=True), (HPD,)),
    ("eigh generalized", lambda a, b: sla.eigh(a, b), (A + A.T, SPD)),
    ("eigh part", lambda a: sla.eigh(a, subset_by_index=(1, 2))[0], (SPD,)),
    ("eigvalsh", lambda a, b: sla.eigvalsh(a, b), (A + A.T, SPD)),
    ("eig", lambda a: sla.eig(a), (Z,)),
    ("eigvals", lambda a: sla.eigvals(a), (A,)),
]
FUNCTIONS: list[Row] = [
    *((kind, getattr(sla, kind), (SMALL,)) for kind in ("sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm")),
    ("expm", lambda a: sla.expm(a), (A,)),
    ("expm stack", lambda a: sla.expm(a), (np.stack([A, SMALL]),)),
    ("expm complex", lambda a: sla.expm(a), (Z / 2,)),
    ("expm by name", lambda a: exponential(a), (A,)),
    ("expm by package", lambda a: scipy.linalg.expm(a), (A,)),
    ("expm nilpotent", lambda a: sla.expm(a), (np.triu(A, 1),)),
    ("logm", lambda a: sla.logm(a), (SPD + SMALL,)),
    ("sqrtm", lambda a: sla.sqrtm(a), (SPD + SMALL,)),
    ("sqrtm repeated eigenvalues", lambda a: sla.sqrtm(a), (4 * np.eye(3),)),
    ("expm_frechet", lambda a, e: sla.expm_frechet(a, e), (SMALL, A)),
    ("expm_frechet alone", lambda a, e: sla.expm_frechet(a, e, compute_expm=False), (SMALL, A)),
    ("block_diag", lambda a, b, c: sla.block_diag(a, b, c), (A, B, 2.5)),
    ("toeplitz", lambda c: sla.toeplitz(c), (B,)),
    ("toeplitz row", lambda c, r: sla.toeplitz(c, r), (B, B2[:, 0].copy())),
    ("toeplitz complex", lambda c: sla.toeplitz(c), (Z[0],)),
    ("hankel", lambda c, r: sla.hankel(c, r), (B, rng.normal(size=4))),
    ("hankel zeros", lambda c: sla.hankel(c), (B,)),
    ("circulant", lambda c: sla.circulant(c), (B,)),
    ("companion", lambda c: sla.companion(c), (B,)),
    ("khatri_rao", lambda a, b: sla.khatri_rao(a, b), (A, TALL.T @ TALL @ B2.T)),
    ("norm", lambda a: sla.norm(a, 1), (A,)),
]
LOOSE = 1e-12


@pytest.mark.parametrize(
    ("name", "f", "args"), [pytest.param(*row, id=row[0]) for row in [*SYSTEMS, *DECOMPOSITIONS, *FUNCTIONS]]
)
def test_function(name: str, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    # logm and sqrtm iterate until they are accurate enough, not to the last bit.
    check(f, *args, rtol=1e-10 if name.startswith(("logm", "sqrtm")) else LOOSE)


def test_import_inside_of_a_function() -> None:
    def f(a: Any) -> Any:
        from scipy.linalg import solve_triangular

        return np.sum(solve_triangular(a, np.ones(3), lower=True))

    check(f, A)


def test_signs_are_scipys() -> None:
    vectors = wg.jvp(lambda a: sla.eigh(a)[1], (SPD,), (A,))[0]
    np.testing.assert_allclose(vectors, sla.eigh(SPD)[1], atol=1e-14)


def test_plain_arguments_stay_scipys() -> None:
    assert isinstance(wla.expm(np.eye(2)), np.ndarray)
    seen = []

    def f(x: Any) -> Any:
        constant = sla.expm(np.eye(2))
        constant[0, 0] = x  # may be written into, as any array made in the function
        seen.append(type(sla.LinAlgError))
        return np.sum(constant) * x

    check(f, 2.0)
    assert seen


def test_the_namespace() -> None:
    def f(a: Any) -> Any:
        return 2 * np.sum(np.log(np.diagonal(wla.cholesky((a + a.T) / 2))))

    np.testing.assert_allclose(wg.grad(f)(SPD), np.linalg.inv(SPD), rtol=1e-12)
    assert "solve_triangular" in dir(wla)


def test_a_real_root_that_does_not_exist() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="astype"):
        wg.grad(lambda a: np.sum(sla.sqrtm(a)))(-np.eye(2))
    gradient = wg.grad(lambda a: np.sum(sla.sqrtm(a.astype(complex)).imag))(-4 * np.eye(2))
    np.testing.assert_allclose(np.abs(gradient), np.full((2, 2), 0.25))


def test_options_without_a_derivative_say_so() -> None:
    for f in (lambda a: sla.qr(a, pivoting=True)[1], lambda a: sla.eigh(a, subset_by_value=(0, 1))[0]):
        with pytest.raises(wg.WengertError, match="has no derivative here"):
            wg.jvp(f, (SPD,), (SPD,))


def test_a_singular_triangle() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        wg.grad(lambda a: np.sum(sla.solve_triangular(a, B)))(np.zeros((3, 3)))
