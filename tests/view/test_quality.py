"""Accessibility and print: contrast, names, the keyboard, narrow windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lecture
import numpy as np
import pytest

import wengert as wg

TEXTS = ["ink", "soft", "value", "adjoint", "tangent", "alarm"]
PAPERS = ["paper", "surface", "sunken", "now", "data", "parameter", "constant", "loss"]
PANELS = "step table graph patterns roads jacobian duality costs training find compiled tours".split()

RATIO = """
const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
"""
PALETTE = (
    "([texts, papers]) => {"
    + RATIO
    + """
  const probe = document.createElement('i'); document.body.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return rgb(getComputedStyle(probe).color); };
  const found = {};
  for (const t of texts) for (const p of papers) found[`${t} on ${p}`] = ratio(colour(t), colour(p));
  found['accent-ink on accent'] = ratio(colour('accent-ink'), colour('accent'));
  probe.remove(); return found; }"""
)
WALK = (
    "() => {"
    + RATIO
    + """
  const poor = [];
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg, .sr, .katex-mathml, script, [disabled]') || !e.getClientRects().length) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e); const size = parseFloat(style.fontSize);
    const need = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const found = ratio(rgb(style.color), behind(e));
    if (found < need) poor.push(`${e.tagName}.${e.className}: ${e.textContent.slice(0, 30)} ${found.toFixed(2)}`); }
  return poor; }"""
)
NAMELESS = """() => [...document.querySelectorAll(
  'button, input, select, summary, [role=button], [role=tab], [role=img]')]
  .filter((e) => e.getClientRects().length)
  .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim()
    || (e.labels && [...e.labels].some((l) => l.textContent.trim()))))
  .map((e) => e.outerHTML.slice(0, 120))"""


def page() -> Any:
    return wg.view(
        lecture.xor_loss, *lecture.xor_point(), parameters=(2, 3, 4, 5), learning_rate=0.3, open=False, symbolic=False
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_and_names(show: Any, scheme: Any) -> None:
    tab = show(page(), color_scheme=scheme)
    palette = tab.evaluate(PALETTE, [TEXTS, PAPERS])
    assert {pair: round(ratio, 2) for pair, ratio in palette.items() if ratio < 4.5} == {}
    tab.keyboard.press("End")
    for name in PANELS:
        tab.locator(f"#tab-{name}").click()
        assert tab.evaluate(WALK) == [], name
        assert tab.evaluate(NAMELESS) == [], name


def test_poor_contrast_and_a_nameless_button_would_be_found(show: Any) -> None:
    tab = show(page())
    tab.evaluate("""() => { const b = document.createElement('button'); b.id = 'fault'; document.body.append(b);
      const p = document.createElement('p'); p.textContent = 'pale'; p.style.color = '#999'; p.id = 'pale';
      document.querySelector('.panelbody').append(p); }""")
    assert len(tab.evaluate(NAMELESS)) == 1
    assert any("pale" in line for line in tab.evaluate(WALK))
    tab.evaluate("document.getElementById('fault').remove(); document.getElementById('pale').remove()")


def test_everything_by_keyboard(show: Any) -> None:
    tab = show(wg.view(lecture.simple, 1.0, 2.0, 0.0, open=False, symbolic=False))
    seen = set()
    tab.evaluate("document.body.focus()")
    for _ in range(60):
        tab.keyboard.press("Tab")
        seen.add(
            tab.evaluate(
                "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent).slice(0, 40)"
            )
        )
    assert {"Step", "Play", "Reverse", "Forward", "Fit", "Save"} <= seen
    assert any(name.startswith("Computation graph") for name in seen)
    tab.locator("#tab-step").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("[role=tab][aria-selected=true]").text_content() == "Table"
    tab.locator(".graph").focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".node.focus").count() == 1


def test_screen_readers_hear_each_step(show: Any) -> None:
    tab = show(wg.view(lecture.simple, 1.0, 2.0, 0.0, open=False, symbolic=False))
    tab.keyboard.press("ArrowRight")
    assert tab.locator("[aria-live]").text_content() == "Forward: v3 = x + y, value 3"
    assert tab.locator("#n-e0").get_attribute("aria-label") == "v3 = x + y, value 3"
    tab.keyboard.press("End")
    assert tab.locator("#n-i1").get_attribute("aria-label") == "input y, value 2, adjoint 5"


def test_print_leaves_out_what_paper_cannot_do(show: Any) -> None:
    tab = show(page(), width=1200)
    tab.emulate_media(media="print")
    assert not tab.locator(".transport").is_visible()
    assert not tab.locator(".tabs").is_visible()
    assert tab.locator(".source").is_visible() and tab.locator("h1").is_visible()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


# -- axe-core: the rules of WCAG 2.2 AA that a program can check -----------------------------------------------------

AXE = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']});
  const where = (nodes) => nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(' | ');
  return found.violations.map((v) => `${v.id}: ${where(v.nodes)}`); }"""


def axe(tab: Any) -> list[str]:
    """Return what axe-core finds; it is run from outside, since the page's policy admits no other script."""
    if not tab.evaluate("'axe' in globalThis"):
        package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
        (source,) = Path(package.__file__).parent.rglob("axe.min.js")
        tab.evaluate(source.read_text(encoding="utf-8"))
    return [str(line) for line in tab.evaluate(AXE)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(show: Any, scheme: Any) -> None:
    tab = show(page(), color_scheme=scheme)
    tab.keyboard.press("End")
    found = {}
    for name in PANELS:
        tab.locator(f"#tab-{name}").click()
        found[name] = axe(tab)
    tab.locator(".menu summary").click()
    found["menu"] = axe(tab)
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_inside_of_a_compiled_loop(show: Any, scheme: Any) -> None:
    def f(x: Any, w: Any) -> Any:
        for _ in range(8):
            x = np.tanh(x @ w)
        return np.sum(x)

    tab = show(wg.view(wg.jit(f), np.ones(3), np.eye(3), open=False, symbolic=False), color_scheme=scheme)
    tab.locator("#tab-compiled").click()
    tab.get_by_role("button", name="LLVM IR").first.click()
    assert axe(tab) == [], "compiled"
    tab.locator(".door").click()
    assert axe(tab) == [], "inside"
    tab.locator("#tab-find").click()
    assert axe(tab) == [], "find"


def test_axe_finds_a_planted_barrier(show: Any) -> None:
    tab = show(page())
    tab.evaluate("""() => { const b = document.createElement('button'); b.id = 'fault';
      document.querySelector('.legend').parentElement.append(b); }""")
    found = axe(tab)
    tab.evaluate("document.getElementById('fault').remove()")
    assert [line.split(":")[0] for line in found] == ["button-name"]
