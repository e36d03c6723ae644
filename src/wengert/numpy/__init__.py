"""NumPy, as traced code sees it: a drop-in for ``import numpy as np``.

Plain NumPy works in functions that Wengert transforms, and needs no other import.  This namespace is for code that
Wengert cannot look into by itself (callbacks held in objects, functions made by ``exec``, C extensions calling back):
its creation functions (``zeros``, ``empty``, ``array``, ``asarray``, ``arange`` ...) make arrays that traced values can
be written into while a trace is running, and are NumPy's own otherwise.

Examples
--------
>>> import wengert as wg
>>> import wengert.numpy as wnp
>>> def f(x):
...     y = wnp.zeros(3)
...     y[1] = x * x
...     return wnp.sum(y)
>>> float(wg.grad(f)(3.0))
6.0
"""

from __future__ import annotations

from typing import Any

import numpy as _np

from ..trace.creation import NAMESPACE as _NAMESPACE


def __getattr__(name: str) -> Any:
    return getattr(_NAMESPACE, name)


def __dir__() -> list[str]:
    return dir(_np)
