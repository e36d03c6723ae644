"""Ruff and mypy have no complaints about the tree, and would have some about a planted fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def test_ruff() -> None:
    done = tool("ruff", "check", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_a_planted_fault(tmp_path: Path) -> None:
    (tmp_path / "fault.py").write_text("import os\ntry:\n    x = 1\nexcept Exception:\n    pass\n")
    config = f"--config={ROOT / 'pyproject.toml'}"
    done = tool("ruff", "check", "--no-cache", config, "--output-format=concise", str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "F401" in done.stdout and "BLE001" in done.stdout


def test_mypy() -> None:
    done = tool("mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_a_planted_fault(tmp_path: Path) -> None:
    (tmp_path / "fault.py").write_text("def f(x):\n    return x\n\ny: int = 'a'\n")
    cache = f"--cache-dir={tmp_path / 'cache'}"
    done = tool("mypy", f"--config-file={ROOT / 'pyproject.toml'}", cache, str(tmp_path / "fault.py"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[no-untyped-def]" in done.stdout and "[assignment]" in done.stdout
