"""Native forms: equations that are neither loops over independent points nor matrix products.

Running sums, places of extremes, factorisations.  Each form is a kernel (``forms_code`` has its IR) over a batch of
rows or matrices; here stands for which equations there is one, and the numbers that it is called with; for matrices
that stands in :mod:`.lapack`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from .form import Form
from .lapack import MATRICES
from .loops import Call, Fill, whole
from .operations import is_native

CONSTANT: Final = frozenset({"iota", "iota_like"})
"""What depends on shapes only and is computed once and for all."""

RUNNING: Final = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min", "cumlogsumexp": "logaddexp"}
PLACES: Final = {"argmax": ">", "argmin": "<"}


def forms_of(name: str, inputs: Sequence[Any], needed: Sequence[bool], params: Mapping[str, Any]) -> Form | None:
    """Return the form of an equation, given the avals it reads and which outputs are read; None where it has none."""
    x = inputs[0] if inputs else None
    if x is None or not is_native(x.dtype) or any(a.dtype != x.dtype for a in inputs):
        return None
    if name in RUNNING or name == "recurrence":
        outer, n, inner = _around(x.shape, params["axis"])
        how = RUNNING.get(name, name)
        if (how == "logaddexp" or name == "recurrence") and x.dtype.kind != "f":
            return None
        key = ("running", x.dtype.str, how, bool(params.get("reverse", False)), inner == 1)
        return Form(key, outer if n * inner else 0, [n, inner])
    if name in PLACES:
        outer, n, inner = _around(x.shape, params["axis"])
        return Form(("place", x.dtype.str, PLACES[name]), outer if inner else 0, [n, inner])
    if x.dtype.kind == "f" and name in MATRICES and x.ndim >= 2:
        found: Form | None = MATRICES[name](needed, *inputs, **params)
        return found
    return None


def _around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def describe_call(step: Call, base: Any) -> list[int]:
    """Return the description of a form: the batch, base and offset of everything it touches, then the numbers."""
    found = [step.count]
    targets = [whole(buffer, shape) for buffer, shape in zip(step.outputs, step.shapes, strict=True)]
    for view in (*step.inputs, *targets):
        number, start = base(view.buffer)
        found += [number, start + view.offset * view.dtype.itemsize]
    for buffer in step.scratch:
        found += base(buffer)
    return [*found, *step.numbers]


def fill_form(fill: Fill) -> tuple[Any, ...]:
    """Return the form that sets a buffer to a number: one for each size of entries, whatever the number."""
    return ("fill", f"<u{fill.buffer.dtype.itemsize}")


def describe_fill(fill: Fill, base: Any) -> list[int]:
    """Return the description of a fill: number of entries, place, bits."""
    bits = np.asarray(fill.value, fill.buffer.dtype).tobytes()
    number, offset = base(fill.buffer)
    place = offset + fill.start * fill.buffer.dtype.itemsize
    return [fill.length, number, place, int.from_bytes(bits, "little", signed=True)]
