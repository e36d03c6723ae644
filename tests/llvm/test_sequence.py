"""Equations over single numbers go first, so that the vectors between them become one loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.graph import Graph
from wengert.run.llvm.fuse import Fused
from wengert.run.llvm.loops import Loop, Repeat
from wengert.run.llvm.sequence import numbers_first
from wengert.run.tiers import as_it_runs
from wengert.transforms.rows import without_rows


def pulls(x: Any, y: Any, weights: Any) -> Any:
    """Sums over vectors, each written to an entry: backwards entries are read and vectors made from them in turn."""
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        dx = x - x[i]
        dy = y - y[i]
        scale = weights / (dx * dx + dy * dy + 0.5)
        out[i, 0] = np.sum(scale * dx)
        out[i, 1] = np.sum(scale * dy)
    return np.sum(out**2)


def arguments(n: int) -> list[Any]:
    rng = np.random.default_rng(n)
    return [rng.standard_normal(n), rng.standard_normal(n), rng.random(n)]


def body_of(step: Any) -> Graph:
    return dict(step.params)["body"]  # type: ignore[no-any-return]


def loops(graph: Graph) -> list[Graph]:
    return [body_of(equation) for equation in graph.equations if equation.primitive.name == "loop"]


@pytest.mark.parametrize("n", [5, 13, 70])
def test_the_vectors_of_a_step_back_are_one_loop(n: int) -> None:
    compiled = wg.jit(wg.value_and_grad(pulls, argnums=(0, 1, 2)))
    lowered = compiled.lower(*arguments(n))
    fused = Fused(without_rows(as_it_runs(lowered.graph)))
    repeats = [step for step in fused.steps if isinstance(step, Repeat)]
    assert len(repeats) == 2
    for repeat in repeats:
        assert sum(isinstance(step, Loop) and step.shape == (n,) for step in repeat.body) == 1
    value, gradients = compiled(*arguments(n))
    expected, slopes = wg.value_and_grad(pulls, argnums=(0, 1, 2))(*arguments(n))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-12)


def test_nothing_is_read_after_it_was_written_over() -> None:
    graph = as_it_runs(wg.jit(wg.value_and_grad(pulls, argnums=(0, 1, 2))).lower(*arguments(5)).graph)
    for body in loops(graph):
        ordered = numbers_first(body)
        assert sorted(map(id, ordered.equations)) == sorted(map(id, body.equations))
        known = set(ordered.inputs)
        overwritten: set[int] = set()
        for equation in ordered.equations:
            assert known.issuperset(equation.inputs)
            assert overwritten.isdisjoint(equation.inputs)
            known.update(equation.outputs)
            if equation.primitive.name in ("gather_set", "gather_add"):
                overwritten.add(equation.inputs[0])


def test_an_order_that_is_good_stays() -> None:
    graph = wg.trace(lambda x: np.sin(x) * 2.0)(np.ones(3))
    assert numbers_first(graph) is graph
