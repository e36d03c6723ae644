"""Alternating directions (ADI) for the heat equation: implicit along columns, then along rows, row operations."""

import numpy as np

from benchmarks.programs.harness.program import Program


def adi(u, steps):
    u = u.copy()
    n = u.shape[0]
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    dx = 1.0 / n
    dt = 1.0 / steps
    mul1 = 2.0 * dt / dx**2
    mul2 = 1.0 * dt / dx**2
    a = -mul1 / 2.0
    b = 1.0 + mul1
    c = a
    d = -mul2 / 2.0
    e = 1.0 + mul2
    f = d
    for _ in range(steps):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (-d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - f * u[j, 2:] - a * q[1:-1, j - 1]) / (
                a * p[1:-1, j - 1] + b
            )
        v[n - 1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]

        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, n - 1):
            p[1:-1, j] = -f / (d * p[1:-1, j - 1] + e)
            q[1:-1, j] = (-a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - c * v[2:, j] - d * q[1:-1, j - 1]) / (
                d * p[1:-1, j - 1] + e
            )
        u[1:-1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return np.sum(u * u)


def arguments(rng, n, steps):
    return rng.random((n, n)), steps


def jax_version():
    import jax.numpy as jnp
    from jax import lax

    def adi(u, steps):
        n = u.shape[0]
        dx = 1.0 / n
        dt = 1.0 / steps
        mul1 = 2.0 * dt / dx**2
        mul2 = 1.0 * dt / dx**2
        a = -mul1 / 2.0
        b = 1.0 + mul1
        d = -mul2 / 2.0
        e = 1.0 + mul2

        def sweep(lines, along, across):
            """Solve (along) for each inner line of `lines`, which stand in columns; `across` is the explicit side."""
            low, diagonal = along
            d, factor = across

            def forward(carry, line):
                p, q = carry
                pivot = low * p + diagonal
                q = (-d * line[:-2] + factor * line[1:-1] - d * line[2:] - low * q) / pivot
                p = -low / pivot
                return (p, q), (p, q)

            def backward(x, row):
                p, q = row
                x = p * x + q
                return x, x

            one = jnp.ones(n - 2)
            _, (p, q) = lax.scan(forward, (jnp.zeros(n - 2), one), lines[1:-1])
            _, x = lax.scan(backward, one, (p, q), reverse=True)
            return x

        def step(_, carry):
            u, v = carry
            v = v.at[0, 1:-1].set(1.0).at[n - 1, 1:-1].set(1.0)
            v = v.at[1:-1, 1:-1].set(sweep(u, (a, b), (d, 1.0 + 2.0 * d)))
            u = u.at[1:-1, 0].set(1.0).at[1:-1, n - 1].set(1.0)
            u = u.at[1:-1, 1:-1].set(sweep(v.T, (d, e), (a, 1.0 + 2.0 * a)).T)
            return u, v

        u, _ = lax.fori_loop(0, steps, step, (u, jnp.zeros((n, n))))
        return jnp.sum(u * u)

    return adi


program = Program(adi, arguments, {"n": 6, "steps": 2}, {"n": 80, "steps": 20}, jax=jax_version)
