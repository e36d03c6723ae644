"""The primitives, a file per family.  Importing this package fills the registry."""

from . import (
    arithmetic,
    compare,
    control,
    convolution,
    cumulative,
    elementary,
    fft,
    index,
    linalg,
    product,
    reduce,
    shape,
    sinc,
    sort,
    special,
    windows,
)

__all__ = [
    "arithmetic",
    "compare",
    "control",
    "convolution",
    "cumulative",
    "elementary",
    "fft",
    "index",
    "linalg",
    "product",
    "reduce",
    "shape",
    "sinc",
    "sort",
    "special",
    "windows",
]
