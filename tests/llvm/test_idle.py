"""Stores that write what stands there already are left out, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.run.llvm.idle import without_idle
from wengert.run.llvm.loops import Buffer, Choice, Load, Loop, Store, View, whole

FLOAT = np.dtype(np.float64)


def copying(source: View, *targets: View) -> Loop:
    return Loop(source.shape, [source, *targets], [Load(0)], [Store(k, 0) for k in range(1, len(targets) + 1)])


def choice(*steps: Any) -> Choice:
    byte = Buffer(0, np.dtype(np.uint8))
    return Choice(whole(Buffer(1, np.dtype(np.bool_)), ()), [list(steps), []], byte, [], [], 0)


def test_what_writes_where_it_reads_goes() -> None:
    x, tape = whole(Buffer(6, FLOAT), (6,)), whole(Buffer(6, FLOAT), (6,))
    (kept,) = without_idle([copying(x, x, tape), copying(x, x)])
    assert kept.written == [tape.buffer]
    assert without_idle([Loop((6,), [x], [Load(0)], [Store(0, 0)])]) == []
    inner = choice(copying(x, x))
    without_idle([inner])
    assert inner.branches == [[], []]


@pytest.mark.parametrize(
    "target",
    [(1, (1,)), (5, (-1,)), (0, (0,))],
    ids=["shifted", "turned", "to one entry"],
)
def test_what_writes_somewhere_else_stays(target: tuple[int, tuple[int, ...]]) -> None:
    buffer = Buffer(8, FLOAT)
    x, other = View(buffer, 0, (1,), (6,)), View(buffer, *target, (6,))
    assert without_idle([copying(x, other)])[0].written == [buffer]


def test_what_another_store_has_changed_or_adds_stays() -> None:
    buffer = Buffer(8, FLOAT)
    x, shifted = View(buffer, 0, (1,), (6,)), View(buffer, 1, (1,), (6,))
    assert len(without_idle([copying(x, shifted, x)])[0].stores) == 2
    doubling = Loop((6,), [x], [Load(0)], [Store(0, 0, "add")])
    assert without_idle([doubling]) == [doubling]


def kept_before_it_changes(y: Any, steps: int) -> Any:
    for _ in range(steps):
        before = y.copy()
        y[1:] = y[1:] * before[:-1] + np.sin(before[1:])
    return np.sum(y * y)


def test_a_copy_that_takes_over_its_original() -> None:
    y = np.linspace(0.3, 0.9, 11)
    value, slope = wg.jit(wg.value_and_grad(kept_before_it_changes), static_argnums=1)(y.copy(), 7)
    expected_value, expected = wg.value_and_grad(kept_before_it_changes)(y.copy(), 7)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    np.testing.assert_allclose(slope, expected, rtol=1e-12)
