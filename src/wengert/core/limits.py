"""Limits of the entries of integer arrays: which index arrays point inside, whatever they are computed from.

``np.clip(i, 0, n - 1)`` does for any i; so does ``np.arange(n)``, and what is made of these by moving entries about.
"""

from __future__ import annotations

from typing import Final

from .graph import Equation, Graph

Limits = tuple[float, float]
"""The smallest and largest entry that there may be; infinite where nothing is known."""

_UNKNOWN: Final[Limits] = (float("-inf"), float("inf"))
_MOVES: Final = frozenset({"broadcast", "reshape", "transpose", "slice", "rev", "copy", "again", "gather", "convert"})


def extend(known: dict[int, Limits], graph: Graph, equation: Equation) -> None:
    """Note the limits of what an equation makes of integers, if it says any."""
    out = equation.outputs[0]
    of = graph.avals[out]
    if of.dtype.kind not in "iu" or len(equation.outputs) > 1:
        return
    name, params = equation.primitive.name, dict(equation.params)
    ins = [known.get(i, _UNKNOWN) for i in equation.inputs]
    found = _UNKNOWN
    if name == "full":
        found = (float(params["value"]), float(params["value"]))
    elif name == "iota":
        found = (0.0, float(max(of.shape[params["axis"]] - 1, 0)))
    elif name in _MOVES and (name != "convert" or graph.avals[equation.inputs[0]].dtype.kind in "iu"):
        found = ins[0]
    elif name in ("max", "min"):
        choose = max if name == "max" else min
        (a, b), (c, d) = ins
        found = choose(a, c), choose(b, d)
    elif name == "select":
        found = min(ins[1][0], ins[2][0]), max(ins[1][1], ins[2][1])
    if found != _UNKNOWN and of.dtype.itemsize == 8:
        known[out] = found


def inside(limits: Limits | None, size: int) -> bool:
    """Say whether indices with these limits are certain to lie between 0 and size - 1."""
    return limits is not None and limits[0] >= 0 and limits[1] < size
