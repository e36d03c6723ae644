"""Shapes of derivatives (row L2 of the lecture)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.evaluate import evaluate
from ...core.graph import Graph
from .blocks import Block, Paragraph, Section, Table
from .linear import Derivative
from .values import number, shape_text, short

_KINDS: Final = ("scalar", "vector", "matrix", "tensor")
_NAMES: Final = {
    ("scalar", "scalar"): "derivative",
    ("vector", "scalar"): "tangent vector",
    ("matrix", "scalar"): "tangent matrix",
    ("scalar", "vector"): "gradient",
    ("vector", "vector"): "Jacobian matrix",
    ("scalar", "matrix"): "gradient matrix",
}
_MOST_ENTRIES: Final = 256
"""Jacobians with at most so many entries are computed and shown."""


def kind(shape: Any) -> str:
    """Return "scalar", "vector", "matrix" or "tensor"."""
    return _KINDS[min(len(shape), 3)]


def shapes(d: Derivative) -> Section:
    """Shape of the derivative of every result with respect to every input, in both layouts, flattened and not."""
    subject, graph = d.subject, d.subject.graph
    entries: list[dict[str, Any]] = []
    for position, (out_name, o) in enumerate(zip(subject.output_names, graph.outputs, strict=True)):
        out = graph.avals[o]
        if not out.is_inexact:
            continue
        for k, i in enumerate(subject.active_inputs):
            of = graph.avals[i]
            entry = {
                "output": out_name,
                "input": subject.names[i],
                "output_shape": list(out.shape),
                "input_shape": list(of.shape),
                "name": _NAMES.get((kind(out.shape), kind(of.shape)), "derivative tensor"),
                "numerator_layout": [*out.shape, *of.shape],
                "denominator_layout": [*of.shape, *out.shape],
                "flattened": [out.size, of.size],
            }
            if out.size * of.size <= _MOST_ENTRIES:
                entry["matrix"] = [[number(x) for x in row] for row in block(d, position, k).tolist()]
            entries.append(entry)
    blocks: list[Block] = [
        Paragraph(
            "Numerator layout puts the axes of the result first: entry [i, j] is the derivative of result i by input "
            "j. Wengert's jacobian "
            "gives it. Denominator layout puts the axes of the input first; it is the transpose, and a gradient in "
            "it has the shape of "
            "its input, as wg.grad gives it. Tensors are no special case: flatten result and input to vectors of m "
            "and n entries "
            "(in C order), and the derivative is an m x n matrix; reshape it and the tensor is back."
        ),
        Table(
            ("result", "by input", "is a", "numerator layout", "denominator layout", "flattened m x n"),
            [
                (
                    f"{e['output']} {kind(e['output_shape'])} {shape_text(e['output_shape'])}",
                    f"{e['input']} {kind(e['input_shape'])} {shape_text(e['input_shape'])}",
                    e["name"],
                    shape_text(e["numerator_layout"]),
                    shape_text(e["denominator_layout"]),
                    f"{e['flattened'][0]} x {e['flattened'][1]}",
                )
                for e in entries
            ],
        ),
    ]
    for e in entries:
        if "matrix" in e and e["flattened"] != [1, 1] and e["flattened"][0] <= 8 and e["flattened"][1] <= 8:
            rows = [[str(k), *(short(x) for x in row)] for k, row in enumerate(e["matrix"])]
            heads = ["row", *(str(j) for j in range(e["flattened"][1]))]
            title = f"d {e['output']} / d {e['input']}, flattened"
            blocks.append(Table(heads, rows, title=title, numbers=frozenset(range(len(heads)))))
    return Section("shapes", "Shapes of the derivatives", blocks, {"derivatives": entries})


def block(d: Derivative, output: int, argument: int) -> Any:
    """Return the flattened Jacobian of one output with respect to one active input, column by column (forward mode)."""
    subject, linear = d.subject, d.parts.linear
    out, of = subject.graph.out_avals[output], subject.graph.avals[subject.active_inputs[argument]]
    wanted = Graph(linear.avals, linear.inputs, tuple(d.program), linear.outputs)
    matrix = np.zeros((out.size, of.size), np.result_type(out.dtype, of.dtype))
    t = d.parts.values.get(d.expanded.outputs[output])
    if t is None:
        return matrix
    for j in range(of.size):
        seeds = [np.zeros(v.shape, v.dtype) for v in subject.direction]
        seeds[argument].flat[j] = 1
        matrix[:, j] = np.ravel(evaluate(wanted, [*d.residuals, *seeds])[t])
    return matrix
