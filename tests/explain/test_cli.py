"""The command ``wengert``, on files as a user would write them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import wengert as wg
from wengert.cli import build, main, parse, spread

SOURCE = """
import numpy as np
from helper import double

def f(x1, x2):
    return np.sin(x1) + x1 * x2

def df(x1, x2):
    return np.cos(x1) + x2, x1

def loss(p, x):
    return np.sum((x @ p["w"] + p["b"]) ** 2)

def norm(x):
    return np.sum(double(x) ** 2)

def fails(x):
    raise ValueError("on purpose")

class Model:
    @staticmethod
    def energy(x):
        return x ** 2

number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(SOURCE)
    (tmp_path / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    return path


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name == "helper" or name.startswith("wengert_user_"):
            del sys.modules[name]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(build(), list(arguments))


def good(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_version() -> None:
    assert good("version").strip() == wg.__version__


def test_explain_as_text(file: Path) -> None:
    text = good("explain", f"{file}:f", "--at", "2", "3", "--manual", "df")
    assert text.startswith("f(x1, x2), differentiated")
    assert "x2 * x1_dot + x1 * x2_dot" in text
    assert "as supplied" in text


def test_explain_as_json_with_a_direction(file: Path) -> None:
    data = json.loads(good("explain", f"{file}:f", "--at", "2", "-3", "--direction", "0", "-1", "--format", "json"))
    assert data["schema"] == "wengert.report"
    (result,) = data["sections"]["forward"]["results"]
    assert result["tangent"]["value"] == -2.0


def test_explain_as_html_into_a_file(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    text = good("explain", f"{file}:f", "--at", "2", "3", "--format", "html", "--out", str(out), "--no-symbolic")
    assert text == f"wrote {out}\n"
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_one_section(file: Path) -> None:
    text = good("explain", f"{file}:f", "--at", "2", "3", "--section", "branches", "--no-symbolic")
    assert text.startswith("Gradients add at branches")


def test_arrays_objects_and_parameters(file: Path) -> None:
    values = ['{"w": [1, 2], "b": 0.5}', "[[1, 2], [3, 4]]"]
    options = ("--parameters", "0", "--section", "network", "--no-symbolic")
    text = good("explain", f"{file}:loss", "--at", *values, *options)
    assert "p['w']" in text and "One training step" in text


def test_values_from_files(file: Path, tmp_path: Path) -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "by_name.npz", x2=np.float64(3), x1=np.float64(2))
    (tmp_path / "list.json").write_text("[2, 3]")
    (tmp_path / "names.json").write_text('{"x2": 3, "x1": 2}')
    wanted = good("trace", f"{file}:f", "--at", "2", "3")
    for name in ("by_name.npz", "list.json", "names.json"):
        assert good("trace", f"{file}:f", "--at-file", str(tmp_path / name)) == wanted
    assert "float64[2,2]" in good("trace", f"{file}:norm", "--at-file", str(tmp_path / "x.npy"))


def test_trace_in_every_format(file: Path) -> None:
    at = ("trace", f"{file}:f", "--at", "2", "3")
    assert "v3: float64[] = x1 * x2" in good(*at)
    assert wg.Graph.from_json(good(*at, "--format", "json")).names == ("x1", "x2")
    assert good(*at, "--format", "dot").startswith("digraph")
    assert good(*at, "--format", "mermaid").startswith("flowchart LR")
    assert good(*at, "--format", "svg").startswith("<svg")
    assert "<pre>" in good(*at, "--format", "html")


def test_a_method_and_a_module_beside_the_file(file: Path) -> None:
    assert "x ** 2" in good("trace", f"{file}:Model.energy", "--at", "3")
    assert "reduce_sum" in good("trace", f"{file}:norm", "--at", "[1, 2]")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "model.py"], "named as FILE.py:FUNCTION"),
        (["explain", "gone.py:f", "--at", "1"], "there is no file gone.py"),
        (["explain", "model.py:gone", "--at", "1"], "one of f, df, loss, norm, fails"),
        (["explain", "model.py:number", "--at", "1"], "no function 'number'"),
        (["explain", "model.py:f", "--at", "1"], "missing a required argument: 'x2'"),
        (["explain", "model.py:f", "--at", "1", "2", "3"], "too many positional arguments"),
        (["explain", "model.py:f", "--at", "one", "2"], "found: one"),
        (["explain", "model.py:f", "--at", "1", "2", "--format", "pdf"], "--format is one of text, json, html"),
        (["explain", "model.py:f", "--at", "1", "2", "--section", "x", "--no-symbolic"], "one of roads"),
        (["explain", "model.py:f", "--at", "1", "2", "--manual", "gone"], "no function 'gone'"),
        (["explain", "model.py:f", "--at-file", "gone.json"], "found: gone.json"),
        (["explain", "model.py:f", "--at-file", "model.py"], "as .npy, .npz or .json"),
        (["explain", "model.py:fails", "--at", "1"], "model.py:18: ValueError: on purpose"),
        (["explain", "broken.py:f", "--at", "1"], "broken.py:1: ZeroDivisionError"),
        (["trace", "model.py:f", "--at", "1", "2", "--out", "no/such/folder"], "--out names a file"),
    ],
)
def test_errors(file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "broken.py").write_text("1 / 0\n")
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_spread_takes_values_up_to_the_next_option() -> None:
    found = spread(["--at", "1", "-2", "--format", "json", "--at", "3"])
    assert found == ["--at=1", "--at=-2", "--format", "json", "--at=3"]
    assert spread(["--at=1", "f"]) == ["--at=1", "f"]


def test_parse() -> None:
    assert parse("2") == 2.0 and type(parse("2")) is float
    np.testing.assert_array_equal(parse("[[1, 2], [3, 4]]"), [[1.0, 2.0], [3.0, 4.0]])
    layers = parse('[{"w": [1, 2]}, {"w": [3]}]')
    assert [layer["w"].tolist() for layer in layers] == [[1.0, 2.0], [3.0]]
    ragged = parse("[[1, 2], [3]]")
    assert [part.tolist() for part in ragged] == [[1.0, 2.0], [3.0]]
    assert parse("true") is True and parse("-Infinity") == -np.inf


def test_without_typer_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit, match=r"needs typer.*pip install 'wengert\[cli\]'"):
        main()


def test_as_a_process(file: Path) -> None:
    command = [sys.executable, "-m", "wengert", "explain", f"{file}:f", "--at", "2", "-3", "--section", "forward"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Result: output = -5.0907, derivative along the direction -3.41615." in done.stdout
    bad = subprocess.run([*command[:4], "gone.py:f"], capture_output=True, text=True, timeout=120, check=False)
    assert bad.returncode == 1 and "there is no file gone.py" in bad.stderr and "Traceback" not in bad.stderr
