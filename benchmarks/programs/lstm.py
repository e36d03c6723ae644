"""An LSTM cell over time: gates by two matrix products, the squared error of what it says in every step."""

import numpy as np

from benchmarks.programs.harness.program import Program


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm(inputs, targets, wx, wh, bias, out):
    steps, batch, _ = inputs.shape
    size = wh.shape[0]
    h = np.zeros((batch, size))
    c = np.zeros((batch, size))
    loss = 0.0
    for t in range(steps):
        gates = np.dot(inputs[t], wx) + np.dot(h, wh) + bias
        i = sigmoid(gates[:, :size])
        f = sigmoid(gates[:, size : 2 * size])
        o = sigmoid(gates[:, 2 * size : 3 * size])
        g = np.tanh(gates[:, 3 * size :])
        c = f * c + i * g
        h = o * np.tanh(c)
        error = np.dot(h, out) - targets[t]
        loss += np.sum(error**2)
    return loss / steps


def arguments(rng, steps, batch, size, features):
    inputs = rng.standard_normal((steps, batch, features))
    targets = rng.standard_normal((steps, batch, 2))
    wx = rng.standard_normal((features, 4 * size)) / features**0.5
    wh = rng.standard_normal((size, 4 * size)) / size**0.5
    return inputs, targets, wx, wh, 0.1 * rng.standard_normal(4 * size), rng.standard_normal((size, 2))


def jax_version():
    import jax
    import jax.numpy as jnp
    from jax import lax

    def lstm(inputs, targets, wx, wh, bias, out):
        steps, batch, _ = inputs.shape
        size = wh.shape[0]

        def step(carry, now):
            h, c = carry
            x, target = now
            gates = x @ wx + h @ wh + bias
            i, f, o = jnp.split(jax.nn.sigmoid(gates[:, : 3 * size]), 3, axis=1)
            c = f * c + i * jnp.tanh(gates[:, 3 * size :])
            h = o * jnp.tanh(c)
            return (h, c), jnp.sum((h @ out - target) ** 2)

        zero = jnp.zeros((batch, size))
        _, losses = lax.scan(step, (zero, zero), (inputs, targets))
        return jnp.sum(losses) / steps

    return lstm


program = Program(
    lstm,
    arguments,
    {"steps": 3, "batch": 2, "size": 3, "features": 2},
    {"steps": 80, "batch": 8, "size": 32, "features": 16},
    argnums=(2, 3, 4, 5),
    jax=jax_version,
)
