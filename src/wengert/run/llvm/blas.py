"""Matrix products: the numbers that the kernel around BLAS's gemm is called with (see ``products``)."""

from __future__ import annotations

import struct
from typing import Any

from .loops import Product
from .pointers import address


def describe_product(step: Product, base: Any) -> list[int]:
    """Return the description of a product."""
    item = step.x.dtype.itemsize
    numbers = [step.x.shape[0]]
    for view in (step.x, step.y, step.out):
        number, start = base(view.buffer)
        numbers += [number, start + view.offset * item, view.strides[0] * item]
    turned, leading = [], []
    for view in (step.y, step.x, step.out):
        by_rows = view.strides[2] == 1
        turned.append(ord("N") if by_rows else ord("T"))
        leading.append(view.strides[1] if by_rows else view.strides[2])
    m, n, k = step.x.shape[1], step.y.shape[2], step.x.shape[2]
    gemm = "dgemm" if item == 8 else "sgemm"
    (alpha,) = struct.unpack("<q", struct.pack("<d", step.alpha))
    return [*numbers, m, n, k, *leading, *turned[:2], int(step.accumulate), address("cython_blas", gemm), alpha]
