"""One case in one library in a process of its own: first call, second call, peak memory.

``python -m benchmarks.probe PEER CASE`` prints one JSON line. `cold_and_warm` runs it as a sub-process.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import all_cases
from benchmarks.peers import PEERS

# Where each library keeps compiled code between processes. Those in the first group do so unasked.
CACHE_AS_SHIPPED = ("WENGERT_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
CACHE_ON_REQUEST = {
    "JAX_COMPILATION_CACHE_DIR": "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
_STATUS = Path("/proc/self/status")


def _memory(field: str) -> int:
    """VmRSS (resident now) or VmHWM (most since the last reset), in bytes; Linux only."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in {_STATUS}")


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def probe(peer_name: str, case_name: str) -> dict[str, Any]:
    """Seconds of the first and of later calls; bytes above what was resident before the first call, and in all.

    What is resident before differs: JAX loads its compiler when it is imported, Wengert when it needs one.
    """
    case = next(c for c in all_cases() if c.name == case_name)
    arguments = case.arguments()
    start = time.perf_counter()
    peer = PEERS[peer_name]()
    peer.load()
    loaded = time.perf_counter()
    prepared = peer.prepare(case, arguments)
    ready = time.perf_counter() - start
    measurable = _STATUS.exists()
    if measurable:
        _reset_peak()
        resident = _memory("VmRSS")
    first = time.perf_counter()
    prepared.call()
    first = time.perf_counter() - first
    result: dict[str, Any] = {"import": loaded - start, "first": first, "ready": ready + first}
    if measurable:
        result["first_peak"] = _memory("VmHWM") - resident
        _reset_peak()
    later = []
    for _ in range(5):
        start = time.perf_counter()
        prepared.call()
        later.append(time.perf_counter() - start)
    result["later"] = statistics.median(later)
    if measurable:
        result["later_peak"] = _memory("VmHWM") - resident
        result["process_peak"] = _memory("VmHWM")
    return result


@functools.cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.cache
def _bring_in(peer: str, case: str) -> None:
    """Run once unmeasured: the library's files come into the system's cache, and what is not installed but run from
    a checkout gets its bytecode, which an installed library has.
    """
    with tempfile.TemporaryDirectory() as own:
        _run(peer, case, os.environ | dict.fromkeys(CACHE_AS_SHIPPED, own))


def _spawn(peer: str, case: str, environment: dict[str, str]) -> dict[str, Any]:
    """Probe a case in a process of its own."""
    _bring_in(peer, "rosenbrock/n=2")
    return _run(peer, case, environment)


def _run(peer: str, case: str, environment: dict[str, str]) -> dict[str, Any]:
    environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = _bytecode().name
    command = [sys.executable, "-m", "benchmarks.probe", peer, case]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


def cold_and_warm(peer: str, case: str) -> dict[str, Any]:
    """``cold``: nothing compiled before, each library as shipped. ``warm``: a second process with a disk cache."""
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryDirectory() as asked:
        shipped = os.environ | dict.fromkeys(CACHE_AS_SHIPPED, own)
        requested = shipped | CACHE_ON_REQUEST | {"JAX_COMPILATION_CACHE_DIR": asked}
        cold = _spawn(peer, case, shipped)
        if "error" in cold:
            return {"peer": peer, "case": case, **cold}
        if PEERS[peer].library == "jax":
            _spawn(peer, case, requested)  # fills the cache that JAX keeps only on request
        return {"peer": peer, "case": case, "cold": cold, "warm": _spawn(peer, case, requested)}


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1], sys.argv[2])))
