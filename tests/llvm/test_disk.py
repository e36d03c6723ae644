"""The cache on disk: entries that do not fit are ignored, what is too much is dropped, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wengert.run.llvm import disk


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.o"))


def test_what_is_written_is_read(folder: Path) -> None:
    assert disk.read(disk.place(("sin", 1))) is None
    disk.write(disk.place(("sin", 1)), b"code")
    disk.write(disk.place(("sin", -1)), b"other code")
    assert disk.holds(("sin", 1))
    assert disk.read(disk.place(("sin", 1))) == b"code"
    assert disk.read(disk.place(("sin", -1))) == b"other code"
    assert not list(folder.glob("*/*.tmp"))


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:20], lambda data: b"", lambda data: b"x" + data[1:]]
)
def test_spoilt_entries_are_ignored_and_written_anew(folder: Path, spoil: object) -> None:
    disk.write(disk.place("f"), b"code" * 100)
    (path,) = entries(folder)
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]
    assert disk.read(disk.place("f")) is None
    disk.write(disk.place("f"), b"new")
    assert disk.read(disk.place("f")) == b"new"


def test_entries_of_other_versions_are_not_seen(folder: Path) -> None:
    disk.write(disk.place("f"), b"code")
    (path,) = entries(folder)
    path.parent.rename(path.parent.with_name("0" * 16))
    assert disk.read(disk.place("f")) is None
    assert disk.info()["entries"] == 1
    assert disk.clear() == 1


def test_a_directory_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path / "file"))
    disk.write(disk.place("f"), b"code")
    assert disk.read(disk.place("f")) is None
    assert disk.info()["entries"] == 0
    assert disk.clear() == 0
    disk.trim()


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(disk.VARIABLE, "off")
    disk.write(disk.place("f"), b"code")
    assert disk.read(disk.place("f")) is None
    assert disk.info() == {"directory": None, "entries": 0, "bytes": 0, "limit": disk.LIMIT}
    assert disk.clear() == 0


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    for k in range(10):
        disk.write(disk.place(k), bytes(1000))
    written = {k: path for k in range(10) for path in entries(folder) if str(path) == disk.place(k)}
    for k, path in written.items():
        os.utime(path, (1000 + k, 1000 + k))
    assert disk.read(disk.place(0)) == bytes(1000)  # used now
    disk.trim(limit=8000)
    left = [k for k in range(10) if disk.read(disk.place(k)) is not None]
    assert left == [0, 6, 7, 8, 9]
    disk.trim(limit=8000)
    assert len(entries(folder)) == 5


def test_foreign_files_are_left_alone(folder: Path) -> None:
    disk.write(disk.place("f"), b"code")
    (folder / "notes.txt").write_text("mine")
    assert disk.clear() == 1
    assert [path.name for path in folder.rglob("*")] == ["notes.txt"]


def test_the_command_line(folder: Path) -> None:
    pytest.importorskip("typer")

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, "-m", "wengert", "cache", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    disk.write(disk.place("f"), b"code")
    assert "1 kernel" in run("info")
    assert str(folder) in run("info").replace("\n", "")
    assert "1 kernel" in run("clear")
    assert "0 kernels" in run("info")
