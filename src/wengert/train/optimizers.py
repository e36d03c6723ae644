"""Optimisers: how a gradient changes the parameters.

An optimiser holds settings only.  Its state is a plain container of arrays beside the parameters:

    state = optimizer.init(params)
    params, state = optimizer.update(gradients, state, params)

``update`` makes new arrays and leaves its arguments alone.  A training loop that owns its parameters saves the copies
with ``inplace=True``, which writes into the arrays of ``params`` and ``state``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..core.source import user_line
from ..core.tree import flatten, paths, unflatten
from ..errors import ArgumentError, DtypeError, explain
from .schedules import Schedule, as_schedule

Array = np.ndarray[Any, Any]


class Optimizer(Protocol):
    """What an optimiser is: settings with these two methods.

    Examples
    --------
    >>> class SignDescent:
    ...     def init(self, params):
    ...         return {}
    ...     def update(self, gradients, state, params, *, inplace=False):
    ...         return [p - 0.1 * np.sign(g) for p, g in zip(params, gradients)], state
    >>> SignDescent().update([np.array([3.0, -2.0])], {}, [np.array([1.0, 1.0])])
    ([array([0.9, 1.1])], {})
    """

    def init(self, params: Any) -> Any:
        """Return the state that goes with these parameters before the first step."""

    def update(self, gradients: Any, state: Any, params: Any, *, inplace: bool = False) -> tuple[Any, Any]:
        """Return parameters and state after a step."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: against the gradient, with momentum if wanted.

    With momentum μ the velocity is v = μ v + g and the step is against v; with Nesterov's momentum, against g + μ v.

    Parameters
    ----------
    learning_rate : float or schedule
    momentum : float
        μ, at least 0 and below 1.
    nesterov : bool
    weight_decay : float
        This much of the parameters is added to the gradient (L2 penalty).

    Raises
    ------
    ArgumentError
        For settings that make no sense.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013.

    Examples
    --------
    >>> optimizer = SGD(0.1)
    >>> params = {"w": np.array([1.0])}
    >>> optimizer.update({"w": np.array([2.0])}, optimizer.init(params), params)[0]
    {'w': array([0.8])}
    """

    learning_rate: float | Schedule
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_rate(self.learning_rate)
        _within(0, self.momentum, 1, "momentum")
        _within(0, self.weight_decay, math.inf, "weight_decay")
        if self.nesterov and not self.momentum:
            raise ArgumentError(
                explain("Nesterov's momentum needs a momentum.", line=user_line(), fix="SGD(rate, 0.9, nesterov=True)")
            )

    def init(self, params: Any) -> Any:
        """Return the step number and, with momentum, a velocity of 0."""
        return {"step": 0} | ({"velocity": _zeros(params)} if self.momentum else {})

    def update(self, gradients: Any, state: Any, params: Any, *, inplace: bool = False) -> tuple[Any, Any]:
        """Return parameters and state after a step."""
        rate = as_schedule(self.learning_rate)(state["step"])
        ps, gs, structure = _leaves(params, gradients, inplace)
        vs = _state(state["velocity"], inplace) if self.momentum else [None] * len(ps)
        for p, g, v in zip(ps, gs, vs, strict=True):
            if self.weight_decay:
                g = g + self.weight_decay * p
            if v is not None:
                v *= self.momentum
                v += g
                g = g + self.momentum * v if self.nesterov else v
            p -= rate * g
        after = {"step": state["step"] + 1}
        if self.momentum:
            after["velocity"] = unflatten(structure, vs)
        return unflatten(structure, ps), after


@dataclass(frozen=True)
class Adam:
    """Adam: steps along a running mean of the gradient, divided by the root of a running mean of its square.

    Parameters
    ----------
    learning_rate : float or schedule
    beta1, beta2 : float
        How much of each running mean is kept in a step.
    epsilon : float
        Added to the root.
    weight_decay : float
        This much of the parameters is added to the gradient (L2 penalty); for decoupled decay see :class:`AdamW`.

    Raises
    ------
    ArgumentError
        For settings that make no sense.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", arXiv 1412.6980, algorithm 1.

    Examples
    --------
    >>> optimizer = Adam(0.1)
    >>> params = [np.array([1.0, 1.0])]
    >>> optimizer.update([np.array([2.0, -0.01])], optimizer.init(params), params)[0][0].round(5)
    array([0.9, 1.1])
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_rate(self.learning_rate)
        _within(0, self.beta1, 1, "beta1")
        _within(0, self.beta2, 1, "beta2")
        _within(0, self.epsilon, math.inf, "epsilon")
        _within(0, self.weight_decay, math.inf, "weight_decay")

    def init(self, params: Any) -> Any:
        """Return the step number and two running means of 0."""
        return {"step": 0, "mean": _zeros(params), "square": _zeros(params)}

    def update(self, gradients: Any, state: Any, params: Any, *, inplace: bool = False) -> tuple[Any, Any]:
        """Return parameters and state after a step."""
        step = state["step"] + 1
        rate = as_schedule(self.learning_rate)(state["step"])
        # The running means start at 0; dividing by what is missing from 1 corrects for that.
        root_correction = (1 - self.beta2**step) ** 0.5
        corrected_rate = rate / (1 - self.beta1**step)
        ps, gs, structure = _leaves(params, gradients, inplace)
        means, squares = _state(state["mean"], inplace), _state(state["square"], inplace)
        for p, g, m, s in zip(ps, gs, means, squares, strict=True):
            g = self._decay(p, g, rate)
            m *= self.beta1
            m += (1 - self.beta1) * g
            s *= self.beta2
            work = np.multiply(g, g, out=np.empty_like(s))
            work *= 1 - self.beta2
            s += work
            np.sqrt(s, out=work)
            work /= root_correction
            work += self.epsilon
            np.divide(m, work, out=work)
            work *= corrected_rate
            p -= work
        after = {"step": step, "mean": unflatten(structure, means), "square": unflatten(structure, squares)}
        return unflatten(structure, ps), after

    def _decay(self, p: Array, g: Array, rate: float) -> Array:
        return g + self.weight_decay * p if self.weight_decay else g


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: the parameters themselves shrink, by learning rate times ``weight_decay``.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for :class:`Adam`.
    weight_decay : float

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", arXiv 1711.05101, algorithm 2.

    Examples
    --------
    >>> optimizer = AdamW(0.1, weight_decay=0.5)
    >>> params = [np.array([1.0])]
    >>> optimizer.update([np.array([2.0])], optimizer.init(params), params)[0]
    [array([0.85])]
    """

    weight_decay: float = 1e-2

    def _decay(self, p: Array, g: Array, rate: float) -> Array:
        if self.weight_decay:
            p *= 1 - rate * self.weight_decay
        return g


# -- containers and checks --------------------------------------------------------------------------------------------


def _leaves(params: Any, gradients: Any, inplace: bool) -> tuple[list[Any], list[Any], Any]:
    """Return the arrays to write into, the gradients, and the container."""
    ps, structure = flatten(params)
    gs, other = flatten(gradients)
    if structure != other:
        raise ArgumentError(
            explain(
                "Gradients come in the containers of the parameters.",
                found=f"parameters {structure}, gradients {other}",
                line=user_line(),
            )
        )
    for k, (p, g) in enumerate(zip(ps, gs, strict=True)):
        if np.shape(p) != np.shape(g):
            raise ArgumentError(
                explain(
                    "A gradient has the shape of its parameter.",
                    found=f"params{paths(params)[k]} {np.shape(p)}, gradient {np.shape(g)}",
                    line=user_line(),
                )
            )
    return _writable(ps, inplace), gs, structure


def _state(tree: Any, inplace: bool) -> list[Any]:
    return _writable(flatten(tree)[0], inplace)


def _writable(leaves: list[Any], inplace: bool) -> list[Any]:
    if not inplace:
        return [np.copy(leaf) for leaf in leaves]  # not np.array, so that a step can be traced, as for wg.view
    for leaf in leaves:
        if not isinstance(leaf, np.ndarray) or not leaf.flags.writeable:
            raise ArgumentError(
                explain(
                    "inplace=True writes into the arrays of params and state.",
                    found=f"{leaf!r}, which is not a writable array",
                    line=user_line(),
                    fix="leave inplace=True out, or make it an array of its own with np.array(...)",
                )
            )
    return leaves


def _zeros(params: Any) -> Any:
    leaves, structure = flatten(params)
    for k, leaf in enumerate(leaves):
        if np.asarray(leaf).dtype.kind not in "fc":
            raise DtypeError(
                explain(
                    "Parameters are arrays of floating-point numbers.",
                    found=f"params{paths(params)[k]} of dtype {np.asarray(leaf).dtype}",
                    line=user_line(),
                    fix="convert it with .astype(float), or keep what is not trained out of the parameters",
                )
            )
    return unflatten(structure, [np.zeros_like(leaf) for leaf in leaves])


def _check_rate(rate: Any) -> None:
    if not callable(rate):
        _within(0, rate, math.inf, "learning_rate")


def _within(low: float, value: float, high: float, name: str) -> None:
    if not low <= value < high:
        raise ArgumentError(
            explain(
                f"{name} is at least {low} and " + ("finite." if high == math.inf else f"below {high}."),
                found=f"{name}={value}",
                line=user_line(),
            )
        )
