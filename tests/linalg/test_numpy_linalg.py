"""numpy.linalg: plain NumPy and what Wengert makes of it agree in values, both modes, second order and under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

from ..numpy.harness import check

rng = np.random.default_rng(7)
A = rng.normal(size=(3, 3)) + 3 * np.eye(3)
A2 = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
Z = A + 1j * rng.normal(size=(3, 3))
SPD = A @ A.T + np.eye(3)
HPD = Z @ Z.conj().T + np.eye(3)
TALL = rng.normal(size=(4, 2)) + 2 * np.eye(4, 2)
WIDE = TALL.T + 0.1
TALL3 = rng.normal(size=(2, 4, 2)) + 2 * np.eye(4, 2)
B, B2 = rng.normal(size=3), rng.normal(size=(3, 2))
V = rng.normal(size=5)
ONE = np.array([[2.5]])
ROTATION = np.array([[0.1, -2.0, 0.3], [1.5, 0.2, 0.1], [0.4, 0.1, 3.0]])  # complex eigenvalues
INT = np.array([[2, 1], [1, 3]])
EMPTY = np.zeros((0, 0))

Row = tuple[str, Callable[..., Any], tuple[Any, ...]]

SYSTEMS: list[Row] = [
    ("solve vector", np.linalg.solve, (A, B)),
    ("solve matrix", np.linalg.solve, (A, B2)),
    ("solve stack", np.linalg.solve, (A2, B2)),
    ("solve stack and vector", np.linalg.solve, (A2, B)),
    ("solve broadcast", np.linalg.solve, (A, rng.normal(size=(4, 1, 3, 2)))),
    ("solve complex", np.linalg.solve, (Z, B)),
    ("solve mixed", lambda b: np.linalg.solve(INT, b), (B[:2],)),
    ("solve 1x1", np.linalg.solve, (ONE, V[:1])),
    ("solve float32", np.linalg.solve, (A.astype(np.float32), B.astype(np.float32))),
    ("inv", np.linalg.inv, (A,)),
    ("inv stack", np.linalg.inv, (A2,)),
    ("inv complex", np.linalg.inv, (Z,)),
    ("pinv tall", np.linalg.pinv, (TALL,)),
    ("pinv wide", np.linalg.pinv, (WIDE,)),
    ("pinv stack", np.linalg.pinv, (TALL3,)),
    ("pinv rcond", lambda a: np.linalg.pinv(a, 1e-3), (A,)),
    ("pinv rtol", lambda a: np.linalg.pinv(a, rtol=None), (A2,)),
    ("pinv hermitian", lambda a: np.linalg.pinv(a, hermitian=True), (SPD,)),
    ("pinv complex", np.linalg.pinv, (Z[:, :2],)),
    ("lstsq", lambda a, b: np.linalg.lstsq(a, b)[:2], (TALL, V[:4])),
    ("lstsq several", lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], (TALL, rng.normal(size=(4, 3)))),
    ("lstsq wide", lambda a, b: np.linalg.lstsq(a, b)[0], (WIDE, V[:2])),
    ("lstsq singular values", lambda a, b: np.linalg.lstsq(a, b)[3], (TALL, V[:4])),
    ("tensorsolve", np.linalg.tensorsolve, (rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3)))),
    (
        "tensorsolve axes",
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        (rng.normal(size=(2, 3, 3, 2)), rng.normal(size=(3, 2))),
    ),
    ("tensorinv", np.linalg.tensorinv, (rng.normal(size=(2, 3, 3, 2)),)),
    ("tensorinv ind", lambda a: np.linalg.tensorinv(a, ind=1), (rng.normal(size=(6, 3, 2)),)),
    ("matrix_power 5", lambda a: np.linalg.matrix_power(a, 5), (A / 3,)),
    ("matrix_power 1", lambda a: np.linalg.matrix_power(a, 1) * a, (A,)),
    ("matrix_power -2", lambda a: np.linalg.matrix_power(a, -2), (A2,)),
    ("matrix_power 0", lambda a: np.linalg.matrix_power(a, 0) * a, (A2,)),
]
DECOMPOSITIONS: list[Row] = [
    ("det", np.linalg.det, (A,)),
    ("det stack", np.linalg.det, (A2,)),
    ("det complex", np.linalg.det, (Z,)),
    ("det 1x1", np.linalg.det, (ONE,)),
    ("det int", lambda x: np.linalg.det(INT) * x, (1.5,)),
    ("slogdet", np.linalg.slogdet, (A,)),
    ("slogdet negative", np.linalg.slogdet, (-A2,)),
    ("slogdet complex", np.linalg.slogdet, (Z,)),
    ("slogdet fields", lambda a: np.linalg.slogdet(a).logabsdet, (A,)),
    ("cholesky", np.linalg.cholesky, (SPD,)),
    ("cholesky upper", lambda a: np.linalg.cholesky(a, upper=True), (SPD,)),
    ("cholesky complex", np.linalg.cholesky, (HPD,)),
    ("cholesky stack", np.linalg.cholesky, (np.stack([SPD, 2 * SPD]),)),
    ("cholesky one triangle", np.linalg.cholesky, (np.tril(SPD),)),
    ("qr", lambda a: tuple(np.linalg.qr(a)), (A,)),
    ("qr fields", lambda a: np.linalg.qr(a).Q, (TALL,)),
    ("qr tall", np.linalg.qr, (TALL3,)),
    ("qr wide", np.linalg.qr, (WIDE,)),
    ("qr r", lambda a: np.linalg.qr(a, mode="r"), (TALL,)),
    ("qr complex", np.linalg.qr, (Z,)),
    ("qr complete", lambda a: np.abs(np.linalg.qr(a, mode="complete").R), (TALL,)),
    ("eigh", np.linalg.eigh, (SPD,)),
    ("eigh upper", lambda a: np.linalg.eigh(a, "U"), (np.triu(SPD),)),
    ("eigh complex", lambda a: np.abs(np.linalg.eigh(a).eigenvectors), (HPD,)),
    ("eigh 1x1", lambda a: np.linalg.eigh(a)[0], (ONE,)),
    ("eigvalsh", np.linalg.eigvalsh, (np.stack([SPD, A + A.T]),)),
    ("eigvalsh complex", np.linalg.eigvalsh, (HPD,)),
    ("eig", np.linalg.eig, (SPD + 0.1 * A,)),
    ("eig complex pairs", np.linalg.eig, (ROTATION,)),
    ("eig of complex", np.linalg.eig, (Z,)),
    ("eigvals", np.linalg.eigvals, (ROTATION,)),
    ("svd", np.linalg.svd, (A,)),
    ("svd thin", lambda a: np.linalg.svd(a, full_matrices=False), (TALL3,)),
    ("svd thin wide", lambda a: np.linalg.svd(a, full_matrices=False), (WIDE,)),
    ("svd full projector", lambda a: np.linalg.svd(a)[0][:, 2:] @ np.linalg.svd(a)[0][:, 2:].T, (TALL,)),
    ("svd full wide", lambda a: np.linalg.svd(a).Vh[2:].T @ np.linalg.svd(a).Vh[2:], (WIDE,)),
    ("svd values", lambda a: np.linalg.svd(a, compute_uv=False), (WIDE,)),
    ("svd hermitian", lambda a: np.linalg.svd(a, hermitian=True), (SPD - 3 * np.eye(3),)),
    ("svdvals", np.linalg.svdvals, (A2,)),
    ("svd complex", lambda a: np.abs(np.linalg.svd(a, full_matrices=False)[0]), (Z[:, :2],)),
    ("svd complex values", lambda a: np.linalg.svd(a)[1], (Z,)),
]
NORMS: list[Row] = [
    *(
        (f"norm vector {o}", lambda x, o=o: np.linalg.norm(x, o), (V,))
        for o in (None, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf)
    ),
    *(
        (f"norm matrix {o}", lambda x, o=o: np.linalg.norm(x, o), (TALL,))
        for o in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    ),
    *(
        (f"norm stack {o}", lambda x, o=o: np.linalg.norm(x, o, axis=(0, 2)), (A2,))
        for o in ("fro", "nuc", 1, 2, -np.inf)
    ),
    ("norm flat", lambda x: np.linalg.norm(x), (A2,)),
    ("norm axis", lambda x: np.linalg.norm(x, axis=1, keepdims=True), (A2,)),
    ("norm nuc keepdims", lambda x: np.linalg.norm(x, "nuc", (-2, -1), keepdims=True), (A2,)),
    ("norm 1 keepdims", lambda x: np.linalg.norm(x, 1, (-1, -2), keepdims=True), (A2,)),
    ("norm complex", lambda x: np.linalg.norm(x), (Z,)),
    ("norm complex 3", lambda x: np.linalg.norm(x, 3, axis=0), (Z,)),
    ("norm float32", lambda x: np.linalg.norm(x), (V.astype(np.float32),)),
    ("vector_norm", lambda x: np.linalg.vector_norm(x), (A2,)),
    ("vector_norm axes", lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3, keepdims=True), (A2,)),
    ("matrix_norm", lambda x: np.linalg.matrix_norm(x, ord="nuc"), (A2,)),
    ("matrix_norm keepdims", lambda x: np.linalg.matrix_norm(x, keepdims=True), (A2,)),
    *((f"cond {p}", lambda x, p=p: np.linalg.cond(x, p), (A2,)) for p in (None, 2, -2, "fro", 1, -1, np.inf)),
]
PRODUCTS: list[Row] = [
    ("multi_dot", lambda a, b, c: np.linalg.multi_dot([a, b, c]), (TALL, WIDE, rng.normal(size=(4, 3)))),
    ("multi_dot vectors", lambda a, b, c: np.linalg.multi_dot([a, b, c]), (V[:4], TALL, V[:2])),
    ("multi_dot two", lambda a, b: np.linalg.multi_dot([a, b]), (TALL, WIDE)),
    ("matmul", np.linalg.matmul, (A2, B2)),
    ("tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=1), (A2, B2)),
    ("vecdot", lambda a, b: np.linalg.vecdot(a, b), (A, B)),
    ("outer", np.linalg.outer, (B, V)),
    ("cross", np.linalg.cross, (A, B)),
    ("diagonal", lambda a: np.linalg.diagonal(a, offset=1), (A2,)),
    ("trace", lambda a: np.linalg.trace(a, offset=-1), (A2,)),
    ("matrix_transpose", np.linalg.matrix_transpose, (A2,)),
]
LOOSE = 1e-12


@pytest.mark.parametrize(
    ("name", "f", "args"), [pytest.param(*row, id=row[0]) for row in [*SYSTEMS, *DECOMPOSITIONS, *NORMS, *PRODUCTS]]
)
def test_function(name: str, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args, rtol=LOOSE, batch=name != "eig")


@pytest.mark.parametrize(
    "f", [np.linalg.inv, np.linalg.pinv, np.linalg.cholesky, np.linalg.qr, np.linalg.eigh, np.linalg.svd]
)
def test_empty_matrices(f: Callable[..., Any]) -> None:
    for a in (EMPTY, np.zeros((0, 2, 2))):
        if f is np.linalg.pinv and not a.size and a.ndim == 2:
            continue  # NumPy itself has no answer for the default of rcond here
        values, pull = wg.vjp(f, a)
        expected = f(a)
        many = isinstance(values, tuple)
        for found, wanted in zip(values if many else [values], expected if many else [expected], strict=True):
            assert found.shape == wanted.shape
        assert pull(values)[0].shape == a.shape


def test_values_that_python_asks_for() -> None:
    assert wg.grad(lambda a: np.sum(a) * np.linalg.matrix_rank(a))(A).tolist() == np.full((3, 3), 3.0).tolist()
    assert wg.jvp(np.linalg.matrix_rank, (np.outer(B, B),), (A,)) == (1, 0)
    rank = wg.vjp(lambda a, b: np.linalg.lstsq(a, b)[2], TALL, V[:4])[0]
    assert rank == 2


def test_containers_are_numpys() -> None:
    def fields(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        found = np.linalg.eigh(a)
        assert type(found) is type(np.linalg.eigh(A))
        return np.sum(found.eigenvalues) + np.sum(np.linalg.svd(a).S) + np.sum(w) + np.sum(v * 0)

    check(fields, SPD)


def test_the_gradient_reads_what_numpy_reads() -> None:
    gradient = wg.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(SPD)
    np.testing.assert_allclose(np.triu(gradient, 1), 0)
    symmetric = wg.grad(lambda a: np.sum(np.linalg.eigvalsh((a + a.T) / 2) ** 2))(SPD)
    np.testing.assert_allclose(symmetric, 2 * SPD)
    np.testing.assert_allclose(np.tril(symmetric + np.tril(symmetric, -1)), gradient)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda a: np.linalg.inv(a[:2]), "square"),
        (lambda a: np.linalg.det(a[0]), "at least two-dimensional"),
        (lambda a: np.linalg.inv(a * 0), "Singular matrix"),
        (lambda a: np.linalg.cholesky(-a), "not positive definite"),
        (lambda a: np.linalg.solve(a * 0, a), "Singular matrix"),
    ],
)
def test_errors_are_numpys(f: Callable[..., Any], message: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=message):
        wg.grad(lambda a: np.sum(f(a)))(SPD)
    with pytest.raises(np.linalg.LinAlgError):
        f(SPD)
