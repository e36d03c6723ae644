"""Donated arguments: results that are written into the memory of arguments that the caller gives up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .destinations import is_pointwise, rename
from .fuse import Fused
from .loops import Buffer, Load, Loop, Product, Python, whole
from .plan import touched


def take_over(fused: Fused, donated: Iterable[int]) -> list[tuple[int, int]]:
    """Let outputs use the memory of donated inputs where nobody needs what was in it; return (output, input) pairs.

    An output may take over an input of its size and dtype if the input is last read before the output is first
    written, or in the same loop and at the same points.
    """
    pairs = []
    free = {k: fused.inputs[k].buffer for k in donated if fused.inputs[k].buffer.kind == "input"}
    for in_same_loop in (True, False):  # an update in place first, then whatever fits
        for n, view in enumerate(fused.outputs):
            out = view.buffer
            if out.kind != "output":
                continue
            for k, given in free.items():
                fits = given.size == out.size and given.dtype == out.dtype
                if fits and _may_take(fused, out, given, in_same_loop):
                    _unite(fused, out, given)
                    fused.outputs[n] = whole(given, view.shape)
                    pairs.append((n, k))
                    del free[k]
                    break
    fused.steps[:] = [step for step in fused.steps if not _is_nothing(step)]
    return pairs


def _may_take(fused: Fused, out: Buffer, given: Buffer, in_same_loop: bool) -> bool:
    if any(out in touched(step) for step in fused.steps if not isinstance(step, (Loop, Product, Python))):
        return False
    first = next((k for k, step in enumerate(fused.steps) if out in touched(step)), len(fused.steps))
    last = max((k for k, step in enumerate(fused.steps) if given in touched(step)), default=-1)
    if not in_same_loop:
        return last < first
    return (
        last == first
        and not any(fill.buffer is out for fill in fused.fills)
        and is_pointwise(fused.steps[last], out, given)
    )


def _unite(fused: Fused, out: Buffer, given: Buffer) -> None:
    """Make one buffer of two."""
    rename([*fused.fills, *fused.steps], out, given)


def _is_nothing(step: Any) -> bool:
    """Say whether a loop only writes what it read from the same place."""
    return (
        isinstance(step, Loop)
        and bool(step.stores)
        and all(
            store.how == "set" and not store.at and step.body[store.item] == Load(store.access) for store in step.stores
        )
    )
