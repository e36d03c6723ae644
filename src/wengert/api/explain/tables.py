"""The tables of forward and reverse mode, and the sums at branches (rows L4 to L6 and L11 of the lecture)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...core.show import formula, is_literal
from .blocks import Block, Paragraph, Section, Table
from .formulas import Formulas
from .linear import OUTPUT, Derivative
from .subject import Lines
from .values import show, summary

MOST_ROWS: Final = 200
"""Longer tables leave out their middle; the data keep every row."""


def forward_table(d: Derivative, formulas: Formulas) -> Section:
    """Primal and tangent, step by step, in the order of the program."""
    subject, graph, lines = d.subject, d.subject.graph, Lines()
    rows: list[dict[str, Any]] = []
    constants = dict(graph.constants)
    for i in graph.inputs:
        if i in constants and not graph.avals[i].shape:
            continue  # a number in the program's text is written where it is used
        role = "constant" if i in constants else "input"
        rows.append(_row(len(rows), ("", 0, ""), subject.names[i], role, subject.values[i], "seed", d.tangent(i)))
    for equation in graph.equations:
        if is_literal(graph, equation):
            continue
        line = lines.of(equation.source)
        for i in equation.outputs:
            text = formula(equation, subject.names)
            rows.append(
                _row(len(rows), line, subject.names[i], text, subject.values[i], formulas.tangent(i), d.tangent(i))
            )
    direction: list[dict[str, Any]] = [
        {"input": subject.names[i], "tangent": summary(t)}
        for i, t in zip(subject.active_inputs, subject.direction, strict=True)
    ]
    results: list[dict[str, Any]] = [
        {"output": name, "value": summary(subject.values[i]), "tangent": summary(d.tangent(i))}
        for name, i in zip(subject.output_names, graph.outputs, strict=True)
    ]
    seeds = ", ".join(f"{item['input']}_dot = {show(item['tangent'])}" for item in direction)
    default = (
        " (the first unit vector, which gives the first column of the Jacobian; choose another with direction=...)"
    )
    blocks: list[Block] = [
        Paragraph(
            f"Forward mode runs the program once and carries along with every value v its tangent v_dot, the "
            f"derivative in the "
            f"direction chosen: {seeds}{default if subject.default_direction else ''}."
        ),
        Table(
            ("step", "line", "value", "equation", "primal", "tangent equation", "tangent"),
            [
                (
                    str(row["step"]),
                    where,
                    row["name"],
                    row["equation"],
                    show(row["value"]),
                    row["tangent_equation"],
                    show(row["tangent"]),
                )
                for row, where in _elided(rows)
            ],
            numbers=frozenset({0}),
        ),
        Paragraph(
            "Result: "
            + "; ".join(
                f"{r['output']} = {show(r['value'])}, derivative along the direction {show(r['tangent'])}"
                for r in results
            )
            + "."
        ),
    ]
    data = {"direction": direction, "rows": rows, "results": results}
    return Section("forward", "Forward mode, step by step", blocks, data)


def _row(
    step: int, line: tuple[str, int, str], name: str, equation: str, value: Any, tangent_equation: str, tangent: Any
) -> dict[str, Any]:
    return {
        "step": step,
        "file": line[0],
        "line": line[1],
        "source": line[2],
        "name": name,
        "equation": equation,
        "value": summary(value),
        "tangent_equation": tangent_equation if tangent is not None else "",
        "tangent": summary(tangent),
    }


def _elided(rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield rows with the user's line where it changes; of long tables the first and the last."""
    before = None
    left_out = len(rows) - MOST_ROWS
    for k, row in enumerate(rows):
        if left_out > 0 and MOST_ROWS // 2 <= k < MOST_ROWS // 2 + left_out:
            if k == MOST_ROWS // 2:
                blank = {key: None if key in ("value", "tangent", "adjoint") else "" for key in row}
                yield (
                    {**blank, "step": "...", "equation": f"{left_out} steps are left out here; to_dict() has them"},
                    "",
                )
            continue
        line = row.get("line")
        yield row, f"{line}: {row['source']}" if line and (line, row["source"]) != before else ""
        before = (line, row.get("source")) if line else before


def reverse_table(d: Derivative, formulas: Formulas) -> Section:
    """The forward sweep's values, and in the opposite order adjoints, with what each equation hands to its operands."""
    subject, graph, lines = d.subject, d.subject.graph, Lines()
    copies = {(use.reader, use.position): use.copy for use in d.uses}
    rows: list[dict[str, Any]] = []
    for position, (name, i) in enumerate(zip(subject.output_names, graph.outputs, strict=True)):
        seed = subject.cotangents[position]
        if seed is not None:
            sent = [_contribution(d, formulas, i, i, copies.get((OUTPUT, position), i), "seed")]
            rows.append(_back_row("", ("", 0, ""), name, f"{name} = {subject.names[i]}", subject.values[i], seed, sent))
    for k in range(len(graph.equations) - 1, -1, -1):
        equation = graph.equations[k]
        if is_literal(graph, equation):
            continue
        for i in reversed(equation.outputs):
            first = i == equation.outputs[0]
            sent = []
            for position, operand in enumerate(equation.inputs if first else ()):
                used = copies.get((k, position), operand)
                if used in d.parts.values:
                    sent.append(_contribution(d, formulas, equation.outputs[0], operand, used))
            text = f"{subject.names[i]} = {formula(equation, subject.names)}"
            line = lines.of(equation.source)
            rows.append(
                _back_row(subject.names[i], line, subject.names[i], text, subject.values[i], d.cotangent(i), sent)
            )
    gradients: list[dict[str, Any]] = []
    for i in subject.active_inputs:
        gradients.append(
            {"input": subject.names[i], "value": summary(subject.values[i]), "gradient": summary(d.cotangent(i))}
        )
    what = (
        "the result is a scalar, so its adjoint starts at 1"
        if subject.scalar
        else (
            "the result is not one scalar, so the sweep starts from a cotangent: the first unit vector, which gives "
            "the first row of the "
            "Jacobian, unless cotangent=... gives another"
        )
    )
    table_rows = []
    for row, where in _elided(rows):
        sends = "; ".join(f"{s['to']}_bar {s['sign']} {s['formula']}" for s in row["sends"] or ())
        numbers = "; ".join(show(s["value"]) for s in row["sends"] or ())
        table_rows.append((where, row["equation"], show(row["value"]), show(row["adjoint"]), sends, numbers))
    blocks: list[Block] = [
        Paragraph(
            "Reverse mode first runs the program forwards and keeps the values that derivatives need; then it runs "
            "backwards and hands the "
            f"adjoint v_bar of each value on to what the value was made from ({what}). The transposed program does "
            f"this."
        ),
        Table(("line", "equation, last first", "value", "adjoint", "hands on", "contribution"), table_rows),
        Table(
            ("input", "value", "adjoint = gradient"),
            [(g["input"], show(g["value"]), show(g["gradient"])) for g in gradients],
            title="At the inputs",
        ),
    ]
    return Section("reverse", "Reverse mode, step by step", blocks, {"rows": rows, "gradients": gradients})


def _contribution(
    d: Derivative, formulas: Formulas, maker: int, operand: int, used: int, text: str = ""
) -> dict[str, Any]:
    """Describe what an equation hands to one of its operands."""
    return {
        "to": d.subject.names[operand],
        "sign": "=" if used == operand else "+=",
        "formula": text or formulas.contribution(maker, operand, used),
        "value": summary(d.cotangent(used)),
    }


def _back_row(
    name: str, line: tuple[str, int, str], of: str, equation: str, value: Any, adjoint: Any, sends: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name or of,
        "file": line[0],
        "line": line[1],
        "source": line[2],
        "equation": equation,
        "value": summary(value),
        "adjoint": summary(adjoint),
        "sends": sends,
    }


def branch_sums(d: Derivative, formulas: Formulas) -> Section:
    """Values that are used more than once: the contribution of each use, and their sum."""
    subject = d.subject
    branches: dict[int, dict[str, Any]] = {}
    for use in d.uses:
        if use.value not in d.parts.values:
            continue
        entry = branches.setdefault(
            use.value, {"value": subject.names[use.value], "uses": [], "sum": summary(d.cotangent(use.value))}
        )
        entry["uses"].append({"in": formulas.where(use.reader), "contribution": summary(d.cotangent(use.copy))})
    found = list(branches.values())
    if not found:
        blocks: list[Block] = [Paragraph("No value is used more than once, so nothing is added up.")]
        return Section("branches", "Gradients add at branches", blocks, {"branches": []})
    rows = []
    for entry in found[:MOST_ROWS]:
        for k, use in enumerate(entry["uses"][:MOST_ROWS]):
            rows.append((entry["value"] if k == 0 else "", use["in"], show(use["contribution"])))
        if len(entry["uses"]) > MOST_ROWS:
            rows.append(("", f"{len(entry['uses']) - MOST_ROWS} more uses", ""))
        rows.append(("", "sum", show(entry["sum"])))
    blocks = [
        Paragraph(
            "A value that is used several times influences the result in several ways. To use it several times is to "
            "copy it, and the "
            "transpose of copying is adding: the contributions of all uses add up."
        ),
        Table(("value", "used in", "contribution to its adjoint"), rows),
    ]
    return Section("branches", "Gradients add at branches", blocks, {"branches": found})
