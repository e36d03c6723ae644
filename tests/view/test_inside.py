"""Inside of loops, branches and calls: every iteration's values and adjoints are those of the whole program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.view import inside as module
from wengert.view.inside import MOST


def records(inside: dict[str, Any], sweep: dict[str, Any], kind: str, name: str) -> Any:
    number = [value[0] for value in inside["document"]["graph"]["values"]].index(name)
    return np.array(sweep["records"][sweep[kind][number]]["v"], float)


def only(f: Any, *args: Any, **options: Any) -> dict[str, Any]:
    document = wg.view(f, *args, open=False, symbolic=False, **options).document
    assert document is not None
    ((_, inside),) = document["inside"].items()
    return inside


@pytest.mark.parametrize("reverse", [False, True])
def test_the_iterations_of_a_loop(reverse: bool) -> None:
    rows = np.linspace(0.2, 1.0, 5)

    def f(x: Any, w: Any, rows: Any) -> Any:
        c, ys = wg.scan(lambda c, row: (np.tanh(c * w + row), c * row), x, rows, reverse=reverse)
        return np.sum(ys**2) + c

    inside = only(f, 0.7, 1.3, rows, direction=(0.0, 1.0, np.zeros(5)))
    assert (inside["count"], inside["shown"]) == (5, [0, 1, 2, 3, 4])
    by_x, by_w, by_rows = wg.grad(f, argnums=(0, 1, 2))(0.7, 1.3, rows)
    np.testing.assert_allclose(records(inside, inside["sweeps"][0], "adjoint", "c"), by_x)
    np.testing.assert_allclose(sum(records(inside, s, "adjoint", "w") for s in inside["sweeps"]), by_w)
    each = [float(records(inside, s, "adjoint", "rows[k]")[0]) for s in inside["sweeps"]]
    np.testing.assert_allclose(each[::-1] if reverse else each, by_rows)
    # Forward mode: the carry's tangent at the end of the last iteration.
    last = inside["sweeps"][-1]
    output = inside["document"]["graph"]["outputs"][0]["value"]
    carried = lambda w: wg.scan(lambda c, row: (np.tanh(c * w + row), c), 0.7, rows, reverse=reverse)[0]
    np.testing.assert_allclose(last["records"][last["tangent"][output]]["v"], [wg.jvp(carried, (1.3,), (1.0,))[1]])


def test_of_many_iterations_some_are_shown() -> None:
    inside = only(lambda x: wg.fori_loop(0, 100, lambda k, c: np.sin(c), x), 0.5)
    assert inside["count"] == 100
    assert len(inside["shown"]) == len(inside["sweeps"]) == MOST
    assert (inside["shown"][0], inside["shown"][-1]) == (0, 99)


def test_a_loop_that_runs_too_often_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_RUNS", 5)
    f = lambda x: wg.fori_loop(0, 6, lambda k, c: np.sin(c), x)
    document = wg.view(f, 0.5, open=False, symbolic=False).document
    assert document is not None and document["inside"] == {}
    assert ["inside", "the loop runs more than 5 times"] in document["omitted"]


def test_the_branch_that_was_taken() -> None:
    f = lambda x: wg.cond(x > 1, lambda x: x * x, lambda x: x * 3, x)
    inside = only(f, 2.0)
    assert inside["title"].startswith("branch")
    assert [e["primitive"] for e in inside["document"]["graph"]["equations"]] == ["mul"]
    assert records(inside, inside["sweeps"][0], "adjoint", "x") == [4.0]


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
    tab.get_by_label("iteration", exact=True).fill("1")
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
