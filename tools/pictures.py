"""Take the pictures in ``docs/pictures`` of the page that ``wg.view`` writes.

    python tools/pictures.py

Needs Playwright and a Chromium (``apt-get install chromium``, or set WENGERT_CHROMIUM).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1360, "height": 760}


def press(tab: Any, key: str, times: int = 1) -> None:
    for _ in range(times):
        tab.keyboard.press(key)


def backward(tab: Any) -> None:
    """The lecture's example at the branch, where two contributions add up."""
    press(tab, "ArrowRight", 7)


def simple(tab: Any) -> None:
    """The simple example with every value and gradient on the graph, and the patterns."""
    press(tab, "End")
    tab.locator("#tab-patterns").click()


def roads(tab: Any) -> None:
    """Four roads, in dark colours."""
    press(tab, "Shift+ArrowRight")
    tab.locator("#tab-roads").click()
    tab.locator(".chart").first.scroll_into_view_if_needed()


def network(tab: Any) -> None:
    """A network in the middle of its backward pass."""
    press(tab, "Shift+ArrowRight", 2)
    press(tab, "ArrowRight", 8)
    tab.locator("#tab-training").click()


def loops(tab: Any) -> None:
    """Inside of two loops, in the middle of an iteration of each."""
    for depth in range(2):
        tab.locator(".door").click()
        tab.wait_for_timeout(600)
        tab.locator(".insidebar input").nth(depth).fill("2")
    tab.mouse.move(0, 0)
    tab.evaluate("document.activeElement.blur()")  # a slider that has the focus takes the arrows for itself
    tab.wait_for_timeout(600)
    press(tab, "Shift+ArrowRight", 2)
    press(tab, "ArrowRight", 3)


def main() -> int:
    from playwright.sync_api import sync_playwright

    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "examples")]
    import lecture

    import wengert as wg

    chromium = os.environ.get("WENGERT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("tools/pictures.py needs a Chromium; set WENGERT_CHROMIUM to its path")
    point = lecture.xor_point()
    pages: dict[str, tuple[Any, str, Callable[[Any], None]]] = {
        "backward": (wg.view(lecture.f, 2.0, 3.0, manual=lecture.df, open=False), "light", backward),
        "simple": (wg.view(lecture.simple, 1.0, 2.0, 0.0, open=False), "light", simple),
        "roads": (wg.view(lecture.f, 2.0, 3.0, manual=lecture.df, open=False), "dark", roads),
        "network": (
            wg.view(lecture.xor_loss, *point, parameters=(2, 3, 4, 5), learning_rate=0.3, open=False),
            "light",
            network,
        ),
        "loops": (wg.view(wg.jit(lecture.relaxation), 0.3, 0.2, open=False), "light", loops),
    }
    PICTURES.mkdir(exist_ok=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for name, (page, scheme, prepare) in pages.items():
            tab = browser.new_page(viewport=SIZE, color_scheme=scheme)
            tab.goto(page.save(Path(folder) / f"{name}.html").as_uri())
            tab.wait_for_selector(".node")
            while tab.locator(".busy").count():
                tab.wait_for_timeout(50)
            prepare(tab)
            tab.wait_for_timeout(400)
            target = PICTURES / f"{name}.png"
            tab.screenshot(path=target)
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")
            tab.close()
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
