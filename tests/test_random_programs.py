"""Random NumPy programs: NumPy itself, the graph in two ways to run it, both modes, differences and vmap must agree.

``WENGERT_FUZZ=5000`` tries that many programs, others each time; so does the nightly run, with 5000.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

import wengert as wg
from wengert.api.call import Call
from wengert.api.differences import directional
from wengert.core.evaluate import evaluate
from wengert.core.verify import verify
from wengert.run.interpreter import Program as Runnable
from wengert.transforms.reverse import gradient
from wengert.transforms.simplify import simplify

from .random_programs import Program, programs

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
FUZZ = int(os.environ.get("WENGERT_FUZZ", "5000" if NIGHTLY else "0"))


def examples(count: int) -> Any:
    """Settings for this many examples, or for a multiple of them by WENGERT_FUZZ."""
    return settings(
        max_examples=FUZZ or count,
        derandomize=not FUZZ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def close(a: Any, b: Any, single: bool, factor: float = 1.0) -> None:
    rtol = (2e-4 if single else 1e-9) * factor
    atol = rtol * (1 + np.max(np.abs(b), initial=0))
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=rtol, atol=atol)


def is_single(program: Program) -> bool:
    return any(a.dtype == np.float32 for a in program.args)


def wide(program: Program) -> list[Any]:
    return [a.astype(np.float64) for a in program.args]


@given(programs())
@examples(120)
def test_values(program: Program) -> None:
    f, args = program.function(), program.args
    before = [a.copy() for a in args]
    plain = f(*args)
    recording = Call(f, tuple(args), {}, tuple(range(len(args))), "trace", promote=False).record()
    graph = verify(recording.graph())
    given_values = [*args, *recording.constants()]
    single = is_single(program)
    (out,) = graph.outputs
    of = graph.avals[out]
    assert (of.shape, of.dtype) == (np.shape(plain), np.asarray(plain).dtype)
    close(evaluate(graph, given_values)[out], plain, single)
    for version in (graph, verify(simplify(graph))):
        (result,) = Runnable(version)(given_values)
        assert (np.shape(result), np.asarray(result).dtype) == (of.shape, of.dtype)
        close(result, plain, single)
    value, slopes = wg.value_and_grad(f, argnums=tuple(range(len(args))))(*args)
    close(value, plain, single)
    assert np.asarray(value).dtype == np.asarray(plain).dtype
    for slope, a in zip(slopes, args, strict=True):
        assert np.shape(slope) == a.shape
        assert np.asarray(slope).dtype == a.dtype
    derived = gradient(graph, [True] * len(args) + [False] * len(recording.constants()))
    raw, small = evaluate(verify(derived), given_values), Runnable(verify(simplify(derived)))(given_values)
    for i, b in zip(derived.outputs, small, strict=True):
        close(raw[i], b, single)
    for a, original in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, original)


def test_gradients() -> None:
    compared = skipped = 0

    @given(programs())
    @examples(120)
    def check(program: Program) -> None:
        nonlocal compared, skipped
        f, args, single = program.function(), program.args, is_single(program)
        positions = tuple(range(len(args)))
        rng = np.random.default_rng(0)
        tangents = [np.asarray(rng.normal(size=a.shape), a.dtype) for a in args]
        slopes = wg.grad(f, argnums=positions)(*args)
        reverse = sum(float(np.sum(g * t, dtype=float)) for g, t in zip(slopes, tangents, strict=True))
        forward = wg.jvp(f, args, tangents)[1]
        scale = 1 + sum(float(np.sum(np.abs(g * t), dtype=float)) for g, t in zip(slopes, tangents, strict=True))
        tolerance = (5e-4 if single else 1e-9) * scale
        assert abs(forward - reverse) <= tolerance, (forward, reverse)
        directions = [t.astype(float) for t in tangents]
        derivative, error = directional(lambda xs: [np.asarray(f(*xs))], wide(program), directions)
        if not error[0] <= 1e-6 * scale:
            skipped += 1  # a kink, or a jump, within the steps of the differences
            return
        compared += 1
        assert abs(float(derivative[0]) - reverse) <= max(tolerance, 1e-6 * scale), (derivative, reverse)

    check()
    assert compared > 4 * skipped


@given(programs(dtypes=("float64",), longest=7))
@examples(40)
def test_second_derivatives(program: Program) -> None:
    f, args = program.function(), program.args
    positions = tuple(range(len(args)))
    rng = np.random.default_rng(1)
    tangents = [np.asarray(rng.normal(size=a.shape)) for a in args]
    others = [np.asarray(rng.normal(size=a.shape)) for a in args]

    def dot(xs: Any, ys: Any) -> Any:
        return sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True))

    forward_reverse = dot(wg.jvp(wg.grad(f, positions), args, tangents)[1], others)
    reverse_forward = dot(wg.grad(lambda *xs: wg.jvp(f, xs, tangents)[1], positions)(*args), others)
    reverse_reverse = dot(wg.grad(lambda *xs: dot(wg.grad(f, positions)(*xs), tangents), positions)(*args), others)
    forward_forward = wg.jvp(lambda *xs: wg.jvp(f, xs, tangents)[1], args, others)[1]
    found = np.array([forward_reverse, reverse_forward, reverse_reverse, forward_forward], float)
    np.testing.assert_allclose(found, found[0], rtol=1e-8, atol=1e-8 * (1 + abs(found[0])))
    derivative, error = directional(
        lambda xs: [np.asarray(dot(wg.grad(f, positions)(*xs), others))], [np.asarray(a) for a in args], tangents
    )
    scale = 1 + abs(found[0])
    if error[0] <= 1e-6 * scale:
        assert abs(float(derivative[0]) - found[0]) <= 1e-5 * scale


@given(programs(dtypes=("float64",)).filter(lambda program: not program.branches))
@examples(60)
def test_batches(program: Program) -> None:
    f, args = program.function(), program.args
    positions = tuple(range(len(args)))
    rng = np.random.default_rng(2)
    batch = [np.stack([a, rng.uniform(-1.5, 1.5, a.shape), a * 0.5]) for a in args]
    rows = [[b[k] for b in batch] for k in range(3)]
    close(wg.vmap(f)(*batch), [f(*row) for row in rows], False)
    mapped = wg.vmap(wg.grad(f, positions))(*batch)
    alone = [wg.grad(f, positions)(*row) for row in rows]
    summed = wg.grad(lambda *xs: np.sum(wg.vmap(f)(*xs)), positions)(*batch)
    for k in positions:
        expected = np.stack([g[k] for g in alone])
        close(mapped[k], expected, False)
        close(summed[k], expected, False)
    axes = (0, *(None,) * (len(args) - 1))
    close(wg.vmap(f, in_axes=axes)(batch[0], *args[1:]), [f(b, *args[1:]) for b in batch[0]], False)
