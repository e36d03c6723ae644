"""Stores that write what stands there already, left out.

A copy of an array that nobody changes before its original is gone takes over the original's memory
(:mod:`.destinations`).  What is left of it then is a loop that reads entries and writes them to where they were, often
beside a copy that is needed: what the backward pass is going to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .loops import Choice, Load, Loop, Repeat, Store, only


def without_idle(steps: Sequence[Any]) -> list[Any]:
    """Return steps without such stores, and without loops that do nothing else; steps within them are changed."""
    found: list[Any] = []
    for step in steps:
        if isinstance(step, Repeat):
            step.body[:] = without_idle(step.body)
        elif isinstance(step, Choice):
            for branch in step.branches:
                branch[:] = without_idle(branch)
        elif isinstance(step, Loop):
            stores = [store for store in step.stores if not _is_idle(step, store)]
            if step.stores and not stores:
                continue
            if len(stores) < len(step.stores):
                together = step.together
                step = only(step, stores)
                step.together = together
        found.append(step)
    return found


def _is_idle(loop: Loop, store: Store) -> bool:
    """Say whether a store writes what the loop has read at the same place, and no other store of it has changed."""
    item = loop.body[store.item]
    if store.how != "set" or store.at or not isinstance(item, Load):
        return False
    here, there = loop.accesses[store.access], loop.accesses[item.access]
    if (here.buffer, here.offset, here.strides) != (there.buffer, there.offset, there.strides):
        return False
    return not (here.indexed or there.indexed) and loop.written.count(here.buffer) == 1
