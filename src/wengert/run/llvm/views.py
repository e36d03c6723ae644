"""Views of views: what broadcast, reshape, transpose, slice and rev do to offset and strides."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...core.bounds import Affine
from .loops import Shape, View, c_strides, is_whole

Window = tuple[tuple[int, int, int], ...]
"""Start, stop and step of each axis that is not indexed."""


def broadcast(x: View, shape: Shape, axes: Shape) -> View:
    strides = [0] * len(shape)
    for n, s, a in zip(x.shape, x.strides, axes, strict=True):
        strides[a] = s if n != 1 or shape[a] == 1 else 0
    return replace(x, strides=tuple(strides), shape=shape)


def at(
    x: View,
    axes: Shape,
    places: tuple[View, ...],
    safe: bool,
    forms: tuple[Affine | None, ...],
    window: Window | None = None,
) -> View:
    """Return the part of an array at computed places along some axes (which it then no longer has)."""
    known = x.offset == 0 and len(x.forms) == len(x.at)
    x = cut(x, axes, window)
    rest = [a for a in range(len(x.shape)) if a not in axes]
    return View(
        x.buffer,
        x.offset,
        tuple(x.strides[a] for a in rest),
        tuple(x.shape[a] for a in rest),
        (*x.indexed, *((x.shape[a], x.strides[a]) for a in axes)),
        (*x.at, *places),
        safe and (x.safe or not x.at),
        (*x.forms, *forms) if known else (),
    )


def apart(a: View, b: View) -> bool:
    """Say whether two parts at computed places of one buffer are certain to have no entry in common."""
    if not (a.safe and b.safe) or a.indexed != b.indexed or not len(a.forms) == len(b.forms) == len(a.indexed):
        return False
    for f, g, (_, stride) in zip(a.forms, b.forms, a.indexed, strict=True):
        if f is not None and g is not None and stride:
            difference = f.plus(g, -1)
            if difference.constant and not difference.terms:
                return True
    return False


def cut(x: View, axes: Shape, window: Window | None) -> View:
    """Return an array with all axes but those in ``axes`` cut: start, stop and step for each."""
    if window is None:
        return x
    spans = iter(window)
    bounds = [(0, n, 1) if a in axes else next(spans) for a, n in enumerate(x.shape)]
    starts, stops, steps = (tuple(bound[k] for bound in bounds) for k in range(3))
    return slice_(x, starts, stops, steps)


def transpose(x: View, axes: Shape) -> View:
    return replace(x, strides=tuple(x.strides[a] for a in axes), shape=tuple(x.shape[a] for a in axes))


def slice_(x: View, starts: Shape, stops: Shape, steps: Shape) -> View:
    shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps, strict=True))
    offset = x.offset + sum(a * s for a, s in zip(starts, x.strides, strict=True))
    return replace(x, offset=offset, strides=tuple(s * k for s, k in zip(x.strides, steps, strict=True)), shape=shape)


def rev(x: View, axes: Shape) -> View:
    offset = x.offset + sum((x.shape[a] - 1) * x.strides[a] for a in axes if x.shape[a])
    strides = tuple(-s if a in axes else s for a, s in enumerate(x.strides))
    return replace(x, offset=offset, strides=strides)


def may_overlap(a: View, b: View) -> bool:
    """Say whether two views may have an entry in common."""
    if a.buffer is not b.buffer or 0 in a.shape or 0 in b.shape:
        return False
    if a.indexed or b.indexed:
        return not apart(a, b)
    if len(a.shape) != len(b.shape) or a.strides != b.strides:
        return True
    axes = sorted([(abs(s), max(n, m)) for s, n, m in zip(a.strides, a.shape, b.shape, strict=True) if s and n + m > 2])
    reach = 0
    for stride, n in axes:
        if reach >= stride:
            return True
        reach += stride * (n - 1)
    steps = a.offset - b.offset if all(s >= 0 for s in a.strides) else None
    return steps is None or _reaches(steps, axes[::-1])


def _reaches(distance: int, axes: list[tuple[int, int]]) -> bool:
    """Say whether a distance is a sum of fewer steps along each axis than it has entries, forwards or backwards."""
    if not axes:
        return distance == 0
    (stride, n), rest = axes[0], axes[1:]
    near = distance // stride
    return any(abs(q) < n and _reaches(distance - q * stride, rest) for q in (near, near + 1))


def reshape(x: View, shape: Shape) -> View | None:
    """Return the reshaped view, or None where no strides can say it."""
    if 0 in shape:
        return replace(x, strides=c_strides(shape), shape=shape)
    if is_whole(x):
        return replace(x, strides=c_strides(shape), shape=shape)
    # Match groups of old axes with groups of new axes of equal product; inside a group the old axes must be mergeable.
    old = [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n != 1]
    strides: list[int] = []
    position = 0
    new = list(shape)
    k = 0
    while k < len(new):
        if new[k] == 1:
            strides.append(0)
            k += 1
            continue
        group_new = [new[k]]
        product_new = new[k]
        size, step = old[position]
        product_old = size
        position += 1
        while product_new != product_old:
            if product_new < product_old:
                k += 1
                group_new.append(new[k])
                product_new *= new[k]
            else:
                next_size, next_step = old[position]
                if step != next_step * next_size:
                    return None
                size, step = next_size, next_step
                product_old *= next_size
                position += 1
        inner = step
        found = []
        for n in reversed(group_new):
            found.append(inner)
            inner *= n
        strides += reversed(found)
        k += 1
    return replace(x, strides=tuple(strides), shape=shape)


def window_parts(
    x: View, windows: View, axes: Shape, window: Shape, stride: Shape, dilation: Shape
) -> Iterator[tuple[View, View]]:
    """Yield, for each position in a sliding window, that part of ``windows`` and the part of x that stands there."""
    if 0 in windows.shape:
        return
    space = windows.shape[len(window) :]
    for at in itertools.product(*map(range, window)):
        start = sum(i * s for i, s in zip(at, windows.strides, strict=False))
        position = View(windows.buffer, windows.offset + start, windows.strides[len(window) :], space)
        starts, steps = [0] * len(space), [1] * len(space)
        for a, i, step, apart in zip(axes, at, stride, dilation, strict=True):
            starts[a], steps[a] = i * apart, step
        stops = tuple(a + (n - 1) * s + 1 for a, n, s in zip(starts, space, steps, strict=True))
        yield position, slice_(x, tuple(starts), stops, tuple(steps))


TABLE: dict[str, Any] = {
    "broadcast": broadcast,
    "transpose": transpose,
    "slice": slice_,
    "rev": rev,
    "reshape": reshape,
    "again": lambda x: x,
}
