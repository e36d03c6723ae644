"""Convolution and pooling as functions, for any number of axes of space, channels first: (batch, channels, *space)."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.source import user_line
from ..errors import ArgumentError, ShapeError, explain
from ..ops.convolution import conv as conv_primitive
from ..ops.convolution import spread_size
from ..ops.windows import windows as windows_primitive
from ..trace.functions.common import together
from ..trace.tracer import is_traced

Sizes = tuple[int, ...]
Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]


def conv(
    x: Any,
    kernel: Any,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """Slide a kernel over an input and sum the products at each place (a cross-correlation).

    Parameters
    ----------
    x : array of shape (batch, channels, *space)
    kernel : array of shape (outputs, channels / groups, *window)
    stride : int or one per axis
        Steps between places.
    padding : int, "valid", "same", one per axis, or one (before, after) per axis
        Zeros around the input.  "same" makes ceil(n / stride) places of n entries, with the odd zero at the end.
    dilation : int or one per axis
        Steps between the entries of the kernel.
    groups : int
        Parts that channels and outputs are cut into; each output sees the channels of its part only.

    Returns
    -------
    array of shape (batch, outputs, *places)
        With floor((n + before + after - dilation (window - 1) - 1) / stride) + 1 places along each axis.

    Raises
    ------
    ShapeError
        If the shapes do not fit together or the kernel is larger than the padded input.
    ArgumentError
        For strides, dilations or paddings that are not such numbers.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285.

    Examples
    --------
    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> conv(x, np.array([[[-1.0, 1.0]]]))
    array([[[1., 1., 1., 1.]]])
    >>> conv(x, np.ones((1, 1, 3)), stride=2, padding=1)
    array([[[1., 6., 7.]]])
    """
    shape, window = np.shape(x), np.shape(kernel)
    _check_conv(shape, window, groups, window[0] if window else 0, window[1] * groups if len(window) > 1 else 0)
    d = len(shape) - 2
    steps, apart = per_axis(stride, d, "stride", 1), per_axis(dilation, d, "dilation", 1)
    reach = tuple(spread_size(k, a) for k, a in zip(window[2:], apart, strict=True))
    low, high = paddings(padding, shape[2:], reach, steps)
    check_fit(shape[2:], reach, low, high)
    x, kernel = _one_dtype(x, kernel)
    if groups == 1:
        grouped, kernels = x[None], kernel[None]
    else:
        grouped = np.swapaxes(np.reshape(x, (shape[0], groups, shape[1] // groups, *shape[2:])), 0, 1)
        kernels = np.reshape(kernel, (groups, window[0] // groups, *window[1:]))
    out = conv_primitive(
        *_symbols(grouped, kernels), stride=steps, low=low, high=high, dilation=apart, input_dilation=(1,) * d
    )
    return out[0] if groups == 1 else np.reshape(np.swapaxes(out, 0, 1), (shape[0], window[0], *out.shape[3:]))


def conv_transpose(
    x: Any,
    kernel: Any,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Sequence[tuple[int, int]] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Any:
    """Return what the derivative of :func:`conv` by its input does: it makes an image larger instead of smaller.

    Parameters
    ----------
    x : array of shape (batch, channels, *places)
    kernel : array of shape (channels, outputs, *window)
        The kernel of the convolution from ``outputs`` to ``channels`` that this is the transpose of.
    stride, padding, dilation
        Of that convolution.
    output_padding : int or one per axis
        Entries at the end that that convolution did not read; fewer than the stride.

    Returns
    -------
    array of shape (batch, outputs, *space)
        With (n - 1) stride - before - after + dilation (window - 1) + 1 + output_padding entries along each axis.

    Raises
    ------
    ShapeError, ArgumentError
        As for :func:`conv`.

    Examples
    --------
    >>> conv_transpose(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 100.0]]]), stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    shape, window = np.shape(x), np.shape(kernel)
    _check_conv(shape, window, 1, window[1] if len(window) > 1 else 0, window[0] if window else 0)
    d = len(shape) - 2
    steps, apart = per_axis(stride, d, "stride", 1), per_axis(dilation, d, "dilation", 1)
    reach = tuple(spread_size(k, a) for k, a in zip(window[2:], apart, strict=True))
    before, after = paddings(padding, shape[2:], reach, steps)
    more = per_axis(output_padding, d, "output_padding", 0)
    low = tuple(k - 1 - p for k, p in zip(reach, before, strict=True))
    high = tuple(k - 1 - p + m for k, p, m in zip(reach, after, more, strict=True))
    x, kernel = _one_dtype(x, kernel)
    mirrored = np.swapaxes(kernel, 0, 1)[(slice(None), slice(None), *(slice(None, None, -1),) * d)]
    out = conv_primitive(
        *_symbols(x[None], mirrored[None]), stride=(1,) * d, low=low, high=high, dilation=apart, input_dilation=steps
    )
    return out[0]


def max_pool(x: Any, window: int | Sequence[int], *, stride: Any = None, padding: Padding = 0) -> Any:
    """Return the largest entry of each window.

    Parameters
    ----------
    x : array of shape (batch, channels, *space)
    window : int or one per axis of space
    stride : int or one per axis, optional
        Default: the window, so that windows lie side by side.
    padding : as for :func:`conv`
        Entries around the input that never win.

    Returns
    -------
    array of shape (batch, channels, *places)
        Its gradient goes to the entry that won; ties split it evenly.

    Raises
    ------
    ShapeError, ArgumentError
        As for :func:`conv`.

    Examples
    --------
    >>> max_pool(np.array([[[1.0, 5.0, 2.0, 3.0]]]), 2)
    array([[[5., 3.]]])
    """
    sizes, steps, low, high = _pooling(x, window, stride, padding)
    if any(low) or any(high):
        if any(p >= k for k, *around in zip(sizes, low, high, strict=True) for p in around):
            raise ShapeError(
                explain(
                    "The padding of max_pool is smaller than its window: each window holds an entry of the input.",
                    found=f"window {sizes}, padding {tuple(zip(low, high, strict=True))}",
                    line=user_line(),
                )
            )
        x = _padded(x, low, high, _lowest(x))
    return np.max(_windows(x, sizes, steps), axis=tuple(range(len(sizes))))


def avg_pool(
    x: Any, window: int | Sequence[int], *, stride: Any = None, padding: Padding = 0, count_padding: bool = True
) -> Any:
    """Return the mean of each window.

    Parameters
    ----------
    x, window, stride, padding
        As for :func:`max_pool`; the padding is zeros.
    count_padding : bool
        Whether the zeros of the padding count as entries of the mean.

    Returns
    -------
    array of shape (batch, channels, *places)

    Raises
    ------
    ShapeError, ArgumentError
        As for :func:`conv`.

    Examples
    --------
    >>> avg_pool(np.array([[[1.0, 5.0, 2.0, 4.0]]]), 2)
    array([[[3., 3.]]])
    >>> avg_pool(np.array([[[1.0, 5.0]]]), 2, padding=1, count_padding=False)
    array([[[1., 5.]]])
    """
    sizes, steps, low, high = _pooling(x, window, stride, padding)
    padded = _padded(x, low, high, 0) if any(low) or any(high) else x
    sums = np.sum(_windows(padded, sizes, steps), axis=tuple(range(len(sizes))))
    if count_padding or padded is x:
        return sums / float(np.prod(sizes))
    ones = np.ones((1, 1, *np.shape(x)[2:]), sums.dtype)
    return sums / np.sum(_windows(_padded(ones, low, high, 0), sizes, steps), axis=tuple(range(len(sizes))))


# -- arguments --------------------------------------------------------------------------------------------------------


def per_axis(value: Any, d: int, what: str, least: int) -> Sizes:
    """Return one whole number for each axis of space."""
    try:
        values = tuple(map(operator.index, value)) if isinstance(value, (tuple, list)) else (operator.index(value),) * d
    except TypeError:
        values = ()
    if len(values) != d or any(v < least for v in values):
        raise ArgumentError(
            explain(
                f"{what} is a whole number not below {least}, or one for each axis of space.",
                found=f"{what}={value!r} for {d} axes",
                line=user_line(),
            )
        )
    return values


def paddings(padding: Any, space: Sizes, reach: Sizes, stride: Sizes) -> tuple[Sizes, Sizes]:
    """Return the widths before and after each axis of space."""
    d = len(space)
    if padding == "valid":
        return (0,) * d, (0,) * d
    if padding == "same":
        widths = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(space, reach, stride, strict=True)]
        return tuple(w // 2 for w in widths), tuple(w - w // 2 for w in widths)
    if isinstance(padding, (tuple, list)) and padding and all(isinstance(p, (tuple, list)) for p in padding):
        if all(len(p) == 2 for p in padding):
            low, high = (per_axis(side, d, "padding", 0) for side in zip(*padding, strict=True))
            return low, high
    elif not isinstance(padding, str):
        low = per_axis(padding, d, "padding", 0)
        return low, low
    raise ArgumentError(
        explain(
            'padding is a whole number, "same", "valid", one number for each axis, or (before, after) for each axis.',
            found=f"padding={padding!r}",
            line=user_line(),
        )
    )


def check_fit(space: Sizes, reach: Sizes, low: Sizes, high: Sizes) -> None:
    """Refuse a window that is larger than what it slides over."""
    if any(n + lo + hi < k for n, k, lo, hi in zip(space, reach, low, high, strict=True)):
        raise ShapeError(
            explain(
                "A window is not larger than the padded input.",
                found=f"input {space}, padding {low} and {high}, window {reach} (with dilation)",
                line=user_line(),
                fix="make the window smaller or pad the input",
            )
        )


def _check_conv(shape: Sizes, window: Sizes, groups: int, outputs: int, channels: int) -> None:
    fits = len(shape) == len(window) >= 3 and groups >= 1 and shape[1] == channels and outputs % groups == 0
    if not fits:
        raise ShapeError(
            explain(
                "A convolution takes x (batch, channels, *space) and a kernel (outputs, channels / groups, *window).",
                found=f"x {shape}, kernel {window}, groups={groups}",
                line=user_line(),
                fix="x[:, None] adds an axis of one channel; channels-last images need np.moveaxis(x, -1, 1); "
                "conv_transpose takes (channels, outputs, *window)",
            )
        )


def _pooling(x: Any, window: Any, stride: Any, padding: Any) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    shape = np.shape(x)
    if len(shape) < 3:
        raise ShapeError(
            explain(
                "Pooling takes x (batch, channels, *space).", found=f"shape {shape}", line=user_line(), fix="x[:, None]"
            )
        )
    sizes = per_axis(window, len(shape) - 2, "window", 1)
    steps = sizes if stride is None else per_axis(stride, len(sizes), "stride", 1)
    low, high = paddings(padding, shape[2:], sizes, steps)
    check_fit(shape[2:], sizes, low, high)
    return sizes, steps, low, high


def _windows(x: Any, sizes: Sizes, steps: Sizes) -> Any:
    d = len(sizes)
    (x,) = _symbols(x)
    return windows_primitive(x, axes=tuple(range(2, d + 2)), window=sizes, stride=steps, dilation=(1,) * d)


def _padded(x: Any, low: Sizes, high: Sizes, value: Any) -> Any:
    for axis, widths in enumerate(zip(low, high, strict=True), start=2):
        shape = np.shape(x)
        before, after = (np.full((*shape[:axis], n, *shape[axis + 1 :]), value, x.dtype) for n in widths)
        x = np.concatenate([before, x, after], axis=axis)
    return x


def _lowest(x: Any) -> Any:
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def _one_dtype(x: Any, kernel: Any) -> tuple[Any, Any]:
    if not is_traced(x):
        x = np.asarray(x)
    if not is_traced(kernel):
        kernel = np.asarray(kernel)
    dtype = np.result_type(x.dtype, kernel.dtype)
    return (x if x.dtype == dtype else x.astype(dtype), kernel if kernel.dtype == dtype else kernel.astype(dtype))


def _symbols(*arrays: Any) -> Sequence[Any]:
    """Return operands for a primitive: symbols of one builder, or plain arrays where nothing is traced."""
    return together(*arrays) if any(map(is_traced, arrays)) else arrays


__all__ = ["avg_pool", "conv", "conv_transpose", "max_pool"]
