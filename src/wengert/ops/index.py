"""Reading and writing parts of arrays.

Two families: ``slice`` for what a start, stop and step per axis can say, ``gather`` for index arrays.  Each has a
``_set``
(the part overwritten) and an ``_add`` (the part added to), and the three are closed under transposition: reading is
the dual of adding.
"""

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


# -- slice ------------------------------------------------------------------------------------------------------------


def _window(starts: Axes, stops: Axes, steps: Axes) -> tuple[slice, ...]:
    return tuple(map(slice, starts, stops, steps))


def _slice_shape(starts: Axes, stops: Axes, steps: Axes) -> Axes:
    return tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps, strict=True))


def _slice_infer(x: Aval, starts: Axes, stops: Axes, steps: Axes) -> Aval:
    if len(starts) != x.ndim or any(not 0 <= a <= n or b > n for a, b, n in zip(starts, stops, x.shape, strict=True)):
        raise ShapeError(explain("A slice lies inside its array.", found=f"{x!r}[{starts}:{stops}:{steps}]"))
    return aval(_slice_shape(starts, stops, steps), x.dtype)


def _slice_stage(x: Aval, starts: Axes, stops: Axes, steps: Axes) -> Any:
    window: Any = _window(starts, stops, steps)
    if len(window) == 1:
        window = window[0]
    return lambda x: x[window]


def _slice_batch(size: int, args: Any, batched: Any, starts: Axes, stops: Axes, steps: Axes) -> Any:
    return slice_(args[0], starts=(0, *starts), stops=(size, *stops), steps=(1, *steps))


_windows: list[tuple[tuple[int, ...], dict[str, Axes]]] = [
    ((5,), {"starts": (1,), "stops": (4,), "steps": (1,)}),
    ((5,), {"starts": (0,), "stops": (5,), "steps": (2,)}),
    ((3, 4), {"starts": (1, 0), "stops": (2, 4), "steps": (1, 3)}),
    ((3, 4), {"starts": (2, 1), "stops": (2, 4), "steps": (1, 1)}),
]


def _numbers(shape: Axes, seed: int = 5) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


slice_: Primitive = primitive(
    "slice",
    "the part of x between starts and stops, in steps",
    evaluate=lambda x, starts, stops, steps: np.asarray(x)[_window(starts, stops, steps)],
    infer=_slice_infer,
    jvp=linear_jvp(lambda: slice_),
    # The dual of reading a part is adding to that part; the transpose pass adds into what has been gathered so far.
    transpose=lambda ct, x, **where: (Into("slice_add", (), ct, where),),
    batch=_slice_batch,
    stage=_slice_stage,
    view=True,
    samples=lambda: [Sample((_numbers(shape),), where) for shape, where in _windows],
    label="gradient router",
    explanation="routes the gradient to the part that was read; the rest gets zero",
)


class Into:
    """A cotangent that touches only a part of its operand: it is to be added there by ``primitive``.

    Reading one entry of a large array n times costs n small additions in the backward pass, and not n large ones.
    """

    __slots__ = ("ct", "indices", "params", "primitive")

    def __init__(self, primitive: str, indices: Sequence[Any], ct: Any, params: dict[str, Any]) -> None:
        self.primitive = primitive
        self.indices = tuple(indices)
        self.ct = ct
        self.params = params

    def of(self, ct: Any) -> Into:
        """Return the same part with another cotangent."""
        return Into(self.primitive, self.indices, ct, self.params)

    def add_to(self, accumulated: Any) -> Any:
        """Record the addition."""
        b = self.ct.builder
        return b.apply_named(self.primitive, accumulated, self.ct, *self.indices, **self.params)


def _write_infer(x: Aval, v: Aval, starts: Axes, stops: Axes, steps: Axes) -> Aval:
    part = _slice_infer(x, starts, stops, steps)
    if part.shape != v.shape or x.dtype != v.dtype:
        raise ShapeError(explain("What is written has the part's shape and dtype.", found=f"{v!r} into {part!r}"))
    return aval(x.shape, x.dtype)


def _write_samples() -> list[Sample]:
    made = []
    for shape, where in _windows:
        part = _slice_shape(where["starts"], where["stops"], where["steps"])
        made.append(Sample((_numbers(shape), _numbers(part, 6)), where))
    return made


def _write_batch(record: Any) -> Any:
    def batch(size: int, args: Any, batched: Any, starts: Axes, stops: Axes, steps: Axes) -> Any:
        x, v = (with_batch(size, a, b) for a, b in zip(args, batched, strict=True))
        return record()(x, v, starts=(0, *starts), stops=(size, *stops), steps=(1, *steps))

    return batch


def _pair_jvp(record: Any) -> Any:
    """Pushforward of an operation that is linear in its first two operands together."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **where: Any) -> Any:
        x, v, *indices = primals
        tx, tv, *_ = tangents
        if tx is None and tv is None:
            return None
        tx = full_like(x, 0) if tx is None else tx
        tv = full_like(v, 0) if tv is None else tv
        return record()(tx, tv, *indices, **where)

    return jvp


def _slice_add_inplace(x: Any, v: Any, starts: Axes, stops: Axes, steps: Axes) -> Any:
    part = x[_window(starts, stops, steps)]
    np.add(part, v, out=part)
    return x


def _slice_set_inplace(x: Any, v: Any, starts: Axes, stops: Axes, steps: Axes) -> Any:
    x[_window(starts, stops, steps)] = v
    return x


def _slice_of(x: Any, where: dict[str, Axes]) -> Any:
    return slice_(x, **where)


slice_add: Primitive = primitive(
    "slice_add",
    "x with v added to a part of it",
    evaluate=lambda x, v, **where: _slice_add_inplace(np.array(x), v, **where),
    inplace=_slice_add_inplace,
    infer=_write_infer,
    jvp=_pair_jvp(lambda: slice_add),
    transpose=lambda ct, x, v, **where: (
        ct if is_linear(x) else None,
        _slice_of(ct, where) if is_linear(v) else None,
    ),
    batch=_write_batch(lambda: slice_add),
    samples=_write_samples,
    label="gradient distributor",
    explanation="adds into a part: x gets the whole gradient, v the gradient of that part",
)


def _slice_set_transpose(ct: Any, x: Any, v: Any, where: dict[str, Axes]) -> Any:
    # First what is read, then what is overwritten: that way the cotangent can be updated where it stands.
    into_v = _slice_of(ct, where) if is_linear(v) else None
    into_x = slice_set(ct, _zeros(ct, v), **where) if is_linear(x) else None
    return into_x, into_v


slice_set: Primitive = primitive(
    "slice_set",
    "x with a part of it replaced by v",
    evaluate=lambda x, v, **where: _slice_set_inplace(np.array(x), v, **where),
    inplace=_slice_set_inplace,
    infer=_write_infer,
    jvp=_pair_jvp(lambda: slice_set),
    transpose=lambda ct, x, v, **where: _slice_set_transpose(ct, x, v, where),
    batch=_write_batch(lambda: slice_set),
    samples=_write_samples,
    label="gradient router",
    explanation="x gets the gradient outside the part that was overwritten, v the gradient inside",
)


def _zeros(like: Any, v: Any) -> Any:
    return like.builder.full(0, v.shape, v.dtype)


# -- gather -----------------------------------------------------------------------------------------------------------
# ``axes`` names the axes of x that are indexed, one integer array for each; all index arrays have one shape.  The
# indexed axes come first in the output, then the others in order.  ``window``, where there is one, cuts the others:
# start, stop and step of each.  So ``x[1:-1, j]`` for a computed j is one operation: what it writes is the part, and
# not a whole column of which most is as it was.

Window = tuple[tuple[int, int, int], ...]


def _where(indices: Sequence[Any], axes: Axes, ndim: int) -> tuple[Any, ...]:
    where: list[Any] = [slice(None)] * ndim
    for axis, index in zip(axes, indices, strict=True):
        where[axis] = index
    return tuple(where)


def _within(x: Any, axes: Axes, window: Window | None) -> Any:
    """Return a view of x with the indexed axes first, the others cut."""
    moved = np.moveaxis(x, axes, range(len(axes)))
    return moved if window is None else moved[(slice(None),) * len(axes) + tuple(slice(*span) for span in window)]


def _gather(x: Any, *indices: Any, axes: Axes, window: Window | None = None) -> Any:
    found = _within(np.asarray(x), axes, window)[tuple(indices)]
    # For single places NumPy gives a view; what is read must stay what it was when x is overwritten.
    return found if any(map(np.ndim, indices)) else found.copy()


def _gather_shape(x: Aval, indices: Sequence[Aval], axes: Axes, window: Window | None = None) -> Axes:
    if len(indices) != len(axes) or any(i.shape != indices[0].shape for i in indices):
        raise ShapeError(explain("gather takes one index array per axis, all of one shape.", found=f"{indices}"))
    if any(i.dtype.kind not in "iu" for i in indices):
        raise DtypeError(explain("Index arrays hold integers.", found=", ".join(map(repr, indices))))
    rest = tuple([n for a, n in enumerate(x.shape) if a not in axes])
    if window is not None:
        if len(window) != len(rest) or any(not 0 <= a <= b <= n for (a, b, _), n in zip(window, rest, strict=True)):
            raise ShapeError(
                explain("A window lies inside the axes that are not indexed.", found=f"{window} of {rest}")
            )
        rest = tuple([len(range(*span)) for span in window])
    return indices[0].shape + rest


def _with_window(axes: Axes, window: Window | None) -> dict[str, Any]:
    """Return the parameters of an operation of the family; no window at all is not named."""
    return {"axes": axes} if window is None else {"axes": axes, "window": window}


def _gather_batch(size: int, args: Any, batched: Any, axes: Axes, window: Window | None = None) -> Any:
    x, *indices = args
    if not any(batched[1:]):
        inner = None if window is None else ((0, size, 1), *window)
        out = gather(x, *indices, **_with_window(tuple(a + 1 for a in axes), inner))
        k = indices[0].ndim
        order = (k, *range(k), *range(k + 1, out.ndim))
        return out.builder.apply_named("transpose", out, axes=order)
    where = _with_window(axes, window)
    return _with_rows(lambda *i, **where: gather(x, *i, **where), size, x, indices, batched[0], batched[1:], where)


def _with_rows(apply: Any, size: int, x: Any, indices: Any, x_batched: bool, batched: Any, where: Any) -> Any:
    """Call with batched index arrays; a batched x gets one more index array, which counts its rows."""
    indices = [with_batch(size, i, b) for i, b in zip(indices, batched, strict=True)]
    if not x_batched:
        return apply(*indices, **where)
    b = indices[0].builder
    rows = b.apply_named("iota", indices[0], axis=0)
    return apply(rows, *indices, **(where | {"axes": (0, *(a + 1 for a in where["axes"]))}))


def _gather_samples() -> list[Sample]:
    x = _numbers((3, 4))
    i = np.array([2, 0, 0, -1])
    return [
        Sample((x, i), {"axes": (0,)}),
        Sample((x, i), {"axes": (1,)}),
        Sample((x, i, np.array([1, 1, 3, 0])), {"axes": (0, 1)}),
        Sample((x, i.reshape(2, 2)), {"axes": (1,)}),
        Sample((x, np.asarray(1)), {"axes": (0,)}),
        Sample((x, np.zeros((0,), int)), {"axes": (0,)}),
        Sample((x, np.asarray(1)), {"axes": (0,), "window": ((1, 4, 2),)}),
        Sample((x, i), {"axes": (1,), "window": ((1, 3, 1),)}),
        Sample((x, np.asarray(-1)), {"axes": (1,), "window": ((2, 2, 1),)}),
    ]


gather: Primitive = primitive(
    "gather",
    "the entries of x that index arrays point to",
    evaluate=_gather,
    infer=lambda x, *indices, **where: aval(_gather_shape(x, indices, **where), x.dtype),
    jvp=lambda primals, tangents, out, **where: (
        None if tangents[0] is None else gather(tangents[0], *primals[1:], **where)
    ),
    transpose=lambda ct, x, *indices, **where: (Into("gather_add", indices, ct, where), *(None,) * len(indices)),
    batch=_gather_batch,
    samples=_gather_samples,
    label="gradient router",
    explanation="routes each gradient to the entry that was read; entries read twice get the sum",
)


def _gather_write_infer(x: Aval, v: Aval, *indices: Aval, axes: Axes, window: Window | None = None) -> Aval:
    shape = _gather_shape(x, indices, axes, window)
    if shape != v.shape or x.dtype != v.dtype:
        raise ShapeError(
            explain(
                "What is written has the shape and dtype of what is pointed to.", found=f"{v!r} into {x!r} at {shape}"
            )
        )
    return aval(x.shape, x.dtype)


def _gather_add_inplace(x: Any, v: Any, *indices: Any, axes: Axes, window: Window | None = None) -> Any:
    np.add.at(_within(x, axes, window), tuple(indices), v)
    return x


def _gather_set_inplace(x: Any, v: Any, *indices: Any, axes: Axes, window: Window | None = None) -> Any:
    _within(x, axes, window)[tuple(indices)] = v
    return x


def _gather_write_batch(record: Any) -> Any:
    def batch(size: int, args: Any, batched: Any, **where: Any) -> Any:
        x, v, *indices = args
        x, v = with_batch(size, x, batched[0]), with_batch(size, v, batched[1])
        return _with_rows(lambda *i, **where: record()(x, v, *i, **where), size, x, indices, True, batched[2:], where)

    return batch


def _gather_write_samples() -> list[Sample]:
    made = []
    for sample in _gather_samples():
        x, *indices = sample.args
        made.append(Sample((x, _numbers(_gather(x, *indices, **sample.params).shape, 8), *indices), sample.params))
    return made


gather_add: Primitive = primitive(
    "gather_add",
    "x with v added where index arrays point to; repeated indices add repeatedly",
    evaluate=lambda x, v, *indices, **where: _gather_add_inplace(np.array(x), v, *indices, **where),
    inplace=_gather_add_inplace,
    infer=_gather_write_infer,
    jvp=_pair_jvp(lambda: gather_add),
    transpose=lambda ct, x, v, *indices, **where: (
        ct if is_linear(x) else None,
        gather(ct, *indices, **where) if is_linear(v) else None,
        *(None,) * len(indices),
    ),
    batch=_gather_write_batch(lambda: gather_add),
    samples=_gather_write_samples,
    label="gradient distributor",
    explanation="adds into entries: x gets the whole gradient, v the gradient of the entries pointed to",
)


def _gather_set_transpose(ct: Any, x: Any, v: Any, *indices: Any, **where: Any) -> Any:
    # First what is read, then what is overwritten: that way the cotangent can be updated where it stands.
    into_v = None
    if is_linear(v) and math.prod(indices[0].shape) <= 1:
        into_v = gather(ct, *indices, **where)
    elif is_linear(v):
        # Where an index is repeated, the last write wins; the others have no influence.
        b = ct.builder
        order = b.apply_named("iota_like", b.full(0, v.shape, np.intp))
        written = gather_set(b.full(-1, ct.shape, np.intp), order, *indices, **where)
        won = b.apply_named("eq", gather(written, *indices, **where), order)
        into_v = b.apply_named("select", won, gather(ct, *indices, **where), _zeros(ct, v))
    into_x = gather_set(ct, _zeros(ct, v), *indices, **where) if is_linear(x) else None
    return (into_x, into_v, *(None,) * len(indices))


gather_set: Primitive = primitive(
    "gather_set",
    "x with v written where index arrays point to; of repeated indices the last wins",
    evaluate=lambda x, v, *indices, **where: _gather_set_inplace(np.array(x), v, *indices, **where),
    inplace=_gather_set_inplace,
    infer=_gather_write_infer,
    jvp=_pair_jvp(lambda: gather_set),
    transpose=_gather_set_transpose,
    batch=_gather_write_batch(lambda: gather_set),
    samples=_gather_write_samples,
    label="gradient router",
    explanation="x gets the gradient outside the entries overwritten, v the gradient of the entries that it won",
)

# -- counting ---------------------------------------------------------------------------------------------------------

iota: Primitive = primitive(
    "iota",
    "the position along an axis, for an array of x's shape",
    evaluate=lambda x, axis: np.broadcast_to(
        np.arange(np.shape(x)[axis]).reshape([-1 if a == axis else 1 for a in range(np.ndim(x))]), np.shape(x)
    ).copy(),
    infer=lambda x, axis: aval(x.shape, np.intp),
    jvp=lambda primals, tangents, out, axis: None,
    transpose=lambda ct, x, axis: (None,),
    batch=lambda size, args, batched, axis: iota(args[0], axis=axis + 1),
    samples=lambda: [Sample((np.zeros((2, 3)),), {"axis": 1}, smooth=False)],
    label="gradient stop",
    explanation="hands the gradient to nobody: positions do not depend on values",
)
iota_like: Primitive = primitive(
    "iota_like",
    "0, 1, 2 ... in C order, for an array of x's shape",
    evaluate=lambda x: np.arange(np.size(x)).reshape(np.shape(x)),
    infer=lambda x: aval(x.shape, np.intp),
    jvp=lambda primals, tangents, out: None,
    transpose=lambda ct, x: (None,),
    batch=lambda size, args, batched: _count_rows(size, args[0]),
    samples=lambda: [Sample((np.zeros((2, 3)),), smooth=False)],
    label="gradient stop",
    explanation="hands the gradient to nobody: positions do not depend on values",
)


def _count_rows(size: int, x: Any) -> Any:
    b = x.builder
    one = b.apply_named("iota_like", b.full(0, x.shape[1:], np.intp))
    return with_batch(size, one, False)
