"""Maxwell's equations in two dimensions by finite differences in time (FDTD), driven at one edge."""

import numpy as np

from benchmarks.programs.harness.program import Program


def fdtd_2d(ex, ey, hz, source):
    ex, ey, hz = ex.copy(), ey.copy(), hz.copy()
    for t in range(len(source)):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(hz * hz)


def arguments(rng, nx, ny, steps):
    return rng.random((nx, ny)), rng.random((nx, ny)), rng.random((nx, ny)), rng.random(steps)


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def step(fields, source):
        ex, ey, hz = fields
        ey = ey.at[0, :].set(source)
        ey = ey.at[1:, :].add(-0.5 * (hz[1:, :] - hz[:-1, :]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return (ex, ey, hz), None

    def fdtd_2d(ex, ey, hz, source):
        (_, _, hz), _ = lax.scan(step, (ex, ey, hz), source)
        return jnp.sum(hz * hz)

    return fdtd_2d


program = Program(
    fdtd_2d,
    arguments,
    {"nx": 4, "ny": 5, "steps": 3},
    {"nx": 120, "ny": 140, "steps": 60},
    jax=jax_version,
    linear="steps",
)
