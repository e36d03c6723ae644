"""The plainest way to run a graph: equation by equation, keeping every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Graph


def evaluate(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """Return all values of a graph by number; for tables, explanations, tests, and as the reference for faster ways."""
    env: list[Any] = [None] * len(graph.avals)
    for i, arg in zip(graph.inputs, args, strict=True):
        env[i] = arg
    with np.errstate(all="ignore"):
        for equation in graph.equations:
            out = equation.primitive.evaluate(*[env[i] for i in equation.inputs], **dict(equation.params))
            for i, value in zip(equation.outputs, out if equation.primitive.multiple else (out,), strict=True):
                env[i] = value
    return env
