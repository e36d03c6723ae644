"""The public transforms."""

from .batching import vmap
from .check import check_grads
from .checkpoint import checkpoint
from .compile import jit
from .control import associative_scan, cond, fori_loop, scan, switch, while_loop
from .custom import custom_jvp, custom_vjp
from .debug import debug_nans, find_nan
from .differentiate import grad, jvp, linearize, stop_gradient, value_and_grad, vjp
from .implicit import fixed_point, linear_solve, minimize, odeint, root
from .inspect import trace
from .jacobians import hessian, hvp, jacfwd, jacobian, jacrev

__all__ = [
    "associative_scan",
    "check_grads",
    "checkpoint",
    "cond",
    "custom_jvp",
    "custom_vjp",
    "debug_nans",
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
    "root",
    "scan",
    "stop_gradient",
    "switch",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
