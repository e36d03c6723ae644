"""Sorting and searching.

The order of the entries is constant almost everywhere: sorting is a gather whose indices have no derivative, whatever
the order of differentiation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Primitive, Sample, primitive
from ..errors import DtypeError, ShapeError, explain
from .family import with_batch, zero_jvp

Axes = tuple[int, ...]
_STOP = {
    "label": "gradient stop",
    "explanation": "hands the gradient to nobody: positions are constant almost everywhere",
}
_CONSTANT = NoRule("constant almost everywhere")


def along(x: Any, order: Any, axis: int) -> Any:
    """Return x's entries at ``order`` along an axis; the other axes of the two are equal."""
    b = x.builder
    indices = [order if a == axis else b.apply_named("iota", order, axis=a) for a in range(x.ndim)]
    return b.apply_named("gather", x, *indices, axes=tuple(range(x.ndim)))


def _samples(**how: Any) -> list[Sample]:
    x = np.random.default_rng(31).normal(size=(3, 4))
    return [
        Sample((x,), {"axis": 0, **how}),
        Sample((x,), {"axis": 1, **how}),
        Sample((x[0],), {"axis": 0, **how}),
        Sample((x.astype(np.float32),), {"axis": 1, **how}),
        Sample((x[:, :1].reshape(1, 3, 1),), {"axis": 1, **how}),
    ]


def _rough(samples: Sequence[Sample], **how: Any) -> list[Sample]:
    return [
        *[Sample(s.args, s.params, smooth=False) for s in samples],
        Sample((np.array([2.0, 1.0, 2.0, np.nan, -np.inf]),), {"axis": 0, **how}, smooth=False),
        Sample((np.empty((2, 0)),), {"axis": 1, **how}, smooth=False),
    ]


argsort: Primitive = primitive(
    "argsort",
    "the positions of the entries in ascending order; stable: equal entries stay in their order",
    evaluate=lambda x, axis, stable: np.argsort(x, axis, kind="stable" if stable else None),
    infer=lambda x, axis, stable: aval(x.shape, np.intp),
    jvp=zero_jvp,
    transpose=_CONSTANT,
    batch=lambda size, args, batched, axis, stable: argsort(args[0], axis=axis + 1, stable=stable),
    samples=lambda: [*_rough(_samples(stable=True), stable=True), *_rough([], stable=False)],
    **_STOP,
)


def ranking(x: Any, axis: int) -> Any:
    """Return the order that derivatives follow: of equal entries the first comes first."""
    return argsort(x, axis=axis, stable=True)


_ROUTER = {"label": "gradient router", "explanation": "routes each gradient back to the place that its entry came from"}

sort: Primitive = primitive(
    "sort",
    "the entries in ascending order",
    evaluate=lambda x, axis: np.sort(x, axis),
    infer=lambda x, axis: aval(x.shape, x.dtype),
    jvp=lambda primals, tangents, out, axis: (
        None if tangents[0] is None else along(tangents[0], ranking(primals[0], axis), axis)
    ),
    transpose=NoRule("not linear; its pushforward is a gather"),
    batch=lambda size, args, batched, axis: sort(args[0], axis=axis + 1),
    samples=lambda: [*_samples(), *_rough([])],
    **_ROUTER,
)


def _partition_jvp(primals: Any, tangents: Any, out: Any, axis: int, kth: Axes) -> Any:
    (x,), (t,) = primals, tangents
    if t is None:
        return None
    # Where each entry of the output comes from: both arrays sorted are the same array.
    rank = ranking(ranking(out, axis), axis)
    return along(t, along(ranking(x, axis), rank, axis), axis)


partition: Primitive = primitive(
    "partition",
    "the entries in an order in which those at kth are where sorting would put them",
    evaluate=lambda x, axis, kth: np.partition(x, kth, axis),
    infer=lambda x, axis, kth: aval(x.shape, x.dtype),
    jvp=_partition_jvp,
    transpose=NoRule("not linear; its pushforward is a gather"),
    batch=lambda size, args, batched, axis, kth: partition(args[0], axis=axis + 1, kth=kth),
    samples=lambda: [s for s in _samples(kth=(2,)) if s.args[0].shape[s.params["axis"]] > 2],
    **_ROUTER,
)

argpartition: Primitive = primitive(
    "argpartition",
    "the positions of the entries in the order of a partition",
    evaluate=lambda x, axis, kth: np.argpartition(x, kth, axis),
    infer=lambda x, axis, kth: aval(x.shape, np.intp),
    jvp=zero_jvp,
    transpose=_CONSTANT,
    batch=lambda size, args, batched, axis, kth: argpartition(args[0], axis=axis + 1, kth=kth),
    samples=lambda: [Sample((np.array([[3.0, 1.0, 2.0]]),), {"axis": 1, "kth": (1,)}, smooth=False)],
    **_STOP,
)


def _lexsort(*keys: Any, axis: int) -> Any:
    return np.lexsort([np.asarray(key) for key in keys], axis)


lexsort: Primitive = primitive(
    "lexsort",
    "the positions in ascending order of the last key, then the one before it, and so on",
    evaluate=_lexsort,
    infer=lambda *keys, axis: aval(keys[0].shape, np.intp),
    jvp=zero_jvp,
    transpose=_CONSTANT,
    batch=lambda size, args, batched, axis: lexsort(
        *[with_batch(size, x, b) for x, b in zip(args, batched, strict=True)], axis=axis + 1
    ),
    samples=lambda: [
        Sample((np.array([3.0, 1.0, 2.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0])), {"axis": 0}, smooth=False),
        Sample((np.array([[3.0, 1.0, 2.0]]),), {"axis": 1}, smooth=False),
    ],
    **_STOP,
)

# -- searching --------------------------------------------------------------------------------------------------------


def _search_infer(a: Aval, v: Aval, side: str) -> Aval:
    lead = a.ndim - 1
    if lead < 0 or a.shape[:lead] != v.shape[:lead]:
        raise ShapeError(explain("Each row is searched for values of its own.", found=f"{v!r} in {a!r}"))
    if a.dtype != v.dtype:
        raise DtypeError(explain("searchsorted takes operands of one dtype.", found=f"{a!r}, {v!r}"))
    return aval(v.shape, np.intp)


def _search(a: Any, v: Any, side: Any) -> Any:
    a, v = np.asarray(a), np.asarray(v)
    if a.ndim == 1:
        return np.searchsorted(a, v, side)
    out = np.empty(v.shape, np.intp)
    for row in np.ndindex(a.shape[:-1]):
        out[row] = np.searchsorted(a[row], v[row], side)
    return out


searchsorted: Primitive = primitive(
    "searchsorted",
    "where values would be put into sorted rows; leading axes of the rows are shared with the values",
    evaluate=_search,
    infer=_search_infer,
    jvp=zero_jvp,
    transpose=_CONSTANT,
    batch=lambda size, args, batched, side: searchsorted(
        *[with_batch(size, x, b) for x, b in zip(args, batched, strict=True)], side=side
    ),
    samples=lambda: (
        [
            Sample((np.array([0.0, 1.0, 2.5]), np.array([[-1.0, 1.0], [2.0, 7.0]])), {"side": side}, smooth=False)
            for side in ("left", "right")
        ]
        + [Sample((np.array([0.0, 1.0, 2.5]), np.asarray(1.5)), {"side": "left"}, smooth=False)]
    ),
    **_STOP,
)
