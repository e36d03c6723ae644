"""What a native form is: a kernel written by hand, and what it reports when it cannot do what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import numpy as np

INDEX_OUTSIDE, NOT_POSITIVE, SINGULAR, SINGULAR_TRIANGLE, NO_EIGENVALUES, NO_SINGULAR_VALUES = 1, 3, 4, 5, 6, 7
"""What the status word says; 2 is :data:`~wengert.run.llvm.callback.FAILED`."""

_MESSAGES: Final = {
    NOT_POSITIVE: "Matrix is not positive definite",
    SINGULAR: "Singular matrix",
    SINGULAR_TRIANGLE: "singular matrix: the triangular factor has a zero on its diagonal",
    NO_EIGENVALUES: "Eigenvalues did not converge",
    NO_SINGULAR_VALUES: "SVD did not converge",
}


@dataclass(slots=True)
class Form:
    """How an equation is computed.

    Attributes
    ----------
    key : tuple
        What the code depends on: its name, a dtype, and whatever else.
    count : int
        Over how many matrices or rows it loops.
    numbers : list of int
        Sizes and addresses of functions.
    scratch : list of (size, dtype)
        Further memory.
    fails : bool
        Whether it may have something to report.
    skipped : tuple of int
        Outputs that nobody reads and that it does not write.
    """

    key: tuple[Any, ...]
    count: int
    numbers: list[int]
    scratch: list[tuple[int, Any]] = field(default_factory=list)
    fails: bool = False
    skipped: tuple[int, ...] = ()


def complain(status: int) -> NoReturn:
    """Raise what the status word stands for: the errors of the interpreter, which are NumPy's."""
    if status == INDEX_OUTSIDE:
        raise IndexError("an index array points outside of the array that it indexes")
    raise np.linalg.LinAlgError(_MESSAGES[status])
