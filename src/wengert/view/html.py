"""The page: one HTML file that needs nothing else, with a document in it."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from typing import Any, Final

_TITLE: Final = "<title>Wengert</title>"
_DATA: Final = '<script type="application/json" id="document">null</script>'
_TOURS: Final = '<script type="application/json" id="tours">null</script>'


def render(document: dict[str, Any] | None) -> str:
    """Return the page with a document, or with the tours only.

    What stands in the page besides the page's own code is JSON in which ``<``, ``>`` and ``&`` are escaped: no text of
    the user's can end the script element that holds it, and the page itself writes texts as texts only.
    """
    folder = files(__package__) / "page"
    template = (folder / "index.html").read_text(encoding="utf-8")
    tours = (folder / "tours.json").read_text(encoding="utf-8")
    page = template
    if document is not None:
        page = _put(page, _TITLE, f"<title>{html.escape(document['title'])} - Wengert</title>")
        page = _put(page, _DATA, _script("document", json.dumps(document, allow_nan=False, separators=(",", ":"))))
    return _put(page, _TOURS, _script("tours", tours))


def _put(page: str, mark: str, text: str) -> str:
    before, found, after = page.partition(mark)
    if not found:
        raise RuntimeError(f"the page's template has no {mark}; build it again with `make page`")
    return before + text + after


def _script(name: str, data: str) -> str:
    for character in "<>&\u2028\u2029":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" id="{name}">{data}</script>'
