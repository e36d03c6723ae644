"""Fusion: equations become a short list of loop nests, matrix products and interpreted steps.

Equations are taken in order.  An elementwise equation or a reduction joins the last loop over the same iteration
space that runs late enough for its operands; what it computes stays in a register unless somebody outside of that
loop reads it. Operations that only move values become strides.  What has no native form is computed by the
interpreter between native steps.
"""

from __future__ import annotations

import math
from functools import partial
from operator import mul
from typing import Any, Final

import numpy as np

from ...core.graph import Equation, Graph
from . import views
from .by_hand import by_hand
from .layout import IDENTITY, worst
from .loops import (
    ACCUMULATE,
    Buffer,
    Const,
    Fill,
    Load,
    Loop,
    Op,
    Outside,
    Pick,
    Product,
    Python,
    Shape,
    Store,
    View,
    c_strides,
    is_whole,
    whole,
)
from .operations import is_native, supports
from .padding import Padding, sums_of_padded

MAX_BODY: Final = 160
"""Items from which on a loop takes no more: registers are few."""

SHORT: Final = 8
"""Terms up to which the entries of a matrix product are computed in a loop, fused with what follows; BLAS, made for
long sums, is slower at them, and its result would have to go through memory.
"""

Step = Loop | Fill | Product | Python


class Fused(Padding):
    """A graph as steps.

    Attributes
    ----------
    steps : list
    inputs, outputs : lists of View
    literals : list of (Buffer, array)
        Arrays that belong to the structure.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.steps: list[Step] = []
        self.fills: list[Fill] = []
        self.literals: list[tuple[Buffer, Any]] = []
        self.status: Buffer | None = None
        self._views: dict[int, View] = {}
        self._consts: dict[int, Const] = {}
        self._home: dict[int, tuple[int, int]] = {}
        self._written: dict[Buffer, int] = {}
        self._read: dict[Buffer, int] = {}
        self._items: list[dict[Any, int]] = []
        self._last = _last_group_uses(graph)
        self._sums, self._inner = sums_of_padded(graph)
        self.inputs = [self._input(k, i) for k, i in enumerate(graph.inputs)]
        for k, equation in enumerate(graph.equations):
            self._equation(k, equation)
        self.outputs = [self._output(k, i) for k, i in enumerate(graph.outputs)]

    def maker(self, i: int) -> int | None:
        """Return the place among ``steps`` of what computes a value; None where nothing has to (a constant, a view)."""
        if i in self._home:
            return self._home[i][0]
        view = self._views.get(i)
        place = -1 if view is None else self._written.get(view.buffer, -1)
        return place if place >= 0 else None

    # -- inputs and outputs -------------------------------------------------------------------------------------------

    def _input(self, k: int, i: int) -> View:
        of = self.graph.avals[i]
        buffer = Buffer(of.size, of.dtype, "input" if of.shape else "scalar", k)
        self._views[i] = view = whole(buffer, of.shape)
        self._written[buffer] = -1
        return view

    def _output(self, k: int, i: int) -> View:
        of = self.graph.avals[i]
        view = self._view(i)
        buffer = view.buffer
        # What fills a buffer of its own is written straight into the array that is handed out.
        if buffer.kind == "arena" and is_whole(view) and view.offset == 0 and buffer.size == of.size:
            buffer.kind, buffer.number = "output" if of.shape else "result", k
            return view
        target = whole(Buffer(of.size, of.dtype, "output" if of.shape else "result", k), of.shape)
        self._copy(view, target)
        return target

    # -- equations ----------------------------------------------------------------------------------------------------

    def _equation(self, k: int, equation: Equation) -> None:
        name = equation.primitive.name
        params = dict(equation.params)
        avals = self.graph.avals
        dtypes = [avals[i].dtype for i in (*equation.inputs, *equation.outputs)]
        out = equation.outputs[0]
        if out in self._inner:
            return
        if out in self._sums:
            self._padded(out, self._sums[out])
        elif name == "full":
            self._consts[out] = Const(params["value"], params["dtype"])
        elif name == "literal":
            self._literal(out, np.ascontiguousarray(params["value"].array))
        elif name in views.TABLE:
            self._move(name, equation, params)
        elif not all(map(is_native, dtypes)):
            self._python(k, equation)
        elif equation.primitive.elementwise and supports(equation.primitive.lower, dtypes, params):
            self._elementwise(k, equation, params, dtypes)
        elif name in ACCUMULATE:
            self._reduction(k, equation, params)
        elif name in ("slice_add", "slice_set", "pad", "concatenate"):
            getattr(self, f"_{name}")(k, equation, **params)
        elif name == "gather" and 0 not in avals[equation.inputs[0]].shape:
            self._gather(k, equation, **params)
        elif name in ("gather_add", "gather_set") and 0 not in avals[out].shape:
            self._gather_write(k, equation, "add" if name == "gather_add" else "set", **params)
        elif name == "dot" and avals[out].dtype.kind == "f":
            self._dot(equation, **params)
        elif not by_hand(self, k, equation, params):
            self._python(k, equation)

    def _literal(self, out: int, array: Any) -> None:
        buffer = Buffer(array.size, array.dtype, "literal", len(self.literals))
        self.literals.append((buffer, array))
        self._views[out] = whole(buffer, array.shape)

    def _move(self, name: str, equation: Equation, params: dict[str, Any]) -> None:
        (x,) = equation.inputs
        out = equation.outputs[0]
        if x in self._consts:
            self._consts[out] = self._consts[x]
            return
        view = self._view(x)
        moved = views.TABLE[name](view, **params)
        if moved is None:  # a reshape of something that is not contiguous
            fresh = whole(Buffer(math.prod(view.shape), view.dtype), view.shape)
            self._copy(view, fresh)
            moved = views.reshape(fresh, params["shape"])
        self._views[out] = moved

    def _elementwise(self, k: int, equation: Equation, params: dict[str, Any], dtypes: list[Any]) -> None:
        out = equation.outputs[0]
        step = self._loop_for(self.graph.avals[out].shape, equation.inputs)
        args = tuple(self._operand(step, i) for i in equation.inputs)
        op = Op(equation.primitive.lower, args, equation.params, tuple(dtypes[:-1]), dtypes[-1])
        self._home[out] = (step, self._item(step, op))

    def _reduction(self, k: int, equation: Equation, params: dict[str, Any]) -> None:
        (x,), (out,) = equation.inputs, equation.outputs
        shape, axes = self.graph.avals[x].shape, params["axes"]
        of = self.graph.avals[out]
        step = self._loop_for(shape, (x,))
        item = self._operand(step, x)
        how = ACCUMULATE[equation.primitive.name]
        buffer = Buffer(of.size, of.dtype)
        strides = iter(c_strides(of.shape))
        target = View(buffer, 0, tuple(0 if a in axes else next(strides) for a in range(len(shape))), shape)
        self.fills.append(Fill(buffer, IDENTITY[how] if how in IDENTITY else worst(how, of.dtype)))
        self._store(step, target, item, how)
        self._views[out] = whole(buffer, of.shape)

    # -- writing into parts -------------------------------------------------------------------------------------------

    def _target(self, k: int, x: int) -> View:
        """Return a buffer that holds x and may be written into: x's own if nobody reads it later, else a copy."""
        if x in self._consts:
            of = self.graph.avals[x]
            buffer = Buffer(of.size, of.dtype)
            self.fills.append(Fill(buffer, self._consts[x].value))
            return whole(buffer, of.shape)
        view = self._view(x)
        if (
            view.buffer.kind == "arena"
            and self._last.get(_root(self._last, x)) == k
            and is_whole(view)
            and view.offset == 0
        ):
            return view
        fresh = whole(Buffer(math.prod(view.shape), view.dtype), view.shape)
        self._copy(view, fresh)
        return fresh

    def _write_part(self, k: int, part: View, v: int, how: str) -> None:
        """Store or add value v to a part of a buffer."""
        after = max(self._written.get(part.buffer, -1), self._read.get(part.buffer, -1)) + 1
        step = self._loop_for(part.shape, (v,), after)
        self._store(step, part, self._operand(step, v), how)

    def _slice_add(self, k: int, equation: Equation, **where: Any) -> None:
        self._slice_write(k, equation, where, "add")

    def _slice_set(self, k: int, equation: Equation, **where: Any) -> None:
        self._slice_write(k, equation, where, "set")

    def _slice_write(self, k: int, equation: Equation, where: dict[str, Any], how: str) -> None:
        x, v = equation.inputs
        target = self._target(k, x)
        self._write_part(k, views.slice_(target, **where), v, how)
        self._views[equation.outputs[0]] = target

    def _pad(self, k: int, equation: Equation, low: Shape, high: Shape, interior: Shape) -> None:
        (x,), (out,) = equation.inputs, equation.outputs
        of = self.graph.avals[out]
        target = whole(Buffer(of.size, of.dtype), of.shape)
        self.fills.append(Fill(target.buffer, 0))
        shape = self.graph.avals[x].shape
        if 0 not in shape:
            stops = tuple(lo + (n - 1) * (g + 1) + 1 for lo, n, g in zip(low, shape, interior, strict=True))
            part = views.slice_(target, low, stops, tuple(g + 1 for g in interior))
            self._write_part(k, part, x, "set")
        self._views[out] = target

    def _concatenate(self, k: int, equation: Equation, axis: int) -> None:
        out = equation.outputs[0]
        of = self.graph.avals[out]
        target = whole(Buffer(of.size, of.dtype), of.shape)
        start = 0
        for x in equation.inputs:
            shape = self.graph.avals[x].shape
            starts = tuple(start if a == axis else 0 for a in range(of.ndim))
            stops = tuple(start + shape[axis] if a == axis else n for a, n in enumerate(of.shape))
            part = views.slice_(target, starts, stops, (1,) * of.ndim)
            # Parts do not overlap, so each may be written by whichever loop has the operand.
            step = self._loop_for(part.shape, (x,))
            self._store(step, part, self._operand(step, x), "set")
            start += shape[axis]
        self._views[out] = target

    # -- index arrays -------------------------------------------------------------------------------------------------

    def _indexed(self, view: View, axes: Shape, lead: Shape) -> View:
        """Return an array as a loop over (index axes, the other axes) sees it; the axes in ``axes`` are computed."""
        rest = [a for a in range(len(view.shape)) if a not in axes]
        return View(
            view.buffer,
            view.offset,
            (*(0,) * len(lead), *(view.strides[a] for a in rest)),
            (*lead, *(view.shape[a] for a in rest)),
            tuple((view.shape[a], view.strides[a]) for a in axes),
        )

    def _coordinates(self, step: int, indices: Any, shape: Shape) -> tuple[int, ...]:
        """Return the items that hold index arrays, broadcast over the axes that they do not have."""
        items = []
        for i in indices:
            if i in self._consts:
                items.append(self._item(step, self._consts[i]))
                continue
            view = self._view(i)
            lead = len(view.shape)
            spread = View(view.buffer, view.offset, (*view.strides, *(0,) * (len(shape) - lead)), shape)
            items.append(self._load(step, spread))
        return tuple(items)

    def _after(self, view: View, indices: Any) -> int:
        """Return the first step at which an array and index arrays are in memory."""
        views = [view, *[self._view(i) for i in indices if i not in self._consts]]
        return max(self._written.get(v.buffer, -1) for v in views) + 1

    def _watch(self, step: int, access: int, at: tuple[int, ...]) -> None:
        """Let a loop report coordinates that point outside."""
        status = self._status_word()
        shape = self.steps[step].shape  # type: ignore[union-attr]
        item = self._item(step, Outside(access, at))
        target = View(status, 0, (0,) * len(shape), shape)
        written = self._written[status]
        self._store(step, target, item, "max")
        self._written[status] = written  # reports do not wait for each other

    def _status_word(self) -> Buffer:
        if self.status is None:
            self.status = Buffer(1, np.dtype(np.int64), "status")
            self._written[self.status] = -1
        return self.status

    def _gather(self, k: int, equation: Equation, axes: Shape) -> None:
        x, *indices = equation.inputs
        out = equation.outputs[0]
        shape = self.graph.avals[out].shape
        source = self._view(x)
        # What is read at other places than the loop's own must be there before the loop begins.
        step = self._loop_for(shape, (), self._after(source, indices))
        at = self._coordinates(step, indices, shape)
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        loop.accesses.append(self._indexed(source, axes, self.graph.avals[indices[0]].shape))
        access = len(loop.accesses) - 1
        self._read[source.buffer] = max(step, self._read.get(source.buffer, -1))
        self._home[out] = (step, self._item(step, Pick(access, at)))
        self._watch(step, access, at)

    def _gather_write(self, k: int, equation: Equation, how: str, axes: Shape) -> None:
        x, v, *indices = equation.inputs
        target = self._target(k, x)
        after = max(self._after(target, indices), self._read.get(target.buffer, -1) + 1)
        shape = self.graph.avals[v].shape
        step = self._loop_for(shape, (v,), after)
        item = self._operand(step, v)
        at = self._coordinates(step, indices, shape)
        part = self._indexed(target, axes, self.graph.avals[indices[0]].shape)
        self._store(step, part, item, how, at)
        self._watch(step, len(self.steps[step].accesses) - 1, at)  # type: ignore[union-attr]
        self._views[equation.outputs[0]] = target

    # -- products -----------------------------------------------------------------------------------------------------

    def _dot(self, equation: Equation, contract: Any, batch: Any) -> None:
        (x, y), (out,) = equation.inputs, equation.outputs
        of = self.graph.avals[out]
        both = [self._view(x), self._view(y)]
        free = [
            tuple(a for a in range(len(v.shape)) if a not in contract[k] and a not in batch[k])
            for k, v in enumerate(both)
        ]
        terms = math.prod(both[0].shape[a] for a in contract[0])
        if 0 < terms <= SHORT and free[1] and both[1].shape[free[1][-1]] >= 4:
            self._short_dot(out, both, free, contract, batch)
            return
        operands = [
            self._matrix(both[0], (batch[0], free[0], contract[0])),
            self._matrix(both[1], (batch[1], contract[1], free[1])),
        ]
        target = whole(Buffer(of.size, of.dtype), of.shape)
        b, m, n = operands[0].shape[0], operands[0].shape[1], operands[1].shape[2]
        matrix = View(target.buffer, 0, (m * n, n, 1), (b, m, n))
        self._append(
            Product(operands[0], operands[1], matrix), [operands[0].buffer, operands[1].buffer], [target.buffer]
        )
        self._views[out] = target

    def _short_dot(self, out: int, both: list[View], free: list[Shape], contract: Any, batch: Any) -> None:
        """Compute a product with few terms entry by entry: the loop runs along the second factor's last free axis."""
        of = self.graph.avals[out]
        x, y = (views.transpose(both[k], (*batch[k], *contract[k], *free[k])) for k in (0, 1))
        nb, nc, nx = len(batch[0]), len(contract[0]), len(free[0])
        if y.strides[-1] != 1:
            fresh = whole(Buffer(math.prod(y.shape), y.dtype), y.shape)
            self._copy(y, fresh)
            y = fresh
        step = self._loop_for(of.shape, (), max(self._written.get(v.buffer, -1) for v in (x, y)) + 1)
        dtype = of.dtype
        total = -1
        for place in np.ndindex(*x.shape[nb : nb + nc]):
            spread = (
                ((*x.strides[:nb], *x.strides[nb + nc :], *(0,) * len(free[1])), x),
                (
                    (*y.strides[:nb], *(0,) * nx, *y.strides[nb + nc :]),
                    y,
                ),
            )
            a, b = (
                self._load(
                    step,
                    View(v.buffer, v.offset + sum(map(mul, place, v.strides[nb : nb + nc])), strides, of.shape),
                )
                for strides, v in spread
            )
            if total < 0:
                total = self._item(step, Op("mul", (a, b), (), (dtype, dtype), dtype))
            else:
                total = self._item(step, Op("madd", (a, b, total), (), (dtype,) * 3, dtype))
        self._home[out] = (step, total)

    def _matrix(self, view: View, groups: Any) -> View:
        """Return a view as (batch, rows, columns) with a unit stride among the last two, copied where it must be."""
        turned = views.transpose(view, tuple(a for group in groups for a in group))
        shape = tuple(math.prod(view.shape[a] for a in group) for group in groups)
        matrix = views.reshape(turned, shape)
        if matrix is not None:
            b, r, c = matrix.strides
            rows, columns = shape[1:]
            if (c == 1 or columns == 1) and (r >= columns or rows == 1) and r >= 0:
                return View(
                    matrix.buffer, matrix.offset, (b, max(r, columns, 1) if rows > 1 else max(columns, 1), 1), shape
                )
            if (r == 1 or rows == 1) and (c >= rows or columns == 1) and c >= 0:
                return View(
                    matrix.buffer, matrix.offset, (b, 1, max(c, rows, 1) if columns > 1 else max(rows, 1)), shape
                )
        fresh = whole(Buffer(math.prod(turned.shape), view.dtype), turned.shape)
        self._copy(turned, fresh)
        return View(fresh.buffer, 0, c_strides(shape), shape)

    # -- interpreted steps --------------------------------------------------------------------------------------------

    def _python(self, k: int, equation: Equation) -> None:
        record = equation.primitive
        avals = self.graph.avals
        params = dict(equation.params)
        inputs = [self._view(i) for i in equation.inputs]
        # The staged product of ``scale`` is for the interpreter, which runs again where it gave nan; here nobody does.
        if record.stage is not None and record.name != "scale":
            run = record.stage(*[avals[i] for i in equation.inputs], **params)
        else:
            run = partial(record.evaluate, **params) if params else record.evaluate
        buffers = [Buffer(avals[i].size, avals[i].dtype, "python") for i in equation.outputs]
        shapes = [avals[i].shape for i in equation.outputs]
        step = Python(run, inputs, buffers, shapes, record.multiple, k)
        self._append(step, [v.buffer for v in inputs], buffers)
        for i, buffer in zip(equation.outputs, buffers, strict=True):
            self._views[i] = whole(buffer, avals[i].shape)

    # -- loops --------------------------------------------------------------------------------------------------------

    def _loop_for(self, shape: Shape, operands: Any, after: int = 0) -> int:
        """Return the number of a loop over ``shape`` that runs late enough to compute with these operands."""
        earliest = after
        for i in operands:
            if i in self._home:
                earliest = max(earliest, self._home[i][0])
            elif i in self._views:
                earliest = max(earliest, self._written.get(self._views[i].buffer, -1) + 1)
        for step in range(len(self.steps) - 1, earliest - 1, -1):
            loop = self.steps[step]
            if isinstance(loop, Loop) and loop.shape == shape and len(loop.body) < MAX_BODY:
                return step
        # Operands in registers of earlier loops go through memory.
        self.steps.append(Loop(shape))
        self._items.append({})
        return len(self.steps) - 1

    def _operand(self, step: int, i: int) -> int:
        """Return the item of a loop that holds value i: computed there, constant, or loaded."""
        if i in self._consts:
            return self._item(step, self._consts[i])
        if i in self._home and self._home[i][0] == step:
            return self._home[i][1]
        return self._load(step, self._view(i))

    def _load(self, step: int, view: View) -> int:
        """Return the item of a loop that reads a view."""
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        key = (view.buffer, view.offset, view.strides)
        found = self._items[step].get(key)
        if found is None:
            loop.accesses.append(view)
            loop.body.append(Load(len(loop.accesses) - 1))
            found = self._items[step][key] = len(loop.body) - 1
            self._read[view.buffer] = max(step, self._read.get(view.buffer, -1))
        return found

    def _item(self, step: int, item: Any) -> int:
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        known = self._items[step]
        found = known.get(item)
        if found is None:
            loop.body.append(item)
            found = known[item] = len(loop.body) - 1
        return found

    def _store(self, step: int, target: View, item: int, how: str = "set", at: tuple[int, ...] = ()) -> None:
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        loop.accesses.append(target)
        loop.stores.append(Store(len(loop.accesses) - 1, item, how, at))
        self._written[target.buffer] = max(step, self._written.get(target.buffer, -1))

    def _copy(self, source: View, target: View, how: str = "set") -> None:
        """Append a loop that copies one view to another, or adds it."""
        loop = Loop(source.shape)
        self.steps.append(loop)
        self._items.append({})
        step = len(self.steps) - 1
        loop.accesses.append(source)
        loop.body.append(Load(0))
        self._read[source.buffer] = max(step, self._read.get(source.buffer, -1))
        self._store(step, target, 0, how)

    def _append(self, step: Any, reads: list[Buffer], writes: list[Buffer]) -> None:
        self.steps.append(step)
        self._items.append({})
        for buffer in reads:
            self._read[buffer] = len(self.steps) - 1
        for buffer in writes:
            self._written[buffer] = len(self.steps) - 1

    def _view(self, i: int) -> View:
        """Return where value i lies in memory; a value in a register is stored from now on."""
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
        self._views[i] = view
        return view


# -- who shares memory ------------------------------------------------------------------------------------------------


def _last_group_uses(graph: Graph) -> dict[Any, Any]:
    """Return for each root value the last equation that reads it or a view of it; views under ("root", value)."""
    found: dict[Any, Any] = {}
    for k, equation in enumerate(graph.equations):
        name = equation.primitive.name
        if name in views.TABLE:
            found[("root", equation.outputs[0])] = _root(found, equation.inputs[0])
        elif name in ("slice_add", "slice_set", "gather_add", "gather_set"):
            found[("root", equation.outputs[0])] = equation.outputs[0]
        for i in equation.inputs:
            found[_root(found, i)] = k
    for i in graph.outputs:
        found[_root(found, i)] = len(graph.equations)
    return found


def _root(found: dict[Any, Any], i: int) -> int:
    return int(found.get(("root", i), i))
