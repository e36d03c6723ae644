"""Losses: how far predictions are from the truth, as one number (the mean over all entries).

``reduction="none"`` gives the loss of each entry and ``"sum"`` their sum.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..core.source import user_line
from ..core.symbol import Sym
from ..errors import ArgumentError, DtypeError, ShapeError, explain
from .activations import largest

Reduction = Literal["mean", "sum", "none"]


def softmax_cross_entropy(logits: Any, labels: Any, *, reduction: Reduction = "mean") -> Any:
    """Return minus the log-probability that the softmax of the logits gives to the true class.

    Parameters
    ----------
    logits : array of shape (..., classes)
        Any real numbers; not probabilities.
    labels : integer array of shape (...)
        Number of the true class, from 0.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    scalar, or array of shape (...)
        Its gradient by the logits is (softmax(logits) - one_hot(labels)) / number of labels.

    Raises
    ------
    DtypeError
        If the labels are not integers.
    ShapeError
        If there is not one label for each row of logits, or a label is not the number of a class.

    References
    ----------
    C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.

    Examples
    --------
    >>> logits = np.array([[800.0, 0.0], [0.0, 0.0]])
    >>> softmax_cross_entropy(logits, np.array([0, 1]), reduction="none").round(4)
    array([0.    , 0.6931])
    """
    if not isinstance(labels, Sym):
        labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            explain(
                "Labels are the numbers of the true classes.",
                found=f"labels of dtype {labels.dtype}",
                line=user_line(),
                fix="labels.astype(int), or np.argmax(labels, axis=-1) if they are one-hot rows",
            )
        )
    shape = np.shape(logits)
    if not shape or labels.shape != shape[:-1]:
        raise ShapeError(
            explain(
                "There is one label for each row of logits.",
                found=f"logits of shape {shape}, labels of shape {labels.shape}",
                line=user_line(),
                fix="logits of shape (..., classes) with labels of shape (...)",
            )
        )
    classes = shape[-1]
    if isinstance(labels, np.ndarray) and labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ShapeError(
            explain(
                "A label is the number of a class.",
                found=f"labels from {labels.min()} to {labels.max()} for {classes} classes",
                line=user_line(),
                fix="number the classes from 0",
            )
        )
    # A mask and not logits[rows, labels]: sums and choices compile to one loop with what stands around them.
    chosen = labels[..., None] == np.arange(classes)
    shifted = logits - largest(logits, -1)
    losses = np.log(np.sum(np.exp(shifted), axis=-1)) - np.sum(np.where(chosen, shifted, 0.0), axis=-1)
    return _reduced(losses, reduction)


def sigmoid_binary_cross_entropy(logits: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """Return minus the log-probability of targets 0 or 1, where 1 has the probability sigmoid(logits).

    Parameters
    ----------
    logits, targets : array
        Of one shape; targets between 0 and 1.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    scalar, or array of the shape of the targets

    Raises
    ------
    ShapeError

    Notes
    -----
    -t log s(z) - (1 - t) log(1 - s(z)) = log(1 + exp(z)) - t z, which overflows nowhere.

    Examples
    --------
    >>> logits, targets = np.array([-800.0, 0.0, 5.0]), np.array([0.0, 1.0, 0.0])
    >>> sigmoid_binary_cross_entropy(logits, targets, reduction="none").round(4)
    array([0.    , 0.6931, 5.0067])
    """
    _same_shape(logits, targets, "targets")
    return _reduced(np.logaddexp(logits, 0.0) - targets * logits, reduction)


def mse(predictions: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """Return the squared error.

    Parameters
    ----------
    predictions, targets : array
        Of one shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    scalar, or array of the shape of the targets

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> float(mse(np.array([1.0, 3.0]), np.array([0.0, 1.0])))
    2.5
    """
    _same_shape(predictions, targets, "targets")
    return _reduced(np.square(predictions - targets), reduction)


def mae(predictions: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """Return the absolute error; its derivative where they are equal is 0.

    Parameters
    ----------
    predictions, targets : array
        Of one shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    scalar, or array of the shape of the targets

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> float(mae(np.array([1.0, 3.0]), np.array([0.0, 1.0])))
    1.5
    """
    _same_shape(predictions, targets, "targets")
    return _reduced(np.abs(predictions - targets), reduction)


def huber(predictions: Any, targets: Any, delta: float = 1.0, *, reduction: Reduction = "mean") -> Any:
    """Return half the squared error, continued by straight lines where the error is larger than ``delta``.

    Parameters
    ----------
    predictions, targets : array
        Of one shape.
    delta : float
        Positive.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    scalar, or array of the shape of the targets

    Raises
    ------
    ShapeError
    ArgumentError
        If delta is not positive.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> huber(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise ArgumentError(explain("The delta of a Huber loss is positive.", found=f"delta={delta}", line=user_line()))
    _same_shape(predictions, targets, "targets")
    error = np.abs(predictions - targets)
    near = np.minimum(error, delta)
    return _reduced(near * (error - 0.5 * near), reduction)


def _same_shape(predictions: Any, targets: Any, what: str) -> None:
    """Refuse to broadcast: (n, 1) with (n,) would quietly compare each prediction with all targets."""
    if np.shape(predictions) != np.shape(targets):
        raise ShapeError(
            explain(
                f"Predictions and {what} have one shape.",
                found=f"{np.shape(predictions)} and {np.shape(targets)}",
                line=user_line(),
                fix="np.reshape one of them, e.g. predictions[:, 0]",
            )
        )


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "mean":
        return np.mean(losses)
    if reduction == "sum":
        return np.sum(losses)
    if reduction == "none":
        return losses
    raise ArgumentError(
        explain('reduction is "mean", "sum" or "none".', found=f"reduction={reduction!r}", line=user_line())
    )
