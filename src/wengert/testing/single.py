"""A graph of one equation, and the small tools that all checks of a rule share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.aval import aval_of
from ..core.builder import Builder
from ..core.graph import Graph
from ..core.primitive import NoRule, Primitive, Sample
from ..core.verify import verify
from ..errors import WengertError, explain
from ..run.interpreter import Program


class RuleError(WengertError, AssertionError):
    """A rule in a primitive's record contradicts the rest of the record."""


def fail(record: Primitive, sample: Sample, rule: str, found: str) -> RuleError:
    """Return the error that names primitive, sample and the numbers."""
    shown = ", ".join(f"{np.asarray(a).dtype}{list(np.shape(a))}" for a in sample.args)
    params = "".join(f", {k}={v!r}" for k, v in sample.params.items())
    return RuleError(explain(f"{record.name}({shown}{params}): {rule}", found=found))


def operands(sample: Sample) -> list[Any]:
    """Return the operands as arrays of their own."""
    return [np.array(a) for a in sample.args]


def one_equation(record: Primitive, args: Sequence[Any], params: Any) -> Graph:
    """Return the graph that applies a primitive to its inputs once."""
    builder = Builder()
    inputs = [builder.input(aval_of(a)) for a in args]
    out = builder.apply(record, inputs, tuple(params.items()))
    return verify(builder.build(out if record.multiple else [out]))


def evaluated(record: Primitive, args: Sequence[Any], params: Any) -> list[Any]:
    """Return the outputs by the record's reference implementation, as arrays."""
    with np.errstate(all="ignore"):
        out = record.evaluate(*args, **params)
    return [np.asarray(o) for o in (out if record.multiple else (out,))]


def run(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """Verify a graph and run it in the interpreter."""
    return Program(verify(graph))(args)


def is_inexact(x: Any) -> bool:
    """Say whether derivatives flow through an array."""
    return np.asarray(x).dtype.kind in "fc"


def selections(args: Sequence[Any]) -> Iterator[list[bool]]:
    """Yield which operands to differentiate by: each floating-point one alone, then all together."""
    floats = [k for k, a in enumerate(args) if is_inexact(a)]
    for k in floats:
        yield [j == k for j in range(len(args))]
    if len(floats) > 1:
        yield [j in floats for j in range(len(args))]


def has(rule: Any) -> bool:
    """Say whether a record has a rule."""
    return rule is not None and not isinstance(rule, NoRule)


def difference(a: Any, b: Any, rtol: float, atol: float = 0.0) -> str:
    """Return "" where two arrays agree (nan equals nan), else where they differ most and by how much."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return f"shape {a.shape}, expected {b.shape}"
    if a.dtype == np.bool_ or b.dtype == np.bool_:
        a, b = a.astype(int), b.astype(int)
    with np.errstate(all="ignore"):
        # A matrix product is accurate relative to its largest entries, hence the scale of the whole array.
        finite = np.abs(b[np.isfinite(b)])
        limit = atol + rtol * (finite.max() if finite.size else 0.0)
        wrong = ~((a == b) | (np.abs(a - b) <= limit) | (np.isnan(a) & np.isnan(b)))
        if not wrong.any():
            return ""
        gap = np.where(wrong, np.nan_to_num(np.abs(a - b), nan=np.inf), -1.0)
    worst = np.unravel_index(int(np.argmax(gap)), a.shape)
    where = [int(i) for i in worst]
    return f"{a[worst]} at {where}, expected {b[worst]} (of {a.size} entries {int(wrong.sum())} differ)"
