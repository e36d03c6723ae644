"""Getting ready to compile before there is something to compile.

Loading LLVM takes some 50 ms, and so does compiling the runtime, which every program needs.  A process that finds the
runtime on disk will probably find its kernels there, too, and needs neither.  Any other gets both started, in a
thread, as soon as it asks for ``wg.grad``, ``wg.jit`` or the like: until a function has been called, recorded and
differentiated, much of it is done.
"""

from __future__ import annotations

import functools
import os
import threading

from . import llvm


@functools.cache
def get_ready() -> None:
    """Start loading what the first compilation in this process will need; returns at once."""
    thread = threading.Thread(target=_load, name="wengert-get-ready")
    # A child that is forked meanwhile would wait forever for locks that this thread holds.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=thread.join)
    thread.start()


def _load() -> None:
    try:
        llvm.loading.load()
    except Exception:  # noqa: BLE001  whoever needs it now tries again, and gets to see the error
        return
