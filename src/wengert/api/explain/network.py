"""A network's layers and one training step (rows L9 and L10 of the lecture)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ...core.evaluate import evaluate
from ...core.show import formula
from .blocks import Block, Paragraph, Section, Table
from .linear import Derivative
from .values import number, shape_text, short, show, summary

_PRODUCTS: Final = ("dot", "conv")
"""Primitives that begin a layer when they read a parameter for the first time."""


def network(d: Derivative, learning_rate: float) -> Section | None:
    """Describe layers in the order of the forward pass, then the backward pass, then the update."""
    subject, graph = d.subject, d.subject.graph
    parameters = [
        i
        for i, role, active in zip(graph.inputs, subject.roles, subject.active, strict=False)
        if role == "parameter" and active
    ]
    if not parameters:
        return None
    layers = _layers(d, set(parameters))
    gradients = {i: d.cotangent(i) for i in parameters}
    rows = [
        {
            "parameter": subject.names[i],
            "shape": list(graph.avals[i].shape),
            "entries": graph.avals[i].size,
            "value": summary(subject.values[i]),
            "gradient": summary(gradients[i]),
            "gradient_norm": number(float(np.linalg.norm(np.ravel(gradients[i])))),
        }
        for i in parameters
    ]
    count = sum(graph.avals[i].size for i in parameters)
    data: dict[str, Any] = {"layers": layers, "parameters": rows, "parameter_count": count}
    blocks: list[Block] = [
        Paragraph(
            f"{count:,} parameters in {len(parameters)} arrays, {len(layers)} layer{'s' * (len(layers) != 1)}. "
            f"Forward-prop goes through the "
            "layers from the data to the loss, back-prop from the loss to the data; each layer's parameters get "
            "their gradients on the way."
        ),
        Table(
            ("layer", "parameters", "ends with", "shape", "forward-prop: output", "back-prop: incoming gradient"),
            [
                (
                    layer["name"],
                    ", ".join(layer["parameters"]),
                    layer["last_equation"],
                    shape_text(layer["shape"]),
                    show(layer["value"]),
                    show(layer["gradient"]),
                )
                for layer in layers
            ],
            title="Layers",
        ),
        Table(
            ("parameter", "shape", "value", "gradient", "norm of the gradient"),
            [
                (
                    r["parameter"],
                    shape_text(r["shape"]),
                    show(r["value"]),
                    show(r["gradient"]),
                    short(r["gradient_norm"], 4),
                )
                for r in rows
            ],
            title="Parameters",
        ),
    ]
    if subject.scalar:
        step = _training_step(d, gradients, learning_rate)
        data["training_step"] = step
        blocks.append(
            Table(
                ("step", "what", "result"),
                [
                    ("1", "F-pass: the loss of these data", short(step["loss"])),
                    ("2", "B-pass: gradients with respect to the parameters", f"norm {short(step['gradient_norm'])}"),
                    (
                        "3",
                        f"update: parameter - {step['learning_rate']:g} * gradient",
                        f"loss is now {short(step['loss_after'])}",
                    ),
                ],
                title="One training step",
            )
        )
    return Section("network", "The network and one training step", blocks, data)


def _layers(d: Derivative, parameters: set[int]) -> list[dict[str, Any]]:
    """Cut the program where a matrix product or a convolution reads a parameter that was not read before."""
    subject, graph = d.subject, d.subject.graph
    origin = {i: {i} for i in parameters}
    layers: list[dict[str, Any]] = []
    seen: set[int] = set()
    before: int | None = None

    def close(last: int | None) -> None:
        if layers and last is not None:
            i = graph.equations[last].outputs[0]
            layers[-1].update(
                last_equation=f"{subject.names[i]} = {formula(graph.equations[last], subject.names)}",
                shape=list(graph.avals[i].shape),
                value=summary(subject.values[i]),
                gradient=summary(d.cotangent(i)),
                last=last,
            )

    for k, equation in enumerate(graph.equations):
        reads = set().union(*(origin.get(i, set()) for i in equation.inputs))
        if equation.primitive.view or equation.primitive.name == "convert":
            # A parameter that is only reshaped or transposed is still that parameter.
            origin.update((i, reads) for i in equation.outputs if reads)
            if reads:
                continue
        fresh = reads - seen
        if fresh and (not layers or equation.primitive.name in _PRODUCTS):
            close(before)
            layers.append({"name": f"layer {len(layers) + 1}", "parameters": [], "first": k})
        if layers:
            layers[-1]["parameters"] += [subject.names[i] for i in sorted(fresh)]
            seen |= fresh
            before = k
    close(before)
    return layers


def _training_step(d: Derivative, gradients: dict[int, Any], rate: float) -> dict[str, Any]:
    subject, graph = d.subject, d.subject.graph
    inputs = [
        value - rate * gradients[i] if i in gradients else value
        for i, value in zip(graph.inputs, subject.inputs, strict=True)
    ]
    inputs = [np.asarray(value, graph.avals[i].dtype) for i, value in zip(graph.inputs, inputs, strict=True)]
    after = evaluate(graph, inputs)[graph.outputs[0]]
    norm = float(np.sqrt(sum(float(np.sum(np.abs(g) ** 2)) for g in gradients.values())))
    loss = subject.values[graph.outputs[0]]
    return {"loss": number(loss), "gradient_norm": number(norm), "learning_rate": rate, "loss_after": number(after)}
