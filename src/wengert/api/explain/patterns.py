"""Patterns of the backward pass: distributor, router, switcher ... (row L12 of the lecture)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.graph import Equation
from ...core.primitive import NoRule, Primitive
from ...core.show import formula
from ...ops import arithmetic
from .blocks import Block, Paragraph, Section, Table
from .linear import Derivative
from .tables import MOST_ROWS
from .values import show, summary

RELU: Final = (
    "gradient gate (relu)",
    "lets the incoming gradient through where its input is positive, and stops it elsewhere",
)
_SCALER: Final = ("gradient scaler", "multiplies the incoming gradient by its own slope at the input")
_LINEAR: Final = ("linear map", "hands the incoming gradient back through its transpose")
_MOVER: Final = (
    "gradient mover",
    "moves each entry of the incoming gradient back to the place that the entry came from",
)


def pattern(record: Primitive) -> tuple[str, str]:
    """Return a primitive's label and its explanation; unlabelled ones move or scale."""
    if record.label and record.explanation:
        return record.label, record.explanation
    if record.label:
        return record.label, record.doc
    if isinstance(record.transpose, NoRule):
        return _SCALER
    return _MOVER if record.view else _LINEAR


def patterns(d: Derivative) -> Section:
    """Label each equation with what it does to the incoming gradient, in words and in numbers."""
    subject, graph = d.subject, d.subject.graph
    copies = {(use.reader, use.position): use.copy for use in d.uses}
    makers = {i: e for e in graph.equations for i in e.outputs}
    constants = dict(graph.constants)
    rows: list[dict[str, Any]] = []
    legend: dict[str, tuple[str, str]] = {}
    for k, equation in enumerate(graph.equations):
        if not any(i in d.parts.values for i in equation.outputs):
            continue
        label, meaning = RELU if is_relu(equation, makers, constants) else pattern(equation.primitive)
        legend.setdefault(f"{equation.primitive.name}: {label}", (label, meaning))
        handed = []
        for position, i in enumerate(equation.inputs):
            used = copies.get((k, position), i)
            if used in d.parts.values:
                handed.append({"to": subject.names[i], "gradient": summary(d.cotangent(used))})
        rows.append(
            {
                "value": subject.names[equation.outputs[0]],
                "equation": formula(equation, subject.names),
                "primitive": equation.primitive.name,
                "label": label,
                "explanation": meaning,
                "incoming": summary(d.cotangent(equation.outputs[0])),
                "handed_on": handed,
            }
        )
    branches = sorted({subject.names[use.value] for use in d.uses if use.value in d.parts.values})
    if branches:
        legend["copy: a value used several times"] = (arithmetic.copy.label, arithmetic.copy.explanation)
    shown = rows[-MOST_ROWS:]
    blocks: list[Block] = [
        Paragraph("What each operation does with the gradient that comes back to it, from the result to the inputs."),
        Table(
            ("equation", "pattern", "incoming", "hands on"),
            [
                (
                    f"{r['value']} = {r['equation']}",
                    r["label"],
                    show(r["incoming"]),
                    "; ".join(f"{h['to']}: {show(h['gradient'])}" for h in r["handed_on"]),
                )
                for r in reversed(shown)
            ],
        ),
        Table(
            ("operation", "pattern", "in words"),
            [(key.split(": ", 1)[0], label, meaning) for key, (label, meaning) in legend.items()],
            title="The patterns",
        ),
    ]
    if branches:
        blocks.append(
            Paragraph(f"Used more than once: {', '.join(branches[:20])}{', ...' if len(branches) > 20 else ''}.")
        )
    explained = [{"operation": k.split(": ", 1)[0], "label": a, "explanation": b} for k, (a, b) in legend.items()]
    return Section(
        "patterns",
        "Patterns of the backward pass",
        blocks,
        {"equations": rows, "legend": explained, "branches": branches},
    )


def is_relu(equation: Equation, makers: dict[int, Equation], constants: dict[int, Any]) -> bool:
    """Say whether an equation is a maximum with the constant 0."""
    if equation.primitive.name != "max":
        return False
    for i in equation.inputs:
        while i in makers and makers[i].primitive.name in ("broadcast", "convert", "reshape"):
            i = makers[i].inputs[0]
        if i in makers and makers[i].primitive.name == "full":
            value: Any = dict(makers[i].params)["value"]
        else:
            value = constants.get(i)
        if value is not None and np.size(value) == 1 and not np.any(value):
            return True
    return False
