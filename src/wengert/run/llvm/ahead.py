"""Getting ready to compile before there is something to compile.

Loading LLVM takes some 50 ms, and so does compiling the runtime, which every program needs.  A process that finds the
runtime on disk will probably find its kernels there, too, and need neither.  Any other gets both started as soon as it
asks for a jitted function, in a thread: until the function is called, and then recorded and differentiated, much of
it is done.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading

import llvmlite
from llvmlite.utils import get_library_name

from .. import llvm
from . import disk, runtime
from . import program as program  # it is imported when a function is jitted, not in its first call


@functools.cache
def get_ready() -> None:
    """Start loading what the first compilation in this process will need; returns at once."""
    if disk.holds(runtime.RUN):
        return
    thread = threading.Thread(target=_load, name="wengert-get-ready")
    # A child that is forked meanwhile would wait forever for locks that this thread holds.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=thread.join)
    thread.start()


def _load() -> None:
    """Load LLVM and compile the runtime.

    Importing llvmlite would hold the interpreter's lock while the system loads the library.  Asked directly, the
    system does so while Python goes on, and llvmlite finds the library there.
    """
    try:
        path = os.path.join(os.path.dirname(llvmlite.__file__), "binding", get_library_name())
        if os.name == "posix" and os.path.exists(path):
            ctypes.CDLL(None).dlopen(os.fsencode(path), ctypes.c_int(os.RTLD_NOW))
        llvm.compiler.compiled  # noqa: B018  loads it
        runtime.library()
    except Exception:  # noqa: BLE001  whoever needs it now tries again, and gets to see the error
        return
