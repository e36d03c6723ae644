"""One check for every NumPy function: plain NumPy and what Wengert makes of it agree in all that can be asked.

``check(f, *args)`` runs ``f`` (plain NumPy code, written as a user would) and compares

* values: results under trace equal NumPy's, in shape, dtype and container;
* forward mode: ``jvp`` equals differences;
* reverse mode: ``vjp`` is the adjoint of ``jvp`` (dot products);
* second order: forward over reverse equals differences of the gradient, and the Hessian is symmetric;
* ``vmap`` equals a loop.

Arguments of a floating-point dtype are differentiated by; all others (indices, masks, options) stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as wg
from wengert.api.differences import directional

RTOL = 1e-7
"""Of derivatives against differences; ten times the differences' own error estimate comes on top."""


def check(
    f: Callable[..., Any], *args: Any, smooth: bool = True, second: bool = True, batch: bool = True, rtol: float = 1e-13
) -> None:
    """Check a function at a point.

    Parameters
    ----------
    f
        Plain NumPy code.  It may write into its arguments.
    *args
        Arrays and numbers.
    smooth
        False: compare values only (integer results, functions that are constant almost everywhere).
    second, batch
        False: leave out second derivatives, or ``vmap`` (results whose shape or indices depend on values).
    rtol
        Of values, relative to the largest entry; 0 asks for equality.
    """
    active = [k for k, a in enumerate(args) if _is_inexact(a)]
    assert active, "there is nothing to differentiate by"
    point = [np.array(args[k]) for k in active]

    def g(*xs: Any) -> Any:
        full = [np.array(a) if isinstance(a, np.ndarray) else a for a in args]
        for k, x in zip(active, xs, strict=True):
            full[k] = np.array(x)  # f may write into its argument
        return f(*full)

    expected = g(*point)
    values, structure = _leaves(expected)
    rng = np.random.default_rng(sum(x.size for x in point) + 3)
    tangents = [_random(x, rng) for x in point]

    found, pushed = wg.jvp(g, tuple(point), tuple(tangents))
    compare_values("jvp", found, expected, rtol)
    pulled_value, pullback = wg.vjp(g, *point)
    compare_values("vjp", pulled_value, expected, rtol)
    if batch:
        check_vmap(g, point, rng)
    if not smooth:
        return
    single = any(x.dtype.itemsize < (16 if x.dtype.kind == "c" else 8) for x in [*point, *map(np.asarray, values)])

    # Forward mode against differences.
    floats = [k for k, v in enumerate(values) if _is_inexact(v)]
    assert floats, "there is nothing to differentiate; smooth=False"

    def flat(xs: list[Any]) -> list[Any]:
        out = _leaves(g(*xs))[0]
        return [np.asarray(out[k]) for k in floats]

    found_tangents = _leaves(pushed)[0]
    found_tangents = [found_tangents[k] for k in floats]
    wanted, errors = directional(flat, point, tangents)
    for t, w, error in zip(found_tangents, wanted, errors, strict=True):
        _close("jvp equals differences", t, w, error, single)

    # Reverse mode against forward mode: w . (J v) = (Jᵀ w) . v, without conjugation (see the docs on complex numbers).
    cotangents = [_random(v, rng) if k in floats else np.zeros_like(v) for k, v in enumerate(values)]
    gradients = pullback(_rebuild(structure, cotangents))
    for gradient, x in zip(gradients, point, strict=True):
        assert (np.shape(gradient), np.asarray(gradient).dtype) == (x.shape, x.dtype), "a gradient is like its argument"
    left, size = _dot([cotangents[k] for k in floats], found_tangents)
    right, other = _dot(gradients, tangents)
    assert abs(left - right) <= (1e-4 if single else 1e-10) * max(1.0, size, other), f"vjp {right}, jvp {left}"
    if second and not single:
        check_second(g, point, floats, rng)


def check_second(g: Callable[..., Any], point: list[Any], floats: list[int], rng: np.random.Generator) -> None:
    """Compare forward over reverse with differences of the gradient, and u . (H v) with v . (H u)."""
    values = _leaves(g(*point))[0]
    weights = [rng.normal(size=np.shape(values[k])) for k in floats]
    numbers = tuple(range(len(point)))

    def loss(*xs: Any) -> Any:
        # Curved in every result, so that a function that is linear itself has a Hessian too.
        results = _leaves(g(*xs))[0]
        total = 0.0
        for k, w in zip(floats, weights, strict=True):
            y = results[k]
            total = total + np.sum(w * (np.sin(y.real) + np.cos(y.imag) if y.dtype.kind == "c" else np.sin(y)))
        return total

    gradient = wg.grad(loss, argnums=numbers)
    v = [_random(x, rng) for x in point]
    u = [_random(x, rng) for x in point]
    hv = wg.jvp(gradient, tuple(point), tuple(v))[1]
    wanted, errors = directional(lambda xs: [np.asarray(x) for x in gradient(*xs)], point, v)
    for found, expected, error in zip(hv, wanted, errors, strict=True):
        _close("forward over reverse equals differences of the gradient", found, expected, error, False)
    hu = wg.jvp(gradient, tuple(point), tuple(u))[1]
    (left, size), (right, other) = _dot(u, hv), _dot(v, hu)
    assert abs(left - right) <= 1e-9 * max(1.0, size, other), f"the Hessian is not symmetric: {left}, {right}"


def check_vmap(g: Callable[..., Any], point: list[Any], rng: np.random.Generator) -> None:
    """Compare ``vmap`` with a loop over two nearby points."""
    # Near the point, so that an order of entries or a sign that the function depends on stays.
    rows = [np.stack([x, x + (1e-3 * rng.normal(size=x.shape)).astype(x.dtype)]) for x in point]
    each = [_leaves(g(*[r[k] for r in rows]))[0] for k in range(2)]
    found = _leaves(wg.vmap(g)(*rows))[0]
    for out, *parts in zip(found, *each, strict=True):
        expected = np.stack([np.asarray(p) for p in parts])
        compare_values("vmap equals a loop", out, expected, 1e-13)


def compare_values(what: str, found: Any, expected: Any, rtol: float) -> None:
    """Compare results: container, shape, dtype, entries (nan equals nan)."""
    some, structure = _leaves(found)
    others, wanted = _leaves(expected)
    assert structure == wanted, f"{what}: containers {structure}, NumPy's {wanted}"
    for a, b in zip(some, others, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, f"{what}: shape {a.shape}, NumPy's {b.shape}"
        assert a.dtype == b.dtype, f"{what}: dtype {a.dtype}, NumPy's {b.dtype}"
        limit = rtol * _size(b) * (1e9 if b.dtype in (np.float32, np.complex64) and rtol else 1)
        np.testing.assert_allclose(a, b, rtol=0, atol=limit, err_msg=what)


def _close(what: str, found: Any, expected: Any, error: Any, single: bool) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    scale = max(1.0, _size(expected))
    unsure = float(np.max(error, initial=0.0))
    assert unsure <= (1e-2 if single else 1e-4) * scale, f"the differences do not converge ({unsure}): {what}"
    atol = (2e-3 if single else RTOL) * scale + 10 * unsure
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=what)


def _size(x: Any) -> float:
    if x.dtype.kind not in "fc":
        return 0.0
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))


def _dot(xs: Any, ys: Any) -> tuple[float, float]:
    total = size = 0.0
    for x, y in zip(xs, ys, strict=True):
        product = np.asarray(x).astype(complex) * np.asarray(y).astype(complex)
        total += float(np.sum(product.real))
        size += float(np.sum(np.abs(product)))
    return total, size


def _random(x: Any, rng: np.random.Generator) -> Any:
    made: Any = rng.normal(size=np.shape(x))
    dtype = np.asarray(x).dtype
    return (made + 1j * rng.normal(size=np.shape(x)) if dtype.kind == "c" else made).astype(dtype)


def _is_inexact(x: Any) -> bool:
    return isinstance(x, (float, complex, np.ndarray, np.generic)) and np.asarray(x).dtype.kind in "fc"


def _leaves(value: Any) -> tuple[list[Any], Any]:
    """Take tuples and lists apart."""
    if isinstance(value, (tuple, list)):
        parts = [_leaves(v) for v in value]
        return [leaf for leaves, _ in parts for leaf in leaves], (type(value), [structure for _, structure in parts])
    return [value], None


def _rebuild(structure: Any, leaves: list[Any]) -> Any:
    todo = iter(leaves)

    def build(of: Any) -> Any:
        if of is None:
            return next(todo)
        kind, parts = of
        made = [build(part) for part in parts]
        return kind(*made) if hasattr(kind, "_fields") else kind(made)

    return build(structure)
