"""Equations that fusion leaves over and that still have native code: forms written by hand, windows, counting."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

import numpy as np

from ...core.graph import Equation
from . import views
from .forms import CONSTANT, forms_of
from .loops import Buffer, Call, Fill, View, is_whole, whole

MAX_LITERAL: Final = 1 << 17
"""Entries up to which what depends on shapes only is kept with the program."""
MAX_WINDOW: Final = 64
"""Positions in a window up to which each is a loop of its own."""


def by_hand(fused: Any, k: int, equation: Equation, params: dict[str, Any]) -> bool:
    """Append the steps of an equation to a :class:`~wengert.run.llvm.fuse.Fused`, or return False."""
    name, avals = equation.primitive.name, fused.graph.avals
    if name in CONSTANT and avals[equation.outputs[0]].size <= MAX_LITERAL:
        like = np.broadcast_to(np.zeros(()), avals[equation.inputs[0]].shape)
        fused._literal(equation.outputs[0], np.ascontiguousarray(equation.primitive.evaluate(like, **params)))
        return True
    if name in ("windows", "fold") and math.prod(params["window"]) <= MAX_WINDOW:
        (_windows if name == "windows" else _fold)(fused, equation, **params)
        return True
    needed = [fused.needs(i) for i in equation.outputs]
    form = forms_of(name, [avals[i] for i in equation.inputs], needed, params)
    if form is None:
        return False
    read = [_contiguous(fused, i) for i in equation.inputs]
    outs = [Buffer(0 if j in form.skipped else avals[i].size, avals[i].dtype) for j, i in enumerate(equation.outputs)]
    scratch = [Buffer(size, dtype) for size, dtype in form.scratch]
    if form.fails:
        scratch.append(fused.status_word())
    step = Call(
        partial(equation.primitive.evaluate, **params),
        read,
        outs,
        [avals[i].shape for i in equation.outputs],
        equation.primitive.multiple,
        k,
        form.key,
        form.count,
        scratch,
        form.numbers,
    )
    fused.append(step, [view.buffer for view in read], outs)
    for i, buffer in zip(equation.outputs, outs, strict=True):
        fused._views[i] = whole(buffer, avals[i].shape)
    return True


def _contiguous(fused: Any, i: int) -> View:
    view: View = fused.view(i)
    if is_whole(view):
        return view
    fresh = whole(Buffer(math.prod(view.shape), view.dtype), view.shape)
    fused.copy(view, fresh)
    return fresh


def _windows(fused: Any, equation: Equation, **how: Any) -> None:
    """Copy, for each position in the window, what stands there."""
    (x,), (out,) = equation.inputs, equation.outputs
    of = fused.graph.avals[out]
    target, source = whole(Buffer(of.size, of.dtype), of.shape), fused.view(x)
    for position, part in views.window_parts(source, target, **how):
        fused.copy(part, position)
    fused._views[out] = target


def _fold(fused: Any, equation: Equation, shape: Any, **how: Any) -> None:
    """Add, for each position in the window, to what stands there."""
    (v,), (out,) = equation.inputs, equation.outputs
    of = fused.graph.avals[out]
    target, source = whole(Buffer(of.size, of.dtype), of.shape), fused.view(v)
    fused.fills.append(Fill(target.buffer, 0))
    for position, part in views.window_parts(target, source, **how):
        fused.copy(position, part, "add")
    fused._views[out] = target
