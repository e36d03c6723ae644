"""A file that has grown over 600 lines wants to be two."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
LIMIT = 600
BUILT = {"wengert/view/page/index.html"}  # made from viewer/ by `make page`; nobody reads or edits it
TEXT = {".py", ".pyi", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".svg", ".json", ".toml", ".md", ".txt"}


def too_long(folder: Path, limit: int = LIMIT) -> list[str]:
    """Return "path: lines" for each text file with more lines than the limit."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.suffix in TEXT and file.is_file() and file.relative_to(folder).as_posix() not in BUILT:
            lines = len(file.read_text(encoding="utf-8").splitlines())
            if lines > limit:
                found.append(f"{file.relative_to(folder)}: {lines} lines")
    return found


def test_no_file_is_too_long() -> None:
    assert list(SOURCE.rglob("*.py")), "the source was not found"
    assert too_long(SOURCE) == []
    assert too_long(ROOT / "viewer" / "src") == []


def test_a_planted_long_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "exact.py").write_text("x = 1\n" * LIMIT)
    (tmp_path / "deep" / "long.py").write_text("x = 1\n" * (LIMIT + 1))
    (tmp_path / "long.js").write_text("x = 1;\n" * (LIMIT + 2))
    assert too_long(tmp_path) == ["deep/long.py: 601 lines", "long.js: 602 lines"]
