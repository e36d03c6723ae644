"""Initialisers: first values of parameters, drawn from a generator that the caller gives.

They keep the variance of the signal about the same from layer to layer, forward (fan in) or backward (fan out).
A weight of shape (inputs, outputs) has those fans; a kernel of shape (outputs, inputs, *window) has both times the
entries of the window.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.source import user_line
from ..errors import ShapeError, explain

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]


def fans(shape: Shape) -> tuple[int, int]:
    """Return how many inputs one output entry of a layer reads, and how many outputs one input entry reaches.

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    (int, int)

    Raises
    ------
    ShapeError
        For fewer than two axes.

    Examples
    --------
    >>> fans((64, 32))
    (64, 32)
    >>> fans((16, 8, 3, 3))
    (72, 144)
    """
    if len(shape) < 2:
        raise ShapeError(
            explain(
                "Fans belong to weights (inputs, outputs) and kernels (outputs, inputs, *window).",
                found=f"shape {shape}",
                line=user_line(),
                fix="use zeros or normal for vectors",
            )
        )
    if len(shape) == 2:
        return shape
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def zeros(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Return zeros; nothing is drawn.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    Examples
    --------
    >>> zeros(np.random.default_rng(0), (2,))
    array([0., 0.])
    """
    return np.zeros(shape, dtype)


def normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64, *, std: float = 1.0) -> Array:
    """Return normally distributed numbers with mean 0.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype
    std : float
        Standard deviation.

    Returns
    -------
    array

    Examples
    --------
    >>> normal(np.random.default_rng(0), (2,), np.float32).dtype
    dtype('float32')
    """
    return (std * rng.standard_normal(shape)).astype(dtype)


def uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64, *, limit: float = 1.0) -> Array:
    """Return numbers equally distributed between -limit and limit.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype
    limit : float

    Returns
    -------
    array

    Examples
    --------
    >>> bool(np.abs(uniform(np.random.default_rng(0), (100,), limit=0.5)).max() < 0.5)
    True
    """
    return rng.uniform(-limit, limit, shape).astype(dtype)


def glorot_normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Normal with variance 2 / (fan in + fan out): for layers followed by tanh or by nothing.  Also named after Xavier.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> float(glorot_normal(np.random.default_rng(0), (200, 200)).std().round(3))
    0.071
    """
    return normal(rng, shape, dtype, std=math.sqrt(2 / sum(fans(shape))))


def glorot_uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Uniform with the variance of :func:`glorot_normal`.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    Examples
    --------
    >>> float(glorot_uniform(np.random.default_rng(0), (200, 200)).std().round(3))
    0.071
    """
    return uniform(rng, shape, dtype, limit=math.sqrt(6 / sum(fans(shape))))


def he_normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Normal with variance 2 / fan in, also named after Kaiming: for layers followed by relu.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", arXiv 1502.01852.

    Examples
    --------
    >>> float(he_normal(np.random.default_rng(0), (200, 200)).std().round(3))
    0.1
    """
    return normal(rng, shape, dtype, std=math.sqrt(2 / fans(shape)[0]))


def he_uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Uniform with the variance of :func:`he_normal`.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    Examples
    --------
    >>> float(he_uniform(np.random.default_rng(0), (200, 200)).std().round(3))
    0.1
    """
    return uniform(rng, shape, dtype, limit=math.sqrt(6 / fans(shape)[0]))


def lecun_normal(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Normal with variance 1 / fan in.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    References
    ----------
    Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.6.

    Examples
    --------
    >>> float(lecun_normal(np.random.default_rng(0), (200, 200)).std().round(3))
    0.071
    """
    return normal(rng, shape, dtype, std=math.sqrt(1 / fans(shape)[0]))


def lecun_uniform(rng: np.random.Generator, shape: Shape, dtype: Any = np.float64) -> Array:
    """Uniform with the variance of :func:`lecun_normal`.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    array

    Examples
    --------
    >>> float(lecun_uniform(np.random.default_rng(0), (200, 200)).std().round(3))
    0.071
    """
    return uniform(rng, shape, dtype, limit=math.sqrt(3 / fans(shape)[0]))


xavier_normal, xavier_uniform = glorot_normal, glorot_uniform
kaiming_normal, kaiming_uniform = he_normal, he_uniform
