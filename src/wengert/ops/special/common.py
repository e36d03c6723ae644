"""What the special functions share: SciPy's code, looked up when it is first needed, and orders that are no variables.

Importing ``scipy.special`` takes longer than importing all of Wengert.  ``import scipy`` alone is cheap; SciPy then
loads a submodule when somebody asks for it, which here is when a special function is run.

Formulas are from the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, quoted by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy

from ...core.aval import Aval, aval
from ...core.primitive import NoRule, Primitive, Sample, primitive
from ..arithmetic import convert
from ..family import Partial, batch_all, elementwise, full_like, same_shape, scaled

inf, nan = np.inf, np.nan
EDGES = [0.0, -0.0, inf, -inf, nan, 1.0, -1.0, 800.0, -800.0]


def library(name: str) -> Callable[..., Any]:
    """Return a function that calls ``scipy.special.name``."""

    def evaluate(*operands: Any) -> Any:
        return getattr(scipy.special, name)(*operands)

    evaluate.__name__ = name
    return evaluate


def special(
    name: str,
    doc: str,
    partials: Sequence[Partial | None] | None,
    samples: Callable[[], Sequence[Sample]],
    **rules: Any,
) -> Primitive:
    """Make the record of an elementwise function that is ``scipy.special.name``."""
    rules.setdefault("stage", lambda *avals: getattr(scipy.special, name))
    return elementwise(name, doc, library(name), partials, samples, **rules)


def several(
    name: str,
    doc: str,
    slopes: Callable[[Any, Any], Sequence[Any]],
    count: int,
    samples: Callable[[], Sequence[Sample]],
) -> Primitive:
    """Make the record of a function of one operand with several outputs.

    ``slopes`` takes the operand and the outputs and gives the derivative of each output.
    """

    def jvp(primals: Sequence[Any], tangents: Sequence[Any], outs: Any) -> Any:
        (x,), (t,) = primals, tangents
        return (None,) * count if t is None else tuple([scaled(slope, t) for slope in slopes(x, outs)])

    record = primitive(
        name,
        doc,
        evaluate=library(name),
        stage=lambda x: getattr(scipy.special, name),
        infer=lambda x: (x,) * count,
        jvp=jvp,
        transpose=NoRule(f"{name} is not linear; its pushforward is made of linear equations"),
        batch=batch_all(lambda: record),
        samples=samples,
        multiple=True,
        label="gradient scaler",
        explanation="hands back the sum of the incoming gradients, each times its local derivative, entry by entry",
    )
    return record


# -- functions of an order and an argument ----------------------------------------------------------------------------


def _infer_ordered(*avals: Aval) -> Aval:
    return aval(same_shape(*avals), avals[-1].dtype)


def real_kind(dtype: Any) -> Any:
    """Return the real dtype of the same precision."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def ordered(
    name: str, doc: str, partial: Partial, samples: Callable[[], Sequence[Sample]], orders: int = 1, **rules: Any
) -> Primitive:
    """Make the record of a function of ``orders`` orders or shape parameters, and then of an argument.

    The derivative by the argument is ``partial``.  That by an order is another kind of function, of which there is no
    code; the orders may therefore be integers as well as numbers of the argument's dtype.
    """
    evaluate = library(name)

    def run(*operands: Any) -> Any:
        *first, x = operands
        dtype = real_kind(np.asarray(x).dtype)
        return evaluate(*[np.asarray(v).astype(dtype, copy=False) for v in first], x)

    reason = NoRule(
        f"The derivative of {name} by its order or shape parameter is not a function that SciPy has.\n"
        "  fix:   treat the parameter as a constant with wg.stop_gradient, or use differences for it"
    )
    partials: list[Partial | None] = [*[reason] * orders, partial]
    return elementwise(name, doc, run, partials, samples, infer=_infer_ordered, **rules)


def like(v: Any, x: Any) -> Any:
    """Return an order in the dtype of the argument, for arithmetic with it."""
    return v if v.dtype == x.dtype else convert(v, dtype=x.dtype)


def constant(x: Any, value: float) -> Any:
    """Return an array of x's shape and dtype filled with a number."""
    return full_like(x, value)


def orders_and(
    orders: Sequence[Sequence[int]], low: float, high: float, edges: Sequence[float] = ()
) -> Callable[[], list[Sample]]:
    """Return samples: columns of whole-number orders (six of each) with six points of an interval."""

    def samples() -> list[Sample]:
        first = [np.array(v) for v in orders]
        x = np.linspace(low, high, 6)
        made = [
            Sample((*first, x)),
            Sample((*[v.reshape(2, 3) for v in first], x.reshape(2, 3))),
            Sample((*[np.asarray(v[1]) for v in first], np.asarray(x[1]))),
            Sample((*first, x.astype(np.float32))),
            Sample((*[v[:0].reshape(0, 2) for v in first], np.empty((0, 2)))),
        ]
        if edges:
            ends = np.array(edges, float)
            made.append(Sample((*[np.full(len(ends), v[1]) for v in first], ends), smooth=False))
        return made

    return samples
