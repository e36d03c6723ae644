"""Elementwise chains, softmax, logsumexp and layer norm, and their gradients, from 10^3 to 10^7 numbers.

Here the arithmetic and the memory traffic decide. Gradients are those of ``sum(w * f(x))`` with fixed random weights
``w``: an unweighted sum of a softmax or a layer norm is constant, and its gradient zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case


def elementwise(x):  # type: ignore[no-untyped-def]
    return np.tanh(x) * np.exp(-(x * x)) + np.sin(x)


def softmax(x):  # type: ignore[no-untyped-def]
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp(x):  # type: ignore[no-untyped-def]
    top = np.max(x, axis=-1, keepdims=True)
    return np.squeeze(top, -1) + np.log(np.sum(np.exp(x - top), axis=-1))


def layer_norm(x):  # type: ignore[no-untyped-def]
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


def weighted_elementwise(x, w):  # type: ignore[no-untyped-def]
    return np.sum(w * elementwise(x))


def weighted_softmax(x, w):  # type: ignore[no-untyped-def]
    return np.sum(w * softmax(x))


def weighted_logsumexp(x, w):  # type: ignore[no-untyped-def]
    return np.sum(w * logsumexp(x))


def weighted_layer_norm(x, w):  # type: ignore[no-untyped-def]
    return np.sum(w * layer_norm(x))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "elementwise": (elementwise, weighted_elementwise),
    "softmax": (softmax, weighted_softmax),
    "logsumexp": (logsumexp, weighted_logsumexp),
    "layer-norm": (layer_norm, weighted_layer_norm),
}


def _own(library: str, name: str) -> Callable[..., Any] | None:
    """The library's own function of that name, where it has one: that is what its users call."""
    if library == "torch":
        import torch

        chosen: dict[str, Callable[..., Any]] = {
            "elementwise": lambda x: torch.tanh(x) * torch.exp(-(x * x)) + torch.sin(x),
            "softmax": lambda x: torch.softmax(x, -1),
            "logsumexp": lambda x: torch.logsumexp(x, -1),
            "layer-norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-5),
        }
        return chosen[name]
    import jax

    return {"softmax": jax.nn.softmax, "logsumexp": lambda x: jax.nn.logsumexp(x, axis=-1)}.get(name)


def _version(library: str, name: str, gradient: bool) -> Callable[[], Callable[..., Any]]:
    def build() -> Callable[..., Any]:
        function = _own(library, name)
        assert function is not None
        return (lambda x, w: (w * function(x)).sum()) if gradient else function

    return build


def shape_of(size: int) -> tuple[int, int]:
    """Rows of 1,000 numbers (of 100 where there are only 1,000), as a network's activations would have."""
    width = 100 if size < 10_000 else 1_000
    return size // width, width


def _case(name: str, size: int, dtype: str, gradient: bool) -> Case:
    shape = shape_of(size)
    weights = shape[:1] if name == "logsumexp" else shape

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        x = rng.standard_normal(shape, dtype=np.float64).astype(dtype)
        return (x, rng.standard_normal(weights).astype(dtype)) if gradient else (x,)

    libraries = ["torch"] + (["jax"] if name in ("softmax", "logsumexp") else [])
    return Case(
        f"{name}/{size:.0e} {dtype} {'gradient' if gradient else 'function'}".replace("e+0", "e"),
        "gradient" if gradient else "function",
        FUNCTIONS[name][gradient],
        make,
        dtype=dtype,
        io="native",
        versions={library: _version(library, name, gradient) for library in libraries},
        suites=frozenset({"jit"}),
    )


def cases() -> list[Case]:
    return [
        _case(name, 10**power, dtype, gradient)
        for name in FUNCTIONS
        for dtype in ("float32", "float64")
        for gradient in (False, True)
        for power in (3, 4, 5, 6, 7)
    ]
