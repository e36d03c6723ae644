"""What the derivative of a loop's body remembers of an iteration, and what it computes again.

Linearizing a body leaves residuals: values that the linear part reads.  Saving one costs memory for every iteration,
and moving memory is what costs time, so as little as possible is saved.  What belongs to the iteration anyway (its
number, the loop's constants, rows of the inputs) is read again; what no iteration changes is computed once, outside.
Of what is left, cheap operations are done again, and a minimum cut finds the fewest bytes from which they can be:
often the carry that an iteration began with, from which a whole step follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.graph import Equation, Graph
from .cut import cheapest
from .subgraph import remake

MOVEMENT: Final = frozenset({"broadcast", "reshape", "transpose", "slice", "rev", "convert", "gather", "copy"})
"""Operations whose result is made of entries of their first operand: doing them again reads what is there anyway."""
CHEAP: Final = MOVEMENT | {
    *("full", "add", "sub", "neg", "mul", "scale", "div", "reciprocal", "integer_pow", "sqrt", "abs", "sign", "max"),
    *("min", "select", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "signbit", "copysign"),
    *("logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("bitwise_not", "real", "imag", "complex", "conj"),
}
"""Operations that take no longer than writing their result to memory and reading it again."""


_SMOOTH: Final = (MOVEMENT - {"convert"}) | {
    "full",
    "add",
    "sub",
    "neg",
    "mul",
    "scale",
    "div",
    "reciprocal",
    "integer_pow",
}
"""Operations whose result differs in its last bits where an operand does."""

_JOINING: Final = frozenset({"concatenate", "pad", "slice_set", "slice_add"})
_LARGE: Final = 4096
"""Bytes from which on joining arrays again is cheaper than remembering what was joined; small ones take time for each
part, and memory hardly any.
"""


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


def plan(
    primal: Graph, residuals: Sequence[int], fixed: Sequence[int], steady: Sequence[int], *, free: bool = True
) -> Residuals:
    """Decide for each residual how the linear part gets it.

    Parameters
    ----------
    primal : Graph
        The body.
    residuals : sequence of int
        Values to provide.
    fixed : sequence of int
        Inputs that can be read again: the counter, constants, rows of inputs.
    steady : sequence of int
        Those of them that are the same in all iterations.
    free : bool
        Reading a fixed input again costs nothing; otherwise it has to be kept, at the price of what is saved.
    """
    made = {i: (k, equation) for k, equation in enumerate(primal.equations) for i in equation.outputs}
    constant = _constant(primal, steady)
    cut = _cut(primal, residuals, made, constant, set(fixed), free)
    found = Residuals()
    again: dict[int, Equation] = {}
    done: set[int] = set()
    waiting = list(reversed(residuals))
    while waiting:
        i = waiting.pop()
        if i in done:
            continue
        done.add(i)
        if i not in made:
            (found.given if i in fixed else found.saved).append(i)
            continue
        position, equation = made[i]
        if free and i in constant and equation.primitive.name != "full" and equation.primitive.name not in MOVEMENT:
            found.hoisted.append(i)
        elif i in cut:
            found.saved.append(i)
        else:
            again[position] = equation
            waiting += reversed(equation.inputs)
    found.again = [again[k] for k in sorted(again)]
    return found


def compute_again(builder: Any, env: dict[int, Any], equations: Sequence[Equation], linear: Graph) -> None:
    """Record what the linear part computes again, over the symbols in ``env``, and put what it makes there.

    Dividing takes the processor several times as long as anything else here, and the derivative of a quotient needs
    one over the divisor anyway: so a quotient is a product with that, which may differ in its last bit.  That is done
    where the difference cannot grow: where nothing is compared or rounded that depends on it.
    """
    inverses = {e.inputs[0]: e for e in equations if e.primitive.name == "reciprocal"}
    looks_inside = any(e.primitive.multiple for e in linear.equations)  # loops may compute again what they decide by
    exact = {i for e in equations for i in e.outputs} if looks_inside else set()
    for equation in reversed(equations):
        if equation.primitive.name not in _SMOOTH or not exact.isdisjoint(equation.outputs):
            exact.update(equation.inputs)
    for equation in equations:
        if env.keys() >= set(equation.outputs):
            continue
        inverse = inverses.get(equation.inputs[-1]) if equation.primitive.name == "div" else None
        if inverse is None or equation.outputs[0] in exact:
            remake(builder, env, [equation])
            continue
        if inverse.outputs[0] not in env:
            remake(builder, env, [inverse])
        builder.place = equation.source
        env[equation.outputs[0]] = builder.apply_named("mul", env[equation.inputs[0]], env[inverse.outputs[0]])
    builder.place = None


def _constant(primal: Graph, steady: Sequence[int]) -> set[int]:
    """Return the values that are the same in all iterations."""
    found = set(steady)
    for equation in primal.equations:
        if found.issuperset(equation.inputs):
            found.update(equation.outputs)
    return found


def _is_cheap(primal: Graph, equation: Equation) -> bool:
    """Say whether doing an operation again costs no more than saving its result and reading it."""
    if equation.primitive.name in CHEAP:
        return True
    if equation.primitive.name in _JOINING:
        return primal.avals[equation.outputs[0]].nbytes >= _LARGE
    return equation.primitive.elementwise and all(
        not primal.avals[i].shape and primal.avals[i].dtype.kind in "biu" for i in equation.outputs
    )


def _cut(
    primal: Graph,
    residuals: Sequence[int],
    made: dict[int, tuple[int, Equation]],
    constant: set[int],
    fixed: set[int],
    free: bool,
) -> set[int]:
    """Return the values to save: the fewest bytes from which cheap operations make all residuals."""

    def cost(i: int) -> int:
        # Of as many bytes, rather keep what others may keep or have anyway.
        return 2 * max(primal.avals[i].nbytes, 1) - (i in fixed)

    def operands(i: int) -> list[int] | None:
        if i in made and _is_cheap(primal, made[i][1]):
            return [j for j in made[i][1].inputs if j not in constant]
        return None if i in made or not free or i not in fixed else []

    return cheapest([i for i in residuals if i not in constant], cost, operands)
