"""Graphs to machine code.

Nothing is imported before the first graph is compiled, and LLVM (``compiler``, ``target`` and what they import: it
takes long to load) only once there is a kernel that is not on disk.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import compiler as compiler
    from . import disk as disk
    from . import inspect as inspect
    from . import loading as loading
    from . import profile as profile
    from . import target as target
    from .program import NativeProgram as NativeProgram


def __getattr__(name: str) -> Any:
    if name == "NativeProgram":
        return importlib.import_module("wengert.run.llvm.program").NativeProgram
    if name == "inspect":
        return importlib.import_module("wengert.run.llvm.inspect")
    if name == "profile":
        return importlib.import_module("wengert.run.llvm.profile")
    if name == "compiler":
        return importlib.import_module("wengert.run.llvm.compiler")
    if name == "loading":
        return importlib.import_module("wengert.run.llvm.loading")
    if name == "target":
        return importlib.import_module("wengert.run.llvm.target")
    if name == "disk":
        return importlib.import_module("wengert.run.llvm.disk")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
