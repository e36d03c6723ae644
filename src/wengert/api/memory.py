"""Memory budgets: the derivative with the least work whose program stays within so many bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ..core.graph import Graph
from ..core.source import user_line
from ..errors import ArgumentError, MemoryBudgetError, explain
from ..run import llvm
from ..run.tiers import as_it_runs
from ..transforms.batch import batch
from ..transforms.budget import arranged, stored
from ..transforms.linearize import Linearized, linearize
from ..transforms.simplify import simplify
from ..transforms.transpose import transpose

T = TypeVar("T")

_UNITS: Final = {"": 1, "b": 1} | {
    f"{letter}{i}b": (1024 if i else 1000) ** k for k, letter in enumerate("kmgt", 1) for i in ("", "i")
}
_TRIES: Final = 5
_WELL_USED: Final = 0.6
"""Part of a budget that a schedule should use at least, where more would save work."""


def in_bytes(memory: int | str | None) -> int | None:
    """Return a budget in bytes.

    Examples
    --------
    >>> in_bytes("200MB"), in_bytes("1.5 GiB"), in_bytes(4096), in_bytes(None)
    (200000000, 1610612736, 4096, None)
    """
    if memory is None:
        return None
    found: float | None = None
    if isinstance(memory, str):
        match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][0-9]+)?)\s*([a-zA-Z]*)\s*", memory)
        unit = _UNITS.get(match[2].lower()) if match else None
        found = float(match[1]) * unit if match and unit else None
    elif isinstance(memory, int | float) and not isinstance(memory, bool):
        found = float(memory)
    if found is None or not 0 < found < float("inf"):
        raise ArgumentError(
            explain(
                'memory is a number of bytes, or a text such as "200MB".',
                found=f"memory={memory!r}",
                line=user_line(),
                fix="units are B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024)",
            )
        )
    return int(found)


def as_text(count: int) -> str:
    """Return a number of bytes as a text that :func:`in_bytes` reads, rounded up to three digits.

    Examples
    --------
    >>> as_text(1234567), as_text(999), as_text(20_000_000)
    ('1.24MB', '999B', '20MB')
    """
    power = 0
    while count >= 1000 ** (power + 1) and power < 4:
        power += 1
    if not power:
        return f"{count}B"
    unit = 1000**power
    step = unit // 100 if count < 10 * unit else unit // 10 if count < 100 * unit else unit
    return f"{-(-count // step) * step / unit:g}{'kMGT'[power - 1]}B"


def needed(graph: Graph) -> int:
    """Return the bytes that the program of a graph needs beside its inputs."""
    return llvm.NativeProgram.memory(as_it_runs(simplify(graph)))


def within(
    budget: int, graph: Graph, active: Sequence[bool], derive: Callable[[Graph], T], need_of: Callable[[T], int]
) -> T:
    """Return the derivative with the least work that stays within a budget.

    Parameters
    ----------
    budget : int
        Bytes.
    graph : Graph
    active : sequence of bool
        Which inputs to differentiate with respect to.
    derive : callable
        From a graph to its derivative.
    need_of : callable
        From a derivative to the bytes that it needs.

    Raises
    ------
    MemoryBudgetError
        If none does.
    """
    made = derive(graph)
    need = need_of(made)
    if need <= budget:
        return made
    # What is not stored between the passes is needed anyway: results, and values that do not live long.
    target = max(0, stored(graph, active) - (need - budget))
    found: T | None = None
    tight = False
    for attempt in range(_TRIES):
        made = derive(arranged(graph, active, target))
        need = need_of(made)
        if need > budget:
            tight = True
            # Schedules come in steps: what is a little too much may need a longer one.
            target -= max(int(1.05 * (need - budget)) + 1, target * attempt // 32)
            if target <= 0:
                break
            continue
        found = made
        if tight or need >= _WELL_USED * budget:
            break
        target += int(0.95 * (budget - need))
    if found is not None:
        return found
    made = derive(arranged(graph, active, 0))
    need = need_of(made)
    if need <= budget:
        return made
    raise MemoryBudgetError(
        explain(
            "A memory budget holds at least what the smallest schedule of checkpoints needs.",
            found=f"memory={as_text(budget)!r}, and the smallest schedule needs {as_text(need)} beside the arguments",
            line=user_line(),
            fix=f"memory={as_text(need)!r} or more; or put wg.checkpoint around the parts of the function whose "
            "inner values are many",
        )
    )


def program_within(budget: int, graph: Graph, active: Sequence[bool], derive: Callable[[Graph], Graph]) -> Graph:
    """As :func:`within`, for derivatives that are one graph."""
    return within(budget, graph, active, derive, needed)


def pullback_within(budget: int, graph: Graph, active: Sequence[bool], rows: int) -> tuple[Linearized, Graph]:
    """Return a graph linearized, and its transposed linear part, that together stay within a budget.

    ``rows`` says how many cotangents are pulled back at once.
    """

    def derive(arranged: Graph) -> tuple[Linearized, Graph]:
        parts = linearize(arranged, active)
        return parts, transpose(parts.linear, parts.residuals)

    def need_of(made: tuple[Linearized, Graph]) -> int:
        # Both programs keep their working memory; what is handed from one to the other is a result of the first.
        parts, turned = made
        if rows > 1:
            axes = (*(None,) * parts.residuals, *(0,) * (len(turned.inputs) - parts.residuals))
            turned = batch(turned, rows, axes, (0,) * len(turned.outputs))
        return needed(parts.primal) + needed(turned)

    return within(budget, graph, active, derive, need_of)
