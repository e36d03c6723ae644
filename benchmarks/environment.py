"""The process that measures: its environment variables, threads and BLAS, and the description of the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Both override OpenBLAS's own choice for the processor. They belong together: a cache size meant for one kernel
# mistunes another, so either both stay or both go.
BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_READY = "WENGERT_BENCHMARKS_READY"


def ensure_environment(threads: int | None, module: str, arguments: list[str]) -> None:
    """Start this program again in the right environment, unless that is what already happened.

    Thread counts and BLAS kernels are fixed when a library is loaded, so they can only be set before the start.
    """
    if _READY in os.environ:
        return
    environment = {name: value for name, value in os.environ.items() if name not in BLAS_OVERRIDES}
    environment[_READY] = "1"
    environment["TF_CPP_MIN_LOG_LEVEL"] = "2"
    if threads is not None:
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        if hasattr(os, "sched_setaffinity"):  # JAX has no thread-count variable; it counts the cores it may use
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    fields: dict[str, str] = {}
    if info.exists():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    features = [flag for flag in ("avx2", "avx512f") if flag in fields.get("flags", "").split()]
    return name + (", " + " ".join(features) if features else "")


def blas() -> list[str]:
    """One line per BLAS library that is loaded in this process, with the kernel it picked for this processor."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ["unknown (install threadpoolctl to see it)"]
    lines = []
    for library in threadpool_info():
        if library.get("user_api") == "blas":
            kernel = library.get("architecture", "unnamed")
            prefix = library.get("prefix", "")
            lines.append(
                f"{library['internal_api']} {library.get('version')} ({prefix}), kernel {kernel}, "
                f"{library['num_threads']} threads"
            )
    return sorted(set(lines)) or ["none seen by threadpoolctl"]


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def describe(versions: dict[str, str]) -> dict[str, Any]:
    """The machine and the software, without names of people or places in the file system."""
    return {
        "processor": _processor(),
        "cores used": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "libraries": versions,
        "blas": blas(),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ} or "each library's own",
    }
