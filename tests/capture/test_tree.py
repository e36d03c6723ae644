"""Walks through syntax trees and reading of instructions: quicker than Python's own, and with the same outcome."""

from __future__ import annotations

import ast
import dis
from pathlib import Path
from types import CodeType

import numpy as np
import pytest

from wengert.trace import rebind
from wengert.trace.capture import tree

SOURCES = [*sorted(Path(tree.__file__).parent.glob("*.py")), Path(__file__), Path(np.linalg._linalg.__file__)]
SAID_ABOVE = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.name)
def source(request: pytest.FixtureRequest) -> str:
    return request.param.read_text(encoding="utf-8")


def test_every_node_is_visited_but_for_operators(source: str) -> None:
    module = ast.parse(source)
    expected = {node for node in ast.walk(module) if not isinstance(node, SAID_ABOVE)}
    visited = list(tree.walk(module))
    assert set(visited) == expected
    assert len(visited) == len(expected)


def test_statements_are_those_of_all_blocks(source: str) -> None:
    module = ast.parse(source)
    blocks = (ast.stmt, ast.ExceptHandler, ast.match_case)
    found = list(tree.walk_statements(module.body))
    assert set(found) == {node for node in ast.walk(module) if isinstance(node, blocks)}
    own = set(tree.walk_statements(module.body, tree.FUNCTIONS))
    assert own == {node for node in tree.walk_own(module.body) if isinstance(node, blocks)}


def test_places_are_those_that_python_gives(source: str) -> None:
    module = ast.parse(source)
    for k, node in enumerate(tree.walk(module)):
        if k % 3 == 0 and hasattr(node, "lineno"):
            del node.lineno, node.col_offset, node.end_lineno, node.end_col_offset

    def places(made: ast.AST) -> list[tuple[int, ...]]:
        return [
            (n.lineno, n.col_offset, n.end_lineno, n.end_col_offset) for n in tree.walk(made) if hasattr(n, "lineno")
        ]

    by_python = ast.fix_missing_locations(module)
    expected = places(by_python)
    module = ast.parse(source)
    for k, node in enumerate(tree.walk(module)):
        if k % 3 == 0 and hasattr(node, "lineno"):
            del node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
    tree.locate(module, deep=True)
    assert places(module) == expected


def codes(code: CodeType) -> list[CodeType]:
    return [code, *(inner for const in code.co_consts if isinstance(const, CodeType) for inner in codes(const))]


def test_instructions_are_read_as_dis_reads_them(source: str) -> None:
    for code in codes(compile(source, "source", "exec")):
        shown = list(dis.get_instructions(code))
        names = {instruction.opname for instruction in shown}
        in_place = any(i.opname == "BINARY_OP" and i.argrepr.endswith("=") for i in shown)
        assert rebind._changes_in_place(code) == in_place
        alone = rebind.Traits(code.replace(co_consts=tuple("" for _ in code.co_consts)))
        written = in_place or not names.isdisjoint({"STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})
        assert alone.mutates == (written or not rebind._MUTATORS.isdisjoint(code.co_names))
        assert alone.assigns == ("STORE_GLOBAL" in names)
        jumps = any("JUMP" in name or name == "FOR_ITER" for name in names)
        assert alone.flows == (jumps or not rebind._CALLED.isdisjoint(alone.names))
        assert ("import" in alone.names) == ("IMPORT_NAME" in names or "import" in code.co_names)


def test_lists_are_noticed() -> None:
    def built(source: str) -> bool:
        return rebind._builds_lists(compile(source, "source", "exec"))

    assert built("f([x, y])")
    assert built("f((x, y))")
    assert built("def g(x):\n    return f([x])")
    assert not built("a[x, y]")
    assert not built("a[x, y] = 1")
    assert not built("x, y = y, x")
    assert not built("def g(x):\n    def h():\n        return x\n    return h")
