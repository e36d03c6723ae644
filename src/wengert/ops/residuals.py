"""What the derivative of a loop's body remembers of an iteration, and what it computes again.

Linearizing a body leaves residuals: values that the linear part reads.  Saving one costs memory for every iteration,
so only what has to be is saved.  What belongs to the iteration anyway (its number, the loop's constants, rows of the
inputs) is read again; what no iteration changes is computed once, outside; index arithmetic and what only moves
entries about is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.graph import Equation, Graph

MOVEMENT: Final = frozenset({"broadcast", "reshape", "transpose", "slice", "rev", "convert", "gather", "copy"})
"""Operations whose result is made of entries of their first operand: doing them again reads what is there anyway."""


@dataclass(slots=True)
class Residuals:
    """A plan for the residuals of a body.

    Attributes
    ----------
    saved : list of int
        Values that every iteration saves.
    hoisted : list of int
        Values that do not depend on the iteration.
    given : list of int
        Inputs of the body that are read again.
    again : list of Equation
        What the linear part computes again from saved, hoisted and given values, in order.
    """

    saved: list[int] = field(default_factory=list)
    hoisted: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    again: list[Equation] = field(default_factory=list)


def plan(primal: Graph, residuals: Sequence[int], fixed: Sequence[int], steady: Sequence[int]) -> Residuals:
    """Decide for each residual how the linear part gets it.

    Parameters
    ----------
    primal : Graph
        The body.
    residuals : sequence of int
        Values to provide.
    fixed : sequence of int
        Inputs that every iteration can read again: the counter, constants, rows of inputs.
    steady : sequence of int
        Those of them that are the same in all iterations.
    """
    made = {i: (k, equation) for k, equation in enumerate(primal.equations) for i in equation.outputs}
    level = _levels(primal, fixed, steady)
    found = Residuals()
    again: dict[int, Equation] = {}
    done: set[int] = set()

    def provide(i: int) -> None:
        if i in done:
            return
        done.add(i)
        if i not in made:
            (found.given if level[i] < _CHANGES else found.saved).append(i)
            return
        position, equation = made[i]
        name = equation.primitive.name
        if name == "full" or (level[i] == _FREE and _is_cheap(primal, equation)):
            pass
        elif level[i] == _STEADY:
            found.hoisted.append(i)
            return
        elif not (name in MOVEMENT and _is_smaller(primal, equation, level)):
            found.saved.append(i)
            return
        again[position] = equation
        for source in equation.inputs:
            provide(source)

    for i in residuals:
        provide(i)
    found.again = [again[k] for k in sorted(again)]
    return found


_STEADY, _FREE, _CHANGES = range(3)


def _levels(primal: Graph, fixed: Sequence[int], steady: Sequence[int]) -> dict[int, int]:
    """Say of each value whether it is the same in all iterations, can be computed again, or neither."""
    level = dict.fromkeys(primal.inputs, _CHANGES)
    level.update(dict.fromkeys(fixed, _FREE))
    level.update(dict.fromkeys(steady, _STEADY))
    for equation in primal.equations:
        worst = max([level[i] for i in equation.inputs], default=_STEADY)
        if worst == _FREE and not _is_cheap(primal, equation):
            worst = _CHANGES
        level.update(dict.fromkeys(equation.outputs, worst))
    return level


def _is_cheap(primal: Graph, equation: Equation) -> bool:
    """Say whether doing an operation again costs no more than reading what it made."""
    if equation.primitive.name in MOVEMENT or equation.primitive.name == "full":
        return True
    return equation.primitive.elementwise and all(
        not primal.avals[i].shape and primal.avals[i].dtype.kind in "biu" for i in equation.outputs
    )


def _is_smaller(primal: Graph, equation: Equation, level: dict[int, int]) -> bool:
    """Say whether saving an operation's operands takes no more memory than saving its result."""
    source: Any = primal.avals[equation.inputs[0]]
    if level[equation.inputs[0]] < _CHANGES:
        return all(level[i] < _CHANGES or primal.avals[i].nbytes <= 8 for i in equation.inputs[1:])
    return equation.primitive.name != "gather" and source.nbytes <= primal.avals[equation.outputs[0]].nbytes
