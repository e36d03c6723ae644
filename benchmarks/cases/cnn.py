"""Training step of a small convolutional network: 28x28 images, two 3x3 convolutions with pooling, one dense layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, unsupported

BATCH = 64


def convolve(x, kernel, bias):  # type: ignore[no-untyped-def]
    """Valid cross-correlation; x (batch, channel, row, column), kernel (out, in, 3, 3)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("bcijuv,ocuv->boij", windows, kernel, optimize=True) + bias[:, None, None]


def pool(x):  # type: ignore[no-untyped-def]
    """Largest of each 2x2 block; an odd last row or column is left out."""
    b, c, rows, columns = x.shape
    rows, columns = rows // 2, columns // 2
    x = x[:, :, : 2 * rows, : 2 * columns]
    return np.max(np.reshape(x, (b, c, rows, 2, columns, 2)), axis=(3, 5))


def cnn_loss(parameters, x, labels):  # type: ignore[no-untyped-def]
    k1, b1, k2, b2, w, b = parameters
    x = pool(np.maximum(convolve(x, k1, b1), 0.0))
    x = pool(np.maximum(convolve(x, k2, b2), 0.0))
    logits = np.reshape(x, (x.shape[0], -1)) @ w + b
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_total - shifted[np.arange(len(labels)), labels])


def torch_version() -> Callable[..., Any]:
    from torch.nn import functional

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        k1, b1, k2, b2, w, b = parameters
        x = functional.max_pool2d(functional.relu(functional.conv2d(x, k1, b1)), 2)
        x = functional.max_pool2d(functional.relu(functional.conv2d(x, k2, b2)), 2)
        return functional.cross_entropy(x.flatten(1) @ w + b, labels)

    return loss


def jax_version() -> Callable[..., Any]:
    import jax

    def pool(x: Any) -> Any:
        window = (1, 1, 2, 2)
        return jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, window, window, "VALID")

    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        k1, b1, k2, b2, w, b = parameters
        for kernel, bias in ((k1, b1), (k2, b2)):
            x = pool(jax.nn.relu(jax.lax.conv(x, kernel, (1, 1), "VALID") + bias[:, None, None]))
        log_p = jax.nn.log_softmax(x.reshape(x.shape[0], -1) @ w + b)
        return -jax.numpy.take_along_axis(log_p, labels[:, None], axis=1).mean()

    return loss


def make(rng: np.random.Generator) -> tuple[Any, ...]:
    def normal(*shape: int, scale: float) -> np.ndarray[Any, Any]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    parameters = [
        normal(8, 1, 3, 3, scale=0.3),
        normal(8, scale=0.1),
        normal(16, 8, 3, 3, scale=0.15),
        normal(16, scale=0.1),
        normal(16 * 5 * 5, 10, scale=0.05),
        normal(10, scale=0.1),
    ]
    return parameters, normal(BATCH, 1, 28, 28, scale=1.0), rng.integers(0, 10, BATCH)


def cases() -> list[Case]:
    return [
        Case(
            f"cnn/28x28 conv8 conv16 batch {BATCH}",
            "training",
            cnn_loss,
            make,
            dtype="float32",
            io="native",
            versions={
                "torch": torch_version,
                "jax": jax_version,
                "autograd": unsupported("has no sliding windows"),
                "mygrad": unsupported("has no sliding windows"),
            },
            suites=frozenset({"jit"}),
            learning_rate=0.05,
        )
    ]
