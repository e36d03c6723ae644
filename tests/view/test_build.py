"""The page that is shipped is what its sources give."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

from .conftest import absent

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_page_is_what_the_sources_give() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        absent("Node is not installed; the page cannot be built here")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version[1:].split(".")[0])
    if major < 20:
        absent(f"the build needs Node 20 or later; this is {major}")
    if not (ROOT / "viewer" / "node_modules").exists():
        fetched = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=ROOT / "viewer", capture_output=True, text=True, check=False
        )
        if fetched.returncode != 0 and "network" in fetched.stderr:
            absent("the packages that the build needs cannot be fetched here")
        assert fetched.returncode == 0, fetched.stderr
    done = subprocess.run(
        [sys.executable, "tools/page.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_file_names_no_place_to_download_from() -> None:
    lock = (ROOT / "viewer" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') >= 20


def heads() -> list[str]:
    """Return the line that introduces each package in the list of licences: name and version, licence, home."""
    lines = (ROOT / "src" / "wengert" / "view" / "page" / "LICENSES.txt").read_text(encoding="utf-8").splitlines()
    return [line for line, below in pairwise(lines) if below == "-" * len(line) and line.count(", ") == 2]


def test_the_project_states_the_licences_of_what_it_ships() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = {part.strip("()") for part in project["license"].split(" AND ")}
    assert len(heads()) >= 4
    assert stated == {"MIT", *[head.split(", ")[1] for head in heads()]}
    for pattern in project["license-files"]:
        assert (ROOT / pattern).is_file()
