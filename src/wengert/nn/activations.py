"""Activations: elementwise functions between the layers of a network.  All are plain NumPy and keep the dtype of
their input.

Each is written in the form that neither overflows nor loses its derivative far from 0; at a kink the derivative is
the mean of both sides (relu at 0: one half).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from scipy import special

from ..api.differentiate import stop_gradient

_SQRT_HALF: Final = math.sqrt(0.5)
_SQRT_2_OVER_PI: Final = math.sqrt(2 / math.pi)


def relu(x: Any) -> Any:
    """Return the positive part, max(x, 0).

    Parameters
    ----------
    x : array

    Returns
    -------
    array

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return np.maximum(x, 0.0)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where it is positive and ``slope * x`` elsewhere.

    Parameters
    ----------
    x : array
    slope : float
        Between 0 and 1.

    Returns
    -------
    array

    References
    ----------
    A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> leaky_relu(np.array([-1.0, 2.0]), 0.1)
    array([-0.1,  2. ])
    """
    return np.maximum(x, 0.0) + slope * np.minimum(x, 0.0)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive and ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    x : array
    alpha : float
        Minus the value far to the left.

    Returns
    -------
    array

    References
    ----------
    D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    arXiv 1511.07289.

    Examples
    --------
    >>> elu(np.array([-800.0, 0.0, 2.0]))
    array([-1.,  0.,  2.])
    """
    positive = np.greater(x, 0)
    return np.where(positive, x, alpha * np.expm1(np.where(positive, 0.0, x)))


def sigmoid(x: Any) -> Any:
    """Return the logistic function, 1 / (1 + exp(-x)).

    Parameters
    ----------
    x : array

    Returns
    -------
    array

    Examples
    --------
    >>> sigmoid(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    return special.expit(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    x : array

    Returns
    -------
    array

    Examples
    --------
    >>> tanh(np.array([-400.0, 0.0, 400.0]))
    array([-1.,  0.,  1.])
    """
    return np.tanh(x)


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), a smooth relu.

    Parameters
    ----------
    x : array

    Returns
    -------
    array

    Examples
    --------
    >>> softplus(np.array([-800.0, 0.0, 800.0])).round(3)
    array([0.00e+00, 6.93e-01, 8.00e+02])
    """
    return np.logaddexp(x, 0.0)


def silu(x: Any) -> Any:
    """Return x sigmoid(x), also called swish.

    Parameters
    ----------
    x : array

    Returns
    -------
    array

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", arXiv 1702.03118.

    Examples
    --------
    >>> silu(np.array([-800.0, 0.0, 800.0]))
    array([ -0.,   0., 800.])
    """
    return x * special.expit(x)


def gelu(x: Any, *, approximate: bool = False) -> Any:
    """Return x P(Z <= x) for a standard normal Z.

    Parameters
    ----------
    x : array
    approximate : bool
        Use the formula with tanh, which many published networks were trained with; it differs by up to 5e-4.

    Returns
    -------
    array

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", arXiv 1606.08415.

    Examples
    --------
    >>> gelu(np.array([-40.0, 0.0, 1.0, 40.0])).round(6)
    array([-0.      ,  0.      ,  0.841345, 40.      ])
    >>> gelu(np.array([1.0]), approximate=True).round(6)
    array([0.841192])
    """
    if approximate:
        return 0.5 * x * (1.0 + np.tanh(_SQRT_2_OVER_PI * (x + 0.044715 * (x * x * x))))
    # erfc, not 1 + erf: far to the left the difference would cancel.
    return 0.5 * x * special.erfc(-_SQRT_HALF * x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) divided by its sum along an axis: positive numbers that add up to 1.

    Parameters
    ----------
    x : array
    axis : int

    Returns
    -------
    array of the shape of x

    Examples
    --------
    >>> softmax(np.array([800.0, 800.0, -800.0]))
    array([0.5, 0.5, 0. ])
    """
    e = np.exp(x - largest(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return the logarithm of :func:`softmax`, without computing the softmax, which may be 0.

    Parameters
    ----------
    x : array
    axis : int

    Returns
    -------
    array of the shape of x

    Examples
    --------
    >>> log_softmax(np.array([800.0, -800.0]))
    array([    0., -1600.])
    """
    shifted = x - largest(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def largest(x: Any, axis: int) -> Any:
    """Return what to subtract so that exp cannot overflow: a constant, as the result does not depend on it."""
    return stop_gradient(np.max(x, axis=axis, keepdims=True))
