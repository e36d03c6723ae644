"""Results written where they are to be in the end, instead of being copied there.

What an iteration makes for the next one is to stand where the carry stands.  Mostly it can be written there at once:
``u + 0.1 * v`` entry by entry over ``u`` itself, a sum over the place of a vector that nothing reads any more.  That is
so if, from the step that begins to write a result, nothing looks at its destination any more; that step itself may
read it at the very entry that it writes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from .loops import (
    Buffer,
    Call,
    Choice,
    Fill,
    Load,
    Loop,
    Outside,
    Pick,
    Product,
    Python,
    Repeat,
    Store,
    View,
    is_whole,
    whole,
)
from .plan import touched


def put_in_place(
    steps: list[Any], made: Sequence[View], targets: Sequence[View], outer: Collection[Buffer]
) -> list[Any]:
    """Return steps after which each target holds what was made for it; all moves happen at once.

    Parameters
    ----------
    steps : list
        In order of execution, fills included.
    made, targets : sequence of View
        Where results lie, and where they are to be: buffers of their own, as a whole.
    outer : collection of Buffer
        Memory that is not of these steps alone.
    """
    left = []
    for k, (view, target) in enumerate(zip(made, targets, strict=True)):
        if _is_there(view, target):
            continue
        others = [m.buffer for j, m in enumerate(made) if j != k]
        if (
            view.buffer not in outer
            and view.buffer not in others
            and target.buffer not in others
            and _is_free(steps, view, target)
        ):
            rename(steps, view.buffer, target.buffer)
        else:
            left.append((view, target))
    ends = {target.buffer for _, target in left}
    saving, moving = [], []
    for view, target in left:
        if view.buffer in ends:  # read before another move overwrites it
            still = whole(Buffer(target.buffer.size, view.dtype), view.shape)
            saving.append(_copying(view, still))
            view = still
        moving.append(_copying(view, target))
    return [*steps, *saving, *moving]


def reuse(steps: list[Any], outer: Collection[Buffer], carried: Collection[Buffer]) -> None:
    """Let loops write over what they read for the last time: a sum that grows from step to step stays in one place.

    Parameters
    ----------
    steps, outer
        As above.
    carried : collection of Buffer
        Those of the outer ones that are written anew in each run of the steps.
    """
    uses: dict[Buffer, list[int]] = {}
    for k, step in enumerate(steps):
        for buffer in dict.fromkeys(touched(step)):
            uses.setdefault(buffer, []).append(k)
    for k, step in enumerate(steps):
        if not isinstance(step, Loop):
            continue
        for made in [step.accesses[store.access] for store in step.stores if store.how == "set" and not store.at]:
            new = made.buffer
            if new.kind != "arena" or new in outer or uses[new][0] != k or made.offset or not is_whole(made):
                continue
            if new.size != math.prod(made.shape):
                continue
            for old in dict.fromkeys(view.buffer for view in step.accesses):
                free = old.kind == "arena" and (old not in outer or old in carried)
                if old is new or not free or (old.size, old.dtype) != (new.size, new.dtype):
                    continue
                if is_pointwise(step, new, old) and _is_gone(steps, uses, k, old, new, old in outer):
                    rename(steps, new, old)
                    uses[old] = sorted({*uses[old], *uses.pop(new)})
                    break


def _is_gone(steps: list[Any], uses: dict[Buffer, list[int]], k: int, old: Buffer, new: Buffer, is_outer: bool) -> bool:
    """Say whether nobody needs what a buffer holds after step k, nor the buffer itself while another one lives."""
    following = next((j for j in uses[old] if j > k), None)
    last = uses[new][-1]
    if following is None:
        return not is_outer
    if following == last:
        return is_pointwise(steps[last], old, new) and not _reads(steps[last], old)
    return following > last and _overwrites(steps[following], old)


def _overwrites(step: Any, buffer: Buffer) -> bool:
    """Say whether a loop writes all of a buffer without reading it."""
    if not isinstance(step, Loop):
        return False
    touching = [k for k, view in enumerate(step.accesses) if view.buffer is buffer]
    stores = [store for store in step.stores if store.access in touching]
    if len(touching) != 1 or len(stores) != 1 or stores[0].how != "set" or stores[0].at:
        return False
    view = step.accesses[touching[0]]
    return not _reads(step, buffer) and is_whole(view) and view.offset == 0 and math.prod(view.shape) == buffer.size


def _reads(loop: Loop, buffer: Buffer) -> bool:
    return any(loop.accesses[item.access].buffer is buffer for item in loop.body if hasattr(item, "access"))


def _copying(source: View, target: View) -> Loop:
    return Loop(source.shape, [source, target], [Load(0)], [Store(1, 0)])


def _is_there(view: View, target: View) -> bool:
    return view.buffer is target.buffer and view.offset == 0 and is_whole(view) and not view.at


def _is_free(steps: list[Any], view: View, target: View) -> bool:
    """Say whether nothing looks at a destination any more once a result begins to be written."""
    buffer, end = view.buffer, target.buffer
    if buffer.kind != "arena" or view.at or view.indexed or view.offset or not is_whole(view):
        return False
    if buffer.size != end.size or buffer.dtype != end.dtype:
        return False
    first = next((k for k, step in enumerate(steps) if buffer in touched(step)), None)
    if first is None or any(end in touched(step) for step in steps[first + 1 :]):
        return False
    return end not in touched(steps[first]) or is_pointwise(steps[first], buffer, end)


def is_pointwise(step: Any, out: Buffer, given: Buffer) -> bool:
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
        if view.buffer is given and store is not None:
            return False
    return True


def rename(steps: list[Any], old: Buffer, new: Buffer) -> None:
    """Let steps, and those inside of them, use another buffer."""

    def moved(view: View | None) -> View | None:
        return replace(view, buffer=new) if view is not None and view.buffer is old else view

    def other(buffers: list[Buffer]) -> list[Buffer]:
        return [new if buffer is old else buffer for buffer in buffers]

    for step in steps:
        if isinstance(step, Loop):
            if any(view.buffer is old for view in step.accesses):
                step.accesses[:] = [replace(v, buffer=new) if v.buffer is old else v for v in step.accesses]
                _share_accesses(step, new)
        elif isinstance(step, Fill):
            step.buffer = new if step.buffer is old else step.buffer
        elif isinstance(step, Product):
            step.x, step.y, step.out = moved(step.x), moved(step.y), moved(step.out)  # type: ignore[assignment]
        elif isinstance(step, Python):
            step.inputs = [moved(view) for view in step.inputs]  # type: ignore[misc]
            step.outputs = other(step.outputs)
            if isinstance(step, Call):
                step.scratch = other(step.scratch)
        elif isinstance(step, Repeat):
            step.count, step.going = moved(step.count), moved(step.going)
            step.outer = other(step.outer)
            rename(step.test, old, new)
            rename(step.body, old, new)
        elif isinstance(step, Choice):
            step.index = moved(step.index)  # type: ignore[assignment]
            step.outer = other(step.outer)
            for branch in step.branches:
                rename(branch, old, new)


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
