"""Wengert differentiates ordinary NumPy programs."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from . import ops as _ops  # noqa: F401  fills the registry, which every graph needs
from .core.graph import Graph as Graph
from .core.tree import register_dataclass as register_dataclass
from .errors import WengertError as WengertError
from .run.ahead import get_ready

if TYPE_CHECKING:
    from .api.batching import vmap as vmap
    from .api.check import check_grads as check_grads
    from .api.checkpoint import checkpoint as checkpoint
    from .api.compile import jit as jit
    from .api.control import associative_scan as associative_scan
    from .api.control import cond as cond
    from .api.control import fori_loop as fori_loop
    from .api.control import scan as scan
    from .api.control import switch as switch
    from .api.control import while_loop as while_loop
    from .api.custom import custom_jvp as custom_jvp
    from .api.custom import custom_vjp as custom_vjp
    from .api.debug import debug_nans as debug_nans
    from .api.debug import find_nan as find_nan
    from .api.differentiate import grad as grad
    from .api.differentiate import jvp as jvp
    from .api.differentiate import linearize as linearize
    from .api.differentiate import stop_gradient as stop_gradient
    from .api.differentiate import value_and_grad as value_and_grad
    from .api.differentiate import vjp as vjp
    from .api.explain import explain as explain
    from .api.implicit import fixed_point as fixed_point
    from .api.implicit import linear_solve as linear_solve
    from .api.implicit import minimize as minimize
    from .api.implicit import odeint as odeint
    from .api.implicit import root as root
    from .api.inspect import trace as trace
    from .api.jacobians import hessian as hessian
    from .api.jacobians import hvp as hvp
    from .api.jacobians import jacfwd as jacfwd
    from .api.jacobians import jacobian as jacobian
    from .api.jacobians import jacrev as jacrev
    from .view import view as view

__version__ = "0.1.0"

_HOMES: Final = {
    ".api.batching": ("vmap",),
    ".api.check": ("check_grads",),
    ".api.checkpoint": ("checkpoint",),
    ".api.compile": ("jit",),
    ".api.control": ("associative_scan", "cond", "fori_loop", "scan", "switch", "while_loop"),
    ".api.custom": ("custom_jvp", "custom_vjp"),
    ".api.debug": ("debug_nans", "find_nan"),
    ".api.differentiate": ("grad", "jvp", "linearize", "stop_gradient", "value_and_grad", "vjp"),
    ".api.explain": ("explain",),
    ".api.implicit": ("fixed_point", "linear_solve", "minimize", "odeint", "root"),
    ".api.inspect": ("trace",),
    ".api.jacobians": ("hessian", "hvp", "jacfwd", "jacobian", "jacrev"),
    ".view": ("view",),
}
"""Where each public function lives; it is loaded when it is first asked for, and nobody waits for the rest."""
_HOME: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(["Graph", "WengertError", "register_dataclass", *_HOME])


def _load(name: str) -> Any:
    if name not in ("explain", "trace", "view"):  # which show graphs and need not run them
        get_ready()
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __getattr__(name: str) -> Any:
    """Load a public function when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _load(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This package, in which ``trace`` and ``view`` are functions although folders have these names, too.

    Python puts a folder into its package when the folder is first imported.  Here it would take the function's place.
    """

    trace = property(lambda self: _load("trace"), lambda self, folder: None)
    view = property(lambda self: _load("view"), lambda self, folder: None)


sys.modules[__name__].__class__ = _Package
