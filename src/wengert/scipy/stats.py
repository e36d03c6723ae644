"""``scipy.stats``, as traced code sees it: log-densities and distribution functions of the common distributions.

They are differentiable in the point, in location and scale, and densities also in the shape parameters.  Outside of
the support a log-density is -inf with a gradient of 0.  Everything else of a distribution (``rvs``, ``fit`` ...) is
SciPy's own.

Examples
--------
>>> import wengert as wg
>>> from wengert.scipy import stats
>>> float(wg.grad(lambda mu: stats.norm.logpdf(1.5, loc=mu, scale=0.5))(1.0))
2.0
"""

from __future__ import annotations

from typing import Any

from scipy import stats as _stats

from ..trace import libraries as _libraries
from ..trace.rebind import translate as _translate


def __getattr__(name: str) -> Any:
    _libraries.load()
    return _translate(getattr(_stats, name))


def __dir__() -> list[str]:
    return dir(_stats)
