"""Loops without rows: the same values, and what derivatives save is written once, where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.core.evaluate import evaluate
from wengert.core.verify import verify
from wengert.ops.subgraph import SubGraph
from wengert.transforms.rows import without_rows


def run(graph, args):
    values = evaluate(graph, args)
    return [np.asarray(values[i]) for i in graph.outputs]


def loops(graph):
    for equation in graph.equations:
        params = dict(equation.params)
        if equation.primitive.name == "loop":
            yield equation, params
        for value in params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, SubGraph):
                    yield from loops(inner)


def sweep(a):
    def row(i, a):
        def cell(j, a):
            a = a.copy()
            a[i, j] = np.sin(a[i, j]) * a[i - 1, j] + a[i, j - 1] ** 2
            return a

        return wg.fori_loop(0, i + 1, cell, a)

    return np.sum(wg.fori_loop(0, 3, row, a))


def rows_in_and_out(x):
    def outer(carry, row):
        def inner(c, entry):
            c = np.tanh(c * entry)
            return c, c * entry

        carry, ys = wg.scan(inner, carry, row)
        return carry, ys

    last, all_ys = wg.scan(outer, np.float64(0.9), x, reverse=True)
    return last + np.sum(all_ys**2)


def until(x):
    def body(v):
        total = wg.scan(lambda c, r: (c * np.cos(r * c), None), v, np.arange(3.0))[0]
        return 0.5 * total

    return wg.while_loop(lambda v: v > 0.2, body, np.sum(x))


def choices(x):
    def step(k, v):
        return wg.cond(v[k] > 0.5, lambda v: wg.scan(lambda c, r: (c * r, c), 1.0, v)[1] + v, lambda v: np.sin(v), v)

    return np.sum(wg.fori_loop(0, 3, step, x) ** 2)


CASES = [
    (sweep, np.linspace(0.3, 1.1, 9).reshape(3, 3)),
    (rows_in_and_out, np.linspace(0.3, 1.1, 12).reshape(3, 4)),
    (until, np.array([0.4, 1.2])),
    (choices, np.array([0.2, 0.7, 1.4])),
]


@pytest.mark.parametrize(("f", "x"), CASES, ids=[f.__name__ for f, _ in CASES])
@pytest.mark.parametrize("derive", [lambda f: f, wg.value_and_grad, wg.jacobian], ids=["primal", "reverse", "forward"])
def test_values_stay_and_nothing_is_stacked(f, x, derive):
    graph = wg.trace(derive(f))(x)
    plain = without_rows(graph)
    verify(plain)
    for equation, params in loops(plain):
        assert len(equation.outputs) == params["carry"], "nothing is stacked"
        assert len(equation.inputs) == int(params["counted"]) + params["consts"] + params["carry"], "no rows are read"
    args = [x, *[value for _, value in graph.constants]]
    for found, expected in zip(run(plain, args), run(graph, args), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_inner_loops_write_into_the_outermost_array():
    x = np.linspace(0.3, 1.1, 9).reshape(3, 3)
    graph = without_rows(wg.trace(wg.value_and_grad(sweep))(x))
    for _, params in loops(graph):
        for equation in params["body"].equations:
            if equation.primitive.name == "gather_set":
                written = params["body"].avals[equation.inputs[1]]
                assert written.shape == (), "entries are written one by one, rows are never copied"


def test_a_graph_without_control_flow_is_left_alone():
    graph = wg.trace(np.sin)(1.0)
    assert without_rows(graph) is graph
