"""``scipy.special``, as traced code sees it.

The ufuncs are SciPy's own: they ask a traced argument what to do.  Python functions (``logsumexp``, ``softmax`` ...)
take traced arguments here.  Which functions are differentiable is listed in the documentation.

Examples
--------
>>> import numpy as np
>>> import wengert as wg
>>> from wengert.scipy import special
>>> wg.grad(special.logsumexp)(np.array([0.0, 0.0, -np.inf]))
array([0.5, 0.5, 0. ])
"""

from __future__ import annotations

from typing import Any

import numpy as _np
from scipy import special as _special

from ..trace import libraries as _libraries
from ..trace.rebind import translate as _translate


def __getattr__(name: str) -> Any:
    _libraries.load()
    value = getattr(_special, name)
    return value if isinstance(value, _np.ufunc) else _translate(value)


def __dir__() -> list[str]:
    return dir(_special)
