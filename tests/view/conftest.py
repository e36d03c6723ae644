"""A real browser for the tests of the page; where there is none they are skipped and say so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from wengert.view.html import render

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


def absent(what: str) -> NoReturn:
    """Skip a test for want of a program; where everything has to be tested, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = chromium()
    if path is None:
        absent("no Chromium is installed (apt-get install chromium, or set WENGERT_CHROMIUM)")
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


@pytest.fixture(scope="session")
def shared(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A tab that many tests use one after another: reading and compiling the page takes longer than most of them."""
    context = browser.new_context(viewport={"width": 1440, "height": 860})
    context.set_default_timeout(10_000)
    watched = Watched(context.new_page())
    path = tmp_path_factory.mktemp("shared") / "tours.html"
    path.write_text(render(None), encoding="utf-8")
    watched.tab.goto(path.as_uri())
    watched.tab.wait_for_selector(".node")
    return watched


def drawn(tab: Any) -> Any:
    """Wait until the graph is laid out."""
    tab.wait_for_selector(".node")
    for _ in range(500):
        if not tab.evaluate("wengert.busy.value"):
            return tab
        tab.wait_for_timeout(20)
    raise AssertionError("the layout never came")


@pytest.fixture
def show(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Show a page made by ``wg.view``: its document in the shared tab, or with options the file in a tab of its own."""
    opened: list[Watched] = []
    contexts: list[Any] = []

    def open_(page: Any, **options: Any) -> Any:
        if not options:
            watched = request.getfixturevalue("shared")
            watched.errors.clear()
            opened.append(watched)
            watched.tab.mouse.move(0, 0)
            watched.tab.evaluate("(document) => wengert.begin(document)", page.document)
            return drawn(watched.tab)
        path = page.save(tmp_path / f"page{len(opened)}.html")
        size = {"width": options.pop("width", 1440), "height": options.pop("height", 860)}
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        tab = context.new_page()
        opened.append(Watched(tab))
        tab.goto(path.as_uri())
        return drawn(tab)

    yield open_
    try:
        for watched in opened:
            watched.check()
    finally:
        for context in contexts:
            context.close()
