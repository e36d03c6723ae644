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

from ...core import bounds, limits
from ...core.graph import Equation, Graph
from . import control, views
from .blas import in_parts
from .by_hand import by_hand
from .layout import IDENTITY, worst
from .lifetimes import is_part
from .loops import (
    ACCUMULATE,
    Buffer,
    Choice,
    Const,
    Fill,
    Loop,
    Op,
    Pick,
    Product,
    Python,
    Repeat,
    Shape,
    View,
    c_strides,
    is_whole,
    whole,
)
from .nearly import Box, nearly_one_number
from .operations import is_native, supports
from .padding import Padding, sums_of_padded
from .scope import Scope
from .sequence import numbers_first
from .windows import Added, Windows

SHORT: Final = 12
"""Terms up to which the entries of a matrix product are computed in a loop, fused with what follows; BLAS, made for
long sums, is slower at them, and its result would have to go through memory.
"""

Step = Loop | Fill | Product | Python | Repeat | Choice


class Fused(Padding, Windows):
    """A graph as steps.

    Attributes
    ----------
    inputs, outputs : lists of View
    """

    def __init__(self, graph: Graph, scope: Scope | None = None) -> None:
        if scope is not None:
            graph = numbers_first(graph)
        super().__init__(graph, scope)
        self._sums, self._inner = sums_of_padded(graph)
        self._find_windows({*self._sums, *self._inner})
        self.inputs = [self._input(k, i) for k, i in enumerate(graph.inputs)]
        for k, equation in enumerate(graph.equations):
            bounds.extend(self.bounds, graph, equation)
            limits.extend(self.limits, graph, equation)
            self._equation(k, equation)
        if scope is None:
            self.outputs = [self._output(k, i) for k, i in enumerate(graph.outputs)]
            self.fills += [Fill(buffer, 0) for buffer in self.borders]
        else:
            self.outputs = [self.view(i) for i in graph.outputs]

    def maker(self, i: int) -> int | None:
        """Return the place among ``steps`` of what computes a value; None where nothing has to (a constant, a view)."""
        if i in self._home:
            return self._home[i][0]
        view = self._views.get(i)
        place = -1 if view is None else self._written.get(view.buffer, -1)
        return place if place >= 0 else None

    # -- inputs and outputs -------------------------------------------------------------------------------------------

    def _input(self, k: int, i: int) -> Any:
        of = self.graph.avals[i]
        if self.scope is not None:
            given = self.scope.inputs[k]
            if isinstance(given, Const):
                self._consts[i] = given
                return None
            view = given
        else:
            view = whole(Buffer(of.size, of.dtype, "input" if of.shape else "scalar", k), of.shape)
        self._views[i] = view
        self._written[view.buffer] = -1
        return view

    def _output(self, k: int, i: int) -> View:
        of = self.graph.avals[i]
        view = self.view(i)
        buffer = view.buffer
        # What fills a buffer of its own is written straight into the array that is handed out.
        if buffer.kind == "arena" and is_whole(view) and view.offset == 0 and buffer.size == of.size:
            buffer.kind, buffer.number = "output" if of.shape else "result", k
            return view
        target = whole(Buffer(of.size, of.dtype, "output" if of.shape else "result", k), of.shape)
        self.copy(view, target)
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
        elif out in self._members:
            windows, number = self._members[out]
            self._window(windows, number)
            if number == len(windows.terms) - 1:
                (self._add_windows_at if windows.axes else self._add_windows)(k, out, windows)
        elif name == "full":
            self._consts[out] = Const(params["value"], params["dtype"])
        elif name == "room":
            self._views[out] = whole(Buffer(avals[out].size, avals[out].dtype), avals[out].shape)
        elif name == "literal":
            self._literal(out, np.ascontiguousarray(params["value"].array))
        elif name in views.TABLE:
            self._move(name, equation, params)
        elif name == "loop":
            control.add_loop(self, k, equation, **params)
        elif name == "cond":
            control.add_choice(self, k, equation, **params)
        elif not all(map(is_native, dtypes)):
            self._python(k, equation)
        elif name == "gather" and is_part(self.graph, equation):
            self._part(equation, **params)
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
        buffer = Buffer(array.size, array.dtype, "literal", len(self.root.literals))
        self.root.literals.append((buffer, array))
        self._views[out] = whole(buffer, array.shape)

    def _move(self, name: str, equation: Equation, params: dict[str, Any]) -> None:
        (x,) = equation.inputs
        out = equation.outputs[0]
        if x in self._consts:
            self._consts[out] = self._consts[x]
            return
        view = self.source(x)
        moved = views.TABLE[name](view, **params)
        if moved is None:  # a reshape of something that is not contiguous
            fresh = whole(Buffer(math.prod(view.shape), view.dtype), view.shape)
            self.copy(view, fresh)
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
        found = None if x in self._consts else self.takeable(k, x)
        return self.anew(x) if found is None else found

    def anew(self, x: int) -> View:
        """Return a buffer of its own that holds x."""
        of = self.graph.avals[x]
        fresh = whole(Buffer(of.size, of.dtype), of.shape)
        if x in self._consts:
            self.fills.append(Fill(fresh.buffer, self._consts[x].value))
            return fresh
        view = self.source(x)
        nearly = self._nearly(view)
        if nearly is None:
            self.copy(view, fresh)
            return fresh
        number, boxes = nearly
        self.fills.append(Fill(fresh.buffer, number))
        for starts, stops in boxes:
            ones = (1,) * len(starts)
            self.copy(views.slice_(view, starts, stops, ones), views.slice_(fresh, starts, stops, ones))
        return fresh

    def _nearly(self, view: View) -> tuple[Any, list[Box]] | None:
        """Return what a view of a constant array holds nearly everywhere, and where not; None for other arrays."""
        if view.buffer.kind != "literal" or not is_whole(view) or view.buffer.size != math.prod(view.shape):
            return None
        return nearly_one_number(self.root.literals[view.buffer.number][1].reshape(view.shape))

    def _write_part(self, k: int, part: View, v: int, how: str) -> None:
        """Store or add value v to a part of a buffer."""
        self._out_of_the_way(v, part)
        after = max(self._written.get(part.buffer, -1), self._read.get(part.buffer, -1)) + 1
        over = self._overwriting(part, (), v, after - 1)
        if over is not None:
            self._store_over(over, part, self._operand(over[0], v), how)
            return
        step = self._loop_to_store(v, part.shape, after)
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
            step = self._loop_to_store(x, part.shape, 0)
            self._store(step, part, self._operand(step, x), "set")
            start += shape[axis]
        self._views[out] = target

    # -- single places ------------------------------------------------------------------------------------------------

    def _part(self, equation: Equation, axes: Shape, window: views.Window | None = None) -> None:
        """Read ``a[i]`` for a computed i: a view whose place is looked up whenever it is read."""
        (x, *indices), (out,) = equation.inputs, equation.outputs
        if x in self._consts:
            self._consts[out] = self._consts[x]
            return
        view = self.source(x)
        safe = self._is_safe(x, indices, axes)
        places = tuple([self.view(i) for i in indices])
        self._views[out] = views.at(view, axes, places, safe, tuple([self.bounds.get(i) for i in indices]), window)

    def _is_safe(self, x: int, indices: Any, axes: Shape) -> bool:
        """Say whether places are certain to lie inside of an array."""
        shape = self.graph.avals[x].shape
        return all(
            (not self.graph.avals[i].shape and bounds.inside(self.bounds.get(i), shape[a]))
            or limits.inside(self.limits.get(i), shape[a])
            for i, a in zip(indices, axes, strict=True)
        )

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
            view = self.view(i)
            lead = len(view.shape)
            spread = View(view.buffer, view.offset, (*view.strides, *(0,) * (len(shape) - lead)), shape)
            items.append(self._load(step, spread))
        return tuple(items)

    def _after(self, view: View | None, indices: Any) -> int:
        """Return the first step at which an array and index arrays are in memory."""
        needed = [v for v in (view, *[self.view(i) for i in indices if i not in self._consts]) if v is not None]
        return max([self._written.get(v.buffer, -1) for v in needed], default=-1) + 1

    def _gather(self, k: int, equation: Equation, axes: Shape, window: views.Window | None = None) -> None:
        x, *indices = equation.inputs
        out = equation.outputs[0]
        shape = self.graph.avals[out].shape
        source = self.view(x)
        # What is read at other places than the loop's own must be there before the loop begins.
        step = self._loop_for(shape, (), self._after(source, indices))
        at = self._coordinates(step, indices, shape)
        loop = self.steps[step]
        assert isinstance(loop, Loop)
        loop.accesses.append(self._indexed(views.cut(source, axes, window), axes, self.graph.avals[indices[0]].shape))
        access = len(loop.accesses) - 1
        self._note(source, step, False)
        safe = self._is_safe(x, indices, axes)
        self._home[out] = (step, self._item(step, Pick(access, at, safe)))
        if not safe:
            self._watch(step, access, at)

    def _gather_write(
        self, k: int, equation: Equation, how: str, axes: Shape, window: views.Window | None = None
    ) -> None:
        x, v, *indices = equation.inputs
        target = self._target(k, x)
        shape = self.graph.avals[v].shape
        safe = self._is_safe(x, indices, axes)
        look = None
        if not any(self.graph.avals[i].shape for i in indices):
            look = views.at(target, axes, (), safe, tuple([self.bounds.get(i) for i in indices]), window)
        for i in (v, *indices):
            self._out_of_the_way(i, target if look is None else look)
        after = max(self._after(None, indices), self._conflict(target if look is None else look, shape, True) + 1)
        part = self._indexed(views.cut(target, axes, window), axes, self.graph.avals[indices[0]].shape)
        self._views[equation.outputs[0]] = target
        if look is not None and not any(i in self._consts for i in indices):
            over = self._overwriting(part, [self.view(i) for i in indices], v, after - 1)
            if over is not None:
                self._store_over(over, look, self._operand(over[0], v), how)
                return
        step = self._loop_to_store(v, shape, after)
        item = self._operand(step, v)
        at = self._coordinates(step, indices, shape)
        self._store(step, part, item, how, at, safe, look)
        if not safe:
            self._watch(step, len(self.steps[step].accesses) - 1, at)

    def _add_windows_at(self, k: int, out: int, windows: Added) -> None:
        """Add windows to the part of an array at a computed place."""
        x, indices, axes, shape = windows.base, windows.indices, windows.axes, windows.shape
        target = self._target(k, x)
        safe = self._is_safe(x, indices, axes)
        look = views.at(target, axes, (), safe, tuple([self.bounds.get(i) for i in indices]))
        for i in indices:
            self._out_of_the_way(i, look)
        sources, there = self._sources(windows)
        step = self._loop_for(shape, (), max(there, self._after(None, indices), self._conflict(look, shape, True) + 1))
        total = self._total(step, sources)
        at = self._coordinates(step, indices, shape)
        self._store(step, self._indexed(target, axes, ()), total, "add", at, safe, look)
        if not safe:
            self._watch(step, len(self.steps[step].accesses) - 1, at)
        self._views[out] = target

    # -- products -----------------------------------------------------------------------------------------------------

    def _dot(self, equation: Equation, contract: Any, batch: Any) -> None:
        (x, y), (out,) = equation.inputs, equation.outputs
        of = self.graph.avals[out]
        both = [self.view(x), self.view(y)]
        free = [
            tuple(a for a in range(len(v.shape)) if a not in contract[k] and a not in batch[k])
            for k, v in enumerate(both)
        ]
        terms = math.prod(both[0].shape[a] for a in contract[0])
        if 0 < terms <= SHORT and free[1] and both[1].shape[free[1][-1]] >= 4:
            self._short_dot(out, both, free, contract, batch)
            return
        if any(math.prod(v.shape[a] for a in axes) == 1 for v, axes in zip(both, free, strict=True)):
            self._vector_dot(out, both, free, contract, batch)
            return
        operands = [
            self._matrix(both[0], (batch[0], free[0], contract[0])),
            self._matrix(both[1], (batch[1], contract[1], free[1])),
        ]
        b, m, n = operands[0].shape[0], operands[0].shape[1], operands[1].shape[2]
        if b == 1 and (parts := in_parts(m, n, terms)) > 1:
            self._long_dot(out, operands, parts)
            return
        target = whole(Buffer(of.size, of.dtype), of.shape)
        self._multiply(operands[0], operands[1], View(target.buffer, 0, (m * n, n, 1), (b, m, n)))
        self._views[out] = target

    def _multiply(self, x: View, y: View, out: View) -> None:
        self.append(Product(x, y, out), [x.buffer, y.buffer], [out.buffer])

    def _long_dot(self, out: int, operands: list[View], parts: int) -> None:
        """Compute a small product with many terms as a sum of products, which threads share, and a rest."""
        of = self.graph.avals[out]
        (_, m, k), n = operands[0].shape, operands[1].shape[2]
        each, rest = divmod(k, parts)
        buffer = Buffer((parts + (rest > 0)) * of.size, of.dtype)
        for first, count, terms in ((0, parts, each), (parts, 1, rest)):
            if terms:
                x, y = (
                    View(
                        v.buffer,
                        v.offset + first * each * v.strides[axis],
                        (each * v.strides[axis], *v.strides[1:]),
                        (count, *((m, terms) if axis == 2 else (terms, n))),
                    )
                    for v, axis in zip(operands, (2, 1), strict=True)
                )
                self._multiply(x, y, View(buffer, first * of.size, (of.size, n, 1), (count, m, n)))
        step = self._loop_for(of.shape, (), self._written[buffer] + 1)
        total = -1
        for part in range(buffer.size // of.size):
            item = self._load(step, View(buffer, part * of.size, c_strides(of.shape), of.shape))
            total = item if total < 0 else self._item(step, Op("add", (total, item), (), (of.dtype,) * 2, of.dtype))
        self._home[out] = (step, total)

    def _vector_dot(self, out: int, both: list[View], free: list[Shape], contract: Any, batch: Any) -> None:
        """Compute a product with a vector as a sum over a loop: gemm would first copy the matrix into another order."""
        of = self.graph.avals[out]
        terms = tuple(both[0].shape[a] for a in contract[0])
        shape = (*of.shape, *terms)
        step = self._loop_for(shape, (), max(self._written.get(v.buffer, -1) for v in both) + 1)
        items = []
        for k, v in enumerate(both):
            moved = [[v.strides[a] for a in axes] for axes in (batch[k], free[k], contract[k])]
            still = [0] * len(free[1 - k])
            middle = [*moved[1], *still] if k == 0 else [*still, *moved[1]]
            items.append(self._load(step, View(v.buffer, v.offset, (*moved[0], *middle, *moved[2]), shape)))
        item = self._item(step, Op("mul", tuple(items), (), (of.dtype, of.dtype), of.dtype))
        buffer = Buffer(of.size, of.dtype)
        self.fills.append(Fill(buffer, 0))
        self._store(step, View(buffer, 0, (*c_strides(of.shape), *(0,) * len(terms)), shape), item, "add")
        self._views[out] = whole(buffer, of.shape)

    def _short_dot(self, out: int, both: list[View], free: list[Shape], contract: Any, batch: Any) -> None:
        """Compute a product with few terms entry by entry: the loop runs along the second factor's last free axis."""
        of = self.graph.avals[out]
        x, y = (views.transpose(both[k], (*batch[k], *contract[k], *free[k])) for k in (0, 1))
        nb, nc, nx = len(batch[0]), len(contract[0]), len(free[0])
        if y.strides[-1] != 1:
            fresh = whole(Buffer(math.prod(y.shape), y.dtype), y.shape)
            self.copy(y, fresh)
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
        fresh = Buffer(math.prod(turned.shape), view.dtype)
        nb, nr = len(groups[0]), len(groups[1])
        by_columns = *groups[0], *groups[2], *groups[1]
        if _run(views.transpose(view, by_columns)) > _run(turned):
            # gemm takes a matrix that is stored by columns as well, and what lies together is copied together
            whole_by_columns = whole(fresh, tuple(view.shape[a] for a in by_columns))
            order = *range(nb), *range(len(by_columns) - nr, len(by_columns)), *range(nb, len(by_columns) - nr)
            self.copy(turned, views.transpose(whole_by_columns, order))
            return View(fresh, 0, (math.prod(shape[1:]), 1, shape[1]), shape)
        self.copy(turned, whole(fresh, turned.shape))
        return View(fresh, 0, c_strides(shape), shape)

    # -- interpreted steps --------------------------------------------------------------------------------------------

    def _python(self, k: int, equation: Equation) -> None:
        record = equation.primitive
        avals = self.graph.avals
        params = dict(equation.params)
        inputs = [self.view(i) for i in equation.inputs]
        # The staged product of ``scale`` is for the interpreter, which runs again where it gave nan; here nobody does.
        if record.stage is not None and record.name != "scale":
            run = record.stage(*[avals[i] for i in equation.inputs], **params)
        else:
            run = partial(record.evaluate, **params) if params else record.evaluate
        buffers = [Buffer(avals[i].size, avals[i].dtype, "python") for i in equation.outputs]
        shapes = [avals[i].shape for i in equation.outputs]
        step = Python(run, inputs, buffers, shapes, record.multiple, k)
        if self.scope is not None:
            self.status_word()  # native code calls it: it says there whether it failed, and looks whether another did
        self.append(step, [v.buffer for v in inputs], buffers)
        for i, buffer in zip(equation.outputs, buffers, strict=True):
            self._views[i] = whole(buffer, avals[i].shape)


def _run(view: View) -> int:
    """Return how many entries at the end of a view's rows lie side by side."""
    run = 1
    for n, stride in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if n != 1 and stride != run:
            break
        run *= n
    return run
