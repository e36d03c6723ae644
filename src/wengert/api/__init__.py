"""The public transforms."""

from .batching import vmap
from .check import check_grads
from .custom import custom_jvp, custom_vjp
from .compile import jit
from .differentiate import grad, jvp, linearize, stop_gradient, value_and_grad, vjp
from .explain import explain
from .inspect import trace
from .jacobians import hessian, hvp, jacfwd, jacobian, jacrev

__all__ = [
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
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
