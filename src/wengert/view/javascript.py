"""Elementwise primitives in JavaScript, for the page to run a graph again when an input is changed.

The one place where a primitive is written in JavaScript: the page's build (``tools/page.py``) turns this table into a
module, and a test compares each of them with the primitive's own ``evaluate`` on its samples, in a browser.
Operands are ``x``, ``y``, ``z``; parameters have their own names.
"""

from __future__ import annotations

from typing import Final

from ..core.primitive import PRIMITIVES

ELEMENTWISE: Final[dict[str, str]] = {
    "add": "x + y",
    "sub": "x - y",
    "neg": "-x",
    "mul": "x * y",
    "scale": "x === 0 || y === 0 ? 0 : x * y",  # zero wins over inf and nan
    "div": "x / y",
    "reciprocal": "1 / x",
    "integer_pow": "x ** n",
    "pow": "x === 1 || y === 0 ? 1 : x ** y",  # JavaScript's 1 ** NaN is NaN
    "copy": "x",
    "stop_gradient": "x",
    "eq": "x === y",
    "ne": "x !== y",
    "lt": "x < y",
    "le": "x <= y",
    "gt": "x > y",
    "ge": "x >= y",
    "isnan": "Number.isNaN(x)",
    "isinf": "x === Infinity || x === -Infinity",
    "isfinite": "Number.isFinite(x)",
    "signbit": "x < 0 || Object.is(x, -0)",
    "floor": "Math.floor(x)",
    "ceil": "Math.ceil(x)",
    "trunc": "Math.trunc(x)",
    "rint": "halfToEven(x)",
    "sign": "x === 0 ? 0 : Math.sign(x)",
    "logical_and": "x && y ? 1 : 0",
    "logical_or": "x || y ? 1 : 0",
    "logical_xor": "!x !== !y",
    "logical_not": "!x",
    "select": "x ? y : z",
    "max": "Math.max(x, y)",
    "min": "Math.min(x, y)",
    "copysign": "(y < 0 || Object.is(y, -0)) === (x < 0 || Object.is(x, -0)) ? x : -x",
    "sqrt": "Math.sqrt(x)",
    "cbrt": "Math.cbrt(x)",
    "exp": "Math.exp(x)",
    "exp2": "2 ** x",
    "expm1": "Math.expm1(x)",
    "log": "Math.log(x)",
    "log2": "Math.log2(x)",
    "log10": "Math.log10(x)",
    "log1p": "Math.log1p(x)",
    "logaddexp": "x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)))",
    "sin": "Math.sin(x)",
    "cos": "Math.cos(x)",
    "tan": "Math.tan(x)",
    "arcsin": "Math.asin(x)",
    "arccos": "Math.acos(x)",
    "arctan": "Math.atan(x)",
    "arctan2": "Math.atan2(x, y)",
    "hypot": "Math.hypot(x, y)",
    "sinh": "Math.sinh(x)",
    "cosh": "Math.cosh(x)",
    "tanh": "Math.tanh(x)",
    "arcsinh": "Math.asinh(x)",
    "arccosh": "Math.acosh(x)",
    "arctanh": "Math.atanh(x)",
    "abs": "Math.abs(x)",
    "expit": "x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))",
    "log_expit": "x >= 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x))",
    "xlogy": "x === 0 && !Number.isNaN(y) ? 0 : x * Math.log(y)",
}
"""Name of a primitive -> a JavaScript expression; a boolean result counts as 0 or 1."""

STRUCTURAL: Final = frozenset(
    "full literal convert broadcast reshape transpose rev slice slice_add slice_set pad concatenate reduce_sum "
    "reduce_max reduce_min reduce_prod dot".split()
)
"""Primitives that the page's interpreter (``viewer/src/live/arrays.ts``) has itself: they move or combine entries."""

RUNNABLE: Final = STRUCTURAL | frozenset(ELEMENTWISE)

_OPERANDS: Final = ("x", "y", "z")


def module() -> str:
    """Return the TypeScript module with the table."""
    lines = [
        "// Made by `make page` from src/wengert/view/javascript.py; do not edit.",
        "import { halfToEven } from '../live/rounding';",
        "",
        "export type Elementwise = (a: number[], params: Record<string, number>) => number | boolean;",
        "",
        "export const ELEMENTWISE: Record<string, Elementwise> = {",
    ]
    for name, expression in ELEMENTWISE.items():
        doc = PRIMITIVES[name].doc
        names = [x for x in _OPERANDS if _reads(expression, x)]
        unpacked = f"[{', '.join(_OPERANDS[: _OPERANDS.index(names[-1]) + 1])}]"
        params = ", { n }" if _reads(expression, "n") else ""
        lines.append(f"  /** {doc} */")
        lines.append(f"  {name}: ({unpacked}{params}) => {expression},")
    return "\n".join([*lines, "};", ""])


def _reads(expression: str, name: str) -> bool:
    words = "".join(c if c.isalnum() or c in "_." else " " for c in expression).split()
    return name in words
