"""Operations that move values and compute nothing: broadcast, reshape, transpose, concatenate, pad, reverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import Primitive, Sample, primitive
from ..errors import DtypeError, ShapeError, explain
from .family import full_like, is_linear, linear_jvp, with_batch

Axes = tuple[int, ...]


def _arange(*shape: int) -> Any:
    return np.arange(float(math.prod(shape))).reshape(shape) / 3 - 1


# -- broadcast: the dual of a sum -------------------------------------------------------------------------------------


def _broadcast_infer(x: Aval, shape: Axes, axes: Axes) -> Aval:
    if len(axes) != x.ndim or any(n not in (1, shape[a]) for n, a in zip(x.shape, axes, strict=True)):
        raise ShapeError(
            explain("broadcast stretches axes of size 1 and adds new ones.", found=f"{x!r} to {shape}, axes {axes}")
        )
    return aval(shape, x.dtype)


def _broadcast(x: Any, shape: Axes, axes: Axes) -> Any:
    full = [1] * len(shape)
    for n, a in zip(np.shape(x), axes, strict=True):
        full[a] = n
    return np.broadcast_to(np.reshape(x, full), shape)


def _broadcast_transpose(ct: Any, x: Any, shape: Axes, axes: Axes) -> Any:
    stretched = tuple(a for n, a in zip(x.shape, axes, strict=True) if n == 1 and shape[a] != 1)
    summed = tuple(a for a in range(len(shape)) if a not in axes or a in stretched)
    ct = ct.builder.apply_named("reduce_sum", ct, axes=summed) if summed else ct
    return (ct if ct.shape == x.shape else reshape(ct, shape=x.shape),)


def _broadcast_batch(size: int, args: Any, batched: Any, shape: Axes, axes: Axes) -> Any:
    return broadcast(args[0], shape=(size, *shape), axes=(0, *(a + 1 for a in axes)))


broadcast: Primitive = primitive(
    "broadcast",
    "x repeated along new axes and along axes of size 1",
    evaluate=_broadcast,
    infer=_broadcast_infer,
    jvp=linear_jvp(lambda: broadcast),
    transpose=_broadcast_transpose,
    batch=_broadcast_batch,
    view=True,
    samples=lambda: [
        Sample((np.asarray(1.5),), {"shape": (2, 3), "axes": ()}),
        Sample((_arange(3),), {"shape": (2, 3), "axes": (1,)}),
        Sample((_arange(2),), {"shape": (2, 3), "axes": (0,)}),
        Sample((_arange(1, 3),), {"shape": (4, 2, 3), "axes": (1, 2)}),
        Sample((_arange(1, 1),), {"shape": (2, 0), "axes": (0, 1)}),
    ],
    label="copy",
    explanation="copies its input; the gradients of all copies are summed",
)

# -- reshape and transpose --------------------------------------------------------------------------------------------


def _reshape_infer(x: Aval, shape: Axes) -> Aval:
    if math.prod(shape) != x.size:
        raise ShapeError(explain("reshape keeps the number of entries.", found=f"{x!r} to {shape}"))
    return aval(shape, x.dtype)


reshape: Primitive = primitive(
    "reshape",
    "the same entries in another shape",
    evaluate=lambda x, shape: np.reshape(x, shape),
    infer=_reshape_infer,
    jvp=linear_jvp(lambda: reshape),
    transpose=lambda ct, x, shape: (reshape(ct, shape=x.shape),),
    batch=lambda size, args, batched, shape: reshape(args[0], shape=(size, *shape)),
    view=True,
    label="gradient mover",
    explanation="hands the gradient back in its input's shape",
    samples=lambda: [
        Sample((_arange(2, 3),), {"shape": (3, 2)}),
        Sample((_arange(6),), {"shape": (1, 2, 3)}),
        Sample((_arange(1),), {"shape": ()}),
        Sample((np.empty((0, 3)),), {"shape": (3, 0)}),
    ],
)


def _transpose_transpose(ct: Any, x: Any, axes: Axes) -> Any:
    return (transpose(ct, axes=tuple(int(i) for i in np.argsort(axes))),)


transpose: Primitive = primitive(
    "transpose",
    "the axes in another order",
    evaluate=lambda x, axes: np.transpose(x, axes),
    infer=lambda x, axes: aval(tuple(x.shape[a] for a in axes), x.dtype),
    jvp=linear_jvp(lambda: transpose),
    transpose=_transpose_transpose,
    batch=lambda size, args, batched, axes: transpose(args[0], axes=(0, *(a + 1 for a in axes))),
    view=True,
    label="gradient mover",
    explanation="hands the gradient back with its axes in the old order",
    samples=lambda: [
        Sample((_arange(2, 3),), {"axes": (1, 0)}),
        Sample((_arange(2, 3, 4),), {"axes": (2, 0, 1)}),
        Sample((np.asarray(2.0),), {"axes": ()}),
    ],
)

# -- reverse ----------------------------------------------------------------------------------------------------------

rev: Primitive = primitive(
    "rev",
    "the entries in reverse order along some axes",
    evaluate=lambda x, axes: np.flip(x, axes),
    infer=lambda x, axes: aval(x.shape, x.dtype),
    jvp=linear_jvp(lambda: rev),
    transpose=lambda ct, x, axes: (rev(ct, axes=axes),),
    batch=lambda size, args, batched, axes: rev(args[0], axes=tuple(a + 1 for a in axes)),
    view=True,
    label="gradient mover",
    explanation="hands the gradient back with its entries turned round again",
    samples=lambda: [Sample((_arange(4),), {"axes": (0,)}), Sample((_arange(2, 3),), {"axes": (0, 1)})],
)

# -- concatenate ------------------------------------------------------------------------------------------------------


def _concatenate_infer(*xs: Aval, axis: int) -> Aval:
    first = xs[0]
    for x in xs:
        if x.ndim != first.ndim or x.shape[:axis] + x.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]:
            raise ShapeError(
                explain(
                    "Concatenated arrays agree in all axes but the one joined.",
                    found=f"{', '.join(map(repr, xs))} along axis {axis}",
                    fix="reshape or broadcast them first; np.stack joins along a new axis",
                )
            )
        if x.dtype != first.dtype:
            raise DtypeError(explain("A concatenate equation has one dtype.", found=", ".join(map(repr, xs))))
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return aval(tuple(shape), first.dtype)


def _concatenate_jvp(primals: Any, tangents: Any, out: Any, axis: int) -> Any:
    if all(t is None for t in tangents):
        return None
    return concatenate(
        *[full_like(x, 0) if t is None else t for x, t in zip(primals, tangents, strict=True)], axis=axis
    )


def _concatenate_transpose(ct: Any, *xs: Any, axis: int) -> Any:
    parts, start = [], 0
    for x in xs:
        stop = start + x.shape[axis]
        if is_linear(x):
            starts = tuple(start if a == axis else 0 for a in range(ct.ndim))
            stops = tuple(stop if a == axis else n for a, n in enumerate(ct.shape))
            parts.append(ct.builder.apply_named("slice", ct, starts=starts, stops=stops, steps=(1,) * ct.ndim))
        else:
            parts.append(None)
        start = stop
    return tuple(parts)


def _concatenate_batch(size: int, args: Sequence[Any], batched: Any, axis: int) -> Any:
    return concatenate(*[with_batch(size, x, b) for x, b in zip(args, batched, strict=True)], axis=axis + 1)


concatenate: Primitive = primitive(
    "concatenate",
    "arrays joined along an axis",
    evaluate=lambda *xs, axis: np.concatenate(xs, axis),
    infer=_concatenate_infer,
    jvp=_concatenate_jvp,
    transpose=_concatenate_transpose,
    batch=_concatenate_batch,
    samples=lambda: [
        Sample((_arange(2), _arange(3)), {"axis": 0}),
        Sample((_arange(2, 3), _arange(2, 1), _arange(2, 0)), {"axis": 1}),
    ],
    label="gradient distributor",
    explanation="hands each input its own part of the incoming gradient",
)

# -- pad --------------------------------------------------------------------------------------------------------------


def _pad_infer(x: Aval, low: Axes, high: Axes, interior: Axes) -> Aval:
    if any(n < 0 for n in (*low, *high, *interior)) or not len(low) == len(high) == len(interior) == x.ndim:
        raise ShapeError(explain("pad takes widths that are not negative.", found=f"{x!r}, {low}, {high}, {interior}"))
    sizes = (
        lo + n + max(n - 1, 0) * between + hi for lo, n, hi, between in zip(low, x.shape, high, interior, strict=True)
    )
    return aval(tuple(sizes), x.dtype)


def _pad(x: Any, low: Axes, high: Axes, interior: Axes) -> Any:
    x = np.asarray(x)
    shape = _pad_infer(aval(x.shape, x.dtype), low, high, interior).shape
    out = np.zeros(shape, x.dtype)
    out[_inside(x.shape, low, interior)] = x
    return out


def _inside(shape: Axes, low: Axes, interior: Axes) -> tuple[slice, ...]:
    return tuple(
        slice(lo, lo + max(n - 1, 0) * (between + 1) + (n > 0), between + 1)
        for lo, n, between in zip(low, shape, interior, strict=True)
    )


def _pad_transpose(ct: Any, x: Any, low: Axes, high: Axes, interior: Axes) -> Any:
    inside = _inside(x.shape, low, interior)
    starts = tuple(s.start for s in inside)
    stops = tuple(s.stop for s in inside)
    steps = tuple(s.step for s in inside)
    return (ct.builder.apply_named("slice", ct, starts=starts, stops=stops, steps=steps),)


pad: Primitive = primitive(
    "pad",
    "x with zeros around it and between its entries",
    evaluate=_pad,
    infer=_pad_infer,
    jvp=linear_jvp(lambda: pad),
    transpose=_pad_transpose,
    batch=lambda size, args, batched, low, high, interior: pad(
        args[0], low=(0, *low), high=(0, *high), interior=(0, *interior)
    ),
    label="gradient router",
    explanation="hands back the gradient of the entries that it moved; that of the zeros is dropped",
    samples=lambda: [
        Sample((_arange(3),), {"low": (1,), "high": (2,), "interior": (0,)}),
        Sample((_arange(3, 2),), {"low": (1, 0), "high": (0, 1), "interior": (1, 2)}),
        Sample((np.empty((0,)),), {"low": (1,), "high": (1,), "interior": (1,)}),
    ],
)
