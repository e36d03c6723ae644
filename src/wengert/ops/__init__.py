"""The primitives, a file per family.  Importing this package fills the registry."""

from . import arithmetic, compare, control, convolution, cumulative, elementary, index, product, reduce, shape, sinc, sort, windows

__all__ = [
    "arithmetic",
    "compare",
    "control",
    "convolution",
    "cumulative",
    "elementary",
    "index",
    "product",
    "reduce",
    "shape",
    "sinc",
    "sort",
    "windows",
]
