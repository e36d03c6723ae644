"""Linear algebra, a file per decomposition.  Every primitive works on stacks of matrices: leading axes are batches."""

from . import cholesky, determinant, eig, eigh, functions, lu, parting, pinv, qr, solve, svd, sylvester

__all__ = [
    "cholesky",
    "determinant",
    "eig",
    "eigh",
    "functions",
    "lu",
    "parting",
    "pinv",
    "qr",
    "solve",
    "svd",
    "sylvester",
]
