"""Products, Einstein sums, convolution of sequences, polynomials.  A row per call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

import wengert as wg

from .harness import check

_rng = np.random.default_rng(2)
X, W = _rng.normal(size=(2, 3, 4))
X32 = X.astype(np.float32)
Z, Y = X + 1j * W, W - 2j * X
M = _rng.normal(size=(4, 4))
T = _rng.normal(size=(2, 3, 4))
S = _rng.normal(size=(2, 4, 3))
V, U = _rng.normal(size=7), _rng.normal(size=5)
A, B = U[:4].copy(), U[1:4].copy()

PRODUCTS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("dot", lambda a, b: np.dot(a, b), (X, M)),
    ("dot n-d", lambda a, b: np.dot(a, b), (T, S)),
    ("dot 0-d", lambda a, b: np.dot(a, b), (2.0, X)),
    ("dot int", lambda a: np.dot(a, np.arange(4)), (X,)),
    ("vdot", lambda a, b: np.vdot(a, b), (X, W)),
    ("vdot complex", lambda a, b: np.vdot(a, b), (Z, Y)),
    ("vecdot", lambda a, b: np.vecdot(a, b), (X, W)),
    ("vecdot axis", lambda a, b: np.vecdot(a, b, axis=0), (X, W)),
    ("vecdot complex", lambda a, b: np.vecdot(a, b), (Z, Y[0])),
    ("inner", lambda a, b: np.inner(a, b), (X, W)),
    ("inner complex", lambda a, b: np.inner(a, b), (Z, Y)),
    ("outer", lambda a, b: np.outer(a, b), (X, U)),
    ("tensordot", lambda a, b: np.tensordot(a, b, axes=([1, 2], [0, 1])), (T, T[0, :, :, None] * U[:2])),
    ("tensordot 1", lambda a, b: np.tensordot(a, b, 1), (T, M)),
    ("tensordot 0", lambda a, b: np.tensordot(a, b, axes=0), (X, B)),
    ("tensordot axis", lambda a, b: np.tensordot(a, b, axes=(-1, 0)), (T, M)),
    ("matmul", lambda a, b: a @ b, (X, M)),
    ("matmul stack", lambda a, b: np.matmul(a, b), (T, S)),
    ("matmul broadcast", lambda a, b: np.matmul(a, b), (T[:, None], S[0])),
    ("matmul vectors", lambda a, b: a @ b, (A, A**2)),
    ("matmul vector stack", lambda a, b: a @ b, (B, T)),
    ("matmul stack vector", lambda a, b: a @ b, (T, A)),
    ("matmul float32", lambda a, b: a @ b, (X32, M)),
    ("matmul out", lambda a, b: np.matmul(a, b, out=np.zeros_like(a)), (X, M)),
    ("cross", lambda a, b: np.cross(a, b), (S[0], S[1])),
    ("cross axis", lambda a, b: np.cross(a, b, axis=0), (X, W)),
    ("cross axes", lambda a, b: np.cross(a, b, axisa=0, axisc=0), (X, S[0])),
    ("trace", lambda a: np.trace(a), (M,)),
    ("trace offset", lambda a: np.trace(a, 1), (X,)),
    ("trace axes", lambda a: a.trace(-1, 1, 2), (T,)),
    ("trace outside", lambda a: np.trace(a, 9) + a[0, 0], (X,)),
    ("add.outer", lambda a, b: np.add.outer(a, b), (A, X)),
    ("multiply.outer", lambda a, b: np.multiply.outer(a, b), (X, A)),
    ("subtract.outer", lambda a: np.subtract.outer(a, 2.0), (A,)),
    ("maximum.outer", lambda a, b: np.maximum.outer(a, b), (A, X)),
]
if hasattr(np, "matvec"):
    PRODUCTS += [
        ("matvec", lambda a, b: np.matvec(a, b), (T, X[0])),
        ("vecmat", lambda a, b: np.vecmat(a, b), (B, T)),
        ("vecmat complex", lambda a, b: np.vecmat(a, b), (Z[:, 0] * 1, T)),
    ]

EINSUMS: list[tuple[str, tuple[Any, ...]]] = [
    ("ij,jk->ik", (X, M)),
    ("ij,jk", (X, M)),
    ("ij , jk -> ki", (X, M)),
    ("ii->i", (M,)),
    ("ii", (M,)),
    ("iij->j", (np.stack([M, M**2], -1),)),
    ("iji->j", (np.stack([M, M**2], 1),)),
    ("ij->ji", (X,)),
    ("ij->", (X,)),
    ("ij->j", (X,)),
    ("...j,j->...", (T, A)),
    ("...ij,...jk", (T, M)),
    ("...ij,jk...->...ik", (T, M)),
    ("i...,i...->...", (T, T[:, :, :1])),
    ("i,j,ij", (B, A, X)),
    ("ij,ij->ij", (X, W)),
    ("ij,ij->", (X, W)),
    ("ij,ij->i", (X, W)),
    ("ij,jk,kl->il", (X, M, M)),
    ("bij,bjk->bik", (T, S)),
    ("i,i->", (U, U)),
    ("i,i,i->i", (U, U + 1, U + 2)),
    ("ij,k->kij", (X, U)),
    ("ii,jj->ij", (M, M)),
    ("ij,j->i", (X, np.ones(1) + 0.5)),
    ("abc,cd,be->ade", (T, M, X)),
    ("ij,jk->ik", (Z, M)),
    ("ba,ba", (X, W)),
    (",ij->ij", (2.0, X)),
    ("i,->i", (U, 3.0)),
]
PRODUCTS += [("einsum " + s, lambda *xs, s=s: np.einsum(s, *xs), xs) for s, xs in EINSUMS]
PRODUCTS += [
    ("einsum numbers", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), (X, M)),
    ("einsum numbers implicit", lambda a, b: np.einsum(a, [1, 0], b, [0, 2]), (X, M)),
    ("einsum numbers dots", lambda a: np.einsum(a, [..., 1]), (X,)),
    ("einsum optimal", lambda a, b: np.einsum("ij,jk,kl", a, b, b, optimize="optimal"), (X, M)),
    ("einsum path", lambda a, b: np.einsum("ij,jk,kl", a, b, b, optimize=["einsum_path", (0, 1), (0, 1)]), (X, M)),
    ("einsum out", lambda a, b: np.einsum("ij,jk", a, b, out=np.zeros_like(a)), (X, M)),
    ("einsum constant", lambda a: np.einsum("ij,jk", a, M), (X,)),
    ("einsum dtype", lambda a: np.einsum("ij,kj", a, a, dtype=float), (X32,)),
]

POLYNOMIALS: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("convolve", lambda a, b: np.convolve(a, b), (V, U)),
    ("convolve same", lambda a, b: np.convolve(a, b, "same"), (U, V)),
    ("convolve same even", lambda a, b: np.convolve(a, b, mode="same"), (V, A)),
    ("convolve valid", lambda a, b: np.convolve(a, b, "valid"), (V, A)),
    ("convolve complex", lambda a, b: np.convolve(a, b), (Z[0], V)),
    ("correlate", lambda a, b: np.correlate(a, b), (V, U)),
    ("correlate full", lambda a, b: np.correlate(a, b, "full"), (U, V)),
    ("correlate same", lambda a, b: np.correlate(a, b, "same"), (V, A)),
    ("correlate same swapped", lambda a, b: np.correlate(a, b, "same"), (A, V)),
    ("correlate valid swapped", lambda a, b: np.correlate(a, b), (U, V)),
    ("correlate complex", lambda a, b: np.correlate(a, b, "full"), (Z[0], Y[1])),
    ("vander", lambda x: np.vander(x), (U,)),
    ("vander increasing", lambda x: np.vander(x, 3, increasing=True), (U,)),
    ("polyval", lambda p, x: np.polyval(p, x), (U, X)),
    ("polyval scalar", lambda p, x: np.polyval(p, x), (U, 0.7)),
    ("polyval list", lambda x: np.polyval([3.0, x[0], 1.0], x), (U,)),
    ("polyadd", lambda a, b: np.polyadd(a, b), (U, V)),
    ("polysub", lambda a, b: np.polysub(a, b), (V, U)),
    ("polymul", lambda a, b: np.polymul(a, b), (U, V)),
    ("polyder", lambda p: np.polyder(p), (U,)),
    ("polyder 2", lambda p: np.polyder(p, 2), (U,)),
    ("polyint", lambda p: np.polyint(p), (U,)),
    ("polyint constants", lambda p, k: np.polyint(p, 2, k=k), (U, A[:2])),
    ("poly", lambda z: np.poly(z), (U,)),
]


@pytest.mark.parametrize(("f", "args"), [pytest.param(f, a, id=name) for name, f, a in [*PRODUCTS, *POLYNOMIALS]])
def test_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    check(f, *args)


def test_polyfit_with_all_that_it_can_return() -> None:
    y = V**2 + np.sin(3 * V)
    check(lambda x, y: np.polyfit(x, y, 2, cov=True), V, y, rtol=1e-10)
    check(lambda x, y: np.polyfit(x, y, 2, cov="unscaled", w=x**2 + 1), V, y, rtol=1e-10)
    check(lambda x, y: np.polyfit(x, np.stack([y, x * y], -1), 1), V, y, rtol=1e-10)


def test_polydiv() -> None:
    # How many leading coefficients of the remainder vanish depends on the values: not under vmap.
    check(lambda a, b: np.polydiv(a, b), V, B, batch=False)


def test_polydiv_without_remainder() -> None:
    quotient, rest = wg.jvp(np.polydiv, (np.polymul(U, B), B), (U @ np.ones((5, 7)) * 0, B))[0]
    np.testing.assert_allclose(quotient, U)
    assert rest.shape == np.polydiv(np.polymul(U, B), B)[1].shape


@pytest.mark.parametrize(
    "p", [np.array([1.0, -6.0, 11.0, -6.2]), np.array([2.0, 1.0, 3.0]), np.array([1.0, 4.0, 0.5, 5.0])]
)
def test_roots(p: Any) -> None:
    # How many roots there are depends on the coefficients that are 0: not under vmap.
    check(lambda p: np.roots(p), p, batch=False, rtol=1e-12)
    check(lambda p: np.roots(np.concatenate([[0.0], p, [0.0, 0.0]])), p, batch=False, rtol=1e-12)


def test_polyfit_is_least_squares() -> None:
    check(lambda x, y: np.polyfit(x, y, 2), V, V**2 + np.sin(3 * V), rtol=1e-11)
    check(lambda x, y, w: np.polyfit(x, y, 1, w=w), V, V**2 + np.sin(3 * V), np.abs(V) + 0.5, rtol=1e-11)


BASES = [
    (polynomial, "poly"),
    (chebyshev, "cheb"),
    (legendre, "leg"),
    (hermite, "herm"),
    (hermite_e, "herme"),
    (laguerre, "lag"),
]


@pytest.mark.parametrize(("module", "prefix"), BASES, ids=[prefix for _, prefix in BASES])
def test_numpy_polynomial(module: Any, prefix: str) -> None:
    val, vander, fit = (getattr(module, prefix + name) for name in ("val", "vander", "fit"))
    check(lambda x, c: val(x, c), X, U)
    check(lambda x, c: val(x, c), 0.3, X)
    check(lambda x, c: val(x, c, tensor=False), X[0], X)
    check(lambda x: vander(x, 4), U)
    check(lambda x, y: fit(x, y, 3), V, V**2 + np.sin(3 * V), rtol=1e-9)
    check(lambda y, w: fit(V, y, [0, 2], w=w), np.stack([V**2, np.sin(3 * V)], -1), np.abs(V) + 0.5, rtol=1e-9)


def test_products_of_integers_and_booleans_keep_numpys_dtypes() -> None:
    for dtype in (np.int8, np.int64, np.bool_):
        f = lambda x, dtype=dtype: np.einsum("ij,kj->ik", x.astype(dtype), x.astype(dtype))
        value = wg.jvp(f, (X,), (X,))[0]
        assert value.dtype == f(X).dtype
        np.testing.assert_array_equal(value, f(X))


def test_a_long_einsum_is_done_in_pairs() -> None:
    """Without a path, five matrices of one size would take n^6 steps at once; in pairs n^3."""
    n = 40
    matrices = list(_rng.normal(size=(5, n, n)))
    chain = lambda *ms: np.einsum("ab,bc,cd,de,ef->af", *ms)
    graph = wg.trace(chain)(*matrices)
    assert [e.primitive.name for e in graph.equations].count("dot") == 4
    assert max(len(of.shape) for of in graph.avals) == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.einsum("ij,jk", x, x),
        lambda x: np.einsum("ij->ik", x),
        lambda x: np.einsum("ij->ii", x),
        lambda x: np.einsum("ijk", x),
        lambda x: np.einsum("i,j", x),
        lambda x: np.einsum("i$->i", x),
        lambda x: x @ x,
        lambda x: np.tensordot(x, x, 1),
        lambda x: np.convolve(x[0], x[0], "most"),
        lambda x: np.convolve(x[0, :0], x[0]),
        lambda x: np.cross(x, x),
        lambda x: np.trace(x[0]),
    ],
)
def test_errors_are_numpys(f: Callable[..., Any]) -> None:
    with pytest.raises(ValueError):
        f(X)
    with pytest.raises(ValueError):
        wg.jvp(f, (X,), (X,))
