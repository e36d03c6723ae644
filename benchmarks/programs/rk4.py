"""The Lorenz system by the classical Runge-Kutta method: distance from a point, summed along the path."""

import numpy as np

from benchmarks.programs.harness.program import Program


def lorenz(y, sigma, rho, beta):
    return np.array([sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]])


def rk4(y, sigma, rho, beta, steps):
    h = 0.001
    total = 0.0
    for _ in range(steps):
        k1 = lorenz(y, sigma, rho, beta)
        k2 = lorenz(y + 0.5 * h * k1, sigma, rho, beta)
        k3 = lorenz(y + 0.5 * h * k2, sigma, rho, beta)
        k4 = lorenz(y + h * k3, sigma, rho, beta)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        total += h * np.sum((y - 1.0) ** 2)
    return total


def arguments(rng, steps):
    return 1.0 + rng.random(3), 10.0, 28.0, 8.0 / 3.0, steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def lorenz(y, sigma, rho, beta):
        return jnp.array([sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]])

    def rk4(y, sigma, rho, beta, steps):
        h = 0.001

        def step(_, carry):
            y, total = carry
            k1 = lorenz(y, sigma, rho, beta)
            k2 = lorenz(y + 0.5 * h * k1, sigma, rho, beta)
            k3 = lorenz(y + 0.5 * h * k2, sigma, rho, beta)
            k4 = lorenz(y + h * k3, sigma, rho, beta)
            y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            return y, total + h * jnp.sum((y - 1.0) ** 2)

        return lax.fori_loop(0, steps, step, (y, jnp.zeros(())))[1]

    return rk4


program = Program(rk4, arguments, {"steps": 3}, {"steps": 2000}, jax=jax_version)
