"""The main job, as ``make demo`` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wengert import train

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits.py"


def demo(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, "--out", out, *options], capture_output=True, text=True, check=False
    )


def test_it_reaches_97_percent_and_leaves_its_results(tmp_path: Path) -> None:
    done = demo(tmp_path / "results")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("1. F-pass", "2. B-pass", "3. update", "epoch 30/30", "Test accuracy 9", "four roads"):
        assert words.lower() in done.stdout.lower()
    assert (tmp_path / "results" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (tmp_path / "results" / "explain.html").read_text(encoding="utf-8")
    content = train.load_checkpoint(tmp_path / "results" / "digits.safetensors")
    assert content["epoch"] == 30
    assert content["history"][-1]["valid_accuracy"] >= 0.97


def test_it_fails_where_the_accuracy_is_too_low(tmp_path: Path) -> None:
    done = demo(tmp_path, "--epochs", "1")
    assert done.returncode == 1
    assert "below 97%" in done.stderr
