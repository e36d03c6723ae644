"""Training step of a one-layer transformer block that predicts the next of 64 tokens (d = 128, 4 heads)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case

BATCH, TOKENS, WIDTH, HEADS, INNER, VOCABULARY = 8, 64, 128, 4, 512, 96
MASK = np.where(np.tri(TOKENS) > 0, 0.0, -1e9).astype(np.float32)


def layer_norm(x, scale, shift):  # type: ignore[no-untyped-def]
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * scale + shift


def gelu(x):  # type: ignore[no-untyped-def]
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


def heads(x):  # type: ignore[no-untyped-def]
    """(batch, token, width) to (batch, head, token, width / heads)."""
    return np.transpose(np.reshape(x, (BATCH, TOKENS, HEADS, WIDTH // HEADS)), (0, 2, 1, 3))


def transformer_loss(parameters, tokens, targets):  # type: ignore[no-untyped-def]
    embedding, position, s1, t1, wq, wk, wv, wo, s2, t2, w1, b1, w2, b2, out = parameters
    x = embedding[tokens] + position
    y = layer_norm(x, s1, t1)
    q, k, v = heads(y @ wq), heads(y @ wk), heads(y @ wv)
    scores = q @ np.swapaxes(k, -1, -2) * (WIDTH // HEADS) ** -0.5 + MASK
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = weights / np.sum(weights, axis=-1, keepdims=True)
    mixed = np.reshape(np.transpose(weights @ v, (0, 2, 1, 3)), (BATCH, TOKENS, WIDTH))
    x = x + mixed @ wo
    x = x + gelu(layer_norm(x, s2, t2) @ w1 + b1) @ w2 + b2
    logits = np.reshape(x @ out, (BATCH * TOKENS, VOCABULARY))
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=-1))
    return np.mean(log_total - shifted[np.arange(BATCH * TOKENS), np.reshape(targets, -1)])


def torch_version() -> Callable[..., Any]:
    from torch.nn import functional

    def heads(x: Any) -> Any:
        return x.view(BATCH, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)

    def loss(parameters: Any, tokens: Any, targets: Any) -> Any:
        embedding, position, s1, t1, wq, wk, wv, wo, s2, t2, w1, b1, w2, b2, out = parameters
        x = functional.embedding(tokens, embedding) + position
        y = functional.layer_norm(x, (WIDTH,), s1, t1)
        mixed = functional.scaled_dot_product_attention(heads(y @ wq), heads(y @ wk), heads(y @ wv), is_causal=True)
        x = x + mixed.transpose(1, 2).reshape(BATCH, TOKENS, WIDTH) @ wo
        inner = functional.gelu(functional.layer_norm(x, (WIDTH,), s2, t2) @ w1 + b1, approximate="tanh")
        x = x + inner @ w2 + b2
        return functional.cross_entropy((x @ out).view(-1, VOCABULARY), targets.view(-1))

    return loss


def jax_version() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        mean = x.mean(axis=-1, keepdims=True)
        variance = x.var(axis=-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + shift

    def heads(x: Any) -> Any:
        return x.reshape(BATCH, TOKENS, HEADS, WIDTH // HEADS)

    def loss(parameters: Any, tokens: Any, targets: Any) -> Any:
        embedding, position, s1, t1, wq, wk, wv, wo, s2, t2, w1, b1, w2, b2, out = parameters
        x = embedding[tokens] + position
        y = layer_norm(x, s1, t1)
        mixed = jax.nn.dot_product_attention(heads(y @ wq), heads(y @ wk), heads(y @ wv), is_causal=True)
        x = x + mixed.reshape(BATCH, TOKENS, WIDTH) @ wo
        x = x + jax.nn.gelu(layer_norm(x, s2, t2) @ w1 + b1) @ w2 + b2
        log_p = jax.nn.log_softmax(x @ out)
        return -jnp.take_along_axis(log_p, targets[..., None], axis=-1).mean()

    return loss


def make(rng: np.random.Generator) -> tuple[Any, ...]:
    def normal(*shape: int, scale: float | None = None) -> np.ndarray[Any, Any]:
        return ((shape[0] ** -0.5 if scale is None else scale) * rng.standard_normal(shape)).astype(np.float32)

    one, zero = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    parameters = [
        normal(VOCABULARY, WIDTH, scale=0.5),
        normal(TOKENS, WIDTH, scale=0.1),
        one,
        zero,
        *(normal(WIDTH, WIDTH) for _ in range(4)),
        one.copy(),
        zero.copy(),
        normal(WIDTH, INNER),
        normal(INNER, scale=0.01),
        normal(INNER, WIDTH),
        normal(WIDTH, scale=0.01),
        normal(WIDTH, VOCABULARY),
    ]
    tokens = rng.integers(0, VOCABULARY, (BATCH, TOKENS + 1))
    return parameters, np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])


def cases() -> list[Case]:
    return [
        Case(
            f"transformer/d={WIDTH} {TOKENS} tokens batch {BATCH}",
            "training",
            transformer_loss,
            make,
            dtype="float32",
            io="native",
            versions={"torch": torch_version, "jax": jax_version},
            suites=frozenset({"jit"}),
            learning_rate=0.05,
        )
    ]
