"""What only one branch of a choice needs is computed in that branch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert.core.aval import aval
from wengert.core.builder import Builder
from wengert.core.graph import Graph
from wengert.core.primitive import lookup
from wengert.core.verify import verify
from wengert.ops.subgraph import SubGraph, sub_graph
from wengert.run.interpreter import Program
from wengert.transforms.sinking import sunk

F = aval((), np.float64)
ARITHMETIC = ["add", "mul", "sub", "max"]


@st.composite
def graphs(draw: Any) -> Graph:
    """Graphs of single numbers and a few arrays with choices, whose branches read some of their operands."""
    builder = Builder(reuse=draw(st.booleans()))
    values: list[Any] = [builder.input(F) for _ in range(3)]

    def pick(among: list[Any]) -> Any:
        return among[draw(st.integers(0, len(among) - 1))]

    def branch(count: int, depth: int) -> SubGraph:
        def write(*xs: Any) -> list[Any]:
            local = list(xs)
            for _ in range(draw(st.integers(0, 2))):
                local.append(lookup(pick(ARITHMETIC))(pick(local), pick(local)))
            if depth and draw(st.booleans()):
                local += choice(xs[0].builder, local, depth - 1)
            return [pick(local), pick(local)]

        return sub_graph([F] * count, write)

    def choice(b: Builder, among: list[Any], depth: int) -> list[Any]:
        operands = [pick(among) for _ in range(draw(st.integers(1, 4)))]
        index = lookup("gt")(pick(among), pick(among))
        branches = tuple([branch(len(operands), depth) for _ in range(2)])
        return list(b.apply(lookup("cond"), [index, *operands], (("branches", branches),)))

    for _ in range(draw(st.integers(2, 8))):
        kind = draw(st.integers(0, 3))
        if kind == 0:
            values += choice(builder, values, 1)
        elif kind == 1:
            values.append(builder.full(draw(st.sampled_from([0.0, 2.0])), (), np.float64))
        else:
            values.append(lookup(pick(ARITHMETIC))(pick(values), pick(values)))
    values += choice(builder, values, 1)
    return builder.build([values[-1], values[-2], pick(values)])


@given(graphs(), st.lists(st.sampled_from([-1.5, -0.0, 0.0, 0.5, 2.0, np.nan]), min_size=3, max_size=3))
def test_same_results(graph: Graph, xs: list[float]) -> None:
    found = verify(sunk(graph))
    args = [np.asarray(x) for x in xs]
    with np.errstate(all="ignore"):
        expected, results = Program(graph)(args), Program(found)(args)
    np.testing.assert_array_equal(np.array(results), np.array(expected))
    assert np.array_equal(np.signbit(results), np.signbit(expected))


def count(graph: Graph, name: str) -> int:
    """Count the equations of a primitive that stand in a graph itself."""
    return sum(equation.primitive.name == name for equation in graph.equations)


def halves(read_by: str) -> Graph:
    """Return a graph that squares a number for a branch, or for more than that."""
    builder = Builder(reuse=True)
    x = builder.input(F)
    square = x * x
    branches = (
        sub_graph([F, F], lambda x, y: [y + x]),
        sub_graph([F, F], lambda x, y: [y] if read_by == "both" else [x]),
    )
    (out,) = builder.apply(
        lookup("cond"), [lookup("gt")(x, builder.full(0.5, (), np.float64)), x, square], (("branches", branches),)
    )
    return builder.build([out, square] if read_by == "others" else [out])


@pytest.mark.parametrize(("read_by", "left"), [("one", 0), ("both", 1), ("others", 1)])
def test_only_what_one_branch_reads_moves(read_by: str, left: int) -> None:
    assert count(halves(read_by), "mul") == 1
    assert count(sunk(halves(read_by)), "mul") == left


def test_operands_that_no_branch_reads() -> None:
    builder = Builder(reuse=True)
    x = builder.input(F)
    square, less = x * x, lookup("lt")(x, builder.full(0.5, (), np.float64))
    without = (("branches", (sub_graph([F, F], lambda x, y: [x]), sub_graph([F, F], lambda x, y: [x + x]))),)
    reading = (("branches", (sub_graph([F, F], lambda x, y: [x]), sub_graph([F, F], lambda x, y: [x + y]))),)
    (first,) = builder.apply(lookup("cond"), [less, x, square], without)
    (second,) = builder.apply(lookup("cond"), [less, first, square], reading)
    graph = builder.build([second])
    assert Program(verify(sunk(graph)))([np.asarray(0.25)]) == Program(graph)([np.asarray(0.25)]) == [0.5625]


def test_arrays_stay() -> None:
    builder = Builder(reuse=True)
    of = aval((3,), np.float64)
    x, c = builder.input(of), builder.input(F)
    branches = (sub_graph([of], lambda y: [y]), sub_graph([of], lambda y: [y + y]))
    (out,) = builder.apply(lookup("cond"), [lookup("gt")(c, c * c), x * x], (("branches", branches),))
    graph = builder.build([out])
    assert sunk(graph) is graph


def season(x: Any, rate: Any, years: int) -> Any:
    caught = 0.0
    for year in range(years):
        x = x + rate * x * (1.0 - x)
        if x > 0.6:
            taken = 0.3 * x
            x = x - taken
            caught = caught + taken * taken
        elif year % 3 == 0:
            x = x + 0.01 * (1.0 - x) ** 2
        else:
            x = 1.01 * x
    return caught + x


def test_gradients_of_choices_in_loops() -> None:
    both = wg.value_and_grad(season, argnums=(0, 1))
    expected = both(0.2, 0.45, 40)  # without jit: unrolled, each choice made by Python
    value, slopes = wg.jit(both, static_argnums=2)(0.2, 0.45, 40)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slopes, expected[1], rtol=1e-11)
    twice = wg.grad(wg.grad(season))
    np.testing.assert_allclose(wg.jit(twice, static_argnums=2)(0.2, 0.45, 40), twice(0.2, 0.45, 40), rtol=1e-9)


def test_derivatives_add_nothing_for_branches_not_taken() -> None:
    lowered = wg.jit(wg.grad(season), static_argnums=2).lower(0.2, 0.45, 40)
    body = next(dict(e.params)["body"] for e in reversed(lowered.graph.equations) if e.primitive.name == "loop")
    (choice,) = [e for e in body.equations if e.primitive.name == "cond"]
    assert len(choice.outputs) <= 2, "one cotangent for each variable, not one for each operation"
