"""SymPy formulas of the primitives.

Kinks get functions of their own instead of SymPy's ``Max``, ``Abs`` and ``Piecewise``: those try to simplify by
reasoning about signs, which can take minutes, and on a kink they choose other derivatives than this library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Kinks:
    """Functions with kinks as SymPy functions that are never rewritten, and how to compute them."""

    def __init__(self, sympy: Any) -> None:
        zero = sympy.Integer(0)

        def function(name: str, slope: Callable[..., Any]) -> Any:
            def fdiff(self: Any, argindex: int = 1) -> Any:
                return slope(*self.args, argindex)

            return type(name, (sympy.Function,), {"eval": classmethod(lambda cls, *xs: None), "fdiff": fdiff})

        def ordered(x: Any, y: Any, k: int) -> Any:
            return step(x - y) if k == 1 else step(y - x)

        step = function("step", lambda x, k: zero)
        self.sign = sign = function("sign", lambda x, k: zero)
        self.abs = function("abs", lambda x, k: sign(x))
        self.max = function("max", ordered)
        self.min = function("min", lambda x, y, k: ordered(y, x, k))

        def by_branch(self: Any, symbol: Any) -> Any:
            which, x, y = self.args
            a, b = x.diff(symbol), y.diff(symbol)
            return zero if a == 0 and b == 0 else where(which, a, b)

        self.where = where = type(
            "where", (sympy.Function,), {"eval": classmethod(lambda cls, *xs: None), "_eval_derivative": by_branch}
        )


COMPUTED: dict[str, Callable[..., Any]] = {
    "step": lambda x: (x > 0) + 0.5 * (x == 0),
    "sign": lambda x: (x > 0) * 1 - (x < 0) * 1,
    "abs": abs,
    "max": max,
    "min": min,
    "where": lambda which, x, y: x if which else y,
}
"""The functions of :class:`Kinks` on numbers of any precision."""


def table(s: Any) -> dict[str, Callable[..., Any]]:
    """Return the formula of each elementwise primitive and of extremes over axes; ``s`` is SymPy."""
    kinks = Kinks(s)

    def extreme(function: Any) -> Callable[..., Any]:
        def over(array: Any, axes: tuple[int, ...]) -> Any:
            kept = [a for a in range(array.ndim) if a not in axes]
            rows = np.transpose(array, (*kept, *axes)).reshape(*(array.shape[a] for a in kept), -1)
            out = np.empty(rows.shape[:-1], object)
            for index in np.ndindex(out.shape):
                first, *others = rows[index]
                for other in others:
                    first = function(first, other)
                out[index] = first
            return out

        return over

    same = "sin cos tan sinh cosh tanh exp log sqrt cbrt floor erf erfc gamma loggamma".split()
    made: dict[str, Callable[..., Any]] = {name: getattr(s, name) for name in same}
    made.update({f"arc{name}": getattr(s, f"a{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")})
    made.update(
        {
            "add": lambda x, y: x + y,
            "sub": lambda x, y: x - y,
            "neg": lambda x: -x,
            "mul": lambda x, y: x * y,
            "scale": lambda x, y: x * y,
            "div": lambda x, y: x / y,
            "reciprocal": lambda x: 1 / x,
            "integer_pow": lambda x, n: x**n,
            "pow": lambda x, y: x**y,
            "exp2": lambda x: s.Integer(2) ** x,
            "expm1": lambda x: s.exp(x) - 1,
            "log2": lambda x: s.log(x) / s.log(2),
            "log10": lambda x: s.log(x) / s.log(10),
            "log1p": lambda x: s.log(1 + x),
            "logaddexp": lambda x, y: s.log(s.exp(x) + s.exp(y)),
            "arctan2": s.atan2,
            "hypot": lambda x, y: s.sqrt(x**2 + y**2),
            "abs": kinks.abs,
            "sign": kinks.sign,
            "convert": lambda x, dtype: x,
            "max": kinks.max,
            "min": kinks.min,
            "reduce_max": extreme(kinks.max),
            "reduce_min": extreme(kinks.min),
            "gt": s.Gt,
            "ge": s.Ge,
            "lt": s.Lt,
            "le": s.Le,
            "eq": s.Eq,
            "ne": s.Ne,
            "select": kinks.where,
        }
    )
    return made
