"""The primitives, a file per family.  Importing this package fills the registry."""

from . import arithmetic, compare, convolution, elementary, index, product, reduce, shape, windows

__all__ = ["arithmetic", "compare", "convolution", "elementary", "index", "product", "reduce", "shape", "windows"]
