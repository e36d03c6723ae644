"""What the records of one family have in common: elementwise, linear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import NoRule, Primitive, Sample, primitive
from ..core.symbol import Sym
from ..errors import DtypeError, ShapeError, explain

Partial = Callable[..., Any]


class Linear:
    """Stands in a transpose rule for the operand that the operation is linear in: only its aval is known."""

    __slots__ = ("aval",)

    def __init__(self, aval: Aval) -> None:
        self.aval = aval

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)


def is_linear(value: Any) -> bool:
    """Say whether an operand of a transpose rule is the one to transpose with respect to."""
    return isinstance(value, Linear)


# -- shape rules ------------------------------------------------------------------------------------------------------


def same_shape(*avals: Aval) -> tuple[int, ...]:
    """Return the shape that all operands must have."""
    shape = avals[0].shape
    for other in avals[1:]:
        if other.shape != shape:
            raise ShapeError(
                explain("Operands of an elementwise equation have one shape.", found=", ".join(map(repr, avals)))
            )
    return shape


def infer_like(dtype: Any = None, weak: bool = False) -> Callable[..., Aval]:
    """Return the shape rule of an elementwise primitive; ``dtype`` is fixed, a function of the operands', or theirs.

    With ``weak``, an operation on Python scalars gives a Python scalar, as Python's arithmetic does.
    """

    def infer(*avals: Aval, **_: Any) -> Aval:
        shape = same_shape(*avals)
        first = avals[0].dtype
        if weak and all(of.weak for of in avals):
            return aval(shape, first, True)
        for other in avals[1:]:
            if other.dtype != first:
                raise DtypeError(
                    explain("Operands of an elementwise equation have one dtype.", found=", ".join(map(repr, avals)))
                )
        if dtype is None:
            return aval(shape, first)
        return aval(shape, dtype(first) if callable(dtype) and not isinstance(dtype, type) else dtype)

    return infer


# -- batching rules ---------------------------------------------------------------------------------------------------


def with_batch(size: int, arg: Any, batched: bool) -> Any:
    """Give an operand the batch axis (axis 0) if it has none."""
    if batched:
        return arg
    axes = tuple(range(1, arg.ndim + 1))
    return arg.builder.apply_named("broadcast", arg, shape=(size, *arg.shape), axes=axes)


def batch_all(record: Callable[[], Primitive]) -> Callable[..., Any]:
    """Return the batching rule of a primitive that works on leading axes by itself: every operand gets the batch
    axis.
    """

    def batch(size: int, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> Any:
        return record()(*[with_batch(size, a, b) for a, b in zip(args, batched, strict=True)], **params)

    return batch


# -- families ---------------------------------------------------------------------------------------------------------


def full_like(x: Any, value: Any) -> Any:
    """Return an array of x's shape and dtype filled with a number."""
    return x.builder.full(value, x.aval.shape, x.aval.dtype)


def scaled(coefficient: Any, tangent: Any) -> Any:
    """Multiply a partial derivative and a tangent; see the primitive ``scale``."""
    return tangent.builder.apply_named("scale", coefficient, tangent)


def total(terms: Sequence[Any]) -> Any:
    """Add up the terms that are not None (zero); None if there are none."""
    result: Any = None
    for term in terms:
        if term is not None:
            result = term if result is None else result + term
    return result


def jvp_from(partials: Sequence[Partial | None]) -> Callable[..., Any]:
    """Return the pushforward of an elementwise primitive, from one partial derivative per operand."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **params: Any) -> Any:
        return total(
            [
                scaled(partial(*primals, out, **params), t)
                for partial, t in zip(partials, tangents, strict=True)
                if partial is not None and t is not None
            ]
        )

    return jvp


def elementwise(
    name: str,
    doc: str,
    ufunc: Callable[..., Any],
    partials: Sequence[Partial | None] | None,
    samples: Callable[[], Sequence[Sample]],
    *,
    dtype: Any = None,
    weak: bool = False,
    **rules: Any,
) -> Primitive:
    """Make the record of an elementwise primitive from its NumPy function and its partial derivatives.

    Each partial derivative is a formula in other primitives, ``(*operands, output) -> coefficient``, or None where it
    is zero almost everywhere.  ``partials=None`` with a ``jvp`` given means that the rule is not of this form.
    """
    if partials is not None:
        rules.setdefault("jvp", jvp_from(partials))
    rules.setdefault("infer", infer_like(dtype, weak))
    rules.setdefault("transpose", NoRule(f"{name} is not linear; its pushforward is made of linear equations"))
    rules.setdefault("batch", batch_all(lambda: record))
    rules.setdefault("label", "gradient scaler")
    rules.setdefault("explanation", "hands back the incoming gradient times its local derivative, entry by entry")
    record = primitive(name, doc, evaluate=ufunc, samples=samples, elementwise=True, **rules)
    return record


def linear_jvp(record: Callable[[], Primitive]) -> Callable[..., Any]:
    """Return the pushforward of a primitive that is linear in its only operand: the primitive itself."""

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **params: Any) -> Any:
        return None if tangents[0] is None else record()(tangents[0], **params)

    return jvp


def zero_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, **params: Any) -> Any:
    """Pushforward of what is constant almost everywhere: a zero tangent."""
    return (None,) * len(out) if isinstance(out, tuple) else None


# -- samples ----------------------------------------------------------------------------------------------------------


def grid(low: float, high: float, *, edges: Sequence[float] = ()) -> Callable[[], list[Sample]]:
    """Return samples for a function of one operand: points inside an interval in several shapes and dtypes, and
    edges.
    """

    def samples() -> list[Sample]:
        x = np.linspace(low, high, 7)
        made = [
            Sample((x,)),
            Sample((x[:6].reshape(2, 3),)),
            Sample((np.asarray(x[2]),)),
            Sample((x[:5].astype(np.float32),)),
            Sample((np.empty((0, 3)),)),
        ]
        if edges:
            made.append(Sample((np.array(edges, float),), smooth=False))
        return made

    return samples


def pairs(low: tuple[float, float], high: tuple[float, float], edges: Sequence[tuple[float, float]] = ()) -> Any:
    """Return samples for a function of two operands."""

    def samples() -> list[Sample]:
        rng = np.random.default_rng(7)
        x, y = (rng.uniform(lo, hi, 6) for lo, hi in zip(low, high, strict=True))
        made = [
            Sample((x, y)),
            Sample((x.reshape(2, 3), y.reshape(2, 3))),
            Sample((np.asarray(x[0]), np.asarray(y[0]))),
            Sample((x.astype(np.float32), y.astype(np.float32))),
            Sample((np.empty((2, 0)), np.empty((2, 0)))),
        ]
        if edges:
            a, b = np.array(edges, float).T
            made.append(Sample((a.copy(), b.copy()), smooth=False))
        return made

    return samples


def is_sym(value: Any) -> bool:
    """Say whether a value is symbolic."""
    return isinstance(value, Sym)
