"""The public transforms."""

from .batching import vmap
from .check import check_grads
from .compile import jit
from .custom import custom_jvp, custom_vjp
from .differentiate import grad, jvp, linearize, stop_gradient, value_and_grad, vjp
from .inspect import trace
from .jacobians import hessian, hvp, jacfwd, jacobian, jacrev

__all__ = [
    "check_grads",
    "custom_jvp",
    "custom_vjp",
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
