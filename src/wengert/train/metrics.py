"""Metrics: what a training run is judged by, beside its loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.source import user_line
from ..errors import ArgumentError, ShapeError, explain


def accuracy(logits: Any, labels: Any) -> Any:
    """Return the part of the rows whose largest logit is that of the true class.

    Parameters
    ----------
    logits : array of shape (..., classes)
    labels : integer array of shape (...)

    Returns
    -------
    scalar

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> float(accuracy(np.array([[0.1, 2.0], [3.0, 1.0]]), np.array([1, 1])))
    0.5
    """
    _check(logits, labels)
    return np.mean(np.equal(np.argmax(logits, axis=-1), labels))


def top_k_accuracy(logits: Any, labels: Any, k: int = 5) -> float:
    """Return the part of the rows in which fewer than k classes have a larger logit than the true one.

    Parameters
    ----------
    logits : array of shape (..., classes)
    labels : integer array of shape (...)
    k : int

    Returns
    -------
    float

    Raises
    ------
    ShapeError, ArgumentError

    Examples
    --------
    >>> top_k_accuracy(np.array([[0.1, 2.0, 1.0], [3.0, 1.0, 2.0]]), np.array([2, 1]), k=2)
    0.5
    """
    _check(logits, labels)
    if k < 1:
        raise ArgumentError(explain("k is at least 1.", found=f"k={k}", line=user_line()))
    logits = np.asarray(logits)
    own = np.take_along_axis(logits, np.asarray(labels)[..., None], axis=-1)
    return float(np.mean(np.sum(logits > own, axis=-1) < k))


def confusion_matrix(logits: Any, labels: Any) -> np.ndarray[Any, Any]:
    """Count for each true class (row) how often each class was predicted (column).

    Parameters
    ----------
    logits : array of shape (..., classes)
    labels : integer array of shape (...)

    Returns
    -------
    integer array of shape (classes, classes)

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> confusion_matrix(np.array([[0.1, 2.0], [3.0, 1.0], [0.0, 1.0]]), np.array([1, 1, 0]))
    array([[0, 1],
           [1, 1]])
    """
    _check(logits, labels)
    classes = np.shape(logits)[-1]
    pairs = np.ravel(labels) * classes + np.ravel(np.argmax(logits, axis=-1))
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _check(logits: Any, labels: Any) -> None:
    if np.shape(logits)[:-1] != np.shape(labels) or not np.shape(logits):
        raise ShapeError(
            explain(
                "There is one label for each row of logits.",
                found=f"logits {np.shape(logits)}, labels {np.shape(labels)}",
                line=user_line(),
            )
        )
