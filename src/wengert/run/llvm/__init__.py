"""Graphs to machine code.  llvmlite takes long to load, so that nothing is imported before the first compilation."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import disk as disk
    from . import inspect as inspect
    from .program import NativeProgram as NativeProgram


def __getattr__(name: str) -> Any:
    if name == "NativeProgram":
        return importlib.import_module("wengert.run.llvm.program").NativeProgram
    if name == "inspect":
        return importlib.import_module("wengert.run.llvm.inspect")
    if name == "disk":
        return importlib.import_module("wengert.run.llvm.disk")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
