"""Wengert differentiates ordinary NumPy programs."""

from typing import TYPE_CHECKING, Any

from . import api as _api
from .core.graph import Graph
from .core.tree import register_dataclass
from .errors import WengertError

if TYPE_CHECKING:
    from .api.explain import explain
    from .view import view

__version__ = "0.1.0"

associative_scan = _api.associative_scan
check_grads = _api.check_grads
checkpoint = _api.checkpoint
cond = _api.cond
custom_jvp = _api.custom_jvp
custom_vjp = _api.custom_vjp
debug_nans = _api.debug_nans
find_nan = _api.find_nan
fixed_point = _api.fixed_point
fori_loop = _api.fori_loop
grad = _api.grad
hessian = _api.hessian
hvp = _api.hvp
jacfwd = _api.jacfwd
jacobian = _api.jacobian
jacrev = _api.jacrev
jit = _api.jit
jvp = _api.jvp
linear_solve = _api.linear_solve
linearize = _api.linearize
minimize = _api.minimize
odeint = _api.odeint
root = _api.root
scan = _api.scan
stop_gradient = _api.stop_gradient
switch = _api.switch
trace = _api.trace
value_and_grad = _api.value_and_grad
vjp = _api.vjp
vmap = _api.vmap
while_loop = _api.while_loop

__all__ = [
    "Graph",
    "WengertError",
    "associative_scan",
    "check_grads",
    "checkpoint",
    "cond",
    "custom_jvp",
    "custom_vjp",
    "debug_nans",
    "explain",
    "find_nan",
    "fixed_point",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linear_solve",
    "linearize",
    "minimize",
    "odeint",
    "register_dataclass",
    "root",
    "scan",
    "stop_gradient",
    "switch",
    "trace",
    "value_and_grad",
    "view",
    "vjp",
    "vmap",
    "while_loop",
]


def __getattr__(name: str) -> Any:
    """Load ``explain`` and ``view`` when they are first asked for: a program that only differentiates need not wait."""
    if name == "view":
        from .view import view

        globals()[name] = view  # in place of the folder of the same name, which importing it has put here
        return view
    if name == "explain":
        from .api.explain import explain

        globals()[name] = explain
        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
