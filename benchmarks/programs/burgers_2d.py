"""Burgers' equations in two dimensions: nonlinear advection upwind and diffusion, copies of the last step."""

import numpy as np

from benchmarks.programs.harness.program import Program


def burgers_2d(u, v, nu, steps):
    u, v = u.copy(), v.copy()
    n = u.shape[0]
    dx = 2.0 / (n - 1)
    dt = 0.05 * dx
    for _ in range(steps):
        un = u.copy()
        vn = v.copy()
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - dt / dx * un[1:-1, 1:-1] * (un[1:-1, 1:-1] - un[:-2, 1:-1])
            - dt / dx * vn[1:-1, 1:-1] * (un[1:-1, 1:-1] - un[1:-1, :-2])
            + nu * dt / dx**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[:-2, 1:-1])
            + nu * dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, :-2])
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - dt / dx * un[1:-1, 1:-1] * (vn[1:-1, 1:-1] - vn[:-2, 1:-1])
            - dt / dx * vn[1:-1, 1:-1] * (vn[1:-1, 1:-1] - vn[1:-1, :-2])
            + nu * dt / dx**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[:-2, 1:-1])
            + nu * dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, :-2])
        )
    return np.sum(u**2) + np.sum(v**2)


def arguments(rng, n, steps):
    return 1.0 + rng.random((n, n)), 1.0 + rng.random((n, n)), 0.01, steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def burgers_2d(u, v, nu, steps):
        n = u.shape[0]
        dx = 2.0 / (n - 1)
        dt = 0.05 * dx

        def moved(w, un, vn):
            return (
                w[1:-1, 1:-1]
                - dt / dx * un[1:-1, 1:-1] * (w[1:-1, 1:-1] - w[:-2, 1:-1])
                - dt / dx * vn[1:-1, 1:-1] * (w[1:-1, 1:-1] - w[1:-1, :-2])
                + nu * dt / dx**2 * (w[2:, 1:-1] - 2 * w[1:-1, 1:-1] + w[:-2, 1:-1])
                + nu * dt / dx**2 * (w[1:-1, 2:] - 2 * w[1:-1, 1:-1] + w[1:-1, :-2])
            )

        def step(_, carry):
            u, v = carry
            return u.at[1:-1, 1:-1].set(moved(u, u, v)), v.at[1:-1, 1:-1].set(moved(v, u, v))

        u, v = lax.fori_loop(0, steps, step, (u, v))
        return jnp.sum(u**2) + jnp.sum(v**2)

    return burgers_2d


program = Program(burgers_2d, arguments, {"n": 6, "steps": 3}, {"n": 100, "steps": 60}, jax=jax_version)
