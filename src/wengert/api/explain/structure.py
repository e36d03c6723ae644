"""The graph and its schedule (row L3 of the lecture)."""

from __future__ import annotations

from typing import Any

from ...core.graph import schedule
from ...core.show import formula, is_literal, text
from .blocks import Block, Code, Paragraph, Section, Table
from .subject import Lines, Subject
from .tables import MOST_ROWS
from .values import shape_text, show, summary


def structure(subject: Subject) -> Section:
    """Inputs told apart, the result, edges, cycles, and the order in which the equations run."""
    graph, names, lines = subject.graph, subject.names, Lines()
    constants = dict(graph.constants)
    roles = {**dict(zip(graph.inputs, subject.roles, strict=False)), **dict.fromkeys(constants, "constant")}
    inputs: list[dict[str, Any]] = [
        {
            "number": i,
            "name": names[i],
            "role": roles.get(i, "constant"),
            "shape": list(graph.avals[i].shape),
            "dtype": graph.avals[i].dtype.name,
            "differentiated": active,
            "value": summary(subject.values[i]),
        }
        for i, active in zip(graph.inputs, subject.active, strict=True)
    ]
    kind = "loss" if subject.scalar else "output"
    outputs: list[dict[str, Any]] = [
        {"number": i, "name": name, "role": kind, "value": summary(subject.values[i])}
        for name, i in zip(subject.output_names, graph.outputs, strict=True)
    ]
    order = [e for e in schedule(graph.equations, graph.inputs) if not is_literal(graph, e)]
    # Numbers in the program's text are written where they are used; they are neither inputs nor steps.
    shown = [i for i in graph.inputs if i not in constants or graph.avals[i].shape]
    level = dict.fromkeys(shown, 0)
    rows: list[dict[str, Any]] = []
    for step, equation in enumerate(order, 1):
        depth = 1 + max((level.get(i, 0) for i in equation.inputs), default=0)
        level.update(dict.fromkeys(equation.outputs, depth))
        file, line, source = lines.of(equation.source)
        rows.append(
            {
                "step": step,
                "level": depth,
                "outputs": [names[i] for i in equation.outputs],
                "primitive": equation.primitive.name,
                "equation": formula(equation, names),
                "reads": [names[i] for i in equation.inputs if i in level],
                "shape": list(graph.avals[equation.outputs[0]].shape),
                "file": file,
                "line": line,
                "source": source,
            }
        )
    edges = [{"from": i, "to": k} for k, equation in enumerate(order) for i in equation.inputs if i in level]
    cycles = _undirected_cycles(subject)
    heads = ("step", "level", "value", "equation", "reads", "shape")
    blocks: list[Block] = [
        Paragraph(
            f"{len(shown)} inputs, {len(order)} equations, {len(edges)} directed edges. There is no directed cycle: "
            f"the library's verifier has "
            f"checked that every equation reads only values made before it. Independent undirected cycles: {cycles}. "
            f"Those are fine: "
            "they are the places where paths part and meet again."
        ),
        Code(text(graph) if len(order) <= MOST_ROWS else f"{graph!r}; print(wg.trace(f)(...)) shows all of it"),
        Table(
            ("input", "role", "shape", "dtype", "differentiated", "value"),
            [
                (
                    item["name"],
                    item["role"],
                    shape_text(item["shape"]),
                    item["dtype"],
                    "yes" if item["differentiated"] else "no",
                    show(item["value"]),
                )
                for item in inputs
                if item["role"] != "constant" or item["shape"]
            ],
            title="Inputs",
        ),
        Table(
            ("result", "role", "is", "value"),
            [(o["name"], o["role"], names[o["number"]], show(o["value"])) for o in outputs],
            title="Results",
        ),
        Table(
            heads,
            [
                (
                    str(row["step"]),
                    str(row["level"]),
                    ", ".join(row["outputs"]),
                    row["equation"],
                    ", ".join(row["reads"]),
                    shape_text(row["shape"]),
                )
                for row in rows[:MOST_ROWS]
            ],
            title="Schedule: a topological order"
            + (f", its first {MOST_ROWS} of {len(rows)} steps" if len(rows) > MOST_ROWS else ""),
            numbers=frozenset({0, 1}),
        ),
        Paragraph(
            "Steps of one level do not depend on each other and could run at the same time. "
            + (
                "Inputs are data or parameters, as parameters=... says."
                if "parameter" in subject.roles
                else "explain(f, parameters=(1,)) tells the positions of parameters, to be learnt, from those of data."
            )
        ),
    ]
    data = {
        "inputs": inputs,
        "outputs": outputs,
        "schedule": rows,
        "edges": edges,
        "undirected_cycles": cycles,
        "depth": max(level.values(), default=0),
    }
    return Section("graph", "The computation graph and its schedule", blocks, data)


def _undirected_cycles(subject: Subject) -> int:
    """Count independent cycles of the undirected graph: edges - nodes + connected components."""
    graph = subject.graph
    parent: dict[Any, Any] = {i: i for i in graph.inputs}
    owner: dict[int, Any] = {i: i for i in graph.inputs}
    for k, equation in enumerate(graph.equations):
        parent["equation", k] = ("equation", k)
        owner.update((i, ("equation", k)) for i in equation.outputs)

    def root(node: Any) -> Any:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    extra = 0
    for k, equation in enumerate(graph.equations):
        for i in equation.inputs:
            a, b = root(owner[i]), root(("equation", k))
            if a == b:
                extra += 1  # an edge between nodes that are connected already closes a cycle
            else:
                parent[a] = b
    return extra
