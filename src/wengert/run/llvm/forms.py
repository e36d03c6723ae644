"""Native forms: equations that are neither loops over independent points nor matrix products.

Running sums, places of extremes, factorisations.  Each form is a kernel (``forms_code`` has its IR) over a batch of
rows or matrices; here stands for which equations there is one, and the numbers that it is called with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import numpy as np

from .loops import Call, Fill, whole
from .operations import is_native
from .pointers import address

CONSTANT: Final = frozenset({"iota", "iota_like"})
"""What depends on shapes only and is computed once and for all."""

RUNNING: Final = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min", "cumlogsumexp": "logaddexp"}
PLACES: Final = {"argmax": ">", "argmin": "<"}
INDEX_OUTSIDE, NOT_POSITIVE, SINGULAR, SINGULAR_TRIANGLE = 1, 3, 4, 5
"""What the status word says; 2 is :data:`~wengert.run.llvm.callback.FAILED`."""


@dataclass(slots=True)
class Form:
    """How an equation is computed: the code's key, the batch, further memory as (size, dtype), sizes and addresses."""

    key: tuple[Any, ...]
    count: int
    numbers: list[int]
    scratch: list[tuple[int, Any]] = field(default_factory=list)
    fails: bool = False


def forms_of(name: str, inputs: Sequence[Any], outputs: Sequence[Any], params: Mapping[str, Any]) -> Form | None:
    """Return the form of an equation, given the avals it reads and writes; None where it has none."""
    x = inputs[0] if inputs else None
    if x is None or not is_native(x.dtype) or any(a.dtype != x.dtype for a in inputs):
        return None
    if name in RUNNING or name == "recurrence":
        outer, n, inner = _around(x.shape, params["axis"])
        how = RUNNING.get(name, name)
        if (how == "logaddexp" or name == "recurrence") and x.dtype.kind != "f":
            return None
        key = ("running", x.dtype.str, how, bool(params.get("reverse", False)), inner == 1)
        return Form(key, outer if n * inner else 0, [n, inner])
    if name in PLACES:
        outer, n, inner = _around(x.shape, params["axis"])
        return Form(("place", x.dtype.str, PLACES[name]), outer if inner else 0, [n, inner])
    if x.dtype.kind == "f" and name in _MATRICES and x.ndim >= 2:
        found: Form = _MATRICES[name](*inputs, **params)
        return found
    return None


def _around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _lapack(module: str, name: str, dtype: Any) -> int:
    return address(f"cython_{module}", ("d" if dtype.itemsize == 8 else "s") + name)


def _cholesky(a: Any) -> Form:
    n = a.shape[-1]
    return Form(
        ("cholesky", a.dtype.str),
        math.prod(a.shape[:-2]) if n else 0,
        [n, _lapack("lapack", "potrf", a.dtype)],
        [],
        True,
    )


def _solve(a: Any, b: Any | None = None) -> Form:
    """LU factorisation by LAPACK's gesv on matrices stored by columns, as NumPy does it."""
    n = a.shape[-1]
    k = n if b is None else b.shape[-1]
    scratch = [(n * n, a.dtype), (n * k, a.dtype), (n, np.dtype(np.int32))]
    return Form(
        ("solve", a.dtype.str, b is None),
        math.prod(a.shape[:-2]) if n else 0,
        [n, k, _lapack("lapack", "gesv", a.dtype)],
        scratch,
        True,
    )


def _triangular_solve(a: Any, b: Any, lower: bool, unit: bool) -> Form:
    n, k = b.shape[-2:]
    return Form(
        ("triangular", a.dtype.str, lower, unit),
        math.prod(a.shape[:-2]) if n * k else 0,
        [n, k, _lapack("blas", "trsm", a.dtype)],
        [],
        True,
    )


_MATRICES: Final[dict[str, Any]] = {
    "cholesky": _cholesky,
    "solve": _solve,
    "inv": _solve,
    "triangular_solve": _triangular_solve,
}


def describe_call(step: Call, base: Any) -> list[int]:
    """Return the description of a form: the batch, base and offset of everything it touches, then the numbers."""
    found = [step.count]
    targets = [whole(buffer, shape) for buffer, shape in zip(step.outputs, step.shapes, strict=True)]
    for view in (*step.inputs, *targets):
        number, start = base(view.buffer)
        found += [number, start + view.offset * view.dtype.itemsize]
    for buffer in step.scratch:
        found += base(buffer)
    return [*found, *step.numbers]


def fill_form(fill: Fill) -> tuple[Any, ...]:
    """Return the form that sets a buffer to a number: one for each size of entries, whatever the number."""
    return ("fill", f"<u{fill.buffer.dtype.itemsize}")


def describe_fill(fill: Fill, base: Any) -> list[int]:
    """Return the description of a fill: number of entries, place, bits."""
    bits = np.asarray(fill.value, fill.buffer.dtype).tobytes()
    return [fill.buffer.size, *base(fill.buffer), int.from_bytes(bits, "little", signed=True)]


def complain(status: int) -> NoReturn:
    """Raise what the status word stands for: the errors of the interpreter, which are NumPy's."""
    if status == INDEX_OUTSIDE:
        raise IndexError("an index array points outside of the array that it indexes")
    raise np.linalg.LinAlgError(
        {
            NOT_POSITIVE: "Matrix is not positive definite",
            SINGULAR: "Singular matrix",
            SINGULAR_TRIANGLE: "singular matrix: the triangular factor has a zero on its diagonal",
        }[status]
    )
