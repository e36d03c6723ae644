"""Regions: loops and choices with all that is in them, as one native function.

A :class:`Region` is made of a step (:class:`~.loops.Repeat` or :class:`~.loops.Choice`).  Its ``recipe`` is nested
tuples that say everything the code depends on, and is what compiled regions are kept under; ``numbers`` are the sizes,
strides and places that the code reads when it runs, so that another size needs no other code.  Scalars of a region
live in slots, which LLVM turns into registers; small arrays, of at most ``SMALL`` entries, have their sizes in the
code, so that loops over them can be unrolled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Final

from . import shared, team
from .blas import cut, describe_product, product_form
from .blocked import nest_order, with_rows
from .by_rows import own_rows, rows_of_a_block
from .callback import callback, describe_callback
from .cost import nanoseconds
from .forms import describe_call
from .jam import ROWS
from .layout import step_kind
from .loops import (
    SMALL,
    Blocks,
    Buffer,
    Call,
    Choice,
    Extent,
    Fill,
    Loop,
    Nest,
    Product,
    Python,
    Repeat,
    Shape,
    Skew,
    Skip,
    View,
    canonical,
    fill_loop,
)
from .plan import touched
from .pointers import blas_threads
from .runtime import PARALLEL, library
from .shared import SUMS, is_shared
from .team import teams
from .threads import POOL
from .unrolled import written_out

_NARROW: Final = 4
"""Columns up to which their number is in the code: nothing is left of the loop over them."""
_NEAR: Final = 64
"""Bytes between two accesses up to which their distance is in the code."""


class Region:
    """A step with control flow, ready to be compiled and called.

    Attributes
    ----------
    recipe : tuple
        ``(memory, slots, body)``: number of arrays; for each slot its dtype, and whether it is loaded at the start
        and stored at the end (as number of an array, or -1); the nodes.
    numbers : list of int
        The description that the code is called with: base and byte offset of each array, then what nodes refer to.
    keep : list
        What must live as long as the numbers are used.
    shared : bool
        Whether threads share some of its loop nests.
    """

    def __init__(self, step: Any, base: Any, status: tuple[int, int]) -> None:
        self.base = base
        self.status = status
        self.keep: list[Any] = []
        self.shared = False
        self.numbers: list[int] = []
        self._places: dict[int, int] = {}
        self._memory: dict[Buffer, int] = {}
        self._slots: dict[Buffer, int] = {}
        self._in_memory = _need_memory(step)
        self._written: set[Buffer] = set(_written(step))
        outer = set(step.outer)
        body = self._node(step)
        entry = []
        for buffer in self._slots:
            shared = buffer in outer
            place = self._array(buffer) if shared else -1
            entry.append((buffer.dtype.str, place, shared and buffer in self._written))
        places = [n for buffer in self._memory for n in base(buffer)]
        shift = len(places)
        self.recipe = (len(self._memory), shift, tuple(entry), body)
        self.numbers = [*places, *self.numbers]

    # -- references ---------------------------------------------------------------------------------------------------

    def _array(self, buffer: Buffer) -> int:
        return self._memory.setdefault(buffer, len(self._memory))

    def _reference(self, buffer: Buffer) -> tuple[str, int]:
        if buffer.size == 1 and buffer not in self._in_memory:
            return "slot", self._slots.setdefault(buffer, len(self._slots))
        return "array", self._array(buffer)

    def _number(self, value: int, fixed: bool = False) -> tuple[str, int]:
        """Return a number as part of the code, or as one that the code reads.

        Equal numbers are one: that the strides of two accesses to an array are the same lets LLVM see that what one
        iteration stores is what the next one loads, and keep it in a register.
        """
        if fixed:
            return "is", value
        if value not in self._places:
            self._places[value] = len(self.numbers)
            self.numbers.append(value)
        return "at", self._places[value]

    def _scalar(self, view: View) -> Any:
        """Return a reference to a single entry."""
        return self._reference(view.buffer), view.dtype.str, self._number(view.offset * view.dtype.itemsize, True)

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _nodes(self, steps: list[Any]) -> tuple[Any, ...]:
        nodes: list[Any] = []
        waiting: list[Loop] = []
        beside: list[Loop] = []
        for step, following in itertools.pairwise([*steps, None, None]):
            if isinstance(step, Loop) and step.together is not None:
                beside.append(step)
                other = following.together if isinstance(following, Loop) else None
                if other is not None and other.group is step.together.group:
                    continue
            elif isinstance(step, Loop) and _may_join(step):
                waiting.append(step)
                continue
            for group in teams(waiting):
                together = len(group) > 1 and sum(nanoseconds(loop) for loop, _ in group) >= shared.WORTHWHILE
                nodes += [self._team(group)] if together else [self._node(loop) for loop, _ in group]
            waiting = []
            if beside:
                nodes.append(self._beside(beside))
                beside = []
                continue
            node = None if step is None else self._node(step)
            if node is not None:
                nodes.append(node)
        return tuple(nodes)

    def _node(self, step: Any) -> Any:
        if isinstance(step, Fill):
            step = fill_loop(step)
        if isinstance(step, Loop):
            return self._nest(step) if 0 not in step.shape and step.stores else None
        if isinstance(step, Repeat):
            return self._repeat(step)
        if isinstance(step, Choice):
            return "choose", self._scalar(step.index), tuple([self._nodes(branch) for branch in step.branches])
        if isinstance(step, Product):
            return None if 0 in step.out.shape else self._product(step)
        if isinstance(step, Call):
            return ("form", step.form, self._block(describe_call(step, self.base))) if step.count else None
        assert isinstance(step, Python), step
        address, keep = callback(step)
        self.keep.append(keep)
        at = self._block(describe_callback(step, self.base, self.status))
        return "callback", self._number(address), at

    def _block(self, numbers: list[int]) -> int:
        """Add a description of its own; return where it begins."""
        self.numbers += numbers
        return len(self.numbers) - len(numbers)

    def _product(self, step: Product) -> Any:
        step.cut = how = cut(step, POOL.size)
        at = self._block(describe_product(step, self.base))
        if how.alone:
            return "form", product_form(step), at
        self.shared = True
        numbers = how.count, how.tasks, how.part, library()[PARALLEL], POOL.address, *blas_threads()
        return "shared_form", product_form(step), at, tuple(map(self._number, numbers))

    def _nest(self, loop: Loop) -> Any:
        loop = written_out(loop)
        sizes, strides, _ = canonical(loop.shape, loop.accesses)
        what = self._what(loop, sizes, strides)
        sums = any(not any(strides[store.access]) for store in loop.stores)
        if not is_shared(loop, sizes, strides) or (POOL.size == 1 and not sums):
            return "nest", *what
        return "shared", self._threads(SUMS if sums else POOL.size), *what

    def _team(self, group: list[tuple[Loop, int]]) -> Any:
        nests = []
        for loop, later in group:
            sizes, strides, steps = canonical(loop.shape, loop.accesses, 1)
            numbers = map(self._number, (loop.shape[0], steps, later))
            nests.append((*numbers, self._what(loop, sizes, strides)))
        return "team", self._threads(POOL.size), tuple(nests)

    def _beside(self, loops: list[Loop]) -> Any:
        """Return the node of loops whose rows are done one after the other."""
        nests: list[Any] = []
        own: list[View] = []
        for loop in loops:
            when = loop.together.when if loop.together is not None else 0
            if loop.shape[-1] < _NARROW:
                sizes, strides, steps = loop.shape, [view.strides for view in loop.accesses], 1
            else:
                sizes, strides, steps = canonical(loop.shape, loop.accesses, int(when == 0))
            near: list[Any] = []
            for view in loop.accesses:
                place = next((k for k, other in enumerate(own) if _runs_along(view, other)), None)
                if place is None:
                    own.append(view)
                    near.append(None)
                else:
                    distance = (view.offset - own[place].offset) * int(view.dtype.itemsize)
                    near.append((place, self._number(distance, abs(distance) < _NEAR)))
            nests.append((when, self._number(steps, steps == 1), self._what(loop, sizes, strides, True), tuple(near)))
        several = POOL.size > 1 and sum(map(nanoseconds, loops)) >= shared.WORTHWHILE
        threads = self._threads(POOL.size) if several else None
        rows = next(loop.shape[0] for loop, (when, *_) in zip(loops, nests, strict=True) if when == 0)
        return "beside", threads, self._number(rows), tuple(nests)

    def _threads(self, parts: int) -> Any:
        self.shared = True
        return tuple(map(self._number, (library()[PARALLEL], POOL.address, parts)))

    def _what(self, loop: Loop, sizes: Shape, strides: list[Shape], narrow: bool = False) -> Any:
        """Return what a nest's node says of its sizes, accesses, items and stores."""
        small = math.prod(sizes) <= SMALL
        accesses = []
        for view, s in zip(loop.accesses, strides, strict=True):
            reference = self._reference(view.buffer)
            offset = self._number(view.offset * view.dtype.itemsize, view.offset == 0 or reference[0] == "slot")
            steps = tuple([self._number(n, small or abs(n) <= 1) for n in s])
            extents = tuple([self._number(n, n == 1) for pair in view.indexed for n in pair])
            accesses.append((view.dtype.str, reference, offset, step_kind(s[-1]), steps, extents))
        counts = tuple([self._number(n, small or (narrow and n < _NARROW)) for n in sizes])
        return counts, tuple(accesses), tuple(loop.body), tuple(loop.stores)

    def _as_nest(self, nest: Nest) -> Any:
        """Return the node of a nest: along the axis that suits memory best, with lengths that are looked up."""
        order = nest_order(nest.loop)
        counts = tuple([self._extent(nest.extents[a]) for a in order])
        return "nest", counts, *self._along(nest.loop, order), nest.apart

    def _along(self, loop: Loop, order: list[int]) -> Any:
        """Return what a node says of a nest besides its sizes, with its axes in some order."""
        accesses = []
        for view in loop.accesses:
            reference = self._reference(view.buffer)
            offset = self._number(view.offset * view.dtype.itemsize, view.offset == 0 or reference[0] == "slot")
            steps = tuple([self._number(view.strides[a], abs(view.strides[a]) <= 1) for a in order])
            extents = tuple([self._number(n, n == 1) for pair in view.indexed for n in pair])
            accesses.append((view.dtype.str, reference, offset, step_kind(view.strides[order[-1]]), steps, extents))
        return tuple(accesses), tuple(loop.body), tuple(loop.stores)

    def _extent(self, extent: Extent) -> Any:
        most = None if extent.most is None else self._number(extent.most)
        if extent.count is not None:
            return "count", (self._scalar(extent.count), most)
        assert most is not None
        return most

    def _repeat(self, step: Repeat) -> Any:
        if step.nests:
            return "nests", tuple(map(self._as_nest, step.nests))
        count = None if step.count is None else self._scalar(step.count)
        length = None if step.length is None else self._number(step.length, step.length <= 4)
        if step.skew is not None:
            return self._skewed(step, step.skew, (count, length))
        if step.blocks is not None:
            return self._blocked(step, step.blocks, (count, length))
        if step.skip is not None:
            return self._skipping(step, step.skip, (count, length))
        counter = self._reference(step.counter)
        rows = own_rows(step, SUMS, shared.WORTHWHILE) if counter[0] == "slot" else None
        if rows is not None:
            status = self._word() if step.tape else None
            return self._by_rows(rows, (counter, count, length, step.reverse, status, step.tape))
        checks = self._nodes(step.test)
        going = None if step.going is None else self._scalar(step.going)
        status = self._word() if step.tape or self._may_fail(step) else None
        body = self._nodes(step.body)
        around = self._nodes(step.before), self._nodes(step.after)
        return "repeat", counter, count, length, step.reverse, checks, going, body, around, status, step.tape

    def _by_rows(self, loop: Loop, turns: Any) -> Any:
        """Return the node of a loop that runs row by row; see :mod:`.by_rows`."""
        sizes, strides, steps = canonical(loop.shape, loop.accesses, 1)
        lengths = tuple(map(self._number, (loop.shape[0], rows_of_a_block(loop), steps)))
        return "by_rows", self._threads(SUMS), turns, lengths, self._what(loop, sizes, strides)

    def _skewed(self, step: Repeat, skew: Skew, total: Any) -> Any:
        inner = step.body[skew.inner]
        counter = self._reference(step.counter)
        count = None if inner.count is None else self._scalar(inner.count)
        length = None if inner.length is None else self._number(inner.length, inner.length <= 4)
        lists = [step.body[: skew.inner], inner.before, inner.body, inner.after, step.body[skew.inner + 1 :]]
        parts = tuple(map(self._nodes, lists))
        point = self._reference(inner.counter), (count, length), inner.reverse
        private = tuple(sorted(self._slots[buffer] for buffer in skew.private if buffer in self._slots))
        return "skewed", (counter, total, step.reverse), point, parts, private, skew.rows, skew.shift

    def _blocked(self, step: Repeat, blocks: Blocks, total: Any) -> Any:
        (nest,) = step.body[blocks.inner].nests
        rows, order = with_rows(nest, blocks.counter)
        sizes = {0: ("is", ROWS), blocks.axis + 1: ("common",)}
        counts = tuple([sizes[a] if a in sizes else self._extent(nest.extents[a - 1]) for a in order])
        common = counts, *self._along(rows, order), True
        alone = self._as_nest(nest)[1:]
        around = self._nodes(step.body[: blocks.inner]), self._nodes(step.body[blocks.inner + 1 :])
        growing = nest_order(nest.loop).index(blocks.axis), order.index(blocks.axis + 1), blocks.more
        loop = self._reference(step.counter), total, step.reverse
        return "blocked", loop, around, common, alone, growing, blocks.early

    def _skipping(self, step: Repeat, skip: Skip, total: Any) -> Any:
        size = skip.buffer.dtype.itemsize
        terms = tuple([(self._reference(counter), self._number(c, abs(c) == 1)) for counter, c in skip.terms])
        entry = self._reference(skip.buffer), skip.buffer.dtype.str, self._number(skip.offset * size), terms, skip.way
        return "skipping", self._reference(step.counter), total, step.reverse, entry, self._nodes(step.body)

    def _word(self) -> Any:
        return self._number(self.status[0]), self._number(self.status[1])

    def _may_fail(self, step: Any) -> bool:
        return any(fails(inner) for inner in inside(step))


def _runs_along(view: View, other: View) -> bool:
    """Say whether two accesses always stay the same distance apart."""
    same = view.buffer is other.buffer and view.buffer.size > 1 and not (view.indexed or other.indexed)
    return same and view.strides == other.strides


def _may_join(loop: Loop) -> bool:
    """Say whether threads could share a nest together with others."""
    if POOL.size == 1 or 0 in loop.shape or not loop.stores or written_out(loop) is not loop:
        return False
    sizes, strides, _ = canonical(loop.shape, loop.accesses)
    return is_shared(loop, sizes, strides, team.JOINING) and all(any(strides[store.access]) for store in loop.stores)


def inside(step: Any) -> Iterator[Any]:
    """Yield all steps within a step, however deep."""
    lists: list[list[Any]] = []
    if isinstance(step, Repeat):
        lists = [step.before, step.test, step.body, step.after]
    elif isinstance(step, Choice):
        lists = step.branches
    for steps in lists:
        for inner in steps:
            yield inner
            yield from inside(inner)


def fails(step: Any) -> bool:
    """Say whether a step may report something: a native form that has the status word, and whatever is interpreted."""
    if isinstance(step, Call):
        return any(buffer.kind == "status" for buffer in step.scratch)
    return isinstance(step, Python)


def _need_memory(step: Any) -> set[Buffer]:
    """Return the buffers that code outside of the region's own looks at while it runs."""
    found: set[Buffer] = set()
    reports = False
    for inner in [step, *inside(step)]:
        if isinstance(inner, Product | Python):
            found.update(touched(inner))
        reports = reports or fails(inner) or (isinstance(inner, Repeat) and inner.tape > 0)
    if reports:
        found.update([buffer for buffer in step.outer if buffer.kind == "status"])
    return found


def _written(step: Any) -> Iterator[Buffer]:
    for inner in inside(step):
        if isinstance(inner, Fill):
            yield inner.buffer
        elif isinstance(inner, Loop):
            yield from inner.written
