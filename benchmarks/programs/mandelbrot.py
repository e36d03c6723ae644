"""Potential of the Mandelbrot set over a window: points that have escaped are masked, their potential is smooth."""

import numpy as np

from benchmarks.programs.harness.program import Program


def mandelbrot(x, y, iterations):
    zr = np.zeros((len(y), len(x)))
    zi = np.zeros((len(y), len(x)))
    count = np.zeros((len(y), len(x)))
    cr = zr + x
    ci = zi + y[:, np.newaxis]
    for _ in range(iterations):
        inside = zr * zr + zi * zi < 100.0
        zr, zi = np.where(inside, zr * zr - zi * zi + cr, zr), np.where(inside, 2.0 * zr * zi + ci, zi)
        count = np.where(inside, count + 1.0, count)
    size = zr * zr + zi * zi
    potential = np.where(size > 100.0, np.log(np.where(size > 100.0, size, 1.0)) / 2.0**count, 0.0)
    return np.sum(potential)


def arguments(rng, n, iterations):
    shift = 0.01 * rng.random(2)
    return np.linspace(-2.2, 0.8, n) + shift[0], np.linspace(-1.3, 1.3, n) + shift[1], iterations


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def mandelbrot(x, y, iterations):
        cr = jnp.broadcast_to(x, (len(y), len(x)))
        ci = jnp.broadcast_to(y[:, None], (len(y), len(x)))

        def step(_, carry):
            zr, zi, count = carry
            inside = zr * zr + zi * zi < 100.0
            new_zr = jnp.where(inside, zr * zr - zi * zi + cr, zr)
            new_zi = jnp.where(inside, 2.0 * zr * zi + ci, zi)
            return new_zr, new_zi, jnp.where(inside, count + 1.0, count)

        zero = jnp.zeros_like(cr)
        zr, zi, count = lax.fori_loop(0, iterations, step, (zero, zero, zero))
        size = zr * zr + zi * zi
        potential = jnp.where(size > 100.0, jnp.log(jnp.where(size > 100.0, size, 1.0)) / 2.0**count, 0.0)
        return jnp.sum(potential)

    return mandelbrot


program = Program(
    mandelbrot, arguments, {"n": 6, "iterations": 4}, {"n": 120, "iterations": 30}, jax=jax_version, kinks=True
)
