"""Walks through syntax trees, which rewriting a function takes many of.

Of the nodes that ``ast.walk`` visits, more than half are operators and contexts (``Load`` and the like), which say
nothing that the nodes above them do not say as well; they are left out.  Jumps and assignments stand in statements,
and whoever looks for them need not look into expressions.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

_SAID_ABOVE: Final = frozenset(("ctx", "op", "ops"))
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@functools.cache
def _parts(kind: Any) -> tuple[str, ...]:
    return () if kind is ast.Constant else tuple(name for name in kind._fields if name not in _SAID_ABOVE)


@functools.cache
def _blocks(kind: Any) -> tuple[str, ...]:
    return tuple(name for name in _BLOCKS if name in kind._fields)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below one, in the order of the source."""
    found: list[ast.AST] = []
    kind: Any = node.__class__
    for name in _parts(kind):
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [part for part in value if isinstance(part, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes and all below them."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        todo += children(node)


def walk_own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield nodes and all below them, without what stands in functions defined there."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, FUNCTIONS):
            todo += children(node)


def walk_statements(statements: Sequence[ast.AST], without: tuple[type[ast.AST], ...] = ()) -> Iterator[Any]:
    """Yield statements and all in their blocks, but not what is in the blocks of some kinds of statements."""
    todo: list[Any] = list(statements)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, without):
            for name in _blocks(node.__class__):
                todo += getattr(node, name)


def locate(tree: ast.AST, deep: bool) -> None:
    """Give nodes that have no place in the source the place of those that they are in.

    As ``ast.fix_missing_locations``; nodes that have a place are looked into only if it is to go deep.
    """
    todo: list[tuple[Any, tuple[int, int, int | None, int | None]]] = [(tree, (1, 0, 1, 0))]
    while todo:
        node, place = todo.pop()
        given = getattr(node, "lineno", None)
        if given is not None:
            if not deep:
                continue
            place = given, node.col_offset, node.end_lineno, node.end_col_offset
        elif "lineno" in node._attributes:
            node.lineno, node.col_offset, node.end_lineno, node.end_col_offset = place
        todo += [(child, place) for child in children(node)]
