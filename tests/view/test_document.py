"""The document: complete, consistent, of bounded size, and JSON."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import lecture
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as wg
from wengert import nn
from wengert.errors import ArgumentError
from wengert.view.document import SCHEMA, VERSION
from wengert.view.groups import MOST_CHILDREN, Groups
from wengert.view.records import WHOLE, record


def view(*args: Any, **options: Any) -> dict[str, Any]:
    made = wg.view(*args, open=False, symbolic=False, **options).document
    assert json.loads(json.dumps(made, allow_nan=False)) == json.loads(json.dumps(made))
    return made


def scalar(document: dict[str, Any], kind: str, name: str) -> float:
    number = next(i for i, value in enumerate(document["graph"]["values"]) if value[0] == name)
    return document["sweeps"]["records"][document["sweeps"][kind][number]]["v"][0]


def test_the_lectures_example() -> None:
    made = view(lecture.f, 2.0, 3.0)
    assert (made["schema"], made["version"]) == (SCHEMA, VERSION)
    assert [e["text"] for e in made["graph"]["equations"]] == ["sin(x1)", "x1 * x2", "v2 + v3"]
    assert made["graph"]["outputs"][0]["role"] == "loss"
    assert scalar(made, "adjoint", "x1") == pytest.approx(np.cos(2) + 3)
    assert scalar(made, "tangent", "v3") == 3
    assert made["sources"][0]["lines"][0].startswith("def f(x1, x2)")


def test_the_simple_example() -> None:
    made = view(lecture.simple, 1.0, 2.0, 0.0)
    assert [scalar(made, "adjoint", name) for name in "xyz"] == [2, 5, 0]


def test_data_and_parameters_are_told_apart_and_layers_are_groups() -> None:
    made = view(lecture.xor_loss, *lecture.xor_point(), parameters=(2, 3, 4, 5), learning_rate=0.3)
    assert [i["role"] for i in made["graph"]["inputs"]] == ["data"] * 2 + ["parameter"] * 4
    assert [g["label"] for g in made["graph"]["groups"] if g["kind"] == "layer"] == ["layer 1", "layer 2"]
    losses = made["training"]["losses"]
    assert losses[0] == pytest.approx(lecture.xor_loss(*lecture.xor_point()))
    assert losses[-1] < losses[0] / 4
    first = made["training"]["parameters"][0]
    np.testing.assert_allclose(
        np.subtract(first["before"]["v"], 0.3 * np.array(first["gradient"]["v"])), first["after"]["v"], rtol=1e-12
    )


def test_what_can_be_viewed() -> None:
    graph = wg.trace(lambda x: 3 * np.sin(x))(2.0)
    made = view(graph, 2.0)
    assert [e["primitive"] for e in made["graph"]["equations"]] == ["sin", "mul"]
    assert made["title"] == "graph(args[0])"
    jitted = wg.jit(lecture.f)
    assert view(jitted, 2.0, 3.0)["title"] == "f(x1, x2)"
    net = nn.Sequential(nn.Linear(2, 3), np.tanh, nn.Linear(3, 1))
    made = view(net, net.init(np.random.default_rng(0)), np.ones((4, 2)))
    assert made["title"].startswith("Sequential(")
    assert {i["role"] for i in made["graph"]["inputs"]} == {"parameter", "data"}
    with pytest.raises(ArgumentError, match="function, a jitted function, a Graph or a network"):
        wg.view(3.0)
    with pytest.raises(ArgumentError, match="one argument for each of its inputs"):
        wg.view(graph, open=False)


def test_the_module_can_be_called_whatever_was_imported_first() -> None:
    import wengert.view as module

    assert module(lecture.f, 2.0, 3.0, open=False, symbolic=False).document["title"] == "f(x1, x2)"


def test_large_arrays_are_summarised() -> None:
    whole = record(np.arange(WHOLE) * 1.0)
    assert whole is not None and len(whole["v"]) == WHOLE
    made = record(np.r_[np.arange(2000.0), np.nan, np.inf].reshape(2, 1001))
    assert made is not None and "v" not in made
    assert (made["stats"]["nan"], made["stats"]["inf"], made["stats"]["max"]) == (1, 1, 1999.0)
    assert sum(made["hist"]["counts"]) == 2000
    assert made["heat"]["rows"] == 2 and made["heat"]["columns"] == 32
    flat = record(np.full((300, 300), 2.5, np.float32))
    assert flat is not None and set(flat["heat"]["v"]) == {2.5} and flat["hist"]["counts"] == [90000]
    assert len(json.dumps(record(np.random.default_rng(0).standard_normal((500, 500))))) < 15_000


def places(rng: np.random.Generator, count: int) -> list[Any]:
    """Return places as a program makes them: runs of lines in some functions, loops, and equations without a line."""
    found: list[Any] = []
    while len(found) < count:
        code, first, length = int(rng.integers(3)), int(rng.integers(1, 9)), int(rng.integers(1, 12))
        found += [[code, first + k] if rng.random() > 0.02 else None for k in range(length)]
    return found[:count]


@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_groups_are_nested_stretches_and_no_level_is_crowded(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    groups = Groups(places(rng, count), ["f", "g", "h"], []).found
    children: dict[int, list[tuple[int, int]]] = {-1: []}
    for number, group in enumerate(groups):
        assert 0 <= group["first"] <= group["last"] < count
        assert group["parent"] < number  # parents come first
        if group["parent"] >= 0:
            outer = groups[group["parent"]]
            assert outer["first"] <= group["first"] and group["last"] <= outer["last"]
        children.setdefault(group["parent"], []).append((group["first"], group["last"]))
    for parent, spans in children.items():
        spans.sort()
        assert all(a[1] < b[0] for a, b in pairwise(spans)), "siblings overlap"
        first, last = (0, count - 1) if parent < 0 else (groups[parent]["first"], groups[parent]["last"])
        members = len(spans) + (last - first + 1) - sum(b - a + 1 for a, b in spans)
        assert members <= MOST_CHILDREN + 1


def test_a_long_program_is_grouped_by_the_passes_of_its_loop() -> None:
    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
            x = x * 1.5
        return x

    groups = view(f, 0.3)["graph"]["groups"]
    passes = [g for g in groups if g["kind"] == "pass"]
    assert len(passes) == 50
    assert all(g["last"] - g["first"] == 1 for g in passes)


def test_guards_are_handed_to_the_page() -> None:
    def f(x: Any) -> Any:
        return x * 2 if x > 1 else x * 3

    program = view(f, 2.0)["program"]
    assert program["guards"]["seen"] == [["bool", True]]
    assert "guards" not in view(lecture.f, 2.0, 3.0)["program"]


def test_programs_that_the_page_cannot_run_say_why() -> None:
    assert "cannot compute iota, svd" in view(lambda x: np.sum(np.linalg.svd(x)[1]), np.eye(2))["program"]["why"]
    assert "real numbers" in view(lambda x: x * 2, np.ones(2, np.float16))["program"]["why"]


def test_tours_are_what_the_sources_give() -> None:
    from importlib.resources import files

    shipped = json.loads((files("wengert.view") / "page" / "tours.json").read_text(encoding="utf-8"))
    assert [t["id"] for t in shipped] == ["lecture", "simple", "network"]
    fresh = view(lecture.xor_loss, *lecture.xor_point(), parameters=(2, 3, 4, 5), learning_rate=0.3)
    for key in ("graph", "primitives", "sources"):
        assert shipped[2]["document"][key] == json.loads(json.dumps(fresh[key])), (
            "run `make page` and commit its result"
        )
