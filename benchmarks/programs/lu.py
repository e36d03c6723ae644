"""LU factors of a matrix without pivoting, in place, by three scalar loops."""

import numpy as np

from benchmarks.programs.harness.program import Program


def lu(a):
    a = a.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[k, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            for k in range(i):
                a[i, j] -= a[i, k] * a[k, j]
    return np.sum(a * a)


def arguments(rng, n):
    return (rng.standard_normal((n, n)) / n + 2.0 * np.eye(n),)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def lu(a):
        n = a.shape[0]
        place = jnp.arange(n)

        def pivot(k, a):  # what remains below and right of the pivot is updated at once
            column = jnp.where(place > k, a[:, k] / a[k, k], 0.0)
            row = jnp.where(place > k, a[k], 0.0)
            a = a.at[:, k].set(jnp.where(place > k, column, a[:, k]))
            return a - jnp.outer(column, row)

        a = lax.fori_loop(0, n, pivot, a)
        return jnp.sum(a * a)

    return lu


program = Program(lu, arguments, {"n": 4}, {"n": 100}, jax=jax_version)
