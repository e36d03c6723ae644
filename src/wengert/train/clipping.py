"""Gradient clipping: keep one bad batch from throwing the parameters far away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.source import user_line
from ..core.tree import flatten, tree_map
from ..errors import ArgumentError, explain


def clip_by_value(gradients: Any, limit: float) -> Any:
    """Return the gradients with each entry between -limit and limit.

    Parameters
    ----------
    gradients : container of arrays
    limit : float
        Positive.

    Returns
    -------
    container of arrays

    Raises
    ------
    ArgumentError
        If the limit is not positive.

    Examples
    --------
    >>> clip_by_value({"w": np.array([-3.0, 0.5])}, 1.0)
    {'w': array([-1. ,  0.5])}
    """
    _check(limit)
    return tree_map(lambda g: np.clip(g, -limit, limit), gradients)


def global_norm(tree: Any) -> float:
    """Return the Euclidean norm of all entries of all arrays together.

    Parameters
    ----------
    tree : container of arrays

    Returns
    -------
    float

    Examples
    --------
    >>> global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    total = 0.0
    for leaf in flatten(tree)[0]:
        flat = np.ravel(leaf)
        total += float(np.vdot(flat, flat).real)
    return math.sqrt(total)


def clip_by_global_norm(gradients: Any, limit: float) -> tuple[Any, float]:
    """Return the gradients, scaled down together if their norm is larger than the limit, and the norm that they had.

    Parameters
    ----------
    gradients : container of arrays
    limit : float
        Positive.

    Returns
    -------
    (container of arrays, float)

    Raises
    ------
    ArgumentError
        If the limit is not positive.

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", arXiv 1211.5063.

    Examples
    --------
    >>> clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
    ([array([0.6]), array([0.8])], 5.0)
    """
    _check(limit)
    norm = global_norm(gradients)
    if norm <= limit:
        return gradients, norm
    return tree_map(lambda g: g * (limit / norm), gradients), norm


def _check(limit: float) -> None:
    if not limit > 0:
        raise ArgumentError(explain("The limit of clipping is positive.", found=f"limit={limit}", line=user_line()))
