"""The programs of the suite, found by their files."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.programs.harness.program import Program

FOLDER = Path(__file__).resolve().parents[1]


def names() -> list[str]:
    """Names of all programs: those of the files."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> Program:
    """The program of one file."""
    found = importlib.import_module(f"benchmarks.programs.{name}").program
    assert isinstance(found, Program) and found.name == name, f"{name}.py defines a program of that name"
    return found


def select(patterns: Sequence[str]) -> list[str]:
    """The names that match one of the patterns; all where none is given."""
    chosen = [name for name in names() if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        raise SystemExit(f"no program matches {list(patterns)}; there are {', '.join(names())}")
    return chosen
