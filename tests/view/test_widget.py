"""The page in notebooks: a sandboxed frame, as HTML and as a widget."""

from __future__ import annotations

import base64
import html
import re
from importlib.resources import files
from typing import Any

import lecture
import pytest

import wengert as wg
from wengert.errors import MissingExtraError
from wengert.view.widget import _kind


def page(*args: Any) -> Any:
    return wg.view(lecture.f, *args, open=False, symbolic=False)


def test_the_html_is_one_sandboxed_frame_with_the_page() -> None:
    shown = page(2.0, 3.0)
    found = re.fullmatch(r'<iframe sandbox="([^"]*)" title="[^"]*" style="[^"]*" srcdoc="([^"]*)"></iframe>',
                         shown._repr_html_())  # fmt: skip
    assert found is not None
    assert "allow-same-origin" not in found[1] and "allow-top-navigation" not in found[1]
    assert html.unescape(found[2]) == shown.html


def test_the_widget_shows_one_page_and_then_another() -> None:
    pytest.importorskip("anywidget", reason="the package anywidget is not installed")
    first, second = page(2.0, 3.0), page(4.0, 5.0)
    widget = first.widget(height=500)
    assert (widget.html, widget.height) == (first.html, 500)
    assert {"html", "title", "height"} <= set(widget.keys)
    widget.show(second)
    assert widget.html == second.html != first.html


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "anywidget", None)
    _kind.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'wengert\[view\]'"):
        page(2.0, 3.0).widget()


def test_the_widget_in_a_browser(browser: Any) -> None:
    script = (files("wengert.view") / "widget.js").read_text(encoding="utf-8")
    url = "data:text/javascript;base64," + base64.b64encode(script.encode()).decode()
    tab = browser.new_page()
    try:
        tab.set_content("<main></main>")
        tab.evaluate(
            """async ([url, html]) => {
                const { default: widget } = await import(url);
                const state = { html, title: '<b>', height: 640 };
                const model = { get: (key) => state[key], on() {}, off() {} };
                widget.render({ model, el: document.querySelector('main') });
            }""",
            [url, page(2.0, 3.0).html],
        )
        frame = tab.frame_locator("iframe")
        frame.locator("#n-e0").click()
        tab.keyboard.press("ArrowRight")
        frame.locator("#n-e0", has_text="0.9093").wait_for()
        assert tab.locator("iframe").get_attribute("title") == "<b>"
        assert tab.locator("iframe").get_attribute("sandbox") == "allow-scripts allow-downloads"
    finally:
        tab.close()
