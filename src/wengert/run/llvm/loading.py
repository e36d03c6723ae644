"""Loading LLVM before it is needed; see :mod:`wengert.run.ahead`."""

from __future__ import annotations

import ctypes
import os

import llvmlite
from llvmlite.utils import get_library_name

from .. import llvm
from . import disk, kernels, runtime


def load() -> None:
    """Load LLVM and compile what many programs need, unless that is on disk.

    Importing llvmlite would hold the interpreter's lock while the system loads the library.  Asked directly, the
    system does so while Python goes on, and llvmlite finds the library there.
    """
    if disk.holds(runtime.RUN):
        return
    path = os.path.join(os.path.dirname(llvmlite.__file__), "binding", get_library_name())
    if os.name == "posix" and os.path.exists(path):
        ctypes.CDLL(None).dlopen(os.fsencode(path), ctypes.c_int(os.RTLD_NOW))
    llvm.compiler.compiled  # noqa: B018  loads it
    runtime.library()
    kernels.products()
