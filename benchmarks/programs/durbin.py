"""Durbin's recursion: a Toeplitz system solved by growing it, with inner loops as long as what has been solved."""

import numpy as np

from benchmarks.programs.harness.program import Program


def durbin(r):
    n = len(r)
    y = np.zeros(n)
    z = np.zeros(n)
    y[0] = -r[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        total = 0.0
        for i in range(k):
            total += r[k - i - 1] * y[i]
        alpha = -(r[k] + total) / beta
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
        y[k] = alpha
    return np.sum(y * y)


def arguments(rng, n):
    return (0.9 * rng.standard_normal(n) / n,)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def durbin(r):
        n = r.shape[0]
        place = jnp.arange(n)
        backwards = r[::-1]

        def step(k, carry):
            y, alpha, beta = carry
            beta = (1.0 - alpha * alpha) * beta
            known = place < k
            total = jnp.sum(jnp.where(known, jnp.roll(backwards, k) * y, 0.0))
            alpha = -(r[k] + total) / beta
            y = jnp.where(known, y + alpha * jnp.roll(y[::-1], k), y)
            return y.at[k].set(alpha), alpha, beta

        y, _, _ = lax.fori_loop(1, n, step, (jnp.zeros(n).at[0].set(-r[0]), -r[0], jnp.ones(())))
        return jnp.sum(y * y)

    return durbin


program = Program(durbin, arguments, {"n": 5}, {"n": 400}, jax=jax_version)
