"""The source of a function is found whatever is around it and in it."""

from __future__ import annotations

import ast
import functools

from wengert.trace.capture.source import _definition, rewritten


def same(function):
    return function


def plain(x):
    for _ in range(3):
        x = x * 2
    return x


# fmt: off
@same
@functools.partial(
    same,
)
def decorated(
    x,
    n=3,
):
    for _ in range(n):
        x = x * 2
# a comment at the margin
    text = """
at the margin
    and inside
"""
    return x, text


@same
@same
@same
@same
@same
@same
@same
@same
@same
@same
def often_decorated(x):
    for _ in range(3):
        x = x * 2
    return x


class Holder:
    @same
    def method(self, x):
        for _ in range(3):
            x = x * 2
        return x, """
in a method
"""

    other = 1
# fmt: on


def definition(function) -> ast.FunctionDef:
    found = _definition(function)
    assert isinstance(found, ast.FunctionDef)
    assert found.name == function.__name__
    assert found.lineno >= function.__code__.co_firstlineno
    return found


def test_all_of_a_function_is_found():
    for function in (plain, decorated, often_decorated, Holder.method):
        assert isinstance(definition(function).body[-1], ast.Return), function
        assert rewritten(function) is not None, function


def test_strings_of_several_lines_stay_as_they_are():
    last = definition(Holder.method).body[-1]
    assert ast.literal_eval(last.value.elts[1]) == Holder().method(1)[1] == "\nin a method\n"
    assert ast.literal_eval(definition(decorated).body[1].value) == decorated(1)[1]


def test_the_last_function_of_a_file(tmp_path):
    file = tmp_path / "last.py"
    file.write_text("def f(x):\n    for _ in range(3):\n        x = x * 2\n    return x")
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    assert isinstance(definition(scope["f"]).body[-1], ast.Return)


def test_a_file_that_has_changed_is_no_source(tmp_path):
    file = tmp_path / "gone.py"
    file.write_text("def f(x):\n    for _ in range(3):\n        x = x * 2\n    return x\n")
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    file.write_text("(((\n" * 2000)
    assert rewritten(scope["f"]) is None
