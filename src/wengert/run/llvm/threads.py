"""The pool of threads that share large loops.

The threads run native code only (:mod:`.runtime`) and never touch Python.  They are started when the first program
that has a large loop is made, and again in a forked child when it runs one.  Results do not depend on how many there
are.

The number of threads is that of the cores that the process may use, or ``$WENGERT_NUM_THREADS``, or
``$OMP_NUM_THREADS``.  Where there are no POSIX threads, there is one.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
from threading import Lock
from typing import Final

import numpy as np

from .runtime import INITIALISE, STATE_WORDS, STOP, WORKER, WORKERS, library


def count() -> int:
    """Return how many threads share a large loop, the caller's included."""
    if os.name != "posix":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for variable in ("WENGERT_NUM_THREADS", "OMP_NUM_THREADS"):
        wanted = os.environ.get(variable, "")
        if wanted.isdigit() and int(wanted) > 0:
            return min(int(wanted), 64)
    return min(cores, 64)


class Pool:
    """The process's pool.

    Attributes
    ----------
    size : int
        Threads, the caller's included.  Fixed when the module is loaded, since programs reserve memory for each.
    address : int
        Of the state that native code works with.
    ready : bool
        Whether the threads run in this process.
    """

    def __init__(self) -> None:
        self.size = count()
        self._memory = np.zeros(STATE_WORDS + 2 * self.size + 16, np.int64)
        start = -self._memory.ctypes.data % 128 // 8
        self._state = self._memory[start : start + STATE_WORDS + 2 * self.size]
        self.address = int(self._state.ctypes.data)
        self.ready = self.size == 1
        self._lock = Lock()
        self._threads: list[int] = []
        if self.size > 1:
            os.register_at_fork(after_in_child=self._forget)
            atexit.register(self._stop)

    def start(self) -> None:
        """Start the threads, if they do not run yet."""
        with self._lock:
            if self.ready:
                return
            ctypes.CFUNCTYPE(None, ctypes.c_int64)(library()[INITIALISE])(self.address)
            create = ctypes.CDLL(None).pthread_create
            create.argtypes = [ctypes.c_void_p] * 4
            # Signals are for Python's threads: these inherit a mask that blocks them all.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                for k in range(1, self.size):
                    argument = STATE_WORDS + 2 * k
                    self._state[argument : argument + 2] = self.address, k
                    handle = ctypes.c_size_t()
                    # A thread that cannot be had is one fewer to share with.
                    if create(ctypes.addressof(handle), None, library()[WORKER], self.address + 8 * argument) == 0:
                        self._threads.append(handle.value)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._state[WORKERS] = len(self._threads)
            self.ready = True

    def _forget(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._lock = Lock()
        self._threads = []
        self._state[:] = 0
        self.ready = False

    def _stop(self) -> None:
        """Let the threads end before their code is unloaded."""
        with self._lock:
            if not self._threads:
                return
            self._state[WORKERS] = 0
            ctypes.CFUNCTYPE(None, ctypes.c_int64)(library()[STOP])(self.address)
            join = ctypes.CDLL(None).pthread_join
            join.argtypes = [ctypes.c_size_t, ctypes.c_void_p]
            for thread in self._threads:
                join(thread, None)
            self._threads = []


POOL: Final = Pool()
