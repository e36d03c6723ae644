"""Steps under construction: loops that grow, and where each value of a graph is: in a register, or in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ...core.bounds import Affine
from ...core.graph import Graph
from ...core.limits import Limits
from .lifetimes import Lifetimes
from .loops import (
    SMALL,
    Buffer,
    Const,
    Fill,
    Load,
    Loop,
    Outside,
    Pick,
    Shape,
    Store,
    View,
    is_whole,
    whole,
)
from .scope import Scope
from .views import apart, may_overlap

MAX_BODY: Final = 160
"""Items from which on a loop takes no more: registers are few."""


class Steps:
    """What :class:`~.fuse.Fused` builds with.

    Attributes
    ----------
    steps : list
    fills : list of Fill
        Numbers that buffers start with.
    literals : list of (Buffer, array)
        Arrays that belong to the structure.
    tapes : list of (loop, length)
        Loops with limited room for residuals; see ``ops.loop_operands``.
    borders : list of Buffer
        Memory that is zero before the program begins, and in which some entries are only ever read.
    bounds, limits : dict
        What is known of integers, and of the entries of arrays of them.
    """

    def __init__(self, graph: Graph, scope: Scope | None = None) -> None:
        self.graph = graph
        self.scope = scope
        self.root: Any = self if scope is None else scope.root
        self.steps: list[Any] = []
        self.fills: list[Fill] = []
        self.literals: list[tuple[Buffer, Any]] = []
        self.tapes: list[Any] = []
        self.borders: list[Buffer] = []
        self.status: Buffer | None = None
        self.bounds: dict[int, Affine] = {} if scope is None else dict(scope.bounds)
        self.limits: dict[int, Limits] = {} if scope is None else dict(scope.limits)
        self._views: dict[int, View] = {}
        self._consts: dict[int, Const] = {}
        self._home: dict[int, tuple[int, int]] = {}
        self._written: dict[Buffer, int] = {}
        self._stored: dict[Buffer, tuple[int, int]] = {}
        self._read: dict[Buffer, int] = {}
        self._blunt: dict[tuple[Buffer, bool], int] = {}
        self._parts: dict[Buffer, list[tuple[int, View, bool]]] = {}
        self._items: list[dict[Any, int]] = []
        self._lifetimes = Lifetimes(graph)

    # -- memory that may be overwritten --------------------------------------------------------------------------------

    def takeable(self, k: int, x: int) -> View | None:
        """Return where value x lies if equation k may overwrite it there: it is whole, and not read later."""
        later = self._lifetimes.later(x, k)
        if x in self._consts or later is None:
            return None
        view = self.source(x)
        if view.buffer.kind != "arena" or view.at or view.offset or not is_whole(view):
            return None
        if self.scope is not None and view.buffer in self.scope.protected:
            return None
        size = math.prod(view.shape)
        if view.buffer.size != size or sum(self.graph.avals[i].size for i in later) > size:
            return None
        for i in later:  # parts of it that are read later are read now: what overwrites them may join this loop
            part = self.source(i)
            step = self._loop_for(part.shape, (i,))
            self._home[i] = step, self._load(step, part)
            del self._views[i]
        return view

    def group(self, i: int) -> int:
        """Return the value whose memory a value is a view of."""
        return self._lifetimes.root(i)

    def needs(self, i: int) -> bool:
        """Say whether anything reads a value."""
        return i in self._lifetimes.last

    def constant(self, i: int) -> Const | None:
        """Return the number that a value is filled with, if it belongs to the structure."""
        return self._consts.get(i)

    def put(self, i: int, view: View) -> None:
        """Note where a value lies."""
        self._views[i] = view

    # -- what loops report --------------------------------------------------------------------------------------------

    def _watch(self, step: int, access: int, at: tuple[int, ...]) -> None:
        """Let a loop report coordinates that point outside."""
        status = self.status_word()
        shape = self.steps[step].shape
        item = self._item(step, Outside(access, at))
        target = View(status, 0, (0,) * len(shape), shape)
        written = self._written.get(status, -1)
        self._store(step, target, item, "max")
        self._written[status] = written  # reports do not wait for each other

    def status_word(self) -> Buffer:
        """Return the word in which loops report what Python is to raise."""
        if self.root.status is None:
            self.root.status = Buffer(1, np.dtype(np.int64), "status")
        found: Buffer = self.root.status
        return found

    # -- loops --------------------------------------------------------------------------------------------------------

    def _loop_for(self, shape: Shape, operands: Any, after: int = 0) -> int:
        """Return the number of a loop over ``shape`` that runs late enough to compute with these operands."""
        earliest = after
        for i in operands:
            if i in self._home:
                earliest = max(earliest, self._home[i][0])
            elif i in self._views:
                view = self._views[i]
                earliest = max(earliest, self._conflict(view, shape, False) + 1)
                for place in view.at:  # may still be in a register of the loop that computes it
                    home = self._stored.get(place.buffer)
                    earliest = max(earliest, home[0] if home else self._written.get(place.buffer, -1) + 1)
        for step in range(len(self.steps) - 1, earliest - 1, -1):
            loop = self.steps[step]
            if isinstance(loop, Loop) and loop.shape == shape and len(loop.body) < MAX_BODY:
                return step
        # Operands in registers of earlier loops go through memory.
        self.steps.append(Loop(shape))
        self._items.append({})
        return len(self.steps) - 1

    def _loop_to_store(self, i: int, shape: Shape, after: int) -> int:
        """Return the number of a loop that can store value i: the one that computes it, if that is late enough."""
        home = self._home.get(i, (-1, -1))[0]
        return home if home >= after else self._loop_for(shape, (i,), after)

    def _operand(self, step: int, i: int) -> int:
        """Return the item of a loop that holds value i: computed there, constant, or loaded."""
        if i in self._consts:
            return self._item(step, self._consts[i])
        if i in self._home and self._home[i][0] == step:
            return self._home[i][1]
        return self._load(step, self.source(i))

    def _load(self, step: int, view: View) -> int:
        """Return the item of a loop that reads a view."""
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        key = (view.buffer, view.offset, view.strides, view.indexed, *[(p.buffer, p.offset) for p in view.at])
        found = self._items[step].get(key)
        if found is None:
            still = (0,) * len(loop.shape)
            places = [self._place(step, replace(p, strides=still, shape=loop.shape)) for p in view.at]
            loop.accesses.append(replace(view, at=()))
            access = len(loop.accesses) - 1
            if places:
                loop.body.append(Pick(access, tuple(places), view.safe))
            else:
                loop.body.append(Load(access))
            found = self._items[step][key] = len(loop.body) - 1
            self._note(view, step, False)
            if places and not view.safe:
                self._watch(step, access, tuple(places))
        return found

    def _place(self, step: int, view: View) -> int:
        """Return the item of a loop that holds a computed place: computed there, or loaded."""
        home = self._stored.get(view.buffer)
        return home[1] if home and home[0] == step else self._load(step, view)

    def _item(self, step: int, item: Any) -> int:
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        known = self._items[step]
        found = known.get(item)
        if found is None:
            loop.body.append(item)
            found = known[item] = len(loop.body) - 1
        return found

    def _store(
        self,
        step: int,
        target: View,
        item: int,
        how: str = "set",
        at: tuple[int, ...] = (),
        safe: bool = False,
        look: View | None = None,
    ) -> None:
        """Let a loop write an item; ``look`` says, for a part at computed places, what is known of them."""
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        loop.accesses.append(target if look is None else replace(target, safe=look.safe, forms=look.forms))
        loop.stores.append(Store(len(loop.accesses) - 1, item, how, at, safe))
        self._note(target if look is None else look, step, True)

    def _store_over(self, over: tuple[int, Pick | Load], look: View, item: int, how: str) -> None:
        """Let a loop overwrite what it reads, by the same access: pointers of a loop are said not to overlap."""
        step, read = over
        self.steps[step].stores.append(
            Store(read.access, item, how, getattr(read, "at", ()), getattr(read, "safe", False))
        )
        self._note(look, step, True)

    def _out_of_the_way(self, i: int, part: View) -> None:
        """Copy a value that may lie where a part is going to be written, as in ``y[1:] = y[:-1]``."""
        view = self._views.get(i)
        if view is not None and may_overlap(view, part):
            still = whole(Buffer(math.prod(view.shape), view.dtype), view.shape)
            self.copy(view, still)
            self._views[i] = still

    def _overwriting(self, part: View, indices: Sequence[View], v: int, step: int) -> tuple[int, Pick | Load] | None:
        """Return the place of a loop, and what it reads, if it can store value v over just that.

        Parameters
        ----------
        part, indices
            What is to be overwritten, and where its computed places lie.
        step : int
            The last step that touches the buffer: the only loop that may do.
        """
        loop = self.steps[step] if step >= 0 else None
        if not isinstance(loop, Loop) or loop.shape != part.shape or not self._is_there(v, step, loop.shape):
            return None
        touching = [k for k, view in enumerate(loop.accesses) if view.buffer is part.buffer]
        if len(touching) != 1 or any(store.access in touching for store in loop.stores):
            return None
        view = loop.accesses[touching[0]]
        if (view.offset, view.strides, view.indexed) != (part.offset, part.strides, part.indexed):
            return None
        readers = [item for item in loop.body if getattr(item, "access", -1) == touching[0]]
        if len(readers) != 1 or isinstance(readers[0], Outside):
            return None
        places = [loop.body[j] for j in getattr(readers[0], "at", ())]
        if len(places) != len(indices):
            return None
        for place, index in zip(places, indices, strict=True):
            known = loop.accesses[place.access] if isinstance(place, Load) else None
            if known is None or (known.buffer, known.offset) != (index.buffer, index.offset) or any(known.strides):
                return None
        return step, readers[0]

    def _is_there(self, v: int, step: int, shape: Shape) -> bool:
        """Say whether a loop runs late enough to read value v."""
        if v in self._consts:
            return True
        if v in self._home and v not in self._views:
            return self._home[v][0] <= step
        view = self._views[v]
        if self._home.get(v, (-1,))[0] == step:
            return True
        return not view.at and self._conflict(view, shape, False) < step

    # -- what may overlap ----------------------------------------------------------------------------------------------

    def _note(self, view: View, step: int, written: bool) -> None:
        """Note that a step reads a view, or writes it."""
        buffer = view.buffer
        latest = self._written if written else self._read
        latest[buffer] = max(step, latest.get(buffer, -1))
        if view.forms and view.safe:
            self._parts.setdefault(buffer, []).append((step, view, written))
        else:
            self._blunt[buffer, written] = max(step, self._blunt.get((buffer, written), -1))

    def _conflict(self, view: View, shape: Shape, writing: bool) -> int:
        """Return the last step that a loop over ``shape`` must come after if it reads a view, or writes it.

        Rows of an array that are certain to be different ones are no obstacle to each other.  (In loops that LLVM may
        unroll they are: it takes what it is told of pointers in one iteration to hold between iterations.)
        """
        buffer = view.buffer
        if not (view.forms and view.safe) or math.prod(shape) <= SMALL:
            return max(self._written.get(buffer, -1), self._read.get(buffer, -1) if writing else -1)
        found = max(self._blunt.get((buffer, True), -1), self._blunt.get((buffer, False), -1) if writing else -1)
        for step, other, written in self._parts.get(buffer, ()):
            if step > found and (written or writing) and not apart(view, other):
                found = step
        return found

    def copy(self, source: View, target: View, how: str = "set") -> None:
        """Append a loop that copies one view to another, or adds it."""
        self.steps.append(Loop(source.shape))
        self._items.append({})
        step = len(self.steps) - 1
        self._store(step, target, self._load(step, source), how)

    def append(self, step: Any, reads: list[Buffer], writes: list[Buffer]) -> None:
        self.steps.append(step)
        self._items.append({})
        for buffer in reads:
            self._read[buffer] = self._blunt[buffer, False] = len(self.steps) - 1
        for buffer in writes:
            self._written[buffer] = self._blunt[buffer, True] = len(self.steps) - 1

    def view(self, i: int) -> View:
        """Return where value i lies in memory; a value in a register is stored from now on."""
        found = self.source(i)
        if found.at:  # at computed places: copied once
            still = whole(Buffer(math.prod(found.shape), found.dtype), found.shape)
            self.copy(found, still)
            found = self._views[i] = still
        return found

    def source(self, i: int) -> View:
        """Return where value i lies in memory, perhaps at places that are to be looked up when it is read."""
        found = self._views.get(i)
        if found is not None:
            return found
        of = self.graph.avals[i]
        if i in self._consts:
            buffer = Buffer(of.size, of.dtype)
            self.fills.append(Fill(buffer, self._consts[i].value))
            self._views[i] = whole(buffer, of.shape)
            return self._views[i]
        step, item = self._home[i]
        view = whole(Buffer(of.size, of.dtype), of.shape)
        self._store(step, view, item)
        self._stored[view.buffer] = (step, item)
        self._views[i] = view
        return view
