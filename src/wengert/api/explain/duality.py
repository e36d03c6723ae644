"""The linearised program beside its transpose (row L7 of the lecture)."""

from __future__ import annotations

from collections import ChainMap, Counter, defaultdict
from typing import Any, Final

from ...core.graph import Equation
from .blocks import Block, Paragraph, Section, Table
from .formulas import Formulas, Writer
from .linear import Derivative
from .tables import MOST_ROWS

_HANDED_ON: Final = "copy"
"""What it is called when a cotangent goes to an operand as it is."""


def duality(d: Derivative, formulas: Formulas) -> Section:
    """Pair each equation of the linear program with what its transpose does."""
    program = d.program
    numbered = {id(e): k for k, e in enumerate(d.parts.linear.equations)}
    made: dict[int, list[Equation]] = defaultdict(list)
    for equation in d.back.equations:
        if equation.source is not None:
            made[equation.source.lasti].append(equation)
    names = {**formulas.coefficients, **formulas.dots}
    for k, i in enumerate(i for e in program for i in e.outputs if i not in names):
        names[i] = f"t{k + 1}_dot"
    forward = Writer(d.parts.linear, names)
    backward = Writer(d.back, _cotangent_names(d, formulas, names))
    pairs: list[dict[str, Any]] = []
    for equation in program:
        k = numbered[id(equation)]
        outs = ", ".join(names[i] for i in equation.outputs)
        dual = [e for e in made.get(k, []) if e.primitive.name != "full"]
        own = {d.sums[i]: _bar(names[i]) for i in equation.outputs if i in d.sums}
        local = Writer(d.back, ChainMap(own, backward.names), backward.makers)
        mirrored = [f"{backward.of(e.outputs[0])} = {local.equation(e)}" for e in dual]
        handed = _handed_on(d, equation, dual, names, local)
        mirrored += handed
        pairs.append(
            {
                "linear": f"{outs} = {forward.equation(equation)}",
                "transpose": mirrored,
                "primitive": equation.primitive.name,
                "dual": _dual_name(equation, dual, bool(handed)),
            }
        )
    kinds = Counter((pair["primitive"], pair["dual"]) for pair in pairs)
    shown = pairs if len(pairs) <= MOST_ROWS else [*pairs[: MOST_ROWS // 2], *pairs[-MOST_ROWS // 2 :]]
    blocks: list[Block] = [
        Paragraph(
            "At a point, the derivative of a program is a linear program. Reverse mode is this linear program "
            "transposed: read the left column "
            "from top to bottom for forward mode, the right column from bottom to top for reverse mode. What copies "
            "on one side adds up "
            "on the other; what sums copies; what multiplies by a matrix multiplies by its transpose."
        ),
        Table(
            ("forward: linearised program", "primitive", "dual", "backward: its transpose"),
            [(pair["linear"], pair["primitive"], pair["dual"], "; ".join(pair["transpose"])) for pair in shown],
        ),
        Table(
            ("forward", "backward", "times"),
            [(a, b, str(n)) for (a, b), n in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))],
            title="Dual pairs",
            numbers=frozenset({2}),
        ),
    ]
    if len(pairs) > MOST_ROWS:
        blocks.insert(2, Paragraph(f"{len(pairs) - len(shown)} pairs in the middle are left out; to_dict() has them."))
    coefficients = sorted(set(formulas.coefficients.values()))
    return Section(
        "duality",
        "The linearised program beside its transpose",
        blocks,
        {
            "pairs": pairs,
            "kinds": [{"forward": a, "backward": b, "count": n} for (a, b), n in kinds.items()],
            "coefficients": coefficients,
        },
    )


def _bar(text: str) -> str:
    return f"{text.removesuffix('_dot')}_bar"


def _cotangent_names(d: Derivative, formulas: Formulas, names: dict[int, str]) -> dict[int, str]:
    """Name every cotangent after the tangent that it belongs to, and partial sums by number."""
    found = dict(zip(d.back.inputs[: d.parts.residuals], formulas.coefficients.values(), strict=True))
    for t, number in d.sums.items():
        if t in names:
            found.setdefault(number, _bar(names[t]))
    parts = [i for e in d.back.equations if e.primitive.name != "full" for i in e.outputs if i not in found]
    found.update((i, f"s{k + 1}") for k, i in enumerate(parts))
    return found


def _handed_on(
    d: Derivative, equation: Equation, dual: list[Equation], names: dict[int, str], backward: Writer
) -> list[str]:
    """Say which operands get a cotangent that no equation had to make: it is handed on as it is."""
    fresh = {i for e in dual for i in e.outputs}
    lines = []
    for operand in dict.fromkeys(equation.inputs):
        number = d.sums.get(operand)
        if number is None or number in fresh or operand not in names:
            continue
        text = f"{_bar(names[operand])} = {backward.of(number)}"
        if _bar(names[operand]) != backward.of(number):
            lines.append(text)
    return lines


def _dual_name(equation: Equation, dual: list[Equation], handed_on: bool) -> str:
    """Name the transpose of one linear equation; where no equation is needed, the cotangent is handed on, copied."""
    if equation.primitive.name == "copy":
        return "add"  # recorded at the copy where the second and later cotangents arrive
    kinds = [_HANDED_ON] * handed_on + [e.primitive.name for e in dual]
    return " + ".join(dict.fromkeys(kinds)) or _HANDED_ON
