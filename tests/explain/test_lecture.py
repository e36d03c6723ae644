"""The lecture's two examples: every number of the tables, and the text as it is printed."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.api.explain import Report
from wengert.cli import load

HERE = Path(__file__).resolve().parent
LECTURE = HERE.parents[1] / "examples" / "lecture.py"
f, MODULE = load(f"{LECTURE}:f")


@pytest.fixture(scope="module")
def example() -> Report:
    return wg.explain(f, manual=MODULE.df)(2.0, 3.0)


@pytest.fixture(scope="module")
def simple() -> Report:
    return wg.explain(MODULE.simple)(1.0, 2.0, 0.0)


def rows(report: Report, section: str) -> dict[str, Any]:
    return {row["name"]: row for row in report.data(section)["rows"]}


def test_the_forward_table(example: Report) -> None:
    table = rows(example, "forward")
    primal = {name: row["value"]["value"] for name, row in table.items()}
    assert primal == {"x1": 2.0, "x2": 3.0, "v2": np.sin(2.0), "v3": 6.0, "v4": np.sin(2.0) + 6}
    tangent = {name: row["tangent"]["value"] for name, row in table.items()}
    assert tangent == {"x1": 1.0, "x2": 0.0, "v2": np.cos(2.0), "v3": 3.0, "v4": np.cos(2.0) + 3}
    assert [row["equation"] for row in table.values()] == ["input", "input", "sin(x1)", "x1 * x2", "v2 + v3"]
    assert table["v3"]["tangent_equation"] == "x2 * x1_dot + x1 * x2_dot"
    assert table["v2"]["source"] == "return np.sin(x1) + x1 * x2"


def test_the_forward_table_in_any_direction() -> None:
    report = wg.explain(f, direction=(0.5, -2.0), symbolic=False)(2.0, 3.0)
    assert rows(report, "forward")["v4"]["tangent"]["value"] == pytest.approx(0.5 * (math.cos(2) + 3) - 2 * 2)


def test_the_reverse_table(example: Report) -> None:
    data = example.data("reverse")
    assert [row["name"] for row in data["rows"]] == ["output", "v4", "v3", "v2"]
    adjoints = {row["name"]: row["adjoint"]["value"] for row in data["rows"]}
    assert adjoints == {"output": 1.0, "v4": 1.0, "v3": 1.0, "v2": 1.0}
    sends = {
        row["name"]: [(s["to"], s["sign"], s["formula"], s["value"]["value"]) for s in row["sends"]]
        for row in data["rows"]
    }
    assert sends["v3"] == [("x1", "+=", "x2 * v3_bar", 3.0), ("x2", "=", "x1 * v3_bar", 2.0)]
    assert sends["v2"] == [("x1", "+=", "cos(x1) * v2_bar", np.cos(2.0))]
    assert {g["input"]: g["gradient"]["value"] for g in data["gradients"]} == {"x1": np.cos(2.0) + 3, "x2": 2.0}


def test_the_branch_sum(example: Report) -> None:
    (branch,) = example.data("branches")["branches"]
    assert branch["value"] == "x1"
    assert [(use["in"], use["contribution"]["value"]) for use in branch["uses"]] == [("v2", np.cos(2.0)), ("v3", 3.0)]
    assert branch["sum"]["value"] == np.cos(2.0) + 3


def test_the_linear_program_and_its_transpose(example: Report) -> None:
    pairs = {pair["linear"]: pair for pair in example.data("duality")["pairs"]}
    assert pairs["v2_dot = cos(x1) * x1.1_dot"]["transpose"] == ["x1.1_bar = cos(x1) * v2_bar"]
    assert pairs["v4_dot = v2_dot + v3_dot"]["transpose"] == ["v2_bar = v4_bar", "v3_bar = v4_bar"]
    assert pairs["v4_dot = v2_dot + v3_dot"]["dual"] == "copy"
    assert pairs["x1.1_dot = copy(x1_dot)"]["transpose"] == ["x1_bar = x1.2_bar + x1.1_bar"]
    assert pairs["x1.1_dot = copy(x1_dot)"]["dual"] == "add"


def test_the_four_roads(example: Report) -> None:
    data = example.data("roads")
    errors = {(r["road"], r["method"]): r["error"] for r in data["roads"]}
    assert set(errors) == {
        ("manual", "by hand"),
        ("symbolic", "SymPy"),
        ("numerical", "central differences"),
        ("numerical", "complex step"),
        ("automatic", "forward mode"),
        ("automatic", "reverse mode"),
    }
    difference = errors.pop(("numerical", "central differences"))
    assert 1e-14 < difference < 1e-9
    assert all(error < 1e-15 for error in errors.values())
    for road in data["roads"]:
        assert road["value"] == pytest.approx([math.cos(2) + 3, 2], rel=1e-9)
        assert road["seconds"] > 0
    assert data["swell"]["formula"] == "x1*x2 + sin(x1)"
    assert data["swell"]["gradient_formulas"] == ["x2 + cos(x1)", "x1"]


def test_the_error_of_differences_has_its_minimum_between_truncation_and_rounding(example: Report) -> None:
    steps = example.data("roads")["step_sizes"]
    for name in ("forward_difference_errors", "central_difference_errors"):
        errors = steps[name]
        best = errors.index(min(errors))
        assert 0 < best < len(errors) - 1
        assert errors[0] > 1e3 * errors[best] and errors[-1] > 1e3 * errors[best]
    central, forward = steps["central_difference_errors"], steps["forward_difference_errors"]
    assert forward[1] / forward[2] == pytest.approx(10, rel=0.1)  # truncation error in proportion to h
    assert central[1] / central[2] == pytest.approx(100, rel=0.1)  # and to h squared


def test_forward_against_reverse(example: Report) -> None:
    data = example.data("costs")
    operations = {row["what"]: row["operations"] for row in data["sweeps"]}
    # f: sin, *, +. Forward adds cos, three products and two sums; reverse adds cos, three products and the sum at x1.
    assert list(operations.values()) == [3, 9, 8]
    assert data["jacobian"]["rows"] == 1 and data["jacobian"]["columns"] == 2
    assert data["jacobian"]["chosen"] == "reverse"


def test_every_value_and_gradient_of_the_simple_example(simple: Report) -> None:
    data = simple.data("reverse")
    found = {row["name"]: (row["value"]["value"], row["adjoint"]["value"]) for row in data["rows"][1:]}
    assert found == {"v5": (6.0, 1.0), "v4": (2.0, 3.0), "v3": (3.0, 2.0)}
    gradients = {g["input"]: (g["value"]["value"], g["gradient"]["value"]) for g in data["gradients"]}
    assert gradients == {"x": (1.0, 2.0), "y": (2.0, 5.0), "z": (0.0, 0.0)}
    (branch,) = simple.data("branches")["branches"]
    assert (branch["value"], [u["contribution"]["value"] for u in branch["uses"]]) == ("y", [2.0, 3.0])


def test_the_patterns_of_the_simple_example(simple: Report) -> None:
    labels = {row["value"]: row["label"] for row in simple.data("patterns")["equations"]}
    assert labels == {"v3": "gradient distributor", "v4": "gradient router", "v5": "gradient switcher"}
    assert simple.data("patterns")["branches"] == ["y"]


def test_the_simple_example_is_drawn_with_its_values_and_gradients(simple: Report) -> None:
    picture = simple.to_html().split("<svg")[-1]
    for text in ("v5 = v3 * v4", ">6<", ">3<", ">5<"):
        assert text in picture


def snapshot(name: str, report: Report) -> None:
    """Compare the sections that hold no times with a file; WENGERT_SNAPSHOTS=write makes it anew."""
    names = ("shapes", "graph", "forward", "reverse", "branches", "duality", "patterns")
    found = "\n\n".join(report.section(section) for section in names) + "\n"
    path = HERE / "snapshots" / f"{name}.txt"
    if os.environ.get("WENGERT_SNAPSHOTS") == "write":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_text_of_the_lecture_example(example: Report) -> None:
    snapshot("lecture", example)


def test_text_of_the_simple_example(simple: Report) -> None:
    snapshot("simple", simple)
