"""Rewriting of statements: loops and choices become calls, their blocks functions.

    for i in range(n):          def body(item):
        x = f(x, i)                 nonlocal i, x
                                    i = item
                                    x = f(x, i)
                                __wengert__.for_(range(n), body, 17)

Names keep their meaning, because the blocks' functions are closures of the function that they stand in.  ``break``,
``continue`` and ``return`` become signals that a block's function returns; where a statement may end in one, the
statements behind it become a function as well, which is called only if it does not.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Any

from . import liveness
from .expressions import Expressions, call, index, iterated
from .site import BREAK, CONTINUE, RESULT, RETURN, RUNTIME, Site, register
from .tree import FUNCTIONS, walk, walk_own, walk_statements

_LOOPS = (ast.For, ast.While, ast.AsyncFor)


class Where:
    """The kind of block that a statement stands in.

    Attributes
    ----------
    inner : bool
        In a block's function, where jumps are signals.
    own : bool
        Directly in a function's list of statements, so that those behind it can become a function.
    plain_loop : bool
        In a loop that stays as it is.
    """

    def __init__(self, inner: bool, own: bool, plain_loop: bool = False) -> None:
        self.inner, self.own, self.plain_loop = inner, own, plain_loop

    def within(self, plain_loop: bool = False) -> Where:
        """Return the kind of a block inside of a statement that stays as it is."""
        return Where(self.inner, False, self.plain_loop or plain_loop)


INNER = Where(True, True)


class Rewriter:
    """Rewrites one function, and the functions defined in it."""

    def __init__(self, filename: str, qualname: str) -> None:
        self.filename = filename
        self.qualname = qualname
        self.count = 0
        self.locals: set[str] = set()
        self.globals: set[str] = set()
        self.lifted: set[str] = set()
        self.written: frozenset[str] = frozenset()
        self.closed_over: frozenset[str] = frozenset()

    def function(self, node: ast.FunctionDef) -> None:
        """Rewrite a function in place."""
        liveness.analyse(node)
        declared = [n for n in walk_own(node.body) if isinstance(n, (ast.Global, ast.Nonlocal))]
        self.globals = {name for n in declared if isinstance(n, ast.Global) for name in n.names}
        outer = {name for n in declared if isinstance(n, ast.Nonlocal) for name in n.names}
        a = node.args
        params = {p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg)))}
        self.written = frozenset(stored_names(node))
        self.closed_over = frozenset(names_in_functions(node))
        self.locals = (params | liveness.bound(node.body)) - self.globals
        body = self.block(node.body, Where(False, True))
        new = sorted((self.lifted - params - outer) | {RESULT})
        # A binding that is never executed makes the names local to this function, as they were.
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in new]
        never = ast.If(ast.Constant(False), [ast.Assign(targets, ast.Constant(None))], [])
        node.body = [ast.copy_location(never, node), *body]

    # -- blocks -------------------------------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], where: Where) -> list[ast.stmt]:
        """Rewrite statements that stand one after the other."""
        out: list[ast.stmt] = []
        for k, s in enumerate(statements):
            if where.own and self.may_jump(s):
                out += self.jumping(s, statements[k + 1 :], where)
                return out
            out += self.statement(s, where)
        return out

    def may_jump(self, s: ast.stmt) -> bool:
        """Say whether a statement that is rewritten may end in a jump out of its block."""
        if isinstance(s, ast.If):
            return jumps([s])
        return isinstance(s, (ast.For, ast.While)) and not s.orelse and returns(s.body)

    def function_of(self, statements: list[ast.stmt], like: ast.stmt, kind: str, args: Sequence[str] = ()) -> ast.stmt:
        """Return the definition of a block's function."""
        names = liveness.bound(statements)
        names |= {n.id for s in statements for n in walk_own([s]) if isinstance(n, ast.Name) and n.id == RESULT}
        nonlocals = sorted(names & (self.locals | {RESULT}) - set(args))
        self.lifted |= set(nonlocals)
        head: list[ast.stmt] = [ast.Nonlocal(nonlocals)] if nonlocals else []
        shared = sorted(names & self.globals)
        head += [ast.Global(shared)] if shared else []
        self.count += 1
        arguments = ast.arguments([], [ast.arg(a) for a in args], None, [], [], None, [])
        body = [*head, *(statements or [ast.Pass()])]
        definition = ast.FunctionDef(f"_wg_{kind}{self.count}", arguments, body, [], None)
        return ast.copy_location(definition, like)

    # -- statements ---------------------------------------------------------------------------------------------------

    def statement(self, s: ast.stmt, where: Where) -> list[ast.stmt]:
        """Rewrite one statement."""
        if isinstance(s, ast.Return) and where.inner:
            value = ast.Constant(None) if s.value is None else self.expression(s.value)
            return [located(ast.Assign([ast.Name(RESULT, ast.Store())], value), s), signal(RETURN, s)]
        if isinstance(s, (ast.Break, ast.Continue)):
            if where.plain_loop:
                return [s]
            return [signal(BREAK if isinstance(s, ast.Break) else CONTINUE, s)]
        if isinstance(s, ast.If):
            if jumps([s]):  # within with, try or a loop that stays as it is
                s.test = self.expression(s.test)
                return [self.parts(s, where.within())]
            return self.choice(s, None, where)
        if isinstance(s, (ast.For, ast.While)):
            walrus = isinstance(s, ast.While) and any(isinstance(n, ast.NamedExpr) for n in walk(s.test))
            if s.orelse or returns(s.body) or walrus:
                for field in ("iter", "test"):
                    if hasattr(s, field):
                        setattr(s, field, self.expression(getattr(s, field)))
                return [self.parts(s, where.within(plain_loop=True))]
            return self.loop(s, None, where)
        if isinstance(s, ast.FunctionDef):
            if "super" not in liveness.reads(s) and not is_generator(s):
                Rewriter(self.filename, f"{self.qualname}.<locals>.{s.name}").function(s)
            return [s]
        if isinstance(s, (ast.With, ast.Try, ast.TryStar, ast.Match)):
            return [self.parts(s, where.within())]
        return self.simple(s)

    def parts(self, s: Any, where: Where) -> ast.stmt:
        """Rewrite the blocks in a statement that stays as it is."""
        for field in ("body", "orelse", "finalbody"):
            if getattr(s, field, None):
                setattr(s, field, self.block(getattr(s, field), where))
        for part in (*getattr(s, "handlers", ()), *getattr(s, "cases", ())):
            part.body = self.block(part.body, where)
        for item in getattr(s, "items", ()):
            item.context_expr = self.expression(item.context_expr)
        made: ast.stmt = s
        return made

    def expression(self, node: ast.expr) -> ast.expr:
        """Rewrite an expression."""
        made: ast.expr = Expressions().visit(node)
        return made

    def simple(self, s: ast.stmt) -> list[ast.stmt]:
        """Rewrite a statement without blocks."""
        if isinstance(s, ast.AnnAssign):
            if s.value is None:
                return [located(ast.Pass(), s)]
            s = located(ast.Assign([s.target], s.value), s)
        if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Subscript):
            target = s.target
            operation = ast.Constant(type(s.op).__name__)
            value = self.expression(s.value)
            base, where = self.expression(target.value), self.expression(index(target.slice))
            return [located(ast.Expr(call("augment", base, where, operation, value)), s)]
        if isinstance(s, ast.Assign) and len(s.targets) == 1:
            found = s.targets[0]
            if isinstance(found, ast.Subscript):
                base, where = self.expression(found.value), self.expression(index(found.slice))
                # The value is evaluated first, as Python does.
                return [located(ast.Expr(call("store", self.expression(s.value), base, where)), s)]
        if isinstance(s, ast.Assert):
            s.test = call("holds", self.expression(s.test))
            return [s]
        made: ast.stmt = Expressions().visit(s)
        return [made]

    # -- choices and loops --------------------------------------------------------------------------------------------

    def choice(self, s: ast.If, rest: Sequence[ast.stmt] | None, where: Where) -> list[ast.stmt]:
        """Rewrite an if statement; with the statements behind it where a jump may skip them."""
        always = (always_jumps(s.body), always_jumps(s.orelse))
        why = obstacle(s.body + s.orelse, choice=True)
        site = self.site(s, [s, *(rest or ())], "if", why, always=always, jumps=rest is not None)
        then = self.function_of(self.block(s.body, INNER), s, "then")
        other = self.function_of(self.block(s.orelse, INNER), s, "else")
        functions = [then, other]
        if rest:
            functions.append(self.function_of(self.block(rest, INNER), rest[0], "rest"))
        names: list[ast.expr] = [ast.Name(f.name, ast.Load()) for f in functions]  # type: ignore[attr-defined]
        if rest is None:
            done = call("choice", self.expression(s.test), *names, ast.Constant(site))
            return [*functions, located(ast.Expr(done), s)]
        if not rest:
            names.append(ast.Constant(None))
        done = call("jump", self.expression(s.test), *names, ast.Constant(site), ast.Constant(not where.inner))
        return [*functions, *self.end(done, s, where)]

    def loop(self, s: Any, rest: Sequence[ast.stmt] | None, where: Where) -> list[ast.stmt]:
        """Rewrite a for or while statement."""
        kind = "for" if isinstance(s, ast.For) else "while"
        appends = appended_names(s) & (self.locals - self.closed_over) if isinstance(s, ast.For) else frozenset()
        site = self.site(
            s, [s], kind, obstacle(s.body), jumps=breaks(s.body), returns=rest is not None, appends=appends
        )
        body = self.block(s.body, INNER)
        functions = []
        if isinstance(s, ast.For):
            item = ast.Name("_wg_item", ast.Load())
            first = located(ast.Assign([s.target], item), s)
            functions.append(self.function_of([first, *body], s, "body", ["_wg_item"]))
            source = iterated(s.iter)
        else:
            test = located(ast.Return(self.expression(s.test)), s)
            functions += [self.function_of(body, s, "body"), self.function_of([test], s, "test")]
            source = ast.Name(functions[1].name, ast.Load())  # type: ignore[attr-defined]
        name = ast.Name(functions[0].name, ast.Load())  # type: ignore[attr-defined]
        done = call(f"{kind}_", source, name, ast.Constant(site))
        if rest is None:
            return [*functions, located(ast.Expr(done), s)]
        behind: ast.expr = ast.Constant(None)
        if rest:
            functions.append(self.function_of(self.block(rest, INNER), rest[0], "rest"))
            behind = ast.Name(functions[-1].name, ast.Load())  # type: ignore[attr-defined]
        number = self.site(s, [s, *rest], "if", obstacle(list(rest), choice=True), jumps=True)
        after = call("after", done, behind, ast.Constant(number), ast.Constant(not where.inner))
        return [*functions, *self.end(after, s, where)]

    def jumping(self, s: Any, rest: Sequence[ast.stmt], where: Where) -> list[ast.stmt]:
        """Rewrite a statement that may end in a jump, and those behind it."""
        if isinstance(s, ast.If):
            return self.choice(s, rest, where)
        if isinstance(s, ast.While) and any(isinstance(n, ast.NamedExpr) for n in walk(s.test)):
            return [*self.statement(s, where), *self.block(rest, where)]
        return self.loop(s, rest, where)

    def end(self, done: ast.expr, s: ast.stmt, where: Where) -> list[ast.stmt]:
        """Hand a signal on; at the end of the function itself, return what was to be returned."""
        if where.inner:
            return [located(ast.Return(done), s)]
        result = ast.IfExp(done, ast.Name(RESULT, ast.Load()), ast.Constant(None))
        self.lifted.add(RESULT)
        return [located(ast.Return(result), s)]

    def site(self, s: ast.stmt, statements: Sequence[ast.stmt], kind: str, obstacle: str, **more: Any) -> int:
        """Note what the runtime has to know of a statement."""
        info = liveness.live(s)
        bound = liveness.bound(statements)
        stored = {n for part in statements for n in stored_names(part)}
        if not obstacle and bound & self.globals:
            obstacle = f"it assigns the global variable {min(bound & self.globals)}"
        return register(
            Site(
                self.filename,
                s.lineno,
                self.qualname,
                kind,
                frozenset(bound & self.locals),
                info.head,
                info.after,
                info.exits,
                frozenset(stored),
                self.written,
                obstacle=obstacle,
                **more,
            )
        )


def located(new: Any, like: ast.AST) -> Any:
    """Give a new statement the place where an old one begins; what is new in it will get the same place.

    Not the place where it ends as well: of a call over several lines Python may report the last one.
    """
    ast.copy_location(new, like)
    new.end_lineno, new.end_col_offset = new.lineno, new.col_offset
    return new


def signal(kind: int, like: ast.stmt) -> ast.stmt:
    made: ast.stmt = located(ast.Return(ast.Constant(kind)), like)
    return made


# -- questions about statements ---------------------------------------------------------------------------------------


def is_generator(function: ast.AST) -> bool:
    """Say whether a function suspends itself."""
    return any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in walk_own(function.body))  # type: ignore[attr-defined]


def returns(statements: Sequence[ast.AST]) -> bool:
    """Say whether a return stands in statements."""
    return any(isinstance(n, ast.Return) for n in walk_statements(statements, FUNCTIONS))


def breaks(statements: Sequence[ast.AST]) -> bool:
    """Say whether a jump out of the loop whose body this is stands in statements."""
    return any(isinstance(n, (ast.Break, ast.Return)) for n in _outside_loops(statements)) or returns(statements)


def jumps(statements: Sequence[ast.AST]) -> bool:
    """Say whether a jump out of statements stands in them."""
    return returns(statements) or any(isinstance(n, (ast.Break, ast.Continue)) for n in _outside_loops(statements))


def _outside_loops(statements: Sequence[ast.AST]) -> Any:
    for node in walk_statements(statements, (*FUNCTIONS, *_LOOPS)):
        yield node
        if isinstance(node, _LOOPS):
            yield from _outside_loops(node.orelse)


def always_jumps(statements: Sequence[ast.stmt]) -> bool:
    """Say whether statements always end in a jump."""
    for s in statements:
        if isinstance(s, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
            return True
        if isinstance(s, ast.If) and always_jumps(s.body) and always_jumps(s.orelse):
            return True
    return False


def obstacle(statements: Sequence[ast.stmt], choice: bool = False) -> str:
    """Say what in statements keeps them from being captured."""
    for node in walk_own(statements):
        if isinstance(node, ast.Raise) and choice:
            return f"it raises an exception in line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            return f"it sets the attribute {node.attr} in line {node.lineno}"
    return ""


def stored_names(node: ast.AST) -> set[str]:
    """Return the names of what is written into: ``a`` in ``a[i] = v`` and ``a.b[i] += v``."""
    found: set[str] = set()
    for n in walk_statements([node]):
        targets = n.targets if isinstance(n, ast.Assign) else [n.target] if isinstance(n, ast.AugAssign) else []
        for target in targets:
            whole = isinstance(target, ast.Name) and isinstance(n, ast.AugAssign)
            part: Any = target
            while isinstance(part, (ast.Subscript, ast.Attribute, ast.Starred)):
                part = part.value
            if isinstance(part, ast.Name) and (part is not target or whole):
                found.add(part.id)
    return found


def appended_names(loop: ast.For) -> frozenset[str]:
    """Return the names of what each iteration appends to, once, and does not mention otherwise: ``a.append(x)``."""
    if jumps(loop.body):
        return frozenset()
    found = []
    for s in loop.body:
        match s:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append"), [argument], [])):
                if not isinstance(argument, ast.Starred):
                    found.append(name)
    mentioned = Counter(n.id for n in ast.walk(loop) if isinstance(n, ast.Name))
    return frozenset(name for name in found if mentioned[name] == 1)


def names_in_functions(function: ast.AST) -> set[str]:
    """Return the names that stand in functions and classes within a function."""
    inner = [n for n in ast.walk(function) if isinstance(n, (*FUNCTIONS, ast.ClassDef)) and n is not function]
    return {n.id for f in inner for n in ast.walk(f) if isinstance(n, ast.Name)}


__all__ = ["RUNTIME", "Rewriter"]
