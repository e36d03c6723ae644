"""Inside of loops, branches and calls: every iteration's values and adjoints are those of the whole program."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.view import inside as module
from wengert.view.inside import MOST

from .conftest import drawn


class Within:
    """What goes on inside of one equation, with its body at hand."""

    def __init__(self, document: dict[str, Any], inside: dict[str, Any]) -> None:
        self.document, self.inside = document, inside
        self.body = document["bodies"][inside["body"]]["graph"]
        self.sweeps = [run["sweeps"] for run in inside["runs"]]

    def record(self, run: int, kind: str, name: str) -> Any:
        return self.of(run, kind, [value[0] for value in self.body["values"]].index(name))

    def of(self, run: int, kind: str, value: int) -> Any:
        sweep = self.sweeps[run]
        return np.array(sweep["records"][sweep[kind][value]]["v"], float)

    def carry(self, run: int) -> Any:
        return self.of(run, "primal", next(v["value"] for v in self.body["inputs"] if v["role"] == "input"))

    def reads(self, primitive: str) -> list[int]:
        """Return what the first equation with a primitive reads besides the carry."""
        carried = [v["value"] for v in self.body["inputs"] if v["role"] == "input"]
        first = next(e for e in self.body["equations"] if e["primitive"] == primitive)
        return [i for i in first["inputs"] if i not in carried]

    def all(self, kind: str, name: str) -> list[Any]:
        return [self.record(run, kind, name) for run in range(len(self.sweeps))]

    def inner(self, run: int) -> Within | None:
        """Return the only equation of the body that can be looked into in a run; None if there is none."""
        found = [inside for inside in self.inside["runs"][run]["inside"].values() if "why" not in inside]
        assert len(found) <= 1
        return Within(self.document, found[0]) if found else None


def only(f: Any, *args: Any, **options: Any) -> Within:
    document = wg.view(f, *args, open=False, symbolic=False, **options).document
    assert document is not None
    (inside,) = document["inside"].values()
    return Within(document, inside)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_iterations_of_a_loop(reverse: bool) -> None:
    rows = np.linspace(0.2, 1.0, 5)

    def f(x: Any, w: Any, rows: Any) -> Any:
        c, ys = wg.scan(lambda c, row: (np.tanh(c * w + row), c * row), x, rows, reverse=reverse)
        return np.sum(ys**2) + c

    inside = only(f, 0.7, 1.3, rows, direction=(0.0, 1.0, np.zeros(5)))
    assert (inside.inside["count"], inside.inside["shown"]) == (5, [0, 1, 2, 3, 4])
    by_x, by_w, by_rows = wg.grad(f, argnums=(0, 1, 2))(0.7, 1.3, rows)
    np.testing.assert_allclose(inside.record(0, "adjoint", "c"), by_x)
    np.testing.assert_allclose(sum(inside.all("adjoint", "w")), by_w)
    each = [float(x[0]) for x in inside.all("adjoint", "rows[k]")]
    np.testing.assert_allclose(each[::-1] if reverse else each, by_rows)
    # Forward mode: the carry's tangent at the end of the last iteration.
    last, output = inside.sweeps[-1], inside.body["outputs"][0]["value"]
    carried = lambda w: wg.scan(lambda c, row: (np.tanh(c * w + row), c), 0.7, rows, reverse=reverse)[0]
    np.testing.assert_allclose(last["records"][last["tangent"][output]]["v"], [wg.jvp(carried, (1.3,), (1.0,))[1]])


def test_of_many_iterations_some_are_shown() -> None:
    inside = only(lambda x: wg.fori_loop(0, 100, lambda k, c: np.sin(c), x), 0.5).inside
    assert inside["count"] == 100
    assert len(inside["shown"]) == len(inside["runs"]) == MOST[0]
    assert (inside["shown"][0], inside["shown"][-1]) == (0, 99)


def test_of_large_values_or_deep_nests_fewer_iterations_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NUMBERS", 5000)
    f = lambda x: np.sum(wg.fori_loop(0, 30, lambda k, c: np.sin(np.cos(c)) * c, x))
    inside = only(f, np.linspace(0.1, 1, 40)).inside
    assert 2 <= len(inside["shown"]) < MOST[0] and inside["shown"][-1] == 29
    assert sum(len(json.dumps(run["sweeps"])) for run in inside["runs"]) < 25 * 5000
    monkeypatch.undo()
    inner = lambda k, c: wg.fori_loop(0, 100, lambda k, c: np.sin(c), c)
    graph = wg.trace(lambda x: wg.fori_loop(0, 100, lambda k, c: wg.fori_loop(0, 100, inner, c), x))(0.5)
    body = dict(graph.equations[0].params)["body"]
    assert [module.numbers(body, n) > module.numbers(body, n - 1) for n in (2, 3)] == [True, True]
    assert module.numbers(body, 24) > 24**2 * module.numbers(wg.trace(np.sin)(0.5), 24)


def test_a_loop_that_runs_too_often_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RUNS", 5)
    f = lambda x: wg.fori_loop(0, 6, lambda k, c: np.sin(c), x)
    document = wg.view(f, 0.5, open=False, symbolic=False).document
    assert document is not None
    assert list(document["inside"].values()) == [{"why": "the loop runs more than 5 times"}]


def test_the_branch_that_was_taken() -> None:
    inside = only(lambda x: wg.cond(x > 1, lambda x: x * x, lambda x: x * 3, x), 2.0)
    assert inside.inside["title"].startswith("branch")
    assert [e["primitive"] for e in inside.body["equations"]] == ["mul"]
    assert inside.record(0, "adjoint", "x") == [4.0]


# -- loops and branches inside of loops --------------------------------------------------------------------------------


@wg.jit
def nest(x: Any, w: Any) -> Any:
    for _ in range(5):
        for _ in range(6):
            for _ in range(7):
                x = np.sin(x * w) + 0.1 * x
            x = x * w
    return x


@functools.cache
def viewed() -> Any:
    return wg.view(nest, 0.7, 1.3, open=False, symbolic=False)


def nested(count: int) -> float:
    """Return the carry after so many runs of the innermost body."""
    x = 0.7
    for n in range(count):
        x = float(np.sin(x * 1.3) + 0.1 * x)
        if n % 7 == 6:
            x *= 1.3
    return x


def test_a_nest_of_loops_is_entered_level_by_level() -> None:
    (inside,) = viewed().document["inside"].values()
    outer = Within(viewed().document, inside)
    assert (outer.inside["count"], outer.inside["shown"]) == (5, [0, 1, 2, 3, 4])
    seen = []
    for i in range(5):
        middle = outer.inner(i)
        assert middle is not None and middle.inside["shown"] == [0, 1, 2, 3, 4, 5]
        for j in range(6):
            innermost = middle.inner(j)
            assert innermost is not None and innermost.inside["shown"] == [0, 1, 2, 3, 4, 5, 6]
            for k in range(7):
                np.testing.assert_allclose(innermost.carry(k), nested(42 * i + 7 * j + k))
            weight = next(v["value"] for v in innermost.body["inputs"] if v["value"] in innermost.reads("mul"))
            seen += [innermost.of(k, "adjoint", weight) for k in range(7)]
            outside = middle.sweeps[j]["sends"][-1]  # x * w behind the innermost loop
            number = next(record for position, _, _, record in outside if position == 1)
            seen.append(np.array(middle.sweeps[j]["records"][number]["v"]))
    np.testing.assert_allclose(sum(seen), wg.grad(nest, argnums=1)(0.7, 1.3))
    assert len(outer.document["bodies"]) == 3, "each body is described once"


def test_captured_loops_stand_at_their_lines_in_one_source() -> None:
    document = viewed().document
    (source,) = document["sources"]
    loops = [source["first"] + k for k, line in enumerate(source["lines"]) if "for" in line]
    assert [body["title"] for body in document["bodies"]] == [f"loop, line {line}" for line in loops]
    (equation,) = document["graph"]["equations"]
    assert equation["at"] == [0, loops[0]]
    innermost = document["bodies"][2]["graph"]["equations"]
    assert {tuple(e["at"]) for e in innermost} == {(0, loops[2] + 1)}


def test_a_branch_inside_of_a_loop_is_another_one_in_other_iterations() -> None:
    def body(k: Any, c: Any) -> Any:
        return wg.cond(k % 2 == 0, lambda c: np.sin(c) * c, lambda c: np.exp(-c), c)

    f = lambda x: wg.fori_loop(0, 4, body, x)
    inside = only(f, 0.7)
    inner = [inside.inner(run) for run in range(4)]
    made = [[e["primitive"] for e in one.body["equations"]] for one in inner if one]
    assert made == [["sin", "mul"], ["neg", "exp"]] * 2
    first, second = inner[:2]
    assert first is not None and second is not None
    # What the second iteration's branch hands back is what comes in at the first one's.
    out = first.body["outputs"][0]["value"]
    sweep = first.sweeps[0]
    got = np.array(sweep["records"][sweep["adjoint"][out]]["v"])
    carried = next(v["value"] for v in second.body["inputs"])
    sweep = second.sweeps[0]
    np.testing.assert_allclose(got, sweep["records"][sweep["adjoint"][carried]]["v"])


def test_a_while_loop_inside_of_a_loop_runs_as_often_as_it_does() -> None:
    def halved(k: Any, c: Any) -> Any:
        return 3 * wg.while_loop(lambda c: np.abs(c) > 1, lambda c: c * 0.5, c * (k + 1))

    f = lambda x: wg.fori_loop(0, 5, halved, x)
    counts, x = [], 5.0
    for k in range(5):
        x, count = x * (k + 1), 0
        while abs(x) > 1:
            x, count = x * 0.5, count + 1
        counts.append(count)
        x = 3 * x
    inside = only(f, 5.0)
    inner = [inside.inner(run) for run in range(5)]
    assert [one.inside["count"] if one else 0 for one in inner] == counts
    np.testing.assert_allclose(inside.record(0, "adjoint", "c"), wg.grad(f)(5.0))


def test_the_work_of_nested_loops_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_DERIVED", 5 + 30 + 100)
    outer = only(nest, 0.7, 1.3)  # 5 runs, with 6 each; 210 more of the innermost loop are too many
    for run in range(5):
        middle = outer.inner(run)
        assert middle is not None
        for inner in middle.inside["runs"]:
            assert list(inner["inside"].values()) == [
                {"why": "the loop runs more than 3 times in each of 30 iterations around it"}
            ]


def test_a_loop_without_a_derivative_says_so() -> None:
    f = lambda x: x * np.float64(wg.fori_loop(0, 3, lambda k, c: c + k, 0))
    document = wg.view(f, 0.5, open=False, symbolic=False).document
    assert document is not None
    assert [inside["why"] for inside in document["inside"].values()] in ([], ["no derivative flows through it"])


def test_going_into_a_loop_and_out_again(show: Any) -> None:
    def f(x: Any) -> Any:
        return wg.fori_loop(0, 5, lambda k, c: np.sin(c) * 2, x) * 3

    tab = show(wg.view(f, 0.7, open=False, symbolic=False))
    tab.keyboard.press("End")
    tab.locator(".door").click()
    assert "iteration 5 of 5" in tab.locator(".insidebar").text_content()
    values = [0.7]
    for _ in range(5):
        values.append(2 * float(np.sin(values[-1])))
    tab.wait_for_selector("#n-i1")
    tab.keyboard.press("Home")
    tab.get_by_role("slider", name="iteration").fill("1")
    tab.wait_for_timeout(100)
    assert "iteration 2 of 5" in tab.locator(".insidebar").text_content()
    number = tab.evaluate("wengert.model.value.doc.graph.inputs.find(i => i.role === 'input').value")
    for _ in range(200):
        if f"{values[1]:.3f}"[:4] in tab.locator(f"#n-i{number}").text_content():
            break
        tab.wait_for_timeout(20)
    assert f"{values[1]:.4g}" in tab.locator(f"#n-i{number}").text_content()
    tab.get_by_role("button", name="Out, to f(x)").click()
    assert tab.locator("h1").text_content() == "f(x)"
    assert "gradients" in tab.locator(".where").text_content()


def sliders(tab: Any) -> list[str]:
    return [str(text) for text in tab.locator(".insidebar label").all_text_contents()]


def test_each_level_of_a_nest_has_its_slider(show: Any) -> None:
    tab = show(viewed())
    for depth in range(3):
        tab.locator(".door").click()
        assert len(sliders(tab)) == depth + 1
        drawn(tab)
    assert tab.locator(".door").count() == 0
    assert [text.split(": ")[1] for text in sliders(tab)] == [f"iteration 1 of {n}" for n in (5, 6, 7)]

    def carry() -> float:
        number = tab.evaluate("wengert.model.value.doc.graph.inputs.find(i => i.role === 'input').value")
        return float(tab.evaluate(f"wengert.record('primal', {number}).v[0]"))

    def expected(i: int, j: int, k: int) -> float:
        return nested(42 * i + 7 * j + k)

    assert carry() == pytest.approx(0.7)
    for (label, to), at in {
        ("iteration", 2): (2, 0, 0),
        ("level 2", 1): (2, 1, 0),
        ("level 3", 3): (2, 1, 3),
        ("iteration", 0): (0, 1, 3),
    }.items():
        exact = label == "iteration"
        tab.get_by_role("slider", name=label if exact else re.compile(label), exact=exact).fill(str(to))
        assert carry() == pytest.approx(expected(*at)), at
    tab.keyboard.press("[")
    assert carry() == pytest.approx(expected(0, 1, 2))
    tab.get_by_role("slider", name="iteration", exact=True).press("ArrowRight")
    assert carry() == pytest.approx(expected(1, 1, 2)), "the arrows move a slider that has the focus"
    tab.get_by_role("button", name="Out, to nest").click()
    assert tab.locator(".insidebar").count() == 0
    assert tab.locator("h1").text_content() == "nest(x, w)"


def test_another_iteration_that_does_not_go_in_there_leads_out(show: Any) -> None:
    def body(k: Any, c: Any) -> Any:
        return wg.cond(k == 1, lambda c: wg.fori_loop(0, 3, lambda i, c: np.sin(c), c), lambda c: c * 2, c)

    tab = show(wg.view(lambda x: wg.fori_loop(0, 3, body, x), 0.7, open=False, symbolic=False))
    tab.locator(".door").click()
    drawn(tab)
    tab.keyboard.press("]")
    for _ in range(2):
        drawn(tab)
        tab.locator(".door").click()
    assert len(tab.locator(".insidebar .level").all()) == 3
    tab.get_by_role("slider", name="iteration", exact=True).fill("0")
    assert len(tab.locator(".insidebar .level").all()) == 2, "the other branch has no loop"
    assert "branch" in tab.locator("h1").text_content()


def test_what_cannot_be_looked_into_says_why(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RUNS", 5)
    tab = show(wg.view(lambda x: wg.fori_loop(0, 6, lambda k, c: np.sin(c), x), 0.5, open=False, symbolic=False))
    tab.locator(".node.equation").click()
    assert "Its inside is not shown: the loop runs more than 5 times." in tab.locator("#panel").text_content()
