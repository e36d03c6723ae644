"""wg.jit: nesting, containers, static arguments, guards, effects, writes, threads."""

from __future__ import annotations

import gc
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import wengert as wg

X = np.array([0.5, -1.0, 2.0])


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def test_nesting() -> None:
    expected = np.cos(X) * X + np.sin(X)
    for g in (wg.jit(wg.grad(f)), wg.grad(wg.jit(f)), wg.jit(wg.grad(wg.jit(f))), wg.jit(wg.jit(wg.grad(f)))):
        for _ in range(3):
            np.testing.assert_allclose(g(X), expected, rtol=1e-14)
    hessian = np.diag(2 * np.cos(X) - X * np.sin(X))
    np.testing.assert_allclose(wg.jit(wg.hessian(f))(X), hessian, atol=1e-14)
    np.testing.assert_allclose(wg.hessian(wg.jit(f))(X), hessian, atol=1e-14)
    rows = np.stack([X, X + 1])
    np.testing.assert_allclose(wg.jit(wg.vmap(wg.grad(f)))(rows), wg.vmap(wg.jit(wg.grad(f)))(rows), rtol=1e-14)


def test_containers_and_keywords() -> None:
    @wg.jit
    def g(p: Any, *rest: Any, scale: Any = 2.0) -> Any:
        return {"sum": p["a"] + sum(rest), "scaled": (p["b"] * scale, [p["a"]])}

    out = g({"a": 1.0, "b": X}, 2.0, 3.0, scale=np.float64(10.0))
    assert float(out["sum"]) == 6.0
    np.testing.assert_array_equal(out["scaled"][0], 10 * X)
    assert float(out["scaled"][1][0]) == 1.0


def test_static_arguments() -> None:
    seen = []

    @wg.jit(static_argnums=0, static_argnames="mode")
    def g(n: int, x: Any, mode: str = "sum") -> Any:
        seen.append((n, mode))
        return np.sum(x**n) if mode == "sum" else np.mean(x**n)

    assert float(g(2, X)) == float(np.sum(X**2))
    assert float(g(2, X)) == float(np.sum(X**2))
    assert np.isclose(float(g(3, X, mode="mean")), float(np.mean(X**3)))
    assert seen == [(2, "sum"), (3, "mean")]
    with pytest.raises(wg.errors.ArgumentError, match="hashable"):
        g([1], X)


def test_new_shapes_and_dtypes_are_new_programs() -> None:
    g = wg.jit(f)
    for n in (1, 2, 7, 2):
        x = np.linspace(0, 1, n)
        assert np.isclose(float(g(x)), float(f(x)))
    single = g(X.astype(np.float32))
    assert single.dtype == np.float32


@pytest.mark.parametrize("x", [3.0, -3.0, 0.5, 3.0, -1.0])
def test_branches_are_guarded(x: float) -> None:
    def g(x: Any) -> Any:
        if x > 1:
            return x**2
        if x > 0:
            return x
        return -x

    jitted, slope, curved = wg.jit(g), wg.jit(wg.grad(g)), wg.jit(wg.grad(wg.grad(g)))
    for value in (2.0, 0.5, -2.0, x):
        assert float(jitted(value)) == float(g(value))
        assert float(slope(value)) == (2 * value if value > 1 else 1.0 if value > 0 else -1.0)
        assert float(curved(value)) == (2.0 if value > 1 else 0.0)


def test_while_loops_on_values() -> None:
    def g(x: Any) -> Any:
        while x < 100:
            x = x * 2
        return x

    jitted = wg.jit(wg.grad(g))
    for x in (1.0, 60.0, 30.0, 1.5, 200.0):
        assert float(jitted(x)) == float(wg.grad(g)(x))


def test_masks_are_guarded() -> None:
    g = wg.jit(wg.grad(lambda x: np.sum(x[x > 0] ** 2)))
    for x in (X, -X, X, X + 5):
        np.testing.assert_array_equal(g(x), np.where(x > 0, 2 * x, 0.0))


def test_too_many_variants_fall_back_with_one_warning() -> None:
    g = wg.jit(lambda x: sum(x for _ in range(int(x))) if int(x) else x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(1, 25):
            assert float(g(k + 0.5)) == pytest.approx((k + 0.5) * k)
    assert len([w for w in caught if "different paths" in str(w.message)]) == 1


def test_frozen_effects_are_warned_about_once() -> None:
    g = wg.jit(lambda x: x + np.random.rand())
    with pytest.warns(RuntimeWarning, match="random state"):
        first = g(1.0)
    assert g(1.0) == first

    def printing(x: Any) -> Any:
        print("recording")
        return x + 1

    with pytest.warns(RuntimeWarning, match="printed"):
        wg.jit(printing)(1.0)


def test_closures_are_frozen_but_grad_without_jit_is_not() -> None:
    scale = 2.0

    def g(x: Any) -> Any:
        return x * scale

    jitted = wg.jit(g)
    assert float(jitted(3.0)) == 6.0
    assert [float(wg.grad(g)(3.0)) for _ in range(3)] == [2.0] * 3
    scale = 5.0
    assert float(wg.grad(g)(3.0)) == 5.0


def test_writes_into_arguments_and_fresh_arrays() -> None:
    @wg.jit
    def g(x: Any) -> Any:
        y = np.zeros(4)
        y[1:] = x
        x[0] = 7.0
        return y * 2

    for _ in range(3):
        x = X.copy()
        np.testing.assert_array_equal(g(x), [0, 1, -2, 4])
        np.testing.assert_array_equal(x, [7.0, -1.0, 2.0])


def test_results_belong_to_the_caller() -> None:
    g = wg.jit(lambda x: (x, x[::-1], np.zeros(3)))
    a, b, c = g(X)
    a[0] = b[0] = c[0] = 99.0
    again = g(X)
    np.testing.assert_array_equal(again[0], X)
    np.testing.assert_array_equal(again[1], X[::-1])
    np.testing.assert_array_equal(again[2], np.zeros(3))


def test_inputs_that_are_not_contiguous() -> None:
    g = wg.jit(wg.grad(f))
    wide = np.arange(12.0).reshape(3, 4)
    for x in (wide[:, 1], wide[1, ::-1], wide.T[2]):
        np.testing.assert_allclose(g(x), np.cos(x) * x + np.sin(x))


def test_many_threads() -> None:
    g = wg.jit(wg.value_and_grad(f))
    wrong: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x = rng.normal(size=rng.integers(1, 9))
            value, slope = g(x)
            if not (np.isclose(value, f(x)) and np.allclose(slope, np.cos(x) * x + np.sin(x))):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_arguments_that_are_not_arrays() -> None:
    with pytest.raises(wg.errors.ArgumentError, match="static"):
        wg.jit(lambda s: s)("text")


def test_methods() -> None:
    class Model:
        scale = 3.0

        @wg.jit
        def twice(self: Any, x: Any) -> Any:  # the instance is static by being bound
            return 2 * x

    with pytest.raises(wg.errors.ArgumentError):
        Model().twice(1.0)


def test_lower_shows_every_stage() -> None:
    lowered = wg.jit(wg.value_and_grad(f)).lower(X)
    assert "sin" in str(lowered)
    assert any("loop 3" in step for step in lowered.steps)
    assert "define" in lowered.llvm_ir()
    assert lowered.assembly()
    assert lowered.operations >= 3 * 4
    assert lowered.bytes_moved >= X.nbytes * 2


def test_garbage_is_not_collected_while_a_program_is_made() -> None:
    # Old objects, of which a process has many, are not looked at because of the many new ones.
    seen: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    def many(x: Any) -> Any:
        objects = [[k] for k in range(50_000)]
        return np.sum(x) * len(objects)

    assert gc.isenabled()
    gc.collect()
    gc.callbacks.append(note)
    try:
        assert wg.jit(many)(X) == np.sum(X) * 50_000
    finally:
        gc.callbacks.remove(note)
    assert gc.isenabled()
    assert len(seen) < 20
    assert 2 not in seen


def test_sizes_that_are_arguments() -> None:
    def filled(x: Any, n: int) -> Any:
        a, b, c = np.zeros(n), np.ones((n, 2)), np.empty((n, *x.shape))
        d, e, f = np.eye(n), np.full((n,), x[0]), np.arange(n) * 1.0
        for i in range(n):
            a[i] = x[0] * i
            b[i, 1] = x[1]
            c[i] = x * i
            d[i, 0] += x[2]
        return np.sum(a) + np.sum(b) + np.sum(c) + np.sum(d * d) + np.sum(e) + np.sum(f)

    x = np.array([0.3, -1.2, 0.7])
    compiled, slope = wg.jit(filled), wg.jit(wg.grad(filled))
    for n in (3, 5, 3, 1):
        np.testing.assert_allclose(compiled(x, n), filled(x, n), rtol=1e-13)
        np.testing.assert_allclose(slope(x, n), wg.grad(filled)(x, n), rtol=1e-13)


def test_what_fails_for_other_sizes_is_recorded_again() -> None:
    def last(x: Any, n: int, k: int) -> Any:
        a = np.zeros(n)
        for i in range(n):
            a[i] = x * i
        return a[k]

    compiled = wg.jit(last)
    assert compiled(2.0, 3, 2) == 4.0
    assert compiled(2.0, 5, 4) == 8.0  # the program for three entries would complain
    for _ in range(40):  # an error of the user's stays one, and is not recorded each time
        with pytest.raises(IndexError):
            compiled(2.0, 5, 7)
    assert compiled(2.0, 3, 1) == 2.0
    assert compiled(2.0, 4, 3) == 6.0
