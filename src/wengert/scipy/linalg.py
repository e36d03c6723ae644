"""``scipy.linalg``, as traced code sees it: a drop-in for ``import scipy.linalg``.

Plain SciPy works in functions that Wengert transforms, and needs no other import.  This namespace is for code that
Wengert cannot look into by itself (callbacks held in objects, functions made by ``exec``): its functions take traced
values, and are SciPy's own for all others.

Examples
--------
>>> import numpy as np, wengert as wg
>>> from wengert.scipy import linalg
>>> def log_determinant(a):
...     return 2 * np.sum(np.log(np.diagonal(linalg.cholesky(a))))
>>> wg.grad(log_determinant)(np.diag([2.0, 4.0])).tolist()
[[0.5, 0.0], [0.0, 0.25]]
"""

from __future__ import annotations

from typing import Any

import scipy.linalg as _linalg

from ..trace import libraries as _libraries
from ..trace.rebind import translate as _translate


def __getattr__(name: str) -> Any:
    _libraries.load()
    return _translate(getattr(_linalg, name))


def __dir__() -> list[str]:
    return dir(_linalg)
