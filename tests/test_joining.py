"""What flows back to the parts of an array is joined, where they make up the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.verify import verify
from wengert.run.interpreter import Program
from wengert.run.tiers import as_it_runs
from wengert.transforms.joining import with_parts_joined

from .test_cleared import names


def gated(x: Any) -> Any:
    return np.sum(np.tanh(x[:, :3]) * np.exp(x[:, 3:5]).sum(axis=1, keepdims=True) * x[:, 5:] ** 2)


def in_rows(x: Any) -> Any:
    return np.sum(x[:2] * x[2:] ** 2)


def with_a_gap(x: Any) -> Any:
    return np.sum(x[:, :3] * x[:, 5:] ** 2)


def overlapping(x: Any) -> Any:
    return np.sum(x[:, 1:] ** 2 * x[:, :-1])


def over_time(x: Any) -> Any:
    h = x
    for _ in range(6):
        h = np.concatenate([np.tanh(h[:, :4]) * h[:, 4:], np.sin(h[:, 4:])], axis=1)
    return np.sum(h * h)


@pytest.mark.parametrize(
    ("function", "joins"),
    [(gated, True), (in_rows, True), (with_a_gap, False), (overlapping, False), (over_time, True)],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_gradients_of_parts(function: Any, joins: bool) -> None:
    x = np.random.default_rng(2).standard_normal((4, 8))
    compiled = wg.jit(wg.grad(function))
    lowered = compiled.lower(x)
    graph = verify(as_it_runs(lowered.simplified))
    assert ("slice_add" not in names(graph)) == joins
    expected = wg.grad(function)(x)
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-12, atol=1e-14)
    (found,) = Program(graph)([x])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_sum_that_is_looked_at_in_between_stays() -> None:
    def function(x: Any, y: Any) -> Any:
        out = np.zeros(4)
        out[:2] += x
        seen = out * 2.0
        out[2:] += y
        return out + seen

    graph = wg.trace(function)(np.ones(2), np.ones(2))
    assert with_parts_joined(graph) is graph
