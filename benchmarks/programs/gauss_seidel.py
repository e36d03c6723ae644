"""Gauss-Seidel sweeps over a square, point by point and in place: each point sees its new neighbours at once."""

import numpy as np

from benchmarks.programs.harness.program import Program


def gauss_seidel(a, sweeps):
    a = a.copy()
    n, m = a.shape
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                a[i, j] = 0.2 * (a[i, j] + a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])
    return np.sum(a * a)


def arguments(rng, n, sweeps):
    return rng.random((n, n)), sweeps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def point(left, known):
        new = 0.2 * (known + left)
        return new, new

    def gauss_seidel(a, sweeps):
        n = a.shape[0]

        def row(i, a):  # what is known before the row is swept stands ready; the sweep then runs along the row
            known = a[i, 1:-1] + a[i - 1, 1:-1] + a[i + 1, 1:-1] + a[i, 2:]
            _, new = lax.scan(point, a[i, 0], known)
            return a.at[i, 1:-1].set(new)

        a = lax.fori_loop(0, sweeps, lambda _, a: lax.fori_loop(1, n - 1, row, a), a)
        return jnp.sum(a * a)

    return gauss_seidel


program = Program(
    gauss_seidel, arguments, {"n": 5, "sweeps": 2}, {"n": 120, "sweeps": 20}, jax=jax_version, linear="sweeps"
)
