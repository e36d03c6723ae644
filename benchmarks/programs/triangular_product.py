"""Product of a lower triangular and a full matrix, by three scalar loops."""

import numpy as np

from benchmarks.programs.harness.program import Program


def triangular_product(matrix, b):
    n, m = b.shape
    out = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            for k in range(i + 1):
                out[i, j] += matrix[i, k] * b[k, j]
    return np.sum(out * out)


def arguments(rng, n, m):
    return rng.random((n, n)) / n, rng.standard_normal((n, m))


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def triangular_product(matrix, b):
        n = b.shape[0]

        def row(i, out):
            return out.at[i].set(jnp.where(jnp.arange(n) <= i, matrix[i], 0.0) @ b)

        out = lax.fori_loop(0, n, row, jnp.zeros_like(b))
        return jnp.sum(out * out)

    return triangular_product


program = Program(triangular_product, arguments, {"n": 4, "m": 3}, {"n": 120, "m": 100}, jax=jax_version)
