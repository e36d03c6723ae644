"""ONNX forms of primitives that move, join, reduce and multiply arrays.

Shapes are fixed in a graph, so that positions can be constants: what has no operator of its own (strided writes,
windows, padding between entries) is a gather or a scatter at positions that NumPy has computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ...core.aval import Aval, aval
from ...core.primitive import PRIMITIVES
from .model import FORMS, Form, Value, Writer, form

_LOWEST: Final = -(2**63) + 1
"""For Slice: before the first entry; -1 would mean the last."""

Axes = tuple[int, ...]


# -- constants --------------------------------------------------------------------------------------------------------


def _filled(name: str) -> Form:
    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], **params: Any) -> Any:
        (of,) = outs
        value = PRIMITIVES[name].evaluate(*[np.zeros(x.aval.shape, x.aval.dtype) for x in inputs], **params)
        array = np.asarray(value, of.dtype)
        if array.size > 1 and np.all(array == array.flat[0]):
            one = w.constant(array.flat[0], of.dtype)
            return w.add("Expand", one, w.ints(*of.shape))
        return w.add("Identity", w.constant(array))

    return write


for _name in ("full", "room", "iota", "iota_like", "literal"):
    FORMS[_name] = _filled(_name)


# -- shapes -----------------------------------------------------------------------------------------------------------


def _reshape(w: Writer, x: str, shape: Sequence[int]) -> str:
    made: str = w.add("Reshape", x, w.ints(*shape), allowzero=1)
    return made


@form("reshape")
def _reshaped(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], shape: Axes) -> Any:
    return _reshape(w, inputs[0], shape)


@form("broadcast")
def _broadcast(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], shape: Axes, axes: Axes) -> Any:
    (x,) = inputs
    full = [1] * len(shape)
    for n, a in zip(x.aval.shape, axes, strict=True):
        full[a] = n
    return w.add("Expand", _reshape(w, x, full), w.ints(*shape))


@form("transpose")
def _transpose(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axes: Axes) -> Any:
    return w.add("Transpose", inputs[0], perm=axes) if axes else w.add("Identity", inputs[0])


@form("rev")
def _rev(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axes: Axes) -> Any:
    return reversed_along(w, inputs[0], axes)


def reversed_along(w: Writer, x: str, axes: Sequence[int]) -> str:
    """Return the entries in reverse order along some axes."""
    n = len(axes)
    made: str = w.add("Slice", x, w.ints(*[-1] * n), w.ints(*[_LOWEST] * n), w.ints(*axes), w.ints(*[-1] * n))
    return made


@form("concatenate")
def _concatenate(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axis: int) -> Any:
    return w.add("Concat", *inputs, axis=axis)


@form("pad")
def _pad(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], low: Axes, high: Axes, interior: Axes) -> Any:
    (x,) = inputs
    if any(interior):
        # Position 0 is a zero in front of all entries.
        positions = PRIMITIVES["pad"].evaluate(_numbered(x.aval.shape) + 1, low=low, high=high, interior=interior)
        zero = w.constant(np.zeros(1), x.aval.dtype)
        return _taken(w, w.add("Concat", zero, _reshape(w, x, (-1,)), axis=0), positions)
    return w.add("Pad", x, w.ints(*low, *high), w.constant(0, x.aval.dtype))


def _numbered(shape: Sequence[int]) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


def _taken(w: Writer, flat: str, positions: Any) -> str:
    made: str = w.add("Gather", flat, w.constant(positions, np.int64), axis=0)
    return made


@form("windows")
def _windows(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], **where: Any) -> Any:
    positions = PRIMITIVES["windows"].evaluate(_numbered(inputs[0].aval.shape), **where)
    return _taken(w, _reshape(w, inputs[0], (-1,)), positions)


# -- parts ------------------------------------------------------------------------------------------------------------


@form("slice")
def _slice(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], starts: Axes, stops: Axes, steps: Axes) -> Any:
    ends = [_LOWEST if stop < 0 else stop for stop in stops]
    axes = range(len(starts))
    if not starts:
        return w.add("Identity", inputs[0])
    return w.add("Slice", inputs[0], w.ints(*starts), w.ints(*ends), w.ints(*axes), w.ints(*steps))


def _slice_write(reduction: str) -> Form:
    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], **where: Any) -> Any:
        x, v = inputs
        positions = PRIMITIVES["slice"].evaluate(_numbered(x.aval.shape), **where).reshape(-1, 1)
        flat = w.add(
            "ScatterND",
            _reshape(w, x, (-1,)),
            w.constant(positions, np.int64),
            _reshape(w, v, (-1,)),
            reduction=reduction,
        )
        return _reshape(w, flat, x.aval.shape)

    return write


_set = _slice_write("none")
FORMS.update(slice_set=_set, slice_add=_slice_write("add"))


Spans = tuple[tuple[int, int, int], ...]


def _cut(w: Writer, x: Value, axes: Axes, window: Spans | None) -> tuple[Value, dict[str, Axes] | None]:
    """Return x with a window on the axes that are not indexed, and that window for all axes, as ``slice`` takes it."""
    if window is None:
        return x, None
    spans = iter(window)
    bounds = [(0, n, 1) if a in axes else next(spans) for a, n in enumerate(x.aval.shape)]
    starts, stops, steps = (tuple([bound[k] for bound in bounds]) for k in range(3))
    where = {"starts": starts, "stops": stops, "steps": steps}
    shape = tuple([len(range(*bound)) for bound in bounds])
    return Value(_slice(w, [x], (), **where), aval(shape, x.aval.dtype)), where


@form("gather")
def _gather(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axes: Axes, window: Spans | None = None) -> Any:
    x, *indices = inputs
    x, _ = _cut(w, x, axes, window)
    if len(axes) == 1 and (axes[0] == 0 or not indices[0].aval.shape):
        return w.add("Gather", x, indices[0], axis=axes[0])
    moved, _ = _moved(w, x, axes)
    return w.add("GatherND", moved, _joined(w, indices))


def _moved(w: Writer, x: Value, axes: Axes) -> tuple[str, list[int]]:
    """Return x with the indexed axes first, and the order that brings them back."""
    order = [*axes, *(a for a in range(x.aval.ndim) if a not in axes)]
    back = [order.index(a) for a in range(x.aval.ndim)]
    return (x if back == order == sorted(order) else w.add("Transpose", x, perm=order)), back


def _joined(w: Writer, indices: Sequence[Value]) -> str:
    """Return index arrays as one array with the axes of x as its last axis."""
    parts = [w.add("Unsqueeze", w.cast(i, np.int64), w.ints(-1)) for i in indices]
    made: str = parts[0] if len(parts) == 1 else w.add("Concat", *parts, axis=-1)
    return made


def _gather_write(reduction: str) -> Form:
    """Of repeated indices NumPy writes the last one; ONNX leaves open which."""

    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axes: Axes, window: Spans | None = None) -> Any:
        x, v, *indices = inputs
        part, where = _cut(w, x, axes, window)
        moved, back = _moved(w, part, axes)
        made = w.add("ScatterND", moved, _joined(w, indices), v, reduction=reduction)
        if back != sorted(back):
            made = w.add("Transpose", made, perm=back)
        return made if where is None else _set(w, [x, Value(made, part.aval)], outs, **where)

    return write


FORMS.update(gather_set=_gather_write("none"), gather_add=_gather_write("add"))


# -- reductions, orders -----------------------------------------------------------------------------------------------


def _reduction(kind: str) -> Form:
    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axes: Axes) -> Any:
        (x,) = inputs
        if not axes:
            return w.add("Identity", x)
        if x.aval.dtype.kind != "b":
            return w.add(kind, x, w.ints(*axes), keepdims=0)
        return w.cast(w.add(kind, w.cast(x, np.int32), w.ints(*axes), keepdims=0), np.bool_)

    return write


FORMS.update(
    reduce_sum=_reduction("ReduceSum"),
    reduce_prod=_reduction("ReduceProd"),
    reduce_max=_reduction("ReduceMax"),
    reduce_min=_reduction("ReduceMin"),
    reduce_any=_reduction("ReduceSum"),
    reduce_all=_reduction("ReduceMin"),
)


def _position(kind: str) -> Form:
    """NumPy finds the first nan where there is one."""

    def write(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axis: int) -> Any:
        (x,) = inputs
        found = w.add(kind, x, axis=axis, keepdims=0)
        if x.aval.dtype.kind != "f":
            return found
        nan = w.cast(w.add("IsNaN", x), np.int32)
        some = w.cast(w.add("ReduceMax", nan, w.ints(axis), keepdims=0), np.bool_)
        return w.add("Where", some, w.add("ArgMax", nan, axis=axis, keepdims=0), found)

    return write


FORMS.update(argmax=_position("ArgMax"), argmin=_position("ArgMin"))


@form("cumsum")
def _cumsum(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], axis: int, reverse: bool) -> Any:
    return w.add("CumSum", inputs[0], w.constant(axis, np.int64), reverse=int(reverse))


# -- products ---------------------------------------------------------------------------------------------------------


@form("dot")
def _dot(w: Writer, inputs: Sequence[Value], outs: Sequence[Aval], contract: Any, batch: Any) -> Any:
    """A matrix product of arrays with the axes (batch, free, summed) and (batch, summed, free)."""
    sides = []
    for k, x in enumerate(inputs):
        free = [a for a in range(x.aval.ndim) if a not in contract[k] and a not in batch[k]]
        order = [*batch[k], *((*free, *contract[k]) if k == 0 else (*contract[k], *free))]
        moved = x if order == sorted(order) else w.add("Transpose", x, perm=order)
        size = x.aval.shape
        sizes = [math.prod(size[a] for a in axes) for axes in (batch[k], free, contract[k])]
        if k == 1:
            sizes = [sizes[0], sizes[2], sizes[1]]
        if not batch[k]:
            sizes = sizes[1:]
        at_hand = len(order) == len(sizes) and (not batch[k] or len(batch[k]) == 1)
        sides.append(moved if at_hand else _reshape(w, moved, sizes))
    return _reshape(w, w.add("MatMul", *sides), outs[0].shape)


@form("conv")
def _conv(
    w: Writer,
    inputs: Sequence[Value],
    outs: Sequence[Aval],
    stride: Axes,
    low: Axes,
    high: Axes,
    dilation: Axes,
    input_dilation: Axes,
) -> Any:
    """The axis of groups, which comes first here, is a part of the channels in ONNX."""
    x, kernel = inputs
    d = len(stride)
    if 0 in (x.aval.size, kernel.aval.size, outs[0].size):  # runtimes refuse convolutions of nothing
        return w.add("Expand", w.constant(0, x.aval.dtype), w.ints(*outs[0].shape))
    if d == 0:
        return w.add("MatMul", x, w.add("Transpose", kernel, perm=(0, 2, 1)))
    groups, n, c, *space = x.aval.shape
    padded: str = x
    if set(input_dilation) != {1} or min(*low, *high) < 0:
        padded, space = _spread(w, x, low, high, input_dilation)
        low = high = (0,) * d
    order = (1, 0, *range(2, 3 + d))
    joined = _reshape(w, w.add("Transpose", padded, perm=order), (n, groups * c, *space))
    kernels = _reshape(w, kernel, (groups * kernel.aval.shape[1], c, *kernel.aval.shape[3:]))
    made = w.add("Conv", joined, kernels, strides=stride, pads=(*low, *high), dilations=dilation, group=groups)
    _, _, o, *places = outs[0].shape
    return w.add("Transpose", _reshape(w, made, (n, groups, o, *places)), perm=order)


def _spread(w: Writer, x: Value, low: Axes, high: Axes, apart: Axes) -> tuple[str, list[int]]:
    """Return x with zeros between and around the entries of its axes of space, which a negative width cuts off."""
    none, axes = (0, 0, 0), range(3, x.aval.ndim)
    padding = {
        "low": (*none, *(max(n, 0) for n in low)),
        "high": (*none, *(max(n, 0) for n in high)),
        "interior": (*none, *(step - 1 for step in apart)),
    }
    made = PRIMITIVES["pad"].infer(x.aval, **padding)
    starts = [max(-n, 0) for n in low]
    ends = [size - max(-n, 0) for size, n in zip(made.shape[3:], high, strict=True)]
    padded = w.add("Slice", _pad(w, [x], [made], **padding), w.ints(*starts), w.ints(*ends), w.ints(*axes))
    return padded, [max(0, b - a) for a, b in zip(starts, ends, strict=True)]
