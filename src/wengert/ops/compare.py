"""Comparison, selection, rounding, logic: operations that choose, count or truncate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.aval import Aval, aval
from ..core.primitive import Primitive, Sample
from ..errors import DtypeError, ShapeError, explain
from .arithmetic import convert, neg, scale
from .family import elementwise, full_like, grid, is_linear, pairs, zero_jvp

inf, nan = np.inf, np.nan
_EDGES = [0.0, -0.0, inf, -inf, nan, 0.5, -0.5, 1.5, 2.5]
_PAIRS = [(0.0, 0.0), (1.0, 1.0), (inf, inf), (nan, 1.0), (1.0, nan), (-0.0, 0.0), (-inf, 2.0)]
_SWITCHER = "hands the gradient to nobody: its output is constant almost everywhere"


def _flat(name: str, doc: str, ufunc: Any, samples: Any, dtype: Any = None, **rules: Any) -> Any:
    """Make the record of a function that is constant almost everywhere."""
    rules.setdefault("explanation", _SWITCHER)
    return elementwise(name, doc, ufunc, None, samples, dtype=dtype, jvp=zero_jvp, label="gradient stop", **rules)


def _rough(samples: Any, *more: Sample) -> Any:
    return lambda: [Sample(s.args, s.params, smooth=False) for s in [*samples(), *more]]


_ints = Sample((np.array([-3, 0, 2, 7]), np.array([2, 5, 2, -3])), smooth=False)
_bools = Sample((np.array([True, True, False, False]), np.array([True, False, True, False])), smooth=False)
_two = _rough(pairs((-2, -2), (2, 2), _PAIRS), _ints)

eq: Primitive = _flat("eq", "x == y", np.equal, _two, np.bool_, commutes=True, lower="eq")
ne: Primitive = _flat("ne", "x != y", np.not_equal, _two, np.bool_, commutes=True, lower="ne")
lt: Primitive = _flat("lt", "x < y", np.less, _two, np.bool_, lower="lt")
le: Primitive = _flat("le", "x <= y", np.less_equal, _two, np.bool_, lower="le")
gt: Primitive = _flat("gt", "x > y", np.greater, _two, np.bool_, lower="gt")
ge: Primitive = _flat("ge", "x >= y", np.greater_equal, _two, np.bool_, lower="ge")

_one = _rough(grid(-2.6, 2.6, edges=_EDGES))
isnan: Primitive = _flat("isnan", "whether x is nan", np.isnan, _one, np.bool_, lower="isnan")
isinf: Primitive = _flat("isinf", "whether x is infinite", np.isinf, _one, np.bool_, lower="isinf")
isfinite: Primitive = _flat("isfinite", "whether x is finite", np.isfinite, _one, np.bool_, lower="isfinite")
signbit: Primitive = _flat("signbit", "whether the sign bit is set", np.signbit, _one, np.bool_, lower="signbit")
floor: Primitive = _flat("floor", "the largest integer that is not above x", np.floor, _one, lower="floor")
ceil: Primitive = _flat("ceil", "the smallest integer that is not below x", np.ceil, _one, lower="ceil")
trunc: Primitive = _flat("trunc", "x without its fraction", np.trunc, _one, lower="trunc")
rint: Primitive = _flat("rint", "the nearest integer, ties to even", np.rint, _one, lower="rint")
sign: Primitive = _flat("sign", "-1, 0 or 1", np.sign, _one, lower="sign")

_logic = lambda: [_bools]  # noqa: E731
_integers = lambda: [_ints, _bools]  # noqa: E731
logical_and: Primitive = _flat(
    "logical_and", "x and y", np.logical_and, _logic, np.bool_, commutes=True, lower="logical_and"
)
logical_or: Primitive = _flat(
    "logical_or", "x or y", np.logical_or, _logic, np.bool_, commutes=True, lower="logical_or"
)
logical_xor: Primitive = _flat(
    "logical_xor", "either x or y", np.logical_xor, _logic, np.bool_, commutes=True, lower="logical_xor"
)
logical_not: Primitive = _flat(
    "logical_not",
    "not x",
    np.logical_not,
    lambda: [Sample((np.array([True, False]),), smooth=False)],
    np.bool_,
    lower="logical_not",
)
bitwise_and: Primitive = _flat(
    "bitwise_and", "bitwise and", np.bitwise_and, _integers, commutes=True, lower="bitwise_and"
)
bitwise_or: Primitive = _flat("bitwise_or", "bitwise or", np.bitwise_or, _integers, commutes=True, lower="bitwise_or")
bitwise_xor: Primitive = _flat(
    "bitwise_xor", "bitwise exclusive or", np.bitwise_xor, _integers, commutes=True, lower="bitwise_xor"
)
bitwise_not: Primitive = _flat(
    "bitwise_not",
    "bitwise not",
    np.invert,
    lambda: [Sample((np.array([0, 5, -3]),), smooth=False)],
    lower="bitwise_not",
)
_shifts = lambda: [Sample((np.array([1, 5, -9]), np.array([2, 0, 1])), smooth=False)]  # noqa: E731
left_shift: Primitive = _flat(
    "left_shift", "x shifted to the left by y bits", np.left_shift, _shifts, lower="left_shift"
)
right_shift: Primitive = _flat(
    "right_shift", "x shifted to the right by y bits", np.right_shift, _shifts, lower="right_shift"
)


def sign_of(x: Any) -> Any:
    """Return the sign as a coefficient."""
    return sign(x)


# -- select -----------------------------------------------------------------------------------------------------------


def _where(which: Any, x: Any, y: Any) -> Any:
    chosen: Any = np.where(which, x, y)
    return chosen[()]


def _select_infer(which: Aval, x: Aval, y: Aval) -> Aval:
    if not which.shape == x.shape == y.shape:
        raise ShapeError(explain("select takes operands of one shape.", found=f"{which!r}, {x!r}, {y!r}"))
    if which.dtype != np.bool_ or x.dtype != y.dtype:
        raise DtypeError(
            explain("select takes a bool and two operands of one dtype.", found=f"{which!r}, {x!r}, {y!r}")
        )
    return aval(x.shape, x.dtype)


def _select_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    which, x, y = primals
    _, tx, ty = tangents
    if tx is None and ty is None:
        return None
    return select(which, full_like(x, 0) if tx is None else tx, full_like(y, 0) if ty is None else ty)


def _select_transpose(ct: Any, which: Any, x: Any, y: Any) -> Any:
    zero = full_like(ct, 0)
    return (
        None,
        select(which, ct, zero) if is_linear(x) else None,
        select(which, zero, ct) if is_linear(y) else None,
    )


def _select_samples() -> list[Sample]:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 6))
    which = np.array([True, False, True, True, False, False])
    return [
        Sample((which, x, y)),
        Sample((which.reshape(2, 3), x.reshape(2, 3), y.reshape(2, 3))),
        Sample((np.asarray(True), np.asarray(1.5), np.asarray(2.0))),
        Sample((which, x.astype(np.float32), y.astype(np.float32))),
        Sample((which, np.full(6, nan), y), smooth=False),
    ]


select: Primitive = elementwise(
    "select",
    "x where the condition holds, y elsewhere",
    _where,
    None,
    _select_samples,
    infer=_select_infer,
    jvp=_select_jvp,
    transpose=_select_transpose,
    label="gradient router",
    explanation="routes the incoming gradient to the input that was chosen; the other gets zero",
    lower="select",
)

# -- maximum and minimum ----------------------------------------------------------------------------------------------


def _chosen(better: Any, x: Any, y: Any) -> Any:
    """Return the share of the gradient that the better one gets: 1, one half in a tie, 0 where it is not better.

    Both shares compare x with y for the tie, in this order: so one comparison serves both.
    """
    return select(eq(x, y), full_like(x, 0.5), convert(better, dtype=x.dtype))


_ROUTER: dict[str, Any] = {
    "label": "gradient router",
    "explanation": "routes the whole incoming gradient to the input that won; a tie splits it evenly",
    "commutes": True,
}
maximum: Primitive = elementwise(
    "max",
    "the larger of x and y",
    np.maximum,
    (lambda x, y, out: _chosen(gt(x, y), x, y), lambda x, y, out: _chosen(gt(y, x), x, y)),
    lambda: [*pairs((-2, -2), (2, 2), _PAIRS)(), _ints],
    **_ROUTER,
    lower="max",
)
minimum: Primitive = elementwise(
    "min",
    "the smaller of x and y",
    np.minimum,
    (lambda x, y, out: _chosen(lt(x, y), x, y), lambda x, y, out: _chosen(lt(y, x), x, y)),
    lambda: [*pairs((-2, -2), (2, 2), _PAIRS)(), _ints],
    **_ROUTER,
    lower="min",
)

# -- division with remainder ------------------------------------------------------------------------------------------

_divisors = pairs((-4, 0.6), (4, 3), [(0.0, 1.0), (5.0, 0.0), (inf, 2.0), (3.0, inf), (nan, 1.0), (-7.0, 2.0)])
floor_divide: Primitive = _flat(
    "floor_divide", "x // y", np.floor_divide, _rough(_divisors, _ints), lower="floor_divide"
)
remainder: Primitive = elementwise(
    "remainder",
    "x - y floor(x / y), with the sign of y",
    np.remainder,
    (lambda x, y, out: full_like(x, 1), lambda x, y, out: neg(floor_divide(x, y))),
    lambda: [*_divisors(), _ints],
    lower="remainder",
)
fmod: Primitive = elementwise(
    "fmod",
    "x - y trunc(x / y), with the sign of x",
    np.fmod,
    (lambda x, y, out: full_like(x, 1), lambda x, y, out: neg(trunc(x / y))),
    lambda: [*_divisors(), _ints],
    lower="fmod",
)
copysign: Primitive = elementwise(
    "copysign",
    "the absolute value of x with the sign of y",
    np.copysign,
    # The sign of x times the sign of y, both counting the sign bit of a zero, and 0 at x = 0 as for abs.
    (lambda x, y, out: scale(sign(x), copysign(full_like(x, 1), y)), None),
    pairs((-2, -2), (2, 2), [(0.0, -1.0), (2.0, -0.0), (nan, -1.0)]),
    lower="copysign",
)
nextafter: Primitive = _flat(
    "nextafter", "the next float after x towards y", np.nextafter, _rough(pairs((-2, -2), (2, 2)))
)
