"""What each sweep computes, step by step: primals, tangents, adjoints, and what each equation hands to its operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.explain.formulas import Formulas
from ..api.explain.linear import OUTPUT, Derivative
from .records import record


class Pool:
    """Records of values, each kept once."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self._known: dict[Any, int] = {}

    def add(self, key: Any, value: Any) -> int | None:
        """Return the number of a value's record; None for a derivative that does not exist."""
        if value is None:
            return None
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.records)
            self.records.append(record(value))
        return number


def sweeps(d: Derivative, formulas: Formulas, order: Sequence[int]) -> dict[str, Any]:
    """Return the values of all sweeps.

    Returns
    -------
    dict
        ``records``, and numbers of records: ``primal``, ``tangent``, ``adjoint`` by value; ``tangent_text`` by value;
        ``sends``, for each equation drawn, a list of [operand's place, value, formula, number]; ``seeds``, for each
        output, the number of its contribution.
    """
    subject, graph, pool = d.subject, d.subject.graph, Pool()
    copies = {(use.reader, use.position): use.copy for use in d.uses}
    constants = {i for i, _ in graph.constants}
    wanted = {i for k in order for i in (*graph.equations[k].inputs, *graph.equations[k].outputs)}
    wanted |= {i for i in graph.inputs if i not in constants} | set(graph.outputs)
    count = len(graph.avals)
    primal: list[int | None] = [None] * count
    tangent: list[int | None] = [None] * count
    adjoint: list[int | None] = [None] * count
    texts: list[str] = [""] * count
    for i in sorted(wanted):
        primal[i] = pool.add(("primal", i), subject.values[i])
        tangent[i] = pool.add(("tangent", d.parts.values.get(i)), d.tangent(i))
        adjoint[i] = _adjoint(d, pool, i)
        texts[i] = formulas.tangent(i)
    sends = []
    for k in order:
        equation = graph.equations[k]
        row = []
        for position, operand in enumerate(equation.inputs):
            used = copies.get((k, position), operand)
            if used in d.parts.values:
                text = formulas.contribution(equation.outputs[0], operand, used)
                row.append([position, operand, text, _adjoint(d, pool, used)])
        sends.append(row)
    seeds = []
    for position, i in enumerate(graph.outputs):
        seeded = subject.cotangents[position] is not None
        used = copies.get((OUTPUT, position), i)
        seeds.append(_adjoint(d, pool, used) if seeded and used in d.parts.values else None)
    return {
        "records": pool.records,
        "primal": primal,
        "tangent": tangent,
        "adjoint": adjoint,
        "tangent_text": texts,
        "sends": sends,
        "seeds": seeds,
        "direction": [
            pool.add(("direction", i), t) for i, t in zip(subject.active_inputs, subject.direction, strict=True)
        ],
    }


def _adjoint(d: Derivative, pool: Pool, i: int) -> int | None:
    """Enter a value's cotangent; values that share one share its record."""
    t = d.parts.values.get(i)
    number = None if t is None else d.sums.get(t)
    return pool.add(("zero", t) if number is None else ("adjoint", number), d.cotangent(i))
