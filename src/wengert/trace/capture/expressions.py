"""Rewriting of expressions: what Python itself evaluates goes through functions that know about traced values."""

from __future__ import annotations

import ast
from typing import Any

from .site import RUNTIME
from .tree import walk

_CALLS = frozenset("range min max abs int float bool sum round isinstance print len".split())
_ITERABLES = frozenset(("enumerate", "zip", "reversed"))


def call(name: str, *args: ast.expr) -> ast.Call:
    """Return a call of one of the functions that rewritten code has."""
    function = ast.Attribute(ast.Name(RUNTIME, ast.Load()), name, ast.Load())
    return ast.Call(function, list(args), [])


def thunk(expression: ast.expr) -> ast.Lambda:
    """Return an expression that is to be evaluated later."""
    none = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(none, expression)


def _binds(*nodes: ast.AST) -> bool:
    """Say whether expressions assign names or suspend the function, so that they cannot move into a lambda."""
    kinds = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return any(isinstance(n, kinds) for n in walk(*nodes))


class Expressions(ast.NodeTransformer):
    """Rewrites what is evaluated; functions and classes defined inside are left to the statements."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and not is_constant(node.slice):
            return ast.copy_location(call("getitem", node.value, index(node.slice)), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        f = node.func
        if isinstance(f, ast.Name) and f.id in _CALLS:
            helper = call("call", f)
            return ast.copy_location(ast.Call(helper.func, [f, *node.args], node.keywords), node)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if _binds(*node.values):
            return node
        name = "both" if isinstance(node.op, ast.And) else "either"
        made = node.values[-1]
        for value in reversed(node.values[:-1]):
            lazy = any(isinstance(n, (ast.Subscript, ast.Call)) for n in walk(made))
            made = ast.copy_location(call(name, value, thunk(made), ast.Constant(lazy)), node)
        return made

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            return ast.copy_location(call("negated", node.operand), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        middle = node.comparators[:-1]
        if not middle or not all(isinstance(m, (ast.Name, ast.Constant, ast.Attribute)) for m in middle):
            return node
        pairs = []
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            pairs.append(ast.copy_location(ast.Compare(left, [op], [right]), node))
            left = right
        if _binds(*pairs):
            return node
        made: ast.expr = pairs[-1]
        for pair in reversed(pairs[:-1]):
            made = ast.copy_location(call("both", pair, thunk(made), ast.Constant(False)), node)
        return made

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if _binds(node.body, node.orelse):
            return node
        return ast.copy_location(call("chosen", node.test, thunk(node.body), thunk(node.orelse)), node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.body = self.visit(node.body)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node


def iterated(node: ast.expr) -> ast.expr:
    """Rewrite what a for statement iterates over: enumerate, zip and reversed stay open to be looked into."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ITERABLES:
        args: list[Any] = [iterated(a) if not isinstance(a, ast.Starred) else Expressions().visit(a) for a in node.args]
        helper = call("iterable", node.func)
        return ast.copy_location(ast.Call(helper.func, [node.func, *args], node.keywords), node)
    made: ast.expr = Expressions().visit(node)
    return made


def is_constant(node: ast.AST) -> bool:
    """Say whether an index is made of constants only."""
    return not any(isinstance(n, (ast.Name, ast.Call, ast.Attribute, ast.Subscript)) for n in walk(node))


def index(node: ast.expr) -> ast.expr:
    """Return an index as an expression that can be an argument."""
    if isinstance(node, ast.Slice):
        nothing = ast.Constant(None)
        bounds = [nothing if b is None else b for b in (node.lower, node.upper, node.step)]
        return call("slice", *bounds)
    if isinstance(node, ast.Tuple):
        return ast.Tuple([index(e) for e in node.elts], ast.Load())
    return node
