"""The first call of one program in a process of its own with nothing compiled before, and the peak of its memory.

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

from benchmarks.probe import CACHE_AS_SHIPPED, _memory, _reset_peak
from benchmarks.programs.harness.suite import load
from benchmarks.programs.harness.versions import copied, jax_gradient, numba_primal, wengert_gradient

TIME_LIMIT = 120.0


def probe(library: str, name: str, size: str) -> dict[str, Any]:
    """Seconds of the first and of a later call; the peak of each above what was resident before."""
    program = load(name)
    arguments = copied(program.make(size))
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
    """Probe in a fresh process with an empty cache; ``{"error": ...}`` where it fails or takes too long."""
    command = [sys.executable, "-m", "benchmarks.programs.harness.probe", library, name, size]
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | dict.fromkeys(CACHE_AS_SHIPPED, empty)
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return {"error": f"no result within {TIME_LIMIT:g} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


if __name__ == "__main__":
    print(json.dumps(probe(*sys.argv[1:4])))
