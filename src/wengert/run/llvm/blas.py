"""Matrix products: which kernel computes one, how threads share it, and the numbers that it is called with.

Small ones are computed in registers (:mod:`.small_products`), those of a few rows with a matrix that fits into the
cache by loops of our own (:mod:`.narrow`), others by BLAS's gemm (:mod:`.products`).

BLAS has threads of its own.  Those of OpenBLAS wait for each other in every product, and while they wait they take
the cores from the threads that share our loops (:mod:`.threads`), and these from them.  So a large product is cut into
a task for each of our own threads, a product that BLAS computes in one thread: it is told so for as long as the tasks
run, where it has a way to be told.  Tasks are parts of the result, so that every sum is taken as a whole; only where
the result is too small for that are they parts of the sums (:func:`in_parts`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from .loops import Product
from .narrow import narrow_form
from .pointers import address, blas_threads

ALONE: Final = 1 << 18
"""Multiplications up to which a product is too short to be shared; OpenBLAS draws the line at the same number."""
_PART: Final = 16
"""Rows or columns that a task has at least: each packs one of the factors anew, which must be little work beside it."""
_PARTS: Final = 4
"""Parts of a sum."""
_MULTIPLES: Final = {"rows": 8, "columns": 16}
"""Parts are multiples of what BLAS computes at once."""
SMALL: Final = 8
"""Rows, columns and terms up to which a product is small."""


def product_form(step: Product) -> tuple[Any, ...]:
    """Return what the code of a product depends on."""
    m, n, k = _sizes(step)
    if not 0 < min(m, n, k) <= max(m, n, k) <= SMALL:
        return narrow_form(step) or ("product", step.x.dtype.str, _axis(step))
    by_rows = step.x.strides[2] == 1, step.y.strides[2] == 1
    return "small_product", step.x.dtype.str, m, n, k, by_rows, step.accumulate


def _axis(step: Product) -> str:
    """Return along what the kernel of a product runs: where it is not cut, along the batch."""
    return "batch" if step.cut is None else str(step.cut.axis)


def _sizes(step: Product) -> tuple[int, int, int]:
    return step.x.shape[1], step.y.shape[2], step.x.shape[2]


def in_parts(m: int, n: int, terms: int) -> int:
    """Return into how many products of fewer terms a product is cut, whose sum it is; 1 for most.

    Where there are few rows and columns but many terms, tasks can only be parts of the sums.  How many there are does
    not depend on the number of threads, and so neither do the results.
    """
    return _PARTS if max(m, n) < 2 * _PART and m * n * terms > _PARTS * ALONE else 1


@dataclass(frozen=True)
class Cut:
    """How a product is cut: along its batch, the rows or the columns of the result; tasks of so many of them.

    Attributes
    ----------
    alone : bool
        Whether BLAS takes one thread for it anyway, or nobody shares: then it need not be told so.
    """

    axis: str
    count: int
    part: int
    tasks: int
    alone: bool = False


def cut(step: Product, threads: int) -> Cut:
    """Return how a product is cut into tasks; into one where it is short, or where nobody else is there to share it."""
    batch, m, n = step.out.shape
    if threads == 1 or batch * m * n * step.x.shape[2] <= ALONE or blas_threads() == (0, 0):
        return Cut("batch", batch, batch, 1, alone=True)
    if batch > 1:
        axis, count, part = "batch", batch, -(-batch // threads)
    else:
        axis, count = ("rows", m) if m >= n else ("columns", n)
        multiple = _MULTIPLES[axis]
        part = max(-(-count // (threads * multiple)) * multiple, _PART)
        if part >= count:  # computed as a whole, perhaps without BLAS
            return Cut("batch", batch, batch, 1, alone=narrow_form(step) is not None)
    return Cut(axis, count, part, -(-count // part))


def describe_product(step: Product, base: Any) -> list[int]:
    """Return the description of a product; see :func:`.products.emit_product`."""
    item = step.x.dtype.itemsize
    m, n, k = _sizes(step)
    axis = _axis(step)
    numbers = [{"batch": step.x.shape[0], "rows": m, "columns": n}[axis]]
    moving = {"batch": (0, 0, 0), "rows": (1, None, 1), "columns": (None, 2, 2)}[axis]
    for view, along in zip((step.x, step.y, step.out), moving, strict=True):
        number, start = base(view.buffer)
        numbers += [number, start + view.offset * item, 0 if along is None else view.strides[along] * item]
    turned, leading = [], []
    for view in (step.y, step.x, step.out):
        by_rows = view.strides[2] == 1
        turned.append(ord("N") if by_rows else ord("T"))
        leading.append(view.strides[1] if by_rows else view.strides[2])
    by_blas = product_form(step)[0] == "product"
    gemm = address("cython_blas", "dgemm" if item == 8 else "sgemm") if by_blas else 0
    (alpha,) = struct.unpack("<q", struct.pack("<d", step.alpha))
    return [*numbers, m, n, k, *leading, *turned[:2], int(step.accumulate), gemm, alpha]
