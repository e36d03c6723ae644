"""Charged particles in a magnetic field, pushed by Boris's scheme; energy and place at the end."""

import numpy as np

from benchmarks.programs.harness.program import Program


def particle_push(x, y, vx, vy, charge, field, steps):
    dt = 0.05
    for _ in range(steps):
        ex = -field * np.sin(x)
        ey = -field * np.cos(y)
        bz = 1.0 + 0.1 * x * y
        vx_half = vx + 0.5 * dt * charge * ex
        vy_half = vy + 0.5 * dt * charge * ey
        turn = 0.5 * dt * charge * bz
        scale = 2.0 * turn / (1.0 + turn**2)
        vx_turned = vx_half + turn * vy_half
        vy_turned = vy_half - turn * vx_half
        vx = vx_half + scale * vy_turned + 0.5 * dt * charge * ex
        vy = vy_half - scale * vx_turned + 0.5 * dt * charge * ey
        x = x + dt * vx
        y = y + dt * vy
    return np.sum(vx**2 + vy**2) + np.sum(np.sqrt(1.0 + x**2 + y**2))


def arguments(rng, n, steps):
    places = rng.standard_normal((4, n))
    return *(0.5 * row for row in places), 1.0 + 0.1 * rng.random(n), 0.3, steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def particle_push(x, y, vx, vy, charge, field, steps):
        dt = 0.05

        def step(_, carry):
            x, y, vx, vy = carry
            ex = -field * jnp.sin(x)
            ey = -field * jnp.cos(y)
            bz = 1.0 + 0.1 * x * y
            vx_half = vx + 0.5 * dt * charge * ex
            vy_half = vy + 0.5 * dt * charge * ey
            turn = 0.5 * dt * charge * bz
            scale = 2.0 * turn / (1.0 + turn**2)
            vx_turned = vx_half + turn * vy_half
            vy_turned = vy_half - turn * vx_half
            vx = vx_half + scale * vy_turned + 0.5 * dt * charge * ex
            vy = vy_half - scale * vx_turned + 0.5 * dt * charge * ey
            return x + dt * vx, y + dt * vy, vx, vy

        x, y, vx, vy = lax.fori_loop(0, steps, step, (x, y, vx, vy))
        return jnp.sum(vx**2 + vy**2) + jnp.sum(jnp.sqrt(1.0 + x**2 + y**2))

    return particle_push


program = Program(particle_push, arguments, {"n": 4, "steps": 3}, {"n": 2000, "steps": 60}, jax=jax_version)
