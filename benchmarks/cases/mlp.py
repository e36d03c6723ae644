"""Training steps of fully connected networks on classification, in float32: loss, gradient, update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case


def mlp_loss(parameters, x, labels):  # type: ignore[no-untyped-def]
    w1, b1, w2, b2 = parameters
    hidden = np.maximum(x @ w1 + b1, 0.0)
    logits = hidden @ w2 + b2
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_total - shifted[np.arange(len(labels)), labels])


def by_hand(parameters: Any, x: Any, labels: Any) -> tuple[Any, Any]:
    w1, b1, w2, b2 = parameters
    rows = np.arange(len(labels))
    hidden = x @ w1
    hidden += b1
    np.maximum(hidden, 0.0, out=hidden)
    shifted = hidden @ w2
    shifted += b2
    shifted -= shifted.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1)
    loss = (np.log(total) - shifted[rows, labels]).mean()
    e /= total[:, None]
    e[rows, labels] -= 1.0
    e /= np.float32(len(labels))
    back = e @ w2.T
    back *= hidden > 0
    return loss, [x.T @ back, back.sum(axis=0), hidden.T @ e, e.sum(axis=0)]


def torch_version() -> Callable[..., Any]:
    from torch.nn import functional

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2 = parameters
        return functional.cross_entropy(functional.relu(x @ w1 + b1) @ w2 + b2, labels)

    return loss


def jax_version() -> Callable[..., Any]:
    import jax

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        w1, b1, w2, b2 = parameters
        log_p = jax.nn.log_softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2)
        return -jax.numpy.take_along_axis(log_p, labels[:, None], axis=1).mean()

    return loss


def _make(inputs: int, hidden: int, outputs: int, batch: int) -> Callable[[np.random.Generator], tuple[Any, ...]]:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        def normal(*shape: int, scale: float) -> np.ndarray[Any, Any]:
            return (scale * rng.standard_normal(shape)).astype(np.float32)

        parameters = [
            normal(inputs, hidden, scale=(2.0 / inputs) ** 0.5),
            normal(hidden, scale=0.01),
            normal(hidden, outputs, scale=(2.0 / hidden) ** 0.5),
            normal(outputs, scale=0.01),
        ]
        return parameters, normal(batch, inputs, scale=1.0), rng.integers(0, outputs, batch)

    return make


def cases() -> list[Case]:
    sizes = [(64, 32, 10, 64), (784, 256, 10, 64), (784, 256, 10, 256), (784, 1024, 10, 64), (784, 1024, 10, 256)]
    return [
        Case(
            f"mlp/{'-'.join(map(str, layers))} batch {batch}",
            "training",
            mlp_loss,
            _make(*layers, batch),
            dtype="float32",
            io="native",
            versions={"numpy": lambda: by_hand, "torch": torch_version, "jax": jax_version},
            suites=frozenset({"eager", "jit"} if layers[0] == 64 else {"jit"}),
            learning_rate=0.05,
        )
        for *layers, batch in sizes
    ]
