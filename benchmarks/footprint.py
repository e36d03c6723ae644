"""What a library costs before it computes anything: time to import, megabytes on disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement

MODULES = ("numpy", "wengert", "autograd", "mygrad", "torch", "jax")
_TIMER = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


def import_seconds(modules: list[str], rounds: int = 11) -> dict[str, float]:
    """Median seconds of ``import module`` in fresh interpreters, taken in turn; compiled .pyc files exist already."""
    samples: dict[str, list[float]] = {module: [] for module in modules}
    # An installed package has its bytecode beside it; a checkout gets it in the first turn, wherever that is allowed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as bytecode:
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for turn in range(rounds + 1):
            for module in modules:
                command = [sys.executable, "-c", _TIMER.format(module=module)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                if turn:  # the first one also brought the files into the operating system's cache
                    samples[module].append(float(done.stdout))
    return {module: statistics.median(values) for module, values in samples.items()}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(distribution: str) -> set[str]:
    """The distribution and all that it requires here, without extras."""
    environment: dict[str, str] = {**default_environment(), "extra": ""}  # type: ignore[dict-item]
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = _normal(waiting.pop())
        if name in found:
            continue
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for text in required:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                waiting.append(requirement.name)
    return found


def _bytes_of(distribution: str) -> int:
    """Bytes of the files that the distribution installed; of the package itself where it is installed as a link."""
    files = [Path(str(f.locate())) for f in importlib.metadata.files(distribution) or []]
    total = sum(f.stat().st_size for f in files if f.suffix != ".pyc" and f.is_file())
    if any(f.suffix == ".pth" or "__editable__" in f.name for f in files):
        spec = importlib.util.find_spec(distribution.replace("-", "_"))
        if spec is not None and spec.origin is not None:
            total += sum(f.stat().st_size for f in Path(spec.origin).parent.rglob("*") if f.suffix != ".pyc")
    return total


def footprint() -> list[dict[str, Any]]:
    """One row per installed library: seconds to import, MB on disk, and what the MB consist of."""
    present = [module for module in MODULES if importlib.util.find_spec(module) is not None]
    seconds = import_seconds(present)
    rows = []
    for module in present:
        sizes = {name: _bytes_of(name) / 1e6 for name in closure(module)}
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
        rows.append(
            {
                "library": module,
                "import_seconds": seconds[module],
                "megabytes": sum(sizes.values()) if sizes else None,
                "packages": len(sizes),
                "largest": ", ".join(f"{name} {size:.0f}" for name, size in largest),
            }
        )
    return rows
