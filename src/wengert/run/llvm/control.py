"""Loops and choices as steps: where the carry lies, what is overwritten in place, what is copied.

A loop's carry has one buffer.  The body reads it there and, where its own last reads allow, writes the next carry
into it (see :mod:`.destinations`); only what comes out elsewhere is copied at the end of an iteration.  What the loop
starts with is taken over if nobody reads it afterwards, else copied once.  So an array that is updated by slices is
updated in one place, in the loop as in the program that the user wrote.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...core.bounds import Affine, counter_of
from ...core.graph import Equation, Graph, makers
from .again import compute_again
from .destinations import put_in_place, reuse
from .fission import parted
from .loops import Buffer, Choice, Repeat, View, whole
from .merge import merge
from .plan import place, touched, with_fills
from .rim import is_zero, rim_apart
from .scope import Scope
from .zeros import clear_less

if TYPE_CHECKING:
    from .fuse import Fused

TAPE: Final = 16
"""Status from which on a loop reports that there was too little room; the number says which."""
_COUNTER: Final = np.dtype(np.int64)
_INPLACE: Final = frozenset({"slice_set", "slice_add", "gather_set", "gather_add"})


def add_loop(
    fused: Fused,
    k: int,
    equation: Equation,
    body: Graph,
    test: Graph | None,
    consts: int,
    carry: int,
    length: int | None,
    reverse: bool,
    counted: bool,
    grows: Any,
) -> None:
    """Append a loop (without rows in or out; see ``transforms.rows``)."""
    first = int(counted)
    count_id = equation.inputs[0] if counted else None
    const_ids = equation.inputs[first : first + consts]
    carry_ids = equation.inputs[first + consts :]
    given = [source(fused, i) for i in const_ids]
    count = None if count_id is None else fused.view(count_id)
    single = _read_once(fused, equation)
    carried = Tally(fused.group(i) for i in carry_ids)
    states = []
    for i in carry_ids:
        also_read = i not in single and carried[fused.group(i)] == 1
        taken = _claim_read(fused, k, i, given) if also_read else None
        states.append(taken or _claim(fused, k, i, i in single))
    counter = Buffer(1, _COUNTER)
    bounds = {body.inputs[1 + j]: fused.bounds[i] for j, i in enumerate(const_ids) if i in fused.bounds}
    depth = 0 if fused.scope is None else fused.scope.depth
    limit = counter_of(depth, length, None if count_id is None else fused.bounds.get(count_id))
    bounds[body.inputs[0]] = Affine(0, ((limit, 1),))
    protected = _buffers(given) | (set() if fused.scope is None else fused.scope.protected)
    limits = {body.inputs[1 + j]: fused.limits[i] for j, i in enumerate(const_ids) if i in fused.limits}
    scope = Scope(fused.root, [whole(counter, ()), *given, *states], protected, bounds, depth + 1, limits)
    inner = type(fused)(body, scope)
    outer = protected | _buffers(states) | {counter, *inner.borders}
    made = {view.buffer for view in inner.outputs if isinstance(view, View)}
    steps = compute_again(inner.steps, outer | made)
    steps = merge(with_fills(parted(steps), inner.fills), outer | made)
    steps = put_in_place(steps, inner.outputs, states, outer)
    reuse(steps, outer, [view.buffer for view in states])
    checks: list[Any] = []
    going = None
    if test is not None:
        known = {i: bounds[j] for i, j in zip(test.inputs, body.inputs, strict=True) if j in bounds}
        checking = type(fused)(test, Scope(fused.root, scope.inputs, outer, known, depth + 1))
        checks = with_fills(parted(checking.steps), checking.fills)
        (going,) = checking.outputs
        inner.borders += checking.borders
    zeros = {v.buffer for i, v in zip(carry_ids, states, strict=True) if is_zero(fused.constant(i))}
    steps, cleared = clear_less(rim_apart(steps, inner.borders), zeros - {b for s in checks for b in touched(s)})
    around = [view for view in [*given, *states, count] if isinstance(view, View)]
    tape = 0
    if grows is not None and length is not None:
        fused.root.tapes.append((grows, length))
        tape = TAPE + len(fused.root.tapes) - 1
        fused.root.status_word()
    step = Repeat(counter, count, length, reverse, checks, going, steps, Buffer(0, np.dtype(np.uint8)), [], [], tape, k)
    _lay_out(step, [*checks, *steps], around, [counter], inner.borders)
    fused.borders += inner.borders
    fused.append(step, step.outer, [view.buffer for view in states])
    for loop in cleared:
        fused.append(loop, [], loop.written)
    for i, view in zip(equation.outputs, states, strict=True):
        fused.put(i, view)


def add_choice(fused: Fused, k: int, equation: Equation, branches: tuple[Graph, ...]) -> None:
    """Append a choice."""
    index, *args = equation.inputs
    single = _read_once(fused, equation)
    place_of = _kept_or_replaced(branches)
    targets: list[Any] = []
    taken: dict[int, View] = {}
    for j, out in enumerate(equation.outputs):
        of = fused.graph.avals[out]
        p = place_of[j]
        view = None
        if p is not None and args[p] in single and p not in taken:
            view = fused.takeable(k, args[p])
        if view is None:
            view = whole(Buffer(of.size, of.dtype), of.shape)
        elif p is not None:
            taken[p] = view
        targets.append(view)
    given = [taken.get(j) or source(fused, i) for j, i in enumerate(args)]
    protected = _buffers([g for j, g in enumerate(given) if j not in taken])
    protected |= set() if fused.scope is None else fused.scope.protected
    depth = 0 if fused.scope is None else fused.scope.depth
    chosen = fused.view(index)
    outer = protected | _buffers([*given, *targets])
    lists = []
    borders: list[Buffer] = []
    for branch in branches:
        bounds = {i: fused.bounds[j] for i, j in zip(branch.inputs, args, strict=True) if j in fused.bounds}
        limits = {i: fused.limits[j] for i, j in zip(branch.inputs, args, strict=True) if j in fused.limits}
        inner = type(fused)(branch, Scope(fused.root, given, protected, bounds, depth, limits))
        borders += inner.borders
        steps = with_fills(parted(inner.steps), inner.fills)
        lists.append(put_in_place(steps, inner.outputs, targets, outer | set(borders)))
    step = Choice(chosen, lists, Buffer(0, np.dtype(np.uint8)), [], [], k)
    around = [view for view in [*given, *targets, chosen] if isinstance(view, View)]
    _lay_out(step, [s for steps in lists for s in steps], around, [], borders, lists)
    fused.borders += borders
    fused.append(step, step.outer, [view.buffer for view in targets])
    for i, view in zip(equation.outputs, targets, strict=True):
        fused.put(i, view)


# -- operands ---------------------------------------------------------------------------------------------------------


def source(fused: Fused, i: int) -> Any:
    """Return where a value lies, or the constant that it is."""
    return fused.constant(i) or fused.source(i)


def _read_once(fused: Fused, equation: Equation) -> set[int]:
    """Return the operands that no other operand shares memory with."""
    roots = Tally(fused.group(i) for i in equation.inputs)
    return {i for i in equation.inputs if roots[fused.group(i)] == 1}


def _claim(fused: Fused, k: int, i: int, single: bool) -> View:
    """Return a buffer that holds value i and may be written to: its own, if nobody reads it later, or a copy."""
    view = fused.takeable(k, i) if single else None
    return fused.anew(i) if view is None else view


def _claim_read(fused: Fused, k: int, i: int, given: list[Any]) -> View | None:
    """Return where value i lies, if nobody reads it later, and a loop may write there and read what it was.

    What the loop reads of it, beside carrying it on, is a copy then, so that what it makes stands where it is to be.
    """
    view = fused.takeable(k, i)
    if view is None:
        return None
    places = [n for n, one in enumerate(given) if isinstance(one, View) and view.buffer in _buffers([one])]
    if any(given[n].at or given[n].buffer is not view.buffer for n in places):
        return None
    still = whole(Buffer(view.buffer.size, view.dtype), view.shape)
    fused.copy(view, still)
    for n in places:
        given[n] = replace(given[n], buffer=still.buffer)
    return view


def _buffers(views: Any) -> set[Buffer]:
    return {
        buffer for view in views if isinstance(view, View) for buffer in [view.buffer, *[p.buffer for p in view.at]]
    }


def _kept_in_place(branches: tuple[Graph, ...]) -> list[int | None]:
    """Say for each output of a choice which operand it is, written to in place, in every branch."""
    found = []
    for j in range(len(branches[0].outputs)):
        places = {_origin(branch, branch.outputs[j]) for branch in branches}
        found.append(places.pop() if len(places) == 1 else None)
    return found


def _kept_or_replaced(branches: tuple[Graph, ...]) -> list[int | None]:
    """Say for each output of a choice into which operand's memory it may go, if nobody needs that any more.

    That is the operand that it is in every branch, or else in one of them: there nothing has to be copied then.
    """
    found = _kept_in_place(branches)
    for j, p in enumerate(found):
        if p is None:
            origins = [_origin(branch, branch.outputs[j]) for branch in branches]
            free = [q for q in origins if q is not None and q not in found]
            found[j] = free[0] if free else None
    return found


def _origin(graph: Graph, i: int) -> int | None:
    """Return the number of the input that a value is, with parts of it overwritten; None if it is none."""
    maker = makers(graph)
    while i in maker:
        equation = maker[i]
        name, params = equation.primitive.name, dict(equation.params)
        if name in _INPLACE:
            i = equation.inputs[0]
        elif name == "loop":
            i = equation.inputs[int(params["counted"]) + params["consts"] + equation.outputs.index(i)]
        elif name == "cond":
            p = _kept_in_place(params["branches"])[equation.outputs.index(i)]
            if p is None:
                return None
            i = equation.inputs[1 + p]
        else:
            return None
    return graph.inputs.index(i) if i in graph.inputs else None


# -- memory -----------------------------------------------------------------------------------------------------------


def _lay_out(
    step: Any, steps: list[Any], around: list[View], own: list[Buffer], borders: list[Buffer], lists: Any = None
) -> None:
    """Give the buffers of an iteration their places in the step's scratch memory, and note those around it."""
    outer = _buffers(around) | set(borders)
    used = [buffer for s in steps for buffer in touched(s)]
    outer |= {b for b in used if b.kind in ("literal", "status")}
    step.outer = list(dict.fromkeys([*[b for b in used if b in outer], *outer]))
    inner = [b for b in dict.fromkeys([*own, *used]) if b not in outer]
    for buffer in inner:
        if buffer.kind == "python":
            buffer.kind = "arena"
    step.inner = inner
    if lists is None:
        # All of an iteration's memory lives through the test and the body: the counter, and what the test made.
        size = place(steps, 0, set(inner) - set(own))
        for buffer in own:
            buffer.offset, size = size, size + 64
    else:
        size = max([place(branch, 0, set(inner)) for branch in lists], default=0)
    step.scratch.size = size


def settle(step: Any) -> None:
    """Turn places within scratch memory into places in the arena, once the scratch memory has one."""
    for buffer in step.inner:
        buffer.offset += step.scratch.offset
    lists = [step.test, step.body] if isinstance(step, Repeat) else step.branches
    for steps in lists:
        for inner in steps:
            if isinstance(inner, Repeat | Choice):
                settle(inner)
