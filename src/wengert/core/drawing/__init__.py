"""Pictures of graphs: DOT, Mermaid, SVG.  Nothing is loaded before the first picture is drawn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import draw as draw
    from . import picture as picture


def __getattr__(name: str) -> Any:
    if name == "draw":
        return importlib.import_module("wengert.core.drawing.draw")
    if name == "picture":
        return importlib.import_module("wengert.core.drawing.picture")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
