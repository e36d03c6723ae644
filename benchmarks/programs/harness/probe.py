"""The first call of one program in a process of its own with nothing compiled before, and the peak of its memory.

Times are taken in processes with an empty cache.  Memory is taken in another one, which finds there what the first one
has compiled: a compiler leaves behind some megabytes, now more, now less.  What it takes to compile a program is asked
for without running it: the more steps a program has to reverse, the more memory it touches for the first time in its
first run, and that has nothing to do with compiling.

``python -m benchmarks.programs.harness.probe LIBRARY PROGRAM SIZE`` prints one JSON line; `cold` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from typing import Any

from benchmarks.probe import CACHE_AS_SHIPPED, CACHE_ON_REQUEST, _bytecode, _memory, _reset_peak
from benchmarks.programs.harness.suite import load
from benchmarks.programs.harness.versions import copied, jax_gradient, numba_primal, wengert_gradient

TIME_LIMIT = 120.0
COMPILED = 3
"""Processes in which compile time is taken; the quickest counts."""


def probe(library: str, name: str, size: str) -> dict[str, Any]:
    """Seconds of the first and of a later call; the peak of each above what was resident before."""
    program = load(name)
    arguments = copied(program.make(size))
    if library == "compiler":
        gradient = wengert_gradient(program, arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            _ = gradient.lower(*arguments).steps
            return {"program": name, "size": size, "seconds": time.perf_counter() - start}
    result: dict[str, Any] = {"library": library, "program": name, "size": size}
    call = {
        "wengert": lambda: wengert_gradient(program, arguments),
        "numba": lambda: numba_primal(program),
        "jax": lambda: jax_gradient(program, arguments),
    }[library]()
    _reset_peak()
    resident = _memory("VmRSS")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        start = time.perf_counter()
        call(*arguments)
        result["first"] = time.perf_counter() - start
    result["said"] = [str(warning.message) for warning in said]
    result["first_peak"] = _memory("VmHWM") - resident
    _reset_peak()
    start = time.perf_counter()
    call(*arguments)
    result["later"] = time.perf_counter() - start
    result["later_peak"] = _memory("VmHWM") - resident
    return result


def cold(library: str, name: str, size: str) -> dict[str, Any]:
    """Probe in fresh processes, first with an empty cache; ``{"error": ...}`` where it fails or takes too long.

    Returns
    -------
    dict
        Among others ``first`` and ``later``, seconds of calls, and ``memory``, the peak of a later call in a process
        that had nothing to compile.
    """
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryDirectory() as asked:
        shipped = os.environ | dict.fromkeys(CACHE_AS_SHIPPED, own)
        found = _run(library, name, size, shipped)
        if "error" in found:
            return found
        requested = shipped | CACHE_ON_REQUEST | {"JAX_COMPILATION_CACHE_DIR": asked}
        if library == "jax":
            _run(library, name, size, requested)  # fills the cache that JAX keeps only on request
        warm = _run(library, name, size, requested)
    return warm if "error" in warm else found | {"memory": warm["later_peak"]}


def compile_time(name: str, size: str) -> float | None:
    """Seconds to record, differentiate and compile a program with an empty cache: the quickest of some processes."""
    found = []
    for _ in range(COMPILED):
        with tempfile.TemporaryDirectory() as own:
            result = _run("compiler", name, size, os.environ | dict.fromkeys(CACHE_AS_SHIPPED, own))
        if "error" in result:
            return None
        found.append(result["seconds"])
    return min(found)


def _run(library: str, name: str, size: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.programs.harness.probe", library, name, size]
    environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = _bytecode().name  # an installed library has its bytecode; a checkout may not
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no result within {TIME_LIMIT:g} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


if __name__ == "__main__":
    print(json.dumps(probe(*sys.argv[1:4])))
