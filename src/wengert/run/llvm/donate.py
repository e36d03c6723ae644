"""Donated arguments: results that are written into the memory of arguments that the caller gives up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .fuse import Fused
from .loops import Buffer, Load, Loop, Outside, Pick, Product, Python, View, whole
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
        and _pointwise(fused.steps[last], out, given)
    )


def _pointwise(step: Any, out: Buffer, given: Buffer) -> bool:
    """Say whether a step writes each entry of ``out`` where it reads that entry of ``given``, and nowhere else."""
    if not isinstance(step, Loop):
        return False
    views = [view for view in step.accesses if view.buffer in (out, given)]
    if any(v.indexed or (v.offset, v.strides) != (views[0].offset, views[0].strides) for v in views):
        return False
    stores = {store.access: store for store in step.stores}
    for k, view in enumerate(step.accesses):
        store = stores.get(k)
        if view.buffer is out and (store is None or store.how != "set" or store.at):
            return False
    return True


def _unite(fused: Fused, out: Buffer, given: Buffer) -> None:
    """Make one buffer of two."""
    for fill in fused.fills:
        if fill.buffer is out:
            fill.buffer = given
    for step in fused.steps:
        if isinstance(step, Loop):
            step.accesses[:] = [_moved(view, out, given) for view in step.accesses]
            _share_accesses(step, given)
        elif isinstance(step, Product):
            step.x, step.y, step.out = (_moved(view, out, given) for view in (step.x, step.y, step.out))
        elif isinstance(step, Python):
            step.inputs[:] = [_moved(view, out, given) for view in step.inputs]


def _moved(view: View, out: Buffer, given: Buffer) -> View:
    return replace(view, buffer=given) if view.buffer is out else view


def _share_accesses(loop: Loop, buffer: Buffer) -> None:
    """Let loads and stores of the same entries use one pointer: pointers of a loop are said not to overlap."""
    number: dict[int, int] = {}
    kept: list[View] = []
    for k, view in enumerate(loop.accesses):
        same = (
            j
            for j, other in enumerate(kept)
            if view.buffer is buffer is other.buffer
            and (view.offset, view.strides, view.indexed) == (other.offset, other.strides, other.indexed)
        )
        number[k] = next(same, len(kept))
        if number[k] == len(kept):
            kept.append(view)
    if len(kept) == len(loop.accesses):
        return
    loop.accesses[:] = kept
    loop.body[:] = [
        replace(item, access=number[item.access]) if isinstance(item, (Load, Pick, Outside)) else item
        for item in loop.body
    ]
    loop.stores[:] = [replace(store, access=number[store.access]) for store in loop.stores]


def _is_nothing(step: Any) -> bool:
    """Say whether a loop only writes what it read from the same place."""
    return (
        isinstance(step, Loop)
        and bool(step.stores)
        and all(
            store.how == "set" and not store.at and step.body[store.item] == Load(store.access) for store in step.stores
        )
    )
