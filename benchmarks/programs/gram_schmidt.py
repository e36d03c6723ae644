"""QR by modified Gram-Schmidt, column by column in place: norms, dot products and updates of columns."""

import numpy as np

from benchmarks.programs.harness.program import Program


def gram_schmidt(a):
    a = a.copy()
    m, n = a.shape
    q = np.zeros((m, n))
    r = np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(np.sum(a[:, k] * a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = np.sum(q[:, k] * a[:, j])
            a[:, j] -= q[:, k] * r[k, j]
    return np.sum(np.log(np.diag(r))) + np.sum(q * np.cos(q)) + np.sum(r * r)


def arguments(rng, m, n):
    return (rng.standard_normal((m, n)) + np.eye(m, n),)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def gram_schmidt(a):
        m, n = a.shape
        place = jnp.arange(n)

        def column(k, carry):  # the columns behind are updated at once
            a, q, r = carry
            size = jnp.sqrt(jnp.sum(a[:, k] ** 2))
            direction = a[:, k] / size
            row = jnp.where(place > k, direction @ a, 0.0)
            return a - jnp.outer(direction, row), q.at[:, k].set(direction), r.at[k].set(row.at[k].set(size))

        _, q, r = lax.fori_loop(0, n, column, (a, jnp.zeros((m, n)), jnp.zeros((n, n))))
        return jnp.sum(jnp.log(jnp.diag(r))) + jnp.sum(q * jnp.cos(q)) + jnp.sum(r * r)

    return gram_schmidt


program = Program(gram_schmidt, arguments, {"m": 4, "n": 3}, {"m": 80, "n": 60}, jax=jax_version)
