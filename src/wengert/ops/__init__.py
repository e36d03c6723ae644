"""The primitives, a file per family.  Importing this package fills the registry."""

from . import arithmetic, compare, elementary, index, product, reduce, shape

__all__ = ["arithmetic", "compare", "elementary", "index", "product", "reduce", "shape"]
