"""Which products are narrow: a few rows times a matrix that fits into the cache; see :mod:`.narrow_products`."""

from __future__ import annotations

from typing import Any, Final

from .loops import Product

ROWS: Final = 4
"""Rows of the result that are computed at once."""
WIDTH: Final = 32
"""Bytes of the vectors; where registers are smaller, LLVM cuts them up."""
_MOST: Final = 16
"""Rows from which on copying the second factor into another order pays."""
_LARGEST: Final = 1 << 17
"""Bytes of the second factor up to which it stays in the cache."""


def narrow_form(step: Product) -> tuple[Any, ...] | None:
    """Return what the code of a product depends on if it is narrow, else None."""
    (_, m, k), n = step.x.shape, step.y.shape[2]
    item = step.x.dtype.itemsize
    lanes = WIDTH // item
    by_rows = step.x.strides[2] == 1, step.y.strides[2] == 1
    if not k or m > _MOST or n * k * item > _LARGEST or (step.cut is not None and step.cut.tasks > 1):
        return None
    # Where y is stored by columns, vectors are along the terms, which must lie side by side in both factors.
    fits = n % lanes == 0 if by_rows[1] else k % lanes == 0 and n % 2 == 0 and by_rows[0]
    if not fits or step.out.strides[2] != 1:
        return None
    tail = by_rows[1] and n % (2 * lanes) != 0
    return "narrow_product", step.x.dtype.str, by_rows, m % ROWS, tail, step.accumulate
