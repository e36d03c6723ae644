"""Which names are still needed: found backwards through a function's statements.

A name that a loop's body assigns is part of the loop's carry only if a later iteration or the code behind the loop
reads it.  The result is written onto the nodes of the syntax tree, as :class:`Live`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .tree import children, walk

Names = frozenset[str]
_NONE: Names = frozenset()


@dataclass(frozen=True)
class Live:
    """What is needed at a statement.

    Attributes
    ----------
    after : frozenset of str
        Names needed behind the statement.
    exits : frozenset of str
        Names needed where a break, continue or return in it may lead, and at the end of the block that it stands in.
    head : frozenset of str
        For a loop: names needed at the start of an iteration.
    """

    after: Names
    exits: Names
    head: Names = _NONE


@dataclass(frozen=True)
class _Scope:
    always: Names
    breaks: Names = _NONE
    continues: Names = _NONE
    end: Names = _NONE
    caught: Names = _NONE


def live(node: Any) -> Live:
    """Return what was found for a statement."""
    return node._wengert_live  # type: ignore[no-any-return]


def analyse(function: ast.FunctionDef) -> None:
    """Write onto each statement of a function what is needed behind it."""
    always = frozenset(_free_of_nested(function))
    _block(function.body, always, _Scope(always, end=always))


def reads(node: ast.AST | None) -> set[str]:
    """Return the names that an expression or statement reads, at any depth."""
    if node is None:
        return set()
    return {n.id for n in walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)}


def bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that statements bind in their own scope."""
    found: set[str] = set()
    for node in nodes:
        _bind(node, found)
    return found


def _bind(node: ast.AST, found: set[str]) -> None:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found.add(node.name)
        for part in node.decorator_list:
            _bind(part, found)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        found.update(n.target.id for n in walk(node) if isinstance(n, ast.NamedExpr))
        return
    if isinstance(node, ast.ExceptHandler) and node.name:
        found.add(node.name)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        found.add(node.name)
    if isinstance(node, ast.MatchMapping) and node.rest:
        found.add(node.rest)
    for child in children(node):
        _bind(child, found)


def _free_of_nested(function: ast.AST) -> set[str]:
    """Return the names that functions defined inside read: they may be called at any time."""
    found: set[str] = set()
    for node in walk(function):
        if node is not function and isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
        ):
            found |= reads(node)
        elif isinstance(node, (ast.Nonlocal, ast.Global)):
            found.update(node.names)
    return found


def _block(statements: list[ast.stmt], after: Names, scope: _Scope) -> Names:
    """Return what is needed before a block of statements."""
    inner = replace(scope, end=after | scope.end)
    for statement in reversed(statements):
        node: Any = statement
        exits = inner.end | inner.breaks | inner.continues | inner.always
        node._wengert_live = Live(after | inner.always, exits)
        after = _statement(statement, after, inner) | inner.caught
    return after


def _statement(s: ast.stmt, after: Names, scope: _Scope) -> Names:
    if isinstance(s, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = s.targets if isinstance(s, ast.Assign) else [s.target]
        killed = set() if s.value is None else {n for t in targets for n in _whole_names(t)}
        used = reads(s.value) | {n for t in targets for n in reads(t)}
        if isinstance(s, ast.AugAssign):
            used |= killed
        return after - killed | used
    if isinstance(s, ast.If):
        both = _block(s.body, after, scope) | _block(s.orelse, after, scope)
        return both | reads(s.test)
    if isinstance(s, (ast.For, ast.AsyncFor)):
        return _loop(s, after, scope, set(_whole_names(s.target))) | reads(s.iter)
    if isinstance(s, ast.While):
        return _loop(s, after, scope, set())
    if isinstance(s, ast.Return):
        return frozenset(reads(s.value)) | scope.always
    if isinstance(s, ast.Raise):
        return frozenset(reads(s)) | scope.always | scope.caught
    if isinstance(s, ast.Break):
        return scope.breaks
    if isinstance(s, ast.Continue):
        return scope.continues
    if isinstance(s, (ast.With, ast.AsyncWith)):
        used = {n for item in s.items for n in reads(item)}
        return _block(s.body, after, scope) | used
    if isinstance(s, (ast.Try, ast.TryStar)):
        final = _block(s.finalbody, after | scope.end | scope.breaks | scope.continues, scope)
        handlers: Names = final
        for handler in s.handlers:
            handlers |= _block(handler.body, final, scope) | reads(handler.type)
        orelse = _block(s.orelse, final, scope)
        return _block(s.body, orelse, replace(scope, caught=scope.caught | handlers)) | handlers
    if isinstance(s, ast.Match):
        before = after
        for case in s.cases:
            before |= _block(case.body, after, scope) | reads(case)
        return before | reads(s.subject)
    if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return after - {s.name} | reads(s)
    return after | reads(s)


def _loop(s: Any, after: Names, scope: _Scope, killed: set[str]) -> Names:
    out = _block(s.orelse, after, scope)
    test = reads(s.test) if isinstance(s, ast.While) else set()
    head: Names = out | test
    while True:
        before = _block(s.body, head, replace(scope, breaks=after, continues=head, end=head))
        later = head | (before - killed)
        if later == head:
            break
        head = later
    info = live(s)
    s._wengert_live = replace(info, head=head | scope.always)
    return head


def _whole_names(target: ast.AST) -> list[str]:
    """Return the names that an assignment to a target gives new values to."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)):
        return [n for t in target.elts for n in _whole_names(t)]
    return _whole_names(target.value) if isinstance(target, ast.Starred) else []
