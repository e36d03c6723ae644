"""Values computed again by the loop that reads them, instead of going through memory.

Two loops over the same points with a sum between them, as in a softmax, hand each other whole arrays: what the first
one computed beside the sum is stored for each point and loaded again.  Where a few cheap operations make it from
what is there anyway, the second loop does them itself; often nothing of the first is left then.  Within loops of the
program only: elsewhere loops over the same rows run together, block by block.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from .loops import Buffer, Const, Load, Loop, Op, Pick, Store, View, is_whole, needed_for, only, used
from .operations import CHEAP
from .plan import touched
from .steps import MAX_BODY

_OPERATIONS: Final = 8
"""Operations up to which a value is cheap."""
_LOADS: Final = 2
"""Arrays that are read for it at most where the first loop still computes it: the store and the load of the value
itself are gone.
"""


def compute_again(steps: list[Any], kept: Collection[Buffer]) -> list[Any]:
    """Return steps with such values computed where they are read; buffers in ``kept`` are read from outside, too."""
    steps = list(steps)
    users = _users(steps)
    for k in reversed(range(len(steps))):
        if not isinstance(steps[k], Loop):
            continue
        for buffer in steps[k].written:
            found = users[buffer]
            if buffer in kept or buffer.kind != "arena" or len(found) != 2 or found[0] != k:
                continue
            if isinstance(steps[found[1]], Loop) and _move(steps, k, found[1], buffer):
                users = _users(steps)
    return [step for step in steps if not isinstance(step, Loop) or step.stores]


def _users(steps: list[Any]) -> dict[Buffer, list[int]]:
    """Return the places of the steps that touch each buffer."""
    found: dict[Buffer, list[int]] = {}
    for k, step in enumerate(steps):
        for buffer in dict.fromkeys(touched(step)):
            found.setdefault(buffer, []).append(k)
    return found


def _move(steps: list[Any], first: int, second: int, buffer: Buffer) -> bool:
    """Let the second loop compute what the first one stores in a buffer for it, if that is sound and worth it."""
    source, reader = steps[first], steps[second]
    stores = [s for s in source.stores if source.accesses[s.access].buffer is buffer]
    reads = [k for k, view in enumerate(reader.accesses) if view.buffer is buffer]
    if source.shape != reader.shape or len(stores) != 1 or len(reads) != 1 or Load(reads[0]) not in reader.body:
        return False
    (store,) = stores
    target, view = source.accesses[store.access], reader.accesses[reads[0]]
    if store.how != "set" or store.at or any(s.access == reads[0] for s in reader.stores):
        return False
    if not all(is_whole(v) and not v.offset and not v.indexed for v in (target, view)):
        return False
    wanted = sorted(needed_for(source, stores))
    if not _is_cheap(source, wanted, store) or len(reader.body) + len(wanted) > MAX_BODY:
        return False
    arrays = {source.accesses[source.body[j].access].buffer for j in wanted if hasattr(source.body[j], "access")}
    if any(not arrays.isdisjoint(_written(steps[k])) for k in range(first, second + 1)):
        return False
    steps[second] = _with(reader, reads[0], source, wanted, store)
    steps[first] = only(source, [s for s in source.stores if s is not store])
    return True


def _is_cheap(loop: Loop, wanted: list[int], store: Store) -> bool:
    """Say whether computing items twice is less work than storing and loading what they make."""
    items = [loop.body[j] for j in wanted]
    operations = [item for item in items if isinstance(item, Op)]
    if any(op.name not in CHEAP for op in operations) or len(operations) > _OPERATIONS:
        return False
    if not all(isinstance(item, Op | Load | Pick | Const) for item in items):
        return False
    read = [loop.accesses[item.access] for item in items if isinstance(item, Load | Pick)]
    arrays = [view for view in read if all(s or n == 1 for s, n in zip(view.strides, loop.shape, strict=True))]
    return len(loop.stores) == 1 or len(arrays) <= _LOADS


def _with(reader: Loop, read: int, source: Loop, wanted: list[int], store: Store) -> Loop:
    """Return a loop that computes items of another one itself, in place of what it reads by an access."""
    accesses = list(reader.accesses)
    numbers: dict[int, int] = {}
    front: list[Any] = []
    for j in wanted:
        item = source.body[j]
        changes: dict[str, Any] = {}
        if hasattr(item, "access"):
            changes["access"] = access_number(accesses, source.accesses[item.access])
        for name in ("args", "at"):
            if hasattr(item, name):
                changes[name] = tuple([numbers[i] for i in getattr(item, name)])
        numbers[j] = len(front)
        front.append(replace(item, **changes) if changes else item)
    shift = len(front)
    again = {k: numbers[store.item] if item == Load(read) else shift + k for k, item in enumerate(reader.body)}
    return with_front(reader, accesses, front, again)


def with_front(loop: Loop, accesses: list[View], front: list[Any], numbers: dict[int, int]) -> Loop:
    """Return a loop with items in front of its own; ``numbers`` says where it finds what its own items were."""
    body = [*front, *[_renumbered(item, numbers) for item in loop.body]]
    stores = [replace(s, item=numbers[s.item], at=tuple([numbers[j] for j in s.at])) for s in loop.stores]
    made = used(Loop(loop.shape, accesses, body, stores))
    made.equations = loop.equations
    return made


def _renumbered(item: Any, numbers: dict[int, int]) -> Any:
    changes = {name: tuple([numbers[j] for j in getattr(item, name)]) for name in ("args", "at") if hasattr(item, name)}
    return replace(item, **changes) if changes else item


def access_number(accesses: list[View], view: View) -> int:
    """Return the number of an access: one that there is already, or a new one."""
    for k, other in enumerate(accesses):
        places = [(v.offset, v.strides, v.indexed) for v in (other, view)]
        if other.buffer is view.buffer and places[0] == places[1]:
            return k
    accesses.append(view)
    return len(accesses) - 1


def _written(step: Any) -> set[Buffer]:
    if isinstance(step, Loop):
        return set(step.written)
    return set(touched(step))
