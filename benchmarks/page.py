"""How fast the page opens and pans with ten thousand equations.

    python -m benchmarks.page            # needs Playwright and a Chromium; see tools/pictures.py

Reported: the size of the file; milliseconds from the start of loading until the page takes steps, until the graph is
there in a plain layout, and until it is there in ELK's (medians of several loads); milliseconds of one step; frames per
second while the graph is dragged, with groups collapsed and with every equation shown (close by, and from so far away
that all of them are in the window).
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import wengert as wg

LOADS = 5
FRAMES = 120
DRAG = """async (frames) => {
  const canvas = document.querySelector('.graph'); const area = canvas.getBoundingClientRect();
  const fire = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type,
    {clientX: area.left + x, clientY: area.top + y, pointerId: 1, button: 0, pointerType: 'touch', bubbles: true}));
  canvas.setPointerCapture = () => {};
  fire('pointerdown', 300, 300);
  const stamps = [];
  await new Promise((done) => { const tick = (now) => { stamps.push(now);
    fire('pointermove', 300 + 90 * Math.sin(stamps.length / 20), 300 + 60 * Math.cos(stamps.length / 15));
    if (stamps.length <= frames) requestAnimationFrame(tick); else done(); }; requestAnimationFrame(tick); });
  fire('pointerup', 0, 0);
  return stamps.slice(1).map((s, k) => s - stamps[k]); }"""
STEP = """async () => { const start = performance.now(); wengert.go(wengert.step.value + 1);
  await new Promise(requestAnimationFrame); return performance.now() - start; }"""


def program(x: Any, v: Any) -> Any:
    """Return the result of 1,667 steps of a pendulum: 10,003 equations."""
    for _ in range(1667):
        a = np.sin(x) * v
        v = v + 0.001 * a
        x = x + 0.001 * v
    return x * v


def rate(tab: Any) -> str:
    """Drag the graph; return frames per second, and the time of the slowest frame in twenty."""
    times = sorted(tab.evaluate(DRAG, FRAMES))
    return f"{1000 * len(times) / sum(times):.0f} frames/s (19 of 20 within {times[int(0.95 * len(times))]:.0f} ms)"


def settled(tab: Any) -> None:
    """Wait until nothing is laid out any more."""
    while tab.evaluate("wengert.busy.value"):
        tab.wait_for_timeout(10)


def main() -> int:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("WENGERT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("benchmarks.page needs a Chromium; set WENGERT_CHROMIUM to its path", file=sys.stderr)
        return 1
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = wg.view(program, 1.0, 2.0, open=False).save(Path(folder) / "large.html")
        print(f"{path.stat().st_size / 1e6:.2f} MB")
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        ready: list[float] = []
        shown: list[float] = []
        laid_out: list[float] = []
        for _ in range(LOADS):
            tab = browser.new_page(viewport={"width": 1440, "height": 860})
            tab.goto(path.as_uri())
            settled(tab)
            marks = "performance.getEntriesByName"
            ready.append(tab.evaluate(f"{marks}('interactive')[0].startTime"))
            shown.append(tab.evaluate(f"({marks}('shown')[0] ?? {marks}('drawn')[0]).startTime"))
            laid_out.append(tab.evaluate(f"{marks}('drawn')[0].startTime"))
            if len(ready) < LOADS:
                tab.close()
        middle = statistics.median
        print(f"takes steps after {middle(ready):.0f} ms")
        print(f"drawn after {middle(shown):.0f} ms in a plain layout, after {middle(laid_out):.0f} ms by ELK")
        print(f"a step: {statistics.median(tab.evaluate(STEP) for _ in range(30)):.1f} ms")
        print(f"dragging, groups collapsed: {rate(tab)}")
        tab.get_by_role("button", name="Expand all").click()
        settled(tab)
        tab.wait_for_timeout(500)
        print(f"dragging, every equation, close by: {rate(tab)}")
        tab.get_by_role("button", name="Fit").click()
        tab.wait_for_timeout(500)
        print(f"dragging, every equation, all in the window: {rate(tab)}")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
