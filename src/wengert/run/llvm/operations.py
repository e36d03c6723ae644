"""Which scalar operations compiled loops have, and for which dtypes; how they are emitted stands in ``scalars``.

Fusing a graph needs to know only this much.  It does not load LLVM, which a process whose kernels are all on disk
never needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

_NATIVE: Final = frozenset("f8 f4 i8 i4 i2 i1 u1 u2 u4 u8 b1".split())

MATHLIB: Final = (
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh "
    "pow cbrt hypot erf erfc sigmoid lgamma digamma"
).split()

CHEAP: Final = frozenset(
    "add sub mul madd neg scale integer_pow convert copy stop_gradient abs sign copysign eq ne lt le gt ge max min "
    "select isnan isinf isfinite signbit floor ceil trunc rint logical_and logical_or logical_xor logical_not".split()
)
"""Operations of one or a few instructions."""

_FLOAT_ONLY: Final = frozenset(
    (
        "sqrt scale div reciprocal signbit copysign logaddexp logaddexp2 xlogy xlog1py logit log_expit exp10 "
        + " ".join(MATHLIB)
    ).split()
)
_INTEGER_ONLY: Final = frozenset({"left_shift", "right_shift"})
_NUMBERS_ONLY: Final = frozenset({"floor_divide", "remainder", "fmod"})

OPERATIONS: Final = (
    _FLOAT_ONLY
    | _INTEGER_ONLY
    | _NUMBERS_ONLY
    | frozenset(
        "add sub mul neg integer_pow convert copy stop_gradient abs sign eq ne lt le gt ge max min select isnan isinf "
        "isfinite floor ceil trunc rint logical_and logical_or logical_xor logical_not bitwise_and bitwise_or "
        "bitwise_xor bitwise_not".split()
    )
)
"""All names that a primitive's ``lower`` may have."""


def code(dtype: Any) -> str:
    """Return kind and size of a dtype, e.g. ``f8``."""
    return f"{dtype.kind}{dtype.itemsize}"


def is_native(dtype: Any) -> bool:
    """Say whether loops can hold values of this dtype."""
    return code(dtype) in _NATIVE and dtype.isnative


def supports(name: str | None, dtypes: Sequence[Any], params: Mapping[str, Any]) -> bool:
    """Say whether there is an operation of this name for operands of these dtypes (the output's last)."""
    if name not in OPERATIONS or not all(map(is_native, dtypes)):
        return False
    kind = dtypes[0].kind
    if name in _FLOAT_ONLY:
        return bool(kind == "f")
    if name in _INTEGER_ONLY:
        return bool(kind in "iu")
    if name in _NUMBERS_ONLY:
        return bool(kind in "iuf")
    if name == "integer_pow":
        return bool(kind == "f") and abs(params["n"]) <= 64
    if name == "convert":
        return not (kind == "f" and dtypes[-1].kind in "iu" and dtypes[-1].itemsize < 4)
    return True
