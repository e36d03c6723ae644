"""What a loop needs of another one over the same points is computed again where that is less than storing it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.again import compute_again
from wengert.run.llvm.fuse import Fused
from wengert.run.llvm.loops import Buffer, Const, Load, Loop, Op, Repeat, Store, View, whole
from wengert.run.tiers import as_it_runs
from wengert.transforms.rows import without_rows

F8 = np.dtype(np.float64)
SHAPE = (6, 8)


def total(alpha: Any, weights: Any, steps: int) -> Any:
    """Logarithms of sums, which are scaled by their largest term, step by step."""
    for _ in range(steps):
        joint = alpha[:, np.newaxis] + weights
        top = np.max(joint, axis=0)
        alpha = top + np.log(np.sum(np.exp(joint - top), axis=0))
    return np.sum(alpha * alpha)


@pytest.mark.parametrize("n", [3, 8, 17])
@pytest.mark.parametrize("ties", [False, True])
def test_sums_of_logarithms(n: int, ties: bool) -> None:
    rng = np.random.default_rng(n)
    alpha, weights = rng.standard_normal(n), rng.standard_normal((n, n))
    if ties:
        alpha, weights = np.round(alpha), np.round(weights)
    compiled = wg.jit(wg.value_and_grad(total, argnums=(0, 1)), static_argnums=2)
    value, gradients = compiled(alpha, weights, 7)
    expected, slopes = wg.value_and_grad(total, argnums=(0, 1))(alpha, weights, 7)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-12)


def test_loops_hand_each_other_nothing_but_sums() -> None:
    lowered = wg.jit(wg.value_and_grad(total), static_argnums=2).lower(np.ones(17), np.ones((17, 17)), 7)
    forward, backward = [
        step for step in Fused(without_rows(as_it_runs(lowered.graph))).steps if isinstance(step, Repeat)
    ]
    for repeat, passes in ((forward, 2), (backward, 1)):
        large = [step for step in repeat.body if isinstance(step, Loop) and len(step.shape) == 2]
        assert len(large) == passes
        written = {step.accesses[store.access].buffer for step in large for store in step.stores}
        assert not any(buffer.size == 17 * 17 and buffer in repeat.inner for buffer in written)


def shifted(x: Any, y: Any) -> Any:
    x, y = x.copy(), y.copy()
    for i in range(2, 20):
        x[i + 0] = 0.4 * x[i + 0] + x[i + 0]
        y[i + 1] = 0.4 * x[3] + x[i + -1]
    return np.sum(x) + np.sum(y * y)


def test_what_is_read_twice_is_computed_for_both() -> None:
    """Both places are computed from a number that the first loop stored; each brought its own load of it along."""
    x, y = np.random.default_rng(4).random((2, 25))
    np.testing.assert_allclose(wg.jit(shifted)(x, y), shifted(x, y), rtol=1e-14)


# -- by hand: two loops, the first stores y for the second ------------------------------------------------------------


def pair(
    between: Buffer | None = None, over: bool = False, op: str = "add", turned: bool = False
) -> tuple[list[Any], Buffer]:
    """Return the steps ``y = op(x, x); sum += y`` and ``z = y * y``, perhaps with a step between that writes x."""
    x, y, z = (Buffer(48, F8) for _ in range(3))
    one, at = Buffer(1, F8), View
    still = at(one, 0, (0, 0), SHAPE)
    first = Loop(
        SHAPE,
        [whole(x, SHAPE), whole(y, SHAPE), still],
        [Load(0), Op(op, (0, 0), (), (F8, F8), F8)],
        [Store(1, 1), Store(2, 1, "add")],
    )
    read = View(y, 0, (1, 6), SHAPE) if turned else whole(y, SHAPE)
    target = x if over else z
    second = Loop(SHAPE, [read, whole(target, SHAPE)], [Load(0), Op("mul", (0, 0), (), (F8, F8), F8)], [Store(1, 1)])
    steps: list[Any] = [first, second]
    if between is not None:
        steps.insert(1, Loop((48,), [whole(x, (48,))], [Const(0.0, F8)], [Store(0, 0)]))
    return steps, y


def test_a_cheap_value_is_computed_again() -> None:
    steps, y = pair()
    first, second = compute_again(steps, set())
    assert y not in [view.buffer for step in (first, second) for view in step.accesses]
    assert [item.name for item in second.body if isinstance(item, Op)] == ["add", "mul"]
    assert len(first.stores) == 1


def test_nothing_moves_where_it_would_be_wrong_or_dear() -> None:
    for steps, kept in (
        (pair(between=Buffer(1, F8))[0], False),  # x is written in between
        (pair(over=True)[0], False),  # the second loop writes x
        (pair(op="pow")[0], False),
        (pair(turned=True)[0], False),  # other entries
        (pair()[0], True),
    ):
        outside = {steps[0].accesses[1].buffer} if kept else set()
        assert [step.body for step in compute_again(steps, outside)] == [step.body for step in steps]
