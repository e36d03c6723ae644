"""A real browser for the tests of the page; where there is none they are skipped and say so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))  # the functions of the lecture

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-domain-reliability", "--disable-sync", "--no-first-run", "--no-pings", "--force-color-profile=srgb",
]  # fmt: skip


def chromium() -> str | None:
    """Return the path of an installed Chromium."""
    return os.environ.get("WENGERT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed (apt-get install chromium, or set WENGERT_CHROMIUM)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


class Watched:
    """A page that remembers what must not happen: errors, and requests to anything but the file itself."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.errors: list[str] = []
        self.requests: list[str] = []
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("request", lambda request: self.requests.append(request.url))

    def check(self) -> None:
        assert self.errors == []
        foreign = [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert foreign == [], "the page asked for something"


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a page made by ``wg.view`` and wait until its graph is drawn."""
    opened: list[Watched] = []
    contexts: list[Any] = []

    def open_(page: Any, width: int = 1440, height: int = 860, **options: Any) -> Any:
        path = page.save(tmp_path / f"page{len(opened)}.html")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        tab = context.new_page()
        opened.append(Watched(tab))
        tab.goto(path.as_uri())
        tab.wait_for_selector(".node")
        return tab

    yield open_
    try:
        for watched in opened:
            watched.check()
    finally:
        for context in contexts:
            context.close()
