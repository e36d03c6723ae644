"""On random programs: what the tables say at their ends is what jvp, grad and jacobian give."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

import wengert as wg
from wengert.api.explain.formulas import Formulas
from wengert.api.explain.linear import Derivative, differentiate, fan_out
from wengert.api.explain.shapes import block
from wengert.api.explain.subject import study
from wengert.api.explain.tables import branch_sums, forward_table, reverse_table
from wengert.core.evaluate import evaluate
from wengert.core.verify import verify

from ..random_programs import Program, programs

FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def derivative(program: Program, **options: Any) -> Derivative:
    chosen = {"argnums": None, "parameters": (), "direction": None, "cotangent": None, **options}
    return differentiate(study(program.function(), tuple(program.args), {}, **chosen))


def single(program: Program) -> bool:
    return any(x.dtype == np.float32 for x in program.args)


def close(a: Any, b: Any, rough: bool = False) -> None:
    tolerance = 2e-4 if rough else 1e-9
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * (1 + np.max(np.abs(b), initial=0)))


@FEW
@given(programs())
def test_the_last_tangent_is_the_pushforward(program: Program) -> None:
    rng = np.random.default_rng(1)
    direction = tuple(rng.normal(size=x.shape).astype(x.dtype) for x in program.args)
    d = derivative(program, direction=direction)
    value, pushed = wg.jvp(program.function(), tuple(program.args), direction)
    found = d.tangent(d.subject.graph.outputs[0])
    close(0 if found is None else found, pushed, single(program))
    close(d.subject.values[d.subject.graph.outputs[0]], value, single(program))
    forward_table(d, Formulas(d))  # every formula can be written


@FEW
@given(programs())
def test_adjoints_of_the_inputs_are_the_gradient(program: Program) -> None:
    d = derivative(program)
    slopes = wg.grad(program.function(), argnums=tuple(range(len(program.args))))(*program.args)
    for i, slope in zip(d.subject.active_inputs, slopes, strict=True):
        close(d.cotangent(i), slope, single(program))
    reverse_table(d, Formulas(d))


@FEW
@given(programs(dtypes=("float64",)))
def test_contributions_at_a_branch_add_up(program: Program) -> None:
    d = derivative(program)
    sums: dict[int, Any] = {}
    for use in d.uses:
        part = d.cotangent(use.copy)
        if part is not None:
            sums[use.value] = sums.get(use.value, 0.0) + part
    for i, total in sums.items():
        close(d.cotangent(i), total)
    assert len(branch_sums(d, Formulas(d)).data["branches"]) == len(sums)


@FEW
@given(programs(dtypes=("float64",)))
def test_every_adjoint_is_the_derivative_by_that_value(program: Program) -> None:
    """Along any direction, the change of the result is the sum over a cut of adjoint times tangent.

    The cut used here is one that every program has: the inputs of the last equation.  Its operands may be one value.
    """
    d = derivative(program, direction=tuple(np.ones_like(x) for x in program.args))
    graph = d.expanded
    result = d.tangent(graph.outputs[0])
    if result is None:
        return
    (last,) = [e for e in graph.equations if graph.outputs[0] in e.outputs]
    terms = [np.sum(d.cotangent(i) * d.tangent(i)) for i in last.inputs if d.tangent(i) is not None]
    close(sum(terms), result)
    inputs = sum(float(np.sum(d.cotangent(i) * d.tangent(i))) for i in d.subject.active_inputs)
    close(inputs, result)


@FEW
@given(programs(dtypes=("float64",)))
def test_fan_out_changes_no_value_and_reads_each_once(program: Program) -> None:
    subject = derivative(program).subject
    expanded, uses = fan_out(subject.graph)
    verify(expanded)
    values = evaluate(expanded, subject.inputs)
    for i in subject.graph.outputs:
        np.testing.assert_array_equal(values[expanded.outputs[subject.graph.outputs.index(i)]], subject.values[i])
    reads = [i for e in expanded.equations if e.primitive.name != "copy" for i in e.inputs]
    reads = [i for i in (*reads, *expanded.outputs) if expanded.avals[i].is_inexact]
    assert len(reads) == len(set(reads))
    assert all(expanded.avals[use.copy].shape == expanded.avals[use.value].shape for use in uses)


def test_equal_subexpressions_keep_adjoints_of_their_own() -> None:
    def twice(x: Any) -> Any:
        a = np.sin(x)
        b = np.sin(x)
        return a * a * b

    report = wg.explain(twice, symbolic=False)(0.7)
    adjoints = {row["name"]: row["adjoint"]["value"] for row in report.data("reverse")["rows"]}
    s = np.sin(0.7)
    assert adjoints["v1"] == 2 * s * s  # of a: twice in a * a, times b
    assert adjoints["v2"] == s * s  # of b


def test_a_value_that_is_handed_on_and_used_again_has_its_own_adjoint() -> None:
    def shifted(x: Any) -> Any:
        y = x + 1.0
        return y * x

    report = wg.explain(shifted, symbolic=False)(3.0)
    adjoints = {row["name"]: row["adjoint"]["value"] for row in report.data("reverse")["rows"]}
    assert adjoints["v2"] == 3.0  # y's is x
    assert report.data("reverse")["gradients"][0]["gradient"]["value"] == 7.0  # x + (x + 1)
    (branch,) = report.data("branches")["branches"]
    assert [use["contribution"]["value"] for use in branch["uses"]] == [3.0, 4.0]


def test_blocks_of_the_jacobian() -> None:
    def maps(x: Any, p: Any) -> Any:
        return {"a": np.outer(x, p["w"]), "b": np.sum(x) * p["w"] ** 2}

    x, p = np.array([1.0, -2.0]), {"w": np.array([0.5, 2.0, 1.0])}
    d = differentiate(study(maps, (x, p), {}, None, (), None, None))
    whole = wg.jacobian(maps, argnums=(0, 1))(x, p)
    for position, name in enumerate(("a", "b")):
        np.testing.assert_allclose(block(d, position, 0), whole[name][0].reshape(-1, 2))
        np.testing.assert_allclose(block(d, position, 1), whole[name][1]["w"].reshape(-1, 3))
