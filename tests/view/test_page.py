"""The page in a real browser: steps, panels, groups, live editing, the keyboard, hostile texts."""

from __future__ import annotations

import re
import sys
from typing import Any

import lecture
import numpy as np
import pytest

import wengert as wg
from wengert.view import exports
from wengert.view.html import render

from .conftest import drawn


def page(f: Any = lecture.f, *args: Any, **options: Any) -> Any:
    return wg.view(f, *(args or (2.0, 3.0)), open=False, **{"symbolic": False, **options})


def node(tab: Any, name: str) -> str:
    return str(tab.locator(f"#n-{name}").text_content())


def until(tab: Any, condition: str) -> None:
    """Wait for a condition; the page's security policy forbids the browser's own way of polling for one."""
    for _ in range(400):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(20)
    raise AssertionError(f"never came true: {condition}")


def keys(tab: Any, key: str, times: int = 1) -> None:
    for _ in range(times):
        tab.keyboard.press(key)


def test_the_forward_pass_fills_in_values_in_order(show: Any) -> None:
    tab = show(page())
    assert "v2 = ?" in node(tab, "e0")
    keys(tab, "ArrowRight")
    assert "v2 = 0.9093" in node(tab, "e0")
    assert "v3 = ?" in node(tab, "e1")
    keys(tab, "ArrowRight", 2)
    assert "v4 = 6.909" in node(tab, "e2")
    assert "∂" not in node(tab, "e2")


def test_the_backward_pass_adds_contributions_at_a_branch(show: Any) -> None:
    tab = show(page())
    keys(tab, "ArrowRight", 6)
    assert "∂ 3 + …" in node(tab, "i0")  # one of two contributions
    keys(tab, "ArrowRight")
    assert "∂ 2.584" in node(tab, "i0")
    panel = tab.locator("#panel")
    assert "Gradients add at the branch x1" in panel.text_content()
    formula = panel.locator(".branch annotation").first.text_content()
    assert re.sub(r"\\left|\\right|\s", "", formula) == r"\bar{x}_{1}=3+(-0.4161)=2.584"
    keys(tab, "ArrowLeft")
    assert "∂ 3 + …" in node(tab, "i0")


def test_forward_mode_along_another_direction(show: Any) -> None:
    tab = show(page())
    keys(tab, "f")
    keys(tab, "End")
    assert "· 2.584" in node(tab, "o0")
    tab.get_by_role("button", name="x2", exact=True).click()
    assert "· 2" in node(tab, "o0") and "2.584" not in node(tab, "o0")
    tab.get_by_label("tangent of x1").fill("10")
    tab.get_by_label("tangent of x1").press("Enter")
    assert f"· {10 * (np.cos(2) + 3) + 2:.2f}" in node(tab, "o0")


def test_an_input_is_changed_and_everything_follows(show: Any) -> None:
    tab = show(page(lecture.simple, 1.0, 2.0, 0.0))
    keys(tab, "End")
    assert "∂ 5" in node(tab, "i1")
    tab.get_by_label("z", exact=True).fill("7")
    tab.get_by_label("z", exact=True).press("Tab")
    assert "21" in node(tab, "o0")
    assert "∂ 7" in node(tab, "i1") and "∂ 3" in node(tab, "i2")
    tab.get_by_text("Back to the values from Python").click()
    assert "∂ 5" in node(tab, "i1")


def test_another_path_through_the_program_is_refused(show: Any) -> None:
    def f(x: Any) -> Any:
        return x * 2 if x > 1 else x * 3

    tab = show(page(f, 2.0))
    tab.get_by_label("x", exact=True).fill("1.5")
    tab.get_by_label("x", exact=True).press("Tab")
    assert tab.get_by_role("alert").count() == 0
    tab.get_by_label("x", exact=True).fill("0.5")
    tab.get_by_label("x", exact=True).press("Tab")
    assert "takes another path" in tab.get_by_role("alert").text_content()


def test_play_and_jump(show: Any) -> None:
    tab = show(page())
    keys(tab, "Shift+ArrowRight")
    assert "step 4 of 9" in tab.locator(".where").text_content()
    tab.get_by_label("Speed").select_option("20")
    keys(tab, "Space")
    until(tab, "document.querySelector('.where').textContent.includes('step 9 of 9')")
    assert "∂ 2.584" in node(tab, "i0")
    keys(tab, "Home")
    assert "step 1 of 9" in tab.locator(".where").text_content()


def test_a_click_shows_the_line_and_a_line_its_equation(show: Any) -> None:
    tab = show(page(lecture.simple, 1.0, 2.0, 0.0))
    tab.locator("#n-e1").click()
    assert "np.maximum" in tab.locator(".source li.now").text_content()
    tab.locator(".source button", has_text="return s * m").click()
    assert "step 4 of 9" in tab.locator(".where").text_content()
    tab.locator("#n-e0").hover()
    assert "s = x + y" in tab.locator(".tip").text_content()


PANELS = {
    "table": "Backward sweep, last equation first",
    "graph": "There is no directed cycle",
    "patterns": "gradient distributor",
    "roads": "The error of differences over the step size",
    "jacobian": "The Jacobian 1 × 2",
    "duality": "The linearised program beside its transpose",
    "costs": "Memory over the course of a sweep",
    "find": "3 equations",
}


@pytest.mark.parametrize("name", PANELS)
def test_panels(show: Any, name: str) -> None:
    tab = show(page(manual=lecture.df))
    tab.locator(f"#tab-{name}").click()
    assert PANELS[name] in tab.locator("#panel").text_content()


def test_four_roads_have_numbers(show: Any) -> None:
    tab = show(page(manual=lecture.df, symbolic=True))
    tab.locator("#tab-roads").click()
    rows = tab.locator(".roads tbody tr.road").all_text_contents()
    roads = ["manual", "symbolic", "numerical", "numerical", "automatic", "automatic"]
    assert all(row.startswith(road) for row, road in zip(rows, roads, strict=True))
    assert all("2.58385, 2" in row for row in rows)
    assert tab.locator(".chart circle").count() >= 20


def test_the_jacobian_fills_by_columns_or_by_rows(show: Any) -> None:
    tab = show(page(lambda x: np.outer(x, x)[0] * 2, np.arange(1.0, 4.0)))
    tab.locator("#tab-jacobian").click()
    assert tab.locator(".matrix .on").count() == 9
    tab.get_by_role("button", name="Forward: 3 sweeps").click()
    until(tab, "document.querySelectorAll('.matrix .on').length === 9")
    tab.get_by_role("button", name="One sweep").click()
    on = tab.evaluate("[...document.querySelectorAll('.matrix g')].map(g => g.classList.contains('on'))")
    assert on == [True, False, False] * 3
    tab.get_by_role("button", name="Reverse: 3 sweeps").click()
    until(tab, "document.querySelectorAll('.matrix .on').length === 9")
    tab.get_by_role("button", name="One sweep").click()
    on = tab.evaluate("[...document.querySelectorAll('.matrix g')].map(g => g.classList.contains('on'))")
    assert on == [True] * 3 + [False] * 6


def test_duality_moves_through_both_programs_in_step(show: Any) -> None:
    tab = show(page())
    tab.locator("#tab-duality").click()
    tab.get_by_role("button", name="Next pair").click()
    now = tab.locator(".dualnode.now").all_text_contents()
    assert now == ["×", "×"]
    assert tab.locator(".pairs tr.now").count() == 1
    markers = tab.locator(".dualgraph.t .edge, .dualgraph.a .edge")
    assert markers.count() == 2 * tab.locator(".dualgraph.t .edge").count()


LARGEST = """([first, last]) => { const doc = wengert.doc.value; let top = 0;
  for (let k = first; k <= last; k++) for (const i of doc.graph.equations[k].outputs)
    for (const x of doc.sweeps.records[doc.sweeps.adjoint[i]]?.v ?? []) top = Math.max(top, Math.abs(x));
  return top; }"""


def test_a_network_its_layers_and_its_training_step(show: Any) -> None:
    tab = show(page(lecture.xor_loss, *lecture.xor_point(), parameters=(2, 3, 4, 5), learning_rate=0.3))
    assert tab.locator(".frame.layer").count() == 2
    assert tab.locator(".node.data").count() == 2 and tab.locator(".node.parameter").count() == 4
    assert "12×6" in tab.locator(".edges").text_content()
    tab.locator("#tab-training").click()
    stages = tab.locator(".stages").text_content()
    assert "0.42616" in stages and "0.31126" in stages
    tab.get_by_role("button", name="2 · B-pass").click()
    assert "the seed" in tab.locator(".where").text_content()
    tab.get_by_label("Collapse layer 1").focus()
    tab.wait_for_timeout(100)
    frame = tab.locator(".frame.layer").first.bounding_box()
    keys(tab, "Enter")
    tab.wait_for_selector(".node.group")
    assert tab.locator(".node.group").count() == 1
    drawn(tab)
    folded = tab.locator(".node.group").bounding_box()
    assert folded["y"] == pytest.approx(frame["y"], abs=3), "it stays where it was"
    layer = tab.locator(".node.group")
    assert "w1 2×6 · b1 6" in layer.text_content() and "5 equations" in layer.text_content()
    assert "max" not in layer.text_content(), "no gradient has come through yet"
    keys(tab, "End")
    span = tab.evaluate("(({first, last}) => [first, last])(wengert.doc.value.graph.groups[0])")
    largest = tab.evaluate(LARGEST, span)
    assert f"max |∂| {largest:.3g}" in layer.text_content()
    tab.get_by_role("button", name="Fit").click()
    layer.hover()
    assert "w1: 2×6, gradient" in tab.locator(".tip").text_content()
    keys(tab, "f")
    keys(tab, "End")
    assert "max |·|" in layer.text_content()
    layer.press("Enter")
    until(tab, "document.querySelectorAll('.frame.layer').length === 2")


def test_the_first_bad_equation_is_found(show: Any) -> None:
    def f(x: Any) -> Any:
        y = x * x
        z = np.log(y - 4.0)
        return z + np.sqrt(y)

    tab = show(page(f, 1.0))
    tab.locator("#tab-find").click()
    assert "v4 = log(v3) of the forward pass" in tab.locator(".card.alarm").text_content().replace("\n", " ")
    tab.get_by_role("button", name="NaN or ∞ in values").click()
    assert tab.locator(".results tbody tr").count() == 2
    tab.get_by_role("button", name="Mark them").click()
    assert tab.locator(".node.marked").count() == 2
    tab.locator("#tab-step").click()
    tab.get_by_role("button", name="values not finite, first at v4").click()
    assert "v4" in tab.locator(".node.focus").text_content()
    assert tab.locator("#tab-find").get_attribute("aria-selected") == "true"
    assert tab.locator(".node.bad").count() == 0, "nothing has been computed yet"
    keys(tab, "End")
    bad = [str(text).partition(" =")[0] for text in tab.locator(".node.bad .value").all_text_contents()]
    assert "v4" in bad and "v3" not in bad


def test_search(show: Any) -> None:
    tab = show(page(lecture.simple, 1.0, 2.0, 0.0))
    keys(tab, "/")
    tab.keyboard.type("maximum")
    assert tab.locator(".results tbody tr").all_text_contents()[0].startswith("v4 = max(y, z)")
    assert tab.locator(".results tbody tr").count() == 1


@pytest.mark.parametrize("tour", ["lecture", "simple", "network"])
def test_tours_can_be_gone_through_and_left(show: Any, tour: str) -> None:
    tab = show(page())
    tab.locator("#tab-tours").click()
    tab.locator(".tourlist .card").nth(["lecture", "simple", "network"].index(tour)).get_by_role("button").click()
    stops = int(re.search(r"1 of (\d+)", tab.locator(".tour").text_content()).group(1))  # type: ignore[union-attr]
    seen = set()
    for _ in range(stops - 1):
        seen.add(tab.locator(".tour h2").text_content())
        tab.get_by_role("button", name="Next", exact=True).click()
    assert len(seen) == stops - 1
    tab.get_by_role("button", name="Finish").click()
    assert tab.locator(".tour").count() == 0
    tab.get_by_role("button", name="Back to f(x1, x2)").click()
    assert tab.locator("h1").text_content() == "f(x1, x2)"


def test_a_page_without_a_function_has_its_tours(show: Any) -> None:
    tab = show(wg.view(open=False), width=1440)
    assert "Guided tours" in tab.locator("#panel").text_content()


HOSTILE = '</script><img src=x onerror="document.title=1"><script>document.title="owned"</script>'


def test_hostile_names_do_nothing(show: Any) -> None:
    made = page(lecture.simple, 1.0, 2.0, 0.0)
    document = made.document
    document["title"] = document["function"]["name"] = HOSTILE
    for place in (document["sources"][0], document["graph"]["outputs"][0]):
        for key, value in place.items():
            if isinstance(value, str):
                place[key] = HOSTILE
    document["sources"][0]["lines"] = [HOSTILE, "$\\href{javascript:alert(1)}{x}$"]
    for value in document["graph"]["values"]:
        value[0] = f"{HOSTILE}{value[0]}"
    for equation in document["graph"]["equations"]:
        equation["text"] = HOSTILE
    tab = show(made, width=1440)
    for name in ("step", "table", "graph", "patterns", "find", "jacobian", "duality"):
        tab.locator(f"#tab-{name}").click()
    keys(tab, "ArrowRight", 6)
    assert tab.locator("img").count() == 0
    assert tab.title() != "owned" and HOSTILE in tab.title()
    assert tab.locator("h1").text_content() == HOSTILE


def test_a_hostile_function_from_python(show: Any) -> None:
    code = 'def f(x):\n    "</script><script>document.title=1</script>"\n    return x * 2\n'
    scope: dict[str, Any] = {}
    exec(compile(code, "</script><img src=y>.py", "exec"), scope)
    scope["f"].__name__ = scope["f"].__qualname__ = HOSTILE
    tab = show(page(scope["f"], 1.0), width=1440)
    assert HOSTILE.rsplit(".", 1)[-1] in tab.title()
    assert tab.locator("img").count() == 0


def test_the_policy_admits_one_script_and_no_connection() -> None:
    html = render(None)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)  # type: ignore[union-attr]
    assert "default-src 'none'" in policy and "connect-src" not in policy
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert re.fullmatch(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", script)
    assert len(html.encode()) < 3_000_000


def test_narrow_windows_and_zoom(show: Any) -> None:
    tab = show(page(), width=400, height=800)
    wide = tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400
    assert tab.locator(".node").count() == 6
    tab = show(page())
    scale = "parseFloat(/scale\\(([\\d.]+)/.exec(document.querySelector('.scene').getAttribute('transform'))[1])"
    before = tab.evaluate(scale)
    tab.get_by_role("button", name="Zoom in").click()
    until(tab, f"{scale} > {before} * 1.2")


def download(tab: Any, name: str) -> bytes:
    tab.locator(".menu summary").click()
    with tab.expect_download() as started:
        tab.get_by_role("button", name=name).click()
    return started.value.path().read_bytes()


def test_the_drawing_can_be_saved(show: Any) -> None:
    tab = show(page())
    for what, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("JSON", b'{"schema":"wengert.view"')):
        data = download(tab, f"as {what}")
        assert data.startswith(start), what
        assert len(data) > 2000


def test_what_the_page_saves_is_what_python_saves(show: Any, tmp_path: Any) -> None:
    onnx = pytest.importorskip("onnx")
    made = page(lecture.xor_loss, *lecture.xor_point(), parameters=(2, 3, 4, 5))
    tab = show(made)
    for what, ending in (("Graph as DOT", "dot"), ("Graph as Mermaid", "mmd"), ("Tables as LaTeX", "tex")):
        assert download(tab, what) == made.save(tmp_path / f"f.{ending}").read_bytes(), what
    model = onnx.load_from_string(download(tab, "Program as ONNX"))
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node].count("Max") == 1
    assert [i.name for i in model.graph.input] == [
        made.document["graph"]["values"][i["value"]][0] for i in made.document["graph"]["inputs"]
    ]


def test_from_inside_of_a_loop_the_whole_program_is_saved(show: Any) -> None:
    made = page(lambda x: wg.fori_loop(0, 5, lambda k, c: np.sin(c), x), 0.7)
    tab = show(made)
    whole = download(tab, "Graph as DOT")
    tab.locator(".door").click()
    assert download(tab, "Graph as DOT") == whole
    assert download(tab, "as JSON").count(b'"bodies":[{') == 1


def test_a_format_that_there_is_not_says_why_and_how_to_get_it(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    tab = show(page())
    tab.locator(".menu summary").click()
    text = tab.locator(".menu").text_content()
    assert "Program as ONNX: not in this page: ONNX models are written by the package onnx." in text
    assert '.save("f.onnx")' in text
    assert tab.get_by_role("button", name="Program as ONNX").count() == 0
    for shut in (lambda: keys(tab, "Escape"), lambda: tab.locator(".legend").click()):
        assert tab.locator(".menu > div").is_visible()
        shut()
        assert not tab.locator(".menu > div").is_visible()
        tab.locator(".menu summary").click()
    keys(tab, "Escape")


def test_large_programs_hold_no_other_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_EMBEDDED", 2)
    assert all("up to 2" in one["why"] for one in page().document["exports"].values())
    monkeypatch.undo()
    monkeypatch.setattr(exports, "_MOST_BYTES", 100)
    assert all("bytes; the page holds up to 100" in one["why"] for one in page().document["exports"].values())


def test_in_a_notebooks_frame(browser: Any, tmp_path: Any) -> None:
    made = page()
    # No encoding is said: the frame's script must be admitted all the same.
    (tmp_path / "notebook.html").write_bytes(b"<!doctype html><body>" + made._repr_html_().encode())
    context = browser.new_context()
    tab = context.new_page()
    errors: list[str] = []
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.goto((tmp_path / "notebook.html").as_uri())
    frame = tab.frame_locator("iframe")
    frame.locator(".node").first.wait_for()
    frame.get_by_role("button", name="Step", exact=True).click()
    assert "v2 = 0.9093" in frame.locator("#n-e0").text_content()
    assert errors == []
    context.close()
