"""Forward substitution with a lower triangular matrix, by two scalar loops."""

import numpy as np

from benchmarks.programs.harness.program import Program


def triangular_solve(matrix, b):
    n = len(b)
    x = np.zeros(n)
    for i in range(n):
        total = b[i]
        for j in range(i):
            total -= matrix[i, j] * x[j]
        x[i] = total / matrix[i, i]
    return np.sum(x * x)


def arguments(rng, n):
    return rng.random((n, n)) / n + np.eye(n), rng.standard_normal(n)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def triangular_solve(matrix, b):
        n = b.shape[0]

        def step(i, x):  # entries from i on are still zero, so the whole row can be used
            return x.at[i].set((b[i] - matrix[i] @ x) / matrix[i, i])

        x = lax.fori_loop(0, n, step, jnp.zeros(n))
        return jnp.sum(x * x)

    return triangular_solve


program = Program(triangular_solve, arguments, {"n": 5}, {"n": 600}, jax=jax_version)
