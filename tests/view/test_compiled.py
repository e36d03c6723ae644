"""Kernels of a jitted function: each equation in at most one, times and counts of all."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as wg
from wengert.run import llvm

from .conftest import drawn


def mlp(x: Any, w: Any, b: Any) -> Any:
    h = np.tanh(x @ w + b)
    return np.sum(np.exp(h) * h)


ARGS = (np.linspace(-1, 1, 12).reshape(4, 3), np.eye(3), np.zeros(3))


def test_kernels_and_their_equations() -> None:
    document = wg.view(wg.jit(mlp), *ARGS, open=False, symbolic=False).document
    assert document is not None
    compiled = document["compiled"]
    primitives = [e["primitive"] for e in document["graph"]["equations"]]
    owners: dict[int, int] = {}
    for k, step in enumerate(compiled["steps"]):
        assert step["seconds"] is None or 0 < step["seconds"] < 1
        for equation in step["equations"]:
            assert equation not in owners, "an equation in two kernels"
            owners[equation] = k
    by_name = {primitives[e]: owners[e] for e in owners}
    assert {"dot", "tanh", "exp", "mul", "reduce_sum"} <= set(by_name)
    assert by_name["tanh"] == by_name["exp"] == by_name["mul"] == by_name["reduce_sum"], "they are fused"
    assert any("define" in step["llvm"] for step in compiled["steps"])
    assert compiled["operations"] == sum(step["operations"] for step in compiled["steps"]) > 0


def test_without_jit_nothing_is_compiled() -> None:
    document = wg.view(mlp, *ARGS, open=False, symbolic=False).document
    assert document is not None and document["compiled"] is None


def test_a_profiled_program_computes_what_the_program_does() -> None:
    lowered = wg.jit(mlp).lower(*ARGS).simplified
    program = llvm.profile.Profiled(lowered)
    times = program.measure(ARGS, 3)
    assert len(times) == len(program.steps)
    np.testing.assert_array_equal(program(ARGS), llvm.NativeProgram(lowered)(ARGS))


def test_the_page_says_what_each_equation_takes(show: Any) -> None:
    page = wg.view(wg.jit(mlp), *ARGS, open=False, symbolic=False)
    tab = show(page)
    steps = page.document["compiled"]["steps"]
    place = next(k for k, e in enumerate(page.document["graph"]["equations"]) if e["primitive"] == "tanh")
    number = next(k for k, step in enumerate(steps) if place in step["equations"])
    tab.locator(f"#n-e{place}").click()
    others = len(steps[number]["equations"]) - 1
    text = tab.locator("#panel").text_content()
    assert f"Compiled in kernel {number + 1}: " in text and f"with {others} other equations" in text
    tab.locator(f"#n-e{place}").hover()
    assert f"kernel {number + 1}: " in tab.locator(".tip").text_content()
    tab.locator("#tab-find").click()
    tab.get_by_role("button", name="slowest when compiled").click()
    rows = [int(text.split(":")[0]) - 1 for text in tab.locator(".results td:last-child").all_text_contents()]
    times = [steps[k]["seconds"] or 0 for k in rows]
    assert rows and times == sorted(times, reverse=True)


def test_the_times_of_groups_add_up_to_that_of_the_call(show: Any) -> None:
    def f(x: Any) -> Any:
        for _ in range(4):
            x = np.cumsum(np.sin(x) * 1.5) @ np.eye(5)
        return np.sum(x)

    page = wg.view(wg.jit(f), np.ones(5), open=False, symbolic=False)
    compiled, last = page.document["compiled"], len(page.document["graph"]["equations"]) - 1
    page.document["graph"]["groups"] = [
        {"label": name, "kind": "part", "first": a, "last": b, "parent": -1}
        for name, a, b in (("one", 0, 9), ("two", 10, last))
    ]
    for step in compiled["steps"]:
        step["seconds"] = 1e-3 if step["equations"] else 0.0
    compiled["seconds"] = 0.25
    tab = show(page)
    tab.get_by_role("button", name="Collapse all").click()
    drawn(tab)
    times = [text.split(" · ")[1] for text in tab.locator(".node.group .count").all_text_contents() if " · " in text]
    shares = {"ms": 1e-3, "µs": 1e-6, "s": 1.0}
    assert len(times) == 2
    total = sum(float(time.split()[0]) * shares[time.split()[1]] for time in times)
    np.testing.assert_allclose(total, 0.25, rtol=0.02)


def test_the_loops_of_a_jitted_function_are_those_that_were_captured() -> None:
    def f(x: Any) -> Any:
        for _ in range(10):
            x = np.sin(x) * 1.5
        return x

    graph = wg.view(wg.jit(f), 0.5, open=False, symbolic=False).document["graph"]
    assert [e["primitive"] for e in graph["equations"]] == ["loop"]
    graph = wg.view(f, 0.5, open=False, symbolic=False).document["graph"]
    assert len(graph["equations"]) == 20
