"""The rewritten code of a function, from its source; None where there is no source or nothing to rewrite."""

from __future__ import annotations
import __future__ as futures

import ast
import dis
import inspect
import linecache
from collections.abc import Iterator
from contextlib import suppress
from tokenize import TokenError
from types import CodeType, FunctionType
from typing import Any, Final

from .rewrite import Rewriter, is_generator
from .tree import locate, walk

_REWRITTEN: Final[dict[int, tuple[CodeType, CodeType | None]]] = {}
_FUTURE_FLAGS: Final = sum({getattr(futures, name).compiler_flag for name in futures.all_feature_names})
_REFUSED: Final = frozenset(("super", "locals", "exec", "eval", "vars"))
_WRITES: Final = ("STORE_SUBSCR", "STORE_SLICE")
_TURNS: Final = frozenset((*dis.hasjrel, *dis.hasjabs, *(dis.opmap[name] for name in _WRITES if name in dis.opmap)))
"""Instructions without which there is nothing to rewrite: jumps, and assignments to entries."""


def rewritten(function: FunctionType) -> CodeType | None:
    """Return the code to run in place of a function's own, with the same free variables."""
    code = function.__code__
    known = _REWRITTEN.get(id(code))
    if known is None:
        if len(_REWRITTEN) > 10_000:
            _REWRITTEN.clear()
        known = _REWRITTEN[id(code)] = (code, _rewrite(function))
    return known[1]


def _rewrite(function: FunctionType) -> CodeType | None:
    code = function.__code__
    if code.co_name == "<lambda>" or not _turns(code):
        return None
    node = _definition(function)
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name or is_generator(node):
        return None
    names = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    if names & _REFUSED:
        return None
    node.decorator_list = []
    _without_annotations(node)
    flags = code.co_flags & _FUTURE_FLAGS
    plain = _compiled(node, code, flags, False)
    if plain is None or not _same(plain, code):
        return None
    try:
        Rewriter(code.co_filename, code.co_qualname).function(node)
        return _named(_compiled(node, code, flags, True), code.co_qualname)
    except (SyntaxError, RecursionError):
        return None


def _turns(code: CodeType) -> bool:
    """Say whether a function, or one in it, does anything but go straight on."""
    return not _TURNS.isdisjoint(code.co_code[::2]) or any(
        isinstance(const, CodeType) and _turns(const) for const in code.co_consts
    )


def _definition(function: FunctionType) -> ast.stmt | None:
    """Return the statement that a function was made by, at its place in the file; None if there is no source.

    ``inspect.getsource`` would first look for the function's module among all modules there are, which takes longer
    than recording and compiling a small function.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    first = code.co_firstlineno - 1
    lines = linecache.getlines(code.co_filename, function.__globals__)[first:]
    for block in _blocks(lines):
        # An indented definition is put where it may stand: dedenting would change strings of several lines.
        text = "\n" * (first - 1) + "if True:\n" + block if _margin(block) else "\n" * first + block
        try:
            (statement,) = ast.parse(text).body
        except (SyntaxError, ValueError):
            continue
        return statement.body[0] if _margin(block) and isinstance(statement, ast.If) else statement
    return None


_ATTEMPTS: Final = 8


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield what may be the definition at the beginning of lines; the first that can be parsed is.

    It ends before a line that is indented no more than it is, unless that stands in brackets, in a string or below a
    decorator.  A tokenizer would know at once, but to make Python's takes as long as to compile a kernel.
    """
    found = 0
    for end, line in enumerate(lines[1:], 1):
        if line.strip() and not line.lstrip().startswith("#") and _margin(line) <= _margin(lines[0]):
            yield "".join(lines[:end])
            found += 1
            if found == _ATTEMPTS:
                with suppress(TokenError):
                    yield "".join(inspect.getblock(lines))
                return
    yield "".join(lines)


def _margin(text: str) -> int:
    line = text.partition("\n")[0].expandtabs()
    return len(line) - len(line.lstrip())


def _without_annotations(node: ast.FunctionDef) -> None:
    """Drop what belongs to the definition and not to the code."""
    node.returns = None
    a = node.args
    for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))):
        arg.annotation = None
    a.defaults = [ast.copy_location(ast.Constant(None), d) for d in a.defaults]
    a.kw_defaults = [d and ast.copy_location(ast.Constant(None), d) for d in a.kw_defaults]


def _compiled(node: ast.FunctionDef, code: CodeType, flags: int, changed: bool) -> CodeType | None:
    """Compile a function inside of one that has its free variables, and inside of its class.

    If it was changed, it has nodes whose place in the source is still to be found.
    """
    definition: Any = node
    owner = code.co_qualname.rpartition(".")[0].rpartition(".")[2]
    if owner and owner != "<locals>":
        definition = ast.ClassDef(owner, [], [], [definition], [])
    arguments = ast.arguments([], [ast.arg(name) for name in code.co_freevars], None, [], [], None, [])
    factory = ast.FunctionDef("_wg_factory", arguments, [definition], [], None)
    module = ast.Module([factory], [])
    locate(module, changed)
    made = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
    return _find(made, node.name)


def _find(code: CodeType, name: str) -> CodeType | None:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found = const if const.co_name == name else _find(const, name)
            if found is not None:
                return found
    return None


def _same(found: CodeType, code: CodeType) -> bool:
    """Say whether the source that was found is what the function was made from: files change."""
    if found.co_varnames[: found.co_argcount] != code.co_varnames[: code.co_argcount]:
        return False
    if any(name.startswith("@") for name in code.co_names):
        return True  # pytest has rewritten the assert statements
    if set(found.co_freevars) != set(code.co_freevars) or not set(found.co_names) <= set(code.co_names):
        return False
    have = {(type(c), c) for c in code.co_consts if not isinstance(c, CodeType)}
    return all((type(c), c) in have for c in found.co_consts if not isinstance(c, CodeType))


def _named(code: CodeType | None, qualname: str) -> CodeType | None:
    """Let a block's function go by the name of the function that it belongs to."""
    if code is None:
        return None
    consts: list[Any] = []
    for const in code.co_consts:
        if isinstance(const, CodeType):
            own = const.co_name.startswith("_wg_")
            const = _named(const, qualname if own else f"{qualname}.<locals>.{const.co_name}")
            if own:
                const = const.replace(co_name=qualname.rpartition(".")[2])  # type: ignore[union-attr]
        consts.append(const)
    return code.replace(co_consts=tuple(consts), co_qualname=qualname)
