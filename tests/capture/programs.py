"""Random Python functions as source text: loops, choices, jumps, slice updates, aliases, swaps, helpers."""

from __future__ import annotations

import linecache
from itertools import count

from hypothesis import strategies as st

NUMBER = count()
SCALARS = ("s", "t")
ARRAYS = ("u", "v", "w")
HELPERS = """
def bump(a, k, x):
    a[k] += 0.5 * x
    return a[k] * 0.25

def clipped(x):
    if x > 1.0:
        return 1.0 - 0.1 * x
    if x < -1.0:
        return 0.1 * x
    return x
"""


def _index(draw, counters):
    options = ["0", "1", "-1", *counters, *[f"{c} - 1" for c in counters], *[f"3 - {c}" for c in counters]]
    return draw(st.sampled_from(options))


def _scalar(draw, counters, depth=2):
    kinds = ["name", "number", "entry", "entry"]
    if depth:
        kinds += ["add", "mul", "sin", "reduce", "choice", "min", "helper", "counter"]
    kind = draw(st.sampled_from(kinds))
    if kind == "name":
        return draw(st.sampled_from(SCALARS))
    if kind == "number":
        return draw(st.sampled_from(["0.5", "-0.3", "1.2"]))
    if kind == "entry":
        return f"{draw(st.sampled_from(ARRAYS))}[{_index(draw, counters)}]"
    a = _scalar(draw, counters, depth - 1)
    if kind == "sin":
        return f"np.sin({a})"
    if kind == "reduce":
        return f"np.sum({draw(st.sampled_from(ARRAYS))}) * 0.2"
    if kind == "helper":
        return f"clipped({a})"
    if kind == "counter":
        return f"({draw(st.sampled_from([*counters, '2']))} * 0.1 + {a})"
    b = _scalar(draw, counters, depth - 1)
    if kind == "choice":
        return f"({a} if {_condition(draw, counters, 0)} else {b})"
    if kind == "min":
        return f"{draw(st.sampled_from(['min', 'max']))}({a}, {b})"
    return f"({a} + {b})" if kind == "add" else f"0.5 * {a} * np.cos({b})"


def _condition(draw, counters, depth=1):
    kinds = ["value", "value", "counter"] + (["and", "or", "not", "chain"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "value":
        return f"{_scalar(draw, counters, 0)} {draw(st.sampled_from(['<', '>']))} {_scalar(draw, counters, 1)}"
    if kind == "counter":
        return f"{draw(st.sampled_from([*counters, '1']))} % 2 == {draw(st.sampled_from(['0', '1']))}"
    if kind == "not":
        return f"not ({_condition(draw, counters, 0)})"
    if kind == "chain":
        return f"-1.0 < {_scalar(draw, counters, 0)} < 0.9"
    return f"({_condition(draw, counters, 0)}) {kind} ({_condition(draw, counters, 0)})"


def _array(draw, counters):
    u, v = draw(st.sampled_from(ARRAYS)), draw(st.sampled_from(ARRAYS))
    forms = [
        f"np.sin({u})",
        f"0.5 * {u} + 0.25 * {v}",
        f"{u}.copy()",
        f"{u}[::-1] * {_scalar(draw, counters, 1)}",
        f"np.where({u} > 0.1, {u}, 0.5 * {v})",
        "np.zeros(4)",
        f"np.array([{_scalar(draw, counters, 0)}, {v}[1], 0.3, {u}[-1]])",
    ]
    return draw(st.sampled_from(forms))


def _statement(draw, counters, loops, depth, jumps):
    kinds = ["scalar", "scalar", "augment", "array", "entry", "entry", "slice", "whole", "swap", "alias", "bump", "row"]
    if depth:
        kinds += ["if", "if", "if", "for", "for", "while"]
    if jumps:
        kinds += ["jump"]
    kind = draw(st.sampled_from(kinds))
    s, u, v = draw(st.sampled_from(SCALARS)), draw(st.sampled_from(ARRAYS)), draw(st.sampled_from(ARRAYS))
    if kind == "scalar":
        return [f"{s} = {_scalar(draw, counters)}"]
    if kind == "augment":
        return [f"{s} {draw(st.sampled_from(['+=', '-=']))} 0.3 * {_scalar(draw, counters, 1)}"]
    if kind == "array":
        return [f"{u} = {_array(draw, counters)}"]
    if kind == "entry":
        operator = draw(st.sampled_from(["=", "+="]))
        return [f"{u}[{_index(draw, counters)}] {operator} 0.4 * {_scalar(draw, counters, 1)}"]
    if kind == "slice":
        return [f"{u}[1:-1] {draw(st.sampled_from(['=', '+=']))} 0.3 * {v}[2:] - 0.2 * {u}[:-2]"]
    if kind == "whole":
        return [draw(st.sampled_from([f"{u} *= 0.9", f"{u}[:] = 0.7 * {v}", f"{u} += 0.1 * {v}"]))]
    if kind == "swap":
        return [f"{u}, {v} = {v}, {u}"]
    if kind == "alias":
        return [f"{u} = {v}"]
    if kind == "bump":
        return [f"{s} = bump({u}, {_index(draw, counters)}, {v}[1])"]
    if kind == "row":
        k = _index(draw, counters)
        return [f"row = m[{k}]", f"row[{_index(draw, counters)}] {draw(st.sampled_from(['=', '+=']))} 0.2 * {s}"]
    if kind == "jump":
        word = draw(st.sampled_from(["break", "continue", f"return {s} + np.sum({u})"])) if loops else f"return {s}"
        return [f"if {_condition(draw, counters)}:", f"    {word}"]
    if kind == "if":
        out = [f"if {_condition(draw, counters)}:", *_indented(_block(draw, counters, loops, depth - 1, jumps))]
        if draw(st.booleans()):
            out += [f"elif {_condition(draw, counters)}:", *_indented(_block(draw, counters, loops, depth - 1, jumps))]
        if draw(st.booleans()):
            out += ["else:", *_indented(_block(draw, counters, loops, depth - 1, jumps))]
        return out
    c = "ijk"[loops]
    if kind == "for":
        bounds = ["3", "1, 4", "3, -1, -1", "0, 4, 2", "1"] + [f"{x}" for x in counters] + [f"{x}, 4" for x in counters]
        source = draw(st.sampled_from([f"range({b})" for b in bounds] + [u, f"enumerate({u})", "range(n)"]))
        target = f"{c}, x" if source.startswith("enumerate") else c if source.startswith("range") else "x"
        inside = counters if target == "x" else [*counters, c]
        body = _block(draw, inside, loops + 1, depth - 1, jumps)
        return [f"for {target} in {source}:", *_indented(body)]
    body = _block(draw, counters, loops + 1, depth - 1, jumps)
    return [
        f"c{c} = 0",
        f"while c{c} < 3 and {_condition(draw, counters, 0)}:",
        f"    c{c} += 1",
        *_indented(body),
    ]


def _indented(lines):
    return ["    " + line for line in lines]


def _block(draw, counters, loops, depth, jumps):
    out = []
    for _ in range(draw(st.integers(1, 3))):
        out += _statement(draw, counters, loops, depth, jumps)
    return out


@st.composite
def sources(draw):
    """Return the source of a function of (u, v, s, n)."""
    lines = ["w = np.ones(4) * s", "m = np.zeros((4, 4)) + u", "t = 0.2"]
    for _ in range(draw(st.integers(1, 3))):
        lines += _statement(draw, [], 0, 2, draw(st.booleans()))
    lines.append("return s + 0.5 * t + np.sum(u) + np.sum(v * v) + np.sum(w) * 0.3 + np.sum(m * m) * 0.1")
    return "def f(u, v, s, n):\n" + "\n".join(_indented(lines)) + "\n"


def compiled(source):
    """Return the function that a source text defines, with the text where Python looks for it."""
    import numpy as np

    name = f"<random program {next(NUMBER)}>"
    text = HELPERS + source
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope = {"np": np, "__name__": "random_program"}
    exec(compile(text, name, "exec"), scope)
    return scope["f"]
