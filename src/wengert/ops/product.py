"""The tensor product: every matrix product, tensordot and pairwise einsum is this one primitive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import Primitive, Sample, primitive
from ..errors import DtypeError, ShapeError, explain
from .family import is_linear, scaled, total

Axes = tuple[int, ...]
Pairs = tuple[Axes, Axes]


def _free(ndim: int, contract: Axes, batch: Axes) -> Axes:
    return tuple(a for a in range(ndim) if a not in contract and a not in batch)


def _infer(x: Aval, y: Aval, contract: Pairs, batch: Pairs) -> Aval:
    for (a, b), what in ((contract, "contracted"), (batch, "batch")):
        if tuple(x.shape[i] for i in a) != tuple(y.shape[i] for i in b):
            raise ShapeError(explain(f"The {what} axes of a product have equal sizes.", found=f"{x!r} {a}, {y!r} {b}"))
    if x.dtype != y.dtype:
        raise DtypeError(explain("A product has operands of one dtype.", found=f"{x!r}, {y!r}"))
    shape = (
        *(x.shape[i] for i in batch[0]),
        *(x.shape[i] for i in _free(x.ndim, contract[0], batch[0])),
        *(y.shape[i] for i in _free(y.ndim, contract[1], batch[1])),
    )
    return aval(shape, x.dtype)


def _stage(x: Aval, y: Aval, contract: Pairs, batch: Pairs) -> Any:
    """Choose once how NumPy computes this product: transposed views and one call of matmul."""
    x_free, y_free = _free(x.ndim, contract[0], batch[0]), _free(y.ndim, contract[1], batch[1])
    x_order, y_order = (*batch[0], *x_free, *contract[0]), (*batch[1], *contract[1], *y_free)
    if not batch[0] and len(contract[0]) == 1 and x.ndim <= 2 and y.ndim <= 2 and np.dtype(x.dtype) != np.bool_:
        x_turned, y_turned = x_order != tuple(range(x.ndim)), y_order != tuple(range(y.ndim))
        if not x_turned and not y_turned:
            return np.matmul
        if x_turned and y_turned:
            return lambda x, y: np.matmul(x.T, y.T)
        return (lambda x, y: np.matmul(x.T, y)) if x_turned else (lambda x, y: np.matmul(x, y.T))
    lead = tuple(x.shape[i] for i in batch[0])
    k = math.prod(x.shape[i] for i in contract[0])
    m, n = math.prod(x.shape[i] for i in x_free), math.prod(y.shape[i] for i in y_free)
    shape = _infer(x, y, contract, batch).shape

    def product(x: Any, y: Any) -> Any:
        a = np.transpose(x, x_order).reshape(*lead, m, k)
        b = np.transpose(y, y_order).reshape(*lead, k, n)
        return np.matmul(a, b).reshape(shape)

    return product


def _evaluate(x: Any, y: Any, contract: Pairs, batch: Pairs) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    return _stage(aval(x.shape, x.dtype), aval(y.shape, y.dtype), contract, batch)(x, y)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **how: Any) -> Any:
    (x, y), (tx, ty) = primals, tangents
    return total([None if tx is None else dot(tx, y, **how), None if ty is None else dot(x, ty, **how)])


def _transpose(ct: Any, x: Any, y: Any, contract: Pairs, batch: Pairs) -> Any:
    if is_linear(x):
        return (_pullback(ct, x, y, contract, batch, False), None)
    return (None, _pullback(ct, y, x, contract[::-1], batch[::-1], True))


def _pullback(ct: Any, x: Any, y: Any, contract: Pairs, batch: Pairs, second: bool) -> Any:
    """Cotangent of ``x``: the incoming one contracted with ``y`` over y's free axes, axes put back in x's order."""
    nb = len(batch[0])
    x_free, y_free = _free(x.ndim, contract[0], batch[0]), _free(y.ndim, contract[1], batch[1])
    # In ct the axes are (batch, first operand's free, second operand's free).
    if not y_free:
        return _spread_product(ct, x, y, contract, batch, x_free)
    if second:
        ct_y = tuple(range(nb, nb + len(y_free)))
    else:
        ct_y = tuple(range(nb + len(x_free), nb + len(x_free) + len(y_free)))
    ct_batch = tuple(range(nb))
    # Of y, what stays free is its contracted axes, in the order in which they stand in y.
    order = sorted(range(len(contract[1])), key=lambda i: contract[1][i])
    contracted = tuple(contract[0][i] for i in order)
    if second:
        out = dot(y, ct, contract=(y_free, ct_y), batch=(batch[1], ct_batch))
        made = (*batch[0], *contracted, *x_free)
    else:
        out = dot(ct, y, contract=(ct_y, y_free), batch=(ct_batch, batch[1]))
        made = (*batch[0], *x_free, *contracted)
    if made == tuple(range(len(made))):
        return out
    return out.builder.apply_named("transpose", out, axes=tuple(int(i) for i in np.argsort(made)))


def _spread_product(ct: Any, x: Any, y: Any, contract: Pairs, batch: Pairs, x_free: Axes) -> Any:
    """Cotangent of ``x`` where nothing is summed: an entrywise product, in which zero wins over inf.

    The gradient of ``sqrt(x @ x)`` at 0 is a zero vector because of this, and not nan.
    """
    targets = [*zip(batch[1], batch[0], strict=True), *zip(contract[1], contract[0], strict=True)]
    return scaled(
        _spread(y, x.shape, tuple(target for _, target in sorted(targets))), _spread(ct, x.shape, (*batch[0], *x_free))
    )


def _spread(value: Any, shape: Axes, axes: Axes) -> Any:
    """Broadcast a value whose axis i is to become axis ``axes[i]``."""
    b = value.builder
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    if order != list(range(len(axes))):
        value = b.apply_named("transpose", value, axes=tuple(order))
    return value if value.shape == shape else b.apply_named("broadcast", value, shape=shape, axes=tuple(sorted(axes)))


def _batch(size: int, args: Any, batched: Any, contract: Pairs, batch: Pairs) -> Any:
    x, y = args
    bx, by = batched

    def shift(axes: Axes, by_one: bool) -> Axes:
        return tuple(a + 1 for a in axes) if by_one else axes

    inner = (shift(contract[0], bx), shift(contract[1], by))
    lead = (shift(batch[0], bx), shift(batch[1], by))
    if bx and by:
        return dot(x, y, contract=inner, batch=((0, *lead[0]), (0, *lead[1])))
    # The batch axis is just one more free axis: one large product instead of many small ones.
    out = dot(x, y, contract=inner, batch=lead)
    nb = len(lead[0])
    at = nb if bx else nb + len(_free(x.ndim, inner[0], lead[0]))
    if at == 0:
        return out
    order = (at, *(a for a in range(out.ndim) if a != at))
    return out.builder.apply_named("transpose", out, axes=order)


def _samples() -> list[Sample]:
    rng = np.random.default_rng(4)

    def sample(x: Axes, y: Axes, contract: Pairs, batch: Pairs = ((), ()), dtype: Any = float) -> Sample:
        return Sample(
            (rng.normal(size=x).astype(dtype), rng.normal(size=y).astype(dtype)),
            {"contract": contract, "batch": batch},
        )

    return [
        sample((3,), (3,), ((0,), (0,))),
        sample((2, 3), (3, 4), ((1,), (0,))),
        sample((2, 3), (3, 4), ((1,), (0,)), dtype=np.float32),
        sample((3, 2), (4, 3), ((0,), (1,))),
        sample((3, 2), (3,), ((0,), (0,))),
        sample((5, 2, 3), (5, 3, 4), ((2,), (1,)), ((0,), (0,))),
        sample((2, 5, 3), (4, 3, 5), ((2,), (1,)), ((1,), (2,))),
        sample((2, 3, 4), (4, 5, 3), ((1, 2), (2, 0))),
        sample((2,), (3,), ((), ())),
        sample((2, 0), (0, 3), ((1,), (0,))),
    ]


dot: Primitive = primitive(
    "dot",
    "the sum of products over the contracted axes; output axes: batch, free axes of x, free axes of y",
    evaluate=_evaluate,
    infer=_infer,
    jvp=_jvp,
    transpose=_transpose,
    batch=_batch,
    samples=_samples,
    stage=_stage,
    flops=lambda x, y, contract, batch: (
        2 * _infer(x, y, contract, batch).size * math.prod(x.shape[i] for i in contract[0])
    ),
    label="gradient switcher",
    explanation="hands to each factor the incoming gradient times the transpose of the other factor",
)
