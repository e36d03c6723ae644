"""Largest eigenvalue of a symmetric matrix by power iteration and Rayleigh's quotient."""

import numpy as np

from benchmarks.programs.harness.program import Program


def power_iteration(a, v, iterations):
    for _ in range(iterations):
        v = a @ v
        v = v / np.linalg.norm(v)
    return v @ (a @ v)


def arguments(rng, n, iterations):
    a = rng.random((n, n))
    return (a + a.T) / n, rng.random(n), iterations


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def power_iteration(a, v, iterations):
        def step(_, v):
            v = a @ v
            return v / jnp.linalg.norm(v)

        v = lax.fori_loop(0, iterations, step, v)
        return v @ (a @ v)

    return power_iteration


program = Program(power_iteration, arguments, {"n": 4, "iterations": 3}, {"n": 100, "iterations": 100}, jax=jax_version)
