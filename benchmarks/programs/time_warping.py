"""Dynamic time warping: cost of the cheapest alignment of two series, by a table that is filled cell by cell."""

import numpy as np

from benchmarks.programs.harness.program import Program


def time_warping(a, b):
    n, m = len(a), len(b)
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            table[i, j] = cost + min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
    return table[n, m]


def arguments(rng, n, m):
    return np.cumsum(rng.standard_normal(n)), np.cumsum(rng.standard_normal(m))


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def time_warping(a, b):
        def row(above, x):
            def cell(left, now):
                b, up, corner = now
                value = (x - b) ** 2 + jnp.minimum(jnp.minimum(up, left), corner)
                return value, value

            _, new = lax.scan(cell, jnp.inf, (b, above[1:], above[:-1]))
            return jnp.concatenate([jnp.full(1, jnp.inf), new]), None

        first = jnp.full(len(b) + 1, jnp.inf).at[0].set(0.0)
        last, _ = lax.scan(row, first, a)
        return last[-1]

    return time_warping


program = Program(time_warping, arguments, {"n": 4, "m": 5}, {"n": 200, "m": 220}, jax=jax_version, kinks=True)
