"""The primitives, a file per family.  Importing this package fills the registry."""

from . import arithmetic, compare, convolution, cumulative, elementary, index, product, reduce, shape, sort, windows

__all__ = [
    "arithmetic",
    "compare",
    "convolution",
    "cumulative",
    "elementary",
    "index",
    "product",
    "reduce",
    "shape",
    "sort",
    "windows",
]
