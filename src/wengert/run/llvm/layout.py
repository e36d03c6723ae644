"""What a loop nest's code depends on, and the numbers that its kernel is called with (see ``emit``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from .jam import jams
from .loops import Const, Load, Loop, Op, Store
from .tiles import TILED, tiled

IDENTITY: Final = {"add": 0, "mul": 1, "or": 0, "and": 1}


BLOCK: Final = 2048
"""Terms from which on sums are added up in blocks (see ``sums``): 32 partial sums then have 64 terms each."""


GAPS: Final = 2
"""Stands for any step that is longer than from one entry to the next."""


def step_kind(stride: int) -> int:
    """Return what the code of an innermost loop depends on: whether an access stays, or moves to a neighbour."""
    return stride if stride in (-1, 0, 1) else GAPS


def emission(loop: Loop, sizes: Any, strides: list[Any]) -> tuple[Any, ...]:
    """Return what :class:`Emitter` takes besides module and name: loop, depth, inner strides, which accesses stay put,
    whether sums are long, and which accesses stay along the axis around the innermost one, or have their neighbours
    there, if that matters.
    """
    inner = [step_kind(s[-1]) for s in strides]
    fixed = [not any(s) for s in strides]
    long_sums = _has_long_sums(loop, sizes, strides)
    return loop, len(strides[0]), inner, fixed, long_sums, _still(loop, inner, strides), _turned(loop, sizes, strides)


def _still(loop: Loop, inner: list[int], strides: list[Any]) -> tuple[bool, ...]:
    """Return which accesses stay from row to row, where several rows are taken at a time."""
    if len(strides[0]) == 1 or touched_otherwise([view.buffer for view in loop.accesses], loop.stores):
        return ()
    still = tuple([s[-2] == 0 for s in strides])
    return still if jams(loop, inner, still) else ()


def _turned(loop: Loop, sizes: Any, strides: list[Any]) -> tuple[bool, ...]:
    """Return which accesses have neighbours along the axis around the innermost one, where tiles are turned."""
    if len(sizes) == 1 or min(sizes[-2:]) < TILED or touched_otherwise([v.buffer for v in loop.accesses], loop.stores):
        return ()
    inner, around = ([step_kind(s[axis]) for s in strides] for axis in (-1, -2))
    return tiled(loop, inner, around, [abs(s[-1]) >= sizes[-2] for s in strides])


def touched_otherwise(memory: Sequence[Any], stores: Iterable[Store]) -> bool:
    """Say whether a loop touches what an access writes by another one, too; ``memory`` tells where each access is."""
    return any(memory.count(memory[store.access]) > 1 for store in stores)


def _has_long_sums(loop: Loop, sizes: Any, strides: list[Any]) -> bool:
    return sizes[-1] > BLOCK and any(
        store.how == "add" and strides[store.access][-1] == 0 and loop.accesses[store.access].dtype.kind == "f"
        for store in loop.stores
    )


def structure(loop: Loop, sizes: Any, strides: list[Any]) -> tuple[Any, ...]:
    """Return what the code of a loop depends on, in tuples, strings and numbers: quick to hash and to print."""
    accesses = tuple(
        (view.dtype.str, step_kind(s[-1]), not any(s), len(view.indexed))
        for view, s in zip(loop.accesses, strides, strict=True)
    )
    stores = tuple((store.access, store.item, store.how, store.at) for store in loop.stores)
    still = _still(loop, [step_kind(s[-1]) for s in strides], strides)
    long_sums, turned = _has_long_sums(loop, sizes, strides), _turned(loop, sizes, strides)
    return (len(sizes), accesses, tuple(map(_plain, loop.body)), stores, long_sums, still, turned)


def _plain(item: Any) -> tuple[Any, ...]:
    """Return an item of a loop's body as a tuple.  Numbers are spelt out: 0.0 and -0.0 are equal, but not the same."""
    if isinstance(item, Op):
        params = tuple((name, repr(value)) for name, value in item.params)
        return (item.name, item.args, params, tuple(dtype.str for dtype in item.dtypes), item.out.str)
    if isinstance(item, Load):
        return ("load", item.access)
    if isinstance(item, Const):
        return ("const", repr(item.value), item.dtype.str)
    return (type(item).__name__, item.access, item.at)


def describe(loop: Loop, sizes: Any, strides: list[Any], base: Any) -> list[int]:
    """Return the description of a loop; ``base`` gives number and byte offset of a buffer."""
    numbers = list(sizes)
    for view, s in zip(loop.accesses, strides, strict=True):
        number, start = base(view.buffer)
        numbers += [number, start + view.offset * view.dtype.itemsize, *s]
        numbers += [n for pair in view.indexed for n in pair]
    return numbers


def worst(how: str, dtype: Any) -> Any:
    """Return the value that max or min starts from."""
    if dtype.kind == "f":
        return float("-inf") if how == "max" else float("inf")
    if dtype.kind == "b":
        return how == "min"
    limits = (
        ((1 << (8 * dtype.itemsize)) - 1, 0)
        if dtype.kind == "u"
        else (
            (1 << (8 * dtype.itemsize - 1)) - 1,
            -(1 << (8 * dtype.itemsize - 1)),
        )
    )
    return limits[1] if how == "max" else limits[0]
