"""Running sums, products and extremes, and the recurrence that differentiates them.

All but the sum rest on one linear primitive, ``recurrence``: s[i] = a[i] s[i-1] + b[i].  It is the chain rule of "one
step after the other"; it needs no division, so that zeros among the factors are nothing special, and its transpose is
itself, run backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Primitive, Sample, primitive
from .arithmetic import convert, reciprocal
from .compare import eq
from .elementary import share
from .family import infer_like, is_linear, linear_jvp, scaled, total, with_batch

Axes = tuple[int, ...]
_NOT_LINEAR = "not linear; its pushforward is made of linear equations"


def shifted(x: Any, axis: int, back: bool = False, fill: float = 0.0) -> Any:
    """Return x moved by one place along an axis: entry i is the one before it, or with ``back`` the one after it."""
    b = x.builder
    n = x.shape[axis]
    if n == 0:
        return x
    keep = (1, n) if back else (0, n - 1)
    part = b.apply_named(
        "slice",
        x,
        starts=tuple(keep[0] if a == axis else 0 for a in range(x.ndim)),
        stops=tuple(keep[1] if a == axis else m for a, m in enumerate(x.shape)),
        steps=(1,) * x.ndim,
    )
    one = b.full(fill, tuple(1 if a == axis else m for a, m in enumerate(x.shape)), x.dtype)
    return b.apply_named("concatenate", *((part, one) if back else (one, part)), axis=axis)


def _backwards(x: Any, axis: int, reverse: bool) -> Any:
    return np.flip(x, axis) if reverse else x


def _accumulate(ufunc: Any) -> Callable[..., Any]:
    def evaluate(x: Any, axis: int, reverse: bool = False) -> Any:
        x = np.asarray(x)  # with its dtype given, NumPy does not widen small integers
        made = ufunc.accumulate(_backwards(x, axis, reverse), axis, x.dtype)
        return np.ascontiguousarray(_backwards(made, axis, reverse))

    return evaluate


def _batch(record: Callable[[], Primitive]) -> Any:
    def batch(size: int, args: Sequence[Any], batched: Any, axis: int, **how: Any) -> Any:
        return record()(*[with_batch(size, x, b) for x, b in zip(args, batched, strict=True)], axis=axis + 1, **how)

    return batch


def _rows(**how: Any) -> list[Sample]:
    rng = np.random.default_rng(21)
    x = rng.normal(size=(2, 3, 4))
    return [
        Sample((x,), {"axis": 1, **how}),
        Sample((x[0],), {"axis": 0, **how}),
        Sample((x[0, 0],), {"axis": 0, **how}),
        Sample((x[:, :1],), {"axis": 1, **how}),
        Sample((x[0].astype(np.float32),), {"axis": 1, **how}),
        Sample((np.empty((2, 0)),), {"axis": 1, **how}),
        Sample((np.array([1.0, np.inf, 0.0, np.nan]),), {"axis": 0, **how}, smooth=False),
    ]


# -- sum --------------------------------------------------------------------------------------------------------------

cumsum: Primitive = primitive(
    "cumsum",
    "the running sum along an axis",
    evaluate=_accumulate(np.add),
    infer=lambda x, axis, reverse: aval(x.shape, x.dtype),
    jvp=linear_jvp(lambda: cumsum),
    transpose=lambda ct, x, axis, reverse: (cumsum(ct, axis=axis, reverse=not reverse),),
    batch=_batch(lambda: cumsum),
    samples=lambda: [
        *_rows(reverse=False),
        *_rows(reverse=True),
        Sample((np.arange(6.0).reshape(2, 3) * (1 + 2j),), {"axis": 0, "reverse": False}),
    ],
    flops=lambda x, axis, reverse: x.size,
    label="gradient collector",
    explanation="hands to each entry the sum of the gradients of all running sums that it is part of: those from it on",
)

# -- the recurrence ---------------------------------------------------------------------------------------------------


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    a, b = np.asarray(a), np.asarray(b)
    out = np.empty(b.shape, b.dtype)
    turned = [np.moveaxis(v, axis, 0) for v in (a, b, out)]
    factors, terms, sums = (v[::-1] for v in turned) if reverse else turned
    if terms.size == len(terms):  # one row: Python's numbers are faster than arrays of one entry
        shape, last, row = sums.shape, 0.0, []
        for factor, term in zip(factors.ravel().tolist(), terms.ravel().tolist(), strict=True):
            last = factor * last + term if factor != 0 else term
            row.append(last)
        sums[...] = np.array(row, b.dtype).reshape(shape)
        return out
    state = np.zeros(terms.shape[1:], b.dtype)
    with np.errstate(all="ignore"):
        for i, factor in enumerate(factors):
            step = np.where(factor == 0, 0, factor * state)  # as for ``scale``: an exact zero wins over inf and nan
            state = np.add(step, terms[i], out=sums[i, ...])
    return out


def _recurrence_jvp(primals: Any, tangents: Any, out: Any, axis: int, reverse: bool) -> Any:
    (a, _), (ta, tb) = primals, tangents
    if ta is None and tb is None:
        return None
    # s' = a s'[-1] + (a' s[-1] + b'): the same recurrence with other terms.
    terms = total([None if ta is None else scaled(shifted(out, axis, reverse), ta), tb])
    return recurrence(a, terms, axis=axis, reverse=reverse)


def _recurrence_transpose(ct: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    if not is_linear(b):
        return (None, None)
    return (None, recurrence(shifted(a, axis, not reverse), ct, axis=axis, reverse=not reverse))


def _pairs(reverse: bool) -> list[Sample]:
    rng = np.random.default_rng(22)
    how = {"reverse": reverse}
    a, b = rng.normal(size=(2, 2, 3, 4))
    z = a[0] + 1j * b[0]
    return [
        Sample((a, b), {"axis": 1, **how}),
        Sample((a[0, 0], b[0, 0]), {"axis": 0, **how}),
        Sample((np.array([1.0, 0.0, 2.0, 0.0]), b[0, 0]), {"axis": 0, **how}),
        Sample((a[0].astype(np.float32), b[0].astype(np.float32)), {"axis": 1, **how}),
        Sample((a[:, :1], b[:, :1]), {"axis": 1, **how}),
        Sample((np.empty((2, 0)), np.empty((2, 0))), {"axis": 1, **how}),
        Sample((z, z[::-1].copy()), {"axis": 0, **how}),
    ]


recurrence: Primitive = primitive(
    "recurrence",
    "s[i] = a[i] s[i-1] + b[i] along an axis, from s = 0",
    evaluate=_recurrence,
    infer=infer_like(),
    jvp=_recurrence_jvp,
    transpose=_recurrence_transpose,
    batch=_batch(lambda: recurrence),
    samples=lambda: [*_pairs(False), *_pairs(True)],
    flops=lambda a, b, axis, reverse: 2 * a.size,
    label="gradient collector",
    explanation="hands the gradient back step by step, from the last entry to the first, multiplied by a on the way",
)

# -- product, extremes, log-sum-exp -----------------------------------------------------------------------------------


def _cumprod_jvp(primals: Any, tangents: Any, out: Any, axis: int) -> Any:
    (x,), (t,) = primals, tangents
    return None if t is None else recurrence(x, scaled(shifted(out, axis, fill=1), t), axis=axis, reverse=False)


def _nonlinear(name: str, doc: str, ufunc: Any, jvp: Any, samples: Any, **rules: Any) -> Primitive:
    record = primitive(
        name,
        doc,
        evaluate=_accumulate(ufunc),
        infer=lambda x, axis: aval(x.shape, x.dtype),
        jvp=jvp,
        transpose=NoRule(_NOT_LINEAR),
        batch=_batch(lambda: record),
        samples=samples,
        flops=_flops,
        **rules,
    )
    return record


def _flops(x: Aval, axis: int) -> int:
    return x.size


cumprod = _nonlinear(
    "cumprod",
    "the running product along an axis",
    np.multiply,
    _cumprod_jvp,
    lambda: [
        *_rows(),
        Sample((np.array([0.0, 2.0, 3.0]),), {"axis": 0}),
        Sample((np.array([[2.0, 0.0, 3.0, 0.0], [1.0, -1.0, 0.0, 2.0]]),), {"axis": 1}),
        Sample((np.arange(6.0).reshape(2, 3) * (1 + 2j),), {"axis": 0}),
    ],
    label="gradient switcher",
    explanation="hands to each entry the gradients of the running products it is part of, times their other factors",
)


def _extreme_jvp(primals: Any, tangents: Any, out: Any, axis: int) -> Any:
    (x,), (t,) = primals, tangents
    if t is None:
        return None
    # While the extreme stays what it is, its tangent is the mean of those of the entries that are equal to it.
    wins = convert(eq(x, out), dtype=x.dtype)
    stays = convert(eq(shifted(out, axis), out), dtype=x.dtype)
    count = recurrence(stays, wins, axis=axis, reverse=False)
    return scaled(reciprocal(count), recurrence(stays, scaled(wins, t), axis=axis, reverse=False))


_ties = lambda: [*_rows(), Sample((np.array([1.0, 3.0, 3.0, 2.0, 4.0, 4.0]),), {"axis": 0}, smooth=False)]  # noqa: E731
_ROUTER = {
    "label": "gradient router",
    "explanation": "routes each gradient to the entry that won so far; ties split it evenly",
}
cummax = _nonlinear("cummax", "the largest entry so far", np.maximum, _extreme_jvp, _ties, **_ROUTER)
cummin = _nonlinear("cummin", "the smallest entry so far", np.minimum, _extreme_jvp, _ties, **_ROUTER)


def _cumlogsumexp_jvp(primals: Any, tangents: Any, out: Any, axis: int) -> Any:
    (x,), (t,) = primals, tangents
    if t is None:
        return None
    # out[i] = logaddexp(out[i-1], x[i]): the weights of the two never overflow.
    before = shifted(out, axis, fill=-np.inf)
    return recurrence(share(before, x), scaled(share(x, before), t), axis=axis, reverse=False)


cumlogsumexp = _nonlinear(
    "cumlogsumexp",
    "log(exp(x[0]) + ... + exp(x[i])) without overflow",
    np.logaddexp,
    _cumlogsumexp_jvp,
    lambda: [*_rows(), Sample((np.array([-np.inf, -np.inf, 1.0, 800.0]),), {"axis": 0}, smooth=False)],
    label="gradient divider",
    explanation="divides each gradient among the entries so far in the proportion of their exponentials",
)
