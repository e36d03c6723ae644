"""Convolution: a kernel slides over its input, and at every place the products are summed.

One primitive is enough for the operation, both its derivatives and all of theirs.  What usually goes under other names
is a choice of its parameters: the derivative by the input ("transposed convolution") spreads the incoming gradient
apart by the stride and slides the mirrored kernel over it; the derivative by the kernel slides the incoming gradient,
as a kernel, over the input.  This closure needs an axis of its own for groups (G), which plays the part that the batch
axis plays in a matrix product:

    x (G, N, C, *space)    kernel (G, O, C, *window)    ->    (G, N, O, *places)

As everywhere in deep learning the kernel is not mirrored: in signal processing this is a cross-correlation.

References
----------
V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285 (sizes, and the
transposed convolution); K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for
document processing", 2006 (windows laid out as a matrix, so that a matrix product does the work).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.aval import Aval, aval
from ..core.primitive import Sample, primitive
from ..errors import DtypeError, ShapeError, explain
from .family import is_linear, total

Sizes = tuple[int, ...]
_BLOCK: Final = 1 << 25
"""Bytes of windows laid out at a time."""


def spread_size(n: int, step: int) -> int:
    """Return the length of n entries that stand ``step`` apart."""
    return (n - 1) * step + 1 if n else 0


def places(n: int, window: int, stride: int) -> int:
    """Return in how many places a window fits into a length."""
    return max(0, (n - window) // stride + 1)


def _lengths(
    x: Aval, w: Aval, low: Sizes, high: Sizes, dilation: Sizes, input_dilation: Sizes
) -> list[tuple[int, int]]:
    """Return for each axis of space the length of the padded input and of the dilated kernel."""
    return [
        (lo + spread_size(n, between) + hi, spread_size(k, apart))
        for n, k, lo, hi, apart, between in zip(
            x.shape[3:], w.shape[3:], low, high, dilation, input_dilation, strict=True
        )
    ]


def _infer(x: Aval, w: Aval, stride: Sizes, low: Sizes, high: Sizes, dilation: Sizes, input_dilation: Sizes) -> Aval:
    if x.ndim != w.ndim or x.ndim < 3 or x.shape[0] != w.shape[0] or x.shape[2] != w.shape[2]:
        raise ShapeError(
            explain(
                "A convolution takes x (groups, batch, channels, *space), kernel (groups, outputs, channels, *window).",
                found=f"{x!r} and {w!r}",
            )
        )
    if x.dtype != w.dtype:
        raise DtypeError(explain("A convolution has operands of one dtype.", found=f"{x!r}, {w!r}"))
    sizes = _lengths(x, w, low, high, dilation, input_dilation)
    space = [places(n, k, step) for (n, k), step in zip(sizes, stride, strict=True)]
    return aval((x.shape[0], x.shape[1], w.shape[1], *space), x.dtype)


# -- evaluation -------------------------------------------------------------------------------------------------------


def _stage(
    x: Aval, w: Aval, stride: Sizes, low: Sizes, high: Sizes, dilation: Sizes, input_dilation: Sizes
) -> Callable[[Any, Any], Any]:
    """Choose once how NumPy computes this convolution: windows laid out as a matrix, and one product."""
    out = _infer(x, w, stride, low, high, dilation, input_dilation)
    if 0 in (x.size, w.size, out.size):
        return lambda x, w: np.zeros(out.shape, out.dtype)
    d = x.ndim - 3
    padded = _padding(x, low, high, input_dilation)
    reach = tuple(spread_size(k, apart) for k, apart in zip(w.shape[3:], dilation, strict=True))
    axes = tuple(range(3, 3 + d))
    steps = (*(slice(None),) * 3, *(slice(None, None, s) for s in stride), *(slice(None, None, a) for a in dilation))
    groups, n, c = x.shape[:3]
    o, space = w.shape[1], out.shape[3:]
    area, window = math.prod(space), math.prod(w.shape[3:])
    places_axes, window_axes = tuple(range(3, 3 + d)), tuple(range(3 + d, 3 + 2 * d))
    if groups == n == c == o == d == 1 and stride == dilation == (1,):
        return lambda x, w: np.correlate(padded(x)[0, 0, 0], np.conj(w[0, 0, 0]), "valid").reshape(out.shape)

    # Both layouts copy the windows.  The copy is fast where long runs stay together: those of the places for a small
    # kernel, and those of the window for the derivative by the kernel, whose "kernel" is as large as an image.
    if window <= area:
        order = (0, 1, 2, *window_axes, *places_axes)

        def product(windows: Any, kernel: Any) -> Any:
            here = windows.shape[3 : 3 + d]
            columns = windows.transpose(order).reshape(groups, -1, c * window, math.prod(here))
            return np.matmul(kernel.reshape(groups, 1, o, c * window), columns).reshape(groups, -1, o, *here)
    else:
        order = (0, 1, *places_axes, 2, *window_axes)
        back = (0, 1, 2 + d, *range(2, 2 + d))

        def product(windows: Any, kernel: Any) -> Any:
            rows = windows.transpose(order).reshape(groups, -1, c * window)
            made = np.matmul(rows, kernel.reshape(groups, o, c * window).swapaxes(1, 2))
            return made.reshape(groups, -1, *windows.shape[3 : 3 + d], o).transpose(back)

    # The windows hold each entry many times over, so they are laid out a block at a time: some entries of axis N, or,
    # where the windows of one entry are too many, a part of its places.
    one = groups * c * window * area * x.dtype.itemsize
    entries, lines = max(1, _BLOCK // one), space[0] if d else 1
    part = lines if one <= _BLOCK else max(1, lines * _BLOCK // one)

    def convolve(x: Any, w: Any) -> Any:
        windows = sliding_window_view(padded(x), reach, axes)[steps]
        if n <= entries and part == lines:
            return product(windows, w)
        result = np.empty(out.shape, out.dtype)
        for k, r in itertools.product(range(0, n, entries), range(0, lines, part)):
            where = (slice(None), slice(k, k + entries), slice(None), slice(r, r + part))[: 3 + min(d, 1)]
            result[where] = product(windows[where], w)
        return result

    return convolve


def _padding(x: Aval, low: Sizes, high: Sizes, input_dilation: Sizes) -> Callable[[Any], Any]:
    """Return what puts zeros around and between the entries (a negative width leaves entries out)."""
    if not any(low) and not any(high) and all(between == 1 for between in input_dilation):
        return lambda x: x
    shape = list(x.shape[:3])
    source: list[slice] = [slice(None)] * 3
    target: list[slice] = [slice(None)] * 3
    for n, lo, hi, between in zip(x.shape[3:], low, high, input_dilation, strict=True):
        length = max(0, lo + spread_size(n, between) + hi)
        first = max(0, -(lo // between))  # the first entry that stands at or behind the start
        count = max(0, min(n, (length - 1 - lo) // between + 1) - first)
        start = lo + first * between
        shape.append(length)
        source.append(slice(first, first + count))
        target.append(slice(start, start + spread_size(count, between), between))

    def pad(x: Any) -> Any:
        out = np.zeros(shape, x.dtype)
        out[tuple(target)] = x[tuple(source)]
        return out

    return pad


def _evaluate(x: Any, w: Any, **how: Any) -> Any:
    x, w = np.asarray(x), np.asarray(w)
    return _stage(aval(x.shape, x.dtype), aval(w.shape, w.dtype), **how)(x, w)


# -- derivatives ------------------------------------------------------------------------------------------------------


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **how: Any) -> Any:
    (x, w), (tx, tw) = primals, tangents
    return total([None if tx is None else conv(tx, w, **how), None if tw is None else conv(x, tw, **how)])


def _swap(x: Any) -> Any:
    """Exchange axes 1 and 2: what was summed over becomes an output, and the other way round."""
    return x.builder.apply_named("transpose", x, axes=(0, 2, 1, *range(3, x.ndim)))


def _transpose(
    ct: Any, x: Any, w: Any, stride: Sizes, low: Sizes, high: Sizes, dilation: Sizes, input_dilation: Sizes
) -> Any:
    """Output r reads entry j through weight k where  r stride + k dilation = low + j input_dilation.

    Solving for j, or for k, instead of r gives a relation of the same form, so each transpose is again a convolution.
    """
    reach = [spread_size(k, apart) for k, apart in zip(w.shape[3:], dilation, strict=True)]
    length = [spread_size(n, between) for n, between in zip(x.shape[3:], input_dilation, strict=True)]
    made = [spread_size(r, step) for r, step in zip(ct.shape[3:], stride, strict=True)]
    if is_linear(x):
        before = tuple(k - 1 - lo for k, lo in zip(reach, low, strict=True))
        after = tuple(n + k - 1 - r - b for n, k, r, b in zip(length, reach, made, before, strict=True))
        mirrored = w.builder.apply_named("rev", w, axes=tuple(range(3, w.ndim)))
        into_x = conv(
            ct, _swap(mirrored), stride=input_dilation, low=before, high=after, dilation=dilation, input_dilation=stride
        )
        return (into_x, None)
    after = tuple(r + k - 1 - n - lo for n, k, r, lo in zip(length, reach, made, low, strict=True))
    into_w = conv(
        _swap(x), _swap(ct), stride=dilation, low=low, high=after, dilation=stride, input_dilation=input_dilation
    )
    return (None, _swap(into_w))


def _batch(size: int, args: Any, batched: Any, **how: Any) -> Any:
    x, w = args
    if all(batched):  # each batch entry has a kernel of its own, as each group has
        groups = x.shape[1]
        out = conv(_reshape(x, (size * groups, *x.shape[2:])), _reshape(w, (size * groups, *w.shape[2:])), **how)
        return _reshape(out, (size, groups, *out.shape[1:]))
    if batched[0]:  # one kernel for all: more entries of axis N
        rows = _move(x, (1, 0, *range(2, x.ndim)))
        out = conv(_reshape(rows, (rows.shape[0], size * rows.shape[2], *rows.shape[3:])), w, **how)
        out = _reshape(out, (out.shape[0], size, rows.shape[2], *out.shape[2:]))
        return _move(out, (1, 0, *range(2, out.ndim)))
    # one input for all kernels: more outputs
    kernels = _move(w, (1, 0, *range(2, w.ndim)))
    out = conv(x, _reshape(kernels, (kernels.shape[0], size * kernels.shape[2], *kernels.shape[3:])), **how)
    out = _reshape(out, (*out.shape[:2], size, kernels.shape[2], *out.shape[3:]))
    return _move(out, (2, 0, 1, *range(3, out.ndim)))


def _reshape(x: Any, shape: Sizes) -> Any:
    return x.builder.apply_named("reshape", x, shape=shape)


def _move(x: Any, axes: Sizes) -> Any:
    return x.builder.apply_named("transpose", x, axes=axes)


# -- the record -------------------------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    rng = np.random.default_rng(12)

    def sample(
        x: Sizes,
        w: Sizes,
        stride: Any = 1,
        low: Any = 0,
        high: Any = 0,
        dilation: Any = 1,
        spread: Any = 1,
        dtype: Any = float,
    ) -> Sample:
        d = len(x) - 3
        how = {"stride": stride, "low": low, "high": high, "dilation": dilation, "input_dilation": spread}
        params = {k: (v,) * d if isinstance(v, int) else v for k, v in how.items()}
        return Sample((rng.normal(size=x).astype(dtype), rng.normal(size=w).astype(dtype)), params)

    return [
        sample((1, 2, 3, 7), (1, 4, 3, 3)),
        sample((1, 2, 1, 7), (1, 1, 1, 3), dtype=np.float32),
        sample((1, 2, 2, 7), (1, 3, 2, 3), stride=2, low=1, high=1),
        sample((1, 1, 2, 8), (1, 3, 2, 3), stride=3, low=1, high=2, dilation=2),  # the last entry is not read
        sample((1, 1, 2, 4), (1, 3, 2, 3), low=2, high=3, spread=3),
        sample((1, 1, 2, 6), (1, 2, 2, 3), low=-1, high=-2, spread=2),  # cropped
        sample((2, 1, 2, 6), (2, 3, 2, 2)),  # groups
        sample((1, 2, 2, 5, 4), (1, 3, 2, 3, 2), stride=(2, 1), low=(1, 0), high=(0, 1), dilation=(1, 2)),
        sample((1, 2, 2, 3, 4), (1, 3, 2, 3, 4)),  # one place: a matrix product
        sample((1, 1, 1, 3, 3, 3), (1, 2, 1, 2, 2, 2)),
        sample((1, 2, 3), (1, 4, 3)),  # no axes of space
        sample((1, 2, 2, 2), (1, 3, 2, 3)),  # no place
        sample((1, 0, 2, 4), (1, 3, 2, 3)),
        sample((1, 2, 0, 4), (1, 3, 0, 3)),
        Sample(
            (np.ones((1, 1, 1, 4)) * (1 + 2j), np.ones((1, 1, 1, 2)) * 1j), sample((1, 1, 1, 4), (1, 1, 1, 2)).params
        ),
    ]


conv = primitive(
    "conv",
    "the sum of products of a kernel and the window of x under it, for each place of the window",
    evaluate=_evaluate,
    infer=_infer,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    samples=_samples,
    stage=_stage,
    flops=lambda x, w, **how: 2 * _infer(x, w, **how).size * math.prod(w.shape[2:]),
    label="gradient switcher",
    explanation="hands to its input the incoming gradient convolved with the mirrored kernel, and to its kernel the "
    "sum of all windows, each weighted with the gradient of its place",
)
