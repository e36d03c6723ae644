"""Gravity between all pairs of bodies, advanced by the leapfrog (kick, drift, kick); energy at the end."""

import numpy as np

from benchmarks.programs.harness.program import Program


def acceleration(position, mass, softening):
    n = len(mass)
    result = np.zeros((n, 3))
    for i in range(n):
        dx = position[:, 0] - position[i, 0]
        dy = position[:, 1] - position[i, 1]
        dz = position[:, 2] - position[i, 2]
        weight = mass / (dx**2 + dy**2 + dz**2 + softening**2) ** 1.5
        result[i, 0] = np.sum(weight * dx)
        result[i, 1] = np.sum(weight * dy)
        result[i, 2] = np.sum(weight * dz)
    return result


def nbody(position, velocity, mass, steps):
    dt = 0.01
    softening = 0.1
    a = acceleration(position, mass, softening)
    for _ in range(steps):
        velocity = velocity + 0.5 * dt * a
        position = position + dt * velocity
        a = acceleration(position, mass, softening)
        velocity = velocity + 0.5 * dt * a
    kinetic = 0.0
    for i in range(len(mass)):
        kinetic += 0.5 * mass[i] * np.sum(velocity[i] ** 2)
    return kinetic + np.sum(position**2)


def arguments(rng, n, steps):
    return rng.standard_normal((n, 3)), 0.1 * rng.standard_normal((n, 3)), rng.random(n) / n, steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def acceleration(position, mass, softening):
        d = position[None, :, :] - position[:, None, :]
        weight = mass / (jnp.sum(d**2, axis=-1) + softening**2) ** 1.5
        return jnp.sum(weight[:, :, None] * d, axis=1)

    def nbody(position, velocity, mass, steps):
        dt = 0.01
        softening = 0.1

        def step(_, carry):
            position, velocity, a = carry
            velocity = velocity + 0.5 * dt * a
            position = position + dt * velocity
            a = acceleration(position, mass, softening)
            return position, velocity + 0.5 * dt * a, a

        start = (position, velocity, acceleration(position, mass, softening))
        position, velocity, _ = lax.fori_loop(0, steps, step, start)
        return jnp.sum(0.5 * mass * jnp.sum(velocity**2, axis=1)) + jnp.sum(position**2)

    return nbody


program = Program(nbody, arguments, {"n": 3, "steps": 2}, {"n": 50, "steps": 30}, jax=jax_version)
