"""Jacobi's iteration in two dimensions: every inner point becomes the mean of itself and its four neighbours."""

import numpy as np

from benchmarks.programs.harness.program import Program


def jacobi_2d(a, steps):
    a = a.copy()
    b = a.copy()
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return np.sum(a * a)


def arguments(rng, n, steps):
    return rng.random((n, n)), steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def mean(a):
        return 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])

    def step(_, carry):
        a, b = carry
        b = b.at[1:-1, 1:-1].set(mean(a))
        return a.at[1:-1, 1:-1].set(mean(b)), b

    def jacobi_2d(a, steps):
        a, _ = lax.fori_loop(0, steps, step, (a, a))
        return jnp.sum(a * a)

    return jacobi_2d


program = Program(jacobi_2d, arguments, {"n": 6, "steps": 3}, {"n": 150, "steps": 60}, jax=jax_version, linear="steps")
