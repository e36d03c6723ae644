"""The operands and parameters of a loop, sorted by what they are; room for what its derivative saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from ..core.aval import Aval, aval
from ..core.symbol import Sym
from .subgraph import SubGraph, without_inputs

COUNTER: Final = aval((), np.int64)


class Gathered:
    """A cotangent with what had been gathered before already in it."""

    __slots__ = ("ct",)

    def __init__(self, ct: Any) -> None:
        self.ct = ct


@dataclass(frozen=True)
class Loop:
    """Which loop it is that needs room for residuals."""

    test: SubGraph | None
    body: SubGraph

    def __repr__(self) -> str:
        return "as needed"


class TapeFull(Exception):
    """A loop ran longer than there was room to save residuals for."""

    def __init__(self, key: Any, length: int) -> None:
        super().__init__(f"a loop needed more than {length} iterations' room for residuals")
        self.key = key
        self.length = length


CAPACITY: dict[Any, int] = {}
"""Iterations that there is room for, by loop, where the number of iterations is only known when it runs."""
_FIRST_CAPACITY: Final = 1024


def grow(full: TapeFull) -> None:
    """Make room for four times as many iterations the next time the derivative of this loop is derived."""
    CAPACITY[full.key] = max(CAPACITY.get(full.key, 0), 4 * full.length)


class Operands(NamedTuple):
    """The operands of a loop by what they are, or as many of anything else."""

    number: list[Any]
    consts: list[Any]
    carry: list[Any]
    xs: list[Any]


def operands(items: Sequence[Any], consts: int, carry: int, counted: bool) -> Operands:
    """Sort operands by what they are."""
    a = int(counted)
    b, c = a + consts, a + consts + carry
    return Operands(list(items[:a]), list(items[a:b]), list(items[b:c]), list(items[c:]))


def parameters(
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> tuple[tuple[str, Any], ...]:
    """Return the parameters of a loop."""
    return (
        ("body", body),
        ("test", test),
        ("consts", consts),
        ("carry", carry),
        ("length", length),
        ("reverse", reverse),
        ("counted", counted),
        ("grows", grows),
    )


# -- lists of operands -------------------------------------------------------------------------------------------------


def flags_of(tangents: Sequence[Any]) -> tuple[bool, ...]:
    """Say which tangents are not zero."""
    return tuple([t is not None for t in tangents])


def builder_of(*groups: Sequence[Any]) -> Any:
    """Return the builder of the first symbol in some groups."""
    return next(x.builder for group in groups for x in group if isinstance(x, Sym))


def parts(items: Sequence[Any], sizes: Sequence[int]) -> list[Sequence[Any]]:
    """Cut a sequence into parts of these sizes, and the rest."""
    parts, start = [], 0
    for size in sizes:
        parts.append(items[start : start + size])
        start += size
    return [*parts, items[start:]]


def avals(items: Sequence[Any]) -> list[Aval]:
    """Return the avals of operands."""
    return [x.aval for x in items]


def row_avals(items: Sequence[Any]) -> list[Aval]:
    """Return the avals of the operands' rows."""
    return [aval(x.aval.shape[1:], x.aval.dtype) for x in items]


def once(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    body: SubGraph,
    test: SubGraph | None,
    consts: int,
    carry: int,
    counted: bool,
) -> tuple[list[Any], list[Any], SubGraph, SubGraph | None, int]:
    """Let a loop take each constant and each array of rows once; return operands, tangents, body, test and ``consts``.

    A helper function that is called four times in an iteration reads ``x[1:]`` four times; what flows back to it then
    adds up in one array and not in four.
    """
    first = int(counted)
    seen: dict[Any, int] = {}
    same: dict[int, int] = {}
    for k, x in enumerate(primals):
        if first <= k < first + consts or k >= first + consts + carry:
            kind = "const" if k < first + consts else "row"
            earlier = seen.setdefault((kind, id(x.builder), x.id) if isinstance(x, Sym) else (kind, k), k)
            if earlier != k:
                same[k] = earlier
    if not same:
        return list(primals), list(tangents), body, test, consts
    kept = [k for k in range(len(primals)) if k not in same]
    gone = sum(1 for k in same if k < first + consts)
    # Inputs of body and test are the counter and the operands, but for the number of iterations.
    inner = {1 + k - first: 1 + j - first for k, j in same.items()}
    lean = None if test is None else without_inputs(test, {k: j for k, j in inner.items() if k <= consts})
    return (
        [primals[k] for k in kept],
        [tangents[k] for k in kept],
        without_inputs(body, inner),
        lean,
        consts - gone,
    )
