"""The code in the documentation runs and gives what the text says.

Blocks marked ``python`` in README.md, CONTRIBUTING.md and docs/*.md are run, those of one file one after another in
one namespace. A block of ``>>>`` lines is a doctest. In other blocks an expression may state its value:
``1 / 3  # -> 0.333333``.
"""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(r"^( *)```([\w+-]*)[^\n]*\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"# -> (.+)$")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


class PageTest(doctest.DocTestParser):
    """A doctest whose failures become exceptions with the place in the page."""

    def run(self, source: str, namespace: dict[str, Any], page: str, line: int) -> None:
        test = self.get_doctest(source, namespace, page, page, line)
        test.globs = namespace  # not a copy: later blocks see the names of earlier ones
        report: list[str] = []
        result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
        assert result.failed == 0, "".join(report)


def blocks(text: str) -> list[tuple[int, str]]:
    """Return line number and source of each block marked ``python``."""
    found = []
    for match in FENCE.finditer(text):
        if match[2] == "python":
            indent = len(match[1])
            source = "".join(line[indent:] if line.strip() else line for line in match[3].splitlines(keepends=True))
            found.append((text.count("\n", 0, match.start(3)), source))
    return found


def same(actual: Any, stated: Any) -> bool:
    """Compare a result with a literal: containers by their items, numbers to a relative 1e-5, all else exactly."""
    if isinstance(stated, dict):
        if not isinstance(actual, dict) or actual.keys() != stated.keys():
            return False
        return all(same(actual[key], stated[key]) for key in stated)
    if isinstance(stated, tuple):
        return isinstance(actual, tuple) and len(actual) == len(stated) and all(map(same, actual, stated))
    if isinstance(stated, bool):
        return isinstance(actual, bool | np.bool_) and bool(actual == stated)
    if isinstance(stated, str | None) or (isinstance(stated, list) and isinstance(actual, list)):
        return bool(actual == stated)
    return np.shape(actual) == np.shape(stated) and np.allclose(actual, stated, rtol=1e-5, atol=1e-12, equal_nan=True)


def run(source: str, namespace: dict[str, Any], page: str, line: int) -> None:
    """Run one block statement by statement and check what it states."""
    if source.lstrip().startswith(">>>"):
        PageTest().run(source, namespace, page, line)
        return
    lines = source.splitlines()
    used = set()
    # The line numbers of the page, so that a traceback (and Wengert, which reads source lines) names the right place.
    tree = ast.increment_lineno(ast.parse(source, page), line)
    for statement in tree.body:
        assert statement.end_lineno is not None
        arrow = ARROW.search(lines[statement.end_lineno - line - 1])
        if isinstance(statement, ast.Expr) and arrow:
            used.add(statement.end_lineno - line - 1)
            actual = eval(compile(ast.Expression(statement.value), page, "eval"), namespace)
            stated = ast.literal_eval(arrow[1])
            assert same(actual, stated), f"{page}:{statement.end_lineno} says {stated!r}, but it is {actual!r}"
        else:
            exec(compile(ast.Module([statement], []), page, "exec"), namespace)
    unused = [line + i + 1 for i, text in enumerate(lines) if ARROW.search(text) and i not in used]
    assert not unused, f"{page}: an arrow that is not behind an expression, in lines {unused}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example may write files
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for line, source in blocks(page.read_text(encoding="utf-8")):
        run(source, namespace, str(page), line)


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return [t for t in targets if not re.match(r"[a-z]+:", t) and not (page.parent / t).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_readme_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^    (make \w+)", text, re.MULTILINE)[:2] == ["make demo", "make test"]
    assert len(blocks(text)) >= 1


# -- the checker itself, on planted faults -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "1 / 3  # -> 0.333333",
        "import numpy as np\nnp.arange(3.0)  # -> [0.0, 1.0, 2.0]",
        "(np := __import__('numpy')).float64(2.0), np.ones(2)  # -> (2.0, [1.0, 1.0])",
        "'a'  # -> 'a'",
        "{'a': 1.0}  # -> {'a': 1.0}",
        "x = 2  # a comment that states nothing",
        ">>> 1 + 1\n2\n",
    ],
)
def test_true_statements_pass(source: str) -> None:
    run(source, {}, "page", 0)


@pytest.mark.parametrize(
    "source",
    [
        "1 / 3  # -> 0.334",
        "[1.0, 2.0]  # -> (1.0, 2.0)",
        "import numpy as np\nnp.zeros(3)  # -> 0.0",
        "'a'  # -> 'b'",
        "1.0  # -> True",
        "{'a': 1.0}  # -> {'a': 2.0}",
        "x = 2  # -> 2",
        "assert False",
        ">>> 1 + 1\n3\n",
    ],
)
def test_planted_faults_are_found(source: str) -> None:
    with pytest.raises(AssertionError):
        run(source, {}, "page", 0)


def test_blocks_are_found_with_their_lines() -> None:
    text = "a\n```python\nx = 1\n```\n\n* b\n\n  ```python\n  y = 2\n  ```\n\n```text\nnot code\n```\n"
    assert blocks(text) == [(2, "x = 1\n"), (8, "y = 2\n")]


def test_a_planted_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#part), [b](https://example.org/x), [c](gone.md)")
    assert broken_links(page) == ["gone.md"]
