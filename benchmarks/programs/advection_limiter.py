"""Advection in one dimension by the second-order upwind scheme, with a limiter that is chosen point by point."""

import numpy as np

from benchmarks.programs.harness.program import Program


def advection_limiter(u, courant, steps):
    n = len(u)
    for _ in range(steps):
        slope = np.zeros(n)
        for i in range(1, n - 1):
            left = u[i] - u[i - 1]
            right = u[i + 1] - u[i]
            if left * right <= 0.0:
                slope[i] = 0.0
            elif abs(left) < abs(right):
                slope[i] = left
            else:
                slope[i] = right
        new = np.zeros(n)
        new[0] = u[0]
        new[n - 1] = u[n - 2]
        for i in range(1, n - 1):
            inflow = u[i - 1] + 0.5 * (1.0 - courant) * slope[i - 1]
            outflow = u[i] + 0.5 * (1.0 - courant) * slope[i]
            new[i] = u[i] - courant * (outflow - inflow)
        u = new
    return np.sum(u**2)


def arguments(rng, n, steps):
    return rng.random(n), 0.4, steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def advection_limiter(u, courant, steps):
        def step(_, u):
            left = u[1:-1] - u[:-2]
            right = u[2:] - u[1:-1]
            limited = jnp.where(jnp.abs(left) < jnp.abs(right), left, right)
            slope = jnp.zeros_like(u).at[1:-1].set(jnp.where(left * right <= 0.0, 0.0, limited))
            face = u + 0.5 * (1.0 - courant) * slope
            new = u.at[1:-1].add(-courant * (face[1:-1] - face[:-2]))
            return new.at[-1].set(u[-2])

        u = lax.fori_loop(0, steps, step, u)
        return jnp.sum(u**2)

    return advection_limiter


program = Program(
    advection_limiter, arguments, {"n": 7, "steps": 3}, {"n": 500, "steps": 200}, jax=jax_version, kinks=True
)
