"""Graphs of any kind and size: the layout never fails, what the page computes is right, the document stays small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wengert as wg

from ..random_programs import Program, programs

AGAIN = """() => {
  const doc = wengert.doc.value;
  if (doc.program.why) return null;
  const numbers = (values) => values.map((v) => v.map(Number));
  const made = wengert.run(doc.program, doc.sweeps.sends, numbers(doc.program.inputs), numbers(doc.program.direction));
  const flat = (map) => Object.fromEntries([...map].map(([i, record]) => [i, record.v]));
  return {primal: flat(made.primal), tangent: flat(made.tangent), adjoint: flat(made.adjoint)}; }"""


@settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
@given(programs(longest=14))
def test_random_programs(show: Any, program: Program) -> None:
    f = program.function()
    page = wg.view(f, *program.args, open=False, symbolic=False)
    tab = show(page)
    assert tab.evaluate("wengert.layout().note") == "", "ELK failed"
    tab.keyboard.press("End")
    for name in ("step", "table", "jacobian", "duality", "find"):
        tab.locator(f"#tab-{name}").click()
    made = tab.evaluate(AGAIN)
    if made is None:
        return
    sweeps = page.document["sweeps"]
    for kind in made:
        for i, number in enumerate(sweeps[kind]):
            record = None if number is None else sweeps["records"][number]
            if record is not None and "v" in record:
                want, got = (np.array([float(x) for x in v]) for v in (record["v"], made[kind][str(i)]))
                scale = max(1.0, float(np.max(np.abs(want), initial=0)))
                np.testing.assert_allclose(got / scale, want / scale, rtol=1e-4, atol=1e-4, err_msg=f"{kind} {i}")


def steps(x: Any, v: Any, count: int) -> Any:
    for _ in range(count):
        a = np.sin(x) * v
        v = v + 0.001 * a
        x = x + 0.001 * v
    return x * v


@pytest.mark.parametrize("count", [300, pytest.param(1667, marks=pytest.mark.nightly)])
def test_of_a_large_graph_only_what_is_seen_is_in_the_document(show: Any, count: int) -> None:
    page = wg.view(lambda x, v: steps(x, v, count), 1.0, 2.0, open=False, symbolic=False)
    equations = len(page.document["graph"]["equations"])
    assert equations == 6 * count + 1
    tab = show(page)
    nodes = "document.querySelectorAll('.node').length"
    assert 5 < tab.evaluate(nodes) <= 150
    tab.get_by_role("button", name="Expand all").click()
    for _ in range(500):
        if tab.evaluate("wengert.layout().items.length") > equations and not tab.evaluate("wengert.busy.value"):
            break
        tab.wait_for_timeout(20)
    assert tab.evaluate("wengert.layout().items.length") == equations + 3
    tab.wait_for_timeout(200)
    assert 0 < tab.evaluate(nodes) < 400
    tab.get_by_role("button", name="Fit").click()
    tab.wait_for_timeout(200)
    assert tab.evaluate(nodes) == 0, "far away, nodes are one path"
    assert tab.locator(".far path").count() >= 2
    tab.keyboard.press("End")
    tab.wait_for_timeout(200)
    assert "gradients" in tab.locator(".where").text_content()
