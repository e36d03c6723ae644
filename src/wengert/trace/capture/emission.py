"""A recorded loop becomes an equation, and variables and arrays get the values that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ...core.aval import Aval, aval
from ...core.builder import Builder, inline
from ...core.symbol import Sym
from ...core.tree import unflatten
from ...ops.loop_operands import COUNTER, parameters
from ...ops.subgraph import SubGraph
from ..bodies import Part
from ..outside import root_of
from ..tracer import Tracer
from .notes import NotCapturedError, goes_on, keep_apart, note
from .parts import Captured, apply, converted, operand, result
from .places import UNSET, fill, is_mutable
from .signals import Signal, kinds_of
from .site import BREAK, CONTINUE, NEXT, RETURN

_SIGNAL: Final = aval((), np.int64)


def emit(recorder: Any, part: Part, check: Part | None) -> Any:
    """Record a loop and give variables and arrays their new values; return its signal."""
    slots = recorder.slots
    kinds = kinds_of(recorder.signal) - {CONTINUE, NEXT}
    if kinds and not isinstance(recorder.signal, Signal):
        raise NotCapturedError("its first iteration is the last")
    if check is not None and not kinds and check.graph.outputs[0] in _captured_inputs(check):
        raise NotCapturedError("its condition does not depend on what it computes")
    for slot in slots:
        slot.unchanged = _is_input(slot, part)
    kept = [slot for slot in slots if slot.unchanged]
    carried = [slot for slot in slots if not slot.unchanged]
    made = _Loop(slots, kept, carried, part, check, kinds)
    length, counted, given = None, False, []
    if recorder.steps is not None:
        count = recorder.steps.count
        if isinstance(count, (int, np.integer)):
            length = int(count)
        else:
            length, counted, given = recorder.steps.bound, True, [operand(count, COUNTER)]
    # How often it runs, if that is known; ``length`` may be no more than a bound.
    times = None if counted or kinds or recorder.test is not None else length
    origins = _origins(slots, times)
    starts = [_start(slot) for slot in carried] + ([np.int64(NEXT)] if kinds else [])
    operands = [*given, *[_start(slot) for slot in kept], *made.captured.values, *starts]
    params = parameters(
        made.body(), made.test(), len(kept) + len(made.captured.values), len(starts), length, False, counted, None
    )
    outs = apply("loop", operands, params)
    values = {id(slot): out for slot, out in zip(carried, outs, strict=False)}
    _assign(recorder, values, origins, times)
    note(recorder.site, _text(recorder, length, counted, carried))
    if not kinds or RETURN not in kinds:
        return None
    signal = outs[len(carried)]
    # What broke the loop is no business of those behind it.
    left = np.where(signal == BREAK, NEXT, signal) if BREAK in kinds else signal
    return Signal(left, frozenset((NEXT, RETURN)))


def _captured_inputs(part: Part) -> tuple[int, ...]:
    n = len(part.captured)
    return part.graph.inputs[len(part.graph.inputs) - n :] if n else ()


def _is_input(slot: Any, part: Part) -> bool:
    end = slot.end
    return isinstance(end, Sym) and end.id == slot.number and not slot.written and slot.start is not None


def _start(slot: Any) -> Any:
    if slot.start is None:
        return np.zeros(slot.aval.shape, slot.aval.dtype)
    return operand(slot.start, slot.aval)


class _Loop:
    """The sub-graphs of a loop: (counter, kept, captured, carried, signal)."""

    def __init__(
        self,
        slots: list[Any],
        kept: list[Any],
        carried: list[Any],
        part: Part,
        check: Part | None,
        kinds: frozenset[int],
    ) -> None:
        self.slots, self.kept, self.carried = slots, kept, carried
        self.part, self.check, self.kinds = part, check, kinds
        self.captured = Captured([part] if check is None else [part, check])

    def _graph(self, part: Part | None, write: Callable[..., list[Any]]) -> SubGraph:
        builder = Builder(reuse=True)
        k = builder.input(COUNTER)
        places = {id(slot): builder.input(_plain(slot.aval)) for slot in self.kept}
        captured = [builder.input(_plain(of)) for of in self.captured.avals]
        places |= {id(slot): builder.input(_plain(slot.aval)) for slot in self.carried}
        signal = builder.input(_SIGNAL) if self.kinds else None
        outs: list[Any] = []
        if part is not None:
            args = [k, *[places[id(slot)] for slot in self.slots]]
            outs = inline(part.graph, builder, [*args, *self.captured.inputs_of(part, builder, captured)])
        return SubGraph.from_graph(builder.build(write(builder, outs, signal)))

    def body(self) -> SubGraph:
        def write(builder: Builder, outs: list[Any], signal: Any) -> list[Any]:
            found = [
                converted(builder, out, slot.aval)
                for slot, out in zip(self.slots, outs, strict=False)
                if not slot.unchanged
            ]
            if self.kinds:
                end = outs[-1]
                number = builder.full(CONTINUE, (), np.int64)
                goes_on = builder.apply_named("eq", end, number)
                found.append(builder.apply_named("select", goes_on, builder.full(NEXT, (), np.int64), end))
            return found

        return self._graph(self.part, write)

    def test(self) -> SubGraph | None:
        if self.check is None and not self.kinds:
            return None

        def write(builder: Builder, outs: list[Any], signal: Any) -> list[Any]:
            if signal is None:
                return outs
            on = builder.apply_named("eq", signal, builder.full(NEXT, (), np.int64))
            return [on if not outs else builder.apply_named("logical_and", on, outs[0])]

        return self._graph(self.check, write)


def _plain(of: Aval) -> Aval:
    return aval(of.shape, of.dtype)


# -- behind the loop --------------------------------------------------------------------------------------------------


def _origins(slots: list[Any], length: int | None) -> dict[int, tuple[Any, bool]]:
    """Return for each slot that moves which slot's first object it ends with; refuse before anything is changed."""
    ended = [s for s in slots if s.end_object is not None]
    links = {id(s): next((t for t in slots if t.body_object is s.end_object), None) for s in ended}
    return {id(slot): _origin(slot, links, length) for slot in slots if not (slot.unchanged or slot.target)}


def _assign(recorder: Any, values: dict[int, Any], origins: dict[int, tuple[Any, bool]], length: int | None) -> None:
    """Give variables and arrays the values that the loop leaves."""
    slots = recorder.slots
    finals: dict[int, Any] = {}
    shared: dict[int, list[Any]] = {}
    for slot in slots:
        if slot.unchanged:
            finals[id(slot)] = slot.start
        elif slot.target:
            slot.start.assign(values[id(slot)])
            finals[id(slot)] = slot.start
    for slot in slots:
        if id(slot) in finals:
            continue
        out = values[id(slot)]
        is_array = is_mutable(slot.end_object) if slot.end_object is not None else bool(slot.aval.shape)
        origin, written = origins[id(slot)]
        if origin is None or not is_mutable(origin.start):
            finals[id(slot)] = made = result(out, slot.aval, is_array)
            if is_array:
                goes_on(made, slot.end_object)
                # It is an array from outside, or, after no iteration at all, what it was.
                known = [slot.end_object] * slot.outside + [slot.start] * (length is None)
                if known:
                    keep_apart(recorder.site, made, *known)
                if slot.end_object is not None:
                    shared.setdefault(id(root_of(slot.end_object)), []).append(made)
        elif written:
            finals[id(slot)] = (origin.start, out)
        else:
            finals[id(slot)] = origin.start
    for arrays in shared.values():
        if len(arrays) > 1:  # one is a view of another that the body made
            keep_apart(recorder.site, *arrays)
    for slot in slots:
        found = finals[id(slot)]
        if isinstance(found, tuple):
            found[0].assign(found[1])
            finals[id(slot)] = found[0]
    for v in recorder.variables:
        if v.fixed or v.tree is None:
            if v.start is UNSET:
                fill(v.cell, v.end)
            continue
        leaves = [finals.get(id(s), s) for s in v.slots]
        new = unflatten(v.tree, leaves)
        if isinstance(v.start, (list, dict)) and type(v.start) is type(new):
            _into(v.start, new)
        else:
            fill(v.cell, new)
    for cell in recorder.dead:
        fill(cell, UNSET)


def _into(container: Any, new: Any) -> None:
    if isinstance(container, list):
        container[:] = new
    else:
        container.update(new)


def _origin(slot: Any, links: dict[int, Any], length: int | None) -> tuple[Any, bool]:
    """Return the slot whose first object a slot ends with (None: a new one), and whether it is written into."""
    chain = [slot]
    while True:
        following = links.get(id(chain[-1]))
        if following is None:
            if length is None or length >= len(chain):
                return None, False
            return chain[length], any(s.written for s in chain)
        if following is slot:
            break
        chain.append(following)
    written = any(s.written for s in chain)
    if len(chain) == 1:
        return slot, written
    if length is None:
        if written and any(isinstance(s.start, Tracer) for s in chain):
            raise NotCapturedError("variables take turns in holding arrays, and how often is not known")
        return None, False
    return chain[length % len(chain)], written


def _text(recorder: Any, length: int | None, counted: bool, carried: list[Any]) -> str:
    how = "as often as its range says" if counted else "while its condition holds" if length is None else ""
    names = sorted({f"{slot.name} {slot.aval!r}" for slot in carried})
    return f"loop {how or f'of {length} iterations'}, carry " + (", ".join(names) or "nothing")
