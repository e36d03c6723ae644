"""The page that shows a computation graph, stepped forward and backward, in a browser."""

import sys
from types import ModuleType
from typing import Any

from .onnx import to_onnx
from .viewing import Page, view

__all__ = ["Page", "to_onnx", "view"]


class _Callable(ModuleType):
    """``wengert.view`` is a function for users and a folder of modules for Python; either can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Page:
        return view(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
