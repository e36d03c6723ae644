"""What NumPy's and SciPy's functions mean for traced arrays, a file per family.  Importing this package fills the table."""

from . import methods, products, reductions, shaping

__all__ = ["methods", "products", "reductions", "shaping"]
