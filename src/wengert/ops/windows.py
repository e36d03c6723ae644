"""Windows: all stretches of an array that a sliding window sees, and the dual, which adds them back up.

Pooling is made of these: the largest or the mean over the window's axes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import Primitive, Sample, primitive
from ..errors import ShapeError, explain
from .convolution import places, spread_size
from .family import linear_jvp

Sizes = tuple[int, ...]


def _space(x: Aval, axes: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Return the shape of x with the numbers of places instead of the windowed axes."""
    if not len(axes) == len(window) == len(stride) == len(dilation) or len(set(axes)) != len(axes):
        raise ShapeError(
            explain("windows takes a size, a stride and a dilation for each axis.", found=f"{x!r}, {axes}, {window}")
        )
    shape = list(x.shape)
    for a, k, step, apart in zip(axes, window, stride, dilation, strict=True):
        shape[a] = places(x.shape[a], spread_size(k, apart), step)
    return tuple(shape)


def _infer(x: Aval, axes: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Aval:
    return aval((*window, *_space(x, axes, window, stride, dilation)), x.dtype)


def _slices(shape: Sizes, out: Sizes, axes: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[Any]:
    """Yield for each position in the window (index into the window, the strided part of x that stands there)."""
    if 0 in out:
        return
    for at in itertools.product(*map(range, window)):
        part = [slice(None)] * len(shape)
        for a, k, step, apart in zip(axes, at, stride, dilation, strict=True):
            start = k * apart
            part[a] = slice(start, start + spread_size(out[a], step), step)
        yield at, tuple(part)


def _windows(x: Any, axes: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """Copy part by part: unlike a strided view, the result is fast to compute with along its long axes."""
    x = np.asarray(x)
    space = _space(aval(x.shape, x.dtype), axes, window, stride, dilation)
    out = np.empty((*window, *space), x.dtype)
    for at, part in _slices(x.shape, space, axes, window, stride, dilation):
        out[at] = x[part]
    return out


def _batch(size: int, args: Any, batched: Any, axes: Sizes, **how: Any) -> Any:
    out = windows(args[0], axes=tuple(a + 1 for a in axes), **how)
    k = len(axes)
    return out.builder.apply_named("transpose", out, axes=(k, *range(k), *range(k + 1, out.ndim)))


def _sample(
    shape: Sizes, axes: Sizes, window: Sizes, stride: Sizes = (), dilation: Sizes = (), dtype: Any = float
) -> Sample:
    x = np.random.default_rng(13).normal(size=shape).astype(dtype)
    ones = (1,) * len(axes)
    return Sample((x,), {"axes": axes, "window": window, "stride": stride or ones, "dilation": dilation or ones})


def _samples() -> list[Sample]:
    return [
        _sample((6,), (0,), (3,)),
        _sample((6,), (0,), (2,), (2,), dtype=np.float32),
        _sample((2, 7), (1,), (3,), (2,), (2,)),
        _sample((2, 5, 4), (1, 2), (3, 2), (2, 1)),
        _sample((4, 2), (0,), (2,), (3,)),
        _sample((3, 2), (), ()),
        _sample((2,), (0,), (3,)),
        _sample((0, 4), (1,), (2,)),
    ]


windows: Primitive = primitive(
    "windows",
    "the entries under a sliding window; axes of the result: the window's, then x's with places instead of entries",
    evaluate=_windows,
    infer=_infer,
    jvp=linear_jvp(lambda: windows),
    transpose=lambda ct, x, **how: (fold(ct, shape=x.shape, **how),),
    batch=_batch,
    samples=_samples,
    label="copy",
    explanation="copies each entry into all windows that see it; the gradients of the copies are summed",
)


# -- the dual ---------------------------------------------------------------------------------------------------------


def _fold_infer(v: Aval, shape: Sizes, **how: Any) -> Aval:
    wanted = _infer(aval(shape, v.dtype), **how)
    if v.shape != wanted.shape:
        raise ShapeError(
            explain("fold takes what windows makes of an array of the given shape.", found=f"{v!r}, not {wanted!r}")
        )
    return aval(shape, v.dtype)


def _fold(v: Any, shape: Sizes, axes: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    v = np.asarray(v)
    out = np.zeros(shape, v.dtype)
    for at, part in _slices(shape, v.shape[len(window) :], axes, window, stride, dilation):
        out[part] += v[at]
    return out


def _fold_batch(size: int, args: Any, batched: Any, shape: Sizes, axes: Sizes, **how: Any) -> Any:
    v = args[0]
    k = len(axes)
    v = v.builder.apply_named("transpose", v, axes=(*range(1, k + 1), 0, *range(k + 1, v.ndim)))
    return fold(v, shape=(size, *shape), axes=tuple(a + 1 for a in axes), **how)


def _fold_samples() -> list[Sample]:
    made = []
    for sample in _samples():
        (x,) = sample.args
        v = np.random.default_rng(14).normal(size=_windows(x, **sample.params).shape).astype(x.dtype)
        made.append(Sample((v,), {"shape": x.shape, **sample.params}))
    return made


fold: Primitive = primitive(
    "fold",
    "windows added up where they came from",
    evaluate=_fold,
    infer=_fold_infer,
    jvp=linear_jvp(lambda: fold),
    transpose=lambda ct, v, shape, **how: (windows(ct, **how),),
    batch=_fold_batch,
    samples=_fold_samples,
    flops=lambda v, **_: v.size,
    label="gradient distributor",
    explanation="hands to each window the gradient of the entries that it was added to",
)
