"""Reductions: sum, product, largest, smallest, any, all, argmax, argmin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Primitive, Sample, primitive
from ..errors import ShapeError, explain
from .arithmetic import convert, mul, reciprocal
from .compare import eq
from .family import full_like, scaled, zero_jvp

Axes = tuple[int, ...]


def reduced_shape(shape: Axes, axes: Axes) -> Axes:
    """Return the shape without some axes."""
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def spread(x: Any, shape: Axes, axes: Axes) -> Any:
    """Broadcast a reduced value back to the shape it was reduced from."""
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    return x.builder.apply_named("broadcast", x, shape=shape, axes=kept)


def _infer(dtype: Any = None, empty: bool = True) -> Callable[..., Aval]:
    def infer(x: Aval, axes: Axes) -> Aval:
        if not empty and any(x.shape[a] == 0 for a in axes):
            raise ShapeError(
                explain("The largest or smallest of no entries does not exist.", found=f"{x!r} over {axes}")
            )
        return aval(reduced_shape(x.shape, axes), dtype or x.dtype)

    return infer


def _batch(record: Callable[[], Primitive]) -> Any:
    def batch(size: int, args: Sequence[Any], batched: Any, axes: Axes) -> Any:
        return record()(args[0], axes=tuple(a + 1 for a in axes))

    return batch


def _staged(ufunc: Any) -> Any:
    def stage(x: Aval, axes: Axes) -> Any:
        reduce = ufunc.reduce
        axis: Any = None if len(axes) == x.ndim else axes
        dtype = x.dtype  # without it NumPy would sum small integers in int64
        return lambda x: reduce(x, axis, dtype)

    return stage


def _samples() -> list[Sample]:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(2, 3, 4))
    return [
        Sample((x,), {"axes": (1,)}),
        Sample((x,), {"axes": (0, 2)}),
        Sample((x[0, 0],), {"axes": (0,)}),
        Sample((x.astype(np.float32),), {"axes": (2,)}),
        Sample((x,), {"axes": (0, 1, 2)}),
        Sample((x[:, :1],), {"axes": (1,)}),
        Sample((np.array([[np.nan, 1.0], [np.inf, -np.inf]]),), {"axes": (1,)}, smooth=False),
    ]


def _with_empty() -> list[Sample]:
    return [*_samples(), Sample((np.empty((2, 0)),), {"axes": (1,)}), Sample((np.empty((0, 2)),), {"axes": (1,)})]


# -- sum: the dual of broadcast ---------------------------------------------------------------------------------------

reduce_sum: Primitive = primitive(
    "reduce_sum",
    "the sum over some axes",
    evaluate=lambda x, axes: np.add.reduce(x, axes, np.asarray(x).dtype),
    infer=_infer(),
    jvp=lambda primals, tangents, out, axes: None if tangents[0] is None else reduce_sum(tangents[0], axes=axes),
    transpose=lambda ct, x, axes: (spread(ct, x.shape, axes),),
    batch=_batch(lambda: reduce_sum),
    samples=lambda: [*_with_empty(), Sample((np.arange(6.0).reshape(2, 3) * (1 + 2j),), {"axes": (0,)})],
    stage=_staged(np.add),
    flops=lambda x, axes: x.size,
    label="gradient distributor",
    explanation="hands the incoming gradient unchanged to each of the entries summed",
)

# -- product ----------------------------------------------------------------------------------------------------------


def _prod_jvp(primals: Any, tangents: Any, out: Any, axes: Axes) -> Any:
    (x,), (t,) = primals, tangents
    return None if t is None else reduce_sum(scaled(product_of_others(x, axes), t), axes=axes)


def product_of_others(x: Any, axes: Axes) -> Any:
    """Return for each entry the product of all *other* entries over ``axes``, without dividing (entries may be 0).

    A product of everything before and everything after, by pairs: level by level, each half of the entries receives
    the product of the other half.  log2(n) levels of n multiplications.
    """
    b = x.builder
    kept = [a for a in range(x.ndim) if a not in axes]
    order = (*kept, *axes)
    rows = b.apply_named("transpose", x, axes=order)
    n = math.prod(x.shape[a] for a in axes)
    rows = b.apply_named("reshape", rows, shape=(*(x.shape[a] for a in kept), n))
    others = _others(rows)
    others = b.apply_named("reshape", others, shape=tuple(x.shape[a] for a in order))
    return b.apply_named("transpose", others, axes=tuple(int(i) for i in np.argsort(order)))


def _others(rows: Any) -> Any:
    """Product of the other entries along the last axis."""
    b = rows.builder
    n = rows.shape[-1]
    if n <= 1:
        return full_like(rows, 1)
    half = n // 2
    lead = rows.ndim - 1

    def part(value: Any, start: int, stop: int) -> Any:
        return b.apply_named(
            "slice",
            value,
            starts=(*(0,) * lead, start),
            stops=(*value.shape[:-1], stop),
            steps=(1,) * (lead + 1),
        )

    # Entry i of the folded row is the product of the pair (i, i + half); an odd last entry stays alone.
    low, high = part(rows, 0, half), part(rows, half, 2 * half)
    folded = mul(low, high)
    if n % 2:
        folded = b.apply_named("concatenate", folded, part(rows, n - 1, n), axis=lead)
    outer = _others(folded)
    pair_outer = part(outer, 0, half)
    parts = [mul(pair_outer, high), mul(pair_outer, low)]
    if n % 2:
        parts.append(part(outer, half, half + 1))
    return b.apply_named("concatenate", *parts, axis=lead)


reduce_prod: Primitive = primitive(
    "reduce_prod",
    "the product over some axes",
    evaluate=lambda x, axes: np.multiply.reduce(x, axes, np.asarray(x).dtype),
    infer=_infer(),
    jvp=_prod_jvp,
    transpose=NoRule("a product is not linear; its pushforward is made of linear equations"),
    batch=_batch(lambda: reduce_prod),
    samples=lambda: [*_with_empty(), Sample((np.array([0.0, 2.0, 3.0]),), {"axes": (0,)})],
    stage=_staged(np.multiply),
    flops=lambda x, axes: x.size,
    label="gradient switcher",
    explanation="hands to each entry the incoming gradient times the product of all other entries",
)

# -- largest and smallest ---------------------------------------------------------------------------------------------


def _extreme_jvp(primals: Any, tangents: Any, out: Any, axes: Axes) -> Any:
    (x,), (t,) = primals, tangents
    if t is None:
        return None
    winners = convert(eq(x, spread(out, x.shape, axes)), dtype=x.dtype)
    count = reduce_sum(winners, axes=axes)
    # Where out is nan there is no winner; nan is then the honest share.
    return reduce_sum(scaled(mul(winners, spread(reciprocal(count), x.shape, axes)), t), axes=axes)


def _extreme(name: str, doc: str, ufunc: Any) -> Primitive:
    record = primitive(
        name,
        doc,
        evaluate=lambda x, axes: ufunc.reduce(x, axes),
        infer=_infer(empty=False),
        jvp=_extreme_jvp,
        transpose=NoRule("not linear; its pushforward is made of linear equations"),
        batch=_batch(lambda: record),
        samples=lambda: [*_samples(), Sample((np.array([1.0, 3.0, 3.0]),), {"axes": (0,)}, smooth=False)],
        flops=lambda x, axes: x.size,
        label="gradient router",
        explanation="routes the incoming gradient to the entry that won; ties split it evenly",
    )
    return record


reduce_max: Primitive = _extreme("reduce_max", "the largest entry over some axes", np.maximum)
reduce_min: Primitive = _extreme("reduce_min", "the smallest entry over some axes", np.minimum)

# -- what has no derivative -------------------------------------------------------------------------------------------


def _flat(name: str, doc: str, evaluate: Any, infer: Any, samples: Any, batch: Any = None) -> Primitive:
    record = primitive(
        name,
        doc,
        evaluate=evaluate,
        infer=infer,
        jvp=zero_jvp,
        transpose=NoRule("constant almost everywhere"),
        batch=batch or _batch(lambda: record),
        samples=samples,
        label="gradient stop",
        explanation="hands the gradient to nobody: its output is constant almost everywhere",
    )
    return record


_bools = lambda: [  # noqa: E731
    Sample((np.array([[True, False], [True, True]]),), {"axes": (1,)}, smooth=False),
    Sample((np.zeros((0, 2), bool),), {"axes": (0,)}, smooth=False),
]
reduce_any: Primitive = _flat(
    "reduce_any", "whether any entry is true", lambda x, axes: np.logical_or.reduce(x, axes), _infer(np.bool_), _bools
)
reduce_all: Primitive = _flat(
    "reduce_all",
    "whether all entries are true",
    lambda x, axes: np.logical_and.reduce(x, axes),
    _infer(np.bool_),
    _bools,
)


def _arg_infer(x: Aval, axis: int) -> Aval:
    if x.shape[axis] == 0:
        raise ShapeError(explain("The largest or smallest of no entries does not exist.", found=f"{x!r} along {axis}"))
    return aval(reduced_shape(x.shape, (axis,)), np.intp)


_arg_samples = lambda: [  # noqa: E731
    Sample((np.array([[1.0, 3.0, 3.0], [2.0, 0.0, np.nan]]),), {"axis": 1}, smooth=False),
    Sample((np.array([2.0, 5.0]),), {"axis": 0}, smooth=False),
]
argmax: Primitive = _flat(
    "argmax",
    "the index of the first largest entry",
    lambda x, axis: np.argmax(x, axis),
    _arg_infer,
    _arg_samples,
    lambda size, args, batched, axis: argmax(args[0], axis=axis + 1),
)
argmin: Primitive = _flat(
    "argmin",
    "the index of the first smallest entry",
    lambda x, axis: np.argmin(x, axis),
    _arg_infer,
    _arg_samples,
    lambda size, args, batched, axis: argmin(args[0], axis=axis + 1),
)
