"""The page as a Jupyter widget, which another page can be put into; made with the package anywidget."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError, explain

if TYPE_CHECKING:
    from .viewing import Page


def widget(page: Page, height: int) -> Any:
    """Return a widget that shows a page.

    Raises
    ------
    MissingExtraError
        If anywidget is not installed.
    """
    made = _kind()(height=height)
    made.show(page)
    return made


@cache
def _kind() -> Any:
    """Return the class, which can only be made where anywidget is there."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingExtraError(
            explain(
                "A widget in a notebook is made by the package anywidget.",
                found="anywidget is not installed",
                fix="pip install 'wengert[view]'; or let the notebook show the page itself, which needs nothing",
            )
        ) from error

    def show(self: Any, page: Page) -> None:
        """Show another page in this widget's place, for instance of the same function at another point."""
        with self.hold_sync():
            self.title = repr(page)
            self.html = page.html

    return type(
        "PageWidget",
        (anywidget.AnyWidget,),
        {
            "__doc__": "A page in a notebook.",
            "_esm": files(__package__).joinpath("widget.js").read_text(encoding="utf-8"),
            "html": traitlets.Unicode().tag(sync=True),
            "title": traitlets.Unicode().tag(sync=True),
            "height": traitlets.Int(720).tag(sync=True),
            "show": show,
        },
    )
