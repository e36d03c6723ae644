"""NumPy's indexing, taken apart into slice, rev, reshape, gather and transpose equations.

``x[...]`` with slices, integers, ``None`` and ``...`` ("basic") is a view; index arrays and masks ("advanced") copy.
An advanced index is a basic view followed by one gather.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..core.builder import leaked
from ..core.graph import Params
from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import UntraceableError, explain
from ..ops.index import gather, gather_add, gather_set, slice_, slice_set
from ..ops.shape import reshape, rev, transpose
from .computed import Computed, Numbers, is_number
from .dispatch import FUNCTIONS
from .promote import stretch

Axes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A basic index: cut, reverse, reshape."""

    starts: Axes
    stops: Axes
    steps: Axes
    reversed: Axes
    cut: Axes
    shape: Axes
    whole: bool
    params: Params

    def read(self, x: Any) -> Any:
        """Record the reading of the part."""
        builder = x.builder
        if builder.finished:
            raise leaked(x)
        number = x.id
        if not self.whole:
            number = builder.emit(slice_, (number,), self.params)
        if self.reversed:
            number = builder.emit(rev, (number,), (("axes", self.reversed),))
        if self.shape != self.cut:
            number = builder.emit(reshape, (number,), (("shape", self.shape),))
        return x if number == x.id else builder.output(number)

    def shaped(self, part: Any) -> Any:
        """Record what remains to be done to a part that has been cut out."""
        if self.reversed:
            part = rev(part, axes=self.reversed)
        return part if self.shape == self.cut else reshape(part, shape=self.shape)

    def flat(self, value: Any) -> Any:
        """Record the opposite: bring a value of the part's shape into the order and shape in which it was cut out."""
        if self.shape != self.cut:
            value = reshape(value, shape=self.cut)
        return rev(value, axes=self.reversed) if self.reversed else value

    def write(self, x: Any, value: Any) -> Any:
        """Record the overwriting of the part by a value of the part's shape."""
        value = self.flat(value)
        return value if self.whole else slice_set(x, value, starts=self.starts, stops=self.stops, steps=self.steps)

    def strides(self, shape: Axes, strides: Axes) -> Axes:
        """Return how far apart in memory neighbours along each axis are."""
        signs = [-1 if a in self.reversed else 1 for a in range(len(shape))]
        kept = [s * k * sign for s, k, sign, n in zip(strides, self.steps, signs, self.cut, strict=True) if n != 1]
        rest = iter(kept)
        return tuple(0 if n == 1 else next(rest) for n in self.shape)


@dataclass(frozen=True, slots=True)
class Pick:
    """An advanced index: a basic window, then a gather, then the indexed axes moved to where NumPy puts them."""

    window: Window
    axes: Axes
    indices: tuple[Any, ...]
    order: Axes | None
    plain: bool = False
    """Whether it is one index array for each of the first axes, and nothing else."""

    def entries(self, x: Any, *indices: Any) -> Any:
        """Record the reading of the entries at other indices of the same kind."""
        return gather(self.window.read(x), *indices, axes=self.axes)

    def read(self, x: Any) -> Any:
        """Record the reading of the entries."""
        out = gather(self.window.read(x), *self.indices, axes=self.axes)
        return out if self.order is None else transpose(out, axes=self.order)

    def write(self, x: Any, value: Any) -> Any:
        """Record the overwriting of the entries by a value of the result's shape."""
        return self._update(gather_set, x, value)

    def add(self, x: Any, value: Any) -> Any:
        """Record the addition to the entries; repeated indices add repeatedly."""
        return self._update(gather_add, x, value)

    def _update(self, record: Any, x: Any, value: Any) -> Any:
        if self.order is not None:
            value = transpose(value, axes=tuple(int(i) for i in np.argsort(self.order)))
        part = record(self.window.read(x), value, *self.indices, axes=self.axes)
        return self.window.write(x, part)


_WINDOWS: Final[dict[Any, Window]] = {}


def parse(index: Any, shape: Axes) -> Window | Pick | Computed:
    """Understand an index as NumPy does.

    Raises
    ------
    IndexError
        Where NumPy raises it: too many indices, an integer out of bounds.
    UntraceableError
        For an index that is neither integer, slice, array, mask, ellipsis nor None.
    """
    items = index if type(index) is tuple else (index,)
    key: Any
    try:
        key = (shape, *[i if type(i) is int else _basic_key(i) for i in items])
    except _AdvancedIndexError:
        key = None
    if key is None:
        return _computed(items, shape) or _advanced(items, shape)
    found = _WINDOWS.get(key)
    if found is None:
        if len(_WINDOWS) > 50_000:
            _WINDOWS.clear()
        found = _WINDOWS[key] = _basic(_expand(items, shape), shape)
    return found


def basic_key(index: Any) -> Any:
    """Return something hashable that only equal basic indices have in common; None where there is no telling quickly.

    (Slices are not hashable before Python 3.12, and 1, 1.0 and True are equal.)
    """
    kind = type(index)
    if kind is slice:
        start, stop, step = index.start, index.stop, index.step
        if type(start) in SIMPLE and type(stop) in SIMPLE and type(step) in SIMPLE:
            return (start, stop, step)
        return None
    if kind is int:
        return index
    if kind is tuple:
        keys: list[Any] = []
        for item in index:
            if item is None or item is Ellipsis or type(item) is int:
                keys.append(item)
            elif type(item) is slice:
                key = basic_key(item)
                if key is None:
                    return None
                keys.append(key)
            else:
                return None
        return ("items", *keys)
    return None


class _AdvancedIndexError(Exception):
    pass


SIMPLE: Final = frozenset({int, type(None)})


def _basic_key(item: Any) -> Any:
    if type(item) is slice:
        start, stop, step = key = (item.start, item.stop, item.step)
        if type(start) in SIMPLE and type(stop) in SIMPLE and type(step) in SIMPLE:
            return key
        return tuple(b if b is None else operator.index(b) for b in key)
    if item is None or item is Ellipsis:
        return item
    if _is_int(item):
        return int(item)
    raise _AdvancedIndexError


def _computed(items: tuple[Any, ...], shape: Axes) -> Computed | None:
    """Return an index with traced numbers in it that is basic otherwise; None for any other."""
    if not any(map(is_number, items)):
        return None
    for item in items:
        if not (is_number(item) or item is None or item is Ellipsis or type(item) is slice or _is_int(item)):
            return None
    axes: list[int] = []
    numbers: list[Any] = []
    rest: list[Any] = []
    left: list[int] = []
    axis = 0
    for item in _expand(items, shape):
        if item is None:
            rest.append(item)
            continue
        if isinstance(item, slice):
            rest.append(item)
            left.append(shape[axis])
        else:
            if not is_number(item):
                item = _within(int(item), axis, shape)
            axes.append(axis)
            numbers.append(item)
        axis += 1
    return Computed([Numbers(tuple(axes), tuple(numbers))], tuple(left), _basic(rest, tuple(left)))


def _is_int(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def _within(i: int, axis: int, shape: Axes) -> int:
    n = shape[axis]
    if not -n <= i < n:
        raise IndexError(
            f"index {i} is out of bounds for axis {axis} with size {n}: the array has shape {shape}\n"
            f"  at:    {user_line()}"
        )
    return i % n


def _consumes(item: Any) -> int:
    """Return how many axes an item uses up."""
    if item is None:
        return 0
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        return item.ndim
    return 1


def _expand(items: tuple[Any, ...], shape: Axes) -> list[Any]:
    """Replace the ellipsis, and add the full slices that an index leaves out."""
    used = sum(_consumes(i) for i in items if i is not Ellipsis)
    ellipses = sum(1 for i in items if i is Ellipsis)
    if used > len(shape) or ellipses > 1:
        rule = "an index can only have a single ellipsis" if ellipses > 1 else "too many indices for array"
        raise IndexError(f"{rule}: the array has shape {shape}, the index {_shown(items)}\n  at:    {user_line()}")
    rest = [slice(None)] * (len(shape) - used)
    out: list[Any] = []
    for item in items:
        if item is Ellipsis:
            out += rest
            rest = []
        else:
            out.append(item)
    return out + rest


def _shown(items: Any) -> str:
    return "[" + ", ".join("..." if i is Ellipsis else repr(i) for i in items) + "]"


def _basic(items: list[Any], shape: Axes) -> Window:
    window: list[tuple[int, int, int]] = []
    turned: list[int] = []
    cut: list[int] = []
    out: list[int] = []
    axis = 0
    for item in items:
        if item is None:
            out.append(1)
            continue
        n = shape[axis]
        if isinstance(item, slice):
            picked = range(n)[_plain(item)]
            count = len(picked)
            if count == 0:
                bounds = (0, 0, 1)
            elif picked.step > 0:
                bounds = (picked[0], picked[-1] + 1, picked.step if count > 1 else 1)
            else:
                bounds = (picked[-1], picked[0] + 1, -picked.step if count > 1 else 1)
                if count > 1:
                    turned.append(axis)
            out.append(count)
            cut.append(count)
        else:
            i = _within(int(item), axis, shape)
            bounds = (i, i + 1, 1)
            cut.append(1)
        window.append(bounds)
        axis += 1
    starts, stops, steps = (tuple(bounds[k] for bounds in window) for k in range(3))
    whole = stops == shape and not any(starts) and all(s == 1 for s in steps)
    params = (("starts", starts), ("stops", stops), ("steps", steps))
    return Window(starts, stops, steps, tuple(turned), tuple(cut), tuple(out), whole, params)


def _plain(item: slice) -> slice:
    """Let slice bounds be anything with ``__index__``."""
    return slice(*[None if b is None else operator.index(b) for b in (item.start, item.stop, item.step)])


_WHOLE: Final[dict[Axes, Window]] = {}


def _only_arrays(items: tuple[Any, ...], shape: Axes) -> Pick | None:
    """Return the index if it is integer arrays for the first axes and nothing else: what most advanced indices are."""
    for item in items:
        if type(item) is not np.ndarray or item.dtype.kind != "i":
            return None
    if len(items) > len(shape):
        return None
    window = _WHOLE.get(shape)
    if window is None:
        if len(_WHOLE) > 10_000:
            _WHOLE.clear()
        window = _WHOLE[shape] = _basic([slice(None)] * len(shape), shape)
    axes = tuple(range(len(items)))
    _check_bounds(items, axes, shape, shape)
    common = items[0].shape
    if len(items) > 1 and any(item.shape != common for item in items):
        common = np.broadcast_shapes(*[item.shape for item in items])
        items = tuple(_spread(item, common) for item in items)
    return Pick(window, axes, items, None, True)


def _advanced(items: tuple[Any, ...], shape: Axes) -> Pick:
    items = tuple(_as_index(i) for i in items)
    quick = _only_arrays(items, shape)
    if quick is not None:
        return quick
    expanded = _expand(items, shape)
    # The place of an ellipsis that stands for no axis: it parts the indices on its two sides all the same.
    dots = next((k for k, item in enumerate(items) if item is Ellipsis), -1) if len(expanded) < len(items) else -1
    gap = -1
    pieces: list[Any] = []  # one per axis after masks have become integer arrays
    for k, item in enumerate(expanded):
        if k == dots:
            gap = len(pieces)
        if isinstance(item, np.ndarray) and item.dtype == np.bool_ and not item.ndim:
            pieces.append(_SwitchedAxis(np.zeros(int(item), np.intp)))
        elif isinstance(item, np.ndarray) and item.dtype == np.bool_:
            _check_mask(item, pieces, shape)
            pieces += list(np.nonzero(item))
        else:
            pieces.append(item)
    basic = [
        p if isinstance(p, slice) else None if p is None or isinstance(p, _SwitchedAxis) else slice(None)
        for p in pieces
    ]
    window = _basic(basic, shape)
    axes, indices, places = [], [], []
    for place, piece in enumerate(pieces):
        if piece is None or isinstance(piece, slice):
            continue
        axes.append(place)
        places.append(place)
        indices.append(piece.index if isinstance(piece, _SwitchedAxis) else piece)
    _check_bounds(indices, axes, window.shape, shape)
    common = _common_shape([np.shape(i) if not isinstance(i, Sym) else i.aval.shape for i in indices])
    indices = [_spread(i, common) for i in indices]
    order = None
    adjacent = places == list(range(places[0], places[-1] + 1)) and not places[0] < gap <= places[-1]
    if adjacent and places[0] > 0:
        k, ndim = len(common), len(common) + len(window.shape) - len(axes)
        before = tuple(range(k, k + places[0]))
        order = (*before, *range(k), *range(k + places[0], ndim))
    return Pick(window, tuple(axes), tuple(indices), order)


class _SwitchedAxis:
    """What True or False as an index makes: a new axis of size 1 or 0."""

    def __init__(self, index: Any) -> None:
        self.index = index


def _common_shape(shapes: list[Axes]) -> Axes:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}\n"
            f"  at:    {user_line()}"
        ) from None


def _as_index(item: Any) -> Any:
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, Sym):
        if item.builder is None:
            return np.asarray(item)
        if item.aval.dtype == np.bool_:
            return np.asarray(item.concrete_mask())  # type: ignore[attr-defined]
        if item.aval.dtype.kind in "iu":
            return item
        raise UntraceableError(
            explain(
                "Index arrays hold integers or booleans.", found=repr(item), line=user_line(), fix="use .astype(int)"
            )
        )
    if isinstance(item, (list, tuple)) and _holds_symbol(item):
        return _as_index(FUNCTIONS[np.array](item))
    array = np.asarray(item)
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.intp)  # x[[]] is an empty integer index
    if array.dtype.kind not in "iub":
        raise IndexError(
            f"only integers, slices, ellipsis, None and integer or boolean arrays are valid indices, not {item!r}\n"
            f"  at:    {user_line()}"
        )
    return array


def _holds_symbol(items: Any) -> bool:
    return any(_holds_symbol(i) if isinstance(i, (list, tuple)) else isinstance(i, Sym) for i in items)


def _check_mask(mask: Any, pieces: list[Any], shape: Axes) -> None:
    axis = sum(1 for p in pieces if p is not None and not isinstance(p, _SwitchedAxis))
    if mask.shape != shape[axis : axis + mask.ndim]:
        raise IndexError(
            f"boolean index did not match: mask shape {mask.shape}, array shape {shape}, from axis {axis} on\n"
            f"  at:    {user_line()}"
        )


def _check_bounds(indices: Sequence[Any], axes: Sequence[int], windowed: Axes, shape: Axes) -> None:
    for index, axis in zip(indices, axes, strict=True):
        if isinstance(index, Sym) or index.size == 0:
            continue
        n = windowed[axis]
        # Read as unsigned numbers negative ones are large: one pass tells that all is well, as it mostly is.
        if index.dtype == np.intp and _most(index.view(np.uintp), None) < n:
            continue
        low, high = _least(index, None), _most(index, None)
        if low < -n or high >= n:
            raise IndexError(
                f"index {low if low < -n else high} is out of bounds for an axis of size {n}: "
                f"the array has shape {shape}\n  at:    {user_line()}"
            )


_least, _most = np.minimum.reduce, np.maximum.reduce


def _spread(index: Any, shape: Axes) -> Any:
    if isinstance(index, Sym):
        return stretch(index, shape)
    return index if index.shape == shape else np.broadcast_to(index, shape).copy()
