"""Thomas's algorithm: a tridiagonal system, forward elimination and back substitution by scalar loops."""

import numpy as np

from benchmarks.programs.harness.program import Program


def thomas(lower, diagonal, upper, right):
    n = len(right)
    c = np.zeros(n)
    d = np.zeros(n)
    x = np.zeros(n)
    c[0] = upper[0] / diagonal[0]
    d[0] = right[0] / diagonal[0]
    for i in range(1, n):
        pivot = diagonal[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        d[i] = (right[i] - lower[i] * d[i - 1]) / pivot
    x[n - 1] = d[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = d[i] - c[i] * x[i + 1]
    return np.sum(x * x)


def arguments(rng, n):
    return rng.random(n), 3.0 + rng.random(n), rng.random(n), rng.standard_normal(n)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def thomas(lower, diagonal, upper, right):
        def eliminate(carry, row):
            c, d = carry
            low, diag, up, rhs = row
            pivot = diag - low * c
            c, d = up / pivot, (rhs - low * d) / pivot
            return (c, d), (c, d)

        def substitute(x, row):
            c, d = row
            x = d - c * x
            return x, x

        zero = jnp.zeros(())
        _, (c, d) = lax.scan(eliminate, (zero, zero), (lower.at[0].set(0.0), diagonal, upper, right))
        _, x = lax.scan(substitute, zero, (c.at[-1].set(0.0), d), reverse=True)
        return jnp.sum(x * x)

    return thomas


program = Program(thomas, arguments, {"n": 5}, {"n": 50_000}, jax=jax_version)
