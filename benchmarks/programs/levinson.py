"""Levinson's recursion: a Toeplitz system with any right-hand side, by dot products of slices that grow."""

import numpy as np

from benchmarks.programs.harness.program import Program


def levinson(r, b):
    n = len(b)
    y = np.zeros(n)
    x = np.zeros(n)
    y[0] = -r[0]
    x[0] = b[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        mu = (b[k] - np.dot(r[:k], x[:k][::-1])) / beta
        x[:k] += mu * y[:k][::-1]
        x[k] = mu
        if k < n - 1:
            alpha = -(r[k] + np.dot(r[:k], y[:k][::-1])) / beta
            y[:k] += alpha * y[:k][::-1]
            y[k] = alpha
    return np.sum(x * x)


def for_numba(r, b):  # Numba adds to a slice what it reads from the same slice only if that is copied before
    n = len(b)
    y = np.zeros(n)
    x = np.zeros(n)
    y[0] = -r[0]
    x[0] = b[0]
    alpha = -r[0]
    beta = 1.0
    for k in range(1, n):
        beta = (1.0 - alpha * alpha) * beta
        mu = (b[k] - np.dot(r[:k], x[:k][::-1].copy())) / beta
        x[:k] += mu * y[:k][::-1]
        x[k] = mu
        if k < n - 1:
            backwards = y[:k][::-1].copy()
            alpha = -(r[k] + np.dot(r[:k], backwards)) / beta
            y[:k] += alpha * backwards
            y[k] = alpha
    return np.sum(x * x)


def arguments(rng, n):
    return 0.9 * rng.standard_normal(n) / n, rng.standard_normal(n)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def levinson(r, b):
        n = b.shape[0]
        place = jnp.arange(n)

        def backwards(v, k):  # of the first k entries, the others zero
            return jnp.where(place < k, jnp.roll(v[::-1], k), 0.0)

        def step(k, carry):
            x, y, alpha, beta = carry
            beta = (1.0 - alpha * alpha) * beta
            flipped = backwards(y, k)
            mu = (b[k] - r @ backwards(x, k)) / beta
            x = (x + mu * flipped).at[k].set(mu)
            alpha = -(r[k] + r @ flipped) / beta
            return x, (y + alpha * flipped).at[k].set(alpha), alpha, beta

        zero = jnp.zeros(n)
        start = (zero.at[0].set(b[0]), zero.at[0].set(-r[0]), -r[0], jnp.ones(()))
        x, *_ = lax.fori_loop(1, n, step, start)
        return jnp.sum(x * x)

    return levinson


program = Program(levinson, arguments, {"n": 5}, {"n": 400}, numba=for_numba, jax=jax_version)
