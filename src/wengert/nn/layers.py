"""Layers: each knows how to make its parameters and how to apply them.

A layer holds settings only; the parameters are plain nested dicts and lists of arrays that the caller keeps:

    params = layer.init(rng)          # rng: a NumPy generator
    y = layer.apply(params, x)        # plain NumPy

so that ``wg.grad`` of a function of ``params`` is a gradient by the parameters, in the same containers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..core.source import user_line
from ..errors import ArgumentError, ShapeError, explain
from . import convolution, initializers

Params = Any
Rng = np.random.Generator
Initializer = Callable[..., Any]


@runtime_checkable
class Layer(Protocol):
    """What a layer is: settings with these two methods.  A class of your own with them is a layer too.

    Examples
    --------
    >>> class Square:
    ...     def init(self, rng, dtype=np.float64):
    ...         return {}
    ...     def apply(self, params, x, *, train=False, rng=None):
    ...         return x * x
    >>> isinstance(Square(), Layer)
    True
    """

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        """Return first values for the parameters."""

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        """Return the output; ``train`` and ``rng`` matter to layers with random behaviour."""


class Stateless:
    """What layers without parameters have in common."""

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        """Return an empty container: there are no parameters."""
        return {}


@dataclass(frozen=True)
class Linear:
    """x W + b over the last axis.

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the last axis before and after.
    bias : bool
    initializer : callable
        For the weight, of shape (inputs, outputs); the bias starts at 0.

    Examples
    --------
    >>> layer = Linear(3, 2)
    >>> params = layer.init(np.random.default_rng(0))
    >>> {name: value.shape for name, value in params.items()}
    {'weight': (3, 2), 'bias': (2,)}
    >>> layer.apply(params, np.ones((5, 3))).shape
    (5, 2)
    """

    inputs: int
    outputs: int
    bias: bool = True
    initializer: Initializer = field(default=initializers.glorot_uniform, repr=False)

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        params = {"weight": self.initializer(rng, (self.inputs, self.outputs), dtype)}
        return params | {"bias": np.zeros(self.outputs, dtype)} if self.bias else params

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        check_axis(self, x, -1, self.inputs)
        y = x @ params["weight"]
        return y + params["bias"] if self.bias else y


@dataclass(frozen=True)
class Conv:
    """Convolution over any number of axes of space; see :func:`wengert.nn.conv`.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels.
    window : tuple of int
        Size of the kernel along each axis of space, e.g. (3, 3) for images.
    stride, padding, dilation, groups
        As for :func:`wengert.nn.conv`.
    bias : bool
        One number for each output channel.
    initializer : callable
        For the kernel, of shape (outputs, inputs / groups, *window).

    Raises
    ------
    ArgumentError
        If groups do not divide the channels.

    Examples
    --------
    >>> layer = Conv(1, 8, (3, 3), padding="same")
    >>> params = layer.init(np.random.default_rng(0), np.float32)
    >>> layer.apply(params, np.ones((2, 1, 28, 28), np.float32)).shape
    (2, 8, 28, 28)
    """

    inputs: int
    outputs: int
    window: tuple[int, ...]
    stride: int | Sequence[int] = 1
    padding: convolution.Padding = 0
    dilation: int | Sequence[int] = 1
    groups: int = 1
    bias: bool = True
    initializer: Initializer = field(default=initializers.he_normal, repr=False)

    def __post_init__(self) -> None:
        if self.groups < 1 or self.inputs % self.groups or self.outputs % self.groups:
            raise ArgumentError(
                explain(
                    "Groups divide the numbers of channels.",
                    found=f"{self.groups} groups, {self.inputs} inputs, {self.outputs} outputs",
                    line=user_line(),
                )
            )

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        params = {"weight": self.initializer(rng, (self.outputs, self.inputs // self.groups, *self.window), dtype)}
        return params | {"bias": np.zeros(self.outputs, dtype)} if self.bias else params

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        y = convolution.conv(
            x, params["weight"], stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups
        )
        return y + np.reshape(params["bias"], (-1, *(1,) * len(self.window))) if self.bias else y


@dataclass(frozen=True)
class MaxPool(Stateless):
    """The largest entry of each window; see :func:`wengert.nn.max_pool`.

    Examples
    --------
    >>> MaxPool(2).apply({}, np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    window: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: convolution.Padding = 0

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        return convolution.max_pool(x, self.window, stride=self.stride, padding=self.padding)


@dataclass(frozen=True)
class AvgPool(Stateless):
    """The mean of each window; see :func:`wengert.nn.avg_pool`.

    Examples
    --------
    >>> AvgPool(2).apply({}, np.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    window: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: convolution.Padding = 0
    count_padding: bool = True

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        return convolution.avg_pool(
            x, self.window, stride=self.stride, padding=self.padding, count_padding=self.count_padding
        )


@dataclass(frozen=True)
class Flatten(Stateless):
    """All axes but the first made one.

    Examples
    --------
    >>> Flatten().apply({}, np.ones((2, 3, 4))).shape
    (2, 12)
    """

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        shape = np.shape(x)
        return np.reshape(x, (shape[0], math.prod(shape[1:])))


@dataclass(frozen=True)
class LayerNorm:
    """Entries shifted and scaled to mean 0 and variance 1 over the last axes, then by learned factors.

    Parameters
    ----------
    shape : int or tuple of int
        Sizes of the axes to normalise over, the last ones of the input.
    epsilon : float
        Added to the variance: a constant row gives zeros, and a finite gradient.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv 1607.06450.

    Examples
    --------
    >>> layer = LayerNorm(2)
    >>> params = layer.init(np.random.default_rng(0))
    >>> layer.apply(params, np.array([[1.0, 3.0], [5.0, 5.0]])).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """

    shape: int | tuple[int, ...]
    epsilon: float = 1e-5

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.shape,) if isinstance(self.shape, int) else self.shape

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        return {"scale": np.ones(self.sizes, dtype), "offset": np.zeros(self.sizes, dtype)}

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        axes = tuple(range(-len(self.sizes), 0))
        for axis, size in zip(axes, self.sizes, strict=True):
            check_axis(self, x, axis, size)
        centred = x - np.mean(x, axis=axes, keepdims=True)
        variance = np.mean(np.square(centred), axis=axes, keepdims=True)
        return centred / np.sqrt(variance + self.epsilon) * params["scale"] + params["offset"]


@dataclass(frozen=True)
class Dropout(Stateless):
    """While training, set entries to 0 at random and scale the others up, so that the mean stays.

    The random numbers come from the generator given to ``apply``: another mask in every call, and the same masks again
    from a generator in the same state.

    Parameters
    ----------
    rate : float
        Probability of being dropped, at least 0 and below 1.

    Raises
    ------
    ArgumentError
        For such a rate, or if ``rng`` is missing while training.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> layer = Dropout(0.5)
    >>> layer.apply({}, np.ones(6), train=True, rng=np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.apply({}, np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ArgumentError(
                explain("A rate of dropout is at least 0 and below 1.", found=f"rate={self.rate}", line=user_line())
            )

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        if not train or self.rate == 0:
            return x
        if rng is None:
            raise ArgumentError(
                explain(
                    "Dropout draws its random numbers from a generator that the caller gives.",
                    found="train=True without rng",
                    line=user_line(),
                    fix="net.apply(params, x, train=True, rng=np.random.default_rng(seed))",
                )
            )
        kept = rng.random(np.shape(x)) >= self.rate
        return np.where(kept, x / (1 - self.rate), 0.0)


@dataclass(frozen=True)
class Embedding:
    """A learned vector for each of a number of things, looked up by number.

    Parameters
    ----------
    count : int
        How many things.
    size : int
        Length of a vector.
    initializer : callable

    Examples
    --------
    >>> layer = Embedding(10, 4)
    >>> params = layer.init(np.random.default_rng(0))
    >>> layer.apply(params, np.array([[1, 2, 1]])).shape
    (1, 3, 4)
    """

    count: int
    size: int
    initializer: Initializer = field(default=initializers.normal, repr=False)

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        return {"weight": self.initializer(rng, (self.count, self.size), dtype)}

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        return params["weight"][x]


def check_axis(layer: Any, x: Any, axis: int, size: int) -> None:
    """Refuse an input whose axis does not have the size that the layer was made for."""
    shape = np.shape(x)
    if len(shape) < -axis or shape[axis] != size:
        raise ShapeError(
            explain(
                f"{type(layer).__name__} was made for {size} entries along axis {axis}.",
                found=f"{layer} and an input of shape {shape}",
                line=user_line(),
                fix="make the layer with the size of its input; Flatten() makes all axes but the first one",
            )
        )
