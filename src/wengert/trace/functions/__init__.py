"""What NumPy's and SciPy's functions mean for traced arrays, a file per family.  Importing this package fills the table."""

from . import (
    calculus,
    cumulative,
    einsum,
    elementwise,
    methods,
    missing,
    polynomials,
    products,
    reductions,
    shaping,
    sorting,
    statistics,
)

__all__ = [
    "calculus",
    "cumulative",
    "einsum",
    "elementwise",
    "methods",
    "missing",
    "polynomials",
    "products",
    "reductions",
    "shaping",
    "sorting",
    "statistics",
]
