"""Functions that are defined by an equation, with derivatives by the implicit-function theorem."""

from .linear import linear_solve
from .minimize import minimize
from .ode import odeint
from .root import fixed_point, root

__all__ = ["fixed_point", "linear_solve", "minimize", "odeint", "root"]
