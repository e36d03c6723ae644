"""Flow in a cavity whose lid moves: Navier-Stokes with an inner pressure iteration in every time step."""

import numpy as np

from benchmarks.programs.harness.program import Program


def divergence_source(rho, dt, dx, dy, u, v):
    b = np.zeros_like(u)
    b[1:-1, 1:-1] = rho * (
        1 / dt * ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx) + (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy))
        - ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx))
        - ((v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)) ** 2
    )
    return b


def pressure(p, dx, dy, b, iterations):
    p = p.copy()
    for _ in range(iterations):
        pn = p.copy()
        p[1:-1, 1:-1] = ((pn[1:-1, 2:] + pn[1:-1, :-2]) * dy**2 + (pn[2:, 1:-1] + pn[:-2, 1:-1]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0.0
    return p


def cavity_flow(u, v, p, lid, rho, nu, steps, iterations):
    u, v = u.copy(), v.copy()
    ny, nx = u.shape
    dx = 2.0 / (nx - 1)
    dy = 2.0 / (ny - 1)
    dt = 0.001
    for _ in range(steps):
        un = u.copy()
        vn = v.copy()
        b = divergence_source(rho, dt, dx, dy, u, v)
        p = pressure(p, dx, dy, b, iterations)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
            + nu * dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, :-2])
            + nu * dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[:-2, 1:-1])
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])
            + nu * dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, :-2])
            + nu * dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[:-2, 1:-1])
        )
        u[0, :] = 0.0
        u[:, 0] = 0.0
        u[:, -1] = 0.0
        u[-1, :] = lid
        v[0, :] = 0.0
        v[-1, :] = 0.0
        v[:, 0] = 0.0
        v[:, -1] = 0.0
    return np.sum(u**2) + np.sum(v**2) + np.sum(p**2)


def arguments(rng, n, steps, iterations):
    fields = [0.1 * rng.standard_normal((n, n)) for _ in range(3)]
    return *fields, 1.0, 1.0, 0.1, steps, iterations


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def divergence_source(rho, dt, dx, dy, u, v):
        return rho * (
            1 / dt * ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx) + (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy))
            - ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)) ** 2
            - 2 * ((u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx))
            - ((v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)) ** 2
        )

    def pressure(p, dx, dy, b, iterations):
        def step(_, p):
            p = p.at[1:-1, 1:-1].set(
                ((p[1:-1, 2:] + p[1:-1, :-2]) * dy**2 + (p[2:, 1:-1] + p[:-2, 1:-1]) * dx**2) / (2 * (dx**2 + dy**2))
                - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b
            )
            p = p.at[:, -1].set(p[:, -2])
            p = p.at[0, :].set(p[1, :])
            p = p.at[:, 0].set(p[:, 1])
            return p.at[-1, :].set(0.0)

        return lax.fori_loop(0, iterations, step, p)

    def cavity_flow(u, v, p, lid, rho, nu, steps, iterations):
        ny, nx = u.shape
        dx = 2.0 / (nx - 1)
        dy = 2.0 / (ny - 1)
        dt = 0.001

        def moved(w, un, vn, push):
            return (
                w[1:-1, 1:-1]
                - un[1:-1, 1:-1] * dt / dx * (w[1:-1, 1:-1] - w[1:-1, :-2])
                - vn[1:-1, 1:-1] * dt / dy * (w[1:-1, 1:-1] - w[:-2, 1:-1])
                - push
                + nu * dt / dx**2 * (w[1:-1, 2:] - 2 * w[1:-1, 1:-1] + w[1:-1, :-2])
                + nu * dt / dy**2 * (w[2:, 1:-1] - 2 * w[1:-1, 1:-1] + w[:-2, 1:-1])
            )

        def step(_, carry):
            u, v, p = carry
            p = pressure(p, dx, dy, divergence_source(rho, dt, dx, dy, u, v), iterations)
            new_u = u.at[1:-1, 1:-1].set(moved(u, u, v, dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])))
            new_v = v.at[1:-1, 1:-1].set(moved(v, u, v, dt / (2 * rho * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])))
            new_u = new_u.at[0, :].set(0.0).at[:, 0].set(0.0).at[:, -1].set(0.0).at[-1, :].set(lid)
            new_v = new_v.at[0, :].set(0.0).at[-1, :].set(0.0).at[:, 0].set(0.0).at[:, -1].set(0.0)
            return new_u, new_v, p

        u, v, p = lax.fori_loop(0, steps, step, (u, v, p))
        return jnp.sum(u**2) + jnp.sum(v**2) + jnp.sum(p**2)

    return cavity_flow


program = Program(
    cavity_flow,
    arguments,
    {"n": 5, "steps": 2, "iterations": 2},
    {"n": 61, "steps": 25, "iterations": 20},
    jax=jax_version,
)
