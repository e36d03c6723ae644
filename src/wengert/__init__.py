"""Wengert differentiates ordinary NumPy programs."""

from typing import TYPE_CHECKING, Any

from . import api as _api
from .core.graph import Graph
from .core.tree import register_dataclass
from .errors import WengertError

if TYPE_CHECKING:
    from .api.explain import explain

__version__ = "0.1.0"

check_grads = _api.check_grads
custom_jvp = _api.custom_jvp
custom_vjp = _api.custom_vjp
grad = _api.grad
hessian = _api.hessian
hvp = _api.hvp
jacfwd = _api.jacfwd
jacobian = _api.jacobian
jacrev = _api.jacrev
jit = _api.jit
jvp = _api.jvp
linearize = _api.linearize
stop_gradient = _api.stop_gradient
trace = _api.trace
value_and_grad = _api.value_and_grad
vjp = _api.vjp
vmap = _api.vmap

__all__ = [
    "Graph",
    "WengertError",
    "check_grads",
    "custom_jvp",
    "custom_vjp",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "register_dataclass",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    """Load ``explain`` when it is first asked for: a program that only differentiates need not wait for it."""
    if name == "explain":
        from .api.explain import explain

        globals()[name] = explain
        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
