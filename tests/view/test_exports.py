"""Graphs and tables in other programs' formats: well-formed, complete, and with hostile names as mere texts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import lecture
import numpy as np
import pytest

import wengert as wg
from wengert import nn, train
from wengert.core.drawing.layered import layered
from wengert.errors import ArgumentError
from wengert.view.subjects import viewed

HOSTILE = "</text><script>alert('x')</script>\"'`\n\\end{tabular}\\input{/etc/passwd} %$#_^&~|;]) --> }{ é 漢 \x00\x1b"
SVG = "{http://www.w3.org/2000/svg}"


def hostile(values: Any) -> Any:
    return values[HOSTILE] * 2.0 + np.sin(values[HOSTILE])


def looping(x: Any, w: Any) -> Any:
    h = wg.fori_loop(0, 5, lambda i, c: np.tanh(c @ w) + x, x)
    h, _ = wg.scan(lambda c, row: (c * row, c), h, w)
    h = wg.while_loop(lambda c: np.sum(c * c) > 1e-3, lambda c: c / 2, h)
    return wg.cond(np.sum(h) > 0, lambda h: np.sum(h * h), lambda h: np.sum(np.abs(h)), h)


POINT = (np.array([0.5, -0.3, 1.1]), np.eye(3) * 0.5 + 0.1)


def page(f: Any, *args: Any) -> Any:
    return wg.view(f, *args, open=False, symbolic=False)


def saved(made: Any, folder: Path, ending: str) -> str:
    path = made.save(folder / f"made{ending}")
    return str(path.read_text(encoding="utf-8"))


# -- SVG --------------------------------------------------------------------------------------------------------------


def test_the_drawing_shows_every_node_with_value_and_gradient(tmp_path: Path) -> None:
    root = ElementTree.fromstring(saved(page(lecture.f, 2.0, 3.0), tmp_path, ".svg"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"x1", "x2", "v2 = sin(x1)", "v3 = x1 * x2", "v4 = v2 + v3", "output"} <= set(texts)
    assert {"value 6.9093", "gradient 2.58385"} <= set(texts)
    assert len(list(root.iter(f"{SVG}rect"))) == 1 + 2 + 3 + 1


def test_graphs_of_loops_and_branches_are_drawn_inside() -> None:
    text = wg.trace(looping)(*POINT).to_svg()
    texts = [element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"body", "test", "branches[0]", "branches[1]", "v5 = tanh(v4)"} <= set(texts)


def test_boxes_do_not_overlap() -> None:
    def network(x: Any, w: Any) -> Any:
        for k in range(4):
            x = np.tanh(x @ w) + np.sin(x) * k
        return np.sum(x), np.max(w)

    root = ElementTree.fromstring(wg.trace(network)(*POINT).to_svg())
    boxes = [[float(e.attrib[k]) for k in ("x", "y", "width", "height")] for e in list(root.iter(f"{SVG}rect"))[1:]]
    assert len(boxes) > 20
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for k, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x and x + w <= width and 0 <= y and y + h <= height
        for a, b, c, d in boxes[:k]:
            assert x >= a + c or a >= x + w or y >= b + d or b >= y + h, "two boxes overlap"


def test_the_layout_keeps_the_order_of_layers() -> None:
    rng = np.random.default_rng(0)
    edges = [(int(rng.integers(b)), b) for b in range(1, 60) for _ in range(2)]
    made = layered([10.0] * 60, list(rng.uniform(5, 50, 60)), edges, (20.0, 5.0))
    assert all(made.centres[a][0] < made.centres[b][0] for a, b in edges)
    assert all(np.all(np.diff([along for along, _ in route]) > 0) for route in made.routes)
    assert layered([], [], [], (1.0, 1.0)).length == 0


def test_a_notebook_shows_the_drawing_of_a_graph() -> None:
    small = wg.trace(lecture.f)(2.0, 3.0)._repr_html_()
    assert "<svg" in small and "sin(x1)" in small
    large = wg.trace(lambda x: sum(np.sin(x + k) for k in range(200)))(1.0)._repr_html_()
    assert large.startswith("<pre>") and "<svg" not in large


def test_png(tmp_path: Path) -> None:
    pytest.importorskip("cairosvg", reason="CairoSVG is not installed", exc_type=ImportError)
    path = page(lecture.f, 2.0, 3.0).save(tmp_path / "f.png")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(data[16:20]) > 800


def test_png_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cairosvg", None)
    with pytest.raises(wg.errors.MissingExtraError, match=r"pip install 'wengert\[view\]'"):
        page(lecture.f, 2.0, 3.0).save(tmp_path / "f.png")


# -- DOT and Mermaid --------------------------------------------------------------------------------------------------


def balanced(text: str) -> bool:
    """Say whether braces outside of quoted strings are balanced, and every string ends."""
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    return '"' not in rest and rest.count("{") == rest.count("}")


@pytest.mark.parametrize("f, args", [(lecture.f, (2.0, 3.0)), (looping, POINT), (hostile, ({HOSTILE: 1.0},))])
def test_dot(f: Any, args: Any, tmp_path: Path) -> None:
    text = saved(page(f, *args), tmp_path, ".dot")
    assert balanced(text)
    defined = set(re.findall(r"^\s*(\w+) \[", text, re.MULTILINE))
    used = {name for pair in re.findall(r"^\s*(\w+) -> (\w+)", text, re.MULTILINE) for name in pair}
    assert used <= defined
    assert text.count("subgraph cluster_") == (6 if f is looping else 0)
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg", "-o", "/dev/null"], input=text.encode(), check=True)


NODE = re.compile(r'\w+(?:\["[^"]*"\]|\("[^"]*"\)|\[\["[^"]*"\]\])')
EDGE = re.compile(r'(\w+) (?:-->|-\.->)(?:\|"[^"]*"\|)? (\w+)')


def mermaid(text: str) -> tuple[set[str], set[str]]:
    """Parse what a flowchart consists of, line by line; return the nodes defined and the nodes in edges."""
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    defined: set[str] = set()
    used: set[str] = set()
    depth = 0
    for line in map(str.strip, lines[1:]):
        if line == "end":
            depth -= 1
            assert depth >= 0
        elif line.startswith("subgraph "):
            assert NODE.fullmatch(line.removeprefix("subgraph ")), line
            defined.add(re.split(r"\W", line.removeprefix("subgraph "), maxsplit=1)[0])
            depth += 1
        elif NODE.fullmatch(line):
            defined.add(re.split(r"\W", line, maxsplit=1)[0])
        else:
            edge = EDGE.fullmatch(line)
            assert edge, line
            used |= set(edge.groups())
        assert not re.search(r"[<>&`\\]", re.sub(r"-->|-\.->", "", line)), line
    assert depth == 0
    return defined, used


@pytest.mark.parametrize("f, args", [(lecture.f, (2.0, 3.0)), (looping, POINT), (hostile, ({HOSTILE: 1.0},))])
def test_mermaid(f: Any, args: Any, tmp_path: Path) -> None:
    defined, used = mermaid(saved(page(f, *args), tmp_path, ".mmd"))
    assert used <= defined and len(defined) >= 4


def test_the_parser_of_mermaid_finds_faults() -> None:
    for wrong in ('a["x"y"]', "subgraph a", 'a["<b>"]', "a --> ", "end"):
        with pytest.raises(AssertionError):
            mermaid(f"flowchart LR\n{wrong}\n")


# -- hostile names ----------------------------------------------------------------------------------------------------


def test_hostile_names_are_texts_in_svg(tmp_path: Path) -> None:
    text = saved(page(hostile, {HOSTILE: 1.0}), tmp_path, ".svg")
    root = ElementTree.fromstring(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "g", "path", "rect", "text", "title"}
    assert any("<script>alert(" in (element.text or "") for element in root.iter(f"{SVG}title"))
    for shown in (wg.trace(hostile)({HOSTILE: 1.0})._repr_html_(), page(hostile, {HOSTILE: 1.0})._repr_html_()):
        assert "<script>alert" not in shown


def test_hostile_names_are_texts_in_latex(tmp_path: Path) -> None:
    text = saved(page(hostile, {HOSTILE: 1.0}), tmp_path, ".tex")
    commands = set(re.findall(r"\\([A-Za-z]+)", text))
    assert "input" not in commands
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\toprule")
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    for line in text.splitlines():
        if line.endswith(r" \\"):
            assert not re.search(r"(?<!\\)[%$#_^~]", line), line


# -- JSON -------------------------------------------------------------------------------------------------------------


def test_the_document_is_json(tmp_path: Path) -> None:
    made = json.loads(saved(page(lecture.f, 2.0, 3.0), tmp_path, ".json"))
    assert (made["schema"], made["version"]) == ("wengert.view", 2)


def test_graphs_with_graphs_inside_come_back_from_json_and_work() -> None:
    graph = wg.trace(looping)(*POINT)
    back = wg.Graph.from_json(graph.to_json())
    assert back.to_json() == graph.to_json()
    again = viewed(back).function
    for one, other in (
        (wg.grad(again, argnums=(0, 1)), wg.grad(looping, argnums=(0, 1))),
        (wg.jit(again), wg.jit(looping)),
        (lambda *p: wg.jvp(again, p, p), lambda *p: wg.jvp(looping, p, p)),
    ):
        both = [made if isinstance(made, tuple) else (made,) for made in (one(*POINT), other(*POINT))]
        for a, b in zip(*both, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    batch = (np.stack([POINT[0], POINT[0] * 2]), POINT[1])
    axes = {"in_axes": (0, None)}
    np.testing.assert_allclose(wg.vmap(again, **axes)(*batch), wg.vmap(looping, **axes)(*batch), rtol=1e-12)


# -- names of files ---------------------------------------------------------------------------------------------------


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"\.svg, \.png, \.dot"):
        page(lecture.f, 2.0, 3.0).save(tmp_path / "f.docx")
    with pytest.raises(ArgumentError, match="tours"):
        wg.view(open=False).save(tmp_path / "f.svg")
    assert wg.view(open=False).save(tmp_path / "f.html").exists()


def test_reports_have_their_tables_in_latex(tmp_path: Path) -> None:
    report = wg.explain(lecture.f)(2.0, 3.0)
    assert report.to_latex().count(r"\toprule") == 4
    assert report.to_latex("shapes").count(r"\toprule") >= 1
    assert report.save(tmp_path / "f.tex").read_text() == report.to_latex()


# -- what can be given ------------------------------------------------------------------------------------------------


def test_networks_training_steps_and_jitted_functions_are_viewed_and_drawn(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 3), np.tanh, nn.Linear(3, 1))
    params, x, y = net.init(np.random.default_rng(0)), np.ones((4, 2)), np.zeros((4, 1))
    optimizer = train.Adam(0.1)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return np.mean((net.apply(params, x) - y) ** 2)

    @wg.jit
    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        value, gradient = wg.value_and_grad(loss)(params, x, y)
        return value, optimizer.update(gradient, state, params)

    for made in (
        wg.view(net, params, x, open=False, symbolic=False),
        wg.view(loss, params, x, y, parameters=0, open=False, symbolic=False),
        wg.view(step, params, optimizer.init(params), x, y, open=False, symbolic=False),
    ):
        texts = ElementTree.fromstring(saved(made, tmp_path, ".svg")).iter(f"{SVG}text")
        assert any("tanh" in (element.text or "") for element in texts)
        assert made.document["title"].split("(")[0] in ("Sequential", "loss", "step")
