"""The functions of ``scipy.special``: a record each, with the derivative as a formula in other records."""

from . import bessel, entropy, errors, gamma, integrals, inverse

__all__ = ["bessel", "entropy", "errors", "gamma", "integrals", "inverse"]
