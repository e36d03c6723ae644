"""Cholesky factor of a symmetric positive definite matrix, in place, by three scalar loops."""

import numpy as np

from benchmarks.programs.harness.program import Program


def cholesky(a):
    a = a.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                a[i, j] -= a[i, k] * a[j, k]
            a[i, j] /= a[j, j]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(a[i, i])
    log_det = 0.0
    for i in range(n):
        log_det += 2.0 * np.log(a[i, i])
    return log_det + np.sum(np.tril(a) ** 2)


def arguments(rng, n):
    x = rng.standard_normal((n, n))
    return (x @ x.T / n + 2.0 * np.eye(n),)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def cholesky(a):
        n = a.shape[0]
        place = jnp.arange(n)

        def column(j, factor):  # column by column: the rows below are independent of each other
            known = jnp.where(place < j, factor[j], 0.0)
            new = a[:, j] - factor @ known
            new = jnp.where(place >= j, new, 0.0) / jnp.sqrt(new[j])
            return factor.at[:, j].set(new)

        factor = lax.fori_loop(0, n, column, jnp.zeros_like(a))
        return 2.0 * jnp.sum(jnp.log(jnp.diag(factor))) + jnp.sum(factor**2)

    return cholesky


program = Program(cholesky, arguments, {"n": 4}, {"n": 140}, jax=jax_version)
