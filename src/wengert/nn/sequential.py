"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.source import user_line
from ..errors import ArgumentError, explain
from .layers import Layer, Params, Rng


class Sequential:
    """A network in which each layer reads what the one before it made.

    Parameters
    ----------
    *layers : Layer or callable
        Layers, other ``Sequential`` networks, or plain functions of one array such as ``nn.relu`` and ``np.tanh``.

    Raises
    ------
    ArgumentError
        If something is neither a layer nor a function, or the parameters are not those of this network.

    Examples
    --------
    >>> import wengert as wg
    >>> from wengert import nn
    >>> net = nn.Sequential(nn.Linear(2, 8), np.tanh, nn.Linear(8, 1))
    >>> params = net.init(np.random.default_rng(0))
    >>> net.apply(params, np.ones((5, 2))).shape
    (5, 1)
    >>> gradient = wg.grad(lambda p: np.sum(net.apply(p, np.ones((5, 2)))))(params)
    >>> gradient[2]["bias"]
    array([5.])
    """

    def __init__(self, *layers: Layer | Callable[[Any], Any]) -> None:
        for k, layer in enumerate(layers):
            if isinstance(layer, type) or not (isinstance(layer, Layer) or callable(layer)):
                raise ArgumentError(
                    explain(
                        "Sequential takes layers and functions.",
                        found=f"{layer!r} as layer {k}",
                        line=user_line(),
                        fix=f"{layer.__name__}(...)" if isinstance(layer, type) else "",
                    )
                )
        self.layers = layers
        # Asking whether something follows a protocol is slow; it is asked once.
        self._has_params = tuple(isinstance(layer, Layer) for layer in layers)

    def init(self, rng: Rng, dtype: Any = np.float64) -> Params:
        """Return first values: a list with the parameters of each layer (an empty dict for a function)."""
        return [layer.init(rng, dtype) if own else {} for layer, own in self._parts()]

    def apply(self, params: Params, x: Any, *, train: bool = False, rng: Rng | None = None) -> Any:
        """Return the network's output.

        Parameters
        ----------
        params : list
            As ``init`` returns it.
        x : array
            The batch along axis 0.
        train : bool
            Whether layers behave as in training (dropout).
        rng : numpy.random.Generator, optional
            For layers that draw random numbers.
        """
        if len(params) != len(self.layers):
            raise ArgumentError(
                explain(
                    "The parameters of a Sequential are a list with one entry for each layer.",
                    found=f"{len(params)} entries for {len(self.layers)} layers",
                    line=user_line(),
                    fix="params = net.init(rng)",
                )
            )
        for (layer, has_params), own in zip(self._parts(), params, strict=True):
            x = layer.apply(own, x, train=train, rng=rng) if has_params else layer(x)
        return x

    def _parts(self) -> Iterator[tuple[Any, bool]]:
        return zip(self.layers, self._has_params, strict=True)

    def __repr__(self) -> str:
        inner = ", ".join(getattr(layer, "__name__", None) or repr(layer) for layer in self.layers)
        return f"Sequential({inner})"
