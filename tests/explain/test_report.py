"""Reports of all kinds of functions: containers, roles, options, errors; as data, as HTML."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg
from wengert.api.explain import Report
from wengert.errors import ArgumentError, ShapeError

from ..random_programs import Program, programs

RNG = np.random.default_rng(0)


def quick(fun: Any, **options: Any) -> Any:
    return wg.explain(fun, symbolic=False, **options)


def mlp(params: Any, x: Any, y: Any) -> Any:
    for w, b in params[:-1]:
        x = np.maximum(x @ w + b, 0)
    w, b = params[-1]
    return np.mean((x @ w + b - y) ** 2)


PARAMS = [(RNG.normal(size=(3, 4)), np.zeros(4)), (RNG.normal(size=(4, 2)), np.zeros(2))]
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))


@pytest.fixture(scope="module")
def network() -> Report:
    return quick(mlp, parameters=0, learning_rate=0.01)(PARAMS, X, Y)


def test_data_and_parameters_are_told_apart(network: Report) -> None:
    data = network.data("graph")
    roles = {item["name"]: item["role"] for item in data["inputs"] if item["role"] != "constant"}
    names = ["params[0][0]", "params[0][1]", "params[1][0]", "params[1][1]"]
    assert roles == {**dict.fromkeys(names, "parameter"), "x": "data", "y": "data"}
    assert [o["role"] for o in data["outputs"]] == ["loss"]


def test_the_schedule_is_a_topological_order(network: Report) -> None:
    data = network.data("graph")
    known = {item["name"] for item in data["inputs"]}
    for row in data["schedule"]:
        assert known.issuperset(row["reads"])
        known.update(row["outputs"])
    assert [row["step"] for row in data["schedule"]] == list(range(1, len(data["schedule"]) + 1))


def test_layers_and_the_training_step(network: Report) -> None:
    data = network.data("network")
    assert [layer["parameters"] for layer in data["layers"]] == [
        ["params[0][0]", "params[0][1]"],
        ["params[1][0]", "params[1][1]"],
    ]
    assert data["parameter_count"] == 12 + 4 + 8 + 2
    slopes = wg.grad(mlp)(PARAMS, X, Y)
    flat = [g for pair in slopes for g in pair]
    norms = [np.linalg.norm(g.ravel()) for g in flat]
    assert [row["gradient_norm"] for row in data["parameters"]] == pytest.approx(norms)
    moved = [tuple(p - 0.01 * g for p, g in zip(a, b, strict=True)) for a, b in zip(PARAMS, slopes, strict=True)]
    step = data["training_step"]
    assert step["loss"] == pytest.approx(mlp(PARAMS, X, Y))
    assert step["loss_after"] == pytest.approx(mlp(moved, X, Y)) and step["loss_after"] < step["loss"]


def test_relu_is_recognised(network: Report) -> None:
    labels = {row["primitive"]: row["label"] for row in network.data("patterns")["equations"]}
    assert labels["max"] == "gradient gate (relu)"
    assert labels["dot"] == "gradient switcher"
    assert labels["broadcast"] == "copy"
    assert all(row["explanation"] for row in network.data("patterns")["equations"])


def test_every_large_gradient_is_summarised_and_right(network: Report) -> None:
    slopes = wg.grad(mlp, argnums=(0, 1, 2))(PARAMS, X, Y)
    found = {g["input"]: g["gradient"] for g in network.data("reverse")["gradients"]}
    np.testing.assert_allclose(found["params[1][0]"]["value"], slopes[0][1][0])
    np.testing.assert_allclose(found["x"]["value"], slopes[1])


def test_integers_are_inputs_without_derivative() -> None:
    def picked(x: Any, labels: Any) -> Any:
        return np.sum(x[np.arange(2), labels] ** 2)

    report = quick(picked)(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    inputs = {item["name"]: item["differentiated"] for item in report.data("graph")["inputs"]}
    assert inputs["x"] and not inputs["labels"]
    assert [g["input"] for g in report.data("reverse")["gradients"]] == ["x"]
    assert report.data("reverse")["gradients"][0]["gradient"]["value"] == [[0.0, 4.0], [6.0, 0.0]]


def test_an_argument_that_is_no_input_is_passed_as_it_is() -> None:
    def power(x: Any, n: int) -> Any:
        for _ in range(n):
            x = x * x
        return x

    report = quick(power, argnums=0)(1.5, 2)
    assert report.data("forward")["results"][0]["tangent"]["value"] == 4 * 1.5**3


def test_several_results_and_a_choice_of_directions() -> None:
    def both(x: Any) -> Any:
        return {"sine": np.sin(x), "square": x**2}

    x = np.array([0.5, 1.0])
    report = quick(both, direction=(np.array([1.0, 2.0]),), cotangent={"sine": np.zeros(2), "square": np.ones(2)})(x)
    tangents = {r["output"]: r["tangent"]["value"] for r in report.data("forward")["results"]}
    np.testing.assert_allclose(tangents["output['square']"], 2 * x * [1, 2])
    (slope,) = report.data("reverse")["gradients"]
    np.testing.assert_allclose(slope["gradient"]["value"], 2 * x)
    assert {o["role"] for o in report.data("graph")["outputs"]} == {"output"}


@pytest.mark.parametrize(
    ("out", "argument", "name"),
    [
        ((), (), "derivative"),
        ((3,), (), "tangent vector"),
        ((2, 3), (), "tangent matrix"),
        ((), (3,), "gradient"),
        ((2,), (3,), "Jacobian matrix"),
        ((2, 2), (3,), "derivative tensor"),
        ((), (2, 3), "gradient matrix"),
        ((4,), (2, 3), "derivative tensor"),
        ((2, 1), (3, 2), "derivative tensor"),
        ((2, 1, 2), (1, 2, 3), "derivative tensor"),
    ],
)
def test_shapes_of_derivatives(out: Any, argument: Any, name: str) -> None:
    m, n = int(np.prod(out)), int(np.prod(argument))
    weights = np.arange(1.0, m * n + 1).reshape(m, n)

    def linear(x: Any) -> Any:
        return (weights @ x.reshape(n)).reshape(out)

    (entry,) = quick(linear)(np.ones(argument)).data("shapes")["derivatives"]
    assert entry["name"] == name
    assert entry["numerator_layout"] == [*out, *argument]
    assert entry["denominator_layout"] == [*argument, *out]
    assert entry["flattened"] == [m, n]
    np.testing.assert_array_equal(entry["matrix"], weights)
    whole = wg.jacobian(linear)(np.ones(argument))
    assert list(np.shape(whole)) == entry["numerator_layout"]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (5, 1), (4, 4)])
def test_the_choice_follows_columns_and_rows(n: int, m: int) -> None:
    weights = np.ones((m, n))
    data = quick(lambda x: np.sin(weights @ x))(np.ones(n)).data("costs")
    assert (data["jacobian"]["columns"], data["jacobian"]["rows"]) == (n, m)
    assert data["jacobian"]["chosen"] == ("forward" if n <= m else "reverse")
    assert data["jacobian"]["chosen"] in data["reason"]


def test_the_swell_of_an_iterated_function() -> None:
    def iterated(x: Any) -> Any:
        for _ in range(5):
            x = 4 * x * (1 - x)
        return x

    swell = wg.explain(iterated)(0.3).data("roads")["swell"]
    assert swell["graph_operations"] == 15
    assert swell["formula_operations"] > 3 * 15
    assert swell["gradient_formula_operations"] > 10 * swell["reverse_operations"]


def test_formulas_that_would_be_endless_are_counted_and_not_written() -> None:
    def chain(x: Any) -> Any:
        for _ in range(100):
            x = np.sin(x) + x
        return x

    report = wg.explain(chain)(0.1)
    (row,) = [r for r in report.data("roads")["roads"] if r["road"] == "symbolic"]
    assert row["value"] is None and "more than 10**18 operations" in row["remark"]


def test_without_sympy_the_symbolic_road_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sympy", None)
    data = wg.explain(lambda x: x**2)(3.0).data("roads")
    (row,) = [r for r in data["roads"] if r["road"] == "symbolic"]
    assert row["value"] is None
    assert row["remark"] == "SymPy is not installed: pip install 'wengert[symbolic]'"
    assert "complex step" in data["reference"]


def test_a_wrong_derivative_by_hand_shows() -> None:
    report = wg.explain(lambda x: x**2, manual=lambda x: 3 * x)(2.0)
    (row,) = [r for r in report.data("roads")["roads"] if r["road"] == "manual"]
    assert row["value"] == [6.0] and row["error"] == 0.5


def test_a_jacobian_by_hand() -> None:
    weights = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    report = quick(lambda x: weights @ x, manual=lambda x: weights)(np.ones(2))
    (row,) = [r for r in report.data("roads")["roads"] if r["road"] == "manual"]
    assert row["value"] == [1.0, 2.0]  # the row that the cotangent, the first unit vector, picks
    assert row["error"] == 0


@pytest.mark.parametrize(
    ("fun", "x", "kinked"),
    [
        (np.abs, 0.0, True),
        (np.linalg.norm, np.zeros(2), True),
        (lambda x: np.maximum(x, 2.0) * 3, 2.0, True),
        (np.abs, 1e-3, False),
        (lambda x: np.exp(30 * x), 1.0, False),
        (lambda x: 1e6 * x**2, 0.0, False),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_kink_is_said_and_judged_by_both_sides(fun: Any, x: Any, kinked: bool, dtype: Any) -> None:
    if dtype == np.float32 and np.size(x) == 1 and x == 1e-3:
        x = 0.5  # nearer to the kink than a step that float32 can take
    data = wg.explain(fun)(np.asarray(x, dtype)).data("roads")
    assert bool(data["kinks"]) == kinked
    (row,) = [r for r in data["roads"] if r["method"] == "reverse mode"]
    assert row["error"] < (1e-2 if dtype == np.float32 else 1e-6)


def test_complex_functions_have_a_report() -> None:
    report = wg.explain(lambda z: np.abs(z) ** 2)(3 + 4j)
    assert report.data("reverse")["gradients"][0]["gradient"]["value"] == pytest.approx({"re": 6.0, "im": -8.0})


def test_numbers_that_json_lacks() -> None:
    data = json.loads(quick(lambda x: np.log(x) * x)(0.0).to_json())
    assert data["sections"]["forward"]["rows"][1]["value"]["value"] == "-inf"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_reports_of_random_programs(program: Program) -> None:
    report = wg.explain(program.function(), parameters=0)(*program.args)
    data = report.to_dict()
    assert json.loads(report.to_json()) == data
    ElementTree.fromstring(report.to_html())
    single = any(x.dtype == np.float32 for x in program.args)
    for row in data["sections"]["roads"]["roads"]:
        if row["road"] == "automatic":
            assert row["error"] < (1e-3 if single else 1e-7)


def test_the_schema(network: Report) -> None:
    data = network.to_dict()
    assert (data["schema"], data["version"]) == ("wengert.report", 1)
    assert data["function"]["name"] == "mlp" and data["function"]["file"].endswith("test_report.py")
    assert list(data["sections"]) == [
        "roads", "shapes", "graph", "forward", "reverse", "branches", "duality", "costs", "patterns", "network",
    ]  # fmt: skip
    assert json.loads(network.to_json()) == data


def test_a_report_is_a_string_and_each_section_is_part_of_it(network: Report) -> None:
    assert isinstance(network, str) and repr(network) == str(network)
    for section in network.sections:
        body = network.section(section.name).split("\n", 2)[2]
        assert body in network


def hostile(value: Any) -> Any:
    return np.sum(value["<script>alert(1)</script>"] * 2) + value['"&\x07']


def test_hostile_names_are_only_text() -> None:
    report = wg.explain(hostile)({"<script>alert(1)</script>": np.ones(2), '"&\x07': 1.0})
    page = report.to_html()
    root = ElementTree.fromstring(page)
    assert "<script" not in page and not list(root.iter("script"))
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")  # nothing is loaded from anywhere
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]
    ElementTree.fromstring(report._repr_html_())


def test_save_chooses_by_the_ending(tmp_path: Any, network: Report) -> None:
    assert network.save(tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads(network.save(tmp_path / "a.json").read_text())["schema"] == "wengert.report"
    assert network.save(tmp_path / "a.txt").read_text() == str(network)


def test_the_arguments_are_left_alone() -> None:
    def writes(x: Any) -> Any:
        x[0] = 2.0 * x[1]
        return np.sum(x**2)

    x = np.array([1.0, 3.0])
    report = quick(writes)(x)
    assert x.tolist() == [1.0, 3.0]
    assert report.data("reverse")["gradients"][0]["gradient"]["value"] == [0.0, 2 * 2 * 6.0 + 2 * 3.0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: quick(lambda n: n + 1)(np.arange(3)), ArgumentError, "differentiate with respect to"),
        (lambda: quick(lambda x: x > 1)(2.0), ArgumentError, "floating-point result"),
        (lambda: quick(lambda x, y: x * y, direction=(1.0,))(2.0, 3.0), ArgumentError, "one tangent for each argument"),
        (lambda: quick(lambda x: x, direction=(np.ones(3),))(np.ones(2)), ShapeError, "tangent in direction"),
        (lambda: quick(lambda x: x, cotangent=(1.0, 1.0))(2.0), ArgumentError, "containers of the function's result"),
        (lambda: quick(lambda x: x, parameters=1)(2.0), ArgumentError, "positions of arguments"),
        (lambda: quick(lambda x: x, argnums=4)(2.0), ArgumentError, "argnums=4"),
        (lambda: quick(lambda x: x, manual=lambda x: np.ones(3))(2.0), ArgumentError, "numerator layout"),
        (lambda: quick(lambda x: x)(2.0).section("nothing"), ArgumentError, "one of roads, shapes"),
        (lambda: wg.grad(lambda x: float(len(quick(np.sin)(x))) * x)(2.0), ArgumentError, "looks at numbers"),
    ],
)
def test_errors(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
