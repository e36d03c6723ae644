"""Rows that nobody reads are not computed; those that are read are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.evaluate import evaluate
from wengert.core.verify import verify
from wengert.transforms.demand import only_read

RNG = np.random.default_rng(8)
A, B, V = RNG.random((60, 7)), RNG.random((7, 5)), RNG.random(60)
FEW = np.array([3, -1, 3, 17])
SQUARE = np.array([[0, 59], [-2, 5]])

PROGRAMS: dict[str, Any] = {
    "product": lambda a, b, v, i: (a @ b)[i],
    "columns": lambda a, b, v, i: (b.T @ a.T)[:, i],
    "sum": lambda a, b, v, i: (np.sin(a) * 2.0 + v[:, None])[i],
    "turned": lambda a, b, v, i: (np.exp(a).T + b[:, :1])[:, i],
    "shaped": lambda a, b, v, i: ((a[:, :, None] * b[None]).reshape(60, 35) @ np.ones((35, 2)))[i],
    "batch": lambda a, b, v, i: (a[:, None, :] @ (b + v[:, None, None]))[i],
    "free of a batch": lambda a, b, v, i: np.swapaxes(np.matmul(np.stack([a, 2 * a]), b), 0, 1)[i],
    "nothing is left": lambda a, b, v, i: (np.zeros((60, 3)) + b[:3, 0])[i],
    "two axes": lambda a, b, v, i: (np.cos(a) + v[:, None])[i, np.abs(i) % 7],
    "outer": lambda a, b, v, i: np.outer(v, b[0])[i],
    "read twice": lambda a, b, v, i: (a @ b)[i] + np.sum(a @ b),
    "all of them, turned": lambda a, b, v, i: (np.exp((a @ b).T) * 2.0 + b[0][:, None])[:, np.resize(i, 90)],
    "all of them, turned in three": lambda a, b, v, i: (
        np.transpose(np.sin(a)[:, :, None] * b, (2, 0, 1)) - b[0][:, None, None]
    )[:, np.resize(i, 70), 1:],
    "vector": lambda a, b, v, i: (a @ b[:, 0] + v)[i],
}


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("indices", [FEW, SQUARE, np.zeros(0, int)], ids=["few", "square", "none"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_rows(name: str, indices: Any) -> None:
    f = PROGRAMS[name]
    expected = f(A, B, V, indices)
    graph = wg.trace(f)(A, B, V, indices)
    lean = verify(only_read(graph))
    values = evaluate(lean, [A, B, V, indices, *[value for _, value in graph.constants]])
    same(values[lean.outputs[0]], expected)
    same(wg.jit(f)(A, B, V, indices), expected)
    weights = RNG.random(expected.shape)

    def loss(a: Any, b: Any, v: Any) -> Any:
        return np.sum(weights * f(a, b, v, indices) ** 2)

    plain = wg.grad(loss, argnums=(0, 1, 2))(A, B, V)
    for found, wanted in zip(wg.jit(wg.grad(loss, argnums=(0, 1, 2)))(A, B, V), plain, strict=True):
        same(found, wanted)
    both = [
        wg.jacobian(lambda a: f(a, B, V, indices), mode="forward"),
        wg.jit(wg.jacobian(lambda a: f(a, B, V, indices), mode="forward")),
    ]
    same(both[1](A), both[0](A))


def test_products_are_made_for_those_rows_only() -> None:
    f = PROGRAMS["shaped"]
    lowered = wg.jit(f).lower(A, B, V, FEW)
    assert lowered.operations < 60 * 35
    assert "60 x" not in "".join(lowered.steps)


def test_what_is_read_elsewhere_is_made_once() -> None:
    graph = wg.trace(PROGRAMS["read twice"])(A, B, V, FEW)
    shapes = [of.shape for of in only_read(graph).avals]
    assert shapes.count((60, 5)) >= 1


def test_indices_are_still_looked_at() -> None:
    for name in ("product", "nothing is left"):
        with pytest.raises(IndexError):
            wg.jit(PROGRAMS[name])(A, B, V, np.array([1, 60]))
